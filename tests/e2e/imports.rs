//! End to end: certificates of OpenSSL are imported, and it sees their revocation.
//!
//! Some are signed with the key of this CA's issuer, one with another.

use crate::common::companion::companion;
use crate::common::server::Server;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

fn openssl(folder: &Path, arguments: &[&str]) -> Output {
    Command::new("openssl").args(arguments).current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

fn run(folder: &Path, arguments: &[&str]) {
    let output = openssl(folder, arguments);
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Issues a certificate with OpenSSL, as `NAME.pem`.
fn certify(folder: &Path, name: &str, (ca, key): (&str, &str), serial: &str, more: &str) {
    let file = |end: &str| format!("{name}.{end}");
    run(folder, &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &file("key")]);
    let subject = format!("/CN={name}.test");
    run(folder, &["req", "-new", "-key", &file("key"), "-subj", &subject, "-out", &file("csr")]);
    let extensions = format!(
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n\
         authorityKeyIdentifier=keyid\nsubjectAltName=DNS:{name}.test\n{more}\n"
    );
    fs::write(folder.join(file("cnf")), extensions).unwrap();
    let (csr, pem, cnf) = (file("csr"), file("pem"), file("cnf"));
    let fixed = ["x509", "-req", "-in", &csr, "-out", &pem, "-extfile", &cnf, "-days", "30", "-set_serial", serial];
    run(folder, &[&fixed[..], &["-CA", ca, "-CAkey", key]].concat());
}

/// One of the companion's commands.
pub fn selvedge(state: &Path, arguments: &[&str]) -> Output {
    let mut command = companion();
    command.args(arguments).arg("--state").arg(state.join("ca")).stdin(Stdio::null());
    command.env_remove("SELVEDGE_URL").env_remove("SELVEDGE_TOKEN").output().unwrap()
}

pub fn answer(state: &Path, arguments: &[&str]) -> Value {
    let output = selvedge(state, &[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What OpenSSL says of a certificate, by all lists of the CA. Empty if it is good.
pub fn verdict(server: &Server, name: &str) -> String {
    let url = server.fact("directory").replace("/directory", "/crl/all.pem");
    let lists = ureq::get(&url).call().unwrap().body_mut().read_to_string().unwrap();
    fs::write(server.state.join("all.pem"), lists).unwrap();
    let leaf = format!("{name}.pem");
    let fixed = ["verify", "-crl_check", "-CAfile", "ca/root.pem", "-untrusted", "ca/intermediate.pem"];
    let output = openssl(&server.state, &[&fixed[..], &["-CRLfile", "all.pem", &leaf]].concat());
    if output.status.success() { String::new() } else { String::from_utf8_lossy(&output.stderr).into_owned() }
}

pub fn revoked_within_a_minute(server: &Server, name: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let said = verdict(server, name);
        if said.contains("certificate revoked") {
            return;
        }
        assert!(said.is_empty() && Instant::now() < deadline, "{name}: {said}");
        sleep(Duration::from_millis(500));
    }
}

#[test]
fn certificates_of_openssl_are_imported_and_openssl_sees_their_revocation() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path();
    let server = Server::start_with(state, 0, &["--plain-http"]);
    let ours = ("ca/intermediate.pem", "ca/intermediate.key");
    certify(state, "plain", ours, "0xF123456789ABCDEF0123456789ABCDEF01234567", "");
    certify(state, "pointed", ours, "0x1001", "crlDistributionPoints=URI:http://old.test/ca.crl");
    certify(state, "lost", ours, "0x1002", "");
    let new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"];
    run(state, &[&new[..], &["-subj", "/CN=Old CA", "-keyout", "old.key", "-out", "old.pem"]].concat());
    certify(state, "theirs", ("old.pem", "old.key"), "0x1001", "");
    // What OpenSSL's list has is revoked from the beginning.
    let configuration = "[ca]\ndefault_ca=this\n[this]\ndatabase=index\ncrlnumber=number\ndefault_md=sha256\n";
    for (file, text) in [("ca.cnf", configuration), ("index", ""), ("number", "01\n")] {
        fs::write(state.join(file), text).unwrap();
    }
    let signer = ["ca", "-config", "ca.cnf", "-cert", ours.0, "-keyfile", ours.1];
    run(state, &[&signer[..], &["-revoke", "lost.pem", "-crl_reason", "superseded"]].concat());
    run(state, &[&signer[..], &["-gencrl", "-crldays", "30", "-out", "old.crl"]].concat());

    let path = |name: &str| state.join(name).display().to_string();
    let files = ["plain.pem", "pointed.pem", "lost.pem", "theirs.pem", "ca/intermediate.pem"].map(path);
    let crl = path("old.crl");
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let import = [&["certs", "import"], &files[..], &["--crl", &crl]].concat();
    let told = answer(state, &[&import[..], &["--dry-run"]].concat());
    assert_eq!((&told["imported"], &told["foreign"]), (&4.into(), &1.into()), "{told}");
    assert_eq!(answer(state, &["certs", "list", "--status", "all"])["certificates"], Value::Array(Vec::new()));
    assert_eq!(answer(state, &import)["imported"], 4);
    let again = answer(state, &import);
    assert_eq!((&again["imported"], &again["revoked"], &again["known"]), (&0.into(), &0.into(), &4.into()));
    let listed = answer(state, &["certs", "list", "--status", "all", "--origin", "imported"]);
    assert_eq!(listed["certificates"].as_array().unwrap().len(), 4);

    revoked_within_a_minute(&server, "lost");
    for name in ["plain", "pointed"] {
        assert_eq!(verdict(&server, name), "", "{name} is good");
    }
    let serial = "00f123456789abcdef0123456789abcdef01234567";
    for serial in [serial, "1001"] {
        let output = selvedge(state, &["certs", "revoke", serial, "--reason", "superseded", "--yes"]);
        assert!(output.status.success(), "{serial}: {}", String::from_utf8_lossy(&output.stderr));
    }
    for name in ["plain", "pointed"] {
        revoked_within_a_minute(&server, name);
    }
    // The other CA's has the same serial number, and is revoked there.
    let foreign = answer(state, &["certs", "list", "--origin", "foreign"])["certificates"][0].clone();
    assert_eq!((&foreign["imported"]["foreign"], &foreign["status"]), (&"Old CA".into(), &"valid".into()));
    // All of it is there after a crash.
    let server = server.crash();
    assert_eq!(answer(state, &import)["known"], 4);
    revoked_within_a_minute(&server, "plain");
}
