//! End to end: an operator runs a CA with real clients, commands and a browser.

mod desk;
mod fixture;
mod logs;
mod notices;
mod page;
mod walk;

use fixture::{Fixture, openssl};
use walk::walk;

/// A key for `*.corp.example`: certbot gets a server's certificate, lego a client's by profile.
///
/// No challenge is set up for either.
fn obtain(fixture: &Fixture) {
    let made = fixture.selvedge(&["eab", "create", "team-a", "--many", "--preauthorize", "*.corp.example"]);
    let key = made["key"].as_str().unwrap();
    let nobody = fixture.human_output(&["policy", "check", "db.corp.example", "--key", "team-a"]);
    assert!(nobody.contains("pre-authorised by \"*.corp.example\""), "{nobody}");
    let port = fixture.server.http01.to_string();
    let bound = ["--eab-kid", "team-a", "--eab-hmac-key", key, "--agree-tos", "--register-unsafely-without-email"];
    let standalone = ["certonly", "--standalone", "--http-01-port", &port, "-d", "db.corp.example"];
    fixture.certbot(&[&standalone[..], &bound].concat());
    let bound = ["--eab", "--kid", "team-a", "--hmac", key, "-d", "ada.corp.example"];
    let port = format!("127.0.0.1:{}", fixture.server.http01);
    fixture.lego(&[&bound[..], &["--http", "--http.port", &port, "run", "--profile", "client"]].concat());
    let purpose = |file: &str| openssl(&["-ext", "extendedKeyUsage"], &fixture.path(file));
    assert!(purpose("certbot/live/db.corp.example/cert.pem").contains("TLS Web Server Authentication"));
    assert!(purpose("lego/certificates/ada.corp.example.crt").contains("TLS Web Client Authentication"));
}

/// What is to be replaced now, a client with renewal information renews, and no other.
fn replace(fixture: &Fixture) {
    let port = fixture.server.http01.to_string();
    let renew = ["renew", "--no-random-sleep-on-renew", "--http-01-port", &port];
    fixture.human_output(&["certs", "replace", "--all", "--reason", "a rehearsal", "--yes"]);
    // certbot has not asked before: after an answer it waits for hours until it asks again.
    let renewed = fixture.certbot(&renew);
    assert!(renewed.contains("Congratulations"), "ari: {renewed}");
    let found = fixture.certificates(&["--name", "db.corp.example"]);
    let flags: Vec<_> = found.iter().map(|it| (it["renewed"] == true, it["replace_now"] == true)).collect();
    assert!(flags.contains(&(true, false)) && flags.contains(&(false, false)) && flags.len() == 2, "{found:?}");
}

#[test]
fn operator_runs_a_ca_from_external_account_key_to_audit_record() {
    let fixture = Fixture::start(&["EXTERNAL_ACCOUNT_REQUIRED=true"]);
    obtain(&fixture);
    let listed = fixture.human_output(&["certs", "list"]);
    assert!(listed.contains("db.corp.example") && listed.contains("ada.corp.example"), "{listed}");
    let accounts = fixture.selvedge(&["accounts", "list"]);
    assert_eq!(accounts["accounts"].as_array().unwrap().len(), 2, "{accounts}");
    replace(&fixture);
    walk(&fixture);
    let revoked = fixture.certificates(&["ada.corp", "--status", "revoked"]);
    assert_eq!(revoked[0]["revoked"]["by"], "operator: dev", "{revoked:?}");
    let record = fixture.selvedge(&["audit", "list", "--all"]);
    let done: Vec<&str> = record["entries"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .filter(|entry| entry["outcome"] != "attempted")
        .map(|entry| entry["what"].as_str().unwrap())
        .collect();
    assert_eq!(done, ["external-account.create", "certificates.replace", "sign-in", "certificate.revoke"]);
    assert!(fixture.human_output(&["audit", "verify"]).contains("The record is complete"));
    let fixture = Fixture { server: fixture.server.restart(), folder: fixture.folder };
    assert_eq!(
        fixture.selvedge(&["audit", "list", "--all"])["entries"],
        record["entries"],
        "it is there after a restart"
    );
}
