//! An operator, whose every answer is held against the contract.

use crate::contract::Contract;
use core::time::Duration;
use selvedge::ca::config::admin_tokens::AdminTokens;
use selvedge::ca::http::address::ClientAddress;
use selvedge::ca::http::message::{Body, Request};
use selvedge::ca::testing::{Answered, Client, World, new_key};
use selvedge::pki::Serial;
use selvedge::pki::serial::LEAF_RANDOM_BYTES;
use selvedge::values::{SigAlg, Time, b64};
use serde_json::{Value, json};
use std::sync::LazyLock;

pub const ADA: &str = "ada-token-0123456789-0123456789-abc";
pub const BEN: &str = "ben-token-0123456789-0123456789-abc";
pub const SECOND: Duration = Duration::from_secs(1);
pub const DAY: Duration = Duration::from_secs(86_400);

pub static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::read);

pub struct Operator {
    pub world: World,
    pub token: String,
    pub address: Option<ClientAddress>,
}

impl Operator {
    /// A new CA and who operates it.
    pub fn new() -> Self {
        Self::of(&World::new())
    }

    /// The same CA with operators.
    pub fn of(world: &World) -> Self {
        let tokens = json!({ "ada": ADA, "ben": BEN }).to_string();
        let world = world.reconfigured(|settings| {
            settings.admin = AdminTokens::read(Some(&tokens)).unwrap();
            settings.external.more = true;
        });
        Self { world, token: ADA.to_owned(), address: Some(address(1)) }
    }

    /// The same operator with another token, elsewhere.
    pub fn with(&self, token: &str, n: u8) -> Self {
        Self { world: self.world.clone(), token: token.to_owned(), address: Some(address(n)) }
    }

    pub fn request(&self, method: &str, path: &str, body: Option<&str>) -> Request {
        Request {
            method: method.to_owned(),
            path: format!("/admin/v1/{path}"),
            content_type: body.map(|_| "application/json".to_owned()),
            authorization: Some(format!("Bearer {}", self.token)),
            address: self.address,
            body: Some(body.unwrap_or_default().as_bytes().to_vec()),
            ..Request::default()
        }
    }

    /// Sends a request and checks its answer against the contract, for documented requests.
    pub fn send(&self, request: Request) -> Answered {
        let answered = self.world.send(request.clone());
        Self::check(&request, answered)
    }

    /// A POST that may crash the machine; `None` after a crash.
    pub fn try_post(&self, path: &str, body: &Value) -> Option<Answered> {
        self.try_send(self.request("POST", path, Some(&body.to_string())))
    }

    /// A request that may crash the machine; `None` after a crash.
    pub fn try_send(&self, request: Request) -> Option<Answered> {
        let answered = self.world.try_send(request.clone())?;
        Some(Self::check(&request, answered))
    }

    /// Holds an answer against the contract.
    fn check(request: &Request, answered: Answered) -> Answered {
        let line = format!("{} {}", request.method.replace("HEAD", "GET"), request.path);
        let head = request.method == "HEAD";
        if let (Ok(operation), false) = (CONTRACT.operation(&line), head || answered.status() == 405) {
            let media_type = answered.header("Content-Type").unwrap_or_default();
            let body = if media_type.contains("json") { answered.json() } else { answered.text().into() };
            CONTRACT.answer(&operation, answered.status(), Some(media_type), &body);
        }
        assert_eq!(answered.header("Cache-Control"), Some("no-store"), "{}", answered.asked);
        assert!(matches!(answered.response.body, Body::Text(_)));
        answered
    }

    pub fn get(&self, path: &str) -> Answered {
        self.send(self.request("GET", path, None))
    }

    /// What is found there.
    pub fn see(&self, path: &str) -> Value {
        self.get(path).is(200).json()
    }

    pub fn post(&self, path: &str, body: &Value) -> Answered {
        self.send(self.request("POST", path, Some(&body.to_string())))
    }

    /// Makes an external account key.
    pub fn key(&self, members: &Value) -> Value {
        self.post("external-accounts", members).is(201).json()
    }

    /// Changes an external account key.
    pub fn change(&self, kid: &str, members: &Value) -> Value {
        self.post(&format!("external-accounts/{kid}"), members).is(200).json()
    }

    /// What a new client is answered that binds its account to this key.
    pub fn bind(&self, key: &Value) -> (Client, Answered) {
        let mut client = Client::new(&self.world);
        let mac = b64::decode(key["key"].as_str().unwrap()).unwrap();
        let kid = key["kid"].as_str().unwrap();
        let binding = client.key.external_account("HS256", &mac, kid, &client.url("new-account"));
        let answered = client.new_account(json!({ "externalAccountBinding": binding }));
        client.account = (answered.status() < 300).then(|| answered.location());
        (client, answered)
    }

    /// A client whose account is bound to this key.
    pub fn bound(&self, key: &Value) -> Client {
        let (client, answered) = self.bind(key);
        answered.is(201);
        client
    }

    /// A client without an external account key.
    pub fn client(&self) -> Client {
        Client::registered(&self.world)
    }

    /// All entries of a list, page by page, each full page with `limit` entries.
    pub fn pages(&self, path: &str, list: &str, limit: usize) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        let sign = if path.contains('?') { '&' } else { '?' };
        loop {
            let page = self.see(&format!("{path}{sign}limit={limit}&cursor={cursor}"));
            let entries = page[list].as_array().unwrap();
            all.extend(entries.iter().cloned());
            match page["next"].as_str() {
                Some(next) => assert!(entries.len() == limit && next != cursor, "{path}: {page}"),
                None => return all,
            }
            cursor = page["next"].as_str().unwrap().to_owned();
        }
    }

    /// The audit record, the oldest first.
    pub fn audit(&self) -> Vec<Value> {
        let mut all = self.pages("audit", "entries", 200);
        all.reverse();
        all
    }

    /// `what outcome` of the last entries of the audit record.
    pub fn noted(&self, n: usize) -> Vec<String> {
        let all = self.audit();
        let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
        all[all.len() - n..].iter().map(|e| format!("{} {}", text(e, "what"), text(e, "outcome"))).collect()
    }
}

pub fn address(n: u8) -> ClientAddress {
    ClientAddress::of([192, 0, 2, n].into())
}

/// Issues a certificate; gives its DER and its serial number.
pub fn issue(client: &Client, names: &[&str], members: Value) -> (Vec<u8>, String) {
    // With a nonce of its own: time may have passed.
    let der = client.at(&client.world).issue_with(names, members, &new_key(SigAlg::Es256));
    let serial = selvedge::pki::certificate::parse_presented(&der).unwrap().serial.hex();
    (der, serial)
}

/// The serial number of the `n`-th certificate that a test makes up.
pub fn serial_of(not_after: Time, n: u64) -> String {
    let mut random = [0x4a; LEAF_RANDOM_BYTES];
    random[..8].copy_from_slice(&(n * 7919 % 100_003).to_be_bytes());
    Serial::of_leaf(not_after, random).hex()
}

/// The texts of one member.
pub fn texts(entries: &[Value], name: &str) -> Vec<String> {
    entries.iter().map(|entry| entry[name].as_str().unwrap().to_owned()).collect()
}
