use super::*;
use crate::records::Renewable;
use proptest::prelude::*;

const NOW: Time = Time::from_secs(1_795_521_600);
const DAY: u64 = 86_400;

fn waiting() -> NoticeRecord {
    NoticeRecord::new(NoticeKind::Test, json!({ "text": "hello" }), true, NOW)
}

/// A notice at its first attempt.
fn begun() -> NoticeRecord {
    let mut notice = waiting();
    assert!(notice.begin(NOW, secs(30)));
    notice
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn notice_is_retried_for_sixteen_hours_and_then_given_up() {
    let (mut notice, mut pauses, mut now) = (waiting(), Vec::new(), NOW);
    while let Some(next) = notice.next() {
        pauses.push(now.until(next).as_secs());
        now = next;
        assert!(notice.begin(now, secs(30)));
        notice.failed(Failure::Error("no route".into()), now);
    }
    assert_eq!(pauses, [0, 5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800]);
    assert_eq!(NOW.until(now).as_secs() / 60, 15 * 60 + 42);
    let tries = Tries { attempts: 10, last: Some(now), status: None, error: Some("no route".into()) };
    assert_eq!(notice.delivery, Delivery::GivenUp(tries));
    assert_eq!(notice.expires(), Some(NOW.plus(secs(90 * DAY))), "kept from when it was noticed");
}

#[test]
fn only_2xx_is_success() {
    for status in [200, 201, 202, 204, 299] {
        let mut notice = begun();
        notice.answered(status, NOW);
        let tries = Tries { attempts: 1, last: Some(NOW), status: Some(status), error: None };
        assert_eq!(notice.delivery, Delivery::Delivered(tries));
    }
    for status in [0, 101, 199, 300, 302, 400, 404, 429, 500, 503, 999] {
        let mut notice = begun();
        notice.answered(status, NOW);
        assert_eq!(notice.next(), Some(NOW.plus(secs(5))), "{status}");
    }
    let mut notice = begun();
    notice.answered(503, NOW);
    notice.begin(NOW.plus(secs(5)), secs(30));
    notice.answered(200, NOW.plus(secs(5)));
    let tries = Tries { attempts: 2, last: Some(NOW.plus(secs(5))), status: Some(200), error: None };
    assert_eq!(notice.delivery, Delivery::Delivered(tries), "no error is left");
}

#[test]
fn gone_receiver_gets_no_further_attempt() {
    let mut notice = begun();
    notice.answered(410, NOW);
    let error = Some("The answer was 410.".to_owned());
    assert_eq!(notice.delivery, Delivery::GivenUp(Tries { attempts: 1, last: Some(NOW), status: Some(410), error }));
}

#[test]
fn settled_notice_stays_unchanged() {
    let mut settled = vec![NoticeRecord::new(NoticeKind::Test, json!({}), false, NOW)];
    for status in [200, 410] {
        let mut notice = begun();
        notice.answered(status, NOW);
        settled.push(notice);
    }
    for before in settled {
        let mut notice = before.clone();
        assert!(!notice.begin(NOW, secs(30)));
        notice.answered(500, NOW);
        notice.answered(200, NOW);
        notice.failed(Failure::Error(String::new()), NOW);
        assert_eq!(notice, before);
    }
}

#[test]
fn notice_being_sent_is_due_again_after_its_lease() {
    let mut notice = waiting();
    assert!(notice.begin(NOW, secs(45)));
    assert_eq!(notice.next(), Some(NOW.plus(secs(45))));
    notice.answered(200, NOW);
    assert_eq!(notice.next(), None);
}

#[test]
fn notice_that_crashes_its_sender_is_given_up() {
    let (mut notice, mut pauses, mut now) = (waiting(), Vec::new(), NOW);
    while notice.begin(now, secs(30)) {
        let next = notice.next().unwrap();
        pauses.push(now.until(next).as_secs());
        now = next;
    }
    assert_eq!(pauses, [30, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 30]);
    let error = Some("The last try did not come to an end.".to_owned());
    assert_eq!(notice.delivery, Delivery::GivenUp(Tries { attempts: 10, last: None, status: None, error }));
}

#[test]
fn stored_error_is_one_short_line() {
    let mut notice = waiting();
    notice.failed(Failure::Error(format!("a\r\nb\u{7}{}", "ü".repeat(1000))), NOW);
    let Delivery::Waiting { tries, .. } = &notice.delivery else { panic!("{notice:?}") };
    let error = tries.error.clone().unwrap();
    assert!(error.starts_with("a  b ü") && error.len() <= MAX_ERROR, "{error}");
}

#[test]
fn view_matches_the_api_description() {
    let document: Value = serde_json::from_str(include_str!("../../../../docs/openapi.json")).unwrap();
    // Its references are beside it.
    let notice = json!({ "$ref": "#/components/schemas/Notice", "components": document["components"] });
    let schema = jsonschema::validator_for(&notice).unwrap();
    let id = notice_id(NOW, "test-x");
    let mut notices = vec![waiting(), NoticeRecord::new(NoticeKind::IssuerEnding, json!({}), false, NOW)];
    for status in [200, 410, 500] {
        let mut notice = NoticeRecord::new(NoticeKind::CertificateEnding, json!({}), true, NOW);
        notice.begin(NOW, secs(30));
        notice.answered(status, NOW);
        notices.push(notice);
    }
    for notice in &notices {
        let faults: Vec<String> = schema.iter_errors(&notice.view(&id)).map(|e| e.to_string()).collect();
        assert!(faults.is_empty(), "{notice:?}: {faults:?}");
        let stored = serde_json::to_string(notice).unwrap();
        assert_eq!(&serde_json::from_str::<NoticeRecord>(&stored).unwrap(), notice, "{stored}");
    }
    assert_eq!(
        notices[4].view(&id),
        json!({
            "id": id, "at": "2026-11-24T12:00:00Z", "kind": "certificate.ending", "data": {},
            "delivery": {
                "state": "waiting", "attempts": 1, "status": 500, "error": "The answer was 500.",
                "last": "2026-11-24T12:00:00Z", "next": "2026-11-24T12:00:05Z",
            },
        })
    );
}

#[test]
fn a_kind_is_stored_under_its_name() {
    for kind in
        [NoticeKind::CertificateEnding, NoticeKind::CertificateRevoked, NoticeKind::IssuerEnding, NoticeKind::Test]
    {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
    }
}

#[test]
fn reminder_is_a_sixth_of_the_lifetime_before_the_end() {
    for (lifetime, before) in [(90 * DAY, 15 * DAY), (7 * DAY, 28 * 3600), (47 * DAY, 47 * 4 * 3600)] {
        let end = NOW.plus(secs(lifetime));
        assert_eq!(remind_at(NOW, end), end.minus(secs(before)), "{lifetime}");
    }
    assert_eq!(remind_at(NOW, NOW.minus(secs(1))), NOW.minus(secs(1)), "a lifetime of nothing");
}

proptest! {
    #[test]
    fn reminder_is_after_the_renewal_window(lifetime in 3600..=400 * DAY, spread in any::<u64>()) {
        let (not_before, not_after) = (NOW, NOW.plus(secs(lifetime - 1)));
        let (_, end) = Renewable::of(not_before, not_before, not_after).window(spread);
        let reminder = remind_at(not_before, not_after);
        // An eighth of the lifetime is left for failures of a client that renews at the window's very end.
        prop_assert!(end.until(reminder).as_secs() >= lifetime / 8, "{lifetime}: {end:?} {reminder:?}");
        prop_assert!(reminder < not_after);
    }
}

fn dates() -> IssuerDates {
    IssuerDates { not_after: NOW.plus(secs(1000 * DAY)), longest: secs(90 * DAY) }
}

fn day(day: u64) -> Time {
    NOW.plus(secs(day * DAY))
}

/// The notices of an issuer that is scanned at these times.
fn notices_of(looks: &[Time]) -> Vec<(IssuerTurn, u32)> {
    let (mut last, mut told) = (None, Vec::new());
    for now in looks {
        told.extend(issuer_notices_due(last, *now, &dates()).iter().map(|notice| (notice.turn, notice.days)));
        last = Some(*now);
    }
    told
}

#[test]
fn issuer_gets_four_notices_before_each_date() {
    use IssuerTurn::{End, LastFullLength};
    let every_hour: Vec<Time> = (0..1100 * 24).map(|hour| NOW.plus(secs(hour * 3600))).collect();
    // 90 days before its end is the very day from which on it issues nothing of full length.
    let wanted = [90, 30, 7, 1].map(|days| (LastFullLength, days)).into_iter();
    let wanted: Vec<_> = wanted.chain([90, 30, 7, 1].map(|days| (End, days))).collect();
    assert_eq!(notices_of(&every_hour), wanted);
    assert_eq!(notices_of(&[day(819), day(820)]), [(LastFullLength, 90)]);
    assert_eq!(issuer_notices_due(None, day(820), &dates())[0].at, day(910));
    assert_eq!(notices_of(&[day(820).minus(secs(1))]), []);
}

#[test]
fn late_scan_notes_once_and_nothing_expired() {
    use IssuerTurn::{End, LastFullLength};
    assert_eq!(notices_of(&[day(904), day(904)]), [(LastFullLength, 7)]);
    assert_eq!(notices_of(&[day(990), day(991)]), [(LastFullLength, 1), (End, 30)]);
    assert_eq!(notices_of(&[day(1000)]), [(LastFullLength, 1), (End, 1)]);
    assert_eq!(notices_of(&[day(1001)]), []);
}

#[test]
fn waiting_for_the_next_notice_misses_none() {
    let (mut now, mut looks) = (NOW, Vec::new());
    while let Some(next) = issuer_notice_next(now, &dates()) {
        assert!(next > now);
        looks.push(next);
        now = next;
    }
    assert_eq!(notices_of(&looks).len(), 8);
    assert_eq!(issuer_notice_next(day(1000), &dates()), None);
}
