//! A client that sees every answer as it is.

use std::cell::RefCell;
use std::time::Duration;

use selvedge::jose::testing::ClientKey;
use selvedge::pki::ceremony::{create_csr, new_key};
use selvedge::values::{SigAlg, b64};
use serde_json::{Value, json};

use super::program::{Answer, agent, answered};

const USER_AGENT: &str = "selvedge-test";
/// Tries until something that takes a moment is done.
const TRIES: usize = 200;
const PAUSE: Duration = Duration::from_millis(50);

pub struct Acme {
    agent: ureq::Agent,
    pub directory: Value,
    pub key: ClientKey,
    pub account: Option<String>,
    nonce: RefCell<Option<String>>,
}

impl Acme {
    /// A client of the directory at this URL.
    pub fn new(directory: &str) -> Self {
        let key = ClientKey::generate(SigAlg::Es256);
        let mut acme = Self { agent: agent(), directory: Value::Null, key, account: None, nonce: RefCell::new(None) };
        acme.directory = acme.get(directory).json();
        acme
    }

    pub fn get(&self, url: &str) -> Answer {
        answered(self.agent.get(url).header("User-Agent", USER_AGENT).call())
    }

    pub fn head(&self, url: &str) -> Answer {
        answered(self.agent.head(url).header("User-Agent", USER_AGENT).call())
    }

    /// The URL of a resource of the directory.
    pub fn url(&self, name: &str) -> &str {
        self.directory[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.directory))
    }

    /// A signed request, tried again where a good nonce was refused.
    pub fn post(&self, url: &str, payload: Option<Value>) -> Answer {
        for _ in 0..TRIES {
            let nonce = self
                .nonce
                .take()
                .unwrap_or_else(|| self.head(self.url("newNonce")).header("replay-nonce").unwrap().to_owned());
            let mut protected = json!({ "nonce": nonce, "url": url });
            match &self.account {
                Some(account) => protected["kid"] = account.as_str().into(),
                None => protected["jwk"] = self.key.jwk_json(),
            }
            let answer = self.send(url, &self.key.sign_jws(protected, payload.clone()));
            if !answer.text().contains("badNonce") {
                return answer;
            }
        }
        panic!("every nonce is refused");
    }

    /// Sends a body as it is.
    pub fn send(&self, url: &str, body: &[u8]) -> Answer {
        let request = self.agent.post(url).header("User-Agent", USER_AGENT);
        let answer = answered(request.header("Content-Type", "application/jose+json").send(body));
        *self.nonce.borrow_mut() = answer.header("replay-nonce").map(str::to_owned);
        answer
    }

    /// Makes an account.
    pub fn register(&mut self) -> Answer {
        let answer = self.post(self.url("newAccount"), Some(json!({ "termsOfServiceAgreed": true })));
        self.account = answer.header("location").map(str::to_owned);
        answer
    }

    pub fn order(&self, names: &[&str]) -> Answer {
        let identifiers: Vec<Value> = names.iter().map(|name| json!({ "type": "dns", "value": name })).collect();
        self.post(self.url("newOrder"), Some(json!({ "identifiers": identifiers })))
    }

    /// Reads a resource until its status is another than these.
    pub fn settled(&self, url: &str, open: &[&str]) -> Answer {
        for _ in 0..TRIES {
            let answer = self.post(url, None);
            if !open.contains(&answer.json()["status"].as_str().unwrap_or_default()) {
                return answer;
            }
            std::thread::sleep(PAUSE);
        }
        panic!("{url} stays {open:?}");
    }

    /// The challenge of a type in an authorization.
    pub fn challenge(&self, authorization: &str, kind: &str) -> Value {
        let authorization = self.post(authorization, None).json();
        let challenges = authorization["challenges"].as_array().unwrap();
        challenges.iter().find(|challenge| challenge["type"] == kind).unwrap().clone()
    }

    /// The key authorization of a challenge.
    pub fn key_authorization(&self, challenge: &Value) -> String {
        format!("{}.{}", challenge["token"].as_str().unwrap(), self.key.thumbprint().as_str())
    }

    /// Answers the http-01 challenges of an order; `serve` gets token and content of each.
    pub fn prove(&self, order: &Value, serve: impl Fn(&str, &str)) {
        for authorization in order["authorizations"].as_array().unwrap() {
            let url = authorization.as_str().unwrap();
            if self.post(url, None).json()["status"] == "valid" {
                continue;
            }
            let challenge = self.challenge(url, "http-01");
            serve(challenge["token"].as_str().unwrap(), &self.key_authorization(&challenge));
            self.post(challenge["url"].as_str().unwrap(), Some(json!({})));
            let settled = self.settled(url, &["pending"]).json();
            assert_eq!(settled["status"], "valid", "{settled}");
        }
    }

    /// Finalizes an order; gives the finalize answer, the valid order, and the certificate's.
    pub fn finalize(&self, url: &str, order: &Value, names: &[&str]) -> (Answer, Answer, Answer) {
        let csr = create_csr(&new_key(SigAlg::Es256).unwrap(), names).unwrap();
        let finalize = order["finalize"].as_str().unwrap();
        let finalized = self.post(finalize, Some(json!({ "csr": b64::encode(&csr) })));
        let valid = self.settled(url, &["processing", "ready", "pending"]);
        let certificate = self.post(valid.json()["certificate"].as_str().unwrap(), None);
        (finalized, valid, certificate)
    }
}
