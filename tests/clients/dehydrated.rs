//! dehydrated, a shell script, from Debian's packages.

use super::fixture::{Fixture, KID, MAC_KEY};
use crate::common::packages::debian;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

/// Sets the records of dns-01.
const HOOK: &str = r#"#!/bin/sh
record() { curl -sf -o /dev/null -d "{\"fqdn\":\"_acme-challenge.$2\",\"value\":\"$3\"}" "$MANAGEMENT/$1"; }
case "$1" in
  deploy_challenge) record present "$2" "$4" ;;
  clean_challenge) record cleanup "$2" "$4" ;;
esac
"#;

const EC: &str = "ACCOUNT_KEY_ALGO=prime256v1\n";
const RSA: &str = "ACCOUNT_KEY_ALGO=rsa\nACCOUNT_KEYSIZE=2048\nKEY_ALGO=rsa\nKEYSIZE=2048\n";

/// dehydrated with an account, its files in this folder.
pub struct Dehydrated {
    program: PathBuf,
    folder: PathBuf,
}

impl Dehydrated {
    fn new(fixture: &Fixture, folder: &str, settings: &str) -> Self {
        let package = debian::release("dehydrated", "0.7.");
        fixture.version(package.version.as_str());
        let (program, folder) = (package.root.join("usr/bin/dehydrated"), fixture.path(folder));
        fs::create_dir_all(&folder).unwrap();
        let (root, challenges) = (fixture.server.fact("root"), fixture.challenges());
        let hook = folder.join("hook.sh");
        fs::write(&hook, HOOK).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        let config = format!(
            "CA={}\nCURL_OPTS=\"--cacert {root}\"\nBASEDIR={}\nWELLKNOWN={}\nCONTACT_EMAIL=you@example.test\n{settings}",
            fixture.server.fact("directory"),
            folder.display(),
            challenges.display()
        );
        fs::write(folder.join("config"), config).unwrap();
        let dehydrated = Self { program, folder };
        dehydrated.run(fixture, &["--register", "--accept-terms"]);
        dehydrated
    }

    fn command(&self, fixture: &Fixture, arguments: &[&str]) -> Command {
        let mut command = Command::new("bash");
        command.arg(&self.program).args(arguments).arg("--config").arg(self.folder.join("config"));
        command.env("MANAGEMENT", fixture.server.fact("management"));
        command
    }

    fn run(&self, fixture: &Fixture, arguments: &[&str]) -> String {
        fixture.run(&mut self.command(fixture, arguments))
    }

    fn file(&self, name: &str, file: &str) -> PathBuf {
        self.folder.join("certs").join(name).join(file)
    }
}

#[test]
fn dehydrated_supports_all_its_operations() {
    let mut fixture = Fixture::start("dehydrated", &[]);
    fixture.serve_webroot();
    // Mostly it waits, so it does so side by side.
    thread::scope(|scope| {
        scope.spawn(|| {
            let ec = Dehydrated::new(&fixture, "ec", EC);
            by_tls(&fixture, &ec);
            journey(&fixture, &ec);
            fixture.did("P-256 account key");
        });
        scope.spawn(|| {
            journey(&fixture, &Dehydrated::new(&fixture, "rsa", RSA));
            fixture.did("RSA account key");
        });
        scope.spawn(|| bound(&fixture));
    });
    fixture.report("each twice");
}

/// As docs/CLIENTS.md says.
#[test]
fn dehydrated_recovers_from_lost_accounts() {
    let mut fixture = Fixture::start("dehydrated", &[]);
    fixture.serve_webroot();
    let ec = Dehydrated::new(&fixture, "ec", EC);
    ec.run(&fixture, &["--cron", "-d", "d.test"]);
    let fixture = fixture.restart_without_accounts();
    let renew = ["--cron", "--force", "-d", "d.test"];
    let failed = fixture.run_until(&mut ec.command(&fixture, &renew), 1);
    assert!(failed.contains("accountDoesNotExist"), "{failed}");
    fs::remove_dir_all(ec.folder.join("accounts")).unwrap();
    ec.run(&fixture, &["--register", "--accept-terms"]);
    ec.run(&fixture, &renew);
    fixture.judge(&ec.file("d.test", "fullchain.pem"), &["d.test"]);
    fixture.report("all accounts lost");
}

/// Obtains at a CA that is restored later.
pub fn before_a_restore(fixture: &Fixture) -> Dehydrated {
    let ec = Dehydrated::new(fixture, "kept", EC);
    ec.run(fixture, &["--cron", "-d", "dehydrated.test"]);
    ec
}

/// Renews and revokes at the restored CA.
pub fn after_a_restore(fixture: &Fixture, ec: &Dehydrated) {
    let chain = ec.file("dehydrated.test", "fullchain.pem");
    let old = fs::read(&chain).unwrap();
    ec.run(fixture, &["--cron", "--force", "-d", "dehydrated.test"]);
    fixture.judge(&chain, &["dehydrated.test"]);
    assert_ne!(fs::read(&chain).unwrap(), old);
    ec.run(fixture, &["--revoke", ec.file("dehydrated.test", "cert.pem").to_str().unwrap()]);
}

fn bound(fixture: &Fixture) {
    let settings = format!("ACCOUNT_KEY_ALGO=secp384r1\nEAB_KID={KID}\nEAB_HMAC_KEY={MAC_KEY}\n");
    let bound = Dehydrated::new(fixture, "bound", &settings);
    bound.run(fixture, &["--cron", "-d", "x.corp.test"]);
    fixture.judge(&bound.file("x.corp.test", "fullchain.pem"), &["x.corp.test"]);
    fixture.did("external account, P-384 account key");
}

/// It puts its certificates into a folder.
fn by_tls(fixture: &Fixture, dehydrated: &Dehydrated) {
    let (alpn, responder) = fixture.serve_alpn();
    let by_tls = ["--cron", "-d", "tls.test ip:127.0.0.1", "-t", "tls-alpn-01", "--alpn", alpn.to_str().unwrap()];
    dehydrated.run(fixture, &by_tls);
    drop(responder);
    fixture.judge(&dehydrated.file("tls.test", "fullchain.pem"), &["tls.test", "127.0.0.1"]);
    fixture.did("tls-alpn-01, IP address");
}

fn journey(fixture: &Fixture, dehydrated: &Dehydrated) {
    dehydrated.run(fixture, &["--cron", "-d", "d.test dd.test"]);
    fixture.judge(&dehydrated.file("d.test", "fullchain.pem"), &["d.test", "dd.test"]);
    fixture.did("http-01");
    let hook = dehydrated.folder.join("hook.sh");
    let by_dns = ["--cron", "-d", "e.test *.e.test", "--alias", "wild", "-t", "dns-01", "-k", hook.to_str().unwrap()];
    dehydrated.run(fixture, &by_dns);
    fixture.judge(&dehydrated.file("wild", "fullchain.pem"), &["e.test", "any.e.test"]);
    fixture.did("dns-01, wildcard");
    dehydrated.run(fixture, &["--account"]);
    fixture.did("account update");
    // By the certificate's key it cannot: it looks for an account of that key first.
    dehydrated.run(fixture, &["--revoke", dehydrated.file("wild", "cert.pem").to_str().unwrap()]);
    fixture.did("revocation by account");
    dehydrated.run(fixture, &["--deactivate"]);
    fixture.did("deactivation");
}

#[test]
fn dehydrated_retries_refused_nonces() {
    let mut fixture = Fixture::start("dehydrated", &["--refuse-nonces", "50"]);
    fixture.serve_webroot();
    let dehydrated = Dehydrated::new(&fixture, "ec", EC);
    by_tls(&fixture, &dehydrated);
    journey(&fixture, &dehydrated);
    fixture.report("half of the nonces refused");
}
