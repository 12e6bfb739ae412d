//! What is issued, before independent judges: OpenSSL's strict verification and pkilint's RFC 5280 lints.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "tests draw their own randomness")]

#[path = "common/venv.rs"]
mod venv;

use selvedge::pki::ceremony::{CertAndKey, create_csr, create_intermediate, create_root};
use selvedge::pki::leaf::{LeafRequest, assemble, build_tbs, pem_chain};
use selvedge::pki::validity::{Terms, Wish};
use selvedge::pki::{Issuer, Profile, Serial, csr, lint, pem, profile};
use selvedge::values::native_crypto::{NativeCrypto, NativeKey};
use selvedge::values::{SigAlg, Time};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// 24 November 2026, noon.
const NOW: Time = Time::from_secs(1_795_521_600);

/// Findings of pkilint that are meant: the finding's code, in which certificates, and why.
const MEANT: &[(&str, &[&str], &str)] = &[
    (
        "pkix.certificate_skid_end_entity_missing",
        &["p256", "p384", "rsa", "ed25519", "wildcard", "hundred", "default", "shortlived", "tlsserver"],
        "RFC 5280 4.2.1.2 only recommends it for leaves, and the Baseline Requirements (7.1.2.7.6) recommend against",
    ),
    (
        "pkix.invalid_domain_name_syntax",
        &["wildcard"],
        "RFC 5280 4.2.1.6 leaves wildcards to the protocols that use them: RFC 8555 7.1.3 and RFC 9525 6.3 do",
    ),
];

/// A root, an intermediate, and leaves of every kind below them, as files.
struct Corpus {
    folder: tempfile::TempDir,
    /// Name, and the host name that it is for.
    leaves: Vec<(&'static str, String)>,
}

impl Corpus {
    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = create_root("Selvedge Test Root", NOW, 10).unwrap();
        let intermediate = create_intermediate(&root, "Selvedge Test Intermediate", NOW, 5).unwrap();
        fs::write(folder.path().join("root.pem"), &root.certificate).unwrap();
        fs::write(folder.path().join("intermediate.pem"), &intermediate.certificate).unwrap();
        let hundred: Vec<_> = (0..100).map(|n| format!("host-{n}.example.test")).collect();
        let hundred: Vec<_> = hundred.iter().map(String::as_str).collect();
        let mut corpus = Self { folder, leaves: vec![] };
        corpus.add(&intermediate, "p256", SigAlg::Es256, &["p256.example.test"]);
        corpus.add(&intermediate, "p384", SigAlg::Es384, &["p384.example.test"]);
        corpus.add(&intermediate, "rsa", SigAlg::Rs256, &["rsa.example.test"]);
        corpus.add(&intermediate, "ed25519", SigAlg::Ed25519, &["ed25519.example.test"]);
        corpus.add(&intermediate, "wildcard", SigAlg::Es256, &["*.example.test", "example.test"]);
        corpus.add(&intermediate, "hundred", SigAlg::Es256, &hundred);
        for profile in profile::all() {
            corpus.add_under(&intermediate, profile.name, profile, SigAlg::Es256, &["profile.example.test"]);
        }
        corpus
    }

    fn add(&mut self, intermediate: &CertAndKey, name: &'static str, alg: SigAlg, names: &[&str]) {
        self.add_under(intermediate, name, profile::default_profile(), alg, names);
    }

    /// Issues a leaf by the whole path, from the CSR to the chain.
    fn add_under(
        &mut self,
        intermediate: &CertAndKey,
        name: &'static str,
        profile: &Profile,
        alg: SigAlg,
        names: &[&str],
    ) {
        let key = NativeKey::generate(alg, &mut |bytes| getrandom::fill(bytes).unwrap()).unwrap();
        let csr = csr::parse(&create_csr(&key, names).unwrap()).unwrap();
        let csr = block_on(csr.verify(&NativeCrypto)).unwrap();
        let issuer = Issuer::from_pem_chain(&intermediate.certificate).unwrap();
        let mut random = [0; 18];
        getrandom::fill(&mut random).unwrap();
        let names: BTreeSet<_> = csr.names().unwrap();
        let request = LeafRequest {
            issuer: &issuer,
            profile,
            public_key: csr.public_key(),
            names: &names,
            serial: &Serial::from_random(random),
            now: NOW,
            period: Terms { issuer: &issuer, profile, longest: profile.validity, ordered: NOW }
                .period(Wish::default(), NOW)
                .unwrap(),
            ca_issuers: Some("http://ca.example.test/issuer.cer"),
            crl: None,
        };
        let linted = lint::check(&build_tbs(&request).unwrap(), &request).unwrap();
        let signer = NativeKey::from_pkcs8_pem(&intermediate.key).unwrap();
        let signature = signer.sign(SigAlg::Es256, linted.as_bytes()).unwrap();
        let chain = pem_chain(&assemble(&linted, &signature).unwrap(), &issuer).unwrap();
        fs::write(self.file(name), chain).unwrap();
        self.leaves.push((name, names.iter().next().unwrap().value().replace('*', "any")));
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.pem"))
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// What `openssl verify` says of a certificate below the corpus' root, strictly, at [`NOW`].
fn openssl_verify(corpus: &Corpus, extra: &[&str], file: &Path) -> Result<(), String> {
    let output = Command::new("openssl")
        .args(["verify", "-x509_strict", "-no-CApath", "-no-CAstore", "-attime", &NOW.secs().to_string()])
        .arg("-CAfile")
        .arg(corpus.file("root"))
        .args(extra)
        .arg(file)
        .output()
        .expect("the `openssl` command-line tool has to be installed: this test has it judge what is issued");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(text.into_owned()) }
}

#[test]
fn openssl_accepts_every_certificate_strictly() {
    let corpus = Corpus::make();
    let intermediate = corpus.file("intermediate");
    openssl_verify(&corpus, &["-purpose", "any"], &corpus.file("root")).unwrap();
    openssl_verify(&corpus, &["-purpose", "any"], &intermediate).unwrap();
    let untrusted = intermediate.to_str().unwrap();
    for (name, host) in &corpus.leaves {
        let file = corpus.file(name);
        let server = ["-purpose", "sslserver", "-untrusted", untrusted, "-verify_hostname"];
        let client = ["-purpose", "sslclient", "-untrusted", untrusted];
        if *name == "client" {
            openssl_verify(&corpus, &client, &file).unwrap();
            assert!(openssl_verify(&corpus, &[&server[..], &[host.as_str()]].concat(), &file).is_err(), "clients only");
            continue;
        }
        let check = |host| openssl_verify(&corpus, &[&server[..], &[host]].concat(), &file);
        check(host).unwrap_or_else(|text| panic!("{name} for {host}: {text}"));
        assert!(check("other.test").is_err(), "{name} is not for other.test");
        assert!(openssl_verify(&corpus, &client, &file).is_err(), "{name} is for servers only");
    }
}

/// The codes of what a program of pkilint finds, from the severity NOTICE up, in certificates of the corpus.
fn pkilint(program: &str, corpus: &Corpus, names: &[&str]) -> BTreeSet<String> {
    let program = venv::venv("pkilint", include_str!("fixtures/pkilint.txt")).join("bin").join(program);
    let mut command = Command::new(program);
    command.args(["lint", "--severity", "NOTICE", "--format", "JSON", "--document-format", "DER"]);
    for name in names {
        let ders = pem::read_certificates(&fs::read_to_string(corpus.file(name)).unwrap()).unwrap();
        let file = corpus.folder.path().join(format!("{name}.der"));
        fs::write(&file, ders.first().unwrap()).unwrap();
        command.arg(file);
    }
    let output = command.output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        panic!("pkilint gave no report on {names:?} ({error}): {text}")
    });
    let results = report["results"].as_array().unwrap();
    let findings = results.iter().flat_map(|result| result["finding_descriptions"].as_array().unwrap());
    findings.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn pkilint_finds_what_is_meant_and_nothing_else() {
    let corpus = Corpus::make();
    for name in corpus.leaves.iter().map(|(name, _)| *name).chain(["intermediate", "root"]) {
        let meant = MEANT.iter().filter(|(_, certificates, _)| certificates.contains(&name));
        let meant: BTreeSet<_> = meant.map(|(code, ..)| (*code).to_owned()).collect();
        // Equal, not contained: an entry of the list that is no longer found has to go.
        assert_eq!(pkilint("lint_pkix_cert", &corpus, &[name]), meant, "in the certificate {name:?}");
    }
}

#[test]
fn pkilint_finds_each_certificate_to_fit_its_issuer() {
    let corpus = Corpus::make();
    let leaves = corpus.leaves.iter().map(|(name, _)| ["intermediate", *name]);
    for pair in leaves.chain([["root", "intermediate"], ["root", "root"]]) {
        let findings = pkilint("lint_pkix_signer_signee_cert_chain", &corpus, &pair);
        assert_eq!(findings, BTreeSet::new(), "of {pair:?}");
    }
}

#[test]
fn pkilint_would_find_a_bad_certificate() {
    let mut corpus = Corpus { folder: tempfile::tempdir().unwrap(), leaves: vec![] };
    let root = create_root("Selvedge Test Root", NOW, 10).unwrap();
    let intermediate = create_intermediate(&root, "Selvedge Test Intermediate", NOW, 5).unwrap();
    corpus.add(&intermediate, "good", SigAlg::Es256, &["good.example.test"]);
    let ders = pem::read_certificates(&fs::read_to_string(corpus.file("good")).unwrap()).unwrap();
    // The serial number's tag, length and first octet, which its top bit makes negative.
    let mut der = ders.first().unwrap().clone();
    let at = der.windows(3).position(|bytes| bytes == [2, 19, 1]).unwrap();
    der[at + 2] = 0x81;
    fs::write(corpus.file("bad"), pem::write_certificate(&der).unwrap()).unwrap();
    let findings = pkilint("lint_pkix_cert", &corpus, &["bad"]);
    assert!(findings.iter().any(|code| code.contains("serial_number")), "{findings:?}");
}
