//! lego, from Debian's packages.

use super::scene::{KID, MAC_KEY, Scene};
use crate::common::packages::debian;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// lego with files of its own in this folder.
pub struct Lego {
    program: PathBuf,
    folder: &'static str,
    key_type: &'static str,
}

impl Lego {
    pub fn new(scene: &Scene, folder: &'static str, key_type: &'static str) -> Self {
        let package = debian::release("lego", "4.");
        scene.version(package.version.as_str());
        Self { program: package.root.join("usr/bin/lego"), folder, key_type }
    }

    fn command(&self, scene: &Scene, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["--server", scene.server.fact("directory"), "--accept-tos", "--email", "you@example.test"]);
        command.args(["--key-type", self.key_type, "--path"]).arg(scene.path(self.folder)).args(arguments);
        command.env("LEGO_CA_CERTIFICATES", scene.server.fact("root"));
        command.env("HTTPREQ_ENDPOINT", scene.server.fact("management"));
        command
    }

    /// Obtains by http-01.
    fn by_http(&self, scene: &Scene, names: &[&str], options: &[&str]) {
        let port = format!("127.0.0.1:{}", scene.server.http01);
        scene.run(&mut self.command(scene, &[names, &["--http", "--http.port", &port, "run"], options].concat()));
    }

    /// Obtains by tls-alpn-01.
    fn by_tls(&self, scene: &Scene, names: &[&str]) {
        let port = format!("127.0.0.1:{}", scene.server.tls_alpn);
        scene.run(&mut self.command(scene, &[names, &["--tls", "--tls.port", &port, "run"]].concat()));
    }

    /// Obtains by dns-01.
    pub fn by_dns(&self, scene: &Scene, names: &[&str], options: &[&str]) {
        let dns = ["--dns", "httpreq", "--dns.resolvers", scene.server.fact("dns"), "--dns.propagation-disable-ans"];
        scene.run(&mut self.command(scene, &[names, &dns, &["run"], options].concat()));
    }

    /// The chain for the certificate whose first name is `name`.
    pub fn chain(&self, scene: &Scene, name: &str) -> PathBuf {
        scene.path(self.folder).join(format!("certificates/{name}.crt"))
    }
}

#[test]
fn lego_supports_all_its_operations() {
    let scene = Scene::start("lego", &[]);
    let lego = Lego::new(&scene, "ec", "ec256");
    lego.by_http(&scene, &["-d", "l.test", "-d", "ll.test"], &[]);
    scene.judge(&lego.chain(&scene, "l.test"), &["l.test", "ll.test"]);
    scene.did("http-01");
    lego.by_dns(&scene, &["-d", "m.test", "-d", "*.m.test"], &[]);
    scene.judge(&lego.chain(&scene, "m.test"), &["m.test", "any.m.test"]);
    scene.did("dns-01, wildcard");
    lego.by_tls(&scene, &["-d", "tls.test", "-d", "stls.test"]);
    scene.judge(&lego.chain(&scene, "tls.test"), &["tls.test", "stls.test"]);
    scene.did("tls-alpn-01");
    lego.by_http(&scene, &["-d", "127.0.0.1", "--disable-cn"], &["--profile", "shortlived"]);
    let chain = lego.chain(&scene, "127.0.0.1");
    scene.judge(&chain, &["127.0.0.1"]);
    scene.ends_within(&chain, 7);
    scene.did("IP address, profile");
    let scene = scene.restart();
    renewal(&scene, &lego);
    scene.run(&mut lego.command(&scene, &["-d", "m.test", "revoke"]));
    scene.did("revocation");
    let rsa = Lego::new(&scene, "rsa", "rsa2048");
    rsa.by_http(&scene, &["-d", "r.test"], &[]);
    scene.judge(&rsa.chain(&scene, "r.test"), &["r.test"]);
    rsa.by_tls(&scene, &["-d", "127.0.0.1", "--disable-cn"]);
    scene.judge(&rsa.chain(&scene, "127.0.0.1"), &["127.0.0.1"]);
    scene.did("IP address by tls-alpn-01");
    scene.run(&mut rsa.command(&scene, &["-d", "r.test", "revoke"]));
    scene.did("RSA account key");
    let bound = Lego::new(&scene, "bound", "ec384");
    bound.by_http(&scene, &["-d", "x.corp.test", "--eab", "--kid", KID, "--hmac", MAC_KEY], &[]);
    scene.judge(&bound.chain(&scene, "x.corp.test"), &["x.corp.test"]);
    scene.did("external account, P-384 account key");
    scene.report("ECDSA account key");
}

/// A certificate is renewed when its renewal information says so: not while it is new, at once when it was revoked.
fn renewal(scene: &Scene, lego: &Lego) {
    let port = format!("127.0.0.1:{}", scene.server.http01);
    let names = ["-d", "l.test", "-d", "ll.test"];
    let renew = [&names[..], &["--http", "--http.port", &port, "renew", "--no-random-sleep", "--dynamic"]].concat();
    let old = fs::read(lego.chain(scene, "l.test")).unwrap();
    let early = scene.run(&mut lego.command(scene, &renew));
    assert!(early.contains("renewalInfo endpoint indicates that renewal is not needed"), "{early}");
    assert_eq!(fs::read(lego.chain(scene, "l.test")).unwrap(), old, "{early}");
    scene.run(&mut lego.command(scene, &[&names[..], &["revoke", "--keep"]].concat()));
    let due = scene.run(&mut lego.command(scene, &renew));
    assert!(due.contains("renewalInfo endpoint indicates that renewal is needed"), "{due}");
    assert_ne!(fs::read(lego.chain(scene, "l.test")).unwrap(), old, "{due}");
    scene.judge(&lego.chain(scene, "l.test"), &["l.test", "ll.test"]);
    scene.did("ARI");
}

/// As docs/CLIENTS.md says.
#[test]
fn lego_recovers_from_lost_accounts() {
    let scene = Scene::start("lego", &[]);
    let lego = Lego::new(&scene, "ec", "ec256");
    lego.by_http(&scene, &["-d", "l.test"], &[]);
    let scene = scene.restart_without_accounts();
    let port = format!("127.0.0.1:{}", scene.server.http01);
    let renew = ["-d", "l.test", "--http", "--http.port", &port, "renew", "--no-random-sleep", "--days", "1000"];
    let failed = scene.run_until(&mut lego.command(&scene, &renew), 1);
    assert!(failed.contains("accountDoesNotExist"), "{failed}");
    let host = format!("accounts/127.0.0.1_{}", scene.server.port());
    fs::remove_dir_all(scene.path("ec").join(host)).unwrap();
    lego.by_http(&scene, &["-d", "l.test"], &[]);
    scene.run(&mut lego.command(&scene, &renew));
    scene.judge(&lego.chain(&scene, "l.test"), &["l.test"]);
    scene.report("all accounts lost");
}

#[test]
fn lego_retries_refused_nonces() {
    let scene = Scene::start("lego", &["--refuse-nonces", "50"]);
    let lego = Lego::new(&scene, "ec", "ec256");
    lego.by_http(&scene, &["-d", "l.test"], &[]);
    lego.by_dns(&scene, &["-d", "m.test", "-d", "*.m.test"], &[]);
    lego.by_tls(&scene, &["-d", "tls.test"]);
    scene.run(&mut lego.command(&scene, &["-d", "m.test", "revoke"]));
    scene.did("http-01, dns-01, tls-alpn-01, revocation");
    scene.report("half of the nonces refused");
}
