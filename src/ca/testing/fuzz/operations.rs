//! Inputs of operators.

use super::super::world::World;
use crate::ca::config::admin_tokens::AdminTokens;
use crate::ca::http::message::{MAX_BODY, Request};

const TOKEN: &str = "a-token-for-fuzzing-of-sufficient-length";

/// An operator's request. Method and path with query are in its first two lines, then the body.
///
/// The CA has a policy and the external account key `team`. A refusal changes only the audit record.
pub fn operations(data: &[u8]) {
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let mut line = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (method, path) = (line(), line());
    let body = parts.next().map(<[u8]>::to_vec).filter(|body| body.len() <= MAX_BODY);
    let world = World::new().reconfigured(|settings| {
        settings.admin = AdminTokens::read(Some(&format!(r#"{{"ada":"{TOKEN}"}}"#))).expect("a token");
        settings.external.more = true;
    });
    let ask = |method: &str, path: &str, body: Option<Vec<u8>>| {
        world.send(Request {
            method: method.to_owned(),
            path: format!("/admin/v1/{path}"),
            content_type: Some("application/json".to_owned()),
            authorization: Some(format!("Bearer {TOKEN}")),
            body,
            ..Request::default()
        })
    };
    ask("POST", "external-accounts", Some(br#"{"kid":"team"}"#.to_vec())).is(201);
    ask("POST", "policy", Some(br#"{"allow":["*.a.test"]}"#.to_vec())).is(201);
    let stored = || {
        let mut rows = world.rows_but_nonces();
        rows.retain(|(_, key), _| !key.starts_with("audit"));
        rows
    };
    let before = stored();
    let answered = ask(&method, &path, body);
    assert!(answered.status() < 500, "{}: {}", answered.asked, answered.text());
    assert!(answered.text().len() <= 8 * MAX_BODY, "{}: an answer of {} bytes", answered.asked, answered.text().len());
    assert!(answered.status() < 300 || stored() == before, "{}: {}", answered.asked, answered.text());
}
