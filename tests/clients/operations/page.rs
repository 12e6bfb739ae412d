//! The operators' page in a real browser: first screen, every view, hostile texts, faults.

use super::desk::{Customer, Desk, delay_list, stock, trouble};
use super::fixture::Fixture;
use crate::browser::axe::axe;
use crate::common::server::Server;
use serde_json::{Value, json};

/// All views that are lists or forms.
const VIEWS: [&str; 12] = [
    "/",
    "certificates",
    "failures",
    "paused",
    "accounts",
    "keys",
    "policy",
    "replacements",
    "notices",
    "audit",
    "faults",
    "test-cas",
];

/// Name of a view in screenshots.
fn named(view: &str) -> String {
    let plain: String = view.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    if view == "/" { "overview".to_owned() } else { plain.chars().take(20).collect() }
}

/// Looks at a view in both schemes and three widths.
pub fn inspect(desk: &Desk, view: &str, state: &str) {
    desk.show(&format!("#/{}", view.trim_start_matches('/')));
    for dark in [false, true] {
        desk.browser.set_dark(dark);
        assert_eq!(axe(&desk.browser), [""; 0], "{view}, {state}, dark: {dark}");
    }
    for (width, height, dark) in [(390, 844, false), (1280, 800, true), (1920, 1080, false)] {
        desk.browser.set_window(width, height);
        desk.browser.set_dark(dark);
        assert!(desk.fits(), "{view}, {state}: wider than {width}");
        desk.browser.screenshot(format!("page/{state}/{}-{width}.png", named(view)));
    }
    desk.browser.set_window(1280, 800);
    desk.browser.set_dark(false);
}

#[test]
fn newcomer_finds_three_troubles_on_the_first_screen_and_a_cause_in_two_clicks() {
    let mut desk = Desk::new();
    trouble(desk.fixture());
    let Fixture { server, folder } = desk.fixture.take().unwrap();
    desk.fixture = Some(Fixture { server: server.restart_after(delay_list), folder });
    desk.sign_in();
    let seen = desk.first_screen();
    desk.browser.screenshot("page/first-screen.png");
    for what in ["11 certificates expire unrenewed", "due for more than an hour and not signed", "30 kinds of failure"]
    {
        assert!(seen.contains(what), "{what} in {seen}");
    }
    assert!(seen.contains("need action now") && seen.contains("host29.denied.test"), "{seen}");
    // The first click lists the failures, the second shows one with its cause.
    desk.browser.find(".tile[href='#/failures']").click();
    desk.browser.wait_until("the list", || desk.text().contains("host7.denied.test"));
    desk.settle();
    desk.browser.find("[data-view=failures] tbody a").click();
    desk.browser.wait_until("the cause", || desk.text().contains("What the client got"));
    let cause = desk.text();
    assert!(cause.contains("\"host29.denied.test\" is refused by deny \"*.denied.test\""), "{cause}");
    // It has an address of its own, and so has each filter.
    desk.browser.refresh();
    desk.settle();
    assert!(desk.text().contains("What the client got"));
    desk.show("#/certificates?status=unrenewed&q=ending3");
    assert_eq!(desk.browser.find_all("[data-view=certificates] tbody tr").len(), 1);
    assert_eq!(desk.browser.find("[data-view=certificates] tbody .chip").text(), "ending");
    assert_eq!(desk.complaints(), [""; 0]);
}

#[test]
fn every_view_is_accessible_and_fits_with_much_data_and_with_none() {
    let mut desk = Desk::new();
    desk.fixture.as_mut().unwrap().server.add_arguments(&["--faults", "--set", "TEST_CAS=on"]);
    let Fixture { server, folder } = desk.fixture.take().unwrap();
    desk.fixture = Some(Fixture { server: server.restart(), folder });
    desk.sign_in();
    for view in VIEWS {
        inspect(&desk, view, "none");
    }
    trouble(desk.fixture());
    stock(desk.fixture());
    desk.sign_in_again();
    let serial = desk.fixture().certificates(&["n7.corp.test"])[0]["serial"].as_str().unwrap().to_owned();
    let account = desk.fixture().certificates(&[])[0]["account"].as_str().unwrap().to_owned();
    let failure = desk.fixture().selvedge(&["failures"])["failures"][0]["id"].as_str().unwrap().replace('/', "%2F");
    let details = [
        format!("certificates/{serial}"),
        format!("accounts/{account}"),
        format!("failures/{failure}"),
        "keys/team-1".to_owned(),
        "policy?name=host3.corp.test".to_owned(),
        "certificates?status=all&q=nothing-of-this-kind".to_owned(),
    ];
    for view in VIEWS.into_iter().chain(details.iter().map(String::as_str)) {
        inspect(&desk, view, "much");
    }
    rows_are_low(&desk);
    assert_eq!(desk.complaints(), [""; 0]);
}

/// A certificate with a hundred names takes no more room than three lines.
fn rows_are_low(desk: &Desk) {
    desk.show("#/certificates?q=n7.corp.test");
    let script = "return Math.max(...[...document.querySelectorAll('tbody tr')].map((row) => row.offsetHeight))";
    let highest = desk.browser.execute(script, &[]);
    assert!(highest.as_u64().unwrap() < 80, "{highest}");
    assert!(desk.text().contains("n0.corp.test") && desk.text().contains("and 98 more"), "{}", desk.text());
}

#[test]
fn hostile_texts_are_shown_as_what_they_are() {
    let desk = Desk::new();
    stock(desk.fixture());
    desk.sign_in();
    let shows = |hash: &str, texts: &[&str]| {
        desk.show(hash);
        let all = desk.text();
        for text in texts {
            assert!(all.contains(text), "{text} in {all}");
        }
        let strange = "return document.querySelectorAll('main img, main script, main b, main iframe').length";
        assert_eq!(desk.browser.execute(strange, &[]), 0, "{hash}");
        assert!(!all.contains('\u{202e}') && !all.contains('\u{1b}'), "{all}");
    };
    let odd =
        ["<img src=x onerror=alert(1)>.test", r"\u{202e}tset.example", "=cmd|' /C calc'!A0", r"p\u{430}ypal.test"];
    shows("#/failures", &odd);
    // Also in what the client was told.
    shows("#/failures?q=ypal", &[r#"identifier "p\u{430}ypal.test" has non-ASCII"#]);
    shows("#/keys", &["<b>bold</b>", r"\u{202e}gnp.exe", "=1+1", r"\u{1b}[2J"]);
    shows("#/keys/team-1", &[r"\u{202e}gnp.exe"]);
    shows("#/replacements", &["<script>1</script>"]);
    shows("#/audit", &["<script>1</script>"]);
    // Letters of another script: the name as it is read, and as it stands in the certificate.
    shows(
        "#/certificates?q=xn--80ak6aa92e",
        &["\u{430}\u{440}\u{440}\u{4cf}\u{435}.corp.test (xn--80ak6aa92e.corp.test)"],
    );
    shows("#/policy?name=<b>x</b>.test", &["<b>x</b>.test"]);
    assert_eq!(desk.browser.execute("return document.querySelector('#view form input').value", &[]), "<b>x</b>.test");
    assert_eq!(desk.complaints().iter().filter(|text| !text.contains("400")).count(), 0);
}

#[test]
fn page_works_by_keyboard_without_script_and_without_the_authority() {
    let mut desk = Desk::new();
    desk.sign_in();
    let focus = || desk.browser.execute("return document.activeElement.textContent", &[]);
    assert_eq!(desk.browser.execute("return document.activeElement.tagName", &[]), "H1", "{}", focus());
    // To the keys by Tab and Enter; there the form opens, and makes one.
    desk.browser.execute("document.querySelector('#views a[href=\"#/keys\"]').focus()", &[]);
    desk.browser.press("\u{e007}");
    desk.browser.wait_until("the keys", || desk.text().contains("External account keys"));
    desk.settle();
    desk.browser.press("\u{e004}");
    assert_eq!(focus(), "Create a key…");
    desk.browser.press("\u{e007}\u{e004}by-keyboard\u{e007}");
    desk.browser.wait_until("the key", || desk.text().contains("shown only this once"));
    assert!(desk.text().contains("--eab-kid by-keyboard"), "{}", desk.text());
    assert_eq!(focus(), "Done");
    desk.browser.screenshot("page/new-key.png");

    // A slow network: words say that something is loading.
    let network = |latency: u32| {
        let conditions =
            json!({ "offline": false, "latency": latency, "downloadThroughput": -1, "uploadThroughput": -1 });
        desk.browser.protocol("Network.enable", &json!({}));
        desk.browser.protocol("Network.emulateNetworkConditions", &conditions);
    };
    network(1_500);
    desk.browser.execute("location.hash = '#/policy'", &[]);
    desk.browser.wait_until("the words", || desk.text().contains("Loading…"));
    desk.settle();
    network(0);

    // Without the authority the page says so, and goes on when it is back.
    let (port, state) = (desk.fixture().server.port(), desk.fixture().folder.path().to_owned());
    let Fixture { server, folder } = desk.fixture.take().unwrap();
    drop(server);
    desk.browser.execute("location.hash = '#/keys/by-keyboard'", &[]);
    desk.browser.wait_until("the words", || desk.text().contains("The authority did not answer."));
    assert_eq!(axe(&desk.browser), [""; 0]);
    desk.browser.screenshot("page/authority-gone.png");
    let set = ["--set", r#"POLICY={"preauthorized":["*.corp.test"]}"#];
    desk.fixture = Some(Fixture { server: Server::start_with(&state, port, &set), folder });
    desk.browser.find("#view .wrong button").click();
    desk.browser.wait_until("the key", || desk.text().contains("Key by-keyboard"));
    desk.browser.messages();

    desk.browser.protocol("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
    desk.browser.refresh();
    assert!(desk.browser.find("main").text().contains("This page needs JavaScript"));
    desk.browser.screenshot("page/no-script.png");
}

#[test]
fn pages_for_users_share_the_style_and_agree_to_terms() {
    let set = |version: u8| format!("TERMS_OF_SERVICE=https://ca.example/terms/{version}");
    let mut desk = Desk::new();
    let Fixture { mut server, folder } = desk.fixture.take().unwrap();
    server.add_arguments(&["--set", &set(1), "--set", "TERMS_CHANGE=refuse"]);
    desk.fixture = Some(Fixture { server: server.restart(), folder });
    let customer = Customer::new(desk.fixture());
    let Fixture { mut server, folder } = desk.fixture.take().unwrap();
    server.add_arguments(&["--set", &set(2)]);
    desk.fixture = Some(Fixture { server: server.restart(), folder });
    let (accepted, refused) = customer.order(&["a.corp.test"], json!({}));
    assert!(!accepted && refused["type"].as_str().unwrap().ends_with("userActionRequired"), "{refused}");
    let terms = refused["instance"].as_str().unwrap();
    let pages = [
        ("landing", format!("{}/", desk.origin)),
        ("error", format!("{}/nothing", desk.origin)),
        ("terms", terms.to_owned()),
    ];
    for (name, url) in &pages {
        desk.browser.open(url);
        for (width, height, dark) in [(390, 844, true), (1280, 800, false)] {
            desk.browser.set_window(width, height);
            desk.browser.set_dark(dark);
            assert!(desk.fits(), "{name}: wider than {width}");
            assert_eq!(axe(&desk.browser), [""; 0], "{name}, dark: {dark}");
            desk.browser.screenshot(format!("page/users/{name}-{width}.png"));
        }
    }
    // Another button of the same form: the refusal is a page too.
    desk.browser.execute("document.querySelector('button').value = 'no'", &[]);
    desk.browser.find("button").click();
    desk.browser.wait_until("the refusal", || desk.text().contains("The form does not say agree=yes"));
    desk.browser.open(terms);
    desk.browser.find("button").click();
    desk.browser.wait_until("the thanks", || desk.text().contains("You agreed to the terms of service."));
    assert!(customer.order(&["a.corp.test"], json!({})).0);
    // The status 404 of the unknown page, and 400 of the wrong button, are errors to the browser.
    let others = desk.complaints().into_iter().filter(|text| !text.contains("/nothing") && !text.contains("/terms/"));
    assert_eq!(others.count(), 0);
}

/// Replaces answers of the CA, by the ends of their paths.
fn answer_instead(desk: &Desk, answers: &Value) {
    let script = format!(
        "const [asked, answers] = [window.fetch, Object.entries({answers})];
        window.fetch = (url, ...rest) => {{
          const found = answers.find(([end]) => String(url).endsWith(end));
          return found ? Promise.resolve(Response.json(found[1])) : asked(url, ...rest);
        }};"
    );
    desk.browser.protocol("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": script }));
}

#[test]
fn role_without_a_permission_has_its_action_disabled() {
    let desk = Desk::new();
    answer_instead(&desk, &json!({ "/me": { "name": "eve", "role": "auditor", "permissions": ["read"] } }));
    desk.sign_in();
    assert!(desk.browser.find("#who").text().contains("auditor"));
    assert!(desk.browser.find_all("#approvals-link:not([hidden])").is_empty());
    desk.show("#/keys");
    let create = desk.browser.find("[data-view=keys] .actions button");
    assert_eq!((create.text().as_str(), create.attribute("disabled").is_some()), ("Create a key", true));
    assert!(create.attribute("title").unwrap().contains("auditor"));
    assert_eq!(desk.browser.find_all("[data-view=keys] details.action").len(), 0);
    desk.show("#/policy");
    assert_eq!(desk.browser.find_all("[data-view=policy] details.action").len(), 0, "questions stay");
    assert!(desk.text().contains("What would happen?"));
}

#[test]
fn test_ca_is_made_and_ended_on_the_page() {
    let mut desk = Desk::new();
    desk.fixture.as_mut().unwrap().server.add_arguments(&["--set", "TEST_CAS=operators"]);
    let Fixture { server, folder } = desk.fixture.take().unwrap();
    desk.fixture = Some(Fixture { server: server.restart(), folder });
    desk.sign_in();
    desk.browser.find("#test-cas-link:not([hidden]) a").click();
    desk.browser.wait_until("the view", || desk.text().contains("There is none."));
    desk.browser.find("[data-view=test-cas] .actions summary").click();
    desk.browser.find("[data-view=test-cas] .actions button.first").click();
    desk.browser.wait_until("the test CA", || desk.text().contains("Token of its operators"));
    let made = || desk.fixture().selvedge(&["ca", "list"])["test_cas"].as_array().unwrap().clone();
    let (id, url) = (made()[0]["id"].clone(), made()[0]["url"].clone());
    assert!(desk.text().contains(url.as_str().unwrap()), "{}", desk.text());
    desk.show("#/audit");
    desk.show("#/test-cas");
    desk.browser.screenshot("page/test-cas.png");
    assert!(desk.text().contains(id.as_str().unwrap()), "{}", desk.text());
    desk.browser.find("[data-view=test-cas] tbody summary").click();
    desk.browser.find("[data-view=test-cas] tbody button.danger").click();
    desk.browser.wait_until("its end", || desk.text().contains("There is none."));
    assert_eq!(made().len(), 0);
    assert_eq!(desk.complaints(), [""; 0]);
}

#[test]
fn second_person_confirms_what_another_asked_for() {
    let desk = Desk::new();
    let asked = |id: &str, by: &str| {
        json!({
            "id": id, "action": "policy.put", "path": "policy?note=x", "state": "pending", "role": "owner",
            "asked": { "at": "2026-11-30T12:00:00Z", "by": by }, "until": "2026-12-01T12:00:00Z", "decided": null,
        })
    };
    answer_instead(
        &desk,
        &json!({
            "/me": { "name": "eve", "role": "operator", "permissions": ["read", "approve"] },
            "/approvals": { "approvals": [asked("one", "ada"), asked("two", "eve")] },
            "/approvals/one": { "body": { "deny": ["<b>x</b>.test"] } },
        }),
    );
    desk.sign_in();
    desk.browser.find("#approvals-link a").click();
    desk.browser.wait_until("the actions", || desk.text().contains("policy.put"));
    desk.settle();
    let labels = "return [...document.querySelectorAll('details.action summary')].map((one) => one.textContent)";
    assert_eq!(desk.browser.execute(labels, &[]), json!(["Confirm…", "Reject…", "Withdraw…"]));
    desk.browser.find("tbody details:not(.action) summary").click();
    desk.browser.wait_until("the request", || desk.text().contains("<b>x</b>.test"));
    assert_eq!(axe(&desk.browser), [""; 0]);
    desk.browser.screenshot("page/approvals.png");
    assert_eq!(desk.complaints(), [""; 0]);
}
