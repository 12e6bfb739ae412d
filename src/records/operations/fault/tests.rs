use super::*;
use crate::records::Kind;
use crate::values::{Id, Time};
use core::time::Duration;

const NOW: Time = Time::from_secs(1_800_000_000);

fn rule(fault: FaultKind) -> FaultRule {
    FaultRule {
        fault,
        endpoints: Vec::new(),
        account: None,
        name: None,
        after: false,
        retry_after: None,
        delay: None,
        reason: None,
        count: None,
        rate: None,
        seed: None,
        seconds: None,
    }
}

fn at(endpoint: Endpoint) -> Encounter {
    Encounter { endpoint, account: None, names: Some(Vec::new()), answered: None }
}

/// Which of so many encounters a rule acts on.
fn pattern(rule: &FaultRule, encounters: usize) -> Vec<bool> {
    let mut records = [FaultRecord::new(1, rule.clone(), NOW)];
    let one = |_| matches!(draw(&mut records, &at(Endpoint::NewOrder)), DrawnFault::Acts(_));
    (0..encounters).map(one).collect()
}

#[test]
fn rate_with_a_seed_gives_the_same_run_each_time() {
    let seeded = |rate, seed| FaultRule { rate: Some(rate), seed: Some(seed), ..rule(FaultKind::Unavailable) };
    let run = pattern(&seeded(20, 7), 1_000);
    assert_eq!(run, pattern(&seeded(20, 7), 1_000));
    assert_ne!(run, pattern(&seeded(20, 8), 1_000));
    let hits = run.iter().filter(|hit| **hit).count();
    assert!((150..250).contains(&hits), "{hits} of 1000 at 20 %");
    // The draws of this version are those of the next: a recorded run can be repeated.
    let first: Vec<usize> = run.iter().enumerate().filter(|(_, hit)| **hit).map(|(at, _)| at).take(5).collect();
    assert_eq!(first, [0, 3, 4, 5, 15]);
    assert_eq!(pattern(&FaultRule { rate: Some(20), ..rule(FaultKind::Unavailable) }, 50), pattern(&seeded(20, 0), 50));
}

#[test]
fn every_fault_and_endpoint_is_parsed_by_its_name() {
    for kind in FaultKind::ALL {
        assert_eq!(FaultKind::parse(kind.name()), Some(*kind));
        assert!(Endpoint::ALL.iter().any(|endpoint| kind.suits(*endpoint)), "{kind:?}");
        assert!(!(kind.replaces_answers() && kind.changes_answers()), "{kind:?}");
    }
    for endpoint in Endpoint::ALL {
        assert_eq!(Endpoint::parse(endpoint.name()), Some(*endpoint));
        assert!(!endpoint.has_names() || endpoint.has_account(), "{endpoint:?}");
    }
    assert_eq!((FaultKind::parse("504"), Endpoint::parse("new-order")), (None, None));
}

#[test]
fn parts_that_exclude_each_other_are_refused_with_a_sentence() {
    let account = Some(Id::from_random([1; 16]));
    let slow = FaultRule { delay: Some(1), ..rule(FaultKind::Slow) };
    for (wrong, part) in [
        (FaultRule { endpoints: vec![Endpoint::NewNonce], ..rule(FaultKind::BadNonce) }, "newNonce"),
        (FaultRule { endpoints: vec![Endpoint::NewNonce], ..rule(FaultKind::Cut) }, "newNonce"),
        (FaultRule { endpoints: vec![Endpoint::Certificate], ..rule(FaultKind::MalformedJson) }, "certificate"),
        (FaultRule { endpoints: vec![Endpoint::NewOrder], ..rule(FaultKind::Processing) }, "newOrder"),
        (FaultRule { endpoints: vec![Endpoint::Order], ..rule(FaultKind::ChainOrder) }, "order"),
        (FaultRule { endpoints: vec![Endpoint::Challenge], ..rule(FaultKind::FailedValidation) }, "challenge"),
        (FaultRule { endpoints: vec![Endpoint::Validation], ..slow.clone() }, "validation"),
        (FaultRule { endpoints: vec![Endpoint::Directory], account, ..rule(FaultKind::Cut) }, "account"),
        (
            FaultRule { endpoints: vec![Endpoint::KeyChange], name: Some("a.test".into()), ..rule(FaultKind::Cut) },
            "name",
        ),
        (FaultRule { retry_after: Some(5), ..rule(FaultKind::Cut) }, "retry_after"),
        (FaultRule { delay: Some(5), ..rule(FaultKind::Empty) }, "delay"),
        (rule(FaultKind::Slow), "delay"),
        (FaultRule { reason: Some(Kind::Dns), ..rule(FaultKind::Failure) }, "reason"),
        (FaultRule { after: true, ..rule(FaultKind::BadNonce) }, "after"),
        (FaultRule { after: true, ..slow.clone() }, "after"),
        (FaultRule { seed: Some(1), ..rule(FaultKind::Failure) }, "seed"),
    ] {
        let said = wrong.check().unwrap_err();
        assert!(said.contains(part) && said.ends_with('.'), "{wrong:?}: {said}");
    }
    for kind in FaultKind::ALL {
        let delay = (*kind == FaultKind::Slow).then_some(1);
        assert_eq!(FaultRule { delay, ..rule(*kind) }.check(), Ok(()), "{kind:?}");
    }
}

#[test]
fn rule_that_could_never_act_is_found() {
    let always = |rule: FaultRule| FaultRecord::new(1, rule, NOW);
    let new_order = |fault| FaultRule { endpoints: vec![Endpoint::NewOrder], ..rule(fault) };
    let later = new_order(FaultKind::Failure);
    assert!(always(rule(FaultKind::Unavailable)).excludes(&later, None));
    assert!(always(new_order(FaultKind::RateLimited)).excludes(&later, None));
    let wide = FaultRule { name: Some("*.a.test".into()), ..rule(FaultKind::Cut) };
    for (name, excluded) in [("x.a.test", true), ("*.a.test", true), ("*.x.a.test", true), ("a.test", false)] {
        let narrow = FaultRule { name: Some(name.into()), ..later.clone() };
        assert_eq!(always(wide.clone()).excludes(&narrow, None), excluded, "{name}");
    }
    for first in [
        FaultRule { count: Some(3), ..rule(FaultKind::Unavailable) },
        FaultRule { rate: Some(50), ..rule(FaultKind::Unavailable) },
        FaultRule { seconds: Some(60), ..rule(FaultKind::Unavailable) },
        FaultRule { account: Some(Id::from_random([1; 16])), ..rule(FaultKind::Unavailable) },
        FaultRule { endpoints: vec![Endpoint::Finalize], ..rule(FaultKind::Unavailable) },
        FaultRule { after: true, ..rule(FaultKind::Unavailable) },
    ] {
        assert!(!always(first.clone()).excludes(&later, None), "{first:?}");
    }
    let minute = always(FaultRule { seconds: Some(60), ..rule(FaultKind::Unavailable) });
    assert!(minute.excludes(&later, Some(NOW.plus(Duration::from_secs(60)))));
    assert!(!minute.excludes(&later, Some(NOW.plus(Duration::from_secs(61)))));
}

#[test]
fn names_are_asked_for_before_anything_is_counted() {
    let counted = FaultRule { count: Some(1), ..rule(FaultKind::Empty) };
    let named = FaultRule { name: Some("*.a.test".into()), ..rule(FaultKind::Unavailable) };
    let mut records = [FaultRecord::new(1, counted, NOW), FaultRecord::new(2, named, NOW)];
    let before = records.clone();
    let unknown = Encounter { names: None, ..at(Endpoint::Order) };
    assert_eq!(draw(&mut records, &unknown), DrawnFault::NamesNeeded);
    assert_eq!(records, before);
    let of = |name: &str| Encounter { names: Some(vec![name.to_owned()]), ..at(Endpoint::Order) };
    let number = |drawn| match drawn {
        DrawnFault::Acts(fault) => fault.number,
        _ => 0,
    };
    assert_eq!(number(draw(&mut records, &of("x.a.test"))), 1, "the first rule goes first");
    let mut second = [records[1].clone()];
    assert_eq!(number(draw(&mut second, &of("x.a.test"))), 2);
    assert_eq!(number(draw(&mut second, &of("*.x.a.test"))), 2);
    for other in ["a.test", "xa.test", "a.test.b"] {
        assert_eq!(draw(&mut second, &of(other)), DrawnFault::Nothing, "{other}");
    }
    assert_eq!(draw(&mut second, &Encounter { names: None, ..at(Endpoint::NewNonce) }), DrawnFault::Nothing);
}

#[test]
fn fault_of_an_answer_is_counted_only_where_it_fits() {
    let mut records = [FaultRecord::new(1, FaultRule { count: Some(2), ..rule(FaultKind::Processing) }, NOW)];
    assert_eq!(draw(&mut records, &at(Endpoint::Order)), DrawnFault::Afterwards);
    let answered = |decided| {
        let answered = Some(AnswerShape { json: true, decided, ..AnswerShape::default() });
        Encounter { answered, ..at(Endpoint::Order) }
    };
    assert_eq!(draw(&mut records, &answered(false)), DrawnFault::Nothing);
    assert_eq!(records[0].left(), Some(2));
    assert!(matches!(draw(&mut records, &answered(true)), DrawnFault::Acts(_)));
    assert_eq!((records[0].left(), records[0].is_on(NOW)), (Some(1), true));
}
