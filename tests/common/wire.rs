//! A strict ACME client over real https.

use super::listening::Listening;
use selvedge::ca::testing::CsrShape;
use selvedge::jose::key_authorization;
use selvedge::jose::testing::ClientKey;
use selvedge::values::{SigAlg, b64};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;
use ureq::Agent;
use ureq::http::Response;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// A client with an account key.
pub struct Wire {
    agent: Agent,
    base: String,
    pub key: ClientKey,
    pub kid: Option<String>,
    nonce: RefCell<Option<String>>,
    /// Durable Object calls so far, by the server's own count.
    pub calls: RefCell<u64>,
    /// Rows written so far, by the same count.
    pub rows: RefCell<u64>,
}

pub type Answer = Response<String>;

impl Wire {
    /// A client of the CA with this directory that trusts this root.
    pub fn new(directory: &str, root: &str) -> Self {
        let root = Certificate::from_pem(&std::fs::read(root).unwrap()).unwrap().to_owned();
        let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[root])).build();
        Self::over(directory, Agent::config_builder().tls_config(tls).http_status_as_error(false).build().new_agent())
    }

    /// A client of a CA that serves plain http.
    pub fn plain(directory: &str) -> Self {
        Self::over(directory, Agent::config_builder().http_status_as_error(false).build().new_agent())
    }

    fn over(directory: &str, agent: Agent) -> Self {
        let base = directory.trim_end_matches("/directory").to_owned();
        let key = ClientKey::generate(SigAlg::Es256);
        Self { agent, base, key, kid: None, nonce: RefCell::new(None), calls: RefCell::new(0), rows: RefCell::new(0) }
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Sends a body as it is.
    pub fn send(&self, url: &str, media_type: &str, body: &[u8]) -> Answer {
        self.try_to_send(url, media_type, body).unwrap()
    }

    /// As [`Wire::send`]; a server may close the connection before it has read the body.
    pub fn try_to_send(&self, url: &str, media_type: &str, body: &[u8]) -> Result<Answer, ureq::Error> {
        let answer = self.agent.post(url).header("Content-Type", media_type).send(body)?;
        Ok(self.read(answer))
    }

    /// GET.
    pub fn get(&self, url: &str) -> Answer {
        self.read(self.agent.get(url).call().unwrap())
    }

    fn read(&self, answer: Response<ureq::Body>) -> Answer {
        let (parts, mut body) = answer.into_parts();
        let answer = Response::from_parts(parts, body.read_to_string().unwrap());
        if let Some(nonce) = answer.headers().get("replay-nonce") {
            *self.nonce.borrow_mut() = Some(nonce.to_str().unwrap().to_owned());
        }
        let calls = answer.headers().get("selvedge-calls").and_then(|n| n.to_str().ok()?.parse::<u64>().ok());
        *self.calls.borrow_mut() += calls.unwrap_or(0);
        let rows = answer.headers().get("selvedge-rows").and_then(|n| n.to_str().ok()?.parse::<u64>().ok());
        *self.rows.borrow_mut() += rows.unwrap_or(0);
        answer
    }

    /// Signs a request, with a fresh nonce.
    pub fn sign(&self, url: &str, payload: Option<Value>) -> Vec<u8> {
        if self.nonce.borrow().is_none() {
            self.get(&self.url("/acme/new-nonce"));
        }
        let nonce = self.nonce.borrow_mut().take().unwrap();
        let protected = match &self.kid {
            Some(kid) => json!({ "kid": kid, "nonce": nonce, "url": url }),
            None => json!({ "jwk": self.key.jwk_json(), "nonce": nonce, "url": url }),
        };
        self.key.sign_jws(protected, payload)
    }

    /// A signed POST; `None` for POST-as-GET.
    pub fn post(&self, url: &str, payload: Option<Value>) -> Answer {
        self.send(url, "application/jose+json", &self.sign(url, payload))
    }

    /// Creates the account.
    pub fn register(&mut self) {
        let answer = self.post(&self.url("/acme/new-account"), Some(json!({ "termsOfServiceAgreed": true })));
        assert_eq!(answer.status(), 201, "{}", answer.body());
        self.kid = Some(header(&answer, "location"));
    }

    /// Orders a certificate for `name` and proves it by http-01. Gives the order's URL and object.
    pub fn ready_order(&self, name: &str, http01: u16) -> (String, Value) {
        let wanted = json!({ "identifiers": [{ "type": "dns", "value": name }] });
        let answer = self.post(&self.url("/acme/new-order"), Some(wanted));
        assert_eq!(answer.status(), 201, "{}", answer.body());
        let (url, order) = (header(&answer, "location"), body(&answer));
        let challenge = self.challenge(order["authorizations"][0].as_str().unwrap());
        let responder = self.serve(http01, &challenge);
        let mut answer = self.post(challenge["url"].as_str().unwrap(), Some(json!({})));
        // Most are valid at once; on a busy machine it may take longer than the answer waits.
        while body(&answer)["status"] == "processing" {
            thread::sleep(Duration::from_millis(100));
            answer = self.post(challenge["url"].as_str().unwrap(), None);
        }
        assert_eq!(body(&answer)["status"], "valid", "{}", answer.body());
        drop(responder);
        (url, order)
    }

    /// The http-01 challenge of an authorization.
    pub fn challenge(&self, authorization: &str) -> Value {
        let authorization = body(&self.post(authorization, None));
        let challenges = authorization["challenges"].as_array().unwrap();
        challenges.iter().find(|c| c["type"] == "http-01").unwrap().clone()
    }

    /// Serves the response of an http-01 challenge until the returned value is dropped.
    ///
    /// On a busy machine the server may abort an attempt and retry.
    pub fn serve(&self, port: u16, challenge: &Value) -> Listening {
        let proof = key_authorization(challenge["token"].as_str().unwrap(), &self.key.thumbprint());
        // Who gave up is the server's to notice.
        Listening::start(port, move |stream| drop(answer(stream, &proof)))
    }

    /// Sends a signed request to a server that may go away. `None` when no answer came.
    pub fn try_send(&self, url: &str, body: &[u8]) -> Option<u16> {
        let answer = self.agent.post(url).header("Content-Type", "application/jose+json").send(body).ok()?;
        (answer.status() == 200).then(|| answer.status().as_u16())
    }

    /// Opens a new connection for the next request: of a server that restarted.
    pub fn reconnect(&mut self) {
        self.agent = self.agent.config().clone().new_agent();
    }

    /// Takes a new nonce for the next request.
    pub fn forget_nonce(&self) {
        self.nonce.borrow_mut().take();
    }

    /// The finalize payload for `name`.
    pub fn csr(&self, name: &str) -> Value {
        let key = ClientKey::generate(SigAlg::Es256);
        json!({ "csr": b64::encode(&CsrShape::dns(&[name]).build(key.native())) })
    }
}

/// A header of an answer.
pub fn header(answer: &Answer, name: &str) -> String {
    answer.headers().get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap().to_owned()
}

/// The JSON of an answer.
pub fn body(answer: &Answer) -> Value {
    serde_json::from_str(answer.body()).unwrap()
}

fn answer(mut stream: TcpStream, proof: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut request = [0; 4096];
    let _ = stream.read(&mut request)?;
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{proof}", proof.len())
}
