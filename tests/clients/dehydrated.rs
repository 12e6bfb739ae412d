//! dehydrated, a shell script, from Debian's packages.

use super::scene::{KID, MAC_KEY, Scene};
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
struct Dehydrated {
    program: PathBuf,
    folder: PathBuf,
}

impl Dehydrated {
    fn new(scene: &Scene, folder: &str, settings: &str) -> Self {
        let package = debian::release("dehydrated", "0.7.");
        scene.version(package.version.as_str());
        let (program, folder) = (package.root.join("usr/bin/dehydrated"), scene.path(folder));
        fs::create_dir_all(&folder).unwrap();
        let (root, challenges) = (scene.server.fact("root"), scene.challenges());
        let hook = folder.join("hook.sh");
        fs::write(&hook, HOOK).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        let config = format!(
            "CA={}\nCURL_OPTS=\"--cacert {root}\"\nBASEDIR={}\nWELLKNOWN={}\nCONTACT_EMAIL=you@example.test\n{settings}",
            scene.server.fact("directory"),
            folder.display(),
            challenges.display()
        );
        fs::write(folder.join("config"), config).unwrap();
        let dehydrated = Self { program, folder };
        dehydrated.run(scene, &["--register", "--accept-terms"]);
        dehydrated
    }

    fn command(&self, scene: &Scene, arguments: &[&str]) -> Command {
        let mut command = Command::new("bash");
        command.arg(&self.program).args(arguments).arg("--config").arg(self.folder.join("config"));
        command.env("MANAGEMENT", scene.server.fact("management"));
        command
    }

    fn run(&self, scene: &Scene, arguments: &[&str]) -> String {
        scene.run(&mut self.command(scene, arguments))
    }

    fn file(&self, name: &str, file: &str) -> PathBuf {
        self.folder.join("certs").join(name).join(file)
    }
}

#[test]
fn dehydrated_supports_all_its_operations() {
    let mut scene = Scene::start("dehydrated", &[]);
    scene.serve_webroot();
    // Mostly it waits, so it does so side by side.
    thread::scope(|scope| {
        scope.spawn(|| {
            let ec = Dehydrated::new(&scene, "ec", EC);
            by_tls(&scene, &ec);
            journey(&scene, &ec);
            scene.did("P-256 account key");
        });
        scope.spawn(|| {
            journey(&scene, &Dehydrated::new(&scene, "rsa", RSA));
            scene.did("RSA account key");
        });
        scope.spawn(|| bound(&scene));
    });
    scene.report("each twice");
}

/// As docs/CLIENTS.md says.
#[test]
fn dehydrated_recovers_from_lost_accounts() {
    let mut scene = Scene::start("dehydrated", &[]);
    scene.serve_webroot();
    let ec = Dehydrated::new(&scene, "ec", EC);
    ec.run(&scene, &["--cron", "-d", "d.test"]);
    let scene = scene.restart_without_accounts();
    let renew = ["--cron", "--force", "-d", "d.test"];
    let failed = scene.run_until(&mut ec.command(&scene, &renew), 1);
    assert!(failed.contains("accountDoesNotExist"), "{failed}");
    fs::remove_dir_all(ec.folder.join("accounts")).unwrap();
    ec.run(&scene, &["--register", "--accept-terms"]);
    ec.run(&scene, &renew);
    scene.judge(&ec.file("d.test", "fullchain.pem"), &["d.test"]);
    scene.report("all accounts lost");
}

fn bound(scene: &Scene) {
    let settings = format!("ACCOUNT_KEY_ALGO=secp384r1\nEAB_KID={KID}\nEAB_HMAC_KEY={MAC_KEY}\n");
    let bound = Dehydrated::new(scene, "bound", &settings);
    bound.run(scene, &["--cron", "-d", "x.corp.test"]);
    scene.judge(&bound.file("x.corp.test", "fullchain.pem"), &["x.corp.test"]);
    scene.did("external account, P-384 account key");
}

/// It puts its certificates into a folder.
fn by_tls(scene: &Scene, dehydrated: &Dehydrated) {
    let (alpn, responder) = scene.serve_alpn();
    let by_tls = ["--cron", "-d", "tls.test ip:127.0.0.1", "-t", "tls-alpn-01", "--alpn", alpn.to_str().unwrap()];
    dehydrated.run(scene, &by_tls);
    drop(responder);
    scene.judge(&dehydrated.file("tls.test", "fullchain.pem"), &["tls.test", "127.0.0.1"]);
    scene.did("tls-alpn-01, IP address");
}

fn journey(scene: &Scene, dehydrated: &Dehydrated) {
    dehydrated.run(scene, &["--cron", "-d", "d.test dd.test"]);
    scene.judge(&dehydrated.file("d.test", "fullchain.pem"), &["d.test", "dd.test"]);
    scene.did("http-01");
    let hook = dehydrated.folder.join("hook.sh");
    let by_dns = ["--cron", "-d", "e.test *.e.test", "--alias", "wild", "-t", "dns-01", "-k", hook.to_str().unwrap()];
    dehydrated.run(scene, &by_dns);
    scene.judge(&dehydrated.file("wild", "fullchain.pem"), &["e.test", "any.e.test"]);
    scene.did("dns-01, wildcard");
    dehydrated.run(scene, &["--account"]);
    scene.did("account update");
    // By the certificate's key it cannot: it looks for an account of that key first.
    dehydrated.run(scene, &["--revoke", dehydrated.file("wild", "cert.pem").to_str().unwrap()]);
    scene.did("revocation by account");
    dehydrated.run(scene, &["--deactivate"]);
    scene.did("deactivation");
}

#[test]
fn dehydrated_retries_refused_nonces() {
    let mut scene = Scene::start("dehydrated", &["--refuse-nonces", "50"]);
    scene.serve_webroot();
    let dehydrated = Dehydrated::new(&scene, "ec", EC);
    by_tls(&scene, &dehydrated);
    journey(&scene, &dehydrated);
    scene.report("half of the nonces refused");
}
