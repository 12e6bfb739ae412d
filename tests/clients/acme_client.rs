//! acme-client, a library from npm, driven by `tests/clients/acme-client/drive.mjs`.

use super::fixture::{Fixture, KID, MAC_KEY};
use super::npm;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where package.json, its lock file and the script are.
fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/acme-client")
}

/// The script with these steps; its chains are in `folder`.
fn drive(fixture: &Fixture, folder: &str, account_key: &str, steps: &str) -> Command {
    let installed = npm::installed("acme-client", &source());
    let package = fs::read_to_string(installed.join("node_modules/acme-client/package.json")).unwrap();
    let package: serde_json::Value = serde_json::from_str(&package).unwrap();
    fixture.version(package["version"].as_str().unwrap());
    let out = fixture.path(folder);
    fs::create_dir_all(&out).unwrap();
    let mut command = Command::new("node");
    command.arg(source().join("drive.mjs")).current_dir(installed).env("OUT", out);
    for fact in ["directory", "management"] {
        command.env(fact.to_uppercase(), fixture.server.fact(fact));
    }
    command.env("TLS_ALPN_PORT", fixture.server.tls_alpn.to_string());
    command.env("NODE_EXTRA_CA_CERTS", fixture.server.fact("root")).env("CHALLENGES", fixture.challenges());
    command.env("ACCOUNT_KEY", account_key).env("STEPS", steps);
    command
}

const ALL: &str = "http dns alpn ip authz update rollover revokeByKey revoke deactivate";

fn journey(fixture: &Fixture, folder: &str, account_key: &str) {
    let mut command = drive(fixture, folder, account_key, ALL);
    fixture.run(&mut command);
    let chain = |name: &str| fixture.path(folder).join(format!("{name}.pem"));
    fixture.judge(&chain("n.test"), &["n.test", "nn.test"]);
    fixture.judge(&chain("o.test"), &["o.test", "any.o.test"]);
    fixture.judge(&chain("tls.test"), &["tls.test", "stls.test"]);
    fixture.judge(&chain("127.0.0.1"), &["127.0.0.1"]);
    fixture.did("http-01, dns-01, wildcard, tls-alpn-01, IP address, authorization deactivation, account update, new account key");
    fixture.did("revocation by account and by key, deactivation");
}

#[test]
fn acme_client_supports_all_its_operations() {
    let mut fixture = Fixture::start("acme-client", &[]);
    fixture.serve_webroot();
    for account_key in ["ECDSA", "RSA"] {
        journey(&fixture, account_key, account_key);
    }
    fixture.did("ECDSA and RSA account keys");
    let mut bound = drive(&fixture, "bound", "ECDSA", "bound");
    fixture.run(bound.env("KID", KID).env("MAC_KEY", MAC_KEY));
    fixture.judge(&fixture.path("bound/x.corp.test.pem"), &["x.corp.test"]);
    fixture.did("external account");
    fixture.report("each twice");
}

#[test]
fn acme_client_retries_refused_nonces() {
    let mut fixture = Fixture::start("acme-client", &["--refuse-nonces", "50"]);
    fixture.serve_webroot();
    journey(&fixture, "one", "ECDSA");
    fixture.report("half of the nonces refused");
}
