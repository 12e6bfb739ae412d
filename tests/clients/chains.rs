//! Alternate chains: a client that was told a root's name finds the chain to it.

use super::acme_sh::AcmeSh;
use super::certbot;
use super::fixture::Fixture;
use super::lego::Lego;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a cross-signed issuer says; its key identifier is the issuer's own.
const EXTENSIONS: &str = "basicConstraints=critical,CA:TRUE,pathlen:0
keyUsage=critical,keyCertSign,cRLSign
extendedKeyUsage=serverAuth,clientAuth
authorityKeyIdentifier=keyid
subjectKeyIdentifier=";

fn openssl(fixture: &Fixture, arguments: &str, further: &[&Path]) -> String {
    fixture.run(Command::new("openssl").args(arguments.split(' ')).args(further))
}

/// A new root, and the server's issuer cross-signed by it, as PEM.
fn cross_signed(fixture: &Fixture, name: &str) -> (PathBuf, String) {
    let state = Path::new(fixture.server.fact("root")).parent().unwrap();
    let (issuer, issuer_key) = (state.join("intermediate.pem"), state.join("intermediate.key"));
    let file = |extension: &str| fixture.path(&format!("{name}.{extension}"));
    let (root, key, request, cross, extensions) = (file("pem"), file("key"), file("csr"), file("cross"), file("ext"));
    let new =
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 9 -addext keyUsage=critical,keyCertSign";
    openssl(fixture, &format!("{new} -subj /CN={name}"), &[Path::new("-keyout"), &key, Path::new("-out"), &root]);
    let told = openssl(fixture, "x509 -noout -ext subjectKeyIdentifier -in", &[&issuer]);
    fs::write(&extensions, format!("{EXTENSIONS}{}\n", told.lines().nth(1).unwrap().trim())).unwrap();
    let from = [&*issuer, Path::new("-signkey"), &issuer_key, Path::new("-out"), &request];
    openssl(fixture, "x509 -x509toreq -in", &from);
    let by = [&*request, Path::new("-CA"), &root, Path::new("-CAkey"), &key, Path::new("-extfile"), &extensions];
    openssl(fixture, "x509 -req -days 9 -in", &[&by[..], &[Path::new("-out"), &cross]].concat());
    (root, fs::read_to_string(cross).unwrap())
}

#[test]
fn clients_find_alternate_chains() {
    let mut fixture = Fixture::start("certbot, lego, acme.sh", &[]);
    let (first, first_cross) = cross_signed(&fixture, "FirstRoot");
    let (second, second_cross) = cross_signed(&fixture, "SecondRoot");
    fixture.serve_webroot();
    let fixture = fixture.restart_with(&["--set", &format!("ALTERNATE_CHAINS={first_cross}{second_cross}")]);
    // All alternates stand in one Link line, of which acme.sh reads the first.
    let acme_sh = AcmeSh::new(&fixture, "acme.sh", "ec-256");
    acme_sh.register(&fixture, &[]);
    acme_sh.by_http(&fixture, &["-d", "s.test", "--preferred-chain", "FirstRoot"]);
    fixture.judge_by(&first, &acme_sh.chain("s.test"), &["s.test"]);
    acme_sh.by_http(&fixture, &["-d", "own.test"]);
    fixture.judge(&acme_sh.chain("own.test"), &["own.test"]);
    let dns = ["--preferred-chain", "SecondRoot", "-d", "c.test"];
    certbot::by_dns(&fixture, "certbot", &dns);
    fixture.judge_by(&second, &certbot::live(&fixture, "certbot", "c.test", "fullchain.pem"), &["c.test"]);
    let lego = Lego::new(&fixture, "lego", "ec256");
    lego.by_dns(&fixture, &["-d", "l.test"], &["--preferred-chain", "SecondRoot"]);
    fixture.judge_by(&second, &lego.chain(&fixture, "l.test"), &["l.test"]);
    fixture.version("");
    fixture.did("alternate chain (acme.sh: the first)");
    fixture.report("two alternate chains");
}
