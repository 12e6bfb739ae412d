//! The calendar: expiries, revocations and issuer dates, for holders of its URL only.

use super::operating::{ADMIN, DAY, another_issuer, let_pass, operate, operated, settings_with};
use selvedge::ca::config::admin_tokens::AdminTokens;
use selvedge::ca::config::rate_limits::Limits;
use selvedge::ca::http::address::ClientAddress;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{BASE, Client, START, World, check_all, new_key};
use selvedge::records::Kind;
use selvedge::values::{SigAlg, Time};
use serde_json::json;

fn path(world: &World) -> String {
    let url = operate(world, "calendar", None).is(200).json()["url"].as_str().unwrap().to_owned();
    url.strip_prefix(BASE).unwrap().to_owned()
}

/// The calendar with its folded lines unfolded.
fn calendar(world: &World) -> String {
    world.ask("GET", &path(world)).is(200).text().replace("\r\n ", "")
}

#[test]
fn calendar_shows_expiring_and_hides_renewed_certificates() {
    // No webhook: who looks at a calendar needs none.
    let world = operated().with_issuer(&another_issuer(), START.plus(78 * DAY));
    let client = Client::registered(&world);
    for name in ["here.test", "there.test", "nowhere.test"] {
        client.issue(&[name], &new_key(SigAlg::Es256));
    }
    assert!(!calendar(&world).contains("Certificate expires"), "long before");
    let_pass(&world, 76 * DAY);
    let shown = calendar(&world);
    for name in ["here.test", "there.test", "nowhere.test"] {
        assert!(shown.contains(&format!("SUMMARY:Certificate expires: {name}")), "{shown}");
    }
    client.at(&world).issue(&["here.test"], &new_key(SigAlg::Es256));
    let_pass(&world, 3 * DAY);
    client.at(&world).issue(&["there.test"], &new_key(SigAlg::Es256));
    let shown = calendar(&world);
    let ends: Vec<&str> = shown.lines().filter(|line| line.starts_with("SUMMARY:Certificate expires")).collect();
    assert_eq!(ends, ["SUMMARY:Certificate expires: nowhere.test"]);
    let_pass(&world, 12 * DAY);
    assert!(!calendar(&world).contains("nowhere.test"), "it is over");
}

#[test]
fn calendar_shows_revocations_for_90_days_and_issuer_dates() {
    let world = operated().with_issuer(&another_issuer(), START.plus(400 * DAY));
    let client = Client::registered(&world);
    let leaf = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    client.revoke(&leaf, Some(4)).is(200);
    let shown = calendar(&world);
    assert_eq!(shown.matches("SUMMARY:Certificate revoked: a.test").count(), 1, "{shown}");
    assert!(shown.contains("Reason: superseded"), "{shown}");
    assert_eq!(shown.matches("SUMMARY:Issuer expires:").count(), 2);
    // The first issuer has always been there.
    assert_eq!(shown.matches("SUMMARY:Issuer takes over:").count(), 1);
    assert!(!shown.contains("1970"), "{shown}");
    assert_eq!(shown.matches("SUMMARY:Issuer can no longer issue full-length certificates:").count(), 1);
    let_pass(&world, 91 * DAY);
    assert!(!calendar(&world).contains("Certificate revoked"));
}

#[test]
fn calendar_shows_what_the_operation_depends_on_with_what_to_do() {
    let text = |at: Time| at.rfc3339();
    let world = operated();
    let quiet = calendar(&world);
    assert!(!quiet.contains("CATEGORIES:Operation"), "{quiet}");
    let tokens = json!({ "ada": ADMIN, "bob": { "token": "b".repeat(32), "until": text(START.plus(30 * DAY)) } });
    let dates = json!({ "domain": "2031-05-01", "webhook_secret": "2027-01-31" }).to_string();
    let dates = settings_with("EXPIRY_DATES", &dates).expiry_dates;
    let world = world.reconfigured(|settings| {
        settings.admin = AdminTokens::read(Some(&tokens.to_string())).unwrap();
        settings.expiry_dates = dates.clone();
    });
    for (kid, days) in [("team-a", Some(40)), ("team-b", Some(41)), ("team-c", Some(400)), ("team-d", None)] {
        let mut body = json!({ "kid": kid });
        if let Some(days) = days {
            body["expires"] = text(START.plus(days * DAY)).into();
        }
        operate(&world, "external-accounts", Some(body)).is(201);
    }
    operate(&world, "external-accounts/team-b", Some(json!({ "disabled": true }))).is(200);
    let endpoint_until = Some(START.plus(50 * DAY));
    let request = Request { method: "GET".into(), path: path(&world), endpoint_until, ..Request::default() };
    let shown = world.send(request).is(200).text().replace("\r\n ", "");
    for (summary, todo) in [
        ("The registration of the CA's domain ends", "renew it at the registrar"),
        ("WEBHOOK_SECRET ends", "selvedge notices test"),
        ("Admin token bob ends", "selvedge token new NAME"),
        ("External account key team-a ends", "selvedge eab create"),
        ("The TLS certificate of `serve` ends", "serve --tls-cert"),
    ] {
        let event = shown.split("BEGIN:VEVENT").find(|event| event.contains(&format!("SUMMARY:{summary}\r\n")));
        let event = event.unwrap_or_else(|| panic!("{summary}: {shown}"));
        assert!(event.contains(todo) && event.contains("TRIGGER:-P30D"), "{event}");
    }
    assert!(shown.contains("DTSTART;VALUE=DATE:20310501"), "{shown}");
    assert_eq!(shown.matches("CATEGORIES:Operation").count(), 5, "no others: {shown}");
    // Without its header there is no certificate to tell of.
    assert_eq!(calendar(&world).matches("CATEGORIES:Operation").count(), 4);
    check_all(&world, "after the calendar");
}

#[test]
fn calendar_shows_names_in_both_forms() {
    let world = operated();
    let client = Client::registered(&world);
    let leaf = client.issue(&["xn--bcher-kva.test"], &new_key(SigAlg::Es256));
    client.revoke(&leaf, None).is(200);
    assert!(calendar(&world).contains("SUMMARY:Certificate revoked: bücher.test (xn--bcher-kva.test)"));
}

#[test]
fn only_the_current_calendar_url_works() {
    let world = operated();
    let first = path(&world);
    let answered = world.ask("GET", &first).is(200);
    assert_eq!(answered.header("Content-Type"), Some("text/calendar; charset=utf-8"));
    assert_eq!(answered.header("Cache-Control"), Some("private, max-age=900"));
    assert!(answered.text().starts_with("BEGIN:VCALENDAR\r\n") && answered.text().ends_with("END:VCALENDAR\r\n"));
    assert!(answered.text().contains("Certificates of ca.test"));
    assert_eq!(world.ask("HEAD", &first).is(200).text(), "");
    let moved = operate(&world, "calendar", Some(json!({}))).is(200).json()["url"].as_str().unwrap().to_owned();
    assert_eq!(moved, format!("{BASE}{}", path(&world)));
    world.ask("GET", &path(&world)).is(200);
    let nothing = world.ask("GET", "/nothing").refused(404, Kind::Malformed);
    for other in
        [first, format!("/calendar/{}.ics", "A".repeat(22)), "/calendar/x.ics".to_owned(), "/calendar".to_owned()]
    {
        let refused = world.ask("GET", &other).refused(404, Kind::Malformed);
        assert_eq!(refused.anonymous().body, nothing.anonymous().body, "{other}");
    }
    let audit = operate(&world, "audit", None).is(200).json();
    assert_eq!(audit["entries"][0]["what"], "calendar.move");
    check_all(&world, "after a move");
}

#[test]
fn calendar_without_operators_is_not_found() {
    let world = operated();
    let path = path(&world);
    world.ask("GET", &path).is(200);
    let unoperated = world.reconfigured(|settings| settings.admin = AdminTokens::default());
    unoperated.ask("GET", &path).refused(404, Kind::Malformed);
}

#[test]
fn calendar_url_guesses_are_counted() {
    let world = operated().reconfigured(|settings| settings.limits = Limits::default());
    let address = ClientAddress::from_header("192.0.2.7");
    let path = format!("/calendar/{}.ics", "A".repeat(22));
    let guess =
        || Request { method: "GET".into(), path: path.clone(), body: Some(vec![]), address, ..Request::default() };
    assert!((0..2000).any(|_| world.send(guess()).status() == 429));
}
