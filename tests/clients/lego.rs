//! lego, from Debian's packages.

use super::fixture::{Fixture, KID, MAC_KEY};
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
    pub fn new(fixture: &Fixture, folder: &'static str, key_type: &'static str) -> Self {
        let package = debian::release("lego", "4.");
        fixture.version(package.version.as_str());
        Self { program: package.root.join("usr/bin/lego"), folder, key_type }
    }

    fn command(&self, fixture: &Fixture, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["--server", fixture.server.fact("directory"), "--accept-tos", "--email", "you@example.test"]);
        command.args(["--key-type", self.key_type, "--path"]).arg(fixture.path(self.folder)).args(arguments);
        command.env("LEGO_CA_CERTIFICATES", fixture.server.fact("root"));
        command.env("HTTPREQ_ENDPOINT", fixture.server.fact("management"));
        command
    }

    /// Obtains by http-01.
    fn by_http(&self, fixture: &Fixture, names: &[&str], options: &[&str]) {
        fixture.run(&mut self.http_command(fixture, names, options));
    }

    /// The command that obtains by http-01.
    pub fn http_command(&self, fixture: &Fixture, names: &[&str], options: &[&str]) -> Command {
        let port = format!("127.0.0.1:{}", fixture.server.http01);
        self.command(fixture, &[names, &["--http", "--http.port", &port, "run"], options].concat())
    }

    /// Obtains by tls-alpn-01.
    fn by_tls(&self, fixture: &Fixture, names: &[&str]) {
        let port = format!("127.0.0.1:{}", fixture.server.tls_alpn);
        fixture.run(&mut self.command(fixture, &[names, &["--tls", "--tls.port", &port, "run"]].concat()));
    }

    /// Obtains by dns-01.
    pub fn by_dns(&self, fixture: &Fixture, names: &[&str], options: &[&str]) {
        let dns = ["--dns", "httpreq", "--dns.resolvers", fixture.server.fact("dns"), "--dns.propagation-disable-ans"];
        fixture.run(&mut self.command(fixture, &[names, &dns, &["run"], options].concat()));
    }

    /// The chain for the certificate whose first name is `name`.
    pub fn chain(&self, fixture: &Fixture, name: &str) -> PathBuf {
        fixture.path(self.folder).join(format!("certificates/{name}.crt"))
    }
}

#[test]
fn lego_supports_all_its_operations() {
    let fixture = Fixture::start("lego", &[]);
    let lego = Lego::new(&fixture, "ec", "ec256");
    lego.by_http(&fixture, &["-d", "l.test", "-d", "ll.test"], &[]);
    fixture.judge(&lego.chain(&fixture, "l.test"), &["l.test", "ll.test"]);
    fixture.did("http-01");
    lego.by_dns(&fixture, &["-d", "m.test", "-d", "*.m.test"], &[]);
    fixture.judge(&lego.chain(&fixture, "m.test"), &["m.test", "any.m.test"]);
    fixture.did("dns-01, wildcard");
    lego.by_tls(&fixture, &["-d", "tls.test", "-d", "stls.test"]);
    fixture.judge(&lego.chain(&fixture, "tls.test"), &["tls.test", "stls.test"]);
    fixture.did("tls-alpn-01");
    lego.by_http(&fixture, &["-d", "127.0.0.1", "--disable-cn"], &["--profile", "shortlived"]);
    let chain = lego.chain(&fixture, "127.0.0.1");
    fixture.judge(&chain, &["127.0.0.1"]);
    fixture.ends_within(&chain, 7);
    fixture.did("IP address, profile");
    let fixture = fixture.restart();
    renewal(&fixture, &lego);
    fixture.run(&mut lego.command(&fixture, &["-d", "m.test", "revoke"]));
    fixture.did("revocation");
    let rsa = Lego::new(&fixture, "rsa", "rsa2048");
    rsa.by_http(&fixture, &["-d", "r.test"], &[]);
    fixture.judge(&rsa.chain(&fixture, "r.test"), &["r.test"]);
    rsa.by_tls(&fixture, &["-d", "127.0.0.1", "--disable-cn"]);
    fixture.judge(&rsa.chain(&fixture, "127.0.0.1"), &["127.0.0.1"]);
    fixture.did("IP address by tls-alpn-01");
    fixture.run(&mut rsa.command(&fixture, &["-d", "r.test", "revoke"]));
    fixture.did("RSA account key");
    let bound = Lego::new(&fixture, "bound", "ec384");
    bound.by_http(&fixture, &["-d", "x.corp.test", "--eab", "--kid", KID, "--hmac", MAC_KEY], &[]);
    fixture.judge(&bound.chain(&fixture, "x.corp.test"), &["x.corp.test"]);
    fixture.did("external account, P-384 account key");
    fixture.report("ECDSA account key");
}

/// The client renews by renewal information: not a new certificate, a revoked one at once.
fn renewal(fixture: &Fixture, lego: &Lego) {
    let port = format!("127.0.0.1:{}", fixture.server.http01);
    let names = ["-d", "l.test", "-d", "ll.test"];
    let renew = [&names[..], &["--http", "--http.port", &port, "renew", "--no-random-sleep", "--dynamic"]].concat();
    let old = fs::read(lego.chain(fixture, "l.test")).unwrap();
    let early = fixture.run(&mut lego.command(fixture, &renew));
    assert!(early.contains("renewalInfo endpoint indicates that renewal is not needed"), "{early}");
    assert_eq!(fs::read(lego.chain(fixture, "l.test")).unwrap(), old, "{early}");
    fixture.run(&mut lego.command(fixture, &[&names[..], &["revoke", "--keep"]].concat()));
    let due = fixture.run(&mut lego.command(fixture, &renew));
    assert!(due.contains("renewalInfo endpoint indicates that renewal is needed"), "{due}");
    assert_ne!(fs::read(lego.chain(fixture, "l.test")).unwrap(), old, "{due}");
    fixture.judge(&lego.chain(fixture, "l.test"), &["l.test", "ll.test"]);
    fixture.did("ARI");
}

/// As docs/CLIENTS.md says.
#[test]
fn lego_recovers_from_lost_accounts() {
    let fixture = Fixture::start("lego", &[]);
    let lego = Lego::new(&fixture, "ec", "ec256");
    lego.by_http(&fixture, &["-d", "l.test"], &[]);
    let fixture = fixture.restart_without_accounts();
    let port = format!("127.0.0.1:{}", fixture.server.http01);
    let renew = ["-d", "l.test", "--http", "--http.port", &port, "renew", "--no-random-sleep", "--days", "1000"];
    let failed = fixture.run_until(&mut lego.command(&fixture, &renew), 1);
    assert!(failed.contains("accountDoesNotExist"), "{failed}");
    let host = format!("accounts/127.0.0.1_{}", fixture.server.port());
    fs::remove_dir_all(fixture.path("ec").join(host)).unwrap();
    lego.by_http(&fixture, &["-d", "l.test"], &[]);
    fixture.run(&mut lego.command(&fixture, &renew));
    fixture.judge(&lego.chain(&fixture, "l.test"), &["l.test"]);
    fixture.report("all accounts lost");
}

/// Obtains at a CA that is restored later.
pub fn before_a_restore(fixture: &Fixture) -> Lego {
    let lego = Lego::new(fixture, "kept", "ec256");
    lego.by_dns(fixture, &["-d", "lego.test"], &[]);
    lego
}

/// Renews and revokes at the restored CA.
pub fn after_a_restore(fixture: &Fixture, lego: &Lego) {
    let dns = ["--dns", "httpreq", "--dns.resolvers", fixture.server.fact("dns"), "--dns.propagation-disable-ans"];
    let renew = ["renew", "--no-random-sleep", "--days", "1000"];
    let old = fs::read(lego.chain(fixture, "lego.test")).unwrap();
    fixture.run(&mut lego.command(fixture, &[&["-d", "lego.test"], &dns[..], &renew].concat()));
    fixture.judge(&lego.chain(fixture, "lego.test"), &["lego.test"]);
    assert_ne!(fs::read(lego.chain(fixture, "lego.test")).unwrap(), old);
    fixture.run(&mut lego.command(fixture, &["-d", "lego.test", "revoke"]));
}

#[test]
fn lego_retries_refused_nonces() {
    let fixture = Fixture::start("lego", &["--refuse-nonces", "50"]);
    let lego = Lego::new(&fixture, "ec", "ec256");
    lego.by_http(&fixture, &["-d", "l.test"], &[]);
    lego.by_dns(&fixture, &["-d", "m.test", "-d", "*.m.test"], &[]);
    lego.by_tls(&fixture, &["-d", "tls.test"]);
    fixture.run(&mut lego.command(&fixture, &["-d", "m.test", "revoke"]));
    fixture.did("http-01, dns-01, tls-alpn-01, revocation");
    fixture.report("half of the nonces refused");
}
