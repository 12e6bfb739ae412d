//! End to end: a CA that is kept. Its keys are made by the ceremony, its issuer is rotated, certificates are revoked and
//! OpenSSL refuses them by the CRL; and what is lost is put back.

use crate::common::companion::companion;
use crate::common::server::Server;
use crate::common::wire::{Wire, body};
use der::{Decode, Encode};
use selvedge::pki::ceremony::{self, CertAndKey};
use selvedge::pki::pem;
use selvedge::values::native_crypto::NativeKey;
use selvedge::values::{SigAlg, Time, b64};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_cert::Certificate;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{AuthorityInfoAccessSyntax, CrlDistributionPoints};

/// Longer than revocations are gathered, and a CRL kept in memory.
const GATHERED: Duration = Duration::from_secs(16);

fn now() -> Time {
    Time::from_secs(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}

/// An empty folder for setting up a CA.
struct Fixture(tempfile::TempDir);

impl Fixture {
    fn new() -> Self {
        let fixture = Self(tempfile::tempdir().unwrap());
        fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/wrangler.toml"), fixture.path("wrangler.toml")).unwrap();
        fs::write(fixture.path("passphrase"), "correct horse battery staple\n").unwrap();
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the companion here.
    fn selvedge(&self, arguments: &[&str]) -> Output {
        let output = companion().args(arguments).current_dir(self.0.path()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// Starts `dev` with this folder's CA, at a given port or any (0).
    fn start(&self, listen: u16, more: &[&str]) -> Server {
        let ca = self.path("ca").display().to_string();
        fs::create_dir_all(self.path("state")).unwrap();
        Server::start_with(&self.path("state"), listen, &[&["--ca", &ca, "--sign-with-real-keys"], more].concat())
    }
}

fn client(server: &Server) -> Wire {
    let mut wire = Wire::new(server.fact("directory"), server.fact("root"));
    wire.register();
    wire
}

/// A certificate as a client has it.
struct IssuedCertificate {
    /// Leaf and chain, PEM.
    chain: String,
    url: String,
    leaf: Vec<u8>,
}

fn issue(wire: &Wire, server: &Server, name: &str) -> IssuedCertificate {
    let (_, order) = wire.ready_order(name, server.http01);
    let order = body(&wire.post(order["finalize"].as_str().unwrap(), Some(wire.csr(name))));
    assert_eq!(order["status"], "valid", "{order}");
    let url = order["certificate"].as_str().unwrap().to_owned();
    let chain = wire.post(&url, None).body().to_string();
    let leaf = pem::read_certificates(&chain).unwrap().remove(0);
    IssuedCertificate { chain, url, leaf }
}

fn revoke(wire: &Wire, held: &IssuedCertificate) {
    let payload = json!({ "certificate": b64::encode(&held.leaf), "reason": 4 });
    let answer = wire.post(&wire.url("/acme/revoke-cert"), Some(payload));
    assert_eq!(answer.status().as_u16(), 200, "{}", answer.body());
}

impl IssuedCertificate {
    fn extension<T>(&self, read: impl Fn(&Certificate) -> T) -> T {
        read(&Certificate::from_der(&self.leaf).unwrap())
    }

    /// Where its CRL is.
    fn list_url(&self) -> String {
        self.extension(|leaf| {
            let (_, points) = leaf.tbs_certificate().get_extension::<CrlDistributionPoints>().unwrap().unwrap();
            match points.0[0].distribution_point.as_ref().unwrap() {
                DistributionPointName::FullName(names) => url_of(&names[0]),
                other => panic!("{other:?}"),
            }
        })
    }

    /// Where its issuer's certificate is.
    fn issuer_url(&self) -> String {
        self.extension(|leaf| {
            let (_, access) = leaf.tbs_certificate().get_extension::<AuthorityInfoAccessSyntax>().unwrap().unwrap();
            url_of(&access.0[0].access_location)
        })
    }

    /// The issuer's name, DER.
    fn issuer(&self) -> Vec<u8> {
        self.extension(|leaf| leaf.tbs_certificate().issuer().to_der().unwrap())
    }

    /// What OpenSSL says of it, with the CRL fetched as a verifier fetches it.
    fn verified(&self, folder: &Path, root: &str) -> Result<(), String> {
        let file = |name: &str| folder.join(name).display().to_string();
        let (chain, list, issuer) = (file("chain.pem"), file("list.crl"), file("issuer.crt"));
        fs::write(&chain, &self.chain).unwrap();
        fs::write(&list, plain_get(&self.list_url(), "application/pkix-crl")).unwrap();
        fs::write(&issuer, plain_get(&self.issuer_url(), "application/pkix-cert")).unwrap();
        let answer = |list: &str| {
            let output = Command::new("openssl")
                .args(["verify", "-x509_strict", "-crl_check", "-no-CApath", "-no-CAstore", "-CAfile", root])
                .args(["-untrusted", &issuer, "-CRLfile", list, &chain])
                .output()
                .expect("openssl has to be installed");
            let said =
                format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            if output.status.success() { Ok(()) } else { Err(said) }
        };
        let verdict = answer(&list);
        // Who is refused by the list is refused by the file of all lists, which may know of more.
        let all = file("all.pem");
        let origin = self.list_url().split("/crl/").next().unwrap().to_owned();
        sleep(Duration::from_secs(2));
        fs::write(&all, plain_get(&format!("{origin}/crl/all.pem"), "application/x-pem-file")).unwrap();
        if let Err(said) = &verdict {
            assert!(answer(&all).is_err(), "{said}");
        }
        verdict
    }

    /// The number of the CRL that it points to.
    fn list_number(&self, folder: &Path) -> u64 {
        let list = folder.join("numbered.crl");
        fs::write(&list, plain_get(&self.list_url(), "application/pkix-crl")).unwrap();
        let mut openssl = Command::new("openssl");
        let output = openssl.args(["crl", "-inform", "DER", "-noout", "-crlnumber", "-in"]).arg(list).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        u64::from_str_radix(said.trim().trim_start_matches("crlNumber=").trim_start_matches("0x"), 16).unwrap()
    }
}

fn url_of(name: &GeneralName) -> String {
    match name {
        GeneralName::UniformResourceIdentifier(url) => url.as_str().to_owned(),
        other => panic!("{other:?}"),
    }
}

/// GET by plain http, as verifiers do it.
fn plain_get(url: &str, media_type: &str) -> Vec<u8> {
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let mut answer = ureq::get(url).call().unwrap_or_else(|e| panic!("{url}: {e}"));
    assert_eq!(answer.headers()["content-type"], media_type);
    answer.body_mut().read_to_vec().unwrap()
}

fn overview(wire: &Wire) -> Value {
    body(&wire.get(&wire.url("/issuers")))
}

/// Waits until `done` holds.
fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..600 {
        if done() {
            return;
        }
        sleep(Duration::from_millis(100));
    }
    panic!("{what} did not come about within a minute");
}

#[test]
fn new_operator_sets_up_a_ca_revokes_and_rotates() {
    let fixture = Fixture::new();
    fixture.selvedge(&[
        "init",
        "--base-url",
        "https://ca.corp.test",
        "--name",
        "Example",
        "--permit-dns",
        "corp.test",
        "--passphrase-file",
        "passphrase",
    ]);
    let root = fixture.path("ca/root.pem").display().to_string();
    let server = fixture.start(0, &[]);
    let wire = client(&server);
    let first = issue(&wire, &server, "one.corp.test");
    let other = issue(&wire, &server, "two.corp.test");
    first.verified(fixture.0.path(), &root).unwrap();
    revoke(&wire, &first);
    let mut said = String::new();
    until("the revocation on the CRL", || match first.verified(fixture.0.path(), &root) {
        Ok(()) => false,
        Err(why) => {
            said = why;
            true
        }
    });
    assert!(said.contains("certificate revoked"), "{said}");
    other.verified(fixture.0.path(), &root).unwrap();
    // Outside of what the issuer may sign: refused when it is ordered.
    let outside = json!({ "identifiers": [{ "type": "dns", "value": "www.test" }] });
    let refused = wire.post(&wire.url("/acme/new-order"), Some(outside));
    assert_eq!(body(&refused)["type"], "urn:ietf:params:acme:error:rejectedIdentifier", "{}", refused.body());

    // The next issuer, in a minute or so; the same root, so no client has to be told anything.
    let takes_over = now().plus(Duration::from_secs(20));
    fixture.selvedge(&["issuer", "new", "--takes-over", &takes_over.rfc3339(), "--passphrase-file", "passphrase"]);
    let (port, http01) = (server.port(), server.http01);
    drop(server);
    let server = fixture.start(port, &["--key-binding"]);
    assert_ne!(http01, 0);
    let before = overview(&wire);
    assert_eq!((before["issuers"].as_array().unwrap().len(), &before["problems"]), (2, &json!([])), "{before}");
    until("the new issuer's turn", || overview(&wire)["issuers"][1]["active"] == true);
    let new = issue(&wire, &server, "three.corp.test");
    assert_ne!(new.issuer(), other.issuer(), "another has signed");
    for held in [&new, &other] {
        held.verified(fixture.0.path(), &root).unwrap();
        assert_eq!(wire.post(&held.url, None).body(), &held.chain, "it is there still, with its own chain");
    }
    let url = server.fact("directory").trim_end_matches("/directory").to_owned();
    let status = fixture.selvedge(&["status", "--url", &url, "--root", server.fact("root"), "--ca", "ca"]);
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(status.contains("retired") && status.contains("Nothing is due"), "{status}");
    revoke(&wire, &other);
    until("a revocation by the old issuer", || other.verified(fixture.0.path(), &root).is_err());
    new.verified(fixture.0.path(), &root).unwrap();
}

#[test]
fn lost_state_is_restored_from_a_copy() {
    let fixture = Fixture::new();
    fixture.selvedge(&["init", "--base-url", "https://ca.corp.test", "--passphrase-file", "passphrase"]);
    let root = fixture.path("ca/root.pem").display().to_string();
    let server = fixture.start(0, &[]);
    let wire = client(&server);
    let held = issue(&wire, &server, "one.test");
    let number = held.list_number(fixture.0.path());
    let port = server.port();
    drop(server);
    // The copy, as docs/OPERATIONS.md says: the CA's folder and the state folder, while it is stopped.
    let copy = |from: &str, to: &str| {
        let status = Command::new("cp").args(["-a"]).arg(fixture.path(from)).arg(fixture.path(to)).status().unwrap();
        assert!(status.success());
    };
    copy("ca", "backup-ca");
    copy("state", "backup-state");
    let server = fixture.start(port, &[]);
    let late = issue(&wire, &server, "two.test");
    revoke(&wire, &late);
    sleep(GATHERED);
    let last = late.list_number(fixture.0.path());
    drop(server);
    fs::remove_dir_all(fixture.path("ca")).unwrap();
    fs::remove_dir_all(fixture.path("state")).unwrap();
    copy("backup-ca", "ca");
    copy("backup-state", "state");
    let server = fixture.start(port, &[]);
    // The account goes on, what was issued is known, and lists go on with higher numbers.
    let again = issue(&wire, &server, "three.test");
    again.verified(fixture.0.path(), &root).unwrap();
    assert_eq!(wire.post(&held.url, None).body(), &held.chain);
    assert_eq!(wire.post(&late.url, None).status().as_u16(), 404, "what came after the copy is lost");
    revoke(&wire, &held);
    until("the revocation on the CRL", || held.verified(fixture.0.path(), &root).is_err());
    let new = held.list_number(fixture.0.path());
    assert!(new > number && new > last, "{number} {last} {new}");
}

#[test]
fn every_issuer_key_type_signs_from_bindings_and_secrets() {
    let rsa = |bits: &str| {
        let file = format!("{}/tests/fixtures/keys/rsa-{bits}.pem", env!("CARGO_MANIFEST_DIR"));
        NativeKey::from_pkcs8_pem(&fs::read_to_string(file).unwrap()).unwrap()
    };
    let p384 = ceremony::new_key(SigAlg::Es384).unwrap();
    let keys = [("p384", p384), ("rsa-2048", rsa("2048")), ("rsa-3072", rsa("3072"))];
    for (n, (kind, key)) in keys.iter().enumerate() {
        let fixture = Fixture::new();
        let root = ceremony::create_root("Root", now(), 10).unwrap();
        let of = CertAndKey { certificate: String::new(), key: key.to_pkcs8_pem().unwrap() };
        let issuer = ceremony::cross_sign(&root, &of, "Issuer", now(), 5).unwrap();
        fs::create_dir(fixture.path("ca")).unwrap();
        fs::set_permissions(fixture.path("ca"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        for (name, text) in [
            ("root.pem", &root.certificate),
            ("issuer.pem", &issuer.certificate),
            ("issuer.key", &issuer.key),
            ("nonce.key", &b64::encode(&[7; 32])),
        ] {
            let file = fixture.path("ca").join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
        let more: &[&str] = if n % 2 == 0 { &["--key-binding"] } else { &[] };
        let server = fixture.start(0, more);
        let wire = client(&server);
        let held = issue(&wire, &server, "one.test");
        let root = fixture.path("ca/root.pem").display().to_string();
        held.verified(fixture.0.path(), &root).unwrap_or_else(|said| panic!("{kind}: {said}"));
        revoke(&wire, &held);
        until("the revocation on the CRL", || held.verified(fixture.0.path(), &root).is_err());
    }
}

#[test]
fn half_configured_second_issuer_does_not_stop_the_ca() {
    let fixture = Fixture::new();
    fixture.selvedge(&["init", "--base-url", "https://ca.corp.test", "--passphrase-file", "passphrase"]);
    let other = ceremony::create_root("Other Root", now(), 10).unwrap();
    let stray = ceremony::create_intermediate(&other, "Stray", now(), 5).unwrap();
    // Further issuers, half configured: they are left out, and the first goes on.
    let set = |name: &str, value: &str| format!("{name}={value}");
    let more = [
        set("ISSUER_CHAIN_2", &stray.certificate),
        set("ISSUER_ACTIVE_FROM_2", "2026-01-01T00:00:00Z"),
        set("ISSUER_CHAIN_3", &other.certificate),
        set("ISSUER_KEY_3", "no key"),
        set("ISSUER_ACTIVE_FROM_3", "2026-01-02T00:00:00Z"),
        set("ISSUER_KEY_4", "no key"),
    ];
    let more: Vec<&str> = more.iter().flat_map(|one| ["--set", one]).collect();
    let server = fixture.start(0, &more);
    let wire = client(&server);
    issue(&wire, &server, "one.test");
    let problems = overview(&wire)["problems"].to_string();
    for problem in [
        "ISSUER_KEY_2 is not set",
        "ISSUER_CHAIN_3 cannot be used: certificate 1 of the issuer chain is self-signed",
        "ISSUER_KEY_4 is set and ISSUER_CHAIN_4 is not",
    ] {
        assert!(problems.contains(problem), "{problem} in {problems}");
    }
}
