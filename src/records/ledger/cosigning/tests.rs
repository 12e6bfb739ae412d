use super::*;
use crate::tlog::VerifierKey;
use crate::tlog::note::KeyKind;
use crate::tlog::tree::leaf_hash;

const NOW: Time = Time::from_secs(1_800_000_000);
const HOUR: Duration = Duration::from_secs(3600);

fn key(name: &str) -> String {
    let octets = *leaf_hash(name.as_bytes()).as_bytes();
    let octets = [&octets[..31], &[0]].concat();
    VerifierKey::new(name, KeyKind::Ed25519Cosignature, &octets).unwrap().to_string()
}

fn policy() -> Policy {
    let lines = format!("witness a {}\nwitness b {}\nwitness c {}\n", key("a"), key("b"), key("c"));
    Policy::parse(&format!("{lines}group all 2 a b c\nquorum all\n")).unwrap()
}

fn target(size: u64, chosen: Time) -> Target {
    Target { size, root: leaf_hash(b""), note: format!("log\n{size}\nroot\n\n- log\n"), chosen }
}

fn record(size: u64) -> CosigningRecord {
    let mut record = CosigningRecord::new(target(size, NOW));
    record.aim(target(size, NOW), ["a", "b", "c"].map(key).into_iter());
    record
}

fn good(name: &str) -> Asked {
    Asked { size: None, line: Some(format!("- {name}\n")), fault: None }
}

fn bad(kind: FaultKind) -> Asked {
    Asked { size: None, line: None, fault: Some((kind, "it is bad".to_owned())) }
}

#[test]
fn quorum_of_cosignatures_makes_a_witnessed_checkpoint() {
    let (mut record, policy) = (record(5), policy());
    record.settle(&policy, NOW);
    assert_eq!((record.witnessed.as_ref(), record.missing), (None, Some(NOW)));
    record.asked(&key("a"), good("a"), NOW);
    record.settle(&policy, NOW.plus(HOUR));
    assert_eq!((record.witnessed.is_some(), record.missing), (false, Some(NOW)), "one of two");
    record.asked(&key("c"), good("c"), NOW);
    record.settle(&policy, NOW);
    assert_eq!(record.missing, None);
    let witnessed = record.witnessed.clone().unwrap();
    assert_eq!((witnessed.size, witnessed.at), (5, NOW));
    assert!(witnessed.note.starts_with(&record.target.note));
    assert!(witnessed.note.contains("- a\n") && witnessed.note.contains("- c\n"), "{}", witnessed.note);
    // The next target leaves it, until there is a newer one.
    record.aim(target(9, NOW.plus(HOUR)), ["a", "b", "c"].map(key).into_iter());
    record.settle(&policy, NOW.plus(HOUR));
    assert_eq!((record.witnessed.as_ref(), record.missing), (Some(&witnessed), Some(NOW.plus(HOUR))));
    assert_eq!(record.witnesses[&key("a")].size, 5, "it is asked from there");
}

#[test]
fn witness_gets_a_checkpoint_for_each_interval_at_most() {
    let record = record(5);
    assert!(!record.wants(6, HOUR, NOW.plus(HOUR).minus(Duration::from_millis(1))));
    assert!(record.wants(6, HOUR, NOW.plus(HOUR)));
    assert!(!record.wants(5, HOUR, NOW.plus(HOUR)), "it is the same");
    assert!(record.wants(5, HOUR, NOW.plus(REPEATED)), "a day later it is cosigned anew");
    assert!(record.wants(5, HOUR, NOW.minus(HOUR)), "the clock went back");
}

#[test]
fn silent_witness_is_asked_again_with_growing_pauses_and_others_with_the_next_checkpoint() {
    let mut record = record(5);
    let mut now = NOW;
    for pause in [60, 120, 240, 480] {
        record.asked(&key("a"), bad(FaultKind::Silent), now);
        let due = record.witnesses[&key("a")].due.unwrap();
        assert_eq!(now.until(due), Duration::from_secs(pause));
        assert!(!record.is_due(&key("a"), due.minus(Duration::from_millis(1))) && record.is_due(&key("a"), due));
        now = due;
    }
    assert_eq!(record.witnesses[&key("a")].fault.as_ref().unwrap().since, NOW);
    for kind in [FaultKind::Forked, FaultKind::Refused, FaultKind::Wrong] {
        record.asked(&key("b"), bad(kind), now);
        assert_eq!(record.witnesses[&key("b")].due, None, "{kind:?}");
    }
    record.asked(&key("c"), good("c"), now);
    assert_eq!(record.next(HOUR), record.witnesses[&key("a")].due.unwrap().min(NOW.plus(HOUR)));
    record.aim(target(9, now), ["a", "b"].map(key).into_iter());
    assert!(record.is_due(&key("a"), now) && record.is_due(&key("b"), now));
    assert!(!record.witnesses.contains_key(&key("c")), "it is not in the policy any more");
    record.asked(&key("a"), good("a"), now);
    assert_eq!(record.witnesses[&key("a")].fault, None);
}

#[test]
fn fork_is_found_once_until_the_witness_cosigns_again() {
    let mut record = record(5);
    assert!(record.asked(&key("a"), bad(FaultKind::Forked), NOW));
    assert!(!record.asked(&key("a"), bad(FaultKind::Forked), NOW));
    assert!(!record.asked(&key("a"), good("a"), NOW));
    assert!(record.asked(&key("a"), bad(FaultKind::Forked), NOW));
    assert!(!record.asked("unknown", bad(FaultKind::Forked), NOW));
}
