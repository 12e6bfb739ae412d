//! certbot, from PyPI.

use super::scene::{KID, MAC_KEY, Scene};
use crate::common::packages::venv::venv;
use std::path::PathBuf;
use std::process::Command;

const VERSION: &str = "5.8.0";
const SETTLED: [&str; 2] = ["--agree-tos", "--register-unsafely-without-email"];

/// certbot with files of its own in this folder, and these arguments.
fn certbot(scene: &Scene, folder: &str, arguments: &[&str]) -> Command {
    let folder = scene.path(folder);
    let program = venv("certbot", &format!("certbot=={VERSION}\n")).join("bin/certbot");
    let mut command = Command::new(program);
    command.args(arguments).args(["-n", "--server", scene.server.fact("directory")]);
    for option in ["--config-dir", "--work-dir", "--logs-dir"] {
        command.arg(option).arg(&folder);
    }
    command.env("REQUESTS_CA_BUNDLE", scene.server.fact("root"));
    command
}

/// Obtains by http-01.
fn by_http(scene: &Scene, folder: &str, arguments: &[&str]) {
    let port = scene.server.http01.to_string();
    let standalone = ["certonly", "--standalone", "--http-01-port", &port, "--http-01-address", "127.0.0.1"];
    scene.run(&mut certbot(scene, folder, &[&standalone[..], &SETTLED, arguments].concat()));
}

/// Obtains by dns-01.
pub fn by_dns(scene: &Scene, folder: &str, arguments: &[&str]) {
    let hook = |operation: &str| {
        let body = r#"{\"fqdn\":\"_acme-challenge.$CERTBOT_DOMAIN\",\"value\":\"$CERTBOT_VALIDATION\"}"#;
        format!("curl -sf -o /dev/null -d \"{body}\" {}/{operation}", scene.server.fact("management"))
    };
    let (present, cleanup) = (hook("present"), hook("cleanup"));
    let manual = ["certonly", "--manual", "--preferred-challenges", "dns", "--manual-auth-hook", &present];
    let manual = [&manual[..], &["--manual-cleanup-hook", &cleanup], &SETTLED, arguments].concat();
    scene.run(&mut certbot(scene, folder, &manual));
}

pub fn live(scene: &Scene, folder: &str, name: &str, file: &str) -> PathBuf {
    scene.path(folder).join("live").join(name).join(file)
}

#[test]
fn certbot_supports_all_its_operations() {
    let scene = Scene::start("certbot", &[]);
    scene.version(VERSION);
    by_http(&scene, "one", &["-d", "a.test", "-d", "b.test"]);
    scene.judge(&live(&scene, "one", "a.test", "fullchain.pem"), &["a.test", "b.test"]);
    scene.did("http-01");
    by_dns(&scene, "one", &["-d", "w.test", "-d", "*.w.test", "--key-type", "rsa"]);
    scene.judge(&live(&scene, "one", "w.test", "fullchain.pem"), &["w.test", "any.w.test"]);
    scene.did("dns-01, wildcard");
    by_http(&scene, "one", &["--ip-address", "127.0.0.1", "--preferred-profile", "shortlived"]);
    scene.judge(&live(&scene, "one", "127.0.0.1", "fullchain.pem"), &["127.0.0.1"]);
    scene.ends_within(&live(&scene, "one", "127.0.0.1", "fullchain.pem"), 7);
    scene.did("IP address, profile");
    let scene = scene.restart();
    scene.run(&mut certbot(&scene, "one", &["update_account", "-m", "you@example.test"]));
    scene.did("account update");
    renewal(&scene);
    scene.run(&mut certbot(&scene, "one", &["revoke", "--cert-name", "w.test", "--no-delete-after-revoke"]));
    let (cert, key) = (live(&scene, "one", "a.test", "cert.pem"), live(&scene, "one", "a.test", "privkey.pem"));
    let by_key = ["revoke", "--cert-path", cert.to_str().unwrap(), "--key-path", key.to_str().unwrap()];
    scene.run(&mut certbot(&scene, "nobody", &[&by_key[..], &["--no-delete-after-revoke"]].concat()));
    scene.did("revocation by account and by key");
    scene.run(&mut certbot(&scene, "one", &["unregister"]));
    scene.did("deactivation");
    let bound = ["--eab-kid", KID, "--eab-hmac-key", MAC_KEY, "-d", "x.corp.test"];
    by_http(&scene, "bound", &bound);
    scene.judge(&live(&scene, "bound", "x.corp.test", "fullchain.pem"), &["x.corp.test"]);
    scene.did("external account");
    scene.report("RSA account key");
}

/// A certificate is renewed when its renewal information says so: not while it is new, at once when it was revoked.
fn renewal(scene: &Scene) {
    let port = scene.server.http01.to_string();
    let renew = |name| ["renew", "--no-random-sleep-on-renew", "--cert-name", name, "--http-01-port", &port];
    let early = scene.run(&mut certbot(scene, "one", &renew("w.test")));
    assert!(early.contains("not yet due"), "{early}");
    scene.run(&mut certbot(scene, "one", &["revoke", "--cert-name", "a.test", "--no-delete-after-revoke"]));
    // It asks for a certificate's renewal information again only after the Retry-After, so this one was not asked for.
    let due = scene.run(&mut certbot(scene, "one", &renew("a.test")));
    assert!(due.contains("Congratulations"), "ari: a revoked certificate is due: {due}");
    scene.judge(&live(scene, "one", "a.test", "fullchain.pem"), &["a.test", "b.test"]);
    scene.did("ARI");
    scene.run(&mut certbot(scene, "one", &[&renew("a.test")[..], &["--force-renewal"]].concat()));
}

/// As docs/CLIENTS.md says.
#[test]
fn certbot_recovers_from_lost_accounts() {
    let scene = Scene::start("certbot", &[]);
    let names = ["-d", "a.test", "-d", "b.test"];
    by_http(&scene, "one", &names);
    let scene = scene.restart_without_accounts();
    let port = scene.server.http01.to_string();
    let renew = ["renew", "--force-renewal", "--no-random-sleep-on-renew", "--http-01-port", &port];
    let failed = scene.run_until(&mut certbot(&scene, "one", &renew), 1);
    assert!(failed.contains("accountDoesNotExist") || failed.contains("There is no account"), "{failed}");
    let host = format!("accounts/127.0.0.1:{}", scene.server.port());
    std::fs::remove_dir_all(scene.path("one").join(host)).unwrap();
    scene.run(&mut certbot(&scene, "one", &[&["register"][..], &SETTLED].concat()));
    by_http(&scene, "one", &[&["--cert-name", "a.test", "--force-renewal"][..], &names].concat());
    let renewed = scene.run(&mut certbot(&scene, "one", &renew));
    assert!(renewed.contains("Congratulations"), "{renewed}");
    scene.judge(&live(&scene, "one", "a.test", "fullchain.pem"), &["a.test", "b.test"]);
    scene.report("all accounts lost");
}

#[test]
fn certbot_retries_refused_nonces() {
    let scene = Scene::start("certbot", &["--refuse-nonces", "50"]);
    scene.version(VERSION);
    by_http(&scene, "one", &["-d", "a.test", "-d", "b.test"]);
    by_dns(&scene, "one", &["-d", "w.test", "-d", "*.w.test"]);
    scene.run(&mut certbot(&scene, "one", &["revoke", "--cert-name", "w.test", "--no-delete-after-revoke"]));
    scene.did("http-01, dns-01, revocation");
    scene.report("half of the nonces refused");
}

/// FU-03: what is refused is told name by name, so that certbot gets a certificate for the others.
#[test]
fn certbot_continues_without_refused_names() {
    let scene = Scene::start("certbot", &["--set", r#"POLICY={"deny":["no.test","*.never.test"]}"#]);
    scene.version(VERSION);
    for (folder, names, left) in [
        ("one", &["a.test", "no.test"][..], &["a.test"][..]),
        ("several", &["no.test", "b.test", "x.never.test", "c.test"], &["b.test", "c.test"]),
    ] {
        let asked: Vec<&str> = names.iter().flat_map(|name| ["-d", name]).collect();
        by_http(&scene, folder, &[&["--allow-subset-of-names", "--cert-name", "subset"][..], &asked].concat());
        let chain = live(&scene, folder, "subset", "fullchain.pem");
        scene.judge(&chain, left);
        let mut shown = Command::new("openssl");
        let shown = scene.run(shown.args(["x509", "-noout", "-ext", "subjectAltName", "-in"]).arg(&chain));
        for name in names.iter().filter(|name| !left.contains(name)) {
            assert!(!shown.contains(name), "{shown}");
        }
    }
    scene.did("--allow-subset-of-names");
    scene.report("RSA account key");
}
