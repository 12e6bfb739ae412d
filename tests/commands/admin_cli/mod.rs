//! The operations commands, against a double of the API that holds every request against docs/openapi.json.

mod backups;
mod bulk;
mod double;
mod imports;
mod recoveries;
mod stored;
mod target;
mod terminal;
mod tokens;

use crate::contract::Contract;
use crate::server::{Server, unused_address};
use double::{Double, TEST_CA, certificate, entry, problem};
use selvedge::values::hex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Each command with its output, the operation of its JSON, and the `files` created before.
const COMMANDS: &[(&[&str], &[&str])] = &[
    (
        &["eab", "create", "team"],
        &[
            "warning: preauthorized has evil",
            "shown only this once",
            "--eab-hmac-key=-AEIASU --agree-tos",
            "acme.sh --issue",
        ],
    ),
    (&["eab", "list"], &["KID ", "team  usable", "2999-01-31, in ", "2026-11-24 12:00 by ada"]),
    (&["eab", "show", "team"], &["preauthorized", "accounts  acc1"]),
    (&["eab", "disable", "team"], &["kid       team"]),
    (&["eab", "enable", "team"], &["kid       team"]),
    (&["eab", "policy", "team", "policy.toml"], &["kid       team"]),
    (&["certs", "list"], &["SERIAL", "bücher.test (xn--bcher-kva.test)", "valid, renewed"]),
    (
        &["certs", "show", "0A:1B"],
        &["bücher.test (xn--bcher-kva.test)", "serial   0a1b", "key      team", "2026-12-24 12:00 to 2026-12-25 12:00"],
    ),
    (&["certs", "revoke", "0a", "--yes", "--reason", "keyCompromise"], &["by operator: ada, reason: keyCompromise"]),
    (
        &["certs", "revoke", "--name", "*.a.test", "--reason", "superseded", "--yes"],
        &["1 valid certificate matches", "2 certificates are revoked, of those issued before 2026-11-24T12:00:01Z"],
    ),
    (&["certs", "replace", "--name", "*.a.test", "--yes"], &["1 valid certificate matches", "certs withdraw rep1"]),
    (&["certs", "replacements"], &["rep1", "name *.a.test", "lost"]),
    (&["certs", "withdraw", "rep1"], &["rep1"]),
    (&["accounts", "list"], &["acc1", "mailto:a@a.test", "team"]),
    (&["approvals", "list"], &["appr1", "certificates.revoke", "2026-11-24 12:00 by ada", "pending"]),
    (&["approvals", "show", "appr1"], &["revocations", "\"name\": \"evil"]),
    (&["approvals", "confirm", "appr1", "--yes"], &["certificates.revoke was done", "2 further certificates"]),
    (&["approvals", "reject", "appr1"], &["is rejected"]),
    (&["whoami"], &["revoker", "read, revoke, replace", "2999-01-31"]),
    (&["accounts", "show", "acc1"], &["https://ca.test/acct/acc1"]),
    (&["accounts", "deactivate", "acc1", "--yes"], &["revoked", "certs revoke --account"]),
    (
        &["failures"],
        &[
            "2026-11-24 12:00  new-order  rejectedIdentifier  evil [2J",
            "(12 in all)",
            "account acc1, key team, request 9f86-17, 3 times since 2026-11-24 11:00",
            r"\u{202e}evil",
            "a.test: caa: no",
        ],
    ),
    (
        &["why", "a.test"],
        &[
            "allowed: allow",
            "challenges: http-01, dns-01",
            "paused resume xn--bcher-kva.test",
            "0a  valid, renewed, ends 2999",
        ],
    ),
    (&["why", "bad.test", "--key", "team"], &["refused: allow", "last failures"]),
    (&["paused", "list"], &["bücher.test (xn--bcher-kva.test)", "acc1", "200"]),
    (&["paused", "resume", "a.test"], &["a.test is not paused any more for account acc1"]),
    (&["policy", "show"], &["version 2, 2026-11-24 12:00 by ada: why", "\"*.a.test\"", "A shadow policy is set"]),
    (&["policy", "versions"], &["VERSION", "the configuration's"]),
    (
        &["policy", "put", "policy.toml", "--note", "why & what"],
        &["Version 3 is in force", "Warning: max_lifetime has no effect"],
    ),
    (&["policy", "restore"], &["Version 3, a copy of version 1, is in force"]),
    (
        &["policy", "check", "a.test", "--key", "team", "--profile", "default"],
        &["allowed", "http-01, dns-01", "by version 2", "longest lifetime: 2 hours"],
    ),
    (&["policy", "shadow", "put", "policy.toml"], &["The shadow policy is set", "Warning: max_lifetime has no effect"]),
    (&["policy", "shadow", "off"], &["shadow policy was removed"]),
    (&["policy", "shadow", "show"], &["TIMES", "acc1"]),
    (&["audit", "list"], &["WHEN (UTC)", "policy.put", "done (of 1)"]),
    (&["notices", "list"], &["certificate.ending", "given up, after 3 tries", "it fell over"]),
    (&["notices", "test"], &["delivered"]),
    (
        &["faults", "add", "503", "--endpoint", "newOrder", "--count", "3"],
        &["Fault 1 is on: 503 at newOrder, 3 times."],
    ),
    (&["faults", "list"], &["FAULT", "503 at newOrder, 3 times", "2999-01-31 00:00"]),
    (&["faults", "clear", "1"], &["503 at newOrder"]),
    (&["ca", "new", "--ttl", "30m"], &["directory  https://ca.test/ca/", "ends       2999-01-31 00:00"]),
    (&["ca", "list"], &["ID ", "operator/ada", "2999-01-31 00:00"]),
    (&["ca", "clock"], &["2027-01-31T00:00:00Z, frozen"]),
    (&["ca", "clock", TEST_CA, "--advance", "90d", "--run"], &["2027-04-30T00:00:00Z"]),
    (&["ca", "end", TEST_CA], &["has ended"]),
    (&["calendar"], &["old.ics"]),
    (&["calendar", "--move"], &["new.ics"]),
];

#[test]
fn commands_follow_the_contract_and_print_answers() {
    let double = Double::start();
    double.write("policy.toml", "[vars.POLICY]\nallow = ['*.a.test']\n");
    for (args, says) in COMMANDS {
        double.run(args).is(0, says);
        let ended = double.run(&[args, &["--json"][..]].concat());
        let told: Value = serde_json::from_str(&ended.is(0, &[]).out).unwrap_or_else(|_| panic!("{ended:?}"));
        assert!(told.is_object(), "{told}");
    }
    double.run(&["certs", "download", "0a"]).is(0, &["-----END CERTIFICATE-----"]);
    double.run(&["audit", "verify"]);
    backups::back_up_and_restore(&double);
    let mut asked: BTreeSet<String> = double.operations().into_iter().collect();
    // They are for `status` (see [`target`]) and for the page; others have tests in [`recoveries`] and [`imports`].
    asked.extend(["health", "overview", "recoverPartition", "importCertificates"].map(str::to_owned));
    assert_eq!(asked, Contract::read().operations().into_iter().collect(), "all of the contract is asked for");
}

#[test]
fn every_command_has_help_with_an_example() {
    let double = Double::start();
    let leaves = COMMANDS.iter().map(|(args, _)| *args);
    let more: [&[&str]; 7] = [
        &["certs", "download"],
        &["token", "new"],
        &["token", "list"],
        &["token", "remove"],
        &["backup"],
        &["backup", "verify"],
        &["restore"],
    ];
    for args in leaves.chain(more) {
        let depth = match args {
            ["backup" | "restore"] | ["calendar" | "failures" | "why" | "whoami", ..] => 1,
            ["policy", "shadow", ..] => 3,
            _ => 2,
        };
        double.run(&[&args[..depth], &["--help"][..]].concat()).is(0, &["Example: ", "Usage: selvedge"]);
    }
}

#[test]
fn external_account_key_has_the_given_options() {
    let double = Double::start();
    let sent = |args: &[&str]| {
        double.run(&[&["eab", "create"], args].concat()).is(0, &[]);
        serde_json::from_str::<Value>(&double.last().1).unwrap()
    };
    assert_eq!(sent(&[]), json!({}));
    let all = "team --note N --many --preauthorize *.a.test --preauthorize 10.0.0.0/8 --allow b.test --deny c.test \
               --profile shortlived --challenge dns-01 --expires 2027-01-31";
    let policy = json!({"allow": ["b.test"], "deny": ["c.test"], "preauthorized": ["*.a.test", "10.0.0.0/8"],
                        "profiles": ["shortlived"], "challenges": ["dns-01"]});
    assert_eq!(
        sent(&all.split_whitespace().collect::<Vec<_>>()),
        json!({"kid": "team", "note": "N", "uses": "many", "policy": policy, "expires": "2027-01-31T00:00:00Z"})
    );
    let file = double.write("p.json", r#"{"wildcards": false}"#);
    assert_eq!(sent(&["--policy", &file]), json!({"policy": {"wildcards": false}}));
    let expires = sent(&["--expires", "90d"])["expires"].as_str().unwrap().to_owned();
    assert!(expires.ends_with('Z') && expires.as_str() > "2026-01-01", "{expires}");
    double.run(&["eab", "create", "--policy", &file, "--allow", "x"]).is(2, &["cannot be used with"]);
    double.run(&["eab", "create", "--expires", "soon"]).is(2, &["is not a time"]);
    double.run(&["eab", "show", ".."]).is(1, &["cannot be part of a path"]);
    // A key of the configuration may have any name.
    double.run(&["eab", "show", "a/b?c"]).is(0, &[]);
    assert_eq!(double.last().0, "GET /admin/v1/external-accounts/a%2Fb%3Fc");
}

#[test]
fn certificate_search_sends_the_given_options() {
    let double = Double::start();
    let asked = |args: &str| {
        let args: Vec<&str> = args.split_whitespace().collect();
        double.run(&[&["certs", "list"], args.as_slice()].concat()).is(0, &[]);
        double.last().0
    };
    assert_eq!(asked(""), "GET /admin/v1/certificates?limit=50");
    assert_eq!(
        asked(
            "www --name *.a.test --serial 0A --account x --profile y --issuer z --status revoked --ends-after 2027-01-31 \
             --ends-before 2027-02-28T12:00:00+01:00 --limit 7"
        ),
        "GET /admin/v1/certificates?q=www&name=*.a.test&serial=0a&account=x&profile=y&issuer=z&status=revoked&\
         ends_after=2027-01-31T00%3A00%3A00Z&ends_before=2027-02-28T11%3A00%3A00Z&limit=7"
    );
    assert!(asked("--ends-within 30d --all").contains("?ends_before=2") && asked("--all").ends_with("?limit=200"));
    double.run(&["certs", "list", "--status", "odd"]).is(2, &["possible values"]);
    double.run(&["certs", "list", "--ends-within", "1y"]).is(2, &["is not a time span"]);
}

#[test]
fn list_command_follows_pages() {
    let double = Double::with(|request, _| {
        if request.operation != "listCertificates" {
            return None;
        }
        let page: usize = request.query("cursor").map_or(0, |cursor| cursor.parse().unwrap());
        if request.query("format") == Some("csv") {
            return Some((200, json!(format!("serial\r\n0{page}\r\n"))));
        }
        // The second one found nothing so far.
        let found: Vec<Value> = if page == 1 { vec![] } else { vec![certificate(&format!("0{page}"))] };
        let next = (page < 3).then(|| (page + 1).to_string());
        Some((200, json!({"certificates": found, "complete": page != 1, "next": next})))
    });
    let run = |args: &[&str]| double.run(&[&["certs", "list"], args].concat());
    let all: Value = serde_json::from_str(&run(&["--all", "--json"]).is(0, &[]).out).unwrap();
    let serials: Vec<&str> =
        all["certificates"].as_array().unwrap().iter().map(|one| one["serial"].as_str().unwrap()).collect();
    assert_eq!((serials, &all["next"], &all["complete"]), (vec!["00", "02", "03"], &Value::Null, &json!(true)));
    assert_eq!(run(&["--all", "--csv"]).is(0, &[]).out, "serial\r\n00\r\n01\r\n02\r\n03\r\n");
    let ended = run(&["--limit", "2"]);
    assert!(
        ended.out.contains("02") && !ended.out.contains("03") && ended.err.contains("--all lists them"),
        "{ended:?}"
    );
    let ended = run(&["--limit", "1", "--csv"]);
    assert!(ended.out == "serial\r\n00\r\n" && ended.err.contains("--all lists them"), "{ended:?}");
    // One that never ends.
    let circle = Double::with(|request, _| {
        (request.operation == "listAccounts").then(|| (200, json!({"accounts": [], "next": "again"})))
    });
    circle.run(&["accounts", "list"]).is(2, &["the same page"]);
}

#[test]
fn irreversible_commands_ask_for_confirmation() {
    let double = Double::start();
    for args in ["certs revoke 0a", "certs revoke --all", "certs replace --all", "accounts deactivate acc1"] {
        let args: Vec<&str> = args.split_whitespace().collect();
        double.run(&args).is(1, &["pass --yes to confirm"]);
    }
    double.run(&["certs", "replace"]).is(1, &["select certificates: --name"]);
    double.run(&["certs", "revoke", "--yes"]).is(1, &["select certificates: --name"]);
    double.run(&["certs", "revoke", "0a", "--name", "a.test"]).is(2, &["cannot be used with"]);
    assert!(double.server.asked().iter().all(|asked| asked.line.starts_with("GET ")), "nothing was done");
    let sent = |args: &[&str]| {
        double.run(args).is(0, &[]);
        double.last().1
    };
    assert_eq!(sent(&["certs", "revoke", "0a", "--yes"]), "{}");
    assert_eq!(sent(&["certs", "revoke", "0a", "--yes", "--reason", "4"]), r#"{"reason":4}"#);
    let all = ["certs", "replace", "--all", "--yes", "--reason", "R", "--explanation", "https://a.test"];
    assert_eq!(sent(&all), r#"{"name":"*","reason":"R","explanation":"https://a.test"}"#);
    let some = ["certs", "replace", "--yes", "--profile", "p", "--account", "a", "--issuer", "i"];
    assert_eq!(sent(&some), r#"{"profile":"p","account":"a","issuer":"i"}"#);
    let counted = double.server.asked().into_iter().rev().nth(1).unwrap().line;
    assert_eq!(counted, "GET /admin/v1/certificates?profile=p&account=a&issuer=i&status=valid&limit=200");
}

#[test]
fn policy_is_sent_unchanged_and_toml_as_json() {
    let double = Double::start();
    let text = "{\n  \"allow\" :\n  [ \"*.a.test\" ]\n}\n";
    let (json, toml) =
        (double.write("p.json", text), double.write("p.toml", "allow = ['*.a.test']\nwildcards = false\n"));
    double.run(&["policy", "put", &json, "--note", "a b&c"]).is(0, &[]);
    assert_eq!(double.last(), ("POST /admin/v1/policy?note=a+b%26c".to_owned(), text.to_owned()));
    double.run(&["policy", "shadow", "put", &json]).is(0, &[]);
    assert_eq!(double.last().1, text);
    double.run(&["policy", "put", &toml]).is(0, &[]);
    let sent: Value = serde_json::from_str(&double.last().1).unwrap();
    assert_eq!(sent, json!({"allow": ["*.a.test"], "wildcards": false}));
    double
        .run(&["policy", "check", "a.test", "bad.test", "--file", &toml])
        .is(1, &["refused", "the document that was sent"]);
    let asked: Value = serde_json::from_str(&double.last().1).unwrap();
    assert_eq!(asked, json!({"identifiers": ["a.test", "bad.test"], "document": sent}));
    double.run(&["policy", "shadow", "off"]).is(0, &[]);
    assert_eq!(double.last().1, "null");
    double.run(&["policy", "restore", "0"]).is(0, &["a copy of version 0"]);
    assert_eq!(double.last().1, r#"{"version":0}"#);
    double.run(&["policy", "show", "1"]).is(0, &["version 1"]);
    double.run(&["policy", "show", "9"]).is(1, &["version 9 does not exist"]);
    double.run(&["policy", "put", "nowhere.json"]).is(2, &["cannot read nowhere.json"]);
}

#[test]
fn certificate_is_written_to_a_new_file_only() {
    let double = Double::start();
    let file = double.path("www.pem").display().to_string();
    double.run(&["certs", "download", "0a", "--out", &file]).is(0, &["wrote "]);
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("-----BEGIN CERTIFICATE-----\n"));
    double.run(&["certs", "download", "0a", "--out", &file]).is(1, &["is not overwritten"]);
    let page = Double::with(|request, _| {
        (request.operation == "downloadCertificate").then(|| (200, json!("-----BEGIN CERTIFICATE-----\u{1b}[2J")))
    });
    page.run(&["certs", "download", "0a"]).is(1, &["not a PEM certificate"]);
}

#[test]
fn refusals_are_printed_verbatim_and_silence_has_its_own_exit_code() {
    let double = Double::with(|request, _| {
        let (_, body) = problem(404, "There is no key \"\u{1b}[2Jx\".");
        let detail = serde_json::from_slice(&body).unwrap();
        (request.operation == "showExternalAccount").then_some((404, detail))
    });
    double.run(&["eab", "show", "x"]).is(1, &["There is no key \" [2Jx\"."]);
    let wrong = [("SELVEDGE_URL", &*double.url()), ("SELVEDGE_TOKEN", "wrong-token-0123456789-0123456789-01")];
    double.run_with(&["eab", "list"], &wrong).is(1, &["none of ours", "the token is from SELVEDGE_TOKEN"]);
    let asks = |url: &str, says: &[&str]| {
        double.run_with(&["eab", "list"], &[("SELVEDGE_URL", url), ("SELVEDGE_TOKEN", double::TOKEN)]).is(2, says);
    };
    asks(&format!("http://{}", unused_address()), &["does not answer"]);
    for (status, body, says) in [
        (200, "<html>", "is not an operations API"),
        (302, "", "Cloudflare Access"),
        (404, "not here", "check the authority's address"),
        (502, "bad", "status 502"),
        (503, r#"{"type":"x","status":503,"detail":"not now"}"#, "fails (status 503): not now"),
    ] {
        let other = Server::start(move |_| (status, body.into()));
        asks(&format!("http://{}", other.address), &[says]);
    }
    // Whoever answers may repeat what it was sent.
    let echo = Server::start(|asked| problem(400, asked.header("authorization").unwrap()));
    let echo = format!("http://{}", echo.address);
    double
        .run_with(&["eab", "list"], &[("SELVEDGE_URL", &echo), ("SELVEDGE_TOKEN", double::TOKEN)])
        .is(1, &["Bearer …"]);
}

#[test]
fn undelivered_test_notice_fails() {
    let delivery = json!({"state": "none", "attempts": 0, "status": null, "error": null, "last": null, "next": null});
    let notice = json!({"id": "n", "at": "2026-11-24T12:00:00Z", "kind": "test", "data": {}, "delivery": delivery});
    let plain = notice.clone();
    let double = Double::with(move |request, _| (request.operation == "testNotice").then(|| (200, plain.clone())));
    double.run(&["notices", "test"]).is(1, &["no webhook"]);
    let with = |status: u16, error: Value| {
        let mut notice = notice.clone();
        notice["receivers"] = json!([{"receiver": "slack", "status": status, "error": error}]);
        Double::with(move |request, _| (request.operation == "testNotice").then(|| (200, notice.clone())))
    };
    with(200, Value::Null).run(&["notices", "test"]).is(0, &["slack     delivered"]);
    with(404, "The answer was 404.".into()).run(&["notices", "test"]).is(1, &["slack     The answer was 404."]);
}

/// An audit record with this number of entries, newest first, and its `status`.
fn record(n: u64) -> (Vec<Value>, Value) {
    let (mut entries, mut chain) = (Vec::new(), String::new());
    for number in 1..=n {
        let mut entry = entry(number);
        entry.as_object_mut().unwrap().remove("chain");
        let hash = Sha256::digest(format!("{chain}{entry}"));
        chain = hex::encode(&hash);
        entry["chain"] = json!(chain);
        entries.insert(0, entry);
    }
    (entries, json!({"entries": n, "chain": chain}))
}

#[test]
fn audit_record_is_verified_over_all_pages() {
    let of = |change: fn(&mut Vec<Value>)| {
        Double::with(move |request, _| {
            let (mut entries, audit) = record(5);
            change(&mut entries);
            let from: usize = request.query("cursor").map_or(0, |cursor| cursor.parse().unwrap());
            let page: Vec<Value> = entries.iter().skip(from).take(2).cloned().collect();
            let next = (from + 2 < entries.len()).then(|| (from + 2).to_string());
            let mut status = double::status(0);
            status["audit"] = audit;
            match request.operation.as_str() {
                "status" => Some((200, status)),
                "listAudit" => Some((200, json!({"entries": page, "next": next, "complete": true}))),
                _ => None,
            }
        })
    };
    let verify = ["audit", "verify"];
    let chain = record(5).1["chain"].as_str().unwrap().to_owned();
    let known = format!("--known=3:{}", record(3).1["chain"].as_str().unwrap());
    let good = of(|_| ());
    good.run(&verify).is(0, &["complete: 5 entries", &format!("--known 5:{chain}")]);
    good.run(&["audit", "verify", &known]).is(0, &[]);
    good.run(&["audit", "verify", "--known", &format!("3:{}", "0".repeat(64))]).is(1, &["entry 3 differs"]);
    good.run(&["audit", "verify", "--known", &format!("6:{chain}")]).is(1, &["entry 6 is known"]);
    good.run(&["audit", "verify", "--known", "3"]).is(2, &["NUMBER:CHAIN"]);
    of(|all| all[2]["who"] = json!("eve")).run(&verify).is(1, &["NOT complete: entry 3 was changed"]);
    of(|all| all[2]["detail"] = json!("x")).run(&verify).is(1, &["entry 3 was changed"]);
    of(|all| drop(all.remove(3))).run(&verify).is(1, &["entry 2 is missing"]);
    of(|all| drop(all.remove(0))).run(&verify).is(1, &["entry 5 is known"]);
    let told = of(|all| drop(all.remove(4))).run(&["audit", "verify", "--json"]);
    let told: Value = serde_json::from_str(&told.is(1, &[]).out).unwrap();
    assert_eq!((&told["whole"], &told["entries"]), (&json!(false), &json!(4)));
}
