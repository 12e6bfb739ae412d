//! Interop traps (section 5 of the checklist): keys, CSRs, chains, lifetimes, and accounts that are gone. See
//! `traps.rs`.

use core::time::Duration;
use selvedge::ca::http::message::Body;
use selvedge::ca::testing::{Answered, Client, CsrShape, World, new_key};
use selvedge::jose::testing::ClientKey;
use selvedge::pki::{certificate, pem};
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use serde_json::json;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Every algorithm with every key that it is not for: a refusal, never a 500.
#[test]
fn t12_mismatched_algorithm_and_key_are_refused() {
    let world = World::new();
    let keys = [SigAlg::Es256, SigAlg::Es384, SigAlg::Rs256, SigAlg::Ed25519].map(ClientKey::generate);
    let names = ["ES256", "ES384", "RS256", "EdDSA", "ES512", "RS512", "PS256", "HS256", "none", "ES256K", ""];
    for (n, key) in keys.iter().enumerate() {
        let client = Client::with_key(&world, key.clone());
        for (m, alg) in names.iter().enumerate() {
            let url = client.url("new-account");
            let protected = json!({ "alg": alg, "jwk": key.jwk_json(), "nonce": client.fresh_nonce(), "url": url });
            let answered = client.send(client.request(&url, key.sign_jws(protected, Some(json!({})))));
            match m {
                _ if m == n => drop(answered.is(201)),
                0..4 => drop(answered.refused(400, Kind::BadPublicKey)),
                _ => drop(answered.refused(400, Kind::BadSignatureAlgorithm)),
            }
        }
    }
    assert_eq!(world.records("account").len(), keys.len());
}

#[test]
fn t14_apex_and_wildcard_share_a_record_name() {
    let client = Client::registered(&World::new());
    let (_, order) = client.ready_order(&["a.test", "*.a.test"]);
    assert_eq!(order["status"], "ready", "both were proven while both records were there");
}

#[test]
fn t15_o02_order_keeps_the_asterisk() {
    let client = Client::registered(&World::new());
    let placed = client.new_order(&["*.a.test"]).is(201);
    for order in [placed.json(), client.get(&placed.location()).json()] {
        assert_eq!(order["identifiers"], json!([{ "type": "dns", "value": "*.a.test" }]));
    }
}

/// The forms of CSRs that clients make.
#[test]
fn t16_c03_common_names_of_all_kinds() {
    let client = Client::registered(&World::new());
    let key = new_key(SigAlg::Es256);
    let shape = |subject: &str, names: &[&str]| CsrShape { subject: subject.to_owned(), ..CsrShape::dns(names) };
    let long = format!("{}.{}.test", "a".repeat(60), "b".repeat(60));
    for (names, csr) in [
        (vec!["a.test"], shape("CN=a.test", &[])),
        (vec!["a.test"], shape("CN=A.Test", &["a.test"])),
        (vec!["a.test"], shape("", &["A.TEST", "a.test"])),
        (vec!["a.test", "b.test"], shape("CN=a.test", &["b.test"])),
        (vec!["a.test"], shape("O=Example,C=DE", &["a.test"])),
        (vec![long.as_str()], shape("", &[&long])),
    ] {
        let (_, order) = client.ready_order(&names);
        let finished = client.finalize(&order, &csr.build(&key)).is(200).json();
        assert_eq!(finished["status"], "valid", "{names:?} with {csr:?}");
        let leaf = pem::read_certificates(&client.download(&finished)).unwrap().remove(0);
        let found: Vec<String> =
            certificate::parse_presented(&leaf).unwrap().names.iter().map(|name| name.value().into_owned()).collect();
        assert_eq!(found, names);
    }
    let (_, order) = client.ready_order(&["a.test"]);
    let refused = client.finalize(&order, &shape("CN=a.test", &["b.test"]).build(&key)).refused(400, Kind::BadCsr);
    assert!(refused.detail().contains("b.test"), "{}", refused.detail());
}

#[test]
fn t17_t18_the_chain_is_strict_pem_without_its_root() {
    let world = World::new();
    let client = Client::registered(&world);
    let (_, order) = client.ready_order(&["a.test"]);
    let finished = client.finalize(&order, &CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256))).is(200).json();
    let chain = client.download(&finished);
    let blocks: Vec<&str> = chain.split_inclusive("-----END CERTIFICATE-----\n").collect();
    assert_eq!(blocks.len(), 2, "the leaf and its issuer, no root");
    for block in blocks {
        assert!(block.starts_with("-----BEGIN CERTIFICATE-----\n"), "nothing between the blocks: {block:?}");
        let lines: Vec<&str> = block.lines().collect();
        let (last, body) = lines[1..lines.len() - 1].split_last().unwrap();
        assert!(body.iter().all(|line| line.len() == 64) && (1..=64).contains(&last.len()), "RFC 7468 section 3");
    }
    assert!(!chain.contains('\r') && !chain.ends_with("\n\n"));
    assert!(!chain.contains(world.root().trim()));
    // Who wants the issuer finds it under a URL of its own.
    let issuer = world.urls().issuer(world.issuer().id());
    let served = world.ask("GET", issuer.strip_prefix("https://ca.test").unwrap()).is(200);
    assert!(matches!(served.response.body, Body::Bytes(der) if der == world.issuer().certificate_der()));
}

/// traefik and others take 90 days for granted.
#[test]
fn t19_default_validity_is_90_days() {
    let client = Client::registered(&World::new());
    let issued = client.world.now();
    let leaf = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    let not_after = certificate::parse_presented(&leaf).unwrap().not_after;
    let left = issued.until(not_after);
    assert!(left > 89 * DAY && left < 90 * DAY, "{left:?} from its issue");
}

/// After a reset of the CA, its answer makes clients with lost accounts register again.
#[test]
fn t21_j11_accounts_before_a_reset_are_unknown_and_reregister() {
    let client = Client::registered(&World::new());
    let (url, _) = client.ready_order(&["a.test"]);
    let mut stale = client.at(&World::new());
    for asked in [stale.account().to_owned(), url, stale.url("new-order")] {
        stale.get(&asked).refused(400, Kind::AccountDoesNotExist);
    }
    stale.register();
    stale.issue(&["a.test"], &new_key(SigAlg::Es256));
}

/// Whatever comes of abandoned requests goes away by itself.
#[test]
fn t22_t23_abandoned_orders_are_deleted() {
    let world = World::new();
    let client = Client::registered(&world);
    let abandoned: Vec<String> =
        (0..30).map(|n| client.new_order(&[&format!("a{n}.test")]).is(201).location()).collect();
    let certificate = client.issue(&["b.test"], &new_key(SigAlg::Es256));
    for _ in 0..6 {
        world.pass(DAY);
        world.run_due_alarms();
    }
    let kinds: std::collections::BTreeSet<String> =
        world.rows().keys().map(|(_, key)| key.split('/').next().unwrap().to_owned()).collect();
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        [
            "account",
            "activity",
            "cert",
            "crl",
            "latest",
            "member",
            "owner",
            "prune",
            "redeemed",
            "serial",
            "shard",
            "subscriber",
            "subscription"
        ]
    );
    let client = client.at(&world);
    client.get(&abandoned[0]).refused(404, Kind::Malformed);
    client.revoke(&certificate, None).is(200);
}

/// T-34: a challenge without a token makes uacme give the whole authorization up. T-31: members that clients need.
#[test]
fn t31_t34_all_members_are_present() {
    let client = Client::registered(&World::new());
    let account = client.get(client.account()).is(200).json();
    assert!(["status", "orders"].iter().all(|member| account[member].is_string()), "{account}");
    let placed = client.new_order(&["a.test", "*.a.test"]).is(201).json();
    for (_, authorization) in client.authorizations(&placed) {
        let members = ["status", "expires"].iter().all(|member| authorization[member].is_string());
        assert!(members && authorization["identifier"].is_object(), "{authorization}");
        for challenge in authorization["challenges"].as_array().unwrap() {
            let members = ["type", "url", "token", "status"];
            assert!(members.iter().all(|member| challenge[member].is_string()), "{challenge}");
        }
    }
}

/// The old key gets an answer that says what to do, at every resource.
#[test]
fn t35_old_key_after_rollover_is_refused() {
    let client = Client::registered(&World::new());
    let (order, _) = client.ready_order(&["a.test"]);
    let request = client.sign(client.account(), None);
    client.key_change(&ClientKey::generate(SigAlg::Es256)).is(200);
    let refusals: Vec<Answered> = [client.send(request), client.get(&order), client.key_change(&client.key)].into();
    for refused in refusals {
        let refused = refused.refused(400, Kind::Malformed);
        assert!(refused.detail().contains("signature") || refused.detail().contains("signed"), "{}", refused.detail());
    }
}
