//! Nothing of one CA is known in another, nor in the main one.

use super::key;
use crate::operations::operator::Operator;
use selvedge::ca::testing::{BASE, Client, MadeTestCa, World, challenge};
use selvedge::records::Kind;
use serde_json::{Value, json};

/// What a CA has after its use: an account, two orders, and a certificate.
struct Used {
    client: Client,
    order: (String, Value),
    authorization: (String, Value),
    finished: Value,
    certificate: Vec<u8>,
}

fn used(world: &World, name: &str) -> Used {
    let client = Client::registered(world);
    let placed = client.new_order(&[&format!("open.{name}")]).is(201);
    let authorization = client.authorizations(&placed.json()).remove(0);
    let (_, ready) = client.ready_order(&[name]);
    let csr = selvedge::ca::testing::CsrShape::dns(&[name]).build(&key());
    let finished = client.finalize(&ready, &csr).is(200).json();
    let chain = client.download(&finished);
    let certificate = selvedge::pki::pem::read_certificates(&chain).unwrap().remove(0);
    Used { order: (placed.location(), placed.json()), authorization, finished, certificate, client }
}

/// The same resource of another CA.
fn elsewhere(url: &str, from: &World, to: &World) -> String {
    url.replacen(&from.urls().of_path(""), &to.urls().of_path(""), 1)
}

fn walk(from: &World, of: &Used, to: &World, there: &Used) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let chosen = challenge(&of.authorization.1, "http-01");
    let urls = [
        of.client.account().to_owned(),
        text(&of.client.get(of.client.account()).is(200).json()["orders"]),
        of.order.0.clone(),
        text(&of.order.1["finalize"]),
        of.authorization.0.clone(),
        text(&chosen["url"]),
        text(&of.finished["certificate"]),
    ];
    for url in &urls {
        let theirs = elsewhere(url, from, to);
        assert_ne!(*url, theirs);
        // An account there does not find what is here.
        let answered = there.client.get(&theirs);
        let refused = matches!(answered.status(), 401 | 403 | 404) || url.ends_with("/finalize");
        assert!(refused && answered.status() >= 400, "{theirs}: {}", answered.text());
        // The account here is unknown there, under its own URL and under one of theirs.
        let mut stranger = of.client.at(to);
        let answered = stranger.send(stranger.sign(&theirs, None));
        assert!(matches!(answered.status(), 400 | 401), "{theirs}: {}", answered.text());
        stranger.account = Some(elsewhere(of.client.account(), from, to));
        stranger.send(stranger.sign(&theirs, None)).refused(400, Kind::AccountDoesNotExist);
        // A request for here is none for there: the URL in it is signed.
        let signed = there.client.sign(url, None);
        let path = theirs.strip_prefix(BASE).unwrap().to_owned();
        let request = selvedge::ca::http::message::Request { path, ..signed };
        let answered = there.client.send(request);
        assert!(answered.status() == 403 || answered.status() == 401, "{theirs}: {}", answered.text());
    }
    // Nonces.
    let nonce = of.client.fresh_nonce();
    let protected = json!({ "kid": there.client.account(), "nonce": nonce, "url": there.client.account() });
    let body = there.client.key.sign_jws(protected, None);
    there.client.send(there.client.request(there.client.account(), body)).refused(400, Kind::BadNonce);
    // Certificates.
    let info = format!("renewal-info/{}", of.client.cert_id(&of.certificate));
    let path = to.urls().resource(&info).strip_prefix(BASE).unwrap().to_owned();
    to.ask("GET", &path).refused(404, Kind::Malformed);
    let revoked = there.client.revoke(&of.certificate, Some(4));
    assert!(revoked.status() >= 400, "{}", revoked.text());
    // A key without an account there.
    let nobody = Client::with_key(to, of.client.key.clone());
    nobody.new_account(json!({ "onlyReturnExisting": true })).refused(400, Kind::AccountDoesNotExist);
}

/// Paths of the issuer and its list.
fn published(world: &World, used: &Used) -> Vec<String> {
    let issuer = selvedge::pki::certificate::parse_presented(&used.certificate).unwrap();
    let text = world.ask("GET", &world.path("/issuers")).is(200).json();
    let mut found: Vec<String> = vec![text["issuers"][0]["certificate"].as_str().unwrap().to_owned()];
    found.extend(
        text["issuers"][0]["crls"]
            .as_array()
            .unwrap()
            .iter()
            .map(|list| list["url"].as_str().unwrap().replacen("http://", "https://", 1)),
    );
    assert!(issuer.authority_key_id.is_some() && found.len() > 1);
    found
}

#[test]
fn nothing_of_one_ca_is_known_in_another() {
    let operator = Operator::of(&World::new().with_test_cas());
    let main = &operator.world;
    let (a, b) = (main.make_test_ca(), main.make_test_ca());
    let all =
        [(&a.world, used(&a.world, "a.test")), (&b.world, used(&b.world, "b.test")), (main, used(main, "m.test"))];
    for (from, of) in &all {
        for (to, there) in all.iter().filter(|(to, _)| to.urls() != from.urls()) {
            walk(from, of, to, there);
            for url in published(from, of) {
                from.ask("GET", url.strip_prefix(BASE).unwrap()).is(200);
                let path = elsewhere(&url, from, to);
                to.ask("GET", path.strip_prefix(BASE).unwrap()).refused(404, Kind::Malformed);
            }
        }
    }
    inventories(&operator, [&a, &b]);
    faults([&a, &b], main);
    // The end of one leaves the other.
    a.end();
    all[1].1.client.at(&b.world).get(all[1].1.client.account()).is(200);
    all[2].1.client.at(main).get(all[2].1.client.account()).is(200);
}

fn inventories(operator: &Operator, made: [&MadeTestCa; 2]) {
    let names = |text: String| ["a.test", "b.test", "m.test"].map(|name| text.contains(&format!("\"{name}\"")));
    for (n, one) in made.iter().enumerate() {
        let listed = names(one.operate("GET", "certificates?status=all", None).is(200).text().to_owned());
        assert_eq!(listed, [n == 0, n == 1, false]);
        assert_eq!(one.operate("GET", "accounts", None).is(200).json()["accounts"].as_array().unwrap().len(), 1);
        // Its token is of no use elsewhere.
        let other = MadeTestCa { token: one.token.clone(), ..made[1 - n].view() };
        other.operate("GET", "accounts", None).refused(401, Kind::Unauthorized);
        operator.with(&one.token, 9).send(operator.with(&one.token, 9).request("GET", "accounts", None)).is(401);
    }
    assert_eq!(names(operator.see("certificates?status=all").to_string()), [false, false, true]);
}

fn faults([a, b]: [&MadeTestCa; 2], main: &World) {
    a.operate("POST", "faults", Some(&json!({ "fault": "503", "endpoints": ["directory"], "retry_after": 1 }))).is(201);
    assert_eq!(a.world.ask("GET", &a.world.path("/directory")).status(), 503);
    b.world.ask("GET", &b.world.path("/directory")).is(200);
    main.ask("GET", "/directory").is(200);
    assert_eq!(b.operate("GET", "faults", None).is(200).json(), json!({ "faults": [] }));
}
