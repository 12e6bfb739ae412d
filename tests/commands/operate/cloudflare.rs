//! `deploy` and the Cloudflare account: what is missing or occupied is named before anything changes.

use super::authority::Authority;
use super::fine;
use super::fixture::{CliFixture, CommandOutput, TOKEN};
use crate::server::Server;
use serde_json::{Value, json};

pub const ACCOUNT: [(&str, &str); 2] = [("CLOUDFLARE_API_TOKEN", TOKEN), ("CLOUDFLARE_ACCOUNT_ID", "acc0")];
pub const DOMAIN: &str = "routes = [{ pattern = 'ca.corp.test', custom_domain = true }]";

/// Paths of the API with a result, or the status and code of a refusal.
pub type Answers = Vec<(&'static str, Result<Value, (u16, i64)>)>;

/// A double of Cloudflare's API. What is not listed has an empty result.
pub fn api(answers: Answers) -> Server {
    Server::start(move |asked| {
        assert_eq!(asked.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
        let path = asked.line.strip_prefix("GET /client/v4").unwrap_or_else(|| panic!("{}", asked.line));
        let answer = answers.iter().find(|(one, _)| *one == path).map(|(_, answer)| answer);
        let (status, body) = match answer {
            Some(Ok(result)) => (200, json!({"success": true, "errors": [], "result": result})),
            Some(Err((status, code))) => {
                (*status, json!({"success": false, "errors": [{"code": code, "message": "no"}], "result": null}))
            }
            None => (200, json!({"success": true, "errors": [], "result": []})),
        };
        (status, body.to_string().into_bytes())
    })
}

pub fn zone(status: &str, account: &str) -> Value {
    json!([{"id": "z1", "name": "corp.test", "status": status, "account": {"id": account}}])
}

pub fn deploy(fixture: &CliFixture, api: &Server, more: &[&str]) -> CommandOutput {
    let url = format!("http://{}/client/v4", api.address);
    fixture.run(&[&["deploy", "--api", &url], more].concat(), &ACCOUNT)
}

/// A CA for this URL, with these lines above the tables.
pub fn at(base: &str, routes: &str) -> CliFixture {
    let mut fixture = CliFixture::new();
    fixture.set("MODE", "production");
    fixture.set("BASE_URL", base);
    fixture.route(routes);
    fixture
}

/// Checks that a deployment is refused with these texts before wrangler changes anything.
#[track_caller]
pub fn refused(fixture: &CliFixture, answers: Answers, says: &[&str]) {
    let api = api(answers);
    for more in [&[][..], &["--dry-run"]] {
        let ended = deploy(fixture, &api, more);
        assert!(ended.code == 1 && ended.err.contains("nothing was done"), "{ended:?}");
        says.iter().for_each(|text| assert!(ended.err.contains(text), "{text}: {}", ended.err));
        assert!(fixture.arguments().is_empty(), "{:?}", fixture.arguments());
    }
}

#[test]
fn zone_that_is_missing_inactive_or_foreign_is_named() {
    let fixture = at("https://ca.corp.test", DOMAIN);
    refused(&fixture, Vec::new(), &["no zone for it, nor for a domain above it", "Add the domain"]);
    let pending = vec![("/zones?name=corp.test", Ok(zone("pending", "acc0")))];
    refused(&fixture, pending, &["zone corp.test of BASE_URL is not active (pending)", "name servers"]);
    let foreign = vec![("/zones?name=corp.test", Ok(zone("active", "acc9")))];
    refused(&fixture, foreign, &["is in the account acc9, not in acc0", "account_id"]);
}

#[test]
fn occupied_host_is_not_taken_over() {
    let fixture = at("https://ca.corp.test", DOMAIN);
    let with = |path, result| vec![("/zones?name=corp.test", Ok(zone("active", "acc0"))), (path, Ok(result))];
    let domains = "/accounts/acc0/workers/domains?hostname=ca.corp.test";
    let other = json!([{"hostname": "ca.corp.test", "service": "shop"}]);
    refused(&fixture, with(domains, other), &["ca.corp.test is the domain of another Worker, \"shop\""]);
    let records = "/zones/z1/dns_records?name=ca.corp.test";
    let record = json!([{"type": "TXT", "content": "x"}, {"type": "CNAME", "content": "web.corp.test"}]);
    refused(&fixture, with(records, record), &["has a DNS record already (CNAME web.corp.test)", "Delete that record"]);
    // A Worker of this name that is no CA.
    fixture.listed(&[("STRIPE_KEY", "secret_text")]);
    let ended = deploy(&fixture, &api(with("/", json!([]))), &[]);
    assert!(ended.code == 1 && ended.err.contains("has a Worker \"test-ca\" already"), "{ended:?}");
    assert_eq!(fixture.arguments(), ["secret list"]);
}

#[test]
fn another_jurisdiction_than_the_deployed_one_is_refused() {
    let path = "/accounts/acc0/workers/scripts/test-ca/settings";
    let deployed = |jurisdiction: Option<&str>| {
        let mut bindings = vec![json!({"type": "durable_object_namespace", "name": "PARTITION"})];
        bindings.extend(jurisdiction.map(|at| json!({"type": "plain_text", "name": "JURISDICTION", "text": at})));
        vec![("/zones?name=corp.test", Ok(zone("active", "acc0"))), (path, Ok(json!({"bindings": bindings})))]
    };
    let mut fixture = at("https://ca.corp.test", DOMAIN);
    refused(&fixture, deployed(Some("eu")), &["JURISDICTION is unset, and \"eu\" in the deployed Worker"]);
    fixture.set("JURISDICTION", "us");
    refused(&fixture, deployed(Some("eu")), &["JURISDICTION is \"us\", and \"eu\"", "Set it back"]);
    refused(&fixture, deployed(None), &["JURISDICTION is \"us\", and unset in the deployed Worker"]);
    // The same one, or none deployed yet: other findings may follow, this one not.
    for answer in [deployed(Some("us")), vec![(path, Err((404, 10007)))]] {
        let said = deploy(&fixture, &api(answer), &["--dry-run"]).err;
        assert!(!said.contains("JURISDICTION is"), "{said}");
    }
}

#[test]
fn route_without_a_dns_record_is_refused() {
    let fixture = at("https://ca.corp.test", "route = 'ca.corp.test/*'");
    let zone = vec![("/zones?name=corp.test", Ok(zone("active", "acc0")))];
    refused(&fixture, zone, &["has a route to the Worker and no proxied DNS record", "custom_domain = true"]);
}

#[test]
fn subdomain_that_is_missing_or_another_is_named() {
    let mut fixture = at("https://test-ca.team.workers.dev", "");
    let path = "/accounts/acc0/workers/subdomain";
    // The line `workers_dev = false` of the fixture would already be refused.
    let text = std::fs::read_to_string(fixture.path("wrangler.toml")).unwrap();
    std::fs::write(fixture.path("wrangler.toml"), text.replace("workers_dev = false", "")).unwrap();
    refused(
        &fixture,
        vec![(path, Err((404, 10007)))],
        &["no subdomain of workers.dev yet", "dash.cloudflare.com/acc0"],
    );
    let other = vec![(path, Ok(json!({"subdomain": "group"})))];
    refused(&fixture, other, &["would answer at test-ca.group.workers.dev", "Set BASE_URL to"]);
    fixture.set("BASE_URL", "https://x.team.workers.dev");
    refused(&fixture, Vec::new(), &["would answer at another address", "has workers_dev = false"]);
}

#[test]
fn address_at_which_nothing_answers_is_refused() {
    for (base, routes, says) in [
        ("https://ca.corp.test", "", "no route in"),
        ("https://ca.corp.test", "route = 'ca.corp.test/acme/*'", "no route in"),
        ("https://ca.corp.test:8443", DOMAIN, "at port 443, not 8443"),
        ("https://192.0.2.1", "route = '192.0.2.1/*'", "whose host is no domain"),
    ] {
        refused(&at(base, routes), Vec::new(), &[says]);
    }
}

#[test]
fn what_the_token_may_not_read_is_a_warning() {
    let fixture = CliFixture::new();
    let zones = vec![("/zones?name=127.0.0.1", Err((403, 9109)))];
    let ended = deploy(&fixture, &api(zones), &[]);
    fine(&ended);
    assert!(
        ended.err.contains("the zone of 127.0.0.1 is unknown") && ended.err.contains("\"Zone: Read\""),
        "{ended:?}"
    );
    fixture.listed(&[("NONCE_KEY", "secret_text"), ("ISSUER_KEY", "secret_text")]);
    // All is well but the redirect to https, which the zone does.
    let own = json!([{"id": "z1", "name": "0.0.1", "status": "active", "account": {"id": "acc0"}}]);
    let domain = json!([{"hostname": "127.0.0.1", "service": "test-ca"}]);
    let ended = deploy(
        &fixture,
        &api(vec![
            ("/zones?name=0.0.1", Ok(own)),
            ("/accounts/acc0/workers/domains?hostname=127.0.0.1", Ok(domain)),
            ("/zones/z1/settings/always_use_https", Ok(json!({"id": "always_use_https", "value": "on"}))),
        ]),
        &[],
    );
    fine(&ended);
    assert!(ended.err.contains("redirects plain http") && !ended.err.contains("unknown"), "{ended:?}");
}

#[test]
fn host_with_an_address_and_unknown_records_is_refused() {
    let fixture = CliFixture::new();
    let own = json!([{"id": "z1", "name": "0.0.1", "status": "active", "account": {"id": "acc0"}}]);
    let answers =
        || vec![("/zones?name=0.0.1", Ok(own.clone())), ("/zones/z1/dns_records?name=127.0.0.1", Err((403, 10000)))];
    refused(&fixture, answers(), &["127.0.0.1 leads to an address already", "\"DNS: Read\""]);
}

#[test]
fn login_of_wrangler_is_used_for_its_only_account() {
    let fixture = CliFixture::new();
    fixture.logged_in();
    let run = |accounts: Value| {
        let api = api(vec![("/accounts", Ok(accounts)), ("/zones?name=127.0.0.1", Err((403, 9109)))]);
        fixture.run(&["deploy", "--api", &format!("http://{}/client/v4", api.address)], &[])
    };
    let ended = run(json!([{"id": "acc1"}]));
    fine(&ended);
    assert!(ended.err.contains("the zone of 127.0.0.1 is unknown"), "{ended:?}");
    fixture.listed(&[("NONCE_KEY", "secret_text"), ("ISSUER_KEY", "secret_text")]);
    let ended = run(json!([{"id": "acc1"}, {"id": "acc2"}]));
    assert!(ended.code == 1 && ended.err.contains("several Cloudflare accounts"), "{ended:?}");
    fine(&run(json!([])));
}

#[test]
fn probe_names_what_does_not_answer_as_it_has_to() {
    let failing = |change: fn(&mut Authority), says: &str| {
        let mut fixture = CliFixture::new();
        fixture.answers(change);
        let ended = fixture.run(&["deploy"], &[]);
        assert!(ended.code == 1 && ended.err.contains("the upload is done, but"), "{ended:?}");
        assert!(ended.err.contains(says), "{says}: {}", ended.err);
    };
    failing(|authority| authority.redirected = Some("https://x.test".to_owned()), "redirects to \"https://x.test\"");
    failing(|authority| authority.certificate = b"<html>".to_vec(), "has no certificate in DER");
    failing(|authority| authority.list = b"<html>".to_vec(), "has no CRL");
    failing(|authority| authority.list.clear(), "answers with status 404");
    failing(|authority| authority.overview["issuers"][0]["id"] = json!("ffff"), "the version before still answers");
}

#[test]
fn closed_ca_is_deployed_without_nonces_and_lists() {
    let mut fixture = CliFixture::new();
    fixture.set("CLOSED", "true");
    let early = fixture.run(&["deploy"], &[]);
    assert!(early.code == 1 && early.err.contains("and CLOSED is set: the version before still answers"), "{early:?}");
    fixture.answers(|authority| authority.closed = true);
    let ended = fixture.run(&["deploy"], &[]);
    fine(&ended);
    for says in ["newNonce says that the authority is closed", "has the issuer's certificate", "restore FILE"] {
        assert!(ended.out.contains(says), "{says}: {ended:?}");
    }
    fixture.set("CLOSED", "false");
    let open = fixture.run(&["deploy"], &[]);
    assert!(open.code == 1 && open.err.contains("gives no nonce: it answers with status 503"), "{open:?}");
}
