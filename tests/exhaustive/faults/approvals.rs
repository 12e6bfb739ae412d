//! Actions that wait for a second person.

use super::fixture::{ADMIN, Fixture};
use super::requests::{Case, case, operate};
use selvedge::ca::config::admin_tokens::AdminTokens;
use selvedge::ca::config::four_eyes::FourEyes;
use selvedge::ca::testing::World;
use serde_json::json;

/// The token of the second person.
const SECOND: &str = "a-second-admin-token-of-sufficient-length";

/// The case from another start.
fn from<'a>(start: &World, case: Case<'a>) -> Case<'a> {
    Case { start: start.fork(), ..case }
}

/// The requests about such actions.
pub fn approving(fixture: &Fixture) -> Vec<Case<'_>> {
    let tokens = json!({ "ada": ADMIN, "ben": SECOND }).to_string();
    let guarded = fixture.world.reconfigured(|settings| {
        settings.admin = AdminTokens::read(Some(&tokens)).unwrap();
        settings.four_eyes = FourEyes::read(Some("policy, revoke:2")).unwrap();
    });
    let policy = operate("POST", "policy", Some(&json!({ "wildcards": false })));
    let waiting = guarded.fork();
    let asked = waiting.send(policy.clone()).is(202).json();
    let id = asked["approval"]["id"].as_str().unwrap().to_owned();
    let revoke = format!("certificates/{}/revoke", fixture.certificate_serial());
    let revoke = operate("POST", &revoke, Some(&json!({ "reason": 4 })));
    let by_second = move |path: &str| {
        let mut request = operate("POST", path, Some(&json!({})));
        request.authorization = Some(format!("Bearer {SECOND}"));
        request
    };
    let confirm = by_second(&format!("approvals/{id}/confirm"));
    let reject = by_second(&format!("approvals/{id}/reject"));
    let (list, show) = (operate("GET", "approvals", None), operate("GET", &format!("approvals/{id}"), None));
    vec![
        from(&guarded, case(fixture, "operations: action that waits", 202, &[], move |_| policy.clone())),
        from(&guarded, case(fixture, "operations: revocation of few", 200, &[202, 409], move |_| revoke.clone())),
        from(&waiting, case(fixture, "operations: actions that wait", 200, &[], move |_| list.clone())),
        from(&waiting, case(fixture, "operations: one of them", 200, &[], move |_| show.clone())),
        from(&waiting, case(fixture, "operations: rejection", 200, &[409], move |_| reject.clone())),
        from(&waiting, case(fixture, "operations: confirmation", 200, &[409], move |_| confirm.clone())),
    ]
}
