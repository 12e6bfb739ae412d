//! The root's CRL, from its making to a revocation, with OpenSSL as the verifier.

use super::desk::Desk;
use std::fs;

fn issuer(desk: &Desk, command: &str, options: &[&str]) -> Vec<String> {
    desk.line(&["issuer", command], options)
}

/// What OpenSSL says of an issuer by the list that is to be published.
fn verify(desk: &Desk, issuer: &str) -> Result<String, String> {
    desk.write("published.pem", desk.vars()["ROOT_CRL"].as_str().unwrap());
    desk.openssl(&format!(
        "verify -x509_strict -crl_check -purpose any -CAfile ca/root.pem -CRLfile published.pem ca/{issuer}"
    ))
}

fn list(desk: &Desk) -> String {
    assert_eq!(desk.vars()["ROOT_CRL"].as_str().unwrap(), desk.read("ca/root.crl"));
    desk.openssl("crl -in ca/root.crl -noout -text -CAfile ca/root.pem").unwrap()
}

fn number(desk: &Desk) -> u128 {
    let text = desk.openssl("crl -in ca/root.crl -noout -crlnumber").unwrap();
    u128::from_str_radix(text.trim().trim_start_matches("crlNumber=0x").trim_start_matches("crlNumber="), 16).unwrap()
}

#[test]
fn ceremony_signs_the_root_crl_and_revokes_an_issuer() {
    let desk = Desk::new();
    let said = desk.init(&["--name", "Example"]);
    assert!(said.contains("ca/root.crl") && said.contains("0 revoked"), "{said}");
    let text = desk.openssl("x509 -in ca/issuer.pem -noout -text").unwrap();
    assert!(text.contains("URI:http://ca.corp.example/crl/root.crl"), "{text}");
    let first = number(&desk);
    assert!(list(&desk).contains("No Revoked Certificates"));
    verify(&desk, "issuer.pem").unwrap();

    desk.ok(&issuer(&desk, "new", &["--takes-over", &desk.in_days(400), "--years", "9"]));
    let second = number(&desk);
    assert!(second > first, "each issuer brings another list");
    verify(&desk, "issuer-2.pem").unwrap();

    // The root's key is offline by now, and comes back under another name.
    fs::rename(desk.path("ca/root.key"), desk.path("stick.key")).unwrap();
    let said = desk.refused(&issuer(&desk, "revoke", &["--issuer", "1", "--reason", "compromised"]));
    assert!(said.contains("ca/root.key") && said.contains("--root-key"), "{said}");
    let revoke = issuer(&desk, "revoke", &["--issuer", "1", "--reason", "compromised", "--root-key", "stick.key"]);
    let said = desk.ok(&revoke);
    assert!(
        said.contains("Example Issuing CA") && said.contains("1 revoked") && said.contains("cargo run -- deploy"),
        "{said}"
    );
    assert!(number(&desk) > second);
    assert!(list(&desk).contains("CA Compromise"));
    assert!(verify(&desk, "issuer.pem").unwrap_err().contains("certificate revoked"));
    verify(&desk, "issuer-2.pem").unwrap();
    assert!(desk.refused(&revoke).contains("already"));

    // Another list of more years has what was on it.
    desk.ok(&issuer(&desk, "crl", &["--years", "12", "--root-key", "stick.key"]));
    assert!(verify(&desk, "issuer.pem").unwrap_err().contains("certificate revoked"));
    for (options, says) in [
        (&["--issuer", "3", "--reason", "ended"][..], "issuer-3.pem is missing"),
        (&["--certificate", "ca/root.pem", "--reason", "ended"], "none of its certificates was issued by"),
        (&["--reason", "ended"], "--issuer"),
        (&["--issuer", "2"], "--reason"),
    ] {
        let said = desk.refused(&issuer(&desk, "revoke", &[options, &["--root-key", "stick.key"]].concat()));
        assert!(said.contains(says), "{options:?}: {said}");
    }
}

#[test]
fn external_root_crl_is_imported_only_if_valid_and_newest() {
    let (vault, other) = (Desk::new(), Desk::new());
    vault.init(&[]);
    other.init(&[]);
    let old = vault.read("ca/root.crl");
    vault.ok(&issuer(&vault, "revoke", &["--issuer", "1", "--reason", "superseded"]));
    let newer = vault.read("ca/root.crl");
    let take = |desk: &Desk, text: &str| {
        desk.write("list.pem", text);
        ["issuer", "crl", "--take-in", "list.pem"].map(str::to_owned)
    };
    assert!(vault.refused(&take(&vault, &old)).contains("it is older"));
    assert!(vault.refused(&take(&vault, &other.read("ca/root.crl"))).contains("not signed by the key"));
    assert!(
        vault
            .refused(&take(&vault, &vault.read("ca/root.pem")))
            .contains("\"CERTIFICATE\", where only a \"X509 CRL\" belongs")
    );
    vault.write("ca/root.crl", &old);
    vault.ok(&take(&vault, &format!("text around it\n{newer}")));
    assert_eq!(vault.read("ca/root.crl"), newer);
}

#[test]
fn name_constraint_options_drop_constraints_or_leave_addresses_open() {
    let desk = Desk::new();
    desk.init(&["--permit-dns", "corp.example", "--permit-any-ip"]);
    for (names, verified) in [("DNS:a.corp.example", true), ("IP:192.0.2.1", true), ("DNS:corp.test", false)] {
        desk.leaf(names);
        let said = desk.openssl("verify -x509_strict -CAfile ca/root.pem -untrusted ca/issuer.pem leaf.pem");
        assert_eq!(said.is_ok(), verified, "{names}: {said:?}");
    }
    let issuer_text = |file: &str| desk.openssl(&format!("x509 -in ca/{file} -noout -text")).unwrap();
    let same = desk.ok(&issuer(&desk, "new", &["--takes-over", &desk.in_days(400)]));
    assert!(same.contains("only corp.example, and any IP address"), "{same}");
    assert!(issuer_text("issuer-2.pem").contains("Name Constraints"));
    let said = desk.ok(&issuer(&desk, "new", &["--takes-over", &desk.in_days(500), "--no-permit"]));
    assert!(
        said.contains("any name and address") && !issuer_text("issuer-3.pem").contains("Name Constraints"),
        "{said}"
    );
    let both = issuer(&desk, "new", &["--takes-over", &desk.in_days(600), "--no-permit", "--permit-dns", "a.test"]);
    assert!(desk.refused(&both).contains("cannot be used with"));
}
