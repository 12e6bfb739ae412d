//! The pages in a real browser.

use super::fixture::{Fixture, openssl};
use crate::browser::Browser;
use crate::browser::axe::axe;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// The browser's messages, without 401 before the sign-in, and 404 of a version without roles.
fn complaints(browser: &Browser) -> Vec<String> {
    let all = browser.messages().into_iter().map(|message| message.text);
    all.filter(|text| !text.contains("401") && !text.contains("/admin/v1/me ")).collect()
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
    browser.wait_for("#views:not([hidden]) a[href='#/certificates']").click();
    let rows =
        || browser.execute("return document.querySelector('[data-view=certificates] tbody')?.innerText ?? ''", &[]);
    let has = |name: &str| rows().as_str().unwrap().contains(name);
    browser.wait_until("both", || has("db.corp.example") && has("ada.corp.example"));
    assert!(browser.find("#who").text().contains("dev, owner"));
    assert_eq!(axe(&browser), Vec::<String>::new());
    browser.screenshot("operations/inventory.png");
    revoke(&browser);
    browser.find("#views a[href='#/audit']").click();
    let audit = || browser.execute("return document.querySelector('[data-view=audit] tbody')?.innerText ?? ''", &[]);
    let recorded = |what: &str| audit().as_str().unwrap().contains(what);
    browser.wait_until("the record", || recorded("certificate.revoke"));
    assert!(recorded("certificates.replace") && recorded("external-account.create"), "{}", audit());
    assert!(recorded("sign-in"), "the wrong token: {}", audit());
    assert_eq!(browser.find_all("[data-view=audit] tbody tr").len(), 4, "one row for each action");
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
    browser.find("#filter-q").type_text("ada.corp\u{e007}");
    let rows =
        || browser.execute("return document.querySelector('[data-view=certificates] tbody')?.innerText ?? ''", &[]);
    let has = |name: &str| rows().as_str().unwrap().contains(name);
    browser.wait_until("one of both", || has("ada.corp") && !has("db.corp"));
    browser.find("[data-view=certificates] tbody a").click();
    let main = || browser.execute("return document.querySelector('main').innerText", &[]).as_str().unwrap().to_owned();
    browser.wait_until("its page", || main().contains("SHA-256 fingerprint"));
    assert_eq!(axe(browser), Vec::<String>::new());
    browser.find("summary.danger").click();
    browser.wait_until("the question", || main().contains("This cannot be undone."));
    browser.screenshot("operations/revocation.png");
    browser.find("details.action[open] button.danger").click();
    browser.wait_until("the answer", || main().contains("by operator: dev"));
    assert!(browser.find("#said").text().contains("is revoked"));
}
