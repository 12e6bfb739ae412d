//! `status` of CAs in every state.

use super::authority::{Authority, DAY, signed};
use super::fixture::{CliFixture, CommandOutput, now};
use crate::server::{Asked, Server, unused_address};
use selvedge::ca::config::issuers::PublicationUrls;
use selvedge::ca::http::message::Body;
use selvedge::ca::testing::{Client, START, World, new_key};
use selvedge::pki::ceremony::create_server_leaf;
use selvedge::pki::{Issuer, pem};
use selvedge::values::SigAlg;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

/// The status of a fixture's authority, changed so.
fn after(fixture: &CliFixture, change: impl FnOnce(&mut Authority), args: &[&str]) -> CommandOutput {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut authority = Authority::of(fixture, "http", &address);
    change(&mut authority);
    let _server = Server::on(listener, None, Arc::new(move |asked: &Asked| authority.answer(asked)));
    let url = format!("http://{address}");
    fixture.run(&[&["status", "--url", &url], args].concat(), &[])
}

fn json_of(ended: &CommandOutput) -> Value {
    serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{ended:?}"))
}

#[test]
fn status_without_findings_prints_all_dates() {
    let fixture = CliFixture::new();
    let ended = after(&fixture, |_| (), &[]);
    assert_eq!(ended.code, 0, "{ended:?}");
    for says in [
        "root      CliFixture Root",
        "issuer 1  CliFixture Issuer, signs",
        "in 182",
        "the next has to take over by",
        "last certificates until",
        "1 CRL; http://127.0.0.1:",
        "has number 1234, 0 entries",
        "Nothing is due.",
    ] {
        assert!(ended.out.contains(says), "{says}: {}", ended.out);
    }
    let ended = after(&fixture, |_| (), &["--json"]);
    let told = json_of(&ended);
    assert_eq!((ended.code, &told["findings"]), (0, &json!([])));
    assert_eq!(told["root"]["name"], "CliFixture Root");
    assert_eq!(told["issuers"][0]["fetched"]["number"], "1234");
    assert_eq!(told["issuers"][0]["state"], "signs");
}

#[test]
fn status_findings_are_printed_and_set_the_exit_code() {
    let fixture = CliFixture::new();
    let finds = |change: &dyn Fn(&mut Authority), severity: &str, says: &str| {
        let ended = after(&fixture, change, &["--json"]);
        let told = json_of(&ended);
        let all = told["findings"].as_array().unwrap();
        assert!(ended.code == 1 && all.len() == 1 && all[0]["severity"] == severity, "{says}: {told:#}");
        assert!(all[0]["what"].as_str().unwrap().contains(says), "{says}: {told:#}");
    };
    let issuer = Issuer::from_pem_chain(&fixture.issuer.certificate).unwrap();
    let other = CliFixture::new();
    finds(
        &|a| a.overview["problems"] = json!(["ISSUER_KEY_2 is half set."]),
        "wrong",
        "reports: ISSUER_KEY_2 is half set",
    );
    finds(&|a| a.list.clear(), "wrong", "cannot fetch a CRL: http://127.0.0.1");
    finds(&|a| a.list = b"<html>".to_vec(), "wrong", "is not a CRL in DER");
    finds(
        &|a| a.list = signed((&issuer, &other.issuer.key), now().plus(DAY), &a.list_url()),
        "wrong",
        "is not signed by the key of",
    );
    finds(
        &|a| a.list = signed((&issuer, &fixture.issuer.key), now().minus(Duration::from_secs(1)), &a.list_url()),
        "wrong",
        "expired at",
    );
    finds(&|a| a.certificate = b"x".to_vec(), "wrong", "is not a certificate");
    let late = now().minus(Duration::from_secs(3700)).rfc3339();
    finds(&|a| a.overview["issuers"][0]["crls"][0]["due"] = json!(late), "wrong", "1 of 1 CRLs");
    let soon = now().plus(DAY * 100).rfc3339();
    finds(&|a| a.overview["issuers"][0]["not_after"] = json!(soon), "due", "has no successor");
    let ended = after(&fixture, |a| a.list.clear(), &[]);
    assert!(
        ended.code == 1 && ended.out.contains("\nwrong: of issuer 1 (CliFixture Issuer), cannot fetch a CRL"),
        "{ended:?}"
    );
}

#[test]
fn status_of_misconfigured_ca_prints_the_reason() {
    let fixture = CliFixture::new();
    let server = Server::start(|_| (500, br#"{"type":"x","status":500,"detail":"BASE_URL is not set."}"#.to_vec()));
    let url = format!("http://{}", server.address);
    let ended = fixture.run(&["status", "--url", &url], &[]);
    assert!(
        ended.code == 1 && ended.out.contains("wrong: the authority does not work: BASE_URL is not set"),
        "{ended:?}"
    );
    let ended = fixture.run(&["status", "--url", &url, "--json"], &[]);
    assert_eq!((&json_of(&ended)["refuses"], ended.code), (&json!("BASE_URL is not set"), 1));
}

#[test]
fn status_unknown_has_its_own_exit_code() {
    let mut fixture = CliFixture::new();
    fixture.set("BASE_URL", "https://127.0.0.1:1");
    let gone = format!("http://{}", unused_address());
    let unknown = |fixture: &CliFixture, args: &[&str], says: &str| {
        let ended = fixture.run(&[&["status"], args].concat(), &[]);
        assert!(ended.code == 2 && ended.err.contains(says) && ended.out.is_empty(), "{says}: {ended:?}");
    };
    unknown(&fixture, &["--url", &gone], "does not answer");
    let page = Server::start(|_| (200, b"<html>".to_vec()));
    unknown(&fixture, &["--url", &format!("http://{}", page.address)], "not with an overview of issuers (<html>)");
    let other = Server::start(|_| (404, b"nothing".to_vec()));
    unknown(&fixture, &["--url", &format!("http://{}", other.address)], "status 404: nothing");
    unknown(&fixture, &[], "https://127.0.0.1:1/issuers does not answer");
    fixture.vars.remove("BASE_URL");
    fixture.set("MODE", "production");
    unknown(&fixture, &[], "has no BASE_URL");
    unknown(&fixture, &["--url", &gone, "--root", "/nowhere"], "cannot read /nowhere");
    // As it is before anybody set it.
    fixture.set("BASE_URL", "https://ca.example.org");
    unknown(&fixture, &[], "is the example, https://ca.example.org: no authority is known");
    unknown(&fixture, &["--url", "ca.corp.example"], "write it as https://");
    let tls = format!("https://{}", page.address);
    unknown(&fixture, &["--url", &tls], "does not speak https");
}

/// The CA's own code answers; only its addresses are changed to the local ones.
#[test]
fn status_parses_answers_of_a_real_ca() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = format!("http://{}", listener.local_addr().unwrap());
    // The URL in a list cannot be changed afterwards.
    let world = World::new().reconfigured(|settings| settings.published = Some(PublicationUrls::new(&here, 4)));
    world.pass(START.until(now()));
    let client = Client::registered(&world);
    client.issue(&["a.test"], &new_key(SigAlg::Es256));
    world.run_due_alarms();
    let overview = world.ask("GET", "/issuers").is(200).json();
    let issuer = &overview["issuers"][0];
    let bytes = |url: &Value| {
        let url = url::Url::parse(url.as_str().unwrap()).unwrap();
        match world.ask("GET", url.path()).is(200).response.body {
            Body::Bytes(bytes) => bytes,
            other => panic!("{other:?}"),
        }
    };
    let (certificate, list) = (bytes(&issuer["certificate"]), bytes(&issuer["crls"][0]["url"]));
    let overview = overview.to_string().replace("https://ca.test", &here);
    let authority =
        Authority { overview: serde_json::from_str(&overview).unwrap(), certificate, list, ..Authority::default() };
    let _server = Server::on(listener, None, Arc::new(move |asked: &Asked| authority.answer(asked)));
    let ended = CliFixture::new().run(&["status", "--url", &here, "--json"], &[]);
    // What is due depends on the day on which this test is run.
    let told = json_of(&ended);
    assert!(told["issuers"][0]["fetched"]["number"].is_string() && told["issuers"][0]["state"] == "signs", "{told:#}");
    assert_eq!(told["longest_lifetime"], 7_776_000);
}

#[test]
fn status_trusts_https_by_the_given_root() {
    let fixture = CliFixture::new();
    let leaf = create_server_leaf(&fixture.issuer, &["localhost"], &["127.0.0.1".parse().unwrap()], now(), 30).unwrap();
    let chain = pem::read_certificates(&leaf.certificate).unwrap().into_iter().map(Into::into).collect();
    let (_, key) = der::pem::decode_vec(leaf.key.as_bytes()).unwrap();
    let tls = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, rustls_pki_types::PrivateKeyDer::Pkcs8(key.into()))
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut authority = Authority::of(&fixture, "https", &address);
    // Lists are had by plain http.
    authority.overview["issuers"][0]["crls"] = json!([]);
    let _server = Server::on(listener, Some(Arc::new(tls)), Arc::new(move |asked: &Asked| authority.answer(asked)));
    let (url, root) = (format!("https://{address}"), fixture.path("ca/root.pem"));
    let ended = fixture.run(&["status", "--url", &url, "--root", root.to_str().unwrap()], &[]);
    assert!(ended.code == 0 && ended.out.contains("Nothing is due."), "{ended:?}");
    let ended = fixture.run(&["status", "--url", &url], &[]);
    assert!(ended.code == 2 && ended.err.contains("does not answer"), "{ended:?}");
    assert!(ended.err.contains("--root FILE") && !ended.err.contains("UnknownIssuer"), "{ended:?}");
    let plain = format!("http://{address}");
    let ended = fixture.run(&["status", "--url", &plain], &[]);
    assert!(ended.code == 2 && ended.err.contains("try https://"), "{ended:?}");
    let other = format!("https://127.0.0.2:{}", address.rsplit(':').next().unwrap());
    let ended = fixture.run(&["status", "--url", &other, "--root", root.to_str().unwrap()], &[]);
    assert!(ended.code == 2 && ended.err.contains("does not answer"), "{ended:?}");
}
