//! Rotation of issuers: activation at a set time, and CRLs of the former issuer.

use core::time::Duration;
use futures_util::FutureExt;
use selvedge::ca::config::issuers;
use selvedge::ca::config::issuers::Configured;
use selvedge::ca::http::message::Body;
use selvedge::ca::testing::{Answered, Client, CsrShape, START, World, new_key};
use selvedge::pki::ceremony::{CertAndKey, Constraints, IssuerPlan, Root, create_intermediate, create_root};
use selvedge::pki::{certificate, pem};
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use selvedge::values::identifier::DnsName;
use selvedge::values::native_crypto::NativeCrypto;
use serde_json::{Value, json};

const DAY: Duration = Duration::from_secs(86_400);

fn another() -> CertAndKey {
    let root = create_root("Another Root", START, 10).unwrap();
    create_intermediate(&root, "Another Issuer", START, 5).unwrap()
}

/// One whose certificate permits these names, and these ranges of addresses.
fn constrained(dns: &[&str], ips: &[&str]) -> CertAndKey {
    let dns: Vec<_> = dns.iter().map(|name| DnsName::parse(name).unwrap()).collect();
    let ips: Vec<_> = ips.iter().map(|range| range.parse().unwrap()).collect();
    let constraints = &Constraints::new(&dns, &ips).unwrap();
    let plan = IssuerPlan { common_name: "Constrained Issuer", algorithm: SigAlg::Es256, constraints, years: 5 };
    Root::create(SigAlg::Es384, "Another Root", START, 10).unwrap().create_issuer(plan, START).unwrap()
}

fn issued_by(leaf: &[u8]) -> Vec<u8> {
    certificate::parse_presented(leaf).unwrap().authority_key_id.unwrap()
}

fn overview(world: &World) -> Value {
    world.ask("GET", "/issuers").is(200).json()
}

#[test]
fn next_issuer_is_activated_at_its_time() {
    let first = World::new();
    let takes_over = START.plus(DAY);
    let world = first.with_issuer(&another(), takes_over);
    let client = Client::registered(&world);
    let old = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    let old_id = world.issuer().key_id().to_vec();
    assert_eq!(issued_by(&old), old_id);
    world.pass(DAY - Duration::from_secs(60));
    let client = client.at(&world);
    let still = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    assert_eq!(issued_by(&still), old_id, "a minute before");
    let (_, order) = client.ready_order(&["b.test"]);
    world.pass(Duration::from_secs(60));
    // An order from before is finalized by the new issuer: that is none of the client's business.
    let csr = CsrShape::dns(&["b.test"]).build(&new_key(SigAlg::Es256));
    assert_eq!(client.finalize(&order, &csr).is(200).json()["status"], "valid");
    let new = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    assert_ne!(issued_by(&new), old_id);
    assert_eq!(issued_by(&new), world.issuer().key_id());
    // Both can be revoked, by account, each in its issuer's ledger, and both have renewal information and lists.
    for leaf in [&old, &new] {
        let info = format!("/acme/renewal-info/{}", client.cert_id(leaf));
        world.ask("GET", &info).is(200);
        client.revoke(leaf, Some(4)).is(200);
        client.revoke(leaf, Some(4)).refused(400, Kind::AlreadyRevoked);
    }
    let revoked: Vec<String> = world.records("revoked/").into_iter().map(|(ledger, _)| ledger).collect();
    assert_eq!(revoked.len(), 2);
    assert_ne!(revoked[0], revoked[1]);
    world.run_due_alarms();
    for (ledger, list) in world.records("crl/") {
        assert!(list["entries"].as_u64().unwrap() <= 1, "{ledger}");
    }
}

#[test]
fn started_issuance_keeps_its_issuer() {
    let world = World::new().with_issuer(&another(), START.plus(Duration::from_secs(30)));
    let client = Client::registered(&world);
    let (url, order) = client.ready_order(&["a.test"]);
    let old_id = world.issuer().key_id().to_vec();
    world.sign_fault().from(0);
    let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    assert_eq!(client.finalize(&order, &csr).is(200).json()["status"], "processing");
    world.heal();
    world.live(Duration::from_secs(60));
    assert_ne!(world.issuer().key_id(), old_id, "the new one has taken over");
    let order = client.get(&url).is(200).json();
    let chain = client.get(order["certificate"].as_str().unwrap()).is(200);
    let ders = pem::read_certificates(chain.text()).unwrap();
    assert_eq!(issued_by(&ders[0]), old_id);
    let old = world.settings().issuers.with_key_id(&old_id).unwrap();
    assert_eq!(ders[1], old.certificate_der(), "with the chain of its issuer");
}

#[test]
fn issuer_of_a_rekeyed_root_is_served() {
    let first = World::new();
    let again = create_root(first.settings().root.as_ref().unwrap().name(), START, 10).unwrap();
    let next = create_intermediate(&again, "Next Issuer", START, 5).unwrap();
    let takes_over = START.plus(Duration::from_secs(60));
    let values = |name: &str| match name {
        "ISSUER_CHAIN" => Some(first.issuer().chain_pem().to_owned()),
        "ISSUER_CHAIN_2" => Some(next.certificate.clone()),
        "ISSUER_ACTIVE_FROM_2" => Some(takes_over.rfc3339()),
        "ROOT_CERTIFICATE" => Some(again.certificate.clone()),
        _ => None,
    };
    let configured = Configured::read(&values, START).unwrap().by_signature(START, &NativeCrypto);
    let Configured { issuers, problems } = configured.now_or_never().unwrap();
    assert_eq!(problems, Vec::<String>::new());
    let world = first.with_issuer(&next, takes_over).reconfigured(|settings| {
        settings.root = Some(issuers::Root::read(&again.certificate).unwrap());
        settings.issuers = issuers.clone();
    });
    let old_id = world.issuer().key_id().to_vec();
    let client = Client::registered(&world);
    let leaf = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    let (url, open) = client.ready_order(&["b.test"]);
    world.sign_fault().from(0);
    let csr = CsrShape::dns(&["b.test"]).build(&new_key(SigAlg::Es256));
    assert_eq!(client.finalize(&open, &csr).is(200).json()["status"], "processing");
    world.heal();
    world.live(Duration::from_secs(60));
    // The issuance that was open has ended well, and what the old one signed is revoked and on its list.
    let order = client.get(&url).is(200).json();
    let chain = client.get(order["certificate"].as_str().unwrap()).is(200);
    assert_eq!(issued_by(&pem::read_certificates(chain.text()).unwrap()[0]), old_id);
    client.revoke(&leaf, Some(4)).is(200);
    world.run_due_alarms();
    let shown = overview(&world);
    let url = shown["issuers"][0]["crls"][0]["url"].as_str().unwrap();
    world.ask("GET", url.strip_prefix("http://ca.test").unwrap()).is(200);
    let new = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    assert_ne!(issued_by(&new), old_id);
}

#[test]
fn both_issuers_and_their_states_are_served() {
    let takes_over = START.plus(DAY);
    let world = World::new().with_issuer(&another(), takes_over);
    let client = Client::registered(&world);
    client.issue(&["a.test"], &new_key(SigAlg::Es256));
    world.run_due_alarms();
    for slot in world.settings().issuers.slots() {
        let served = world.ask("GET", &format!("/issuer/{}.crt", slot.issuer.id())).is(200);
        assert_eq!(served.response.body, Body::Bytes(slot.issuer.certificate_der().to_vec()));
    }
    let before = overview(&world);
    let [old, new] = before["issuers"].as_array().unwrap().as_slice() else { panic!("{before}") };
    assert_eq!((&old["active"], &new["active"]), (&json!(true), &json!(false)));
    assert_eq!(new["takes_over"], takes_over.rfc3339());
    assert!(old.get("takes_over").is_none(), "the first has always been there: {old}");
    assert_eq!((old["crls"].as_array().unwrap().len(), new["crls"].as_array().unwrap().len()), (1, 0));
    assert!(old["certificates_until"].is_string() && new["certificates_until"].is_null());
    assert_eq!(before["longest_lifetime"], 90 * 86_400);
    world.pass(DAY);
    let after = overview(&world);
    assert_eq!((&after["issuers"][0]["active"], &after["issuers"][1]["active"]), (&json!(false), &json!(true)));
}

#[test]
fn removed_issuer_is_unknown() {
    let old = World::new();
    let client = Client::registered(&old);
    let leaf = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    let world = old.with_only(&another());
    let client = client.at(&world);
    client.revoke(&leaf, None).refused(404, Kind::Malformed);
    world.ask("GET", &format!("/acme/renewal-info/{}", client.cert_id(&leaf))).refused(404, Kind::Malformed);
    // Its certificates are still downloaded, and a certificate that it signed is replaced without any ado.
    let replaces = client.cert_id(&leaf);
    client.new_order_with(&["a.test"], json!({ "replaces": replaces })).is(201);
}

#[test]
fn rsa_and_p384_issuers_sign_certificates_and_crls() {
    use selvedge::values::native_crypto::NativeKey;
    let root = create_root("Root", START, 10).unwrap();
    for name in ["rsa-2048", "rsa-3072", "p384"] {
        let key = match name {
            "p384" => new_key(SigAlg::Es384),
            rsa => {
                let file = format!("{}/tests/fixtures/keys/{rsa}.pem", env!("CARGO_MANIFEST_DIR"));
                NativeKey::from_pkcs8_pem(&std::fs::read_to_string(file).unwrap()).unwrap()
            }
        };
        let of = CertAndKey { certificate: String::new(), key: key.to_pkcs8_pem().unwrap() };
        let issuer = selvedge::pki::ceremony::cross_sign(&root, &of, "Issuer", START, 5).unwrap();
        let world = World::new().with_only(&issuer);
        let client = Client::registered(&world);
        let leaf = client.issue(&["a.test"], &new_key(SigAlg::Es256));
        client.revoke(&leaf, None).is(200);
        world.run_due_alarms();
        let lists = world.records("crl/");
        assert_eq!((lists.len(), &lists[0].1["entries"]), (1, &json!(1)), "{name}");
        assert_eq!(world.issuer().algorithm(), key.algorithm());
    }
}

fn order(client: &Client, kind: &str, value: &str) -> Answered {
    client.post(&client.url("new-order"), json!({ "identifiers": [{ "type": kind, "value": value }] }))
}

#[test]
fn names_outside_name_constraints_are_refused_at_new_order() {
    let world = World::new().with_only(&constrained(&["in.test"], &["10.0.0.0/9"]));
    let client = Client::registered(&world);
    let before = world.rows_but_nonces();
    for (kind, value) in [
        ("dns", "a.test"),
        ("dns", "test"),
        ("dns", "xin.test"),
        ("dns", "*.test"),
        ("dns", "*.a.test"),
        ("ip", "10.128.0.0"),
        ("ip", "2001:db8::1"),
    ] {
        let detail = order(&client, kind, value).refused(400, Kind::RejectedIdentifier).detail();
        assert!(detail.contains("name constraints") && detail.contains(value), "{detail}");
    }
    // Of several each that is outside is named.
    let refused = client.new_order(&["a.test", "www.in.test", "b.test"]).refused(400, Kind::RejectedIdentifier);
    let subproblems = refused.json()["subproblems"].clone();
    let named: Vec<_> = subproblems.as_array().unwrap().iter().map(|one| &one["identifier"]["value"]).collect();
    assert_eq!(named, ["a.test", "b.test"]);
    assert_eq!(world.rows_but_nonces(), before, "nothing is kept of them");

    for (kind, value) in [("dns", "*.in.test"), ("ip", "10.127.255.255")] {
        order(&client, kind, value).is(201);
    }
    let leaf = client.issue(&["in.test", "www.in.test"], &new_key(SigAlg::Es256));
    assert_eq!(issued_by(&leaf), world.issuer().key_id());

    // Where nothing of a kind is permitted, all of it is excluded.
    for (issuer, kind, value) in [
        (constrained(&["in.test"], &[]), "ip", "10.0.0.1"),
        (constrained(&[], &["10.0.0.0/9"]), "dns", "in.test"),
        (constrained(&[], &["10.0.0.0/9"]), "dns", "*.in.test"),
        (constrained(&[], &["10.0.0.0/9"]), "ip", "::1"),
    ] {
        let client = Client::registered(&World::new().with_only(&issuer));
        let detail = order(&client, kind, value).refused(400, Kind::RejectedIdentifier).detail();
        assert!(detail.contains("name constraints"), "{detail}");
    }
}

#[test]
fn order_outside_next_issuers_constraints_is_refused_after_activation() {
    let hour = Duration::from_secs(3600);
    let world = World::new().with_issuer(&constrained(&["in.test"], &[]), START.plus(hour));
    let client = Client::registered(&world);
    let csr = |name| CsrShape::dns(&[name]).build(&new_key(SigAlg::Es256));
    let ready = |name| {
        let (url, order) = client.ready_order(&[name]);
        (url, order, csr(name))
    };
    let (_, before, before_csr) = ready("a.test");
    let (url, outside, outside_csr) = ready("b.test");
    let (_, within, within_csr) = ready("www.in.test");
    world.pass(hour - Duration::from_secs(60));
    let client = client.at(&world);
    assert_eq!(client.finalize(&before, &before_csr).is(200).json()["status"], "valid", "a minute before");
    world.pass(Duration::from_secs(60));
    for _ in 0..2 {
        let refused = client.finalize(&outside, &outside_csr).refused(400, Kind::RejectedIdentifier);
        assert!(refused.detail().contains("name constraints"), "{}", refused.detail());
        let order = client.get(&url).is(200).json();
        assert_eq!((&order["status"], order.get("error")), (&json!("ready"), None));
    }
    assert_eq!(client.finalize(&within, &within_csr).is(200).json()["status"], "valid");
    client.new_order(&["b.test"]).refused(400, Kind::RejectedIdentifier);
    // Back with the old issuer, it is issued as if nothing had been.
    let client = client.at(&world.reconfigured(|settings| settings.issuers = World::new().settings().issuers.clone()));
    assert_eq!(client.finalize(&outside, &outside_csr).is(200).json()["status"], "valid");
}
