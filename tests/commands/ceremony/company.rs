//! An intermediate below a company's root, which here is OpenSSL's.

use super::fixture::CeremonyFixture;
use std::fs;

/// What the request asks for, as OpenSSL writes extensions.
const ASKED: &str = "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n\
                     extendedKeyUsage=serverAuth,clientAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";
const CONSTRAINTS: &str = "nameConstraints=critical,@nc\n[nc]\npermitted;DNS.1=corp.example\n\
                           excluded;IP.1=0.0.0.0/0.0.0.0\nexcluded;IP.2=::/::\n";

const SOON: (&str, &str) = ("20250101000000Z", "20990101000000Z");

/// A company with a root and a CA below it, and a request.
fn company() -> CeremonyFixture {
    let fixture = CeremonyFixture::new();
    fixture.openssl_root("root", "ec", 4000, "critical,CA:TRUE");
    below_root(&fixture);
    fixture
}

/// The CA below a root that there is, and the request.
fn below_root(fixture: &CeremonyFixture) {
    fixture.openssl_root("other", "ec", 4000, "critical,CA:TRUE");
    fixture.write(
        "ext.cnf",
        "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n",
    );
    let new = "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -config req.cnf -subj /CN=Company";
    fixture.openssl(&format!("{new} -keyout mid.key -out mid.csr")).unwrap();
    fixture.ca("mid.csr", "mid.pem", SOON, &["-cert", "root.pem", "-keyfile", "root.key"]);
    fixture.ok(&request(fixture, &[]));
}

fn owned(line: &[&str]) -> Vec<String> {
    line.iter().map(|word| (*word).to_owned()).collect()
}

fn request(_: &CeremonyFixture, options: &[&str]) -> Vec<String> {
    owned(&[&["issuer", "request", "--name", "Example", "--permit-dns", "corp.example"], options].concat())
}

fn import(options: &[&str]) -> Vec<String> {
    owned(&[&["issuer", "import", "--certificate", "chain.pem"], options].concat())
}

/// Has the company's CA sign a request, and puts the chain into `chain.pem`.
fn sign(fixture: &CeremonyFixture, csr: &str, extensions: &str, dates: (&str, &str)) {
    fixture.write("ext.cnf", extensions);
    fixture.ca(csr, "signed.pem", dates, &["-cert", "mid.pem", "-keyfile", "mid.key"]);
    fixture.write("chain.pem", &format!("{}{}", fixture.read("signed.pem"), fixture.read("mid.pem")));
}

#[test]
fn issuer_below_a_company_root_is_imported() {
    let fixture = company();
    assert_eq!(
        (fixture.files("ca"), fixture.mode("ca/issuer.key")),
        (vec!["issuer.csr".into(), "issuer.key".into(), "log.key".into(), "nonce.key".into()], 0o600)
    );
    let asked = fixture.openssl("req -in ca/issuer.csr -noout -text -verify").unwrap();
    for part in [
        "CN = Example Issuing CA",
        "CA:TRUE, pathlen:0",
        "Certificate Sign, CRL Sign",
        "DNS:corp.example",
        "IP:0.0.0.0/0.0.0.0",
    ] {
        assert!(asked.contains(part), "{part}: {asked}");
    }
    assert!(fixture.refused(&request(&fixture, &[])).contains("is still pending"));
    sign(&fixture, "ca/issuer.csr", &format!("{ASKED}{CONSTRAINTS}"), SOON);
    let said = fixture.ok(&import(&["--root", "root.pem", "--base-url", "https://ca.corp.example"]));
    assert!(said.contains("tool wrangler login\n  cargo run -- deploy\n"), "{said}");
    fixture.openssl("verify -x509_strict -purpose any -CAfile ca/root.pem -untrusted mid.pem ca/issuer.pem").unwrap();
    let vars = fixture.vars();
    assert_eq!(vars["ISSUER_CHAIN"].as_str().unwrap(), fixture.read("ca/issuer.pem"));
    assert_eq!(fixture.read("ca/issuer.pem"), fixture.read("chain.pem"));
    assert_eq!(vars["ROOT_CERTIFICATE"].as_str().unwrap(), fixture.read("root.pem"));
    assert_eq!(vars["BASE_URL"].as_str().unwrap(), "https://ca.corp.example");
    assert!(fixture.refused(&import(&[])).contains("selvedge issuer request"));

    // The next one: the constraints are those of the present one, the root is known.
    fixture.ok(&owned(&["issuer", "request", "--name", "Example"]));
    sign(&fixture, "ca/issuer-2.csr", &format!("{ASKED}{CONSTRAINTS}"), SOON);
    assert!(fixture.refused(&import(&[])).contains("--takes-over"));
    let from = fixture.in_days(400);
    let said = fixture.refused(&import(&["--takes-over", &from, "--root", "other.pem"]));
    assert!(said.contains("differs from the root passed with --root"), "{said}");
    fixture.ok(&import(&["--takes-over", &from]));
    assert_eq!(fixture.vars()["ISSUER_ACTIVE_FROM_2"].as_str().unwrap(), from);
    assert_eq!(fixture.vars()["ISSUER_CHAIN_2"].as_str().unwrap(), fixture.read("ca/issuer-2.pem"));
}

#[test]
fn mismatched_imports_are_refused_and_change_nothing() {
    let fixture = company();
    let settings = fixture.read("wrangler.toml");
    let whole = format!("{ASKED}{CONSTRAINTS}");
    let refused = |options: &[&str], says: &str| {
        let said = fixture.refused(&import(options));
        assert!(said.contains(says), "{says}: {said}");
        assert_eq!((fixture.files("ca").len(), fixture.read("wrangler.toml")), (4, settings.clone()));
    };
    let root = &["--root", "root.pem"][..];
    for (extensions, says) in [
        (ASKED.to_owned(), "the certificate no name constraints"),
        (
            whole.replace("corp.example", "example"),
            "only corp.example and no IP addresses, the certificate only example and",
        ),
        (whole.replace("excluded;IP.2=::/::\n", ""), "excluded IP 0.0.0.0/0"),
        (whole.replace("pathlen:0", "pathlen:1"), "the request has a pathLen of 0 (no CA below it), the certificate 1"),
        (whole.replace("CA:TRUE,pathlen:0", "CA:FALSE"), "not a CA certificate"),
        (whole.replace(",cRLSign", ""), "the certificate lacks cRLSign"),
        (whole.replace("keyCertSign,", ""), "keyCertSign"),
        (whole.replace("serverAuth,clientAuth", "codeSigning"), "the request has the extended key usages"),
        (whole.replace("subjectKeyIdentifier=hash", "subjectKeyIdentifier=none"), "no subjectKeyIdentifier"),
    ] {
        sign(&fixture, "ca/issuer.csr", &extensions, SOON);
        refused(root, says);
    }
    sign(&fixture, "ca/issuer.csr", &whole, ("20240101000000Z", "20250101000000Z"));
    refused(root, "was valid until 2025-01-01T00:00:00Z");
    sign(&fixture, "ca/issuer.csr", &whole, ("20950101000000Z", "20960101000000Z"));
    refused(root, "valid from 2095-01-01T00:00:00Z only");
    fixture.openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -config req.cnf -subj /CN=x -keyout x.key -out x.csr").unwrap();
    sign(&fixture, "x.csr", &whole, SOON);
    refused(root, "no certificate of the chain has the key of the request");

    sign(&fixture, "ca/issuer.csr", &whole, SOON);
    refused(&[], "--root FILE");
    refused(&["--root", "other.pem"], "not signed by the root");
    refused(&["--root", "mid.pem"], "not self-signed");
    refused(&["--root", "root.pem", "--takes-over", "2999-01-01T00:00:00Z"], "omit --takes-over");
    let (signed, mid) = (fixture.read("signed.pem"), fixture.read("mid.pem"));
    for (chain, says) in [
        (format!("{mid}{signed}"), "out of order: the certificate of the request's key is number 2"),
        (signed.clone(), "not signed by the root"),
        (fixture.read("root.pem"), "a root, not the requested intermediate"),
        (fixture.read("ca/issuer.key"), "expected only certificates"),
        (String::new(), "no \"BEGIN CERTIFICATE\""),
    ] {
        fixture.write("chain.pem", &chain);
        refused(root, says);
    }
    fs::write(fixture.path("chain.pem"), [0x30, 0x82, 0xff]).unwrap();
    refused(root, "is not PEM");
    // And the same, as it should be, with its root at the end.
    fixture.write("chain.pem", &format!("{signed}{mid}{}", fixture.read("root.pem")));
    fixture.ok(&import(&[]));
    assert_eq!(fixture.read("ca/issuer.pem"), format!("{signed}{mid}"));
}

const MIDDLE: &str =
    "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n";

#[test]
fn chains_that_verifiers_refuse_are_refused_with_rule_and_section() {
    let fixture = company();
    let whole = format!("{ASKED}{CONSTRAINTS}");
    let mut refused = Vec::new();
    let other_key = format!("2.5.29.35=DER:30168014{}", "09".repeat(20));
    for (middle, extensions, says, section) in [
        (
            "",
            whole.replace("authorityKeyIdentifier=keyid", &other_key),
            "certificate 1 of the issuer chain names the key",
            "§4.2.1.1",
        ),
        (
            "2.5.29.35=DER:3003820107\n",
            whole.clone(),
            "certificate 2 of the issuer chain names as its issuer's",
            "§4.2.1.1",
        ),
        ("", whole.replace("[nc]", "1.2.3.4=critical,DER:0500\n[nc]"), "critical extension 1.2.3.4", "§4.2"),
        (
            "",
            whole.replace("[nc]", "policyConstraints=critical,requireExplicitPolicy:0\n[nc]"),
            "requires certificate policies",
            "§4.2.1.11",
        ),
        (
            "nameConstraints=critical,excluded;dirName:dn\n[dn]\nCN=Example Issuing CA\n",
            whole.clone(),
            "among what certificate 2",
            "§4.2.1.10",
        ),
        ("nameConstraints=critical,DER:3006A00430028700\n", whole.clone(), "iPAddress of 0 octets", "§4.2.1.10"),
        ("nameConstraints=critical,permitted;DNS:other.example\n", whole.clone(), "leave no DNS name", "§4.2.1.10"),
        (
            "basicConstraints=critical,CA:TRUE,pathlen:0\n",
            whole.clone(),
            "certificate 2 of the issuer chain allows 0",
            "§4.2.1.9",
        ),
    ] {
        let first = if middle.starts_with("basic") { MIDDLE.split_once('\n').unwrap().1 } else { MIDDLE };
        fixture.write("ext.cnf", &format!("{first}{middle}"));
        fixture.ca("mid.csr", "mid.pem", SOON, &["-cert", "root.pem", "-keyfile", "root.key"]);
        sign(&fixture, "ca/issuer.csr", &extensions, SOON);
        let said = fixture.refused(&import(&["--root", "root.pem"]));
        assert!(said.contains(says) && said.contains(section), "{says}: {said}");
        assert_eq!(fixture.files("ca").len(), 4);
        refused.push(said);
    }
    assert_eq!(refused.len(), 8);

    // What a CA without a way to write it leaves out is warned of; text around certificates is passed over.
    fixture.write("ext.cnf", MIDDLE);
    fixture.ca("mid.csr", "mid.pem", SOON, &["-cert", "root.pem", "-keyfile", "root.key"]);
    sign(&fixture, "ca/issuer.csr", &whole.replace(",pathlen:0", ""), SOON);
    let text =
        fixture.openssl("x509 -in signed.pem -text").unwrap() + &fixture.openssl("x509 -in mid.pem -text").unwrap();
    fixture.write("chain.pem", &text.replace('\n', " \r\n"));
    let said = fixture.ok(&import(&["--root", "root.pem"]));
    assert!(said.contains("The issuer was imported"), "{said}");
    assert_eq!(fixture.read("ca/issuer.pem"), format!("{}{}", fixture.read("signed.pem"), fixture.read("mid.pem")));
}

#[test]
fn root_self_signature_may_be_unknown_but_its_key_must_be_supported() {
    let make = |line: &str| {
        let fixture = CeremonyFixture::new();
        fixture.openssl_root("root", "ec", 10, "critical,CA:TRUE");
        fixture
            .openssl(&format!(
                "req -x509 -nodes -config req.cnf -subj /CN=root -days 4000 -keyout root.key -out root.pem -addext \
             basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign -newkey {line}"
            ))
            .unwrap();
        below_root(&fixture);
        sign(&fixture, "ca/issuer.csr", &format!("{ASKED}{CONSTRAINTS}"), SOON);
        fixture
    };
    for line in
        ["rsa:2048 -sha1", "rsa:2048 -sigopt rsa_padding_mode:pss", "ec -pkeyopt ec_paramgen_curve:P-256 -sha512"]
    {
        let fixture = make(line);
        fixture.ok(&import(&["--root", "root.pem"]));
        fixture.openssl("verify -purpose any -CAfile root.pem -untrusted mid.pem ca/issuer.pem").unwrap();
    }
    let said = make("ec -pkeyopt ec_paramgen_curve:P-521").refused(&import(&["--root", "root.pem"]));
    assert!(said.contains("the key of the root is on a curve (P-521, 1.3.132.0.35)"), "{said}");
}

#[test]
fn version_1_root_is_refused_with_what_to_do() {
    let fixture = company();
    sign(&fixture, "ca/issuer.csr", &format!("{ASKED}{CONSTRAINTS}"), SOON);
    fixture.openssl("req -new -config req.cnf -subj /CN=root -key root.key -out root.csr").unwrap();
    fixture.openssl("x509 -req -in root.csr -key root.key -days 4000 -out root.pem").unwrap();
    assert!(fixture.openssl("x509 -in root.pem -noout -text").unwrap().contains("Version: 1 (0x0)"));
    let chain = fixture.read("chain.pem");
    for ending in ["", &fixture.read("root.pem")] {
        fixture.write("chain.pem", &format!("{chain}{ending}"));
        for options in [&["--root", "root.pem"][..], &[]] {
            // Without either there is no root at all.
            if !ending.is_empty() || !options.is_empty() {
                let said = fixture.refused(&import(options));
                assert!(said.contains("X.509 version 1") && said.contains("renew it with the same key"), "{said}");
                assert!(said.contains("§4.1.2.1"), "{said}");
            }
        }
    }
    let own = ["--ca", "own", "--root-certificate", "root.pem", "--root-key", "root.key"];
    let init = ["init", "--name", "Example", "--base-url", "https://ca.corp.example"];
    let said = fixture.refused(&owned(&[&init[..], &own[..]].concat()));
    assert!(said.contains("X.509 version 1"), "{said}");
}

#[test]
fn root_without_path_length_is_accepted() {
    let fixture = CeremonyFixture::new();
    fixture.openssl_root("root", "ec", 4000, "critical,CA:TRUE,pathlen:2147483647");
    below_root(&fixture);
    sign(&fixture, "ca/issuer.csr", &format!("{ASKED}{CONSTRAINTS}"), SOON);
    fixture.ok(&import(&["--root", "root.pem"]));
    fixture.openssl("verify -purpose any -CAfile root.pem -untrusted mid.pem ca/issuer.pem").unwrap();
}
