//! What an operator does with an authority that runs elsewhere: `deploy`, `secret-key`, `status`. Wrangler, Cloudflare's
//! API and the authority are doubles.

mod authority;
mod cloudflare;
mod fixture;
mod keys;
mod renames;
mod status;
mod witness;

use crate::server::{Server, unused_address};
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

/// The command that uploads secrets with the code.
const WITH_SECRETS: &str = "deploy --secrets-file /dev/stdin";

/// The secrets that the n-th run of wrangler was given.
fn given(fixture: &CliFixture, n: usize) -> BTreeMap<String, String> {
    serde_json::from_str(fixture.calls()[n].stdin.as_deref().unwrap()).unwrap()
}

fn names(secrets: &BTreeMap<String, String>) -> Vec<&str> {
    secrets.keys().map(String::as_str).collect()
}

#[test]
fn first_deployment_uploads_secrets_with_the_code() {
    let fixture = two();
    let ended = fixture.run(&["deploy"], &[]);
    fine(&ended);
    assert_eq!(fixture.arguments(), ["secret list", WITH_SECRETS]);
    let secrets = given(&fixture, 1);
    assert_eq!(names(&secrets), ["ISSUER_KEY", "ISSUER_KEY_2", "NONCE_KEY"]);
    assert_eq!((&secrets["NONCE_KEY"], &secrets["ISSUER_KEY"]), (&fixture.nonce_key, &fixture.issuer.key));
    assert_eq!(secrets["ISSUER_KEY_2"], std::fs::read_to_string(fixture.path("ca/issuer-2.key")).unwrap());
    assert!(ended.err.contains("ISSUER_KEY_2: storing it"), "{ended:?}");
    assert!(ended.err.contains("not logged in at Cloudflare"), "the account was not checked: {ended:?}");
    let base = &fixture.vars["BASE_URL"];
    for says in [
        "Deployed, and it answers",
        &format!("{base}/directory has the directory, and newNonce a nonce"),
        "has the issuer's certificate",
        "0.crl has a CRL",
        "status --ca",
    ] {
        assert!(ended.out.contains(says), "{says}: {ended:?}");
    }
}

#[test]
fn existing_secrets_stay_unless_replaced() {
    let fixture = two();
    fixture.listed(&[("NONCE_KEY", "secret_text"), ("ISSUER_KEY", "secret_text")]);
    let ended = fixture.run(&["deploy"], &[]);
    fine(&ended);
    assert_eq!(fixture.arguments(), ["secret list", WITH_SECRETS]);
    assert_eq!(names(&given(&fixture, 1)), ["ISSUER_KEY_2"], "the new issuer's key, with its chain");
    assert!(ended.err.contains("NONCE_KEY: exists"), "{ended:?}");
    fine(&fixture.run(&["deploy", "--replace-secrets"], &[]));
    assert_eq!(names(&given(&fixture, 3)), ["ISSUER_KEY", "ISSUER_KEY_2", "NONCE_KEY"]);
    // A stolen key is replaced where work is under way, too.
    fine(&fixture.run(&["deploy", "--emergency"], &[]));
    let immediate = "deploy --durable-objects-code-update-mode immediate --secrets-file /dev/stdin";
    assert_eq!(fixture.arguments()[4..], ["secret list", immediate]);
    assert_eq!(names(&given(&fixture, 5)), ["ISSUER_KEY", "ISSUER_KEY_2", "NONCE_KEY"]);
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
    fixture.listed(&["NONCE_KEY", "ISSUER_KEY", "ISSUER_KEY_2"].map(|name| (name, "secret_text")));
    // Both are in use.
    let both = says(vec![of(1, &first), of(2, &second)]);
    fixture.set("BASE_URL", &format!("http://{}", both.address));
    let ended = fixture.run(&["deploy"], &[]);
    assert!(ended.code == 1 && ended.err.contains("the upload is done, but"), "it has no directory: {ended:?}");
    assert_eq!(fixture.arguments(), ["secret list", "deploy"]);
    // The second key was stored, perhaps by a deployment that was interrupted, perhaps for an issuer long gone.
    let one = says(vec![of(1, &first)]);
    fixture.set("BASE_URL", &format!("http://{}", one.address));
    fixture.run(&["deploy"], &[]);
    assert_eq!(fixture.arguments()[2..], ["secret list", WITH_SECRETS]);
    assert_eq!(names(&given(&fixture, 3)), ["ISSUER_KEY_2"]);
    // The first place has another issuer than here.
    let other = says(vec![of(1, "0123456789abcdef"), of(2, &second)]);
    fixture.set("BASE_URL", &format!("http://{}", other.address));
    let ended = fixture.run(&["deploy"], &[]);
    assert!(ended.code == 1 && ended.err.contains("the running authority uses ISSUER_KEY"), "{ended:?}");
    assert_eq!(fixture.arguments()[4..], ["secret list"]);
    fixture.run(&["deploy", "--replace-secrets"], &[]);
    assert_eq!(fixture.arguments()[5..], ["secret list", WITH_SECRETS]);
    // Nothing answers there yet.
    fixture.set("BASE_URL", &format!("http://{}", unused_address()));
    let ended = fixture.run(&["deploy"], &[]);
    assert!(ended.code == 1 && ended.err.contains("cannot read the issuers"), "{ended:?}");
    assert!(ended.err.contains("the upload is done, but") && ended.err.contains("some minutes more"), "{ended:?}");
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
    assert_eq!(fixture.arguments()[2..], ["secret list", WITH_SECRETS]);
    assert_eq!(given(&fixture, 3), BTreeMap::from([("ADMIN_TOKENS".to_owned(), tokens)]));
    // What is there stays, also where the folder has none.
    fixture.listed(&["NONCE_KEY", "ISSUER_KEY", "ADMIN_TOKENS"].map(|name| (name, "secret_text")));
    fine(&fixture.run(&["deploy"], &[]));
    std::fs::remove_file(fixture.path("ca/admin.tokens")).unwrap();
    assert!(!fixture.run(&["deploy"], &[]).err.contains("token new"));
    assert_eq!(fixture.arguments()[4..], ["secret list", "deploy", "secret list", "deploy"]);
}

#[test]
fn dry_run_changes_nothing_and_prints_the_commands() {
    let fixture = two();
    let before = files(&[fixture.path("ca"), fixture.path("wrangler.toml")]);
    assert!(before.len() > 5, "{:?}", before.keys());
    let ended = fixture.run(&["deploy", "--dry-run"], &[]);
    fine(&ended);
    assert_eq!(fixture.arguments(), ["deploy --dry-run --secrets-file /dev/stdin"]);
    let line = format!("  ISSUER_KEY_2 from {}\n", fixture.path("ca/issuer-2.key").display());
    assert!(ended.out.contains(&line) && ended.out.contains("as one version"), "{ended:?}");
    let ended = fixture.run(&["deploy", "--dry-run", "--key-binding"], &[]);
    fine(&ended);
    assert!(ended.out.contains("NONCE_KEY from") && ended.out.contains("secret-key --ca"), "{ended:?}");
    assert!(ended.out.contains("--place 2`\n") && !ended.out.contains("ISSUER_KEY from"), "{ended:?}");
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
fn pinned_wrangler_takes_the_secrets_of_a_dry_run() {
    let fixture = CliFixture::new();
    std::fs::write(fixture.path("x.js"), "export default { fetch() { return new Response('x') } };\n").unwrap();
    let settings = std::fs::read_to_string(fixture.path("wrangler.toml")).unwrap();
    std::fs::write(fixture.path("wrangler.toml"), format!("compatibility_date = '2026-11-01'\n{settings}")).unwrap();
    let ended = fixture.run_wrangler(&["--dry-run"]);
    fine(&ended);
    for name in ["env.NONCE_KEY (\"(hidden)\")", "env.ISSUER_KEY (\"(hidden)\")", "All checks passed"] {
        assert!(ended.out.contains(name), "{name}: {ended:?}");
    }
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
fn failed_upload_says_that_nothing_changed() {
    let fixture = CliFixture::new();
    fixture.fails("deploy");
    let ended = fixture.run(&["deploy"], &[]);
    assert!(ended.code == 1 && ended.err.contains("uploaded whole or not at all"), "{ended:?}");
    assert!(ended.err.contains("`wrangler deploy` failed") && !ended.out.contains("answers"), "{ended:?}");
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
    fixture.listed(&["NONCE_KEY", "ISSUER_KEY_2"].map(|name| (name, "secret_text")));
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
