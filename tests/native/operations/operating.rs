//! A CA that is operated: requests of its operator, and its alarms in their time.

use core::time::Duration;
use selvedge::ca::config::admin_tokens::AdminTokens;
use selvedge::ca::config::settings::Settings;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{Answered, START, World};
use selvedge::pki::ceremony::{CertAndKey, create_intermediate, create_root};
use selvedge::values::b64;
use serde_json::{Value, json};

pub const DAY: Duration = Duration::from_secs(86_400);

/// The admin token of [`operate`].
pub const ADMIN: &str = "an-admin-token-of-sufficient-length";

/// A CA with an operator and without a webhook.
pub fn operated() -> World {
    let tokens = json!({ "ada": ADMIN }).to_string();
    World::new().reconfigured(|settings| settings.admin = AdminTokens::read(Some(&tokens)).unwrap())
}

pub fn another_issuer() -> CertAndKey {
    let root = create_root("Another Root", START, 10).unwrap();
    create_intermediate(&root, "Another Issuer", START, 5).unwrap()
}

/// What the operator asks is answered; a body makes it a POST.
pub fn operate(world: &World, path: &str, body: Option<Value>) -> Answered {
    world.send(Request {
        method: if body.is_some() { "POST" } else { "GET" }.to_owned(),
        path: format!("/admin/v1/{path}"),
        content_type: body.as_ref().map(|_| "application/json".to_owned()),
        authorization: Some(format!("Bearer {ADMIN}")),
        body: Some(body.map_or(Vec::new(), |body| body.to_string().into_bytes())),
        ..Request::default()
    })
}

/// Lets time pass, with each alarm at its time and nothing between them.
pub fn let_pass(world: &World, time: Duration) {
    let end = world.now().plus(time);
    loop {
        world.run_due_alarms();
        let next = world.alarms().values().min().copied().unwrap_or(end).min(end);
        if world.now() >= end {
            return;
        }
        world.pass(world.now().until(next));
    }
}

/// Settings of production with this value.
pub fn settings_with(name: &str, value: &str) -> Settings {
    let root = create_root("Root", START, 10).unwrap();
    let issuer = create_intermediate(&root, "Issuer", START, 5).unwrap();
    let read = |asked: &str| match asked {
        "MODE" => Some("production".to_owned()),
        "BASE_URL" => Some("https://ca.example.org".to_owned()),
        "RESOLVER_URL" => Some("https://dns.example.org/dns-query".to_owned()),
        "ISSUER_CHAIN" => Some(issuer.certificate.clone()),
        "NONCE_KEY" => Some(b64::encode(&[1; 32])),
        asked => (asked == name).then(|| value.to_owned()),
    };
    Settings::read(&read, START).unwrap()
}
