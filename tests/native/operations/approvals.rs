//! Actions that a second person has to confirm.

use super::imports::{bodied, fates, import, plain};
use super::operator::{BEN, DAY, Operator, SECOND, address, issue};
use super::other_program::{Made, OtherProgram};
use selvedge::ca::config::admin_tokens::AdminTokens;
use selvedge::ca::config::four_eyes::FourEyes;
use selvedge::ca::testing::{Answered, World};
use selvedge::records::Kind;
use serde_json::{Value, json};

const EVE: &str = "eve-token-0123456789-0123456789-abc";

/// A CA on which two persons act: ada asks, ben confirms; eve is a revoker.
fn guarded(list: &str) -> (Operator, Operator, Operator) {
    guarded_of(&World::new(), list)
}

/// As [`guarded`], on this CA.
fn guarded_of(world: &World, list: &str) -> (Operator, Operator, Operator) {
    let operator = Operator::of(world);
    let tokens = json!({ "ada": operator.token, "ben": BEN, "eve": { "token": EVE, "role": "revoker" } }).to_string();
    let world = operator.world.reconfigured(|settings| {
        settings.admin = AdminTokens::read(Some(&tokens)).unwrap();
        settings.four_eyes = FourEyes::read(Some(list)).unwrap();
    });
    let of = |token: &str, n| Operator { world: world.clone(), token: token.to_owned(), address: Some(address(n)) };
    (of(&operator.token, 1), of(BEN, 2), of(EVE, 3))
}

/// The id of an action that waits.
fn waits(answered: Answered) -> String {
    let shown = answered.is(202).json();
    assert_eq!(shown["approval"]["state"], "pending");
    shown["approval"]["id"].as_str().unwrap().to_owned()
}

fn decide(operator: &Operator, id: &str, how: &str) -> Answered {
    operator.post(&format!("approvals/{id}/{how}"), &json!({}))
}

/// The entries of the audit record: name, action, outcome.
fn recorded(operator: &Operator, n: usize) -> Vec<String> {
    let all = operator.audit();
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    let line = |entry: &Value| format!("{} {} {}", text(entry, "who"), text(entry, "what"), text(entry, "outcome"));
    all[all.len() - n..].iter().map(line).collect()
}

#[test]
fn policy_is_put_in_force_by_two_persons_and_both_are_recorded() {
    let (ada, ben, _) = guarded("policy");
    let id = waits(ada.post("policy?note=narrow", &json!({ "allow": ["a.test"] })));
    let findings = ben.see("health")["findings"].as_array().unwrap().clone();
    let waiting = findings.iter().find(|one| one["id"] == "approvals-waiting").unwrap();
    assert_eq!((&waiting["count"], &waiting["severity"]), (&1.into(), &"note".into()));
    assert_eq!(ada.see("policy")["in_force"]["version"], 0, "nothing changed yet");
    let shown = ben.see(&format!("approvals/{id}"));
    assert_eq!((&shown["action"], &shown["body"]["allow"]), (&"policy.put".into(), &json!(["a.test"])));
    assert_eq!((&shown["path"], &shown["asked"]["by"]), (&"policy?note=narrow".into(), &"ada".into()));
    let refused = decide(&ada, &id, "confirm").refused(403, Kind::Unauthorized);
    assert!(refused.detail().contains("ada asked for this action, and another person"), "{}", refused.detail());
    let done = decide(&ben, &id, "confirm").is(200).json();
    assert_eq!((&done["approval"]["state"], &done["result"]["version"]), (&"confirmed".into(), &1.into()));
    assert_eq!(done["result"]["made"]["by"], "ada");
    let wanted = [
        "ada approval.confirm attempted",
        "ada approval.confirm refused",
        "ben approval.confirm attempted",
        "ada policy.put attempted",
        "ada policy.put done",
        "ben approval.confirm done",
    ];
    assert_eq!(recorded(&ada, 6), wanted);
    let entry = ada.audit().into_iter().rev().find(|one| one["what"] == "policy.put").unwrap();
    assert_eq!(entry["detail"], format!("version 1; asked by ada, confirmed by ben, approval {id}"));
    for operator in [&ada, &ben] {
        let again = decide(operator, &id, "confirm").refused(409, Kind::Malformed);
        assert!(again.detail().contains("confirmed or rejected before"), "{}", again.detail());
    }
    // A wrong document is refused at once, and others need nobody else.
    ada.post("policy", &json!({ "allow": 1 })).refused(400, Kind::Malformed);
    ada.key(&json!({ "kid": "team" }));
    ada.post("policy/shadow", &json!({})).is(200);
    let states: Vec<Value> = ada.see("approvals")["approvals"].as_array().unwrap().clone();
    assert!(states.len() == 1 && states[0].get("body").is_none());
}

#[test]
fn request_ends_after_a_day_and_can_be_rejected_or_withdrawn() {
    let (ada, ben, eve) = guarded("policy, keys, accounts");
    let late = waits(ada.post("policy/restore", &json!({ "version": 0 })));
    ada.world.pass(DAY);
    let refused = decide(&ben, &late, "confirm").refused(409, Kind::Malformed);
    assert!(refused.detail().contains("not confirmed in its time"), "{}", refused.detail());
    assert_eq!(ada.see("approvals")["approvals"][0]["state"], "ended");
    let key = waits(ada.post("external-accounts", &json!({ "kid": "team" })));
    // A revoker may not do it, so may not confirm it either.
    let lacks = decide(&eve, &key, "confirm").refused(403, Kind::Unauthorized);
    assert!(lacks.detail().contains("needs the permission \"keys\""), "{}", lacks.detail());
    decide(&eve, &key, "reject").refused(403, Kind::Unauthorized);
    decide(&ben, &key, "reject").is(200);
    decide(&ben, &key, "confirm").refused(409, Kind::Malformed);
    ada.get("external-accounts/team").refused(404, Kind::Malformed);
    let own = waits(ada.post("external-accounts", &json!({ "kid": "team" })));
    assert_eq!(decide(&ada, &own, "reject").is(200).json()["approval"]["state"], "rejected");
    let key = waits(ada.post("external-accounts", &json!({ "kid": "team" })));
    let made = decide(&ben, &key, "confirm").is(200).json();
    assert_eq!((&made["result"]["kid"], &made["result"]["created"]["by"]), (&"team".into(), &"ada".into()));
    decide(&ben, "unknown", "confirm").refused(404, Kind::Malformed);
    ben.get("approvals/unknown").refused(404, Kind::Malformed);
}

#[test]
fn lost_right_of_the_requester_is_found_at_the_confirmation() {
    let (ada, ben, _) = guarded("policy");
    let id = waits(ada.post("policy", &json!({})));
    for tokens in [
        json!({ "ben": BEN, "eve": EVE }),
        json!({ "ben": BEN, "ada": { "token": ada.token, "role": "operator" } }),
        json!({ "ben": BEN, "ada": { "token": ada.token, "until": ada.world.now().rfc3339() } }),
    ] {
        let tokens = tokens.to_string();
        let world = ben.world.reconfigured(|settings| settings.admin = AdminTokens::read(Some(&tokens)).unwrap());
        let ben = Operator { world, ..ben.with(BEN, 2) };
        let refused = decide(&ben, &id, "confirm").refused(409, Kind::Malformed);
        assert!(refused.detail().contains("reject"), "{}", refused.detail());
    }
    decide(&ben, &id, "confirm").is(200);
}

#[test]
fn revocations_beyond_the_number_of_one_person_wait() {
    let (ada, ben, eve) = guarded("revoke:2");
    let client = ada.client();
    let serials: Vec<String> = (0..7).map(|n| issue(&client, &[&format!("n{n}.test")], json!({})).1).collect();
    ada.world.pass(SECOND);
    let revoke = |operator: &Operator, serial: &str| {
        operator.post(&format!("certificates/{serial}/revoke"), &json!({ "reason": 4 }))
    };
    revoke(&eve, &serials[0]).is(200);
    revoke(&eve, &serials[1]).is(200);
    let third = waits(revoke(&eve, &serials[2]));
    let all = json!({ "name": "*", "reason": 4, "limit": 2 });
    waits(eve.post("revocations", &all));
    // Another person has a number of its own; a selection is counted as a whole, not by its steps.
    let many = waits(ada.post("revocations", &all));
    let valid = || ada.see("certificates?status=valid")["certificates"].as_array().unwrap().len();
    assert_eq!(valid(), 5);
    ada.post("revocations", &json!({ "name": "n6.test" })).is(200);
    revoke(&ada, &serials[5]).is(200);
    waits(revoke(&ada, &serials[4]));
    decide(&ben, &third, "confirm").is(200);
    assert_eq!(valid(), 2);
    // What is issued after the request is not meant.
    ada.world.pass(SECOND);
    issue(&client, &["new.test"], json!({}));
    let refused = decide(&ada, &many, "confirm").refused(403, Kind::Unauthorized);
    assert!(refused.detail().contains("another person"), "{}", refused.detail());
    let step = decide(&ben, &many, "confirm").is(200).json();
    assert_eq!(step["result"]["revoked"].as_array().unwrap().len(), 2);
    assert_eq!(valid(), 1);
    ada.world.pass(DAY);
    revoke(&eve, &serials[0]).refused(409, Kind::AlreadyRevoked);
}

#[test]
fn confirmed_revocation_goes_on_in_steps_for_its_two_persons_only() {
    let (ada, ben, eve) = guarded("revoke:0");
    let client = ada.client();
    for n in 0..120 {
        issue(&client, &[&format!("n{n}.test")], json!({}));
    }
    ada.world.pass(SECOND);
    let id = waits(ada.post("revocations", &json!({ "name": "*", "reason": 4 })));
    let early = ada.post("revocations", &json!({ "approval": id })).refused(403, Kind::Unauthorized);
    assert!(early.detail().contains("not confirmed"), "{}", early.detail());
    let step = decide(&ben, &id, "confirm").is(200).json()["result"].clone();
    assert_eq!(step["revoked"].as_array().unwrap().len(), 100);
    let next = json!({ "approval": id, "cursor": step["next"] });
    eve.post("revocations", &next).refused(403, Kind::Unauthorized);
    // Another selection does not pass under it.
    let rest = ada
        .post("revocations", &json!({ "approval": id, "cursor": step["next"], "name": "other.test" }))
        .is(200)
        .json();
    assert_eq!((rest["revoked"].as_array().unwrap().len(), &rest["selection"]["name"]), (20, &"*".into()));
    let entry = ada.audit().pop().unwrap();
    let detail = entry["detail"].as_str().unwrap();
    assert!(detail.ends_with(&format!("asked by ada, confirmed by ben, approval {id}")), "{detail}");
    ada.world.pass(DAY);
    ben.post("revocations", &json!({ "approval": id })).refused(403, Kind::Unauthorized);
}

#[test]
fn revocations_of_an_import_wait_beyond_the_number_of_one_person() {
    let program = OtherProgram::new("Our Issuer");
    let (ada, ben, eve) = guarded_of(&World::new().with_only(&program.authority), "revoke:1");
    ada.world.pass(DAY);
    let at = ada.world.now().rfc3339();
    let revoked = |made: &Made, reason: Option<u8>| {
        let mut element = plain(made);
        element["revoked"] = json!({ "at": at });
        if let Some(reason) = reason {
            element["revoked"]["reason"] = reason.into();
        }
        element
    };
    let made: Vec<Made> = (1..6).map(|n| program.certificate(&[n], &[&format!("n{n}.test")], None)).collect();
    let listed =
        |status: &str| ada.see(&format!("certificates?status={status}"))["certificates"].as_array().unwrap().len();
    // What is not revoked needs no second person, nor does a check.
    assert_eq!(fates(import(&ada, &[plain(&made[0])])), ["imported"]);
    let two = [revoked(&made[1], None), revoked(&made[2], None)];
    assert_eq!(fates(ada.post("certificates/import", &bodied(&two, true))), ["imported", "imported"]);
    // One is within the number; it is not counted again by the same import.
    for fate in ["imported", "known"] {
        assert_eq!(fates(import(&ada, &two[..1])), [fate]);
    }
    let id = waits(import(&ada, &[&two[..], &[plain(&made[3])]].concat()));
    assert_eq!((listed("valid"), listed("revoked")), (1, 1), "nothing of the request was stored");
    // A certificate that is here already is revoked under the same rule.
    let late = waits(import(&ada, &[revoked(&made[0], Some(4))]));
    let shown = ben.see(&format!("approvals/{id}"));
    assert_eq!((&shown["action"], &shown["path"]), (&"certificates.import".into(), &"certificates/import".into()));
    decide(&ada, &id, "confirm").refused(403, Kind::Unauthorized);
    let lacks = decide(&eve, &id, "confirm").refused(403, Kind::Unauthorized);
    assert!(lacks.detail().contains("needs the permission \"import\""), "{}", lacks.detail());
    let done = decide(&ben, &id, "confirm").is(200).json();
    let became: Vec<&Value> =
        done["result"]["certificates"].as_array().unwrap().iter().map(|one| &one["fate"]).collect();
    assert_eq!(became, ["known", "imported", "imported"]);
    assert_eq!((listed("valid"), listed("revoked")), (2, 2));
    assert_eq!(recorded(&ada, 2), ["ada certificates.import done", "ben approval.confirm done"]);
    decide(&ben, &late, "confirm").is(200);
    assert_eq!((listed("valid"), listed("revoked")), (1, 3));
    // Another CA's is only noted here; but its key is blocked if it was compromised.
    let other = OtherProgram::new("Their CA");
    let theirs: Vec<Made> = (7..9).map(|n| other.certificate(&[n], &[&format!("n{n}.test")], None)).collect();
    assert_eq!(fates(import(&ada, &[revoked(&theirs[0], Some(4))])), ["imported"]);
    waits(import(&ada, &[revoked(&theirs[1], Some(1))]));
    // A wrong request is refused at once.
    let mut wrong = revoked(&made[4], None);
    wrong["revoked"]["at"] = "never".into();
    import(&ada, &[wrong]).refused(400, Kind::Malformed);
}

#[test]
fn waiting_actions_are_bounded() {
    let (ada, ben, _) = guarded("policy");
    let ids: Vec<String> = (0..50).map(|_| waits(ada.post("policy", &json!({})))).collect();
    let refused = ada.post("policy", &json!({})).refused(409, Kind::Malformed);
    assert!(refused.detail().contains("50 actions that wait"), "{}", refused.detail());
    decide(&ben, &ids[0], "reject").is(200);
    waits(ada.post("policy", &json!({})));
}
