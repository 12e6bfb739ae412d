//! What an operator does with an authority that runs elsewhere: `deploy`, `secret-key`, `status`. Wrangler, Cloudflare's
//! API and the authority are doubles.

mod fixture;
mod keys;
mod status;

use crate::server::Server;
use fixture::{CliFixture, CommandOutput, TOKEN, now};
use selvedge::pki::Issuer;
use selvedge::pki::ceremony::create_intermediate;
use serde_json::json;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A fixture whose CA has a second issuer that takes over tomorrow.
fn two() -> CliFixture {
    let mut fixture = CliFixture::new();
    let second = create_intermediate(&fixture.root, "Second", now(), 6).unwrap();
    fixture.add(2, &second);
    fixture
}

#[track_caller]
fn fine(ended: &CommandOutput) {
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[test]
fn first_deployment_stores_secrets_then_deploys() {
    let fixture = two();
    let ended = fixture.run(&["deploy"], &[]);
    fine(&ended);
    let put = ["secret put NONCE_KEY", "secret put ISSUER_KEY", "secret put ISSUER_KEY_2"];
    assert_eq!(fixture.arguments(), ["secret list", put[0], put[1], put[2], "deploy"]);
    let calls = fixture.calls();
    assert_eq!(calls[1].stdin.as_deref(), Some(fixture.nonce_key.as_str()));
    assert_eq!(calls[2].stdin.as_deref(), Some(fixture.issuer.key.as_str()));
    let second = std::fs::read_to_string(fixture.path("ca/issuer-2.key")).unwrap();
    assert_eq!(calls[3].stdin, Some(second));
    assert!(ended.out.contains("curl https://127.0.0.1:1/directory") && ended.out.contains("status --ca"), "{ended:?}");
    assert!(ended.err.contains("ISSUER_KEY_2: storing it"), "{ended:?}");
}

#[test]
fn existing_secrets_stay_unless_replaced() {
    let fixture = two();
    fixture.listed(&[("NONCE_KEY", "secret_text"), ("ISSUER_KEY", "secret_text")]);
    let ended = fixture.run(&["deploy"], &[]);
    fine(&ended);
    assert_eq!(
        fixture.arguments(),
        ["secret list", "secret put ISSUER_KEY_2", "deploy"],
        "the new issuer's key, then its chain"
    );
    assert!(ended.err.contains("NONCE_KEY: exists"), "{ended:?}");
    assert!(ended.err.contains("cannot read the issuers"), "no server answers at BASE_URL: {ended:?}");
    fine(&fixture.run(&["deploy", "--replace-secrets"], &[]));
    let put = ["secret put NONCE_KEY", "secret put ISSUER_KEY", "secret put ISSUER_KEY_2"];
    assert_eq!(fixture.arguments()[3..], ["secret list", put[0], put[1], put[2], "deploy"]);
}

#[test]
fn running_ca_reports_its_configured_keys() {
    let mut fixture = two();
    let id = |chain: &str| Issuer::from_pem_chain(chain).unwrap().id().to_owned();
    let (first, second) = (id(&fixture.issuer.certificate), id(&fixture.vars["ISSUER_CHAIN_2"]));
    let of = |place: u8, id: &str| {
        json!({"place": place, "id": id, "name": "X", "active": place == 1, "takes_over": "2026-01-01T00:00:00Z",
               "not_after": "2036-01-01T00:00:00Z", "certificate": "http://x", "certificates_until": null, "crls": []})
    };
    let says = |issuers: Vec<serde_json::Value>| {
        let body = json!({"longest_lifetime": 7_776_000, "problems": [], "issuers": issuers}).to_string();
        Server::start(move |_| (200, body.clone().into_bytes()))
    };
    fixture.set("MODE", "dev");
    fixture.listed(&["NONCE_KEY", "ISSUER_KEY", "ISSUER_KEY_2"].map(|name| (name, "secret_text")));
    // Both are in use.
    let both = says(vec![of(1, &first), of(2, &second)]);
    fixture.set("BASE_URL", &format!("http://{}", both.address));
    fine(&fixture.run(&["deploy"], &[]));
    assert_eq!(fixture.arguments(), ["secret list", "deploy"]);
    // The second key was stored, perhaps by a deployment that was interrupted, perhaps for an issuer long gone.
    let one = says(vec![of(1, &first)]);
    fixture.set("BASE_URL", &format!("http://{}", one.address));
    fine(&fixture.run(&["deploy"], &[]));
    assert_eq!(fixture.arguments()[2..], ["secret list", "secret put ISSUER_KEY_2", "deploy"]);
    // The first place has another issuer than here.
    let other = says(vec![of(1, "0123456789abcdef"), of(2, &second)]);
    fixture.set("BASE_URL", &format!("http://{}", other.address));
    let ended = fixture.run(&["deploy"], &[]);
    assert!(ended.code == 1 && ended.err.contains("the running authority uses ISSUER_KEY"), "{ended:?}");
    assert_eq!(fixture.arguments()[5..], ["secret list"]);
    fine(&fixture.run(&["deploy", "--replace-secrets"], &[]));
}

#[test]
fn existing_admin_tokens_are_stored() {
    let fixture = CliFixture::new();
    let ended = fixture.run(&["deploy"], &[]);
    fine(&ended);
    assert!(ended.err.contains("operations") && ended.err.contains("token new operator --ca"), "{ended:?}");
    let tokens = json!({"operator": "0123456789-0123456789-0123456789-01"}).to_string();
    fixture.put("admin.tokens", &tokens);
    fixture.listed(&["NONCE_KEY", "ISSUER_KEY"].map(|name| (name, "secret_text")));
    let ended = fixture.run(&["deploy"], &[]);
    fine(&ended);
    assert!(!ended.err.contains("token new"), "{ended:?}");
    assert_eq!(fixture.arguments()[4..], ["secret list", "secret put ADMIN_TOKENS", "deploy"]);
    assert_eq!(fixture.calls()[5].stdin.as_deref(), Some(tokens.as_str()));
    // What is there stays, also where the folder has none.
    fixture.listed(&["NONCE_KEY", "ISSUER_KEY", "ADMIN_TOKENS"].map(|name| (name, "secret_text")));
    fine(&fixture.run(&["deploy"], &[]));
    std::fs::remove_file(fixture.path("ca/admin.tokens")).unwrap();
    assert!(!fixture.run(&["deploy"], &[]).err.contains("token new"));
    assert_eq!(fixture.arguments()[7..], ["secret list", "deploy", "secret list", "deploy"]);
}

#[test]
fn dry_run_changes_nothing_and_prints_the_commands() {
    let fixture = two();
    let before = files(&[fixture.path("ca"), fixture.path("wrangler.toml")]);
    assert!(before.len() > 5, "{:?}", before.keys());
    let ended = fixture.run(&["deploy", "--dry-run"], &[]);
    fine(&ended);
    assert_eq!(fixture.arguments(), ["deploy --dry-run"]);
    let (key, toml) = (fixture.path("ca/issuer-2.key"), fixture.path("wrangler.toml"));
    let line = format!("secret put ISSUER_KEY_2 --config {} < {}\n", toml.display(), key.display());
    assert!(ended.out.contains(&line) && ended.out.contains("tool wrangler deploy"), "{ended:?}");
    let ended = fixture.run(&["deploy", "--dry-run", "--key-binding"], &[]);
    fine(&ended);
    assert!(ended.out.contains("secret put NONCE_KEY") && ended.out.contains("secret-key --ca"), "{ended:?}");
    assert!(ended.out.contains("--place 2\n") && !ended.out.contains("secret put ISSUER_KEY"), "{ended:?}");
    assert_eq!(files(&[fixture.path("ca"), fixture.path("wrangler.toml")]), before, "a file was changed");
}

/// What is in these files and folders: the content and mode of each file.
fn files(paths: &[PathBuf]) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut left = paths.to_vec();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            let content = std::fs::read(&path).unwrap();
            found.insert(path, (mode, content));
        }
    }
    found
}

#[test]
fn deploy_reports_all_findings_and_runs_nothing() {
    let mut fixture = two();
    let root_key = fixture.root.key.clone();
    fixture.set("BASE_URL", "https://ca.example.org");
    fixture.put("issuer.key", &root_key);
    fixture.put("nonce.key", "short");
    fixture.open("issuer-2.key", 0o644);
    fixture.put("admin.tokens", r#"{"operator":"short"}"#);
    fixture.open("admin.tokens", 0o640);
    fixture.set("ADMIN_TOKENS", "x");
    fixture.vars.remove("ISSUER_ACTIVE_FROM_2");
    fixture.set("ISSUER_CHAIN", &fixture.root.certificate.clone());
    let ended = fixture.run(&["deploy"], &[]);
    assert_eq!(ended.code, 1, "{ended:?}");
    for says in [
        "wrong: BASE_URL in",
        "issuer.key is the key of the ROOT",
        "nonce.key is not 32 random bytes",
        "issuer-2.key is accessible to other users",
        "admin.tokens is accessible to other users",
        "admin.tokens cannot be used: the token \"operator\" is not 32",
        "ADMIN_TOKENS is in",
        "chmod 600",
        "has no ISSUER_ACTIVE_FROM_2",
        "ISSUER_CHAIN in",
        "nothing was done: fix these 9 problems",
    ] {
        assert!(ended.err.contains(says), "{says}: {}", ended.err);
    }
    assert!(fixture.arguments().is_empty());
    let dry = fixture.run(&["deploy", "--dry-run"], &[]);
    assert!(dry.code == 1 && fixture.arguments().is_empty(), "{dry:?}");
}

#[test]
fn warning_does_not_stop_deploy() {
    let fixture = CliFixture::new();
    fixture.put("root.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n");
    let ended = fixture.run(&["deploy"], &[]);
    fine(&ended);
    assert!(ended.err.contains("warning: ") && ended.err.contains("root.key is in the same folder"), "{ended:?}");
}

#[test]
fn deploy_failure_stops_and_prints_completed_steps() {
    let fixture = CliFixture::new();
    fixture.fails("secret put ISSUER_KEY");
    let ended = fixture.run(&["deploy"], &[]);
    assert!(ended.code == 1 && ended.err.contains("NONCE_KEY stored"), "{ended:?}");
    assert!(ended.err.contains("`wrangler secret put ISSUER_KEY` failed"), "{ended:?}");
    assert_eq!(
        fixture.arguments(),
        ["secret list", "secret put NONCE_KEY", "secret put ISSUER_KEY"],
        "and no deployment"
    );
}

#[test]
fn issuer_without_key_is_not_deployed() {
    let fixture = two();
    for file in ["ca/issuer-2.pem", "ca/issuer-2.key"] {
        std::fs::remove_file(fixture.path(file)).unwrap();
    }
    let ended = fixture.run(&["deploy"], &[]);
    assert!(ended.code == 1 && ended.err.contains("ISSUER_KEY_2 is neither in"), "{ended:?}");
    assert_eq!(fixture.arguments(), ["secret list"]);
    fixture.listed(&[("ISSUER_KEY_2", "secret_text")]);
    fine(&fixture.run(&["deploy"], &[]));
}

#[test]
fn missing_ca_folder_is_reported() {
    let fixture = CliFixture::new();
    std::fs::rename(fixture.path("ca"), fixture.path("elsewhere")).unwrap();
    std::fs::create_dir(fixture.path("ca")).unwrap();
    let ended = fixture.run(&["deploy"], &[]);
    assert!(ended.code == 1 && ended.err.contains("selvedge init"), "{ended:?}");
    assert!(!TOKEN.is_empty() && fixture.arguments().is_empty());
}
