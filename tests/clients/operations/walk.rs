//! The pages in a real browser.

use super::fixture::{Fixture, openssl};
use crate::browser::Browser;
use crate::browser::axe::axe;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// The browser's messages, without the answer 401 to a page that is not signed in.
fn complaints(browser: &Browser) -> Vec<String> {
    let all = browser.messages().into_iter().map(|message| message.text);
    all.filter(|text| !text.contains("401")).collect()
}

/// Signs in, finds both, revokes the client's certificate and reads that in the audit record.
pub fn walk(fixture: &Fixture) {
    let browser = Browser::start(&[Path::new(fixture.server.fact("root"))]);
    let origin = fixture.server.fact("directory").trim_end_matches("/directory").to_owned();
    browser.set_window(1280, 900);
    browser.open(&origin);
    let landing = browser.find("main").text();
    let print = openssl(&["-fingerprint", "-sha256"], Path::new(fixture.server.fact("root")));
    assert!(landing.contains(print.trim().rsplit('=').next().unwrap()), "{print} in {landing}");
    assert!(landing.contains(fixture.server.fact("directory")) && landing.contains("certbot"), "{landing}");
    assert_eq!(axe(&browser), Vec::<String>::new());
    browser.screenshot("operations/landing.png");
    browser.open(&format!("{origin}/admin"));
    browser.wait_for("#sign-in:not([hidden])");
    assert_eq!(axe(&browser), Vec::<String>::new());
    browser.screenshot("operations/sign-in.png");
    browser.find("#token").type_text("not-a-token-of-this-authority-at-all");
    browser.find("#sign-in button").click();
    browser.wait_until("the refusal", || browser.find("#error").text().contains("admin token"));
    let token = fs::read_to_string(fixture.server.fact("admin_token")).unwrap();
    browser.find("#token").clear();
    browser.find("#token").type_text(token.trim());
    browser.find("#sign-in button").click();
    let rows = || browser.find("[data-view=certificates] tbody").text();
    browser.wait_until("both", || rows().contains("db.corp.example") && rows().contains("ada.corp.example"));
    assert!(browser.find("#who").text().contains("Signed in as dev"));
    assert_eq!(axe(&browser), Vec::<String>::new());
    browser.screenshot("operations/inventory.png");
    revoke(&browser);
    browser.find("nav a[href='#audit']").click();
    let audit = || browser.find("[data-view=audit] tbody").text();
    browser.wait_until("the record", || audit().contains("certificate.revoke"));
    assert!(audit().contains("certificates.replace") && audit().contains("external-account.create"), "{}", audit());
    assert!(audit().contains("sign-in"), "the wrong token: {}", audit());
    assert_eq!(axe(&browser), Vec::<String>::new());
    browser.screenshot("operations/audit.png");
    browser.set_window(320, 640);
    let wide = "return document.documentElement.scrollWidth > document.documentElement.clientWidth";
    assert_eq!(browser.execute(wide, &[]), Value::Bool(false), "it fits a phone");
    browser.screenshot("operations/audit-narrow.png");
    browser.find("#sign-out").click();
    browser.wait_for("#sign-in:not([hidden])");
    assert_eq!(complaints(&browser), Vec::<String>::new());
}

/// Searches for the client's certificate and revokes it.
fn revoke(browser: &Browser) {
    browser.find("#q").type_text("ada.corp");
    browser.find("#filter button").click();
    let rows = || browser.find("[data-view=certificates] tbody").text();
    browser.wait_until("one of both", || rows().contains("ada.corp") && !rows().contains("db.corp"));
    browser.find("[data-view=certificates] tbody button").click();
    browser.wait_for("#detail[open]");
    assert_eq!(axe(browser), Vec::<String>::new());
    browser.find("#revoke-ask").click();
    browser.wait_until("the question", || browser.find("#question").text().contains("ada.corp.example"));
    browser.screenshot("operations/revocation.png");
    browser.find("#revoke-yes").click();
    browser.wait_until("the answer", || browser.find("#detail-said").text().contains("is revoked"));
    assert!(browser.find("#fields").text().contains("operator: dev"));
    browser.find("#close").click();
}
