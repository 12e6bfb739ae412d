//! Properties of parsers of names, paths, JSON and DER, over generated near-valid inputs.
//!
//! Properties of arbitrary inputs are in the fuzz targets.

use proptest::prelude::*;
use selvedge::ca::http::operator_routes::{AdminRoute, PREFIX};
use selvedge::ca::http::routes::{AccountRoute, CrlFile, Encoding, FormRoute, LogRoute, PublicRoute, Route, Urls};
use selvedge::ca::testing::{BASE, CsrShape, fuzz, new_key};
use selvedge::jose::testing::ClientKey;
use selvedge::pki::Serial;
use selvedge::tlog::Tile;
use selvedge::tlog::tile::Resource;
use selvedge::values::identifier::{DnsName, IpName};
use selvedge::values::{Id, SigAlg, b64};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::LazyLock;

static KEY: LazyLock<ClientKey> = LazyLock::new(|| ClientKey::generate(SigAlg::Es256));

fn id() -> impl Strategy<Value = Id> {
    any::<[u8; 16]>().prop_map(Id::from_random)
}

fn route() -> impl Strategy<Value = Route> {
    prop_oneof![
        Just(Route::Public(PublicRoute::Home)),
        Just(Route::Public(PublicRoute::Style)),
        Just(Route::Public(PublicRoute::Root(Encoding::Der))),
        Just(Route::Public(PublicRoute::Root(Encoding::Pem))),
        Just(Route::Account(AccountRoute::Directory)),
        Just(Route::Account(AccountRoute::NewNonce)),
        Just(Route::Account(AccountRoute::NewOrder)),
        id().prop_map(|it| Route::Account(AccountRoute::Account(it))),
        (id(), prop::option::of(id()))
            .prop_map(|(account, after)| Route::Account(AccountRoute::Orders(account, after))),
        id().prop_map(|it| Route::Account(AccountRoute::Order(it))),
        id().prop_map(|it| Route::Account(AccountRoute::Finalize(it))),
        id().prop_map(|it| Route::Account(AccountRoute::Authorization(it))),
        (id(), "[a-z0-9-]{1,20}").prop_map(|(id, kind)| Route::Account(AccountRoute::Challenge(id, kind))),
        (any::<[u8; 18]>(), 0..100_usize)
            .prop_map(|(serial, chain)| Route::Account(AccountRoute::Certificate(Serial::from_random(serial), chain))),
        "[A-Za-z0-9_.-]{1,40}".prop_map(|it| Route::Public(PublicRoute::RenewalInfo(it))),
        (id(), "[A-Za-z0-9_-]{1,40}").prop_map(|(account, proof)| Route::Form(FormRoute::Agreement(account, proof))),
        "[A-Za-z0-9_-]{22,32}".prop_map(|it| Route::Public(PublicRoute::Calendar(it))),
        "[0-9a-f]{2,40}".prop_map(|it| Route::Public(PublicRoute::Issuer(it))),
        ("[0-9a-f]{2,40}", any::<u16>()).prop_map(|(issuer, shard)| Route::Public(PublicRoute::Crl(issuer, shard))),
        "[0-9a-f]{2,40}".prop_map(|issuer| Route::Public(PublicRoute::Log(issuer, LogRoute::List))),
        ("[0-9a-f]{2,40}", any::<[u8; 18]>()).prop_map(|(issuer, serial)| {
            Route::Public(PublicRoute::Log(issuer, LogRoute::Proof(Serial::from_random(serial))))
        }),
        ("[0-9a-f]{2,40}", "[0-9a-f]{8}", 0..8_u8, 0..9_999_u64, 1..257_u16).prop_filter_map(
            "no tree has this tile",
            |(issuer, log, level, index, width)| {
                let tile = Tile::new(level, index, width)?;
                let file = if level == 0 && index % 2 == 0 { Resource::Entries(tile) } else { Resource::Hashes(tile) };
                Some(Route::Public(PublicRoute::Log(issuer, LogRoute::File(log, file))))
            }
        ),
        Just(Route::Public(PublicRoute::CrlFile(CrlFile::Root))),
        Just(Route::Public(PublicRoute::CrlFile(CrlFile::All))),
        Just(Route::Operator(AdminRoute::Certificates)),
        // Not "." and "..", which URLs cannot have as a segment.
        "[A-Za-z0-9_.-]{0,39}[A-Za-z0-9_-]".prop_map(|kid| Route::Operator(AdminRoute::ExternalAccount(kid))),
        any::<[u8; 18]>().prop_map(|serial| Route::Operator(AdminRoute::Revoke(Serial::from_random(serial)))),
        id().prop_map(|id| Route::Operator(AdminRoute::Deactivate(id))),
    ]
}

/// Any JSON, four levels deep.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[A-Za-z0-9_=-]{0,12}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let names = prop_oneof![Just("kty".to_owned()), Just("url".to_owned()), Just("jwk".to_owned()), "[a-z]{1,6}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(names, inner, 0..6).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// Puts `value` in the place of one member, or adds it.
fn with(mut object: Value, member: &str, value: Value) -> Vec<u8> {
    object[member] = value;
    object.to_string().into_bytes()
}

proptest! {
    #[test]
    fn o05_name_in_certificate_form_is_unchanged(text in "(\\*\\.)?[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?(\\.[a-z]{2,12}){1,4}") {
        // Hyphens at the third and fourth place are for A-labels.
        prop_assume!(text.trim_start_matches("*.").as_bytes().get(2..4) != Some(b"--"));
        let name = DnsName::parse(&text).unwrap();
        prop_assert_eq!(name.as_str(), &text);
        prop_assert_eq!(DnsName::parse(&text.to_uppercase()), Ok(name.clone()));
        prop_assert_eq!(name.base().to_string(), text.trim_start_matches("*."));
        fuzz::identifiers(text.as_bytes());
    }

    #[test]
    fn o05_any_near_name_is_parsed_or_refused(text in "[*a-zA-Z0-9._:/%\u{fc}\u{3b1} -]{0,80}|xn--[a-z0-9-]{0,70}(\\.[a-z]{0,4}){0,3}") {
        fuzz::identifiers(text.as_bytes());
    }

    #[test]
    fn rfc8738_addresses_have_one_spelling(address in any::<IpAddr>()) {
        let text = address.to_string();
        let mapped = matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
        prop_assert_eq!(IpName::parse(&text).is_ok(), !mapped);
        prop_assert!(text == text.to_uppercase() || IpName::parse(&text.to_uppercase()).is_err());
        fuzz::identifiers(text.as_bytes());
    }

    #[test]
    fn urls_round_trip(route in route()) {
        let url = fuzz::url_of(&Urls::new(BASE), &route);
        let path = url.strip_prefix(BASE).unwrap();
        prop_assert_eq!(Route::parse(path), Some(route));
        for other in [format!("{path}/"), format!("{path}?"), format!("/{path}"), format!("{path}%20"), path[1..].to_owned()] {
            let read = Route::parse(&other).map(|route| fuzz::url_of(&Urls::new(BASE), &route));
            // Operators' paths may have a query.
            let asked = if other.starts_with(PREFIX) { other.trim_end_matches('?') } else { &other };
            prop_assert!(read.is_none_or(|url| url == Urls::new(BASE).of_path(asked)));
        }
    }

    #[test]
    fn any_path_is_parsed_or_refused(path in "/(acme|issuer|directory)?(/[a-z-]{0,12}|/[A-Za-z0-9_-]{22}|/[^a]{0,5}){0,4}") {
        fuzz::routes(path.as_bytes());
    }

    #[test]
    fn j01_j02_any_json_in_any_place_of_a_request(member in "protected|payload|signature|header|signatures|odd", value in json_value()) {
        let request = KEY.sign_jws(json!({ "jwk": KEY.jwk_json(), "nonce": "AAAA", "url": BASE }), Some(json!({})));
        fuzz::jws(&with(serde_json::from_slice(&request).unwrap(), &member, value.clone()));
        fuzz::jws(value.to_string().as_bytes());
        let protected = with(json!({ "alg": "ES256", "jwk": KEY.jwk_json(), "nonce": "AAAA", "url": BASE }), &member, value);
        fuzz::jws(&KEY.sign_raw(core::str::from_utf8(&protected).unwrap(), b""));
    }

    #[test]
    fn j02_any_json_in_any_place_of_a_protected_header(member in "alg|jwk|kid|nonce|url|crit|b64", value in json_value()) {
        let protected = with(json!({ "alg": "ES256", "jwk": KEY.jwk_json(), "nonce": "AAAA", "url": BASE }), &member, value);
        fuzz::jws(&KEY.sign_raw(core::str::from_utf8(&protected).unwrap(), b"{}"));
    }

    #[test]
    fn j07_any_json_in_any_place_of_a_key(member in "kty|crv|x|y|n|e|d|k|alg|use", value in json_value()) {
        fuzz::jwk(&with(KEY.jwk_json(), &member, value.clone()));
        fuzz::jwk(&with(json!({ "kty": "RSA", "n": b64::encode(&[0xc1; 256]), "e": "AQAB" }), &member, value.clone()));
        fuzz::jwk(value.to_string().as_bytes());
    }

    #[test]
    fn a09_a11_any_json_as_a_binding_or_a_key_change(value in json_value(), member in "protected|payload|signature|odd") {
        let binding = KEY.external_account("HS256", &[1; 32], "kid-1", &format!("{BASE}/acme/new-account"));
        fuzz::eab(&with(binding, &member, value.clone()));
        let change = KEY.key_change(&format!("{BASE}/acme/key-change"), &format!("{BASE}/acme/account/x"), &KEY);
        fuzz::key_change(&with(change, &member, value.clone()));
        fuzz::eab(value.to_string().as_bytes());
        fuzz::key_change(value.to_string().as_bytes());
    }

    #[test]
    fn c01_a_csr_changed_at_up_to_three_places(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        static CSR: LazyLock<Vec<u8>> =
            LazyLock::new(|| CsrShape { subject: "CN=a.test".into(), ..CsrShape::dns(&["a.test", "b.test"]) }.build(&new_key(SigAlg::Es256)));
        let mut csr = CSR.clone();
        for (at, byte) in changes {
            let at = at.index(csr.len());
            csr[at] = byte;
        }
        fuzz::csr(&csr);
        fuzz::revocation(&csr);
    }
}
