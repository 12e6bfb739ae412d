//! Operators by Cloudflare Access: accepted assertions, cross-site requests, and unavailable keys.

use core::time::Duration;
use selvedge::ca::config::access::Access;
use selvedge::ca::config::access_roles::AccessRoles;
use selvedge::ca::config::admin_tokens::AdminTokens;
use selvedge::ca::http::address::ClientAddress;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{Answered, BASE, World};
use selvedge::jose::testing::ClientKey;
use selvedge::records::Kind;
use selvedge::values::{SigAlg, Time};
use serde_json::{Value, json};

const TEAM: &str = "https://team-a.cloudflareaccess.com";
const CERTS: &str = "https://team-a.cloudflareaccess.com/cdn-cgi/access/certs";
const ADMIN: &str = "an-admin-token-of-sufficient-length";
const ANN: &str = "ann@example.org";

fn tag() -> String {
    "0a".repeat(32)
}

/// A CA behind Access, and a key of the team.
struct Fixture {
    world: World,
    key: ClientKey,
}

impl Fixture {
    fn new() -> Self {
        Self::with(None)
    }

    fn with(tokens: Option<Value>) -> Self {
        let world = World::new().reconfigured(|settings| {
            let value = |name: &str| match name {
                "ACCESS_TEAM" => Some(TEAM.to_owned()),
                "ACCESS_AUDIENCE" => Some(tag()),
                _ => None,
            };
            settings.access = Access::read(&value, false).unwrap();
            settings.admin = AdminTokens::read(tokens.map(|tokens| tokens.to_string()).as_deref()).unwrap();
        });
        let key = ClientKey::generate(SigAlg::Es256);
        let fixture = Self { world, key };
        fixture.publish(&[("one", &fixture.key)]);
        fixture
    }

    fn publish(&self, keys: &[(&str, &ClientKey)]) {
        let keys = keys.iter().map(|(kid, key)| {
            let mut jwk = key.jwk_json();
            jwk["kid"] = (*kid).into();
            jwk
        });
        self.world.network().document(CERTS, 200, &json!({ "keys": keys.collect::<Vec<_>>() }).to_string());
    }

    fn assertion(&self) -> String {
        assertion(&self.key, "one", &claims(self.world.now()))
    }

    fn ask(&self, assertion: &str) -> Answered {
        let address = ClientAddress::from_header("192.0.2.7");
        self.send(Request { access: Some(assertion.to_owned()), address, ..request("GET", "status") })
    }

    fn send(&self, request: Request) -> Answered {
        self.world.send(request)
    }

    /// What the audit record has of refusals: who, how they are known, and why.
    fn refusals(&self) -> Vec<(String, String, String)> {
        let all = self.world.records("audit/").into_iter().map(|(_, entry)| entry);
        let refused = all.filter(|entry| entry["what"] == "sign-in" && entry["outcome"] == "refused");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        refused.map(|entry| (text(&entry["who"]), text(&entry["by"]), text(&entry["detail"]))).collect()
    }

    fn fetches(&self) -> usize {
        self.world.network().asked().iter().filter(|asked| **asked == format!("FETCH {CERTS}")).count()
    }
}

fn request(method: &str, path: &str) -> Request {
    let body = if method == "POST" { json!({ "name": "*" }).to_string() } else { String::new() };
    Request {
        method: method.to_owned(),
        path: format!("/admin/v1/{path}"),
        content_type: (method == "POST").then(|| "application/json".to_owned()),
        body: Some(body.into_bytes()),
        ..Request::default()
    }
}

fn claims(now: Time) -> Value {
    json!({ "aud": [tag()], "email": ANN, "exp": now.secs() + 3600, "iat": now.secs(), "iss": TEAM })
}

fn assertion(key: &ClientKey, kid: &str, claims: &Value) -> String {
    let header = json!({ "alg": "ES256", "kid": kid, "typ": "JWT" }).to_string();
    let signed: Value = serde_json::from_slice(&key.sign_raw(&header, claims.to_string().as_bytes())).unwrap();
    ["protected", "payload", "signature"].map(|part| signed[part].as_str().unwrap()).join(".")
}

fn bearer(token: &str) -> Option<String> {
    Some(format!("Bearer {token}"))
}

#[test]
fn access_assertion_signs_an_operator_in() {
    let fixture = Fixture::new();
    let shown = fixture.ask(&fixture.assertion()).is(200).json();
    assert_eq!((&shown["who"], &shown["by"]), (&json!(ANN), &json!("access")));
    let mut service = claims(fixture.world.now());
    service["email"] = Value::Null;
    service["common_name"] = "0123.access".into();
    let shown = fixture.ask(&assertion(&fixture.key, "one", &service)).is(200).json();
    assert_eq!((&shown["who"], &shown["by"]), (&json!("0123.access"), &json!("access")));
    // What they do stands in the record by their name.
    let made = Request { access: Some(fixture.assertion()), ..request("POST", "replacements") };
    fixture.send(made).is(201);
    let record = fixture.world.records("audit/");
    assert!(record.iter().all(|(_, entry)| entry["who"] == ANN && entry["by"] == "access") && record.len() == 2);
    assert_eq!(fixture.refusals(), []);
    let lines = fixture.world.lines().join("\n");
    assert!(lines.contains(&format!("\"operator\":\"{ANN}\"")), "{lines}");
    assert!(
        !lines.contains(&fixture.assertion()[..40])
            && !fixture.world.log().join("").contains(&fixture.assertion()[..40])
    );
}

#[test]
fn assertions_are_refused_without_access_configured() {
    let fixture = Fixture::new();
    let said = fixture.assertion();
    let closed = fixture.world.reconfigured(|settings| settings.access = None);
    let asked = Request { access: Some(said.clone()), ..request("GET", "status") };
    closed.send(asked.clone()).refused(404, Kind::Malformed);
    let by_token = closed.reconfigured(|settings| {
        settings.admin = AdminTokens::read(Some(&json!({ "ada": ADMIN }).to_string())).unwrap();
    });
    by_token.send(asked).refused(401, Kind::Unauthorized);
    assert_eq!(fixture.fetches(), 0);
    // And where it is, who brings nothing is nobody, but has sent nothing wrong either.
    fixture.send(request("GET", "status")).refused(401, Kind::Unauthorized);
    assert_eq!(fixture.refusals(), []);
}

#[test]
fn wrong_assertion_is_refused_counted_and_recorded() {
    let fixture = Fixture::new();
    let now = fixture.world.now();
    let changed = |member: &str, value: Value| {
        let mut claims = claims(now);
        claims[member] = value;
        assertion(&fixture.key, "one", &claims)
    };
    let stranger = ClientKey::generate(SigAlg::Es256);
    let wrong = [
        (changed("aud", json!(["0b".repeat(32)])), "ACCESS_AUDIENCE"),
        (changed("iss", json!("https://team-b.cloudflareaccess.com")), "ACCESS_TEAM"),
        (changed("exp", json!(now.secs() - 61)), "expired"),
        (changed("email", json!("ann\nexample")), "email"),
        (assertion(&stranger, "one", &claims(now)), "not by the team's key"),
        (assertion(&stranger, "two", &claims(now)), "none of the team's keys"),
        ("no.assertion".to_owned(), "three base64url texts"),
    ];
    let tried = wrong.len();
    for (text, why) in wrong {
        let refused = fixture.ask(&text).refused(401, Kind::Unauthorized);
        assert_eq!(refused.header("WWW-Authenticate"), Some("Bearer realm=\"operations\""));
        assert!(refused.detail().contains(why) && !refused.detail().contains(ANN), "{}", refused.detail());
    }
    let refusals = fixture.refusals();
    assert_eq!(refusals.len(), tried);
    assert!(
        refusals
            .iter()
            .all(|(who, by, why)| who == "nobody" && by == "none" && why.starts_with("an invalid assertion: "))
    );
    for _ in tried..10 {
        fixture.ask("x").refused(401, Kind::Unauthorized);
    }
    fixture.ask("x").refused(429, Kind::RateLimited);
    fixture.ask(&fixture.assertion()).is(200);
    fixture.world.pass(Duration::from_secs(601));
    fixture.ask("x").refused(401, Kind::Unauthorized);
}

#[test]
fn access_roles_decide_by_address_domain_and_group_and_a_lost_role_is_refused() {
    let roles = json!({ "ann@example.org": "revoker", "group:ca-admins": "operator", "*@example.org": "auditor" });
    let fixture = Fixture::new();
    let restricted = |roles: &Value| {
        let roles = AccessRoles::read(&roles.to_string()).unwrap();
        fixture.world.reconfigured(|settings| settings.access.as_mut().unwrap().roles = Some(roles.clone()))
    };
    let world = restricted(&roles);
    let ask = |world: &World, method: &str, path: &str, email: &str, groups: Value| {
        let mut claims = claims(world.now());
        (claims["email"], claims["custom"]) = (email.into(), json!({ "groups": groups }));
        let access = Some(assertion(&fixture.key, "one", &claims));
        world.send(Request { access, ..request(method, path) })
    };
    let role = |email: &str, groups: Value| ask(&world, "GET", "me", email, groups).is(200).json()["role"].clone();
    assert_eq!(role(ANN, json!(["ca-admins"])), "revoker", "her own address decides alone");
    assert_eq!(role("ben@example.org", json!([])), "auditor");
    assert_eq!(role("ben@example.org", json!(["x", { "id": "1", "name": "ca-admins" }])), "operator");
    assert_eq!(role("eve@other.test", json!(["ca-admins"])), "operator");
    ask(&world, "POST", "replacements", ANN, json!([])).is(201);
    let refused = ask(&world, "POST", "replacements", "ben@example.org", json!([])).refused(403, Kind::Unauthorized);
    assert!(refused.detail().contains("ben@example.org has the role auditor"), "{}", refused.detail());
    let stranger = ask(&world, "GET", "status", "eve@other.test", json!([])).refused(403, Kind::Unauthorized);
    assert!(stranger.detail().contains("ACCESS_ROLES has no role for this name"), "{}", stranger.detail());
    // The next request after the role was taken away.
    let later = restricted(&json!({ "group:ca-admins": "operator" }));
    let lost = ask(&later, "POST", "replacements", ANN, json!([])).refused(403, Kind::Unauthorized);
    assert!(lost.detail().contains("no role for this name"), "{}", lost.detail());
    let refusals: Vec<String> = fixture.refusals().into_iter().map(|(who, _, why)| format!("{who}: {why}")).collect();
    assert_eq!(refusals, ["eve@other.test: no role", "ann@example.org: no role"]);
}

#[test]
fn sent_token_takes_precedence_over_access() {
    let fixture = Fixture::with(Some(json!({ "ada": ADMIN })));
    let with = |token: &str, assertion: &str| Request {
        authorization: bearer(token),
        access: Some(assertion.to_owned()),
        ..request("GET", "status")
    };
    let good = fixture.assertion();
    for assertion in [good.as_str(), "a wrong one"] {
        let shown = fixture.send(with(ADMIN, assertion)).is(200).json();
        assert_eq!((&shown["who"], &shown["by"]), (&json!("ada"), &json!("token")));
    }
    fixture.send(with("a-token-that-nobody-has-and-nobody-had", &good)).refused(401, Kind::Unauthorized);
    assert_eq!(fixture.refusals(), [("nobody".to_owned(), "none".to_owned(), "an invalid token".to_owned())]);
    assert_eq!(fixture.fetches(), 0, "nobody is asked where it does not matter");
}

#[test]
fn cross_site_page_cannot_act_for_an_operator() {
    let fixture = Fixture::with(Some(json!({ "ada": ADMIN })));
    let from = |method: &str, origin: Option<&str>, site: Option<&str>| Request {
        access: Some(fixture.assertion()),
        origin: origin.map(str::to_owned),
        fetch_site: site.map(str::to_owned),
        ..request(method, "replacements")
    };
    let stored = || fixture.world.records("replace/").len();
    for (origin, site) in [
        (Some("https://evil.test"), None),
        (Some("https://evil.test"), Some("cross-site")),
        (Some("https://ca.test.evil.test"), None),
        (Some("https://ca.test:8443"), None),
        (Some("http://ca.test"), None),
        (Some("null"), None),
        (Some(""), None),
        (None, Some("cross-site")),
        (None, Some("same-site")),
        (None, Some("none")),
    ] {
        let before = stored();
        let refused = fixture.send(from("POST", origin, site)).refused(403, Kind::Unauthorized);
        assert!(refused.detail().contains("another site"), "{origin:?} {site:?}");
        assert_eq!(stored(), before);
    }
    let refusals = fixture.refusals();
    assert_eq!(refusals.len(), 10);
    assert!(refusals.iter().all(|(who, by, _)| who == ANN && by == "access"), "{refusals:?}");
    for (origin, site) in [
        (Some(BASE), None),
        (Some(BASE), Some("same-origin")),
        // Reached by another name than BASE_URL.
        (Some("https://selvedge.workers.test"), Some("same-origin")),
        (None, Some("same-origin")),
        // A program.
        (None, None),
    ] {
        fixture.send(from("POST", origin, site)).is(201);
    }
    // A page cannot read the answer to a GET, and a GET changes nothing; a token no browser adds by itself.
    fixture.send(from("GET", Some("https://evil.test"), Some("cross-site"))).is(200);
    let by_token = Request { authorization: bearer(ADMIN), ..from("POST", Some("https://evil.test"), None) };
    fixture.send(by_token).is(201);
}

#[test]
fn access_keys_are_fetched_hourly_and_new_ones_found() {
    let fixture = Fixture::new();
    for _ in 0..3 {
        fixture.ask(&fixture.assertion()).is(200);
    }
    assert_eq!(fixture.fetches(), 1);
    fixture.world.pass(Duration::from_secs(3600));
    fixture.ask(&fixture.assertion()).is(200);
    assert_eq!(fixture.fetches(), 1);
    // The team changes its key: the one before is gone, the new one is looked for at once.
    let new = ClientKey::generate(SigAlg::Es256);
    fixture.publish(&[("two", &new)]);
    fixture.world.pass(Duration::from_secs(61));
    fixture.ask(&assertion(&new, "two", &claims(fixture.world.now()))).is(200);
    fixture.ask(&fixture.assertion()).refused(401, Kind::Unauthorized);
    assert_eq!(fixture.fetches(), 1);
    // Anyone can make up names of keys: they are asked for once a minute at most.
    for n in 0..5 {
        fixture
            .ask(&assertion(&new, &format!("made-up-{n}"), &claims(fixture.world.now())))
            .refused(401, Kind::Unauthorized);
    }
    assert_eq!(fixture.fetches(), 0);
}

#[test]
fn unfetchable_access_keys_refuse_without_counting() {
    let fixture = Fixture::new();
    for (status, document, why) in [
        (404, "", "HTTP status 404"),
        (200, "<html>", "the keys' document"),
        (302, "{}", "HTTP status 302"),
        (200, r#"{"keys":[]}"#, "no key is for RS256 or ES256"),
    ] {
        fixture.world.network().document(CERTS, status, document);
        fixture.ask(&fixture.assertion()).refused(503, Kind::ServerInternal);
        let said = fixture.world.log().last().unwrap().clone();
        assert!(said.contains(CERTS) && said.contains(why), "{said}");
        // Within a minute they are not asked for again.
        fixture.ask(&fixture.assertion()).refused(503, Kind::ServerInternal);
        assert_eq!(fixture.fetches(), 1, "{why}");
        fixture.world.pass(Duration::from_secs(61));
    }
    assert_eq!(fixture.refusals(), []);
    fixture.publish(&[("one", &fixture.key)]);
    fixture.ask(&fixture.assertion()).is(200);
    // Those that are there go on for two hours.
    fixture.world.network().document(CERTS, 500, "");
    fixture.world.pass(Duration::from_secs(2 * 3600 - 1));
    fixture.ask(&fixture.assertion()).is(200);
    fixture.ask(&fixture.assertion()).is(200);
    assert!(fixture.world.log().last().unwrap().contains("HTTP status 500"), "which is known in time");
    fixture.world.pass(Duration::from_secs(61));
    fixture.ask(&fixture.assertion()).refused(503, Kind::ServerInternal);
    // A signature that could not be checked is nobody's fault either.
    fixture.publish(&[("one", &fixture.key)]);
    fixture.world.pass(Duration::from_secs(61));
    fixture.ask(&fixture.assertion()).is(200);
    fixture.world.operations().plan(&[(0, selvedge::ca::testing::OperationFault::Fails)]);
    fixture.ask(&fixture.assertion()).refused(503, Kind::ServerInternal);
    fixture.world.heal();
    assert_eq!(fixture.refusals(), []);
}
