//! certbot, from PyPI.

use super::fixture::{Fixture, KID, MAC_KEY};
use crate::common::packages::venv::venv;
use std::path::PathBuf;
use std::process::Command;

const VERSION: &str = "5.8.0";
const SETTLED: [&str; 2] = ["--agree-tos", "--register-unsafely-without-email"];

/// certbot with files of its own in this folder, and these arguments.
fn certbot(fixture: &Fixture, folder: &str, arguments: &[&str]) -> Command {
    let folder = fixture.path(folder);
    let program = venv("certbot", &format!("certbot=={VERSION}\n")).join("bin/certbot");
    let mut command = Command::new(program);
    command.args(arguments).args(["-n", "--server", fixture.server.fact("directory")]);
    for option in ["--config-dir", "--work-dir", "--logs-dir"] {
        command.arg(option).arg(&folder);
    }
    command.env("REQUESTS_CA_BUNDLE", fixture.server.fact("root"));
    command
}

/// Obtains by http-01.
fn by_http(fixture: &Fixture, folder: &str, arguments: &[&str]) {
    fixture.run(&mut http_command(fixture, folder, arguments));
}

/// The command that obtains by http-01.
pub fn http_command(fixture: &Fixture, folder: &str, arguments: &[&str]) -> Command {
    let port = fixture.server.http01.to_string();
    let standalone = ["certonly", "--standalone", "--http-01-port", &port, "--http-01-address", "127.0.0.1"];
    certbot(fixture, folder, &[&standalone[..], &SETTLED, arguments].concat())
}

/// Obtains by dns-01.
pub fn by_dns(fixture: &Fixture, folder: &str, arguments: &[&str]) {
    let hook = |operation: &str| {
        let body = r#"{\"fqdn\":\"_acme-challenge.$CERTBOT_DOMAIN\",\"value\":\"$CERTBOT_VALIDATION\"}"#;
        format!("curl -sf -o /dev/null -d \"{body}\" {}/{operation}", fixture.server.fact("management"))
    };
    let (present, cleanup) = (hook("present"), hook("cleanup"));
    let manual = ["certonly", "--manual", "--preferred-challenges", "dns", "--manual-auth-hook", &present];
    let manual = [&manual[..], &["--manual-cleanup-hook", &cleanup], &SETTLED, arguments].concat();
    fixture.run(&mut certbot(fixture, folder, &manual));
}

pub fn live(fixture: &Fixture, folder: &str, name: &str, file: &str) -> PathBuf {
    fixture.path(folder).join("live").join(name).join(file)
}

#[test]
fn certbot_supports_all_its_operations() {
    let fixture = Fixture::start("certbot", &[]);
    fixture.version(VERSION);
    by_http(&fixture, "one", &["-d", "a.test", "-d", "b.test"]);
    fixture.judge(&live(&fixture, "one", "a.test", "fullchain.pem"), &["a.test", "b.test"]);
    fixture.did("http-01");
    by_dns(&fixture, "one", &["-d", "w.test", "-d", "*.w.test", "--key-type", "rsa"]);
    fixture.judge(&live(&fixture, "one", "w.test", "fullchain.pem"), &["w.test", "any.w.test"]);
    fixture.did("dns-01, wildcard");
    by_http(&fixture, "one", &["--ip-address", "127.0.0.1", "--preferred-profile", "shortlived"]);
    fixture.judge(&live(&fixture, "one", "127.0.0.1", "fullchain.pem"), &["127.0.0.1"]);
    fixture.ends_within(&live(&fixture, "one", "127.0.0.1", "fullchain.pem"), 7);
    fixture.did("IP address, profile");
    let fixture = fixture.restart();
    fixture.run(&mut certbot(&fixture, "one", &["update_account", "-m", "you@example.test"]));
    fixture.did("account update");
    renewal(&fixture);
    fixture.run(&mut certbot(&fixture, "one", &["revoke", "--cert-name", "w.test", "--no-delete-after-revoke"]));
    let (cert, key) = (live(&fixture, "one", "a.test", "cert.pem"), live(&fixture, "one", "a.test", "privkey.pem"));
    let by_key = ["revoke", "--cert-path", cert.to_str().unwrap(), "--key-path", key.to_str().unwrap()];
    fixture.run(&mut certbot(&fixture, "nobody", &[&by_key[..], &["--no-delete-after-revoke"]].concat()));
    fixture.did("revocation by account and by key");
    fixture.run(&mut certbot(&fixture, "one", &["unregister"]));
    fixture.did("deactivation");
    let bound = ["--eab-kid", KID, "--eab-hmac-key", MAC_KEY, "-d", "x.corp.test"];
    by_http(&fixture, "bound", &bound);
    fixture.judge(&live(&fixture, "bound", "x.corp.test", "fullchain.pem"), &["x.corp.test"]);
    fixture.did("external account");
    fixture.report("RSA account key");
}

/// The client renews by renewal information: not a new certificate, a revoked one at once.
fn renewal(fixture: &Fixture) {
    let port = fixture.server.http01.to_string();
    let renew = |name| ["renew", "--no-random-sleep-on-renew", "--cert-name", name, "--http-01-port", &port];
    let early = fixture.run(&mut certbot(fixture, "one", &renew("w.test")));
    assert!(early.contains("not yet due"), "{early}");
    fixture.run(&mut certbot(fixture, "one", &["revoke", "--cert-name", "a.test", "--no-delete-after-revoke"]));
    // It asks for a certificate's renewal information again only after the Retry-After, so this one was not asked for.
    let due = fixture.run(&mut certbot(fixture, "one", &renew("a.test")));
    assert!(due.contains("Congratulations"), "ari: a revoked certificate is due: {due}");
    fixture.judge(&live(fixture, "one", "a.test", "fullchain.pem"), &["a.test", "b.test"]);
    fixture.did("ARI");
    fixture.run(&mut certbot(fixture, "one", &[&renew("a.test")[..], &["--force-renewal"]].concat()));
}

/// As docs/CLIENTS.md says.
#[test]
fn certbot_recovers_from_lost_accounts() {
    let fixture = Fixture::start("certbot", &[]);
    let names = ["-d", "a.test", "-d", "b.test"];
    by_http(&fixture, "one", &names);
    let fixture = fixture.restart_without_accounts();
    let port = fixture.server.http01.to_string();
    let renew = ["renew", "--force-renewal", "--no-random-sleep-on-renew", "--http-01-port", &port];
    let failed = fixture.run_until(&mut certbot(&fixture, "one", &renew), 1);
    assert!(failed.contains("accountDoesNotExist") || failed.contains("There is no account"), "{failed}");
    let host = format!("accounts/127.0.0.1:{}", fixture.server.port());
    std::fs::remove_dir_all(fixture.path("one").join(host)).unwrap();
    fixture.run(&mut certbot(&fixture, "one", &[&["register"][..], &SETTLED].concat()));
    by_http(&fixture, "one", &[&["--cert-name", "a.test", "--force-renewal"][..], &names].concat());
    let renewed = fixture.run(&mut certbot(&fixture, "one", &renew));
    assert!(renewed.contains("Congratulations"), "{renewed}");
    fixture.judge(&live(&fixture, "one", "a.test", "fullchain.pem"), &["a.test", "b.test"]);
    fixture.report("all accounts lost");
}

/// Obtains at a CA that is restored later.
pub fn before_a_restore(fixture: &Fixture) {
    by_dns(fixture, "kept", &["-d", "certbot.test"]);
}

/// Renews and revokes at the restored CA.
pub fn after_a_restore(fixture: &Fixture) {
    let renew = ["renew", "--force-renewal", "--no-random-sleep-on-renew"];
    let renewed = fixture.run(&mut certbot(fixture, "kept", &renew));
    assert!(renewed.contains("Congratulations"), "{renewed}");
    fixture.judge(&live(fixture, "kept", "certbot.test", "fullchain.pem"), &["certbot.test"]);
    fixture.run(&mut certbot(fixture, "kept", &["revoke", "--cert-name", "certbot.test", "--no-delete-after-revoke"]));
}

#[test]
fn certbot_retries_refused_nonces() {
    let fixture = Fixture::start("certbot", &["--refuse-nonces", "50"]);
    fixture.version(VERSION);
    by_http(&fixture, "one", &["-d", "a.test", "-d", "b.test"]);
    by_dns(&fixture, "one", &["-d", "w.test", "-d", "*.w.test"]);
    fixture.run(&mut certbot(&fixture, "one", &["revoke", "--cert-name", "w.test", "--no-delete-after-revoke"]));
    fixture.did("http-01, dns-01, revocation");
    fixture.report("half of the nonces refused");
}

/// FU-03: each refused name is reported, so that certbot gets the others certified.
#[test]
fn certbot_continues_without_refused_names() {
    let fixture = Fixture::start("certbot", &["--set", r#"POLICY={"deny":["no.test","*.never.test"]}"#]);
    fixture.version(VERSION);
    for (folder, names, left) in [
        ("one", &["a.test", "no.test"][..], &["a.test"][..]),
        ("several", &["no.test", "b.test", "x.never.test", "c.test"], &["b.test", "c.test"]),
    ] {
        let asked: Vec<&str> = names.iter().flat_map(|name| ["-d", name]).collect();
        by_http(&fixture, folder, &[&["--allow-subset-of-names", "--cert-name", "subset"][..], &asked].concat());
        let chain = live(&fixture, folder, "subset", "fullchain.pem");
        fixture.judge(&chain, left);
        let mut shown = Command::new("openssl");
        let shown = fixture.run(shown.args(["x509", "-noout", "-ext", "subjectAltName", "-in"]).arg(&chain));
        for name in names.iter().filter(|name| !left.contains(name)) {
            assert!(!shown.contains(name), "{shown}");
        }
    }
    fixture.did("--allow-subset-of-names");
    fixture.report("RSA account key");
}
