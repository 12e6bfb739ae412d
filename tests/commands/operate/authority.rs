//! A double of an authority: its directory, its overview, its issuers' certificates, a CRL.

use super::fixture::{CliFixture, now};
use crate::server::{Asked, Reply};
use selvedge::pki::{CrlRequest, Issuer, crl, lint, pem};
use selvedge::values::Time;
use selvedge::values::crypto::Sign;
use selvedge::values::native_crypto::NativeSigner;
use serde_json::{Value, json};
use std::time::Duration;

pub const DAY: Duration = Duration::from_secs(86_400);

/// What the authority of a fixture answers.
#[derive(Default)]
pub struct Authority {
    pub base: String,
    pub overview: Value,
    pub certificate: Vec<u8>,
    pub list: Vec<u8>,
    /// Where all files that verifiers fetch are redirected to.
    pub redirected: Option<String>,
    /// Whether it serves only what needs no state.
    pub closed: bool,
}

/// An issuer in the overview.
fn shown(issuer: &Issuer, place: u8, url: &str) -> Value {
    json!({"place": place, "variable": "ISSUER_CHAIN", "id": issuer.id(), "name": issuer.name(), "active": place == 1,
           "not_before": issuer.not_before().rfc3339(), "not_after": issuer.not_after().rfc3339(),
           "certificate": format!("{url}/issuer/{}.crt", issuer.id()), "certificates_until": null, "crls": []})
}

impl Authority {
    /// One at which nothing is due, at this address.
    pub fn of(fixture: &CliFixture, scheme: &str, address: &str) -> Self {
        let issuer = Issuer::from_pem_chain(&fixture.issuer.certificate).unwrap();
        let url = format!("{scheme}://{address}");
        let list = format!("{url}/crl/{}/0.crl", issuer.id());
        let mut first = shown(&issuer, 1, &url);
        first["certificates_until"] = json!(now().plus(DAY * 60).rfc3339());
        first["crls"] = json!([{"url": list, "signed": now().rfc3339(), "next_update": now().plus(DAY * 9).rfc3339(),
                                "due": now().plus(DAY).rfc3339()}]);
        let overview = json!({"longest_lifetime": 7_776_000, "problems": [], "issuers": [first]});
        let certificate = pem::read_certificates(&fixture.issuer.certificate).unwrap().remove(0);
        // A list has an http URL, also where it is served otherwise.
        let named = list.replace("https://", "http://");
        let list = signed((&issuer, &fixture.issuer.key), now().plus(DAY * 9), &named);
        Self { base: url, overview, certificate, list, redirected: None, closed: false }
    }

    /// Adds an issuer.
    pub fn add(&mut self, place: u8, chain: &str) {
        let issuer = shown(&Issuer::from_pem_chain(chain).unwrap(), place, &self.base);
        self.overview["issuers"].as_array_mut().unwrap().push(issuer);
    }

    pub fn list_url(&self) -> String {
        self.overview["issuers"][0]["crls"][0]["url"].as_str().unwrap().to_owned()
    }

    pub fn answer(&self, asked: &Asked) -> Reply {
        let file = asked.line.ends_with(".crt") || asked.line.ends_with(".crl");
        if let Some(to) = self.redirected.as_ref().filter(|_| file) {
            return Reply { status: 301, headers: vec![("Location", to.clone())], body: Vec::new() };
        }
        let base = &self.base;
        match asked.line.as_str() {
            "GET /directory" => (200, json!({"newNonce": format!("{base}/new-nonce")}).to_string().into_bytes()).into(),
            "GET /new-nonce" | "GET /issuers" if self.closed => (503, b"is being restored".to_vec()).into(),
            line if self.closed && line.ends_with(".crl") => (503, b"is being restored".to_vec()).into(),
            "GET /new-nonce" => {
                Reply { status: 204, headers: vec![("Replay-Nonce", "nonce".to_owned())], body: Vec::new() }
            }
            "GET /issuers" => (200, self.overview.to_string().into_bytes()).into(),
            line if line.ends_with(".crt") => (200, self.certificate.clone()).into(),
            line if line.ends_with(".crl") && !self.list.is_empty() => (200, self.list.clone()).into(),
            _ => (404, b"not here".to_vec()).into(),
        }
    }
}

/// A CRL of this issuer, signed with this key.
pub fn signed((issuer, key): (&Issuer, &str), next_update: Time, url: &str) -> Vec<u8> {
    let this_update = now().minus(Duration::from_secs(300));
    let urls = &[url.to_owned()];
    let request = CrlRequest { issuer, number: 1234, this_update, next_update, urls, complete: false, entries: &[] };
    let tbs = lint::crl::check(&crl::build_tbs(&request).unwrap(), &request).unwrap();
    let signer = NativeSigner::from_pkcs8_pem(key).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    crl::assemble(&tbs, &runtime.block_on(signer.sign(tbs.as_bytes())).unwrap()).unwrap()
}
