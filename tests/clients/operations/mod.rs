//! End to end: what somebody does who runs a CA, from an external account key to the audit record, with real clients, the
//! companion's commands, and the pages in a real browser; and what the CA tells by itself.

mod notices;
mod scene;
mod walk;

use scene::{Scene, openssl};
use walk::walk;

/// An external account key for `*.corp.example`, with it a server's certificate by certbot and a client's by lego, which
/// selects the profile; no challenge is set up for either.
fn obtain(scene: &Scene) {
    let made = scene.selvedge(&["eab", "create", "team-a", "--many", "--preauthorize", "*.corp.example"]);
    let key = made["key"].as_str().unwrap();
    let nobody = scene.told(&["policy", "check", "db.corp.example", "--key", "team-a"]);
    assert!(nobody.contains("pre-authorised by \"*.corp.example\""), "{nobody}");
    let port = scene.server.http01.to_string();
    let bound = ["--eab-kid", "team-a", "--eab-hmac-key", key, "--agree-tos", "--register-unsafely-without-email"];
    let standalone = ["certonly", "--standalone", "--http-01-port", &port, "-d", "db.corp.example"];
    scene.certbot(&[&standalone[..], &bound].concat());
    let bound = ["--eab", "--kid", "team-a", "--hmac", key, "-d", "ada.corp.example"];
    let port = format!("127.0.0.1:{}", scene.server.http01);
    scene.lego(&[&bound[..], &["--http", "--http.port", &port, "run", "--profile", "client"]].concat());
    let purpose = |file: &str| openssl(&["-ext", "extendedKeyUsage"], &scene.path(file));
    assert!(purpose("certbot/live/db.corp.example/cert.pem").contains("TLS Web Server Authentication"));
    assert!(purpose("lego/certificates/ada.corp.example.crt").contains("TLS Web Client Authentication"));
}

/// What is to be replaced now, a client with renewal information renews, and no other.
fn replace(scene: &Scene) {
    let port = scene.server.http01.to_string();
    let renew = ["renew", "--no-random-sleep-on-renew", "--http-01-port", &port];
    scene.told(&["certs", "replace", "--all", "--reason", "a rehearsal", "--yes"]);
    // certbot has not asked before: after an answer it waits for hours until it asks again.
    let renewed = scene.certbot(&renew);
    assert!(renewed.contains("Congratulations"), "ari: {renewed}");
    let found = scene.certificates(&["--name", "db.corp.example"]);
    let flags: Vec<_> = found.iter().map(|it| (it["renewed"] == true, it["replace_now"] == true)).collect();
    assert!(flags.contains(&(true, false)) && flags.contains(&(false, false)) && flags.len() == 2, "{found:?}");
}

#[test]
fn a_ca_is_run_from_an_external_account_key_to_the_audit_record() {
    let scene = Scene::start(&["EXTERNAL_ACCOUNT_REQUIRED=true"]);
    obtain(&scene);
    let listed = scene.told(&["certs", "list"]);
    assert!(listed.contains("db.corp.example") && listed.contains("ada.corp.example"), "{listed}");
    let accounts = scene.selvedge(&["accounts", "list"]);
    assert_eq!(accounts["accounts"].as_array().unwrap().len(), 2, "{accounts}");
    replace(&scene);
    walk(&scene);
    let revoked = scene.certificates(&["ada.corp", "--status", "revoked"]);
    assert_eq!(revoked[0]["revoked"]["by"], "operator: dev", "{revoked:?}");
    let record = scene.selvedge(&["audit", "list", "--all"]);
    let done: Vec<&str> = record["entries"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .filter(|entry| entry["outcome"] != "attempted")
        .map(|entry| entry["what"].as_str().unwrap())
        .collect();
    assert_eq!(done, ["external-account.create", "certificates.replace", "sign-in", "certificate.revoke"]);
    assert!(scene.told(&["audit", "verify"]).contains("whole"));
    let scene = Scene { server: scene.server.restart(), folder: scene.folder };
    assert_eq!(
        scene.selvedge(&["audit", "list", "--all"])["entries"],
        record["entries"],
        "it is there after a restart"
    );
}
