//! External account binding: RFC 8555 §7.3.4. Names begin with the checklist's ids.

use selvedge::ca::config::external_accounts::ExternalAccounts;
use selvedge::ca::testing::{Answered, Client, CsrShape, World, new_key};
use selvedge::jose::testing::ClientKey;
use selvedge::policy::Policy;
use selvedge::records::Kind;
use selvedge::values::{SigAlg, b64};
use serde_json::{Value, json};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const OTHER: &[u8] = b"fedcba9876543210fedcba9876543210";

/// A CA with the keys `once` and `many`.
fn world(required: bool) -> World {
    let keys = json!({
        "once": { "key": b64::encode(SECRET), "uses": "once" },
        "many": { "key": b64::encode(OTHER), "uses": "many" },
    });
    with_keys(&World::new(), &keys, required)
}

fn with_keys(world: &World, keys: &Value, required: bool) -> World {
    let external = ExternalAccounts::read(Some(&keys.to_string()), required, false, &Policy::default()).unwrap();
    world.reconfigured(|settings| settings.external = external)
}

fn binding(client: &Client, kid: &str) -> Value {
    let secret = if kid == "many" { OTHER } else { SECRET };
    client.key.external_account("HS256", secret, kid, &client.url("new-account"))
}

fn register(client: &Client, binding: &Value) -> Answered {
    client.new_account(json!({ "externalAccountBinding": binding }))
}

/// A client whose account is bound to this key.
fn bound(world: &World, kid: &str) -> Client {
    let mut client = Client::new(world);
    client.account = Some(register(&client, &binding(&client, kid)).is(201).location());
    client
}

#[test]
fn a09_missing_required_binding_is_refused() {
    let world = world(true);
    let meta = world.ask("GET", "/directory").is(200).json()["meta"].clone();
    assert_eq!(meta["externalAccountRequired"], true);
    let client = Client::new(&world);
    for payload in [json!({}), json!({ "externalAccountBinding": null })] {
        client.new_account(payload).refused(403, Kind::ExternalAccountRequired);
    }
    assert_eq!(world.rows_but_nonces().len(), 0);
}

#[test]
fn a09_optional_binding_may_be_absent_but_not_wrong() {
    let world = world(false);
    assert!(world.ask("GET", "/directory").is(200).json()["meta"].get("externalAccountRequired").is_none());
    let object = Client::new(&world).new_account(json!({})).is(201).json();
    assert!(object.get("externalAccountBinding").is_none());
    let client = Client::new(&world);
    let wrong = client.key.external_account("HS256", OTHER, "once", &client.url("new-account"));
    register(&client, &wrong).refused(403, Kind::Unauthorized);
}

#[test]
fn a09_verified_binding_is_shown_as_sent() {
    let world = world(true);
    for (alg, account_key) in [("HS256", SigAlg::Es256), ("HS384", SigAlg::Rs256), ("HS512", SigAlg::Ed25519)] {
        let mut client = Client::with_key(&world, ClientKey::generate(account_key));
        let sent = client.key.external_account(alg, OTHER, "many", &client.url("new-account"));
        let made = register(&client, &sent).is(201);
        assert_eq!(made.json()["externalAccountBinding"], sent, "{alg}");
        client.account = Some(made.location());
        assert_eq!(client.get(client.account()).is(200).json()["externalAccountBinding"], sent);
        let contact = json!({ "contact": ["mailto:a@a.test"], "externalAccountBinding": { "odd": 1 } });
        assert_eq!(client.post(client.account(), contact).is(200).json()["externalAccountBinding"], sent);
    }
}

#[test]
fn a09_unverified_binding_is_not_shown() {
    // Without keys nothing can be verified.
    let client = Client::new(&World::new());
    let object = register(&client, &binding(&client, "once")).is(201).json();
    assert!(object.get("externalAccountBinding").is_none());
    let odd = Client::new(&client.world).new_account(json!({ "externalAccountBinding": "x" })).is(201).json();
    assert!(odd.get("externalAccountBinding").is_none());
}

#[test]
fn a09_each_of_the_five_checks_refuses() {
    let world = world(true);
    let client = Client::new(&world);
    let url = client.url("new-account");
    let good = binding(&client, "once");
    let with = |member: &str, value: Value| {
        let mut changed = good.clone();
        changed[member] = value;
        changed
    };
    let header = |protected: Value| with("protected", b64::encode(protected.to_string().as_bytes()).into());
    let malformed = [
        // 1. A flattened JWS.
        json!("x"),
        json!({}),
        with("signatures", json!([])),
        with("header", json!({})),
        with("payload", "!".into()),
        with("signature", format!("{}=", good["signature"].as_str().unwrap()).into()),
        // 2. Its header: a MAC algorithm, a kid, no nonce, a url.
        header(json!({ "alg": "none", "kid": "once", "url": url })),
        header(json!({ "alg": "ES256", "kid": "once", "url": url })),
        header(json!({ "alg": "HS256", "url": url })),
        header(json!({ "alg": "HS256", "kid": "once" })),
        header(json!({ "alg": "HS256", "kid": "once", "url": url, "nonce": client.fresh_nonce() })),
        header(json!({ "alg": "HS256", "kid": "once", "url": url, "jwk": client.key.jwk_json() })),
    ];
    for binding in malformed {
        register(&client, &binding).refused(400, Kind::Malformed);
    }
    let stranger = ClientKey::generate(SigAlg::Es256);
    let unauthorized = [
        // 2. The url is that of the request.
        client.key.external_account("HS256", SECRET, "once", &client.url("new-order")),
        client.key.external_account("HS256", SECRET, "once", "http://ca.test/acme/new-account"),
        // 3. The kid is known.
        client.key.external_account("HS256", SECRET, "nobody", &url),
        // 4. The MAC is by its key.
        client.key.external_account("HS256", OTHER, "once", &url),
        client.key.external_account("HS256", SECRET, "many", &url),
        // 5. The payload is the account key.
        stranger.external_account("HS256", SECRET, "once", &url),
    ];
    for binding in unauthorized {
        register(&client, &binding).refused(403, Kind::Unauthorized);
    }
    assert_eq!(world.rows_but_nonces().len(), 0, "a refused binding changes nothing");
    register(&client, &good).is(201);
}

#[test]
fn a09_unknown_kid_and_wrong_mac_have_the_same_error() {
    let world = world(true);
    let client = Client::new(&world);
    let url = client.url("new-account");
    let said = |kid: &str, secret: &[u8]| {
        register(&client, &client.key.external_account("HS256", secret, kid, &url)).refused(403, Kind::Unauthorized)
    };
    let unknown = said("nobody", SECRET).anonymous().body;
    assert_eq!(unknown, said("once", OTHER).anonymous().body);
    // The key that stands in for an unknown one opens nothing.
    let stand_in = world.settings().nonce_key;
    assert_eq!(unknown, said("nobody", stand_in.as_slice()).anonymous().body);
    assert_eq!(unknown, said("nobody", b"").anonymous().body);
}

#[test]
fn a10_one_time_key_admits_one_account_key() {
    let world = world(true);
    let first = bound(&world, "once");
    let before = world.rows_but_nonces();
    let second = Client::new(&world);
    let refused = register(&second, &binding(&second, "once")).refused(403, Kind::Unauthorized);
    assert!(refused.detail().contains("another has used it"), "{}", refused.detail());
    assert_eq!(world.rows_but_nonces(), before, "who comes with a spent key changes nothing");
    let used = world.records("use/");
    assert_eq!(used.len(), 1);
    assert_eq!(used[0].0, "eab/once");
    assert!(first.account().ends_with(used[0].1["account"].as_str().unwrap()));
    for _ in 0..3 {
        bound(&world, "many");
    }
    assert_eq!(world.records("use/").len(), 4, "uses of a key for many are recorded as well");
}

#[test]
fn a10_t07_existing_account_is_found_with_any_members() {
    let world = world(true);
    let client = bound(&world, "once");
    let object = client.get(client.account()).is(200).json();
    let (spent, unused) = (binding(&client, "once"), binding(&client, "many"));
    for payload in [
        json!({ "externalAccountBinding": spent }),
        json!({ "externalAccountBinding": unused }),
        json!({ "externalAccountBinding": "x" }),
        json!({ "externalAccountBinding": client.key.external_account("HS256", b"wrong", "once", "x") }),
        json!({}),
        json!({ "onlyReturnExisting": true }),
        json!({ "onlyReturnExisting": true, "externalAccountBinding": spent }),
        json!({ "contact": ["odd"], "externalAccountBinding": 1 }),
    ] {
        let found = client.new_account(payload.clone()).is(200);
        assert_eq!((found.location().as_str(), found.json()), (client.account(), object.clone()), "{payload}");
    }
    assert_eq!(world.records("use/").len(), 1, "nothing was spent on it");
}

#[test]
fn t07_only_return_existing_precedes_terms_and_binding() {
    let world = world(true).reconfigured(|s| s.meta.terms_of_service = Some("https://ca.test/terms".to_owned()));
    let client = Client::new(&world);
    client.new_account(json!({ "onlyReturnExisting": true })).refused(400, Kind::AccountDoesNotExist);
    let with = json!({ "onlyReturnExisting": true, "externalAccountBinding": binding(&client, "once") });
    client.new_account(with).refused(400, Kind::AccountDoesNotExist);
    assert_eq!(world.rows_but_nonces().len(), 0, "nothing was spent");
}

#[test]
fn a10_replaced_account_key_cannot_create_a_second_account() {
    let world = world(true);
    let client = bound(&world, "once");
    let new = ClientKey::generate(SigAlg::Es256);
    client.key_change(&new).is(200);
    register(&client, &binding(&client, "once")).refused(403, Kind::Unauthorized);
    assert_eq!(world.records("account").len(), 1);
    let rekeyed = client.rekeyed(&new);
    assert_eq!(register(&rekeyed, &binding(&rekeyed, "once")).is(200).location(), client.account());
    // With another external account key it may have one.
    register(&client, &binding(&client, "many")).is(201);
}

#[test]
fn a10_removed_key_stops_orders_of_its_accounts() {
    let world = world(true);
    let client = bound(&world, "once");
    let (_, ready) = client.ready_order(&["a.test"]);
    let certificate = client.issue(&["b.test"], &new_key(SigAlg::Es256));
    let without = with_keys(&world, &json!({ "many": { "key": b64::encode(OTHER), "uses": "many" } }), true);
    let client = client.at(&without);
    let refused = client.new_order(&["a.test"]).refused(403, Kind::Unauthorized);
    assert!(refused.detail().contains("external account key \"once\""), "{}", refused.detail());
    let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    client.finalize(&ready, &csr).refused(403, Kind::Unauthorized);
    client.get(client.account()).is(200);
    client.revoke(&certificate, None).is(200);
    // Put back, it works again: also the order.
    assert_eq!(client.at(&world).finalize(&ready, &csr).is(200).json()["status"], "valid");
}

#[test]
fn a10_key_kind_follows_the_current_configuration() {
    let world = world(true);
    bound(&world, "many");
    let narrowed = with_keys(&world, &json!({ "many": { "key": b64::encode(OTHER), "uses": "once" } }), true);
    let client = Client::new(&narrowed);
    register(&client, &binding(&client, "many")).refused(403, Kind::Unauthorized);
    register(&client.at(&world), &binding(&client, "many")).is(201);
}
