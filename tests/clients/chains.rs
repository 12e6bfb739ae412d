//! Alternate chains: a client that was told a root's name finds the chain to it.

use super::acme_sh::AcmeSh;
use super::certbot;
use super::lego::Lego;
use super::scene::Scene;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a cross-signed issuer says; its key identifier is the issuer's own.
const EXTENSIONS: &str = "basicConstraints=critical,CA:TRUE,pathlen:0
keyUsage=critical,keyCertSign,cRLSign
extendedKeyUsage=serverAuth,clientAuth
authorityKeyIdentifier=keyid
subjectKeyIdentifier=";

fn openssl(scene: &Scene, arguments: &str, further: &[&Path]) -> String {
    scene.run(Command::new("openssl").args(arguments.split(' ')).args(further))
}

/// A new root of this name, and the issuer of the scene's server cross-signed by it, as PEM.
fn cross_signed(scene: &Scene, name: &str) -> (PathBuf, String) {
    let state = Path::new(scene.server.fact("root")).parent().unwrap();
    let (issuer, issuer_key) = (state.join("intermediate.pem"), state.join("intermediate.key"));
    let file = |extension: &str| scene.path(&format!("{name}.{extension}"));
    let (root, key, request, cross, extensions) = (file("pem"), file("key"), file("csr"), file("cross"), file("ext"));
    let new =
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 9 -addext keyUsage=critical,keyCertSign";
    openssl(scene, &format!("{new} -subj /CN={name}"), &[Path::new("-keyout"), &key, Path::new("-out"), &root]);
    let told = openssl(scene, "x509 -noout -ext subjectKeyIdentifier -in", &[&issuer]);
    fs::write(&extensions, format!("{EXTENSIONS}{}\n", told.lines().nth(1).unwrap().trim())).unwrap();
    let from = [&*issuer, Path::new("-signkey"), &issuer_key, Path::new("-out"), &request];
    openssl(scene, "x509 -x509toreq -in", &from);
    let by = [&*request, Path::new("-CA"), &root, Path::new("-CAkey"), &key, Path::new("-extfile"), &extensions];
    openssl(scene, "x509 -req -days 9 -in", &[&by[..], &[Path::new("-out"), &cross]].concat());
    (root, fs::read_to_string(cross).unwrap())
}

#[test]
fn clients_find_alternate_chains() {
    let mut scene = Scene::start("certbot, lego, acme.sh", &[]);
    let (first, first_cross) = cross_signed(&scene, "FirstRoot");
    let (second, second_cross) = cross_signed(&scene, "SecondRoot");
    scene.serve_webroot();
    let scene = scene.restart_with(&["--set", &format!("ALTERNATE_CHAINS={first_cross}{second_cross}")]);
    // All alternates stand in one Link line, of which acme.sh reads the first.
    let acme_sh = AcmeSh::new(&scene, "acme.sh", "ec-256");
    acme_sh.register(&scene, &[]);
    acme_sh.by_http(&scene, &["-d", "s.test", "--preferred-chain", "FirstRoot"]);
    scene.judge_by(&first, &acme_sh.chain("s.test"), &["s.test"]);
    acme_sh.by_http(&scene, &["-d", "own.test"]);
    scene.judge(&acme_sh.chain("own.test"), &["own.test"]);
    let dns = ["--preferred-chain", "SecondRoot", "-d", "c.test"];
    certbot::by_dns(&scene, "certbot", &dns);
    scene.judge_by(&second, &certbot::live(&scene, "certbot", "c.test", "fullchain.pem"), &["c.test"]);
    let lego = Lego::new(&scene, "lego", "ec256");
    lego.by_dns(&scene, &["-d", "l.test"], &["--preferred-chain", "SecondRoot"]);
    scene.judge_by(&second, &lego.chain(&scene, "l.test"), &["l.test"]);
    scene.version("");
    scene.did("alternate chain (acme.sh: the first)");
    scene.report("two alternate chains");
}
