//! Witnesses that are away, refuse, lie, hang, go back, or have another tree.

use super::{HOUR, Witnessed, url};
use core::time::Duration;
use selvedge::ca::testing::{Client, CsrShape, TestWitness, World, new_key};
use selvedge::records::Kind;
use selvedge::tlog::tree::leaf_hash;
use selvedge::validation::outbound::{FetchAnswer, OutboundFault};
use selvedge::values::SigAlg;
use serde_json::json;
use std::cell::Cell;
use std::rc::Rc;

fn faulty(act: impl FnOnce(&Witnessed)) -> Witnessed {
    let these = Witnessed::new(2, 1);
    act(&these);
    these.live(Duration::from_secs(20));
    these.issue("b.test");
    these
}

/// Checks that a fault is found, and that nothing else is affected by it.
fn found(these: &Witnessed, finding: &str, context: &str) {
    assert_eq!(these.findings(), [finding], "{context}");
    let record = these.record();
    assert!(record.witnessed.is_some() && record.missing.is_none(), "{context}: the other witness is enough");
}

#[test]
fn each_answer_of_a_witness_has_its_finding() {
    for (status, body, finding) in [
        (422, "", "log-forked"),
        (404, "", "log-witness-refused"),
        (403, "", "log-witness-refused"),
        (400, "", "log-witness-silent"),
        (500, "", "log-witness-silent"),
        (503, "", "log-witness-silent"),
        (302, "", "log-witness-silent"),
        (200, "", "log-witness-wrong"),
        (200, "not a signature\n", "log-witness-wrong"),
        (200, "\u{2014} else.example AAAAAAAA\n", "log-witness-wrong"),
        (409, "", "log-witness-wrong"),
        (409, "01\n", "log-witness-wrong"),
        (409, "0\n", "log-witness-wrong"),
        // More leaves than the log has.
        (409, "1000\n", "log-forked"),
        (409, "18446744073709551615\n", "log-forked"),
    ] {
        let these = faulty(|these| these.answers(1, status, body));
        found(&these, finding, &format!("{status} {body:?}"));
    }
}

#[test]
fn silence_is_found_and_tried_again() {
    for why in [OutboundFault::unreachable(), OutboundFault::Timeout, OutboundFault::TooLarge] {
        let these = faulty(|these| {
            let why = why.clone();
            these.world.network().serve(&format!("{}/add-checkpoint", url(1)), move |_| Err(why.clone()));
        });
        found(&these, "log-witness-silent", &why.to_string());
        these.serve(1);
        these.live(Duration::from_secs(120));
        assert_eq!(these.findings(), Vec::<String>::new(), "{why}");
    }
}

#[test]
fn cosignature_by_another_key_over_another_tree_or_of_the_future_is_not_taken() {
    let these = Witnessed::new(2, 1);
    // A witness of the same name with another key.
    let liar = TestWitness::new("w1.exampl2", &[], these.world.now());
    assert_ne!(liar.vkey().key(), these.witnesses[1].vkey().key());
    let spoil = |change: fn(&str) -> String| {
        let (witness, world) = (these.witnesses[1].clone(), these.world.clone());
        these.world.network().serve(&format!("{}/add-checkpoint", url(1)), move |body| {
            witness.set_clock(world.now());
            let answer = witness.ask("POST", "/witness/add-checkpoint", body);
            let text = String::from_utf8(answer.body.octets().to_vec()).unwrap();
            Ok(FetchAnswer { status: answer.status, location: None, body: change(&text).into_bytes() })
        });
    };
    // A character within the signature.
    spoil(|line| {
        let at = line.len() - 20;
        let other = if &line[at..=at] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &line[..at], &line[at + 1..])
    });
    these.live(Duration::from_secs(1));
    assert_eq!(these.findings(), ["log-witness-wrong"]);
    assert_eq!(these.record().count(), 1);
    let early = these.witnesses[1].clone();
    let world = these.world.clone();
    these.world.network().serve(&format!("{}/add-checkpoint", url(1)), move |body| {
        early.set_clock(world.now().plus(HOUR * 48));
        let answer = early.ask("POST", "/witness/add-checkpoint", body);
        Ok(FetchAnswer { status: answer.status, location: None, body: answer.body.octets().to_vec() })
    });
    these.issue("b.test");
    these.live(HOUR);
    assert_eq!(these.findings(), ["log-witness-wrong"]);
}

#[test]
fn witness_that_goes_back_is_found_and_goes_on() {
    let these = Witnessed::new(2, 1);
    these.live(Duration::from_secs(1));
    these.issue("b.test");
    // It loses its state.
    let origin = these.world.ask("GET", &crate::log::logs(&these.world)).json()["logs"][0]["origin"]
        .as_str()
        .unwrap()
        .to_owned();
    *these.witnesses[1].storage(&origin).borrow_mut() = selvedge::store::MemoryKv::default();
    these.live(HOUR);
    assert_eq!(these.findings(), ["log-witness-wrong"]);
    assert_eq!(these.record().count(), 2, "its cosignature is good");
    these.issue("c.test");
    these.live(HOUR);
    assert_eq!(these.findings(), Vec::<String>::new());
}

#[test]
fn fork_is_an_error_with_one_notice_and_stops_nothing() {
    let these = Witnessed::new(2, 1);
    these.live(Duration::from_secs(1));
    // Somebody with the log's key showed the witness another history.
    let list = these.world.ask("GET", &crate::log::logs(&these.world)).json().clone();
    let origin = list["logs"][0]["origin"].as_str().unwrap();
    let storage = these.witnesses[1].storage(origin);
    let root = these.record().target.root.to_string();
    storage.borrow_mut().alter(|_, value| value.replace(&root, &leaf_hash(b"other").to_string()));
    for n in 0..3 {
        these.issue(&format!("n{n}.test"));
        these.live(HOUR);
        assert_eq!(these.findings(), ["log-forked"]);
    }
    let health = these.health();
    assert_eq!(health["status"], "wrong");
    let notices: Vec<_> =
        these.world.records("notice").into_iter().filter(|(_, one)| one["kind"] == "log.forked").collect();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].1["data"]["what"].as_str().unwrap().contains("422"), "{notices:?}");
    assert!(these.record().witnessed.is_some(), "the other witness cosigns");
}

#[test]
fn missing_quorum_is_found_and_stops_issuance_only_where_the_settings_say_so() {
    for required in [false, true] {
        let mut these = Witnessed::new(1, 1);
        these.world = these.world.reconfigured(|settings| settings.log_policy.as_mut().unwrap().required = required);
        these.answers(0, 500, "");
        these.live(Duration::from_secs(1));
        these.issue("b.test");
        assert_eq!(these.findings(), ["log-witness-silent"]);
        these.live(HOUR * 3);
        let mut wanted = vec!["log-quorum-missing", "log-witness-silent"];
        wanted.sort_unstable();
        let mut ids = these.findings();
        ids.sort_unstable();
        assert_eq!(ids, wanted);
        let finalized = |world: &World| {
            let client = Client::registered(world);
            let (_, order) = client.ready_order(&["c.test"]);
            let csr = CsrShape::dns(&["c.test"]).build(&new_key(SigAlg::Es256));
            client.finalize(&order, &csr)
        };
        if required {
            let refused = finalized(&these.world).refused(503, Kind::ServerInternal);
            assert!(refused.header("Retry-After").is_some());
            assert!(refused.text().contains("not witnessed"), "{}", refused.text());
            assert_eq!(these.health()["status"], json!("wrong"));
            these.serve(0);
            these.live(HOUR * 2);
        }
        these.issue("d.test");
    }
}

/// The witness takes ten seconds to time out. A notice of the same ledger does not wait for that.
#[test]
fn witness_that_hangs_delays_no_other_work_of_the_ledger() {
    let mut these = Witnessed::new(1, 1);
    these.world = these.world.with_webhook();
    let client = Client::registered(&these.world);
    let certificate = client.issue(&["b.test"], &new_key(SigAlg::Es256));
    let submitted = Rc::new(Cell::new(None));
    let (world, at) = (these.world.clone(), submitted.clone());
    these.world.network().serve(&format!("{}/add-checkpoint", url(0)), move |_| {
        if at.get().is_none() {
            at.set(Some(world.now().secs()));
            client.revoke(&certificate, Some(4)).is(200);
        }
        Err(OutboundFault::Timeout)
    });
    these.live(Duration::from_secs(1));
    let arrived = these.world.receiver().arrived();
    let waited = arrived[0].timestamp - submitted.get().unwrap();
    assert!(arrived.len() == 1 && waited <= 2, "it waited {waited} s of the witness's ten");
    assert_eq!(these.findings(), ["log-witness-silent"]);
}
