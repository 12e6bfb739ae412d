//! The audit record.

use super::operator::{ADA, BEN, DAY, Operator, SECOND, issue};
use selvedge::records::Kind;
use selvedge::values::hex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Verifies the chain by the words of docs/openapi.json, from the text of answers.
fn verify(operator: &Operator) -> usize {
    let (mut texts, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = operator.get(&format!("audit?limit=7&cursor={cursor}")).is(200);
        let list = page.text().strip_prefix("{\"entries\":[").unwrap().rsplit_once(']').unwrap().0.to_owned();
        texts.extend(list.split_inclusive("\"}").map(|entry| entry.trim_start_matches(',').to_owned()));
        match page.json()["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    texts.reverse();
    let mut chain = String::new();
    for (n, text) in texts.iter().enumerate() {
        let (entry, own) = text.rsplit_once(",\"chain\":\"").unwrap();
        let digest = Sha256::digest(format!("{chain}{entry}}}"));
        chain = hex::encode(&digest);
        assert_eq!(own, format!("{chain}\"}}"), "{text}");
        assert!(text.starts_with(&format!("{{\"number\":{},", n + 1)), "{text}");
    }
    let status = operator.see("status");
    assert_eq!((&status["audit"]["entries"], &status["audit"]["chain"]), (&texts.len().into(), &chain.into()));
    texts.len()
}

#[test]
fn actions_are_recorded_before_and_after_in_a_valid_chain() {
    let operator = Operator::new();
    assert_eq!(verify(&operator), 0);
    operator.key(&json!({ "kid": "team", "note": "x" }));
    operator.with(BEN, 7).post("external-accounts", &json!({ "kid": "team" })).is(409);
    operator.with(&ADA[1..], 8).get("policy").is(401);
    operator.post("external-accounts", &json!({ "kid": "a\"}]\u{fc}\n\u{1f512}" })).is(400);
    operator.post("policy?note=why", &json!({})).is(201);
    operator.change("team", &json!({ "disabled": true }));
    operator.world.pass(SECOND);
    operator.post("policy/shadow", &Value::Null).is(200);
    let all = operator.audit();
    let row = |entry: &Value| {
        json!([
            entry["number"],
            entry["who"],
            entry["what"],
            entry["target"],
            entry["outcome"],
            entry["of"],
            entry["address"]
        ])
    };
    let odd = "a\"}]\u{fc}\n\u{1f512}";
    let wanted = json!([
        [1, "ada", "external-account.create", "team", "attempted", null, "192.0.2.1"],
        [2, "ada", "external-account.create", "team", "done", 1, "192.0.2.1"],
        [3, "ben", "external-account.create", "team", "attempted", null, "192.0.2.7"],
        [4, "ben", "external-account.create", "team", "refused", 3, "192.0.2.7"],
        [5, "nobody", "sign-in", "policy", "refused", null, "192.0.2.8"],
        [6, "ada", "external-account.create", odd, "attempted", null, "192.0.2.1"],
        [7, "ada", "external-account.create", odd, "refused", 6, "192.0.2.1"],
        [8, "ada", "policy.put", null, "attempted", null, "192.0.2.1"],
        [9, "ada", "policy.put", null, "done", 8, "192.0.2.1"],
        [10, "ada", "external-account.disable", "team", "attempted", null, "192.0.2.1"],
        [11, "ada", "external-account.disable", "team", "done", 10, "192.0.2.1"],
        [12, "ada", "policy.shadow", null, "attempted", null, "192.0.2.1"],
        [13, "ada", "policy.shadow", null, "done", 12, "192.0.2.1"],
    ]);
    assert_eq!(Value::Array(all.iter().map(row).collect()), wanted);
    assert!(all[3]["detail"].as_str().unwrap().contains("is or was in use"), "{}", all[3]);
    assert_eq!(all[8]["detail"], "version 1");
    assert!(all[0]["by"] == "token" && all[4]["by"] == "none");
}

#[test]
fn chain_is_verifiable_from_the_answers() {
    let operator = Operator::new();
    for n in 0..9 {
        operator.key(&json!({ "kid": format!("k{n}") }));
        operator.post("external-accounts", &json!({ "kid": format!("\u{fc}\t\u{7f}\u{2028}\\{n}") })).is(400);
        operator.world.pass(SECOND);
    }
    assert_eq!(verify(&operator), 36);
    let numbers = |entries: Vec<Value>| entries.iter().map(|e| e["number"].as_u64().unwrap()).collect::<Vec<_>>();
    let all: Vec<u64> = (1..=36).rev().collect();
    for limit in [1, 5, 35, 36, 37, 200] {
        assert_eq!(numbers(operator.pages("audit", "entries", limit)), all, "{limit}");
    }
    assert_eq!(operator.see("audit?cursor=3")["entries"].as_array().unwrap().len(), 2);
    assert_eq!(operator.see("audit?cursor=1")["entries"], json!([]));
    assert_eq!(numbers(operator.see("audit?cursor=99999&limit=1")["entries"].as_array().unwrap().clone()), [36]);
}

#[test]
fn audit_entries_never_change_and_reads_add_none() {
    let operator = Operator::new();
    let (_, serial) = issue(&operator.client(), &["a.test"], json!({}));
    operator.key(&json!({ "kid": "team" }));
    let stored = |operator: &Operator| -> Vec<((String, String), String)> {
        operator.world.rows().into_iter().filter(|((_, key), _)| key.starts_with("audit/")).collect()
    };
    let before = stored(&operator);
    for path in
        ["status", "policy", "audit", "accounts", "certificates", "external-accounts", "replacements", "policy/shadow"]
    {
        operator.get(path).is(200);
    }
    operator.post("policy/check", &json!({ "identifiers": ["a.test"] })).is(200);
    operator.get("certificates?odd=1").is(400);
    assert_eq!(stored(&operator), before);
    operator.post(&format!("certificates/{serial}/revoke"), &json!({ "reason": 4 })).is(200);
    operator.world.live(SECOND * 20);
    operator.world.pass(DAY * 4_000);
    operator.world.live(SECOND * 2);
    let after = stored(&operator);
    assert_eq!((after[..2].to_vec(), after.len()), (before, 4), "kept for good");
    let entry = &operator.audit()[3];
    assert_eq!((&entry["target"], &entry["detail"]), (&serial.as_str().into(), &"reason 4; [\"a.test\"]".into()));
}

#[test]
fn unrecordable_actions_are_not_done() {
    let operator = Operator::new();
    operator.world.call_fault().from(0);
    operator.post("policy", &json!({ "allow": [] })).refused(500, Kind::ServerInternal);
    operator.world.heal();
    assert_eq!(operator.see("policy")["in_force"]["version"], 0);
    assert_eq!(operator.audit(), Vec::<Value>::new());
}

#[test]
fn failed_action_leaves_its_attempted_entry() {
    let operator = Operator::new();
    // The call for the record, then the one that does it, then the record again.
    operator.world.call_fault().from(1);
    let said = operator.post("policy", &json!({ "wildcards": false })).refused(500, Kind::ServerInternal).detail();
    operator.world.heal();
    assert!(said.contains("entry 1 of the audit record"), "{said}");
    assert_eq!(operator.noted(1), ["policy.put attempted"]);
    operator.world.call_fault().once(1);
    operator.post("policy", &json!({ "wildcards": false })).is(500);
    operator.world.heal();
    assert_eq!(operator.noted(2), ["policy.put attempted", "policy.put failed"]);
    assert_eq!(operator.see("policy")["in_force"]["version"], 0);
    // It is done, and its second entry is lost: whoever asked hears of it.
    operator.world.call_fault().once(2);
    operator.post("policy", &json!({ "wildcards": false })).is(201);
    operator.world.heal();
    assert_eq!(operator.noted(1), ["policy.put attempted"]);
    assert_eq!(verify(&operator), 4);
    // Its reply is lost: it is done.
    operator.world.reply_fault().once(1);
    operator.post("policy", &json!({ "wildcards": true })).is(500);
    operator.world.heal();
    assert_eq!(
        (operator.see("policy")["in_force"]["version"].as_u64(), operator.noted(1)),
        (Some(2), vec!["policy.put failed".to_owned()])
    );
}
