//! `recover` against the double: its steps, its dry run, interruptions and undoing.

use super::double::Double;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const NAME: &str = "ledger/1a2b3c4d5e6f7081";
const AT: &str = "2026-11-24T12:00:00Z";
const FILE: &str = "recovery-ledger-1a2b3c4d5e6f7081.json";

/// The steps that were asked for.
fn steps(double: &Double) -> Vec<String> {
    let asked = double.server.asked().into_iter().filter(|asked| asked.line.ends_with("/recovery"));
    let step = |body: &str| serde_json::from_str::<Value>(body).unwrap()["step"].as_str().unwrap().to_owned();
    asked.map(|asked| step(&asked.body)).collect()
}

/// What a step of a recovery is answered. The ledger has lost the last of three entries.
fn recovery(body: &Value) -> (u16, Value) {
    let row = |n: u8| json!({"t": "sorted", "k": format!("serial/{n:02}"), "v": {"account": "a"}});
    let scan = |n: u8| json!({"t": "kv", "k": "scan", "v": {"n": n}});
    match body["step"].as_str() {
        Some("begin") => {
            let recovery = json!({"id": "r", "partition": body["partition"], "at": 1_795_521_600_000_u64, "to": "b1", "undo": "b2"});
            (201, json!({"recovery": recovery, "token": "t", "families": []}))
        }
        Some("rows") => (200, json!({"rows": [row(1), row(2), scan(2)], "reached": null, "lost": false})),
        Some("end" | "undo") => (200, json!({"complete": true})),
        _ => (200, json!({})),
    }
}

/// A CA that recovers, and refuses to carry while `broken` is set.
fn recovering(broken: &Arc<AtomicBool>) -> Double {
    let broken = Arc::clone(broken);
    Double::with(move |request, asked| {
        let refusal = json!({"type": "urn:ietf:params:acme:error:malformed", "detail": "Not now.", "status": 400});
        let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
        let refused = broken.load(Ordering::SeqCst) && body["step"] == "carry";
        let answer = || if refused { (400, refusal) } else { recovery(&body) };
        (request.operation == "recoverPartition").then(answer)
    })
}

#[test]
fn recovery_takes_its_steps_and_sends_the_rows_of_before() {
    let double = recovering(&Arc::default());
    double.run(&["recover", NAME, "--at", AT]).is(1, &["pass --yes"]);
    assert!(steps(&double).is_empty() && !double.path(FILE).exists());
    let done = double.run(&["recover", NAME, "--at", AT, "--yes"]);
    done.is(
        0,
        &["the bookmark of the present is b2", "goes back, nothing newer is lost", "3 rows of before; remove CLOSED"],
    );
    assert_eq!(steps(&double), ["begin", "rows", "back", "rows", "carry", "end"]);
    let asked = double.server.asked();
    let body = |step: &str| -> Value {
        let found = asked.iter().find(|asked| asked.body.contains(&format!("\"step\":\"{step}\""))).unwrap();
        serde_json::from_str(&found.body).unwrap()
    };
    assert_eq!((&body("begin")["partition"], &body("begin")["at"]), (&json!(NAME), &json!(AT)));
    assert_eq!((&body("carry")["token"], &body("carry")["last"]), (&json!("t"), &json!(true)));
    assert_eq!(body("carry")["rows"].as_array().unwrap().len(), 3);
    assert!(!double.path(FILE).exists(), "nothing is left");
}

#[test]
fn dry_run_shows_what_is_lost_and_undoes_it() {
    let double = recovering(&Arc::default());
    let done = double.run(&["recover", NAME, "--at", AT, "--dry-run"]);
    done.is(0, &["ROWS", "LOST", "scan", "as it was before"]);
    assert_eq!(steps(&double), ["begin", "rows", "back", "rows", "undo"]);
    assert!(!double.path(FILE).exists());
}

#[test]
fn interrupted_recovery_goes_on_or_is_undone() {
    let broken = Arc::new(AtomicBool::new(true));
    let double = recovering(&broken);
    let command = ["recover", NAME, "--at", AT, "--yes"];
    double.run(&command).is(1, &["Not now."]);
    assert!(double.path(FILE).exists());
    double.run(&["recover", NAME, "--at", "2026-11-23T12:00:00Z", "--yes"]).is(1, &["is of another recovery"]);
    let before = steps(&double).len();
    broken.store(false, Ordering::SeqCst);
    double.run(&command).is(0, &["remove CLOSED"]);
    assert_eq!(steps(&double).split_off(before), ["rows", "carry", "end"], "it does not begin anew");
    broken.store(true, Ordering::SeqCst);
    double.run(&command).is(1, &["Not now."]);
    double.run(&["recover", NAME, "--undo"]).is(0, &["as it was before"]);
    assert!(!double.path(FILE).exists() && steps(&double).last().unwrap() == "undo");
    double.run(&["recover", NAME, "--undo"]).is(1, &["no recovery is under way here"]);
}

#[test]
fn names_of_partitions_are_listed_and_a_time_is_needed() {
    let double = recovering(&Arc::default());
    double.run(&["recover", "--list"]).is(0, &["operations/ca", "roster/0 to roster/3", "account/ID", "ledger/"]);
    double.run(&["recover", NAME]).is(2, &["--at"]);
    double.run(&["recover"]).is(2, &["--list"]);
}
