//! The root's CRL, from its making to a revocation, with OpenSSL as the verifier.

use super::fixture::CeremonyFixture;
use std::fs;

fn issuer(fixture: &CeremonyFixture, command: &str, options: &[&str]) -> Vec<String> {
    fixture.line(&["issuer", command], options)
}

/// What OpenSSL says of an issuer by the list that is to be published.
fn verify(fixture: &CeremonyFixture, issuer: &str) -> Result<String, String> {
    fixture.write("published.pem", fixture.vars()["ROOT_CRL"].as_str().unwrap());
    fixture.openssl(&format!(
        "verify -x509_strict -crl_check -purpose any -CAfile ca/root.pem -CRLfile published.pem ca/{issuer}"
    ))
}

fn list(fixture: &CeremonyFixture) -> String {
    assert_eq!(fixture.vars()["ROOT_CRL"].as_str().unwrap(), fixture.read("ca/root.crl"));
    fixture.openssl("crl -in ca/root.crl -noout -text -CAfile ca/root.pem").unwrap()
}

fn number(fixture: &CeremonyFixture) -> u128 {
    let text = fixture.openssl("crl -in ca/root.crl -noout -crlnumber").unwrap();
    u128::from_str_radix(text.trim().trim_start_matches("crlNumber=0x").trim_start_matches("crlNumber="), 16).unwrap()
}

#[test]
fn ceremony_signs_the_root_crl_and_revokes_an_issuer() {
    let fixture = CeremonyFixture::new();
    let said = fixture.init(&["--name", "Example"]);
    assert!(said.contains("ca/root.crl") && said.contains("0 revoked"), "{said}");
    let text = fixture.openssl("x509 -in ca/issuer.pem -noout -text").unwrap();
    assert!(text.contains("URI:http://ca.corp.example/crl/root.crl"), "{text}");
    let first = number(&fixture);
    assert!(list(&fixture).contains("No Revoked Certificates"));
    verify(&fixture, "issuer.pem").unwrap();

    fixture.ok(&issuer(&fixture, "new", &["--takes-over", &fixture.in_days(400), "--years", "9"]));
    let second = number(&fixture);
    assert!(second > first, "each issuer brings another list");
    verify(&fixture, "issuer-2.pem").unwrap();

    // The root's key is offline by now, and comes back under another name.
    fs::rename(fixture.path("ca/root.key"), fixture.path("stick.key")).unwrap();
    let said = fixture.refused(&issuer(&fixture, "revoke", &["--issuer", "1", "--reason", "compromised"]));
    assert!(said.contains("ca/root.key") && said.contains("--root-key"), "{said}");
    let revoke = issuer(&fixture, "revoke", &["--issuer", "1", "--reason", "compromised", "--root-key", "stick.key"]);
    let said = fixture.ok(&revoke);
    assert!(
        said.contains("Example Issuing CA") && said.contains("1 revoked") && said.contains("cargo run -- deploy"),
        "{said}"
    );
    assert!(number(&fixture) > second);
    assert!(list(&fixture).contains("CA Compromise"));
    assert!(verify(&fixture, "issuer.pem").unwrap_err().contains("certificate revoked"));
    verify(&fixture, "issuer-2.pem").unwrap();
    assert!(fixture.refused(&revoke).contains("already"));

    // Another list of more years has what was on it.
    fixture.ok(&issuer(&fixture, "crl", &["--years", "12", "--root-key", "stick.key"]));
    assert!(verify(&fixture, "issuer.pem").unwrap_err().contains("certificate revoked"));
    for (options, says) in [
        (&["--issuer", "3", "--reason", "ended"][..], "issuer-3.pem is missing"),
        (&["--certificate", "ca/root.pem", "--reason", "ended"], "none of its certificates was issued by"),
        (&["--reason", "ended"], "--issuer"),
        (&["--issuer", "2"], "--reason"),
    ] {
        let said = fixture.refused(&issuer(&fixture, "revoke", &[options, &["--root-key", "stick.key"]].concat()));
        assert!(said.contains(says), "{options:?}: {said}");
    }
}

#[test]
fn external_root_crl_is_imported_only_if_valid_and_newest() {
    let (vault, other) = (CeremonyFixture::new(), CeremonyFixture::new());
    vault.init(&[]);
    other.init(&[]);
    let old = vault.read("ca/root.crl");
    vault.ok(&issuer(&vault, "revoke", &["--issuer", "1", "--reason", "superseded"]));
    let newer = vault.read("ca/root.crl");
    let take = |fixture: &CeremonyFixture, text: &str| {
        fixture.write("list.pem", text);
        ["issuer", "crl", "--take-in", "list.pem"].map(str::to_owned)
    };
    assert!(vault.refused(&take(&vault, &old)).contains("it is older"));
    assert!(vault.refused(&take(&vault, &other.read("ca/root.crl"))).contains("not signed by the key"));
    assert!(
        vault
            .refused(&take(&vault, &vault.read("ca/root.pem")))
            .contains("\"CERTIFICATE\"; expected only a \"X509 CRL\"")
    );
    vault.write("ca/root.crl", &old);
    vault.ok(&take(&vault, &format!("text around it\n{newer}")));
    assert_eq!(vault.read("ca/root.crl"), newer);
}

#[test]
fn name_constraint_options_drop_constraints_or_leave_addresses_open() {
    let fixture = CeremonyFixture::new();
    fixture.init(&["--permit-dns", "corp.example", "--permit-any-ip"]);
    for (names, verified) in [("DNS:a.corp.example", true), ("IP:192.0.2.1", true), ("DNS:corp.test", false)] {
        fixture.leaf(names);
        let said = fixture.openssl("verify -x509_strict -CAfile ca/root.pem -untrusted ca/issuer.pem leaf.pem");
        assert_eq!(said.is_ok(), verified, "{names}: {said:?}");
    }
    let issuer_text = |file: &str| fixture.openssl(&format!("x509 -in ca/{file} -noout -text")).unwrap();
    let same = fixture.ok(&issuer(&fixture, "new", &["--takes-over", &fixture.in_days(400)]));
    assert!(same.contains("only corp.example, and any IP address"), "{same}");
    assert!(issuer_text("issuer-2.pem").contains("Name Constraints"));
    let said = fixture.ok(&issuer(&fixture, "new", &["--takes-over", &fixture.in_days(500), "--no-permit"]));
    assert!(
        said.contains("any name and address") && !issuer_text("issuer-3.pem").contains("Name Constraints"),
        "{said}"
    );
    let both =
        issuer(&fixture, "new", &["--takes-over", &fixture.in_days(600), "--no-permit", "--permit-dns", "a.test"]);
    assert!(fixture.refused(&both).contains("cannot be used with"));
}
