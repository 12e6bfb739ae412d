//! A closed CA without the key of an issuer.

use super::*;

#[test]
fn closed_ca_may_lack_the_key_of_an_issuer() {
    let mut scene = Scene::new();
    scene.remove("issuer.key");
    scene.set("CLOSED", "false");
    only(&scene.found(), Weight::Wrong, &["issuer.pem exists, but its key", "issuer.key does not"]);
    scene.set("CLOSED", "true");
    only(
        &scene.found(),
        Weight::Warning,
        &["issuer.key does not exist: that issuer signs nothing", "before the CA is opened"],
    );
    let stored_apart = key(&scene.files(), 1, NOW);
    only(&stored_apart, Weight::Wrong, &["issuer.pem exists, but its key"]);
}
