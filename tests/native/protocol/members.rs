//! What members of requests may be, and lines of the directory. Names begin with the checklist's ids.

use core::time::Duration;
use selvedge::ca::testing::{Client, CsrShape, START, World, new_key};
use selvedge::jose::testing::ClientKey;
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use serde_json::{Value, json};

const DAY: Duration = Duration::from_secs(86_400);

/// FP-08: every optional member of every request is absent where it is null.
#[test]
fn t31_null_member_counts_as_absent() {
    let world = World::new();
    let mut client = Client::new(&world);
    let nothing = json!({
        "contact": null, "termsOfServiceAgreed": null, "onlyReturnExisting": null, "externalAccountBinding": null,
        "status": null, "orders": null, "vendor": null,
    });
    let made = client.new_account(nothing).is(201);
    assert_eq!(made.json()["contact"], json!([]));
    client.account = Some(made.location());
    client.new_account(json!({ "onlyReturnExisting": true, "contact": null })).is(200);
    let contact = json!({ "contact": ["mailto:a@a.test"], "status": null });
    client.post(client.account(), contact.clone()).is(200);
    let unchanged = client.post(client.account(), json!({ "contact": null, "status": null })).is(200).json();
    assert_eq!(unchanged["contact"], contact["contact"]);
    let authz = json!({ "identifier": { "type": "dns", "value": "z.test", "vendor": null }, "expires": null });
    let authz = client.post(&client.url("new-authz"), authz).is(201).location();
    client.post(&authz, json!({ "status": "deactivated", "expires": null })).is(200);
    let order = json!({ "notBefore": null, "notAfter": null, "profile": null, "replaces": null, "vendor": null });
    let (_, ready) = client.ready_order_with(&["a.test"], order);
    assert!(ready.get("notBefore").is_none() && ready.get("replaces").is_none(), "{ready}");
    assert_eq!(ready["profile"], "default");
    let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    let csr = selvedge::values::b64::encode(&csr);
    let finished = client.post(ready["finalize"].as_str().unwrap(), json!({ "csr": csr, "vendor": null })).is(200);
    let chain = client.download(&finished.json());
    let certificate = selvedge::pki::pem::read_certificates(&chain).unwrap().remove(0);
    let pending = client.new_order(&["b.test"]).is(201).json();
    let (_, authorization) = client.authorizations(&pending).remove(0);
    let challenge = client.prove(&authorization, selvedge::ca::testing::Proof::Http);
    let answer = json!({ "keyAuthorization": null, "status": null });
    assert_eq!(client.post(challenge["url"].as_str().unwrap(), answer).is(200).json()["status"], "valid");
    let revocation = json!({ "certificate": selvedge::values::b64::encode(&certificate), "reason": null });
    client.post(&client.url("revoke-cert"), revocation).is(200);
}

/// The same in the JWS, its header and the inner JWS of a key change.
#[test]
fn t31_null_header_member_counts_as_absent() {
    let client = Client::registered(&World::new());
    let mut protected = client.protected(client.account());
    for absent in ["jwk", "crit", "b64", "typ"] {
        protected[absent] = Value::Null;
    }
    let mut request: Value = serde_json::from_slice(&client.key.sign_jws(protected, None)).unwrap();
    for absent in ["header", "signatures"] {
        request[absent] = Value::Null;
    }
    client.send(client.request(client.account(), request.to_string().into_bytes())).is(200);
    let url = client.url("key-change");
    let new = ClientKey::generate(SigAlg::Es256);
    let inner = json!({ "jwk": new.jwk_json(), "url": url, "nonce": null, "kid": null });
    let payload = json!({ "account": client.account(), "oldKey": client.key.jwk_json(), "vendor": null });
    let inner: Value = serde_json::from_slice(&new.sign_jws(inner, Some(payload))).unwrap();
    client.post(&url, inner).is(200);
}

/// What has to be there is not there where it is null.
#[test]
fn t31_null_required_member_is_refused() {
    let client = Client::registered(&World::new());
    let before = client.world.rows_but_nonces();
    let named = |value: Value| json!({ "identifiers": [value] });
    for (resource, payload) in [
        ("new-order", json!({ "identifiers": null })),
        ("new-order", named(Value::Null)),
        ("new-order", named(json!({ "type": "dns", "value": null }))),
        ("new-order", named(json!({ "type": null, "value": "a.test" }))),
        ("new-authz", json!({ "identifier": null })),
        ("revoke-cert", json!({ "certificate": null })),
        ("key-change", json!({ "protected": null, "payload": "", "signature": "" })),
    ] {
        client.post(&client.url(resource), payload).refused(400, Kind::Malformed);
    }
    client.post(client.account(), json!({ "contact": [null] })).refused(400, Kind::Malformed);
    let mut headless: Value =
        serde_json::from_slice(&client.key.sign_jws(client.protected(client.account()), None)).unwrap();
    headless["signature"] = Value::Null;
    client.send(client.request(client.account(), headless.to_string().into_bytes())).refused(400, Kind::Malformed);
    let nonceless = json!({ "kid": client.account(), "nonce": null, "url": client.account() });
    client.send(client.request(client.account(), client.key.sign_jws(nonceless, None))).refused(400, Kind::BadNonce);
    assert_eq!(client.world.rows_but_nonces(), before);
}

/// FP-04: the zero time of Go and .NET counts as absent, in both members.
#[test]
fn o03_zero_time_counts_as_absent() {
    let client = Client::registered(&World::new());
    let until = START.plus(DAY * 20).rfc3339();
    for zero in ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.0000000+00:00", "0001-01-01T00:00:00"] {
        let both = client.new_order_with(&["a.test"], json!({ "notBefore": zero, "notAfter": zero })).is(201).json();
        assert!(both.get("notBefore").is_none() && both.get("notAfter").is_none(), "{both}");
        let one = client.new_order_with(&["b.test"], json!({ "notBefore": zero, "notAfter": until })).is(201).json();
        assert!(one.get("notBefore").is_none(), "{one}");
        assert_eq!(one["notAfter"], until.as_str());
    }
    for bad in ["0001-01-01", "0001-01-01T00:00:01Z", "1969-01-01T00:00:00Z", "", "0"] {
        client.new_order_with(&["c.test"], json!({ "notAfter": bad })).refused(400, Kind::Malformed);
    }
}

/// FP-05: RFC 3339 §5.6 has fractions, offsets and letters of either case; certificates have seconds.
#[test]
fn o03_fraction_of_a_second_is_truncated() {
    let client = Client::registered(&World::new());
    let key = new_key(SigAlg::Es256);
    let until = START.plus(DAY * 20);
    let local = until.plus(Duration::from_secs(2 * 3600)).rfc3339();
    let (date, local) = (until.rfc3339(), local.trim_end_matches('Z').to_owned());
    let date = date.trim_end_matches('Z');
    for (n, text) in [
        format!("{date}.5Z"),
        format!("{date}.999999999999z"),
        format!("{local}.123+02:00"),
        format!("{}+02:00", local.replace('T', "t")),
    ]
    .iter()
    .enumerate()
    {
        let name = format!("n{n}.test");
        let wish = json!({ "notAfter": text });
        let (_, order) = client.ready_order_with(&[&name], wish.clone());
        assert_eq!(order["notAfter"], until.rfc3339(), "{text}");
        let certificate = client.issue_with(&[&name], wish, &key);
        let read = <x509_cert::Certificate as der::Decode>::from_der(&certificate).unwrap();
        let end = read.tbs_certificate().validity().not_after.to_unix_duration().as_secs();
        assert_eq!(end, until.secs(), "{text}");
    }
    for bad in [format!("{date}.Z"), format!("{date},5Z"), format!("{date}.5"), format!("{date}.5+2:00")] {
        client.new_order_with(&["b.test"], json!({ "notAfter": bad })).refused(400, Kind::Malformed);
    }
}

/// FP-09: each URL has its own line for clients that read by lines.
#[test]
fn d01_t10_the_directory_has_a_line_for_each_member() {
    let world = World::new();
    let answered = world.ask("GET", "/directory").is(200);
    let lines: Vec<&str> = answered.text().lines().collect();
    for (member, value) in answered.json().as_object().unwrap() {
        let Some(url) = value.as_str() else { continue };
        let line = lines.iter().filter(|line| line.contains(&format!("\"{member}\""))).collect::<Vec<_>>();
        assert_eq!(line.len(), 1, "{member}");
        // As getssl does: the fourth piece between quotes.
        assert_eq!(line[0].split('"').nth(3), Some(url), "{}", line[0]);
    }
    assert!(answered.text().ends_with("}\n"));
    let asked = Client::registered(&world).get("https://ca.test/directory").is(200);
    assert_eq!(asked.text(), answered.text());
}
