//! acme-client, a library from npm, driven by `tests/clients/acme-client/drive.mjs`.

use super::npm;
use super::scene::{KID, MAC_KEY, Scene};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where package.json, its lock file and the script are.
fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/acme-client")
}

/// The script with these steps; its chains are in `folder`.
fn drive(scene: &Scene, folder: &str, account_key: &str, steps: &str) -> Command {
    let installed = npm::installed("acme-client", &source());
    let package = fs::read_to_string(installed.join("node_modules/acme-client/package.json")).unwrap();
    let package: serde_json::Value = serde_json::from_str(&package).unwrap();
    scene.version(package["version"].as_str().unwrap());
    let out = scene.path(folder);
    fs::create_dir_all(&out).unwrap();
    let mut command = Command::new("node");
    command.arg(source().join("drive.mjs")).current_dir(installed).env("OUT", out);
    for fact in ["directory", "management"] {
        command.env(fact.to_uppercase(), scene.server.fact(fact));
    }
    command.env("TLS_ALPN_PORT", scene.server.tls_alpn.to_string());
    command.env("NODE_EXTRA_CA_CERTS", scene.server.fact("root")).env("CHALLENGES", scene.challenges());
    command.env("ACCOUNT_KEY", account_key).env("STEPS", steps);
    command
}

const ALL: &str = "http dns alpn ip authz update rollover revokeByKey revoke deactivate";

fn journey(scene: &Scene, folder: &str, account_key: &str) {
    let mut command = drive(scene, folder, account_key, ALL);
    scene.run(&mut command);
    let chain = |name: &str| scene.path(folder).join(format!("{name}.pem"));
    scene.judge(&chain("n.test"), &["n.test", "nn.test"]);
    scene.judge(&chain("o.test"), &["o.test", "any.o.test"]);
    scene.judge(&chain("tls.test"), &["tls.test", "stls.test"]);
    scene.judge(&chain("127.0.0.1"), &["127.0.0.1"]);
    scene.did("http-01, dns-01, wildcard, tls-alpn-01, IP address, authorization deactivation, account update, new account key");
    scene.did("revocation by account and by key, deactivation");
}

#[test]
fn acme_client_supports_all_its_operations() {
    let mut scene = Scene::start("acme-client", &[]);
    scene.serve_webroot();
    for account_key in ["ECDSA", "RSA"] {
        journey(&scene, account_key, account_key);
    }
    scene.did("ECDSA and RSA account keys");
    let mut bound = drive(&scene, "bound", "ECDSA", "bound");
    scene.run(bound.env("KID", KID).env("MAC_KEY", MAC_KEY));
    scene.judge(&scene.path("bound/x.corp.test.pem"), &["x.corp.test"]);
    scene.did("external account");
    scene.report("each twice");
}

#[test]
fn acme_client_retries_refused_nonces() {
    let mut scene = Scene::start("acme-client", &["--refuse-nonces", "50"]);
    scene.serve_webroot();
    journey(&scene, "one", "ECDSA");
    scene.report("half of the nonces refused");
}
