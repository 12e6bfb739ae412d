//! Whatever comes in gets a well-formed answer and changes nothing (H-06, H-07, T-32).

use proptest::prelude::*;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{BASE, Client, World};
use serde_json::json;

const PATHS: &[&str] = &[
    "/directory",
    "/acme/new-nonce",
    "/acme/new-account",
    "/acme/new-order",
    "/acme/revoke-cert",
    "/acme/key-change",
    "/acme/order/AAAAAAAAAAAAAAAAAAAAAA",
    "/acme/order/AAAAAAAAAAAAAAAAAAAAAA/finalize",
    "/acme/authz/AAAAAAAAAAAAAAAAAAAAAA",
    "/acme/challenge/AAAAAAAAAAAAAAAAAAAAAA/http-01",
    "/acme/cert/AAAAAAAAAAAAAAAAAAAAAA",
    "/acme/account/AAAAAAAAAAAAAAAAAAAAAA",
    "/acme/orders/AAAAAAAAAAAAAAAAAAAAAA",
    "/",
    "/issuer/00.crt",
];

fn path() -> impl Strategy<Value = String> {
    prop_oneof![prop::sample::select(PATHS).prop_map(str::to_owned), "/[a-zA-Z0-9/?%._-]{0,40}", any::<String>()]
}

/// Payloads that no resource accepts, and that must be refused well.
fn payload() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\\[\\]{}\":,a-z0-9]{0,60}",
        Just(r#"{"identifiers":[{"type":"ip","value":"1.2.3.4.5"}]}"#.to_owned()),
        Just(r#"{"csr":"AAAA","certificate":"AAAA","reason":99}"#.to_owned()),
        Just("[[[[[[[[[[".repeat(200)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_at_any_path_by_any_method(
        method in prop_oneof![Just("POST".to_owned()), Just("GET".to_owned()), "[A-Z]{1,8}", any::<String>()],
        path in path(),
        content_type in prop_oneof![Just(Some("application/jose+json".to_owned())), any::<Option<String>>()],
        body in prop::option::of(prop::collection::vec(any::<u8>(), 0..200)),
    ) {
        let world = World::new();
        let request = Request { method, path, content_type, body, ..Request::default() };
        world.send(request);
        prop_assert!(world.rows().is_empty());
    }

    #[test]
    fn any_signed_payload_at_any_path(path in path(), payload in payload(), named in any::<bool>()) {
        let world = World::new();
        let client = Client::registered(&world);
        // An account URL of one's own takes contacts; others' are as good as any.
        let sender = if named { client.clone() } else { Client::new(&world) };
        let url = format!("{BASE}{path}");
        let protected = sender.protected(&url).to_string();
        let before = world.rows_but_nonces();
        let mut header: serde_json::Value = serde_json::from_str(&protected).unwrap();
        header["alg"] = json!("ES256");
        let answered = sender.send(sender.request(&url, sender.key.sign_raw(&header.to_string(), payload.as_bytes())));
        let creates = path == "/acme/new-account" && answered.status() < 300;
        prop_assert!(answered.status() < 500, "{}", answered.text());
        prop_assert!(creates || world.rows_but_nonces() == before, "{} {}", path, payload);
    }
}
