//! Roles: each route for each role, and ended tokens.

use super::document::routes;
use super::operator::{ADA, DAY, Operator, address, issue};
use selvedge::ca::config::admin_tokens::AdminTokens;
use selvedge::ca::http::operator_routes::PREFIX;
use selvedge::ca::http::permissions::Permission;
use selvedge::ca::testing::World;
use selvedge::records::Kind;
use selvedge::records::operations::role::Role;
use serde_json::{Value, json};
use std::fs;

/// The token of a role in [`with_roles`].
fn token(role: Role) -> String {
    format!("{}-token-0123456789-0123456789-abc", role.name())
}

/// A CA with a token for each role, named like it.
fn with_roles(world: &World, until: Option<&str>) -> Operator {
    let entry = |role: Role| {
        let mut entry = json!({ "token": token(role), "role": role.name() });
        if let Some(until) = until {
            entry["until"] = until.into();
        }
        (role.name().to_owned(), entry)
    };
    let tokens = Value::Object(Role::ALL.into_iter().map(entry).collect()).to_string();
    let world = world.reconfigured(|settings| {
        settings.admin = AdminTokens::read(Some(&tokens)).unwrap();
        settings.test_machine.faults = true;
    });
    Operator { world, token: token(Role::Owner), address: Some(address(1)) }
}

#[test]
fn every_route_is_allowed_or_refused_for_every_role_as_the_table_says() {
    let operator = with_roles(&World::new(), None);
    let (mut refused, mut allowed) = (0, 0);
    for route in routes() {
        let (methods, path) = route.described();
        let path = path.strip_prefix(PREFIX).unwrap().replace("{serial}", "0a").replace("{kid}", "x");
        let path = path.replace("{id}", if path.starts_with("accounts") { "AQEBAQEBAQEBAQEBAQEBAQ" } else { "x" });
        for method in methods.split(", ") {
            for role in Role::ALL {
                let one = operator.with(&token(role), 2);
                let may = route.permission(method).is_of(role);
                let before = one.world.rows().keys().filter(|(_, key)| !key.starts_with("audit")).count();
                // A body that no route takes: it changes nothing where the role is allowed either.
                let body = (method == "POST").then_some("{\"unheard-of\":1}");
                let answered = one.send(one.request(method, &path, body));
                let lacks = answered.status() == 403 && answered.text().contains("this needs the permission");
                let lacks = lacks || (method == "HEAD" && answered.status() == 403);
                assert_eq!(lacks, !may, "{method} {path} as {}: {}", role.name(), answered.text());
                if !may {
                    let detail = answered.refused(403, Kind::Unauthorized).detail();
                    let least = route.permission(method).least().name();
                    assert!(detail.contains(&format!("which the role {least} has")), "{detail}");
                    assert!(detail.contains(&format!("has the role {}", role.name())), "{detail}");
                    assert_eq!(one.world.rows().keys().filter(|(_, key)| !key.starts_with("audit")).count(), before);
                    refused += 1;
                } else {
                    allowed += 1;
                }
                // Reading is for all, and the auditor's POSTs are dry runs only.
                assert!(may || method == "POST", "{method} {path}");
                assert!(role != Role::Auditor || !may || method != "POST" || path == "policy/check", "{path}");
            }
        }
    }
    assert!(refused > 30 && allowed > 100, "{refused} {allowed}");
}

#[test]
fn refusal_and_action_are_recorded_with_the_role() {
    let operator = with_roles(&World::new(), None);
    let auditor = operator.with(&token(Role::Auditor), 3);
    let (_, serial) = issue(&operator.client(), &["a.test"], json!({}));
    auditor.post(&format!("certificates/{serial}/revoke"), &json!({})).refused(403, Kind::Unauthorized);
    let revoker = operator.with(&token(Role::Revoker), 3);
    revoker.post("external-accounts", &json!({})).refused(403, Kind::Unauthorized);
    revoker.post(&format!("certificates/{serial}/revoke"), &json!({})).is(200);
    let told: Vec<_> =
        operator.audit().iter().map(|one| format!("{} {} {}", one["what"], one["outcome"], one["role"])).collect();
    let expected = [
        "\"permission\" \"refused\" \"auditor\"",
        "\"permission\" \"refused\" \"revoker\"",
        "\"certificate.revoke\" \"attempted\" \"revoker\"",
        "\"certificate.revoke\" \"done\" \"revoker\"",
    ];
    assert_eq!(told, expected);
    assert_eq!(operator.audit()[0]["target"], format!("certificates/{serial}/revoke"));
}

#[test]
fn me_names_the_role_and_its_permissions() {
    let operator = with_roles(&World::new(), Some("2100-01-31T00:00:00Z"));
    for role in Role::ALL {
        let me = operator.with(&token(role), 2).see("me");
        assert_eq!((&me["name"], &me["role"], &me["by"]), (&role.name().into(), &role.name().into(), &"token".into()));
        assert_eq!(me["until"], "2100-01-31T00:00:00Z");
        let wanted: Vec<&str> = Permission::all().filter(|one| one.is_of(role)).map(Permission::name).collect();
        assert_eq!(me["permissions"], json!(wanted));
    }
    let me = Operator::new().see("me");
    assert_eq!(
        (&me["name"], &me["role"], &me["until"]),
        (&"ada".into(), &"owner".into(), &Value::Null),
        "as before roles"
    );
}

#[test]
fn ended_token_is_refused_with_its_end_and_reported_before_it() {
    let world = World::new();
    let end = world.now().plus(DAY * 15).rfc3339();
    let operator = with_roles(&world, Some(&end));
    let found = |operator: &Operator, id: &str| {
        let all = operator.see("health")["findings"].as_array().unwrap().clone();
        all.into_iter().filter(|one| one["id"] == id).collect::<Vec<_>>()
    };
    assert_eq!(found(&operator, "token-ending"), Vec::<Value>::new());
    operator.world.pass(DAY);
    let ending = found(&operator, "token-ending");
    assert!(ending.len() == 4 && ending[0]["severity"] == "due", "{ending:?}");
    operator.world.pass(DAY * 14);
    let refused = operator.get("status").refused(401, Kind::Unauthorized);
    assert!(refused.detail().contains(&format!("\"owner\" ended at {end}")), "{}", refused.detail());
    operator.post("policy", &json!({})).refused(401, Kind::Unauthorized);
    let both = json!({ "ada": ADA, "owner": { "token": token(Role::Owner), "until": end } }).to_string();
    let later = operator.world.reconfigured(|settings| settings.admin = AdminTokens::read(Some(&both)).unwrap());
    let later = Operator { world: later, token: ADA.to_owned(), address: Some(address(1)) };
    assert_eq!(found(&later, "token-ended").len(), 1);
    let entries = later.audit();
    assert!(entries.iter().all(|one| one["what"] == "sign-in" && one["who"] == "owner" && one["role"] == "owner"));
    assert_eq!(entries.len(), 2);
}

/// The rows of the table in docs/OPERATIONS.md.
#[test]
fn documents_have_the_permission_table() {
    let document = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/OPERATIONS.md")).unwrap();
    for permission in Permission::all() {
        let start = format!("| `{}` | ", permission.name());
        let row = document.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("no row {start}"));
        let has = Role::ALL.map(|role| if permission.is_of(role) { "yes" } else { "–" });
        assert!(row.ends_with(&format!("| {} |", has.join(" | "))), "{row}");
    }
}
