//! The fault of a test server that refuses a share of good nonces (RFC 8555 §6.5).

use selvedge::ca::testing::{Client, World};
use selvedge::records::Kind;
use serde_json::json;

/// A world that refuses half of all nonces.
fn moody() -> World {
    World::new().reconfigured(|settings| settings.refuse_nonces = 50)
}

#[test]
fn n03_n06_a_share_of_nonces_is_refused_and_the_retry_never() {
    let world = moody();
    let client = Client::new(&world);
    let mut refused = 0;
    for _ in 0..200 {
        let answered = client.new_account(json!({}));
        if answered.status() == 400 {
            answered.refused(400, Kind::BadNonce);
            refused += 1;
            let again = client.new_account(json!({}));
            assert!(again.status() < 300, "the nonce of the refusal is taken: {}", again.text());
        }
    }
    // 200 draws of one half: further off than six standard deviations is no chance.
    assert!((58..=142).contains(&refused), "{refused} of 200");
}

#[test]
fn n04_a_refused_nonce_changes_nothing_and_is_refused_again() {
    let world = moody();
    let client = Client::new(&world);
    loop {
        let before = world.rows();
        let request = client.sign(&client.url("new-account"), Some(json!({})));
        let answered = client.send(request.clone());
        if answered.status() == 400 {
            assert_eq!(world.rows(), before, "nothing is stored, not even that the nonce was seen");
            client.send(request).refused(400, Kind::BadNonce);
            assert_eq!(world.rows(), before);
            return;
        }
    }
}

#[test]
fn n03_a_nonce_from_new_nonce_is_never_refused() {
    // That is where certbot takes the nonce of its one retry from.
    let world = moody();
    for _ in 0..100 {
        Client::new(&world).new_account(json!({})).is(201);
    }
}

#[test]
fn n03_more_than_half_refuses_retries_too() {
    let world = World::new().reconfigured(|settings| settings.refuse_nonces = 90);
    let client = Client::new(&world);
    let refused = (0..200).filter(|_| client.new_account(json!({})).status() == 400).count();
    // 200 draws of nine tenths, as above.
    assert!((154..200).contains(&refused), "{refused} of 200");
}

#[test]
fn n03_by_default_no_good_nonce_is_refused() {
    let client = Client::registered(&World::new());
    for _ in 0..200 {
        client.get(client.account()).is(200);
    }
}
