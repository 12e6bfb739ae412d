//! The names that orders accept, and refusals of others (RFC 8555 §6.7.1, §7.4).
//!
//! Names begin with the checklist's ids.

use core::time::Duration;
use selvedge::ca::config::policy;
use selvedge::ca::testing::{Answered, Client, CsrShape, World, challenge, new_key};
use selvedge::jose::testing::ClientKey;
use selvedge::pki::ceremony::{Constraints, IssuerPlan, Root};
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use selvedge::values::identifier::DnsName;
use serde_json::{Value, json};

fn under(policy: &Value) -> World {
    let policy = policy::read_policy("POLICY", policy).unwrap();
    World::new().reconfigured(|settings| (settings.policy, settings.dev) = (policy, true))
}

/// Checks the problem of a refused order: the names and types of its subproblems.
fn subproblems_of(refused: &Answered) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let kind = |one: &Value| text(&one["type"]).rsplit(':').next().unwrap().to_owned();
    let problem = refused.json();
    let subproblems = problem["subproblems"].as_array().cloned().unwrap_or_default();
    for one in &subproblems {
        assert!(text(&one["detail"]).len() > 20, "{one}");
    }
    subproblems.iter().map(|one| (text(&one["identifier"]["value"]), kind(one))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned())).collect()
}

/// FU-03: each refused name has its subproblem, whatever the reasons and number.
#[test]
fn e02_o04_one_refused_name_of_several_is_reported() {
    let rejected = "rejectedIdentifier";
    let world = under(&json!({ "deny": ["no.test", "*.never.test"] }));
    let client = Client::registered(&world);
    let before = world.rows_but_nonces();
    let one = client.new_order(&["a.test", "no.test"]).refused(400, Kind::RejectedIdentifier);
    assert_eq!(subproblems_of(&one), pairs(&[("no.test", rejected)]));
    assert!(one.detail().contains("deny \"no.test\"") && one.detail().contains("1 of 2"), "{}", one.detail());
    let two = client.new_order(&["no.test", "a.test", "*.never.test"]).refused(400, Kind::RejectedIdentifier);
    assert_eq!(subproblems_of(&two), pairs(&[("no.test", rejected), ("*.never.test", rejected)]));
    let malformed = client.new_order(&["a.test", "a..test"]).refused(400, Kind::Malformed);
    assert_eq!(subproblems_of(&malformed), pairs(&[("a..test", "malformed")]));
    let mixed = client.new_order(&["no.test", "a.test", "a..test"]).refused(400, Kind::Compound);
    assert_eq!(subproblems_of(&mixed), pairs(&[("a..test", "malformed"), ("no.test", rejected)]));
    let kinds = json!([{ "type": "email", "value": "a@a.test" }, { "type": "dns", "value": "a.test" }]);
    let foreign = client.post(&client.url("new-order"), json!({ "identifiers": kinds }));
    let foreign = foreign.refused(400, Kind::UnsupportedIdentifier);
    assert_eq!(subproblems_of(&foreign), pairs(&[("a@a.test", "unsupportedIdentifier")]));
    // An order for one name needs none.
    assert_eq!(subproblems_of(&client.new_order(&["no.test"]).refused(400, Kind::RejectedIdentifier)), []);
    assert_eq!(subproblems_of(&client.new_order(&["a..test"]).refused(400, Kind::Malformed)), []);
    assert_eq!(world.rows_but_nonces(), before);
    client.new_order(&["a.test"]).is(201);
}

#[test]
fn e02_o04_name_outside_name_constraints_is_reported() {
    let world = World::new();
    let constraints = &Constraints::new(&[DnsName::parse("in.test").unwrap()], &[]).unwrap();
    let plan = IssuerPlan { common_name: "Constrained", algorithm: SigAlg::Es256, constraints, years: 5 };
    let root = Root::create(SigAlg::Es384, "Another Root", world.now(), 10).unwrap();
    let client = Client::registered(&world.with_only(&root.create_issuer(plan, world.now()).unwrap()));
    let refused = client.new_order(&["a.in.test", "out.test"]).refused(400, Kind::RejectedIdentifier);
    assert_eq!(subproblems_of(&refused), pairs(&[("out.test", "rejectedIdentifier")]));
}

#[test]
fn e02_o04_newly_forbidden_names_are_reported_at_finalize() {
    let world = under(&json!({ "preauthorized": ["pre.test", "pro.test"] }));
    let client = Client::registered(&world);
    let (_, order) = client.ready_order(&["a.test", "b.test", "pre.test", "pro.test"]);
    let names = ["a.test", "b.test", "pre.test", "pro.test"];
    let csr = CsrShape::dns(&names).build(&new_key(SigAlg::Es256));
    let later = |policy: &Value| {
        let policy = policy::read_policy("POLICY", policy).unwrap();
        client.at(&world.reconfigured(|settings| (settings.policy, settings.dev) = (policy, true)))
    };
    let stricter = later(&json!({ "preauthorized": ["pre.test", "pro.test"], "deny": ["b.test"] }));
    let refused = stricter.finalize(&order, &csr).refused(400, Kind::RejectedIdentifier);
    assert_eq!(subproblems_of(&refused), pairs(&[("b.test", "rejectedIdentifier")]));
    for (granted, expected) in [(json!(["pre.test"]), &["pro.test"][..]), (json!([]), &["pre.test", "pro.test"][..])] {
        let refused = later(&json!({ "preauthorized": granted })).finalize(&order, &csr);
        let expected: Vec<_> = expected.iter().map(|name| (*name, "unauthorized")).collect();
        assert_eq!(subproblems_of(&refused.refused(403, Kind::Unauthorized)), pairs(&expected));
    }
    assert_eq!(client.at(&world).finalize(&order, &csr).is(200).json()["status"], "valid");
}

#[test]
fn e02_caa_forbidden_name_is_reported_as_ordered() {
    let client = Client::registered(&World::new());
    let names = ["a.example", "*.b.example"];
    let (_, order) = client.ready_order(&names);
    client.world.pass(Duration::from_secs(8 * 3600));
    let client = client.at(&client.world);
    client.world.network().caa("b.example", "issuewild", ";");
    let csr = CsrShape::dns(&names).build(&new_key(SigAlg::Es256));
    assert_eq!(
        subproblems_of(&client.finalize(&order, &csr).refused(403, Kind::Caa)),
        pairs(&[("*.b.example", "caa")])
    );
}

#[test]
fn e02_o11_order_error_has_the_failed_name() {
    let client = Client::registered(&World::new());
    for (names, failed) in [(&["a.test", "b.test"][..], true), (&["c.test"], false)] {
        let placed = client.new_order(names).is(201);
        let (_, authorization) = client.authorizations(&placed.json()).remove(0);
        let wrong = client.prove(&authorization, selvedge::ca::testing::Proof::WrongHttp);
        client.post(wrong["url"].as_str().unwrap(), json!({})).is(200);
        let error = client.get(&placed.location()).is(200).json()["error"].clone();
        assert_eq!(error["type"], "urn:ietf:params:acme:error:unauthorized", "{error}");
        let about = error["subproblems"].as_array().map(|all| all[0]["identifier"]["value"].clone());
        assert_eq!(about, failed.then(|| json!("a.test")), "{error}");
    }
}

/// FS-04: URL parsers take these for addresses, so they are refused as dns identifiers.
#[test]
fn o05_names_ending_in_a_number_are_refused() {
    let client = Client::registered(&World::new());
    let (_, order) = client.ready_order(&["a.test"]);
    let before = client.world.rows_but_nonces();
    let numbers = [
        "127.0.0.0x2",
        "0x7f000002",
        "0X7F.0.0.2",
        "2130706434",
        "017700000002",
        "1.2.3",
        "foo.0x7f",
        "foo.0x",
        "foo.123",
        "*.0x1",
    ];
    for name in numbers {
        let refused = client.new_order(&[name]).refused(400, Kind::Malformed);
        assert!(refused.detail().contains("ends in a number"), "{}", refused.detail());
        client.new_authz(name).refused(400, Kind::Malformed);
        let csr = CsrShape::dns(&["a.test", name]).build(&new_key(SigAlg::Es256));
        client.finalize(&order, &csr).refused(400, Kind::BadCsr);
    }
    assert_eq!(client.world.rows_but_nonces(), before);
    client.new_order(&["0x7f.test", "1.2.3.4.test", "a.x7f", "b.1a"]).is(201);
}

fn long_name(length: usize, first: &str) -> String {
    let mut name = format!("{first}{}", format!(".{}", "x".repeat(61)).repeat(4));
    name.truncate(length - 5);
    assert!(!name.ends_with('.') && name.split('.').all(|label| label.len() <= 63));
    name + ".test"
}

/// FP-07: every accepted order can be finalized and revoked, with the longest names and keys.
#[test]
fn o09_t16_hundred_full_length_names_are_issued() {
    let client = Client::registered(&World::new());
    let names: Vec<String> = (0..100).map(|n| long_name(253, &format!("{n:02}"))).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert!(names.iter().all(|name| name.len() == 253));
    let key = ClientKey::generate(SigAlg::Rs256);
    let certificate = client.issue_with(&names, json!({ "notAfter": "0001-01-01T00:00:00Z" }), key.native());
    assert!(certificate.len() > 25_600);
    client.revoke(&certificate, None).is(200);
    client.new_order(&[&long_name(253, "00"), &format!("{}x", long_name(253, "01"))]).refused(400, Kind::Malformed);
}

/// FP-14: a record below the name has a longer name, maybe too long for DNS.
#[test]
fn z04_challenges_are_offered_where_records_fit() {
    let all = ["http-01", "dns-01", "tls-alpn-01", "dns-account-01", "dns-persist-01"];
    let client = Client::registered(&under(&json!({ "challenges": all })));
    for (length, offered) in [
        (219, &all[..]),
        (220, &["http-01", "dns-01", "tls-alpn-01", "dns-persist-01"]),
        (233, &["http-01", "dns-01", "tls-alpn-01", "dns-persist-01"]),
        (234, &["http-01", "dns-01", "tls-alpn-01"]),
        (237, &["http-01", "dns-01", "tls-alpn-01"]),
        (238, &["http-01", "tls-alpn-01"]),
        (253, &["http-01", "tls-alpn-01"]),
    ] {
        let order = client.new_order(&[&long_name(length, "n")]).is(201).json();
        let (_, authorization) = client.authorizations(&order).remove(0);
        let types: Vec<_> = authorization["challenges"].as_array().unwrap().iter().map(|c| c["type"].clone()).collect();
        assert_eq!(types, offered, "{length}");
    }
    // Where none is left, the order is refused, and says so.
    let refused = client.new_order(&[&format!("*.{}", long_name(240, "n"))]).refused(400, Kind::RejectedIdentifier);
    assert!(refused.detail().contains("can prove it"), "{}", refused.detail());
    let placed = client.new_order(&[&format!("*.{}", long_name(237, "n"))]).is(201).json();
    let (_, authorization) = client.authorizations(&placed).remove(0);
    assert_eq!(challenge(&authorization, "dns-01")["type"], "dns-01");
}
