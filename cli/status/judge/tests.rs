use super::*;
use crate::status::facts::{Crl, FetchedCrl, FormerUrl, RootCrl};
use crate::status::show::table;
use core::time::Duration;
use selvedge::ca::health::issuers::{
    CRL_EXPIRY_WARNING, CRL_OVERDUE, ISSUER_LEAD, ISSUER_LIFETIME, ROOT_CRL_LEAD, ROOT_LEAD,
};

const DAY: Duration = Duration::from_secs(86_400);

const NOW: Time = Time::from_secs(1_795_521_600);
const SECOND: Duration = Duration::from_secs(1);
const LONGEST: Duration = DAY.saturating_mul(90);

fn overview(issuers: Vec<Issuer>) -> Overview {
    let empty = r#"{"longest_lifetime": 7776000, "problems": [], "issuers": []}"#;
    Overview { issuers, ..serde_json::from_str(empty).unwrap() }
}

fn issuer(place: u8, active: bool, takes_over: Time, not_after: Time) -> Issuer {
    Issuer {
        place,
        id: format!("{place:016}"),
        name: format!("Issuing {place}"),
        active,
        takes_over: Some(takes_over).filter(|at| at.secs() > 0),
        not_after,
        certificate: "https://ca.test/issuer/1.crt".to_owned(),
        certificates_until: None,
        crls: vec![],
        fetched: None,
        elsewhere: vec![],
    }
}

/// The findings about these issuers, each as its severity and its text.
fn of(issuers: Vec<Issuer>) -> Vec<(Severity, String)> {
    let facts = Facts {
        url: "https://ca.test".into(),
        root: None,
        authority: Authority::Works(overview(issuers)),
        endpoint: None,
        operator: None,
    };
    judge(&facts, NOW).into_iter().map(|one| (one.severity, one.what)).collect()
}

/// An active issuer that ends at this time.
fn ending(not_after: Time) -> Issuer {
    issuer(1, true, Time::from_millis(0), not_after)
}

/// One that is valid for years.
fn good() -> Issuer {
    ending(NOW.plus(DAY * 1000))
}

#[track_caller]
fn only(found: Vec<(Severity, String)>, severity: Severity, says: &str) {
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].0 == severity && found[0].1.contains(says), "{found:?}");
}

fn root_of(not_after: Time) -> Option<Severity> {
    judge_root(&Root { name: "Root".into(), not_after, der: vec![] }, NOW).map(|one| one.severity)
}

#[test]
fn root_is_noted_five_years_ahead_and_due_one_year_ahead() {
    assert_eq!(root_of(NOW.plus(ISSUER_LIFETIME)), None);
    assert_eq!(root_of(NOW.plus(ISSUER_LIFETIME).minus(SECOND)), Some(Severity::Note));
    assert_eq!(root_of(NOW.plus(ROOT_LEAD).plus(SECOND)), Some(Severity::Note));
    assert_eq!(root_of(NOW.plus(ROOT_LEAD)), Some(Severity::Due));
    assert_eq!(root_of(NOW), Some(Severity::Due), "its last second");
    assert_eq!(root_of(NOW.minus(SECOND)), Some(Severity::Wrong));
}

#[test]
fn next_issuer_is_due_90_days_before_its_latest_takeover() {
    let by = |by: Time| of(vec![ending(by.plus(LONGEST))]);
    assert_eq!(by(NOW.plus(ISSUER_LEAD).plus(SECOND)), []);
    only(by(NOW.plus(ISSUER_LEAD)), Severity::Due, "has no successor; one has to take over by 2027-02-22");
    only(by(NOW), Severity::Due, "has no successor");
    only(by(NOW.minus(SECOND)), Severity::Wrong, "cannot issue the longest certificates");
    only(of(vec![ending(NOW)]), Severity::Wrong, "cannot issue the longest");
    only(of(vec![ending(NOW.minus(SECOND))]), Severity::Wrong, "issuer 1 (Issuing 1) expired 2026-11-24");
}

#[test]
fn issuer_with_a_timely_successor_is_not_due() {
    let first = ending(NOW.plus(LONGEST).plus(DAY));
    let next = |at: Time| vec![issuer(2, false, at, NOW.plus(DAY * 1000)), first.clone()];
    assert_eq!(of(next(NOW.plus(DAY))), []);
    only(
        of(next(NOW.plus(DAY).plus(SECOND))),
        Severity::Due,
        "issuer 2 (Issuing 2) takes over on 2026-11-25, after 2026-11-25",
    );
    // The successor needs a successor too.
    let short = vec![first.clone(), issuer(2, false, NOW.plus(DAY), NOW.plus(LONGEST).plus(ISSUER_LEAD))];
    only(of(short), Severity::Due, "issuer 2 (Issuing 2) expires");
    // Too late already.
    let late = vec![ending(NOW.plus(LONGEST).minus(SECOND)), issuer(2, false, NOW.plus(DAY), NOW.plus(DAY * 1000))];
    only(of(late), Severity::Wrong, "in between the longest certificates cannot be issued");
}

#[test]
fn missing_active_issuer_is_an_error() {
    only(of(vec![]), Severity::Wrong, "no issuer is active");
}

#[test]
fn retired_issuer_may_be_removed_when_its_certificates_have_expired() {
    let with = |followed: Time, until: Option<Time>, end: Time| {
        let old = Issuer { certificates_until: until, ..issuer(2, false, Time::from_millis(0), end) };
        of(vec![old, issuer(3, true, followed, NOW.plus(DAY * 1000))])
    };
    let (long_ago, later) = (NOW.minus(DAY * 400), NOW.plus(DAY * 500));
    // The last CRL is signed within two days after the last certificate's end.
    assert_eq!(with(long_ago, Some(NOW.minus(DAY * 2)), later), []);
    only(
        with(long_ago, Some(NOW.minus(DAY * 2).minus(SECOND)), later),
        Severity::Note,
        "issuer 2 (Issuing 2) is retired",
    );
    // Without a CRL the wait is the longest lifetime of a certificate.
    assert_eq!(with(NOW.minus(LONGEST), None, later), []);
    only(with(NOW.minus(LONGEST).minus(SECOND), None, later), Severity::Note, "may be removed");
    // None outlives its issuer.
    assert_eq!(with(NOW.minus(DAY), Some(later), NOW), []);
    only(with(NOW.minus(DAY), Some(later), NOW.minus(SECOND)), Severity::Note, "may be removed");
    let old = issuer(2, false, Time::from_millis(0), later);
    let facts = Facts {
        url: String::new(),
        root: None,
        authority: Authority::Works(overview(vec![old, issuer(3, true, long_ago, NOW.plus(DAY * 1000))])),
        endpoint: None,
        operator: None,
    };
    let status = judge(&facts, NOW).remove(0).todo;
    for name in ["ISSUER_CHAIN_2", "ISSUER_ACTIVE_FROM_2", "secret delete ISSUER_KEY_2", "issuer-2.key"] {
        assert!(status.contains(name), "{status}");
    }
}

fn with_list(next_update: Option<Time>, due: Option<Time>) -> Vec<(Severity, String)> {
    let url = Some("http://ca.test/crl/1/0.crl".to_owned());
    of(vec![Issuer { crls: vec![Crl { url, urls: vec![], former: vec![], next_update, due }], ..good() }])
}

#[test]
fn crl_is_overdue_an_hour_after_it_was_due() {
    let fine = Some(NOW.plus(DAY * 8));
    assert_eq!(with_list(fine, Some(NOW.minus(CRL_OVERDUE))), []);
    only(
        with_list(fine, Some(NOW.minus(CRL_OVERDUE).minus(SECOND))),
        Severity::Wrong,
        "1 of 1 CRLs of issuer 1 (Issuing 1) is due",
    );
    assert_eq!(with_list(None, Some(NOW)), [], "the first is about to be signed");
    only(with_list(None, Some(NOW.minus(DAY))), Severity::Wrong, "not signed");
}

#[test]
fn crl_that_is_not_renewed_is_due_two_days_before_it_expires() {
    let due = Some(NOW);
    assert_eq!(with_list(Some(NOW.plus(CRL_EXPIRY_WARNING)), due), []);
    only(with_list(Some(NOW.plus(CRL_EXPIRY_WARNING).minus(SECOND)), due), Severity::Due, "to expire within 48 hours");
    only(with_list(Some(NOW.plus(SECOND)), due), Severity::Due, "to expire within 48 hours");
    only(with_list(Some(NOW), due), Severity::Wrong, "1 of 1 CRLs of issuer 1 (Issuing 1) is expired");
    assert_eq!(with_list(Some(NOW.minus(DAY)), None), [], "its certificates are all over, so it is not renewed");
}

#[test]
fn crl_that_ends_with_its_issuer_is_normal() {
    let crl = |until| Crl { url: None, urls: vec![], former: vec![], next_update: Some(until), due: Some(NOW) };
    let end = NOW.plus(DAY);
    let old = |until| Issuer { crls: vec![crl(until)], ..issuer(1, false, Time::from_millis(0), end) };
    let now = || issuer(2, true, NOW.minus(DAY), NOW.plus(DAY * 1000));
    assert_eq!(of(vec![old(end), now()]), []);
    only(of(vec![old(end.minus(SECOND)), now()]), Severity::Due, "to expire within 48 hours");
}

#[test]
fn fetched_crl_is_judged() {
    let fetched = |found| of(vec![Issuer { fetched: Some(found), ..good() }]);
    let list = |next_update| {
        Ok(FetchedCrl { url: "http://x".into(), number: "7".into(), this_update: NOW, next_update, entries: 0 })
    };
    assert_eq!(fetched(list(NOW.plus(SECOND))), []);
    only(fetched(list(NOW)), Severity::Wrong, "the CRL at http://x expired");
    only(fetched(Err("cannot fetch a CRL".into())), Severity::Wrong, "of issuer 1 (Issuing 1), cannot fetch a CRL");
}

#[test]
fn crls_at_all_named_urls_are_judged() {
    let elsewhere = |found| of(vec![Issuer { elsewhere: vec![found], ..good() }]);
    let list = |next_update| {
        Ok(FetchedCrl { url: "http://old".into(), number: "7".into(), this_update: NOW, next_update, entries: 0 })
    };
    assert_eq!(elsewhere(list(NOW.plus(SECOND))), []);
    only(elsewhere(list(NOW)), Severity::Wrong, "the CRL at http://old expired");
    only(elsewhere(Err("cannot fetch a CRL".into())), Severity::Wrong, "of issuer 1 (Issuing 1), cannot fetch a CRL");
}

#[test]
fn former_addresses_have_the_latest_end_of_their_lists() {
    let list = |n: u8, due, ends: &[(&str, Time)]| Crl {
        url: Some(format!("http://new.test/{n}.crl")),
        urls: vec![],
        former: ends
            .iter()
            .map(|(host, until)| FormerUrl { url: format!("http://{host}/{n}.crl"), until: *until })
            .collect(),
        next_update: Some(NOW),
        due,
    };
    let (soon, late) = (NOW.plus(SECOND), NOW.plus(SECOND * 2));
    let crls = vec![
        list(1, Some(NOW), &[("a.test", soon), ("b.test", soon)]),
        list(2, Some(NOW), &[("a.test", late)]),
        list(3, None, &[("over.test", late)]),
    ];
    let found = Issuer { crls, elsewhere: vec![Err("cannot fetch a CRL".into())], ..good() };
    let ends: Vec<_> = found.former().into_iter().map(|former| (former.origin, former.until)).collect();
    assert_eq!(ends, [("http://a.test".to_owned(), late), ("http://b.test".to_owned(), soon)]);
    let facts = Facts {
        url: "https://ca.test".into(),
        root: None,
        authority: Authority::Works(overview(vec![found])),
        endpoint: None,
        operator: None,
    };
    let said = table(&facts, &judge(&facts, NOW), NOW);
    assert!(said.contains("http://a.test has to keep answering until"), "{said}");
    assert!(said.contains(&format!("certificates name it until {}", late.rfc3339())), "{said}");
}

#[test]
fn root_crl_is_due_in_time() {
    let with = |next_update| {
        let overview = Overview { root_crl: Some(RootCrl { next_update }), ..overview(vec![good()]) };
        let facts = Facts {
            url: String::new(),
            root: None,
            authority: Authority::Works(overview),
            endpoint: None,
            operator: None,
        };
        judge(&facts, NOW).into_iter().map(|one| (one.severity, one.what)).collect::<Vec<_>>()
    };
    assert_eq!(with(NOW.plus(ROOT_CRL_LEAD).plus(SECOND)), []);
    only(with(NOW.plus(ROOT_CRL_LEAD)), Severity::Due, "the root's CRL is valid until");
    assert_eq!(with(NOW), [], "what is over, the authority reports");
}

#[test]
fn problems_of_the_authority_are_errors() {
    let root = Some(Root { name: "Root".into(), not_after: NOW.plus(DAY * 2), der: vec![] });
    let overview = Overview { problems: vec!["ISSUER_KEY_2 is set.".into()], ..overview(vec![good()]) };
    let facts = Facts {
        url: String::new(),
        root: root.clone(),
        authority: Authority::Works(overview),
        endpoint: None,
        operator: None,
    };
    let found: Vec<_> = judge(&facts, NOW).into_iter().map(|one| (one.severity, one.what)).collect();
    assert_eq!(found[0], (Severity::Wrong, "the authority reports: ISSUER_KEY_2 is set".to_owned()));
    assert_eq!(found[1].0, Severity::Due);
    let refuses = Facts {
        url: String::new(),
        root,
        authority: Authority::Refuses("BASE_URL is not set".into()),
        endpoint: None,
        operator: None,
    };
    let found = judge(&refuses, NOW);
    assert!(found[0].severity == Severity::Wrong && found[0].what.contains("BASE_URL is not set"), "{found:?}");
}

#[test]
fn certificate_of_the_endpoint_is_due_near_its_end() {
    let with = |days| {
        let endpoint = Some(("ca.test".to_owned(), (NOW.minus(DAY * 80), NOW.plus(DAY * days))));
        let authority = Authority::Works(overview(vec![good()]));
        let facts = Facts { url: String::new(), root: None, authority, endpoint, operator: None };
        judge(&facts, NOW).into_iter().map(|one| (one.severity, one.what)).collect::<Vec<_>>()
    };
    assert_eq!(with(30), []);
    only(with(10), Severity::Due, "the TLS certificate of ca.test ends on");
    only(with(0), Severity::Wrong, "the TLS certificate of ca.test ended on");
}
