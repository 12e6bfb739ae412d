//! The key of the transparency logs.

use super::*;

#[test]
fn log_key_has_to_be_an_ed25519_key() {
    let key = |alg| NativeKey::generate(alg, &mut |bytes| bytes.fill(7)).unwrap().to_pkcs8_pem().unwrap();
    let scene = Scene::new();
    scene.write("log.key", &key(SigAlg::Ed25519));
    assert_eq!(scene.found(), []);
    wrong(|s| s.write("log.key", &key(SigAlg::Es256)), &["log.key", "is not an Ed25519 key", "openssl genpkey"]);
    // Without the flag the checkpoints have one signature less, and nothing else changes.
    let without =
        Scene { top: "workers_dev = false\nroutes = [{ pattern = 'ca.test', custom_domain = true }]", ..scene };
    only(&without.found(), Weight::Warning, &["w.toml lacks", "webcrypto_modern_algorithms", "compatibility_flags"]);
    without.remove("log.key");
    assert_eq!(without.found(), []);
}
