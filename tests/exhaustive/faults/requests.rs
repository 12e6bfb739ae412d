//! A request of every kind, and what else a CA does: its alarms.

use super::notices::{reminding, telling};
use super::scene::{ADMIN, SECRET, Scene, TOKEN};
use selvedge::ca::http::address::ClientAddress;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{BASE, Client, World, form};
use selvedge::jose::testing::ClientKey;
use selvedge::records::Kind;
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
    /// What the same request, signed anew, may be answered besides `status` when the first had its effect.
    pub again: &'static [u16],
    /// What has to hold when the client came through with its retry.
    pub after: After<'a>,
}

/// All cases.
pub fn cases(scene: &Scene) -> Vec<Case<'_>> {
    let mut all = accounts(scene);
    all.extend(orders(scene));
    all.extend(authorizations(scene));
    all.extend(certificates(scene));
    all.extend(reads(scene));
    all.extend(agreement(scene));
    all.extend(resumption(scene));
    all.extend(operations(scene));
    all.extend(telling(scene));
    all.push(reminding(scene));
    let after: After<'_> = Box::new(|world, what| {
        let client = scene.client.at(world);
        assert_eq!(client.get(&scene.ready.0).is(200).json()["status"], "valid", "{what}");
        let challenge = client.get(&scene.challenge_url(Method::Dns01)).is(200).json();
        // One try was in vain before all this; two more that are make three, which are all that there are.
        let used_up = challenge["status"] == "invalid" && challenge["error"].is_object();
        assert!(challenge["status"] == "valid" || used_up, "{what}: {challenge}");
    });
    let (name, start) = ("alarms".to_owned(), scene.overdue());
    all.push(Case { name, start, act: Act::Alarms, status: 0, again: &[], after });
    all
}

/// A case from the scene as it is, in which nothing is checked afterwards.
pub fn case<'a>(
    scene: &Scene,
    name: &str,
    status: u16,
    again: &'static [u16],
    request: impl Fn(&World) -> Request + 'a,
) -> Case<'a> {
    let act = Act::Request(Box::new(request));
    Case { name: name.to_owned(), start: scene.world.fork(), act, status, again, after: Box::new(|_, _| {}) }
}

/// A case of the scene's client: a POST to `url`; `None` is a POST-as-GET.
fn post<'a>(
    scene: &'a Scene,
    name: &str,
    status: u16,
    again: &'static [u16],
    url: &str,
    payload: Option<Value>,
) -> Case<'a> {
    let url = url.to_owned();
    case(scene, name, status, again, move |world| scene.client.at(world).sign(&url, payload.clone()))
}

/// A request without a body.
pub fn bare(method: &str, url: &str) -> Request {
    let path = url.strip_prefix(BASE).unwrap_or(url).to_owned();
    Request { method: method.to_owned(), path, body: Some(Vec::new()), ..Request::default() }
}

fn new_account<'a>(scene: &Scene, name: &str, status: u16, key: ClientKey, payload: Value) -> Case<'a> {
    let known = key.clone();
    let request = move |world: &World| {
        let mut client = Client::with_key(world, key.clone());
        client.address = Some(ClientAddress::of("192.0.2.1".parse().unwrap()));
        client.sign(&client.url("new-account"), Some(payload.clone()))
    };
    let mut case = case(scene, name, status, &[200], request);
    case.after = Box::new(move |world, what| {
        let found = Client::with_key(world, known.clone()).new_account(json!({ "onlyReturnExisting": true }));
        assert_eq!(found.status(), 200, "{what}: {}", found.text());
    });
    case
}

fn key_change<'a>(scene: &'a Scene, name: &str) -> Case<'a> {
    // Signed with the old key, which is nobody's after the first.
    let mut case =
        case(scene, name, 200, &[400, 401], |world| scene.client.at(world).key_change_request(&scene.new_key));
    case.after = Box::new(|world, what| {
        let found = scene.survivor(world).unwrap();
        assert_eq!(found.key.thumbprint(), scene.new_key.thumbprint(), "{what}");
        let url = found.new_account(json!({ "onlyReturnExisting": true })).is(200).location();
        assert_eq!(url, scene.client.account(), "{what}");
    });
    case
}

fn accounts(scene: &Scene) -> Vec<Case<'_>> {
    let client = &scene.client;
    let fresh = || ClientKey::generate(SigAlg::Es256);
    let agreed = json!({ "termsOfServiceAgreed": true });
    let bound = fresh();
    let binding = bound.external_account("HS256", SECRET, "once", &client.url("new-account"));
    let external = json!({ "termsOfServiceAgreed": true, "externalAccountBinding": binding });
    let deactivated = json!({ "status": "deactivated" });
    let mut deactivation = post(scene, "account deactivation", 200, &[401], client.account(), Some(deactivated));
    deactivation.after = Box::new(|world, what| {
        assert!(scene.survivor(world).is_none(), "{what}: the account lives");
        scene.client.at(world).get(scene.client.account()).refused(401, Kind::Unauthorized);
    });
    let mut late_change = key_change(scene, "keyChange to a key that was claimed in vain");
    late_change.start = scene.claimed();
    let mut claimed = new_account(
        scene,
        "newAccount with a key that was claimed in vain",
        201,
        scene.new_key.clone(),
        agreed.clone(),
    );
    claimed.start = scene.claimed();
    let contact = json!({ "contact": ["mailto:new@a.test"] });
    let mut update = post(scene, "account update of contacts", 200, &[], client.account(), Some(contact));
    update.after = Box::new(|world, what| {
        let account = scene.client.at(world).get(scene.client.account()).is(200).json();
        assert_eq!(account["contact"], json!(["mailto:new@a.test"]), "{what}");
    });
    vec![
        new_account(scene, "newAccount", 201, fresh(), agreed.clone()),
        new_account(scene, "newAccount with an external account", 201, bound, external),
        new_account(scene, "newAccount of an existing one", 200, client.key.clone(), agreed),
        new_account(
            scene,
            "newAccount onlyReturnExisting",
            200,
            client.key.clone(),
            json!({ "onlyReturnExisting": true }),
        ),
        post(scene, "account read", 200, &[], client.account(), None),
        claimed,
        update,
        post(scene, "account update of nothing", 200, &[], client.account(), Some(json!({}))),
        deactivation,
        key_change(scene, "keyChange"),
        late_change,
    ]
}

fn new_order<'a>(scene: &'a Scene, name: &str, host: &str, members: Value, state: &'static str) -> Case<'a> {
    // One that is ready at once is for who asked, and no other; but only one replaces a certificate.
    let once = state == "pending" || members.get("replaces").is_some();
    let mut payload = members;
    payload["identifiers"] = json!([{ "type": "dns", "value": host }]);
    let mut case = post(scene, name, 201, &[], &scene.client.url("new-order"), Some(payload.clone()));
    case.after = Box::new(move |world, what| {
        let client = scene.client.at(world);
        let before = world.records("order/").len();
        let placed = client.post(&client.url("new-order"), payload.clone()).is(201);
        let more = world.records("order/").len() - before;
        // One that turned ready after it was placed, since a look-up failed the first time, is answered again.
        assert!(more == 0 || (more == 1 && !once), "{what}: {more} more; is it placed once: {once}");
        assert_eq!(placed.json()["status"], state, "{what}");
    });
    case
}

fn orders(scene: &Scene) -> Vec<Case<'_>> {
    let replaces = json!({ "replaces": scene.client.cert_id(&scene.certificate) });
    let list = scene.client.get(scene.client.account()).is(200).json()["orders"].as_str().unwrap().to_owned();
    let finalize = scene.ready.1["finalize"].as_str().unwrap();
    let payload = json!({ "csr": selvedge::values::b64::encode(&scene.csr) });
    let mut finalize = post(scene, "finalize", 200, &[], finalize, Some(payload));
    finalize.after = Box::new(|world, what| {
        let order = scene.client.at(world).get(&scene.ready.0).is(200).json();
        assert_eq!(order["status"], "valid", "{what}");
    });
    vec![
        new_order(scene, "newOrder", "n.test", json!({}), "pending"),
        new_order(scene, "newOrder of a wildcard", "*.n.test", json!({}), "pending"),
        new_order(scene, "newOrder that replaces a certificate", "c.test", replaces, "ready"),
        new_order(scene, "newOrder of a proven name", "c.test", json!({}), "ready"),
        new_order(scene, "newOrder once more", "p.test", json!({}), "pending"),
        new_order(scene, "newOrder proven just in time", "j.test", json!({}), "ready"),
        post(scene, "orders", 200, &[], &list, None),
        post(scene, "order read", 200, &[], &scene.pending.0, None),
        finalize,
    ]
}

fn authorizations(scene: &Scene) -> Vec<Case<'_>> {
    let client = &scene.client;
    let url = scene.authorization.0.as_str();
    let identifier = |name: &str| Some(json!({ "identifier": { "type": "dns", "value": name } }));
    let new_authz = client.url("new-authz");
    let mut deactivation =
        post(scene, "authorization deactivation", 200, &[], url, Some(json!({ "status": "deactivated" })));
    deactivation.after = Box::new(|world, what| {
        let read = scene.client.at(world).get(&scene.authorization.0).is(200).json();
        assert_eq!(read["status"], "deactivated", "{what}");
    });
    let mut all = vec![
        post(scene, "newAuthz", 201, &[200], &new_authz, identifier("n.test")),
        post(scene, "newAuthz of a proven name", 200, &[], &new_authz, identifier("c.test")),
        post(scene, "authorization read", 200, &[], url, None),
        deactivation,
    ];
    for method in Method::ALL {
        let url = scene.challenge_url(method);
        all.push(post(scene, &format!("{method} read"), 200, &[], &url, None));
        let mut answer = post(scene, &format!("{method} answer"), 200, &[], &url, Some(json!({})));
        answer.start = scene.proven_by(method);
        answer.after = Box::new(move |world, what| {
            // A passing failure is tried again by the alarm, which has all the time that it needs by now.
            assert_eq!(scene.client.at(world).get(&url).is(200).json()["status"], "valid", "{what}");
            let order = scene.client.at(world).get(&scene.pending.0).is(200).json();
            assert_eq!(order["status"], "ready", "{what}");
        });
        all.push(answer);
    }
    all
}

fn certificates(scene: &Scene) -> Vec<Case<'_>> {
    let url = scene.finished["certificate"].as_str().unwrap();
    let (owner, holder) = (scene.client.clone(), Client::with_key(&scene.world, scene.certificate_key.clone()));
    let authorities =
        [("its account", owner), ("another account with authorizations", scene.other.clone()), ("its key", holder)];
    let mut all = vec![
        post(scene, "certificate", 200, &[], url, None),
        post(scene, "certificate with an alternate chain", 200, &[], &format!("{url}/1"), None),
    ];
    let by = |(authority, client): (&str, Client), reason: i64, condemned: bool| {
        let request = move |world: &World| client.at(world).revoke_request(&scene.certificate, Some(reason));
        // Already revoked, after the first.
        let mut case = case(scene, &format!("revokeCert by {authority}, reason {reason}"), 200, &[400], request);
        case.after = Box::new(move |world, what| {
            let entries = world.records("serial/");
            assert_eq!(entries.iter().filter(|(_, entry)| entry["revoked"].is_object()).count(), 1, "{what}");
            // A key that is not refused gets an account.
            let wanted = json!({ "termsOfServiceAgreed": true });
            let answered = Client::with_key(world, scene.certificate_key.clone()).new_account(wanted);
            assert_eq!(answered.status(), if condemned { 400 } else { 201 }, "{what}: {}", answered.text());
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

fn reads(scene: &Scene) -> Vec<Case<'_>> {
    let client = &scene.client;
    let info = format!("{}/{}", client.url("renewal-info"), client.cert_id(&scene.certificate));
    let issuer = client.world.urls().issuer(client.world.issuer().id());
    let (_, entry) = client.world.records("serial/").remove(0);
    let list = format!("/crl/{}/{}.crl", client.world.issuer().id(), entry["shard"]);
    let nonce = client.url("new-nonce");
    let mut all = vec![
        post(scene, "directory by POST-as-GET", 200, &[], "https://ca.test/directory", None),
        post(scene, "newNonce by POST-as-GET", 204, &[], &nonce, None),
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
        all.push(case(scene, name, status, &[], move |_| request.clone()));
    }
    let metrics = Request { authorization: Some(format!("Bearer {TOKEN}")), ..bare("GET", "/metrics") };
    all.push(case(scene, "metrics", 200, &[], move |_| metrics.clone()));
    all
}

/// What operators ask for. Done once more, it has to come to the same, or to be refused since it is so already.
fn operations(scene: &Scene) -> Vec<Case<'_>> {
    let serial = scene.certificate_serial();
    let account = scene.other.account().rsplit('/').next().unwrap().to_owned();
    let mut all = Vec::new();
    for (name, path) in [
        ("operations: status", "status".to_owned()),
        ("operations: certificates", "certificates?status=all".to_owned()),
        ("operations: certificate", format!("certificates/{serial}/pem")),
        ("operations: accounts", "accounts".to_owned()),
        ("operations: external account keys", "external-accounts".to_owned()),
        ("operations: audit record", "audit".to_owned()),
    ] {
        let request = operate("GET", &path, None);
        all.push(case(scene, name, 200, &[], move |_| request.clone()));
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
        ("operations: end of an account", format!("accounts/{account}/deactivate"), 200, &[], json!({})),
        ("operations: replacement", "replacements".to_owned(), 201, &[], json!({ "name": "*" })),
        ("operations: policy", "policy".to_owned(), 201, &[], json!({ "wildcards": false })),
        ("operations: shadow", "policy/shadow".to_owned(), 200, &[], json!({ "allow": [] })),
        ("operations: dry run", "policy/check".to_owned(), 200, &[], json!({ "identifiers": ["a.test"] })),
    ] {
        let request = operate("POST", &path, Some(&body));
        all.push(case(scene, name, status, again, move |_| request.clone()));
    }
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
fn resumption(scene: &Scene) -> Vec<Case<'_>> {
    let (paused, page) = scene.paused();
    let shown = bare("GET", &page);
    let form = form(&page, "resume=yes");
    let read = Case { start: paused.fork(), ..case(scene, "resumption page", 200, &[], move |_| shown.clone()) };
    let mut resumed = case(scene, "resumption", 200, &[], move |_| form.clone());
    resumed.start = paused;
    resumed.after = Box::new(|world, _| drop(scene.client.at(world).new_order(&["z.test"]).is(201)));
    vec![read, resumed]
}

fn agreement(scene: &Scene) -> Vec<Case<'_>> {
    let (surprised, page) = scene.surprised();
    let form = form(&page, "agree=yes");
    let shown = bare("GET", &page);
    let read = Case { start: surprised.fork(), ..case(scene, "agreement page", 200, &[], move |_| shown.clone()) };
    let mut agreed = case(scene, "agreement", 200, &[], move |_| form.clone());
    agreed.start = surprised;
    agreed.after = Box::new(|world, _| drop(scene.client.at(world).get(&scene.ready.0).is(200)));
    vec![read, agreed]
}
