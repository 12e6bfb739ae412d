//! Fuzz targets, run by `cargo fuzz` (the crate in `fuzz/`) and replayed by `cargo test` from `fuzz/corpus/`.
//!
//! A target succeeds when its parser returns a value, or a refusal that can be shown: short, and a problem document
//! where the parser's faults become one. Anything else panics, which both runners report.

mod network;
mod operations;
mod tlog;
mod values;

use super::answered::{Answered, check_problem};
use super::client::Client;
use super::executor::poll_some;
use super::world::{BASE, START, World};
use crate::ca::http::message::{MAX_BODY, Request};
use crate::ca::http::operator_routes::{AdminRoute, PREFIX};
use crate::ca::http::routes::{AccountRoute, FormRoute, LogRoute, PublicRoute, Route, Urls};
use crate::ca::runtime::jws;
use crate::jose::testing::ClientKey;
use crate::jose::{EabUnverified, Jwk, KeyChange, KeyRef, Unverified};
use crate::pki::crl::read::ReceivedCrl;
use crate::pki::key::check_spki;
use crate::pki::pem::{read_certificates, read_crl, read_request, write_certificate};
use crate::pki::{Issuer, certificate, csr};
use crate::records::Problem;
use crate::records::acme::nonce;
use crate::values::SigAlg;
use crate::values::native_crypto::{NativeCrypto, NativeKey};
use crate::values::pem::private_key;
pub use network::{caa, dns, http, tls_certificate, tls_server};
pub use operations::operations;
use std::fmt::Display;
use std::future::Future;
pub use tlog::tlog;
use values::read_back;
pub use values::{identifiers, times};

/// A target: the name of its corpus, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("jws", jws),
    ("jwk", jwk),
    ("eab", eab),
    ("key_change", key_change),
    ("csr", csr),
    ("revocation", revocation),
    ("pem", pem),
    ("crl", crl),
    ("chain", chain),
    ("dns", dns),
    ("http", http),
    ("caa", caa),
    ("tls_certificate", tls_certificate),
    ("tls_server", tls_server),
    ("identifiers", identifiers),
    ("times", times),
    ("tlog", tlog),
    ("nonces", nonces),
    ("routes", routes),
    ("requests", requests),
    ("payloads", payloads),
    ("operations", operations),
];

/// Maximum length of a fault's clause, which has to cut what it quotes.
const LONGEST_FAULT: usize = 1_000;

/// Checks that a fault can be shown.
fn shown(fault: &impl Display) -> String {
    let text = fault.to_string();
    assert!(!text.is_empty() && text.len() <= LONGEST_FAULT, "a fault of {} bytes: {text:.200}", text.len());
    text
}

fn shown_problem(problem: &Problem) {
    check_problem("fuzz", &problem.document(), true);
    shown(&problem.detail);
}

/// Runs a future that never waits, as native crypto does not.
fn done<T>(future: impl Future<Output = T>) -> T {
    poll_some(future, 1).expect("native crypto never waits")
}

/// An account key, the same in each run.
fn account_key() -> ClientKey {
    let mut fill = |bytes: &mut [u8]| bytes.fill(7);
    ClientKey::from_native(NativeKey::generate(SigAlg::Es256, &mut fill).expect("a key"))
}

/// The body of a request; only signatures of its own key verify.
pub fn jws(data: &[u8]) {
    if data.len() > MAX_BODY {
        return;
    }
    let parsed = match Unverified::parse(data) {
        Ok(parsed) => parsed,
        Err(fault) => return shown_problem(&jws::refuse_jws(&fault)),
    };
    let stranger = account_key().jwk();
    let key = match parsed.header().key() {
        KeyRef::Jwk(key) => key.clone(),
        KeyRef::Kid(_) => stranger.clone(),
    };
    match done(parsed.verify(&key, &NativeCrypto)) {
        Ok(verified) => {
            assert!(key != stranger || parsed.header().key() == &KeyRef::Jwk(stranger), "a forged signature");
            let payload = verified.payload_json::<serde_json::Value>();
            payload.map_or_else(|fault| shown_problem(&jws::refuse_jws(&fault)), drop);
        }
        Err(fault) => shown_problem(&jws::refuse_signature(&fault)),
    }
}

/// A public key as JSON. One that parses round-trips in both forms.
pub fn jwk(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let key = match Jwk::from_json(text) {
        Ok(key) => key,
        Err(fault) => return drop(shown(&fault)),
    };
    assert_eq!(Jwk::from_json(&key.to_json()).as_ref(), Ok(&key));
    // Both layers that parse keys accept the same ones.
    if let Err(fault) = check_spki(key.spki_der()).expect("the policy of CSRs").check_new() {
        shown(&fault);
    }
}

/// An `externalAccountBinding`; no MAC verifies, since the input's author does not know the key.
pub fn eab(data: &[u8]) {
    let Ok(value) = serde_json::from_slice(data) else { return };
    let fault = match EabUnverified::parse(&value) {
        Ok(binding) => binding.verify(&[9; 32], "https://ca.test/acme/new-account", &account_key().jwk()).err(),
        Err(fault) => Some(fault),
    };
    shown(&fault.expect("a forged binding"));
}

/// The payload of a keyChange request.
pub fn key_change(data: &[u8]) {
    let key = account_key();
    let url = format!("{BASE}/acme/key-change");
    let protected = serde_json::json!({ "alg": "ES256", "kid": format!("{BASE}/acme/account/x"), "url": url });
    let outer = Unverified::parse(&key.sign_raw(&protected.to_string(), data)).expect("a request");
    let outer = done(outer.verify(&key.jwk(), &NativeCrypto)).expect("a signature");
    match done(KeyChange::verify(&outer, &NativeCrypto)) {
        Ok(change) => assert_ne!(change.new_key().thumbprint(), key.thumbprint()),
        Err(fault) => drop(shown(&fault)),
    }
}

/// A CSR. A parsed one has valid names, and a key that round-trips.
pub fn csr(data: &[u8]) {
    let parsed = match csr::parse(data) {
        Ok(parsed) => parsed,
        Err(fault) => return drop(shown(&fault)),
    };
    if let Err(fault) = parsed.public_key().check_new() {
        shown(&fault);
    }
    match done(parsed.verify(&NativeCrypto)).and_then(|verified| verified.names()) {
        Ok(names) => names.iter().for_each(read_back),
        Err(fault) => drop(shown(&fault)),
    }
}

/// A PEM file: certificates, a private key, a request, a CRL.
pub fn pem(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let faults = [
        read_certificates(&text)
            .map(|ders| drop(ders.iter().map(|der| write_certificate(der))))
            .map_err(|e| e.to_string()),
        read_crl(&text).map(drop).map_err(|e| e.to_string()),
        read_request(&text).map(drop).map_err(|e| e.to_string()),
        private_key(&text).map_err(|e| e.to_string()).and_then(|key| key.der().map(drop).map_err(|e| e.to_string())),
    ];
    faults.iter().filter_map(|fault| fault.as_ref().err()).for_each(|fault| drop(shown(fault)));
}

/// A CRL.
pub fn crl(data: &[u8]) {
    match ReceivedCrl::read(data) {
        Ok(list) => {
            list.number_text();
            list.entries.iter().for_each(|entry| assert!(list.entry(&entry.serial).is_some()));
        }
        Err(fault) => drop(shown(&fault)),
    }
}

/// An issuer's chain in PEM, with a root at its end: path validation.
pub fn chain(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Issuer::from_pem_chain(&text) {
        Ok(issuer) => drop(done(issuer.check_signatures(&NativeCrypto)).map_err(|fault| shown(&fault))),
        Err(fault) => drop(shown(&fault)),
    }
    let Ok(mut ders) = read_certificates(&text) else { return };
    let Some(root) = ders.pop() else { return };
    let chain: String = ders.iter().filter_map(|der| write_certificate(der).ok()).collect();
    if let Err(fault) = Issuer::from_pem_chain(&chain).and_then(|issuer| issuer.below(&root)) {
        shown(&fault);
    }
}

/// The certificate of a revocation request.
pub fn revocation(data: &[u8]) {
    match certificate::parse_presented(data) {
        Ok(presented) => {
            presented.names.iter().for_each(read_back);
            assert!(presented.tbs_der.len() < data.len() && presented.serial.hex().len() <= 40);
        }
        Err(fault) => drop(shown(&fault)),
    }
}

/// A forged nonce.
pub fn nonces(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    assert!(nonce::check(&[7; 32], text, START, nonce::LIFETIME).is_err(), "a forged nonce: {text}");
}

/// A path; a parsed one names one resource whose URL is this path.
pub fn routes(data: &[u8]) {
    let Ok(path) = core::str::from_utf8(data) else { return };
    let urls = Urls::new(BASE);
    let query = path.starts_with(PREFIX).then(|| path.find('?')).flatten();
    let path = query.map_or(path, |at| &path[..at]);
    let Some(route) = Route::parse(path) else {
        assert_eq!(urls.account_of(&urls.of_path(path)), None);
        return;
    };
    assert_eq!(url_of(&urls, &route), urls.of_path(path));
    assert!(!route.allowed_methods().is_empty());
}

/// The URL of a resource.
pub fn url_of(urls: &Urls, route: &Route) -> String {
    match route {
        Route::Public(PublicRoute::Home) => urls.home(),
        Route::Public(PublicRoute::Style) => urls.style(),
        Route::Public(PublicRoute::Root(encoding)) => urls.root(*encoding),
        Route::Account(AccountRoute::Directory) => urls.directory(),
        Route::Account(AccountRoute::NewNonce) => urls.resource("new-nonce"),
        Route::NewAccount => urls.resource("new-account"),
        Route::Account(AccountRoute::NewOrder) => urls.resource("new-order"),
        Route::Account(AccountRoute::NewAuthorization) => urls.resource("new-authz"),
        Route::Account(AccountRoute::RevokeCert) => urls.resource("revoke-cert"),
        Route::Account(AccountRoute::KeyChange) => urls.resource("key-change"),
        Route::Account(AccountRoute::Account(id)) => urls.account(id),
        Route::Account(AccountRoute::Orders(id, after)) => urls.orders(id, after.as_ref()),
        Route::Account(AccountRoute::Order(id)) => urls.order(id),
        Route::Account(AccountRoute::Finalize(id)) => urls.finalize(id),
        Route::Account(AccountRoute::Authorization(id)) => urls.authorization(id),
        Route::Account(AccountRoute::Challenge(id, kind)) => urls.challenge(id, kind),
        Route::Account(AccountRoute::Certificate(serial, chain)) => urls.certificate(&serial.hex(), *chain),
        Route::Public(PublicRoute::RenewalInfo(id)) => urls.resource(&format!("renewal-info/{id}")),
        Route::Public(PublicRoute::Issuer(id)) => urls.issuer(id),
        Route::Public(PublicRoute::Issuers) => urls.issuers(),
        Route::Public(PublicRoute::Crl(id, shard)) => urls.crl(id, *shard),
        Route::Public(PublicRoute::CrlFile(which)) => urls.crl_file(*which),
        Route::Form(FormRoute::Agreement(account, proof)) => urls.agreement(account, proof),
        Route::Form(FormRoute::Resumption(pause, proof)) => urls.resumption(pause, proof),
        Route::Public(PublicRoute::Calendar(proof)) => urls.calendar(proof),
        Route::Public(PublicRoute::Metrics) => urls.of_path("/metrics"),
        Route::Public(PublicRoute::Inventory(file)) => urls.of_path(file.path()),
        Route::Public(PublicRoute::Log(issuer, LogRoute::List)) => urls.logs(issuer),
        Route::Public(PublicRoute::Log(issuer, LogRoute::Proof(serial))) => urls.log_proof(issuer, &serial.hex()),
        Route::Public(PublicRoute::Log(issuer, LogRoute::File(log, file))) => {
            format!("{}/{file}", urls.log(issuer, log))
        }
        Route::Operator(route) => admin_url_of(urls, route),
    }
}

fn admin_url_of(urls: &Urls, route: &AdminRoute) -> String {
    let (_, template) = route.described();
    let (name, value) = match route {
        AdminRoute::ExternalAccount(kid) => ("{kid}", kid.clone()),
        AdminRoute::Certificate(serial) | AdminRoute::Pem(serial) | AdminRoute::Revoke(serial) => {
            ("{serial}", serial.hex())
        }
        AdminRoute::Account(id) | AdminRoute::Deactivate(id) => ("{id}", id.to_string()),
        AdminRoute::Withdraw(id) | AdminRoute::Approval(id) | AdminRoute::Confirm(id) | AdminRoute::Reject(id) => {
            ("{id}", id.clone())
        }
        _ => ("", String::new()),
    };
    urls.of_path(&template.replace(name, &value))
}

/// An unsigned request. Method, path and media type are in the first three lines, then the body.
///
/// Its answer keeps the invariants of every response, and it changes nothing.
pub fn requests(data: &[u8]) {
    let mut parts = data.splitn(4, |byte| *byte == b'\n');
    let mut line = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (method, path, content_type) = (line(), line(), Some(line()));
    let body = parts.next().map(<[u8]>::to_vec).filter(|body| body.len() <= MAX_BODY);
    let world = World::new();
    let request = Request { method, path, content_type, body, ..Request::default() };
    let answered = world.send(request);
    assert!(answered.status() < 500, "{}: {}", answered.asked, answered.text());
    assert!(world.rows_but_nonces().is_empty() || answered.status() < 300, "{}", answered.asked);
}

/// A payload signed by an account with an order. The path is in its first line, then the payload.
///
/// A refusal changes nothing.
pub fn payloads(data: &[u8]) {
    let (path, payload) = match data.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &data[..0]),
    };
    if payload.len() > MAX_BODY / 2 {
        return;
    }
    let world = World::new();
    let mut client = Client::with_key(&world, account_key());
    client.register();
    let order = client.new_order(&["a.test", "*.a.test"]).is(201).location();
    // `{order}` and the like stand for ids, which differ between runs.
    let id = |url: &str| url.rsplit('/').next().unwrap_or_default().to_owned();
    let authorization = client.get(&order).json()["authorizations"][0].as_str().map(id).unwrap_or_default();
    let path = String::from_utf8_lossy(path).replace("{account}", &id(client.account()));
    let path = path.replace("{order}", &id(&order)).replace("{authz}", &authorization);
    let url = format!("{BASE}{path}");
    let mut protected = client.protected(&url);
    protected["alg"] = "ES256".into();
    let before = world.rows_but_nonces();
    let answered: Answered = client.send(client.request(&url, client.key.sign_raw(&protected.to_string(), payload)));
    assert!(answered.status() < 500, "{}: {}", answered.asked, answered.text());
    assert!(answered.text().len() <= 2 * MAX_BODY, "{}: an answer of {} bytes", answered.asked, answered.text().len());
    assert!(answered.status() < 300 || world.rows_but_nonces() == before, "{}: {}", answered.asked, answered.text());
}
