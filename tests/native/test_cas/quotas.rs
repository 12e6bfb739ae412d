//! The quotas of test CAs, and the operators' list.

use crate::operations::operator::{ADA, BEN, Operator};
use selvedge::ca::config::admin_tokens::AdminTokens;
use selvedge::ca::http::address::ClientAddress;
use selvedge::ca::http::message::Request;
use selvedge::ca::partitions::test_cas::ADDRESS_QUOTA;
use selvedge::ca::testing::{Answered, World};
use selvedge::records::Kind;
use serde_json::json;

fn ask(world: &World, n: u8, token: Option<&str>) -> Answered {
    world.send(Request {
        method: "POST".to_owned(),
        path: "/ca".to_owned(),
        authorization: token.map(|token| format!("Bearer {token}")),
        address: Some(ClientAddress::of([192, 0, 2, n].into())),
        body: Some(Vec::new()),
        ..Request::default()
    })
}

#[test]
fn flood_meets_its_quota_and_leaves_nothing() {
    let operator = Operator::of(&World::new().with_test_cas());
    let world = &operator.world;
    let made: Vec<_> = (0..ADDRESS_QUOTA).map(|_| world.made_test_ca(ask(world, 1, None).is(201).json())).collect();
    let (rows, databases) = (world.rows(), world.databases());
    for _ in 0..50 {
        let refused = ask(world, 1, None).refused(429, Kind::RateLimited);
        assert_eq!(refused.header("Retry-After"), Some("7200"));
        assert!(refused.detail().contains("10 test CAs of this sender"), "{}", refused.detail());
    }
    assert_eq!((world.rows(), world.databases()), (rows, databases));
    // Others have their own, and one that ends makes room.
    let other = world.made_test_ca(ask(world, 2, None).is(201).json());
    let ada = world.made_test_ca(ask(world, 1, Some(ADA)).is(201).json());
    made[0].end();
    let again = world.made_test_ca(ask(world, 1, None).is(201).json());
    ask(world, 1, None).refused(429, Kind::RateLimited);
    for one in made[1..].iter().chain([&other, &ada, &again]) {
        one.end();
    }
    let left: Vec<_> =
        world.databases().into_iter().filter(|name| name.starts_with("ca/") || name.starts_with("testca")).collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn role_without_the_permission_makes_none_at_either_url() {
    let text = json!({ "eve": { "token": BEN, "role": "auditor" }, "ada": ADA }).to_string();
    let world = World::new().with_test_cas().reconfigured(|settings| {
        settings.admin = AdminTokens::read(Some(&text)).unwrap();
    });
    let refused = ask(&world, 1, Some(BEN)).refused(403, Kind::Unauthorized).detail();
    assert!(refused.contains("\"test-cas\""), "{refused}");
    world.made_test_ca(ask(&world, 1, Some(ADA)).is(201).json());
    let operator = Operator::of(&world);
    assert_eq!(operator.see("test-cas")["test_cas"].as_array().unwrap().len(), 1);
    let entries = operator.see("audit")["entries"].as_array().unwrap().clone();
    assert_eq!(entries[0]["what"], "test-ca.make");
    let refusal = entries.iter().find(|entry| entry["what"] == "permission").expect("the refusal is recorded");
    assert_eq!((&refusal["who"], &refusal["outcome"]), (&json!("eve"), &json!("refused")));
}

#[test]
fn operators_make_list_and_end_them() {
    let operator = Operator::of(&World::new().with_test_cas());
    let world = &operator.world;
    let made = world.made_test_ca(operator.post("test-cas", &json!({ "ttl": "30m" })).is(201).json());
    let other = world.made_test_ca(ask(world, 1, Some(BEN)).is(201).json());
    let listed = operator.see("test-cas");
    let of = |member: &str| {
        let all = listed["test_cas"].as_array().unwrap().iter();
        all.map(|one| one[member].as_str().unwrap().to_owned()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(of("owner"), ["operator/ada", "operator/ben"].map(str::to_owned).into());
    assert_eq!(of("id"), [made.id.to_string(), other.id.to_string()].into());
    assert!(!listed.to_string().contains(&made.token), "tokens are not listed");
    // Every operator ends every one, at its URL.
    let path = made.world.path("/admin/v1/end");
    let request = Request { path, ..operator.request("POST", "end", Some("{}")) };
    world.send(request).is(200);
    other.end();
    assert_eq!(operator.see("test-cas"), json!({ "test_cas": [] }));
    ask(world, 1, Some("wrong-token-0123456789-0123456789")).refused(401, Kind::Unauthorized);
    let audit = operator.see("audit").to_string();
    assert!(audit.contains("test-ca.make"), "{audit}");
}
