use super::events::{Ending, IssuerDay, Revoked, Turn, ending, issuer_day, revoked};
use super::*;
use core::time::Duration;

const NOW: Time = Time::from_secs(1_795_521_600);

const DAY: Duration = Duration::from_secs(86_400);

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("host-{n}.example.test")).collect()
}

fn an_ending(serial: &str, days: u32) -> Event {
    let (serial, not_after) = (serial.to_owned(), NOW.plus(DAY * days));
    ending(&Ending { serial, names: names(1), not_after, account: Some("acc".into()), profile: Some("default".into()) })
}

fn a_revocation(serial: &str, days_ago: u32) -> Event {
    let at = NOW.minus(DAY * days_ago);
    revoked(&Revoked { serial: serial.to_owned(), names: names(2), at, reason: Some(4) })
}

fn a_day(turn: Turn) -> Event {
    let name = "Müller & Söhne; Issuing CA, first\\one".to_owned();
    issuer_day(&IssuerDay { id: "3a0f".into(), name, turn, at: NOW.plus(DAY * 4000) })
}

fn everything() -> Vec<Event> {
    let turns = [Turn::TakesOver, Turn::LastFullLength, Turn::Ends, Turn::RootEnds, Turn::RootListEnds].map(a_day);
    [vec![an_ending("0a", 10), a_revocation("0b", 3)], turns.to_vec()].concat()
}

#[test]
fn the_whole_of_a_calendar() {
    let written = write("Selvedge ca.test", "ca.test", vec![an_ending("0a1b", 10)], NOW);
    let wanted = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Selvedge//Selvedge//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        "NAME:Selvedge ca.test",
        "X-WR-CALNAME:Selvedge ca.test",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
        "BEGIN:VEVENT",
        "UID:ending-0a1b@ca.test",
        "DTSTAMP:20261124T120000Z",
        "DTSTART:20261204T120000Z",
        "SUMMARY:Certificate expires: host-0.example.test",
        r"DESCRIPTION:No certificate with the same names expires later.\nNames: host-",
        r" 0.example.test\nExpires: 2026-12-04T12:00:00Z\nSerial number: 0a1b\nAccoun",
        r" t: acc\nProfile: default",
        "CATEGORIES:Certificates",
        "TRANSP:TRANSPARENT",
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        "DESCRIPTION:Certificate expires: host-0.example.test",
        "TRIGGER:-P1D",
        "END:VALARM",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ];
    assert_eq!(written.split("\r\n").collect::<Vec<_>>(), wanted);
}

#[test]
fn an_issuers_day_is_a_whole_day_and_has_a_reminder_where_something_is_to_be_done() {
    for (turn, uid, alarm) in [
        (Turn::TakesOver, "takes-over-3a0f", None),
        (Turn::LastFullLength, "last-full-length-3a0f", Some(30)),
        (Turn::Ends, "ends-3a0f", Some(30)),
        (Turn::RootEnds, "root-ends-3a0f", Some(30)),
        (Turn::RootListEnds, "root-crl-ends-3a0f", Some(30)),
    ] {
        let event = a_day(turn);
        assert_eq!((event.uid.as_str(), event.alarm), (uid, alarm));
        let written = write("x", "ca.test", vec![event], NOW);
        assert!(written.contains("\r\nDTSTART;VALUE=DATE:20371106\r\n"), "{written}");
        assert!(written.contains(r"\; Issuing CA\, first\\one"), "{written}");
        assert_eq!(written.contains("TRIGGER:-P30D"), alarm.is_some());
    }
}

#[test]
fn event_has_the_first_of_many_names() {
    let with = |count| Ending {
        serial: "0a".into(),
        names: names(count),
        not_after: NOW,
        account: Some("acc".into()),
        profile: None,
    };
    let many = ending(&with(100));
    assert_eq!(many.summary, "Certificate expires: host-0.example.test and 99 more");
    assert!(many.description.contains("host-9.example.test and 90 more"), "{}", many.description);
    assert!(!many.description.contains("host-10.") && !many.description.contains("Profile"));
    assert_eq!(ending(&with(0)).summary, "Certificate expires: (no names)");
    let endless = Ending { names: vec!["a".repeat(10_000)], ..with(1) };
    assert!(ending(&endless).description.len() < 500);
}

#[test]
fn revocation_event_has_its_reason() {
    let with = |reason| revoked(&Revoked { serial: "0b".into(), names: names(1), at: NOW, reason }).description;
    assert!(with(Some(1)).contains("Reason: keyCompromise"));
    assert!(with(Some(77)).contains("Reason: 77"));
    assert!(with(None).contains("Reason: none given"));
}

#[test]
fn an_event_keeps_its_name_and_nothing_breaks_out_of_it() {
    assert_eq!(an_ending("0a", 10).uid, an_ending("0a", 11).uid);
    assert_ne!(an_ending("0a", 10).uid, a_revocation("0a", 10).uid);
    assert_eq!(an_ending("0a\r\nX:y", 1).uid, "ending-0aXy");
    let written = write("x\r\nBEGIN:VEVENT", "ca.test", Vec::new(), NOW);
    assert!(written.split("\r\n").all(|line| line != "BEGIN:VEVENT"), "{written}");
}

#[test]
fn of_too_many_the_important_and_near_are_kept_and_the_rest_is_counted() {
    let mut events: Vec<Event> = (0..400).map(|n| a_revocation(&format!("r{n}"), n)).collect();
    events.extend((0..200).map(|n| an_ending(&format!("e{n}"), n)));
    events.push(a_day(Turn::Ends));
    let written = write("x", "ca.test", events.clone(), NOW);
    assert_eq!(written.matches("BEGIN:VEVENT").count(), MAX_EVENTS);
    assert!(written.contains("UID:ends-3a0f@") && written.contains("UID:ending-e199@"));
    assert!(written.contains("UID:revoked-r298@") && !written.contains("UID:revoked-r299@"));
    assert!(written.contains("X-WR-CALDESC:101 more events"), "{written:.400}");
    events.reverse();
    assert_eq!(write("x", "ca.test", events, NOW), written, "the order of what is given does not matter");
    assert!(!write("x", "ca.test", everything(), NOW).contains("X-WR-CALDESC"));
}

#[test]
fn every_line_ends_as_it_should_and_is_short() {
    let written = write(&"ü".repeat(200), "ca.test", everything(), NOW);
    assert!(written.ends_with("END:VCALENDAR\r\n"));
    for line in written.trim_end().split("\r\n") {
        assert!(line.len() <= 75 && !line.is_empty() && !line.contains(['\r', '\n']), "{line:?}");
    }
    for (open, close) in [("BEGIN:VEVENT", "END:VEVENT"), ("BEGIN:VALARM", "END:VALARM")] {
        assert_eq!(written.matches(open).count(), written.matches(close).count());
    }
}
