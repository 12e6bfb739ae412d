//! Terms of service and their change: RFC 8555 §7.3.3. Names begin with the checklist's ids.

use selvedge::ca::config::settings::TermsChange;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{Answered, BASE, Client, CsrShape, World, form, new_key};
use selvedge::jose::testing::ClientKey;
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use serde_json::json;

const OLD: &str = "https://ca.test/terms/1";
const NEW: &str = "https://ca.test/terms/2?a=1&b=\"<2>\"";

fn terms(world: &World, url: &str, change: TermsChange) -> World {
    world.reconfigured(|settings| {
        settings.meta.terms_of_service = Some(url.to_owned());
        settings.terms_change = change;
    })
}

/// A client that agreed to the old terms, before and after they changed.
fn surprised() -> (Client, Client) {
    let world = terms(&World::new(), OLD, TermsChange::Refuse);
    let client = Client::registered(&world);
    let later = client.at(&terms(&world, NEW, TermsChange::Refuse));
    (client, later)
}

fn press(world: &World, url: &str, body: &str) -> Answered {
    world.send(form(url, body))
}

#[test]
fn a06_terms_are_advertised_and_the_refusal_links_to_them() {
    let world = terms(&World::new(), OLD, TermsChange::Accept);
    assert_eq!(world.ask("GET", "/directory").json()["meta"]["termsOfService"], OLD);
    let client = Client::new(&world);
    for payload in [json!({}), json!({ "termsOfServiceAgreed": false })] {
        let refused = client.new_account(payload).refused(403, Kind::UserActionRequired);
        assert_eq!(refused.link("terms-of-service").as_deref(), Some(OLD));
    }
    assert_eq!(world.rows_but_nonces().len(), 0);
    let made = client.new_account(json!({ "termsOfServiceAgreed": true })).is(201);
    assert_eq!(made.json()["termsOfServiceAgreed"], true);
    assert_eq!(world.records("account")[0].1["terms"], OLD, "which terms is remembered");
}

#[test]
fn a08_changed_terms_require_agreement_only_if_configured() {
    let world = terms(&World::new(), OLD, TermsChange::Accept);
    let client = Client::registered(&world);
    client.at(&terms(&world, NEW, TermsChange::Accept)).new_order(&["a.test"]).is(201);
    client.at(&terms(&world, OLD, TermsChange::Refuse)).new_order(&["a.test"]).is(201);
}

#[test]
fn a08_after_a_change_requests_are_refused_with_terms_and_a_page_for_a_person() {
    let (client, later) = surprised();
    let order = client.new_order(&["a.test"]).is(201);
    let authorization = order.json()["authorizations"][0].as_str().unwrap().to_owned();
    let refusals = [
        later.new_order(&["b.test"]),
        later.get(&order.location()),
        later.get(&authorization),
        later.post(order.json()["finalize"].as_str().unwrap(), json!({ "csr": "AA" })),
        later.post(later.account(), json!({ "contact": ["mailto:a@a.test"] })),
        later.key_change(&ClientKey::generate(SigAlg::Es256)),
        later.get(client.get(client.account()).json()["orders"].as_str().unwrap()),
    ];
    for refused in refusals {
        let refused = refused.refused(403, Kind::UserActionRequired);
        assert_eq!(refused.link("terms-of-service").as_deref(), Some(NEW));
        let instance = refused.json()["instance"].as_str().unwrap().to_owned();
        assert!(instance.starts_with(&format!("{BASE}/terms/")), "{instance}");
        assert!(refused.detail().contains(&instance));
    }
    assert_eq!(later.world.records("account")[0].1["terms"], OLD);
}

#[test]
fn a08_reads_deactivation_and_revocation_need_no_agreement() {
    let (client, later) = surprised();
    let certificate = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    assert_eq!(later.get(later.account()).is(200).json()["status"], "valid");
    later.post(later.account(), json!({})).is(200);
    later.new_account(json!({ "onlyReturnExisting": true })).is(200);
    later.revoke(&certificate, None).is(200);
    later.post(later.account(), json!({ "status": "deactivated" })).is(200);
}

#[test]
fn a08_agreement_on_the_page_unblocks_the_account() {
    let (_, later) = surprised();
    let world = &later.world;
    let url = later.new_order(&["a.test"]).json()["instance"].as_str().unwrap().to_owned();
    let page = world.ask("GET", url.strip_prefix(BASE).unwrap()).is(200);
    assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
    let policy = page.header("Content-Security-Policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.header("Referrer-Policy"), Some("no-referrer"));
    let html = page.text();
    assert!(html.contains("<html lang=\"en\">") && html.contains("<form method=\"post\"><button"), "{html}");
    assert!(html.contains("href=\"https://ca.test/terms/2?a=1&amp;b=&quot;&lt;2&gt;&quot;\""), "{html}");
    let browser = Request { accept: Some("text/html".to_owned()), ..form(&url, "agree=no") };
    let told = world.send(browser).is(400);
    assert!(told.text().contains("<h1>") && told.text().contains("The form does not say agree=yes"), "{}", told.text());
    // Looking is not agreeing.
    later.new_order(&["a.test"]).refused(403, Kind::UserActionRequired);
    press(world, &url, "").refused(400, Kind::Malformed);
    press(world, &url, "agree=no").refused(400, Kind::Malformed);
    let jose = Request { content_type: Some("application/jose+json".to_owned()), ..form(&url, "agree=yes") };
    world.send(jose).refused(415, Kind::Malformed);
    later.new_order(&["a.test"]).refused(403, Kind::UserActionRequired);
    for _ in 0..2 {
        assert!(press(world, &url, "agree=yes").is(200).text().contains("Thank you"));
    }
    assert_eq!(world.records("account")[0].1["terms"], NEW);
    let names = ["a.test"];
    let (_, order) = later.ready_order(&names);
    later.finalize(&order, &CsrShape::dns(&names).build(&new_key(SigAlg::Es256))).is(200);
}

#[test]
fn a08_only_the_url_of_the_refusal_accepts_agreement() {
    let (client, later) = surprised();
    let world = &later.world;
    let other = Client::registered(&client.world).at(world);
    let url = later.new_order(&["a.test"]).json()["instance"].as_str().unwrap().to_owned();
    let (start, proof) = url.rsplit_once('/').unwrap();
    let id = |client: &Client| client.account().rsplit('/').next().unwrap().to_owned();
    let before = world.rows_but_nonces();
    for bad in [
        format!("{start}/AAAAAAAAAAAAAAAAAAAAAA"),
        format!("{start}/x"),
        format!("{BASE}/terms/{}/{proof}", id(&other)),
        format!("{BASE}/terms/AAAAAAAAAAAAAAAAAAAAAA/{proof}"),
        format!("{url}/"),
    ] {
        world.ask("GET", bad.strip_prefix(BASE).unwrap()).refused(404, Kind::Malformed);
        // Where there is no page, a POST is one like any other.
        assert!(press(world, &bad, "agree=yes").status() >= 400, "{bad}");
    }
    // The terms changed again meanwhile: what was agreed to has to be what is shown.
    let newer = terms(world, "https://ca.test/terms/3", TermsChange::Refuse);
    press(&newer, &url, "agree=yes").refused(404, Kind::Malformed);
    let none = world.reconfigured(|settings| settings.meta.terms_of_service = None);
    press(&none, &url, "agree=yes").refused(404, Kind::Malformed);
    assert_eq!(world.rows_but_nonces(), before);
    // A dead account agrees to nothing.
    later.post(later.account(), json!({ "status": "deactivated" })).is(200);
    press(world, &url, "agree=yes").refused(401, Kind::Unauthorized);
}
