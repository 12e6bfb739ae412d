//! Imported certificates over the years: notices, counts, pruning, backups, the log.

use super::backup::{Backup, empty};
use super::imports::{bodied, fates, import, list, moved, plain};
use super::operating::let_pass;
use super::operator::{DAY, Operator, SECOND, issue};
use super::other_program::OtherProgram;
use selvedge::records::ledger::imported::COMPLETE;
use serde_json::{Value, json};

fn unrenewed(operator: &Operator) -> Vec<Value> {
    operator.see("certificates?status=unrenewed")["certificates"].as_array().unwrap().clone()
}

#[test]
fn end_of_an_imported_certificate_is_reported_until_this_authority_renews_it() {
    let (operator, program) = moved();
    let other = OtherProgram::new("Their CA");
    // Two certificates of other programs for one name: the later renews the earlier.
    let (early, late) = (other.certificate(&[1], &["a.test"], None), program.certificate(&[2], &["b.test"], None));
    let end = operator.world.now().plus(DAY * 70);
    let later = other.until(&[3], "a.test", end);
    import(&operator, &[plain(&early), plain(&late), plain(&later)]).is(200);
    assert_eq!(unrenewed(&operator), Vec::<Value>::new());
    operator.world.pass(DAY * 50);
    assert_eq!(unrenewed(&operator).iter().map(|one| one["names"][0].clone()).collect::<Vec<_>>(), [json!("b.test")]);
    let health = operator.see("health");
    assert_eq!(health["certificates"]["unrenewed"], 1);
    assert_eq!(health["certificates"]["first_unrenewed"][0]["account"], Value::Null);
    assert_eq!(health["certificates"]["first_unrenewed"][0]["serial"], "02");
    assert_eq!(operator.see("certificates/01")["renewed"], true);
    // A certificate of another program never counts as the renewal of one that was issued here.
    let (_, own) = issue(&operator.client(), &["a.test"], json!({ "profile": "shortlived" }));
    assert_eq!(operator.see(&format!("certificates/{own}"))["renewed"], false);
    operator.world.pass(SECOND);
    issue(&operator.client(), &["b.test"], json!({}));
    assert_eq!(unrenewed(&operator), Vec::<Value>::new());
    assert_eq!(operator.see("certificates/02")["renewed"], true);
}

#[test]
fn imported_certificates_are_pruned_with_all_their_records() {
    let (operator, program) = moved();
    let world = operator.world.reconfigured(|settings| settings.keep_expired = Some(DAY * 30));
    let operator = Operator { world, ..operator };
    let foreign = OtherProgram::new("Their CA").certificate(&[1], &["a.test"], None);
    let ours = program.certificate(&[2], &["b.test"], None);
    import(&operator, &[plain(&foreign), plain(&ours)]).is(200);
    operator.world.ask("GET", &format!("/crl/{}/complete.crl", operator.world.issuer().id())).is(200);
    let kinds = || ["serial/", "imported/", "latest/"].map(|kind| operator.world.records(kind).len());
    assert_eq!(kinds(), [2, 2, 2]);
    let_pass(&operator.world, DAY * 85);
    assert_eq!(kinds(), [2, 2, 2]);
    let_pass(&operator.world, DAY * 30);
    assert_eq!(kinds(), [0, 0, 0]);
    // The complete list ends with its certificates.
    let due = operator.world.records("shard/")[0].1.get("due").cloned();
    assert_eq!(due, None);
}

#[test]
fn backup_has_imported_certificates_and_the_restored_authority_revokes_them() {
    let program = OtherProgram::new("Their CA");
    let operator = Operator::new();
    let foreign = program.certificate(&[1], &["a.test"], None);
    let world = &operator.world;
    let ours = {
        // Another machine with the same issuer.
        let elsewhere = super::backup::closed(&empty(world), false);
        issue(&elsewhere.client(), &["b.test"], json!({}))
    };
    operator.world.pass(DAY);
    let both = [plain(&foreign), json!({ "der": selvedge::values::b64::encode(&ours.0) })];
    assert_eq!(fates(import(&operator, &both)), ["imported", "imported"]);
    let backup = Backup::of(&super::backup::closed(&operator, true));
    let restored = empty(&operator.world);
    backup.restore(&restored).unwrap();
    let restored = super::backup::closed(&restored, false);
    for kind in ["serial/", "imported/"] {
        assert_eq!(restored.world.records(kind), operator.world.records(kind), "{kind}");
    }
    assert_eq!(fates(restored.post("certificates/import", &bodied(&both, false))), ["known", "known"]);
    restored.post(&format!("certificates/{}/revoke", ours.1), &json!({})).is(200);
    let shard = restored.world.records("revoked/")[0].0.clone();
    assert!(!shard.is_empty());
    let entry = restored.see(&format!("certificates/{}", ours.1));
    assert_eq!((&entry["status"], &entry["imported"]["foreign"]), (&json!("revoked"), &Value::Null));
}

#[test]
fn revocation_of_an_imported_certificate_is_in_the_log_and_its_certificate_is_not() {
    let program = OtherProgram::new("Our Issuer");
    let world = crate::log::logged().with_only(&program.authority);
    let operator = Operator::of(&world);
    operator.world.pass(DAY);
    let (ours, foreign) = (
        program.certificate(&[5], &["a.test"], None),
        OtherProgram::new("Their CA").certificate(&[6], &["b.test"], None),
    );
    let at = operator.world.now().rfc3339();
    let revoked = |made| {
        let mut one = plain(made);
        one["revoked"] = json!({ "at": at });
        one
    };
    import(&operator, &[revoked(&ours), revoked(&foreign)]).is(200);
    let leaves = operator.world.records("leaf/");
    let entries: Vec<String> = leaves
        .iter()
        .filter_map(|(_, leaf)| selvedge::values::b64::decode(leaf["entry"].as_str()?))
        .map(|octets| String::from_utf8_lossy(&octets).into_owned())
        .collect();
    assert_eq!(entries.iter().filter(|entry| entry.contains("\"serial\":\"05\"")).count(), 1, "{entries:?}");
    assert!(!entries.iter().any(|entry| entry.contains("\"serial\":\"06\"")), "another CA's is not of this log");
    assert_eq!(list(&operator, COMPLETE).entries.len(), 1);
    assert!(operator.see("certificates/05").get("proof").is_none());
}
