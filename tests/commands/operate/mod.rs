//! What an operator does with an authority that runs elsewhere: `deploy`, `secret-key`, `status`. Wrangler, Cloudflare's
//! API and the authority are doubles.

mod desk;
mod keys;
mod status;

use crate::server::Server;
use desk::{Desk, Ended, TOKEN, now};
use selvedge::pki::Issuer;
use selvedge::pki::ceremony::create_intermediate;
use serde_json::json;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A desk whose CA has a second issuer that takes over tomorrow.
fn two() -> Desk {
    let mut desk = Desk::new();
    let second = create_intermediate(&desk.root, "Second", now(), 6).unwrap();
    desk.add(2, &second);
    desk
}

#[track_caller]
fn fine(ended: &Ended) {
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[test]
fn a_first_deployment_stores_every_secret_and_then_deploys() {
    let desk = two();
    let ended = desk.run(&["deploy"], &[]);
    fine(&ended);
    let put = ["secret put NONCE_KEY", "secret put ISSUER_KEY", "secret put ISSUER_KEY_2"];
    assert_eq!(desk.told(), ["secret list", put[0], put[1], put[2], "deploy"]);
    let calls = desk.calls();
    assert_eq!(calls[1].stdin.as_deref(), Some(desk.nonce_key.as_str()));
    assert_eq!(calls[2].stdin.as_deref(), Some(desk.issuer.key.as_str()));
    let second = std::fs::read_to_string(desk.path("ca/issuer-2.key")).unwrap();
    assert_eq!(calls[3].stdin, Some(second));
    assert!(ended.out.contains("curl https://127.0.0.1:1/directory") && ended.out.contains("status --ca"), "{ended:?}");
    assert!(ended.err.contains("ISSUER_KEY_2: storing it"), "{ended:?}");
}

#[test]
fn secrets_that_are_there_stay_unless_they_are_to_be_replaced() {
    let desk = two();
    desk.listed(&[("NONCE_KEY", "secret_text"), ("ISSUER_KEY", "secret_text")]);
    let ended = desk.run(&["deploy"], &[]);
    fine(&ended);
    assert_eq!(
        desk.told(),
        ["secret list", "secret put ISSUER_KEY_2", "deploy"],
        "the new issuer's key, then its chain"
    );
    assert!(ended.err.contains("NONCE_KEY: exists"), "{ended:?}");
    assert!(ended.err.contains("cannot read the issuers"), "nobody answers at BASE_URL: {ended:?}");
    fine(&desk.run(&["deploy", "--replace-secrets"], &[]));
    let put = ["secret put NONCE_KEY", "secret put ISSUER_KEY", "secret put ISSUER_KEY_2"];
    assert_eq!(desk.told()[3..], ["secret list", put[0], put[1], put[2], "deploy"]);
}

#[test]
fn the_running_authority_tells_whose_keys_the_worker_has() {
    let mut desk = two();
    let id = |chain: &str| Issuer::from_pem_chain(chain).unwrap().id().to_owned();
    let (first, second) = (id(&desk.issuer.certificate), id(&desk.vars["ISSUER_CHAIN_2"]));
    let of = |place: u8, id: &str| {
        json!({"place": place, "id": id, "name": "X", "active": place == 1, "takes_over": "2026-01-01T00:00:00Z",
               "not_after": "2036-01-01T00:00:00Z", "certificate": "http://x", "certificates_until": null, "crls": []})
    };
    let says = |issuers: Vec<serde_json::Value>| {
        let body = json!({"longest_lifetime": 7_776_000, "problems": [], "issuers": issuers}).to_string();
        Server::start(move |_| (200, body.clone().into_bytes()))
    };
    desk.set("MODE", "dev");
    desk.listed(&["NONCE_KEY", "ISSUER_KEY", "ISSUER_KEY_2"].map(|name| (name, "secret_text")));
    // Both are in use.
    let both = says(vec![of(1, &first), of(2, &second)]);
    desk.set("BASE_URL", &format!("http://{}", both.address));
    fine(&desk.run(&["deploy"], &[]));
    assert_eq!(desk.told(), ["secret list", "deploy"]);
    // The second key was stored, perhaps by a deployment that was interrupted, perhaps for an issuer long gone.
    let one = says(vec![of(1, &first)]);
    desk.set("BASE_URL", &format!("http://{}", one.address));
    fine(&desk.run(&["deploy"], &[]));
    assert_eq!(desk.told()[2..], ["secret list", "secret put ISSUER_KEY_2", "deploy"]);
    // The first place has another issuer than here.
    let other = says(vec![of(1, "0123456789abcdef"), of(2, &second)]);
    desk.set("BASE_URL", &format!("http://{}", other.address));
    let ended = desk.run(&["deploy"], &[]);
    assert!(ended.code == 1 && ended.err.contains("the running authority uses ISSUER_KEY"), "{ended:?}");
    assert_eq!(desk.told()[5..], ["secret list"]);
    fine(&desk.run(&["deploy", "--replace-secrets"], &[]));
}

#[test]
fn admin_tokens_are_stored_where_there_are_some() {
    let desk = Desk::new();
    let ended = desk.run(&["deploy"], &[]);
    fine(&ended);
    assert!(ended.err.contains("operations") && ended.err.contains("token new operator --ca"), "{ended:?}");
    let tokens = json!({"operator": "0123456789-0123456789-0123456789-01"}).to_string();
    desk.put("admin.tokens", &tokens);
    desk.listed(&["NONCE_KEY", "ISSUER_KEY"].map(|name| (name, "secret_text")));
    let ended = desk.run(&["deploy"], &[]);
    fine(&ended);
    assert!(!ended.err.contains("token new"), "{ended:?}");
    assert_eq!(desk.told()[4..], ["secret list", "secret put ADMIN_TOKENS", "deploy"]);
    assert_eq!(desk.calls()[5].stdin.as_deref(), Some(tokens.as_str()));
    // What is there stays, also where the folder has none.
    desk.listed(&["NONCE_KEY", "ISSUER_KEY", "ADMIN_TOKENS"].map(|name| (name, "secret_text")));
    fine(&desk.run(&["deploy"], &[]));
    std::fs::remove_file(desk.path("ca/admin.tokens")).unwrap();
    assert!(!desk.run(&["deploy"], &[]).err.contains("token new"));
    assert_eq!(desk.told()[7..], ["secret list", "deploy", "secret list", "deploy"]);
}

#[test]
fn a_dry_run_changes_nothing_and_shows_the_commands() {
    let desk = two();
    let before = files(&[desk.path("ca"), desk.path("wrangler.toml")]);
    assert!(before.len() > 5, "{:?}", before.keys());
    let ended = desk.run(&["deploy", "--dry-run"], &[]);
    fine(&ended);
    assert_eq!(desk.told(), ["deploy --dry-run"]);
    let (key, toml) = (desk.path("ca/issuer-2.key"), desk.path("wrangler.toml"));
    let line = format!("secret put ISSUER_KEY_2 --config {} < {}\n", toml.display(), key.display());
    assert!(ended.out.contains(&line) && ended.out.contains("tool wrangler deploy"), "{ended:?}");
    let ended = desk.run(&["deploy", "--dry-run", "--key-binding"], &[]);
    fine(&ended);
    assert!(ended.out.contains("secret put NONCE_KEY") && ended.out.contains("secret-key --ca"), "{ended:?}");
    assert!(ended.out.contains("--place 2\n") && !ended.out.contains("secret put ISSUER_KEY"), "{ended:?}");
    assert_eq!(files(&[desk.path("ca"), desk.path("wrangler.toml")]), before, "a file was changed");
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
fn what_is_wrong_is_said_all_at_once_and_nothing_is_run() {
    let mut desk = two();
    let root_key = desk.root.key.clone();
    desk.set("BASE_URL", "https://ca.example.org");
    desk.put("issuer.key", &root_key);
    desk.put("nonce.key", "short");
    desk.open("issuer-2.key", 0o644);
    desk.put("admin.tokens", r#"{"operator":"short"}"#);
    desk.open("admin.tokens", 0o640);
    desk.set("ADMIN_TOKENS", "x");
    desk.vars.remove("ISSUER_ACTIVE_FROM_2");
    desk.set("ISSUER_CHAIN", &desk.root.certificate.clone());
    let ended = desk.run(&["deploy"], &[]);
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
    assert!(desk.told().is_empty());
    let dry = desk.run(&["deploy", "--dry-run"], &[]);
    assert!(dry.code == 1 && desk.told().is_empty(), "{dry:?}");
}

#[test]
fn a_warning_does_not_stop_a_deployment() {
    let desk = Desk::new();
    desk.put("root.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n");
    let ended = desk.run(&["deploy"], &[]);
    fine(&ended);
    assert!(ended.err.contains("warning: ") && ended.err.contains("root.key is in the same folder"), "{ended:?}");
}

#[test]
fn a_failure_stops_with_what_was_done_until_then() {
    let desk = Desk::new();
    desk.fails("secret put ISSUER_KEY");
    let ended = desk.run(&["deploy"], &[]);
    assert!(ended.code == 1 && ended.err.contains("NONCE_KEY stored"), "{ended:?}");
    assert!(ended.err.contains("`wrangler secret put ISSUER_KEY` failed"), "{ended:?}");
    assert_eq!(desk.told(), ["secret list", "secret put NONCE_KEY", "secret put ISSUER_KEY"], "and no deployment");
}

#[test]
fn an_issuer_whose_key_is_nowhere_is_not_deployed() {
    let desk = two();
    for file in ["ca/issuer-2.pem", "ca/issuer-2.key"] {
        std::fs::remove_file(desk.path(file)).unwrap();
    }
    let ended = desk.run(&["deploy"], &[]);
    assert!(ended.code == 1 && ended.err.contains("ISSUER_KEY_2 is neither in"), "{ended:?}");
    assert_eq!(desk.told(), ["secret list"]);
    desk.listed(&[("ISSUER_KEY_2", "secret_text")]);
    fine(&desk.run(&["deploy"], &[]));
}

#[test]
fn a_folder_that_is_not_there_is_said_so() {
    let desk = Desk::new();
    std::fs::rename(desk.path("ca"), desk.path("elsewhere")).unwrap();
    std::fs::create_dir(desk.path("ca")).unwrap();
    let ended = desk.run(&["deploy"], &[]);
    assert!(ended.code == 1 && ended.err.contains("selvedge init"), "{ended:?}");
    assert!(!TOKEN.is_empty() && desk.told().is_empty());
}
