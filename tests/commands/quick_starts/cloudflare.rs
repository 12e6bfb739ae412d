//! A double of Cloudflare's API by TLS: an account with one zone and a subdomain.

use std::net::TcpListener;
use std::sync::Arc;

use der::pem::decode_vec;
use selvedge::pki::ceremony::{create_intermediate, create_root, create_server_leaf};
use selvedge::pki::pem::read_certificates;
use selvedge::values::Time;
use serde_json::{Value, json};

use crate::server::{Asked, Server};

/// The host of the API.
pub const HOST: &str = "api.cloudflare.com";
/// The token that the double of wrangler gives after its login.
pub const TOKEN: &str = "login-token-0123456789";

/// Starts the API; returns it with the root certificate to trust.
pub fn start() -> (Server, String) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = Time::from_secs(now.as_secs());
    let root = create_root("Double's Root", now, 5).unwrap();
    let issuer = create_intermediate(&root, "Double's Issuer", now, 5).unwrap();
    let leaf = create_server_leaf(&issuer, &[HOST], &[], now, 30).unwrap();
    let chain = read_certificates(&leaf.certificate).unwrap().into_iter().map(Into::into).collect();
    let (_, key) = decode_vec(leaf.key.as_bytes()).unwrap();
    let tls = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, rustls_pki_types::PrivateKeyDer::Pkcs8(key.into()))
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    (Server::on(listener, Some(Arc::new(tls)), Arc::new(answer)), root.certificate)
}

fn answer(asked: &Asked) -> (u16, Vec<u8>) {
    assert_eq!(asked.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    let result = match asked.line.strip_prefix("GET /client/v4").unwrap_or_else(|| panic!("{}", asked.line)) {
        "/accounts" => json!([{"id": "acc0"}]),
        "/zones?name=corp.example" => {
            json!([{"id": "z1", "name": "corp.example", "status": "active", "account": {"id": "acc0"}}])
        }
        "/accounts/acc0/workers/subdomain" => json!({"subdomain": "team"}),
        "/zones/z1/settings/always_use_https" => json!({"id": "always_use_https", "value": "off"}),
        _ => Value::Array(Vec::new()),
    };
    (200, json!({"success": true, "errors": [], "result": result}).to_string().into_bytes())
}
