//! Refused new keys, in CSRs and for accounts: weak ones and blocked ones (C-02).

use selvedge::ca::config::blocked_keys::BlockedKeys;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{Answered, Client, CsrShape, World, check_all, new_key, weak_key};
use selvedge::jose::testing::ClientKey;
use selvedge::pki::pem;
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use selvedge::values::hex;
use selvedge::values::native_crypto::NativeKey;
use serde_json::json;
use sha2::{Digest, Sha256};

/// The keys that are weak, and a word that their refusal has.
fn weak_keys() -> [(NativeKey, &'static str); 2] {
    [(weak_key("roca-2048"), "ROCA"), (weak_key("close-primes-2048"), "close together")]
}

/// The world with these keys blocked.
fn blocking(world: &World, keys: &[&NativeKey]) -> World {
    let hash = |key: &&NativeKey| hex::encode(&Sha256::digest(key.spki_der().unwrap()));
    let list: Vec<String> = keys.iter().map(hash).collect();
    world.reconfigured(|settings| settings.blocked_keys = BlockedKeys::read(Some(&list.join(" "))).unwrap())
}

/// Checks that a request is refused for its key and changes only the nonce.
fn refused(client: &Client, request: Request, word: &str) -> Answered {
    let before = client.world.rows_but_nonces();
    let kind = if request.path.ends_with("/finalize") { Kind::BadCsr } else { Kind::BadPublicKey };
    let refused = client.send(request).refused(400, kind);
    assert!(refused.detail().contains(word), "{word}: {}", refused.detail());
    assert!(refused.detail().contains("make a new key"), "{}", refused.detail());
    assert_eq!(client.world.rows_but_nonces(), before, "{word}");
    refused
}

#[test]
fn c02_o09_a_weak_key_in_a_csr_is_refused_and_the_order_stays_ready() {
    let client = Client::registered(&World::new());
    let (url, order) = client.ready_order(&["a.test"]);
    for (key, word) in weak_keys() {
        let request = client.finalize_request(&order, &CsrShape::dns(&["a.test"]).build(&key));
        assert!(refused(&client, request, word).detail().contains("the CSR's key"));
        assert_eq!(client.get(&url).is(200).json()["status"], "ready", "{word}");
    }
    // The order is good for a sound key.
    let finished = client.finalize(&order, &CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Rs256))).is(200).json();
    assert_eq!(finished["status"], "valid");
    check_all(&client.world, "at the end");
}

#[test]
fn c02_weak_key_is_refused_at_new_account() {
    let world = World::new();
    for (key, word) in weak_keys() {
        let client = Client::with_key(&world, ClientKey::from_native(key));
        let request = client.sign(&client.url("new-account"), Some(json!({ "termsOfServiceAgreed": true })));
        assert!(refused(&client, request, word).detail().contains("the account key"));
    }
    assert!(world.rows_but_nonces().is_empty());
    Client::with_key(&world, ClientKey::generate(SigAlg::Rs256)).register();
}

#[test]
fn c02_weak_key_is_refused_at_key_change() {
    let client = Client::registered(&World::new());
    for (key, word) in weak_keys() {
        let request = client.key_change_request(&ClientKey::from_native(key));
        assert!(refused(&client, request, word).detail().contains("the new key"));
    }
    client.get(client.account()).is(200);
    let sound = ClientKey::generate(SigAlg::Rs256);
    client.key_change(&sound).is(200);
    client.rekeyed(&sound).get(client.account()).is(200);
    check_all(&client.world, "at the end");
}

#[test]
fn c02_blocked_key_is_refused_at_every_entrance() {
    let plain = World::new();
    for alg in [SigAlg::Es256, SigAlg::Es384, SigAlg::Rs256, SigAlg::Ed25519] {
        let (blocked, other) = (new_key(alg), new_key(SigAlg::Es256));
        let client = Client::registered(&blocking(&plain, &[&other, &blocked]));
        let (url, order) = client.ready_order(&["a.test"]);
        let csr = CsrShape::dns(&["a.test"]).build(&blocked);
        refused(&client, client.finalize_request(&order, &csr), "the operator of this CA has blocked the CSR's key");
        assert_eq!(client.get(&url).is(200).json()["status"], "ready", "{alg:?}");
        let stranger = Client::with_key(&client.world, ClientKey::from_native(blocked.clone()));
        let request = stranger.sign(&stranger.url("new-account"), Some(json!({})));
        refused(&stranger, request, "the operator of this CA has blocked the account key");
        let request = client.key_change_request(&stranger.key);
        refused(&client, request, "the operator of this CA has blocked the new key");
        // Whoever is not on the list is not affected.
        client.key_change(&ClientKey::generate(alg)).is(200);
        check_all(&client.world, "at the end");
    }
}

/// RFC 8555 §7.3.1: a key that has an account finds it. Its holder has to be able to change the key, or to end the account.
#[test]
fn c02_a02_account_with_later_blocked_key_can_change_it() {
    let old = Client::registered(&World::new());
    let (url, order) = old.ready_order(&["a.test"]);
    let key = new_key(SigAlg::Es256);
    let csr = CsrShape::dns(&["a.test"]).build(&key);
    old.finalize(&order, &csr).is(200);
    let client = old.at(&blocking(&old.world, &[old.key.native(), &key]));
    for payload in [json!({}), json!({ "onlyReturnExisting": true })] {
        assert_eq!(client.new_account(payload).is(200).location(), client.account());
    }
    // What was issued before is answered as it is.
    assert_eq!(client.finalize(&order, &csr).is(200).json()["status"], "valid");
    let sound = ClientKey::generate(SigAlg::Es256);
    client.key_change(&sound).is(200);
    // There is no way back.
    let changed = client.rekeyed(&sound);
    refused(&changed, changed.key_change_request(&client.key), "the new key");
    // A certificate with a key that is known to be compromised can be revoked with just that key.
    let chain = changed.download(&changed.get(&url).is(200).json());
    let certificate = pem::read_certificates(&chain).unwrap().remove(0);
    let holder = Client::with_key(&changed.world, ClientKey::from_native(key));
    holder.revoke(&certificate, None).is(200);
}
