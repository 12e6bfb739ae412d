//! A request of every kind, and what else a CA does: its alarms.

use super::approvals::approving;
use super::compromise::copying;
use super::failures::failing;
use super::fixture::{ADMIN, Fixture, SECRET, TOKEN};
use super::importing::importing;
use super::log::{logging, signing_as_needed};
use super::notices::{reminding, telling};
use super::on_purpose::on_purpose;
use super::pruning::pruning;
use selvedge::ca::http::address::ClientAddress;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{BASE, Client, World, form};
use selvedge::jose::testing::ClientKey;
use selvedge::validation::Method;
use selvedge::values::SigAlg;
use serde_json::{Value, json};

/// What is done.
pub enum Act<'a> {
    /// A request, signed anew each time.
    Request(Box<dyn Fn(&World) -> Request + 'a>),
    /// The alarms that are due.
    Alarms,
}

/// What is checked of a world, whose story the text tells.
pub type After<'a> = Box<dyn Fn(&World, &str) + 'a>;

/// A kind of request, from a start in which it succeeds.
pub struct Case<'a> {
    pub name: String,
    pub start: World,
    pub act: Act<'a>,
    /// What it is answered when nothing goes wrong.
    pub status: u16,
    /// Further statuses of the repeated, newly signed request after the first had its effect.
    pub again: &'static [u16],
    /// What has to hold when the client came through with its retry.
    pub after: After<'a>,
}

/// All cases.
pub fn cases(fixture: &Fixture) -> Vec<Case<'_>> {
    let mut all = accounts(fixture);
    all.extend(orders(fixture));
    all.extend(authorizations(fixture));
    all.extend(certificates(fixture));
    all.extend(reads(fixture));
    all.extend(agreement(fixture));
    all.extend(resumption(fixture));
    all.extend(operations(fixture));
    all.extend(telling(fixture));
    all.extend(copying(fixture));
    all.extend(on_purpose(fixture));
    all.extend(failing(fixture));
    all.extend(approving(fixture));
    all.extend(logging(fixture));
    all.extend([reminding(fixture), pruning(fixture), importing(fixture)]);
    let after: After<'_> = Box::new(|world, what| {
        let client = fixture.client.at(world);
        assert_eq!(client.get(&fixture.ready.0).is(200).json()["status"], "valid", "{what}");
        let challenge = client.get(&fixture.challenge_url(Method::Dns01)).is(200).json();
        // One try was in vain before all this; two more that are make three, which are all that there are.
        let used_up = challenge["status"] == "invalid" && challenge["error"].is_object();
        assert!(challenge["status"] == "valid" || used_up, "{what}: {challenge}");
    });
    let (name, start) = ("alarms".to_owned(), fixture.overdue());
    all.push(Case { name, start, act: Act::Alarms, status: 0, again: &[], after });
    signing_as_needed(all)
}

/// A case from the fixture as it is, in which nothing is checked afterwards.
pub fn case<'a>(
    fixture: &Fixture,
    name: &str,
    status: u16,
    again: &'static [u16],
    request: impl Fn(&World) -> Request + 'a,
) -> Case<'a> {
    let act = Act::Request(Box::new(request));
    Case { name: name.to_owned(), start: fixture.world.fork(), act, status, again, after: Box::new(|_, _| {}) }
}

/// A case of the fixture's client: a POST to `url`; `None` is a POST-as-GET.
fn post<'a>(
    fixture: &'a Fixture,
    name: &str,
    status: u16,
    again: &'static [u16],
    url: &str,
    payload: Option<Value>,
) -> Case<'a> {
    let url = url.to_owned();
    case(fixture, name, status, again, move |world| fixture.client.at(world).sign(&url, payload.clone()))
}

/// A request without a body.
pub fn bare(method: &str, url: &str) -> Request {
    let path = url.strip_prefix(BASE).unwrap_or(url).to_owned();
    Request { method: method.to_owned(), path, body: Some(Vec::new()), ..Request::default() }
}

fn new_account<'a>(fixture: &Fixture, name: &str, status: u16, key: ClientKey, payload: Value) -> Case<'a> {
    let known = key.clone();
    let request = move |world: &World| {
        let mut client = Client::with_key(world, key.clone());
        client.address = Some(ClientAddress::of("192.0.2.1".parse().unwrap()));
        client.sign(&client.url("new-account"), Some(payload.clone()))
    };
    let mut case = case(fixture, name, status, &[200], request);
    case.after = Box::new(move |world, what| {
        let found = Client::with_key(world, known.clone()).new_account(json!({ "onlyReturnExisting": true }));
        assert_eq!(found.status(), 200, "{what}: {}", found.text());
    });
    case
}

fn key_change<'a>(fixture: &'a Fixture, name: &str) -> Case<'a> {
    // Signed with the old key, which is nobody's after the first.
    let mut case =
        case(fixture, name, 200, &[400, 401], |world| fixture.client.at(world).key_change_request(&fixture.new_key));
    case.after = Box::new(|world, what| {
        let found = fixture.survivor(world).unwrap();
        assert_eq!(found.key.thumbprint(), fixture.new_key.thumbprint(), "{what}");
        let url = found.new_account(json!({ "onlyReturnExisting": true })).is(200).location();
        assert_eq!(url, fixture.client.account(), "{what}");
    });
    case
}

fn accounts(fixture: &Fixture) -> Vec<Case<'_>> {
    let client = &fixture.client;
    let fresh = || ClientKey::generate(SigAlg::Es256);
    let agreed = json!({ "termsOfServiceAgreed": true });
    let bound = fresh();
    let binding = bound.external_account("HS256", SECRET, "once", &client.url("new-account"));
    let external = json!({ "termsOfServiceAgreed": true, "externalAccountBinding": binding });
    let deactivated = json!({ "status": "deactivated" });
    let mut deactivation = post(fixture, "account deactivation", 200, &[401], client.account(), Some(deactivated));
    deactivation.after = Box::new(|world, what| {
        assert!(fixture.survivor(world).is_none(), "{what}: the account lives");
        fixture.client.at(world).get(fixture.client.account()).refused(401, selvedge::records::Kind::Unauthorized);
    });
    let mut late_change = key_change(fixture, "keyChange to a key that was claimed in vain");
    late_change.start = fixture.claimed();
    let mut claimed = new_account(
        fixture,
        "newAccount with a key that was claimed in vain",
        201,
        fixture.new_key.clone(),
        agreed.clone(),
    );
    claimed.start = fixture.claimed();
    let contact = json!({ "contact": ["mailto:new@a.test"] });
    let mut update = post(fixture, "account update of contacts", 200, &[], client.account(), Some(contact));
    update.after = Box::new(|world, what| {
        let account = fixture.client.at(world).get(fixture.client.account()).is(200).json();
        assert_eq!(account["contact"], json!(["mailto:new@a.test"]), "{what}");
    });
    vec![
        new_account(fixture, "newAccount", 201, fresh(), agreed.clone()),
        new_account(fixture, "newAccount with an external account", 201, bound, external),
        new_account(fixture, "newAccount of an existing one", 200, client.key.clone(), agreed),
        new_account(
            fixture,
            "newAccount onlyReturnExisting",
            200,
            client.key.clone(),
            json!({ "onlyReturnExisting": true }),
        ),
        post(fixture, "account read", 200, &[], client.account(), None),
        claimed,
        update,
        post(fixture, "account update of nothing", 200, &[], client.account(), Some(json!({}))),
        deactivation,
        key_change(fixture, "keyChange"),
        late_change,
    ]
}

fn new_order<'a>(fixture: &'a Fixture, name: &str, host: &str, members: Value, state: &'static str) -> Case<'a> {
    // One that is ready at once is for who asked, and no other; but only one replaces a certificate.
    let once = state == "pending" || members.get("replaces").is_some();
    let mut payload = members;
    payload["identifiers"] = json!([{ "type": "dns", "value": host }]);
    let mut case = post(fixture, name, 201, &[], &fixture.client.url("new-order"), Some(payload.clone()));
    case.after = Box::new(move |world, what| {
        let client = fixture.client.at(world);
        let before = world.records("order/").len();
        let placed = client.post(&client.url("new-order"), payload.clone()).is(201);
        let more = world.records("order/").len() - before;
        // One that turned ready after it was placed, since a look-up failed the first time, is answered again.
        assert!(more == 0 || (more == 1 && !once), "{what}: {more} more; is it placed once: {once}");
        assert_eq!(placed.json()["status"], state, "{what}");
    });
    case
}

fn orders(fixture: &Fixture) -> Vec<Case<'_>> {
    let replaces = json!({ "replaces": fixture.client.cert_id(&fixture.certificate) });
    let list = fixture.client.get(fixture.client.account()).is(200).json()["orders"].as_str().unwrap().to_owned();
    let finalize = fixture.ready.1["finalize"].as_str().unwrap();
    let payload = json!({ "csr": selvedge::values::b64::encode(&fixture.csr) });
    let mut finalize = post(fixture, "finalize", 200, &[], finalize, Some(payload));
    finalize.after = Box::new(|world, what| {
        let order = fixture.client.at(world).get(&fixture.ready.0).is(200).json();
        assert_eq!(order["status"], "valid", "{what}");
    });
    vec![
        new_order(fixture, "newOrder", "n.test", json!({}), "pending"),
        new_order(fixture, "newOrder of a wildcard", "*.n.test", json!({}), "pending"),
        new_order(fixture, "newOrder that replaces a certificate", "c.test", replaces, "ready"),
        new_order(fixture, "newOrder of a proven name", "c.test", json!({}), "ready"),
        new_order(fixture, "newOrder once more", "p.test", json!({}), "pending"),
        new_order(fixture, "newOrder proven just in time", "j.test", json!({}), "ready"),
        post(fixture, "orders", 200, &[], &list, None),
        post(fixture, "order read", 200, &[], &fixture.pending.0, None),
        finalize,
    ]
}

fn authorizations(fixture: &Fixture) -> Vec<Case<'_>> {
    let client = &fixture.client;
    let url = fixture.authorization.0.as_str();
    let identifier = |name: &str| Some(json!({ "identifier": { "type": "dns", "value": name } }));
    let new_authz = client.url("new-authz");
    let mut deactivation =
        post(fixture, "authorization deactivation", 200, &[], url, Some(json!({ "status": "deactivated" })));
    deactivation.after = Box::new(|world, what| {
        let read = fixture.client.at(world).get(&fixture.authorization.0).is(200).json();
        assert_eq!(read["status"], "deactivated", "{what}");
    });
    let mut all = vec![
        post(fixture, "newAuthz", 201, &[200], &new_authz, identifier("n.test")),
        post(fixture, "newAuthz of a proven name", 200, &[], &new_authz, identifier("c.test")),
        post(fixture, "authorization read", 200, &[], url, None),
        deactivation,
    ];
    for method in Method::ALL {
        let url = fixture.challenge_url(method);
        all.push(post(fixture, &format!("{method} read"), 200, &[], &url, None));
        let mut answer = post(fixture, &format!("{method} answer"), 200, &[], &url, Some(json!({})));
        answer.start = fixture.proven_by(method);
        answer.after = Box::new(move |world, what| {
            // A passing failure is tried again by the alarm, which has all the time that it needs by now.
            assert_eq!(fixture.client.at(world).get(&url).is(200).json()["status"], "valid", "{what}");
            let order = fixture.client.at(world).get(&fixture.pending.0).is(200).json();
            assert_eq!(order["status"], "ready", "{what}");
        });
        all.push(answer);
    }
    all
}

fn certificates(fixture: &Fixture) -> Vec<Case<'_>> {
    let url = fixture.finished["certificate"].as_str().unwrap();
    let (owner, holder) = (fixture.client.clone(), Client::with_key(&fixture.world, fixture.certificate_key.clone()));
    let authorities =
        [("its account", owner), ("another account with authorizations", fixture.other.clone()), ("its key", holder)];
    let mut all = vec![
        post(fixture, "certificate", 200, &[], url, None),
        post(fixture, "certificate with an alternate chain", 200, &[], &format!("{url}/1"), None),
    ];
    let by = |(authority, client): (&str, Client), reason: i64, blocked: bool| {
        let request = move |world: &World| client.at(world).revoke_request(&fixture.certificate, Some(reason));
        // Already revoked, after the first.
        let mut case = case(fixture, &format!("revokeCert by {authority}, reason {reason}"), 200, &[400], request);
        case.after = Box::new(move |world, what| {
            let entries = world.records("serial/");
            assert_eq!(entries.iter().filter(|(_, entry)| entry["revoked"].is_object()).count(), 1, "{what}");
            // A key that is not refused gets an account.
            let wanted = json!({ "termsOfServiceAgreed": true });
            let answered = Client::with_key(world, fixture.certificate_key.clone()).new_account(wanted);
            assert_eq!(answered.status(), if blocked { 400 } else { 201 }, "{what}: {}", answered.text());
        });
        case
    };
    let [owner, other, holder] = authorities;
    all.push(by(owner.clone(), 4, false));
    all.push(by(other.clone(), 4, false));
    all.push(by(holder, 4, true));
    all.push(by(owner, 1, true));
    all.push(by(other, 1, false));
    all
}

fn reads(fixture: &Fixture) -> Vec<Case<'_>> {
    let client = &fixture.client;
    let info = format!("{}/{}", client.url("renewal-info"), client.cert_id(&fixture.certificate));
    let issuer = client.world.urls().issuer(client.world.issuer().id());
    let (_, entry) = client.world.records("serial/").remove(0);
    let list = format!("/crl/{}/{}.crl", client.world.issuer().id(), entry["shard"]);
    let nonce = client.url("new-nonce");
    let mut all = vec![
        post(fixture, "directory by POST-as-GET", 200, &[], "https://ca.test/directory", None),
        post(fixture, "newNonce by POST-as-GET", 204, &[], &nonce, None),
    ];
    for (name, method, url, status) in [
        ("home", "GET", "/", 200),
        ("style sheet", "GET", "/page.css", 200),
        ("root", "GET", "/root.crt", 200),
        ("directory", "GET", "/directory", 200),
        ("newNonce", "HEAD", &nonce, 200),
        ("issuer", "GET", &issuer, 200),
        ("issuers", "GET", "/issuers", 200),
        ("all CRLs", "GET", "/crl/all.pem", 200),
        ("the root's CRL, which is not published", "GET", "/crl/root.crl", 404),
        ("inventory", "GET", "/admin", 200),
        ("crl", "GET", &list, 200),
        ("renewalInfo", "GET", &info, 200),
    ] {
        let request = bare(method, url);
        all.push(case(fixture, name, status, &[], move |_| request.clone()));
    }
    let metrics = Request { authorization: Some(format!("Bearer {TOKEN}")), ..bare("GET", "/metrics") };
    all.push(case(fixture, "metrics", 200, &[], move |_| metrics.clone()));
    all
}

/// What operators ask for. Done once more, it has to come to the same, or to be refused since it is so already.
fn operations(fixture: &Fixture) -> Vec<Case<'_>> {
    let serial = fixture.certificate_serial();
    let account = fixture.other.account().rsplit('/').next().unwrap().to_owned();
    let mut all = Vec::new();
    for (name, path) in [
        ("operations: status", "status".to_owned()),
        ("operations: certificates", "certificates?status=all".to_owned()),
        ("operations: certificate", format!("certificates/{serial}/pem")),
        ("operations: accounts", "accounts".to_owned()),
        ("operations: account", format!("accounts/{account}")),
        ("operations: findings", "policy/shadow".to_owned()),
        ("operations: external account keys", "external-accounts".to_owned()),
        ("operations: audit record", "audit".to_owned()),
        ("operations: overview", "overview".to_owned()),
    ] {
        let request = operate("GET", &path, None);
        all.push(case(fixture, name, 200, &[], move |_| request.clone()));
    }
    for (name, path, status, again, body) in [
        (
            "operations: new key",
            "external-accounts".to_owned(),
            201,
            &[409][..],
            json!({ "kid": "team-a", "uses": "many" }),
        ),
        ("operations: revocation", format!("certificates/{serial}/revoke"), 200, &[409], json!({ "reason": 4 })),
        ("operations: bulk revocation", "revocations".to_owned(), 200, &[], json!({ "name": "*", "reason": 4 })),
        ("operations: change of an unknown key", "external-accounts/k".to_owned(), 404, &[], json!({ "note": "a" })),
        ("operations: end of an account", format!("accounts/{account}/deactivate"), 200, &[], json!({})),
        ("operations: replacement", "replacements".to_owned(), 201, &[], json!({ "name": "*" })),
        ("operations: policy", "policy".to_owned(), 201, &[], json!({ "wildcards": false })),
        ("operations: shadow", "policy/shadow".to_owned(), 200, &[], json!({ "allow": [] })),
        ("operations: dry run", "policy/check".to_owned(), 200, &[], json!({ "identifiers": ["a.test"] })),
    ] {
        let request = operate("POST", &path, Some(&body));
        all.push(case(fixture, name, status, again, move |_| request.clone()));
    }
    let mut shadowed = new_order(fixture, "newOrder under a shadow", "n.test", json!({}), "pending");
    let shadow = operate("POST", "policy/shadow", Some(&json!({ "allow": [] })));
    assert_eq!(shadowed.start.send(shadow).status(), 200);
    shadowed.name = "operations: newOrder under a shadow".to_owned();
    all.push(shadowed);
    all
}

/// An operator's request.
pub fn operate(method: &str, path: &str, body: Option<&Value>) -> Request {
    Request {
        authorization: Some(format!("Bearer {ADMIN}")),
        content_type: body.map(|_| "application/json".to_owned()),
        body: Some(body.map_or(Vec::new(), |body| body.to_string().into_bytes())),
        ..bare(method, &format!("/admin/v1/{path}"))
    }
}

/// The page of a name that is paused, and what its form says.
fn resumption(fixture: &Fixture) -> Vec<Case<'_>> {
    let (paused, page) = fixture.paused();
    let shown = bare("GET", &page);
    let form = form(&page, "resume=yes");
    let read = Case { start: paused.fork(), ..case(fixture, "resumption page", 200, &[], move |_| shown.clone()) };
    let mut resumed = case(fixture, "resumption", 200, &[], move |_| form.clone());
    resumed.start = paused;
    resumed.after = Box::new(|world, _| drop(fixture.client.at(world).new_order(&["z.test"]).is(201)));
    vec![read, resumed]
}

fn agreement(fixture: &Fixture) -> Vec<Case<'_>> {
    let (surprised, page) = fixture.surprised();
    let form = form(&page, "agree=yes");
    let shown = bare("GET", &page);
    let read = Case { start: surprised.fork(), ..case(fixture, "agreement page", 200, &[], move |_| shown.clone()) };
    let mut agreed = case(fixture, "agreement", 200, &[], move |_| form.clone());
    agreed.start = surprised;
    agreed.after = Box::new(|world, _| drop(fixture.client.at(world).get(&fixture.ready.0).is(200)));
    vec![read, agreed]
}
