//! Clients of a CA before and after a restore, each with its account.

use crate::common::load::client::{Client, Issued, object, text};
use crate::common::load::http::{Answer, Endpoint};
use selvedge::pki::certificate::parse_presented;
use selvedge::pki::pem;
use selvedge::values::b64;
use serde_json::{Value, json};
use std::time::Duration;

/// A client with what it holds.
pub struct Member {
    pub client: Client,
    /// Its certificates, in their order.
    pub held: Vec<Issued>,
    /// The serial numbers that it revoked.
    pub revoked: Vec<Vec<u8>>,
    /// The URL and the object of an order that waits for its proof.
    open: Option<(String, Value)>,
}

/// The certificate of a chain, DER.
pub fn leaf(issued: &Issued) -> Vec<u8> {
    pem::read_certificates(std::str::from_utf8(&issued.pem).unwrap()).unwrap().remove(0)
}

/// Its serial number.
pub fn serial(issued: &Issued) -> Vec<u8> {
    parse_presented(&leaf(issued)).unwrap().serial.octets().to_vec()
}

/// So many first certificates of a member are for names that it proves.
///
/// All others are pre-authorized, which is quicker.
const PROVEN: usize = 4;

/// The name of its `n`-th certificate.
fn name(client: &Client, n: usize) -> String {
    let name = client.name(u64::try_from(n).unwrap());
    if n < PROVEN || n == LEFT { name } else { name.replace(".test", ".corp.test") }
}

/// The number of the name in an order that is left open.
const LEFT: usize = 999_999;

impl Member {
    /// The `number`-th client, without an account.
    pub fn new(number: usize, endpoint: &Endpoint) -> Self {
        Self { client: Client::new(number, endpoint), held: Vec::new(), revoked: Vec::new(), open: None }
    }

    async fn post(&mut self, path: &str, payload: &Value) -> Answer {
        let url = self.client.url(path);
        self.client.post("post", &url, &payload.to_string()).await.unwrap()
    }

    /// What a refusal says.
    async fn refusal(&mut self, path: &str, payload: &Value) -> String {
        let url = self.client.url(path);
        self.client.post("refused", &url, &payload.to_string()).await.err().unwrap().what
    }

    /// The body of newOrder for a name.
    fn wanted(name: &str) -> Value {
        json!({ "identifiers": [{ "type": "dns", "value": name }] })
    }

    /// Places an order. Returns its URL and object.
    async fn order(&mut self, wanted: &Value) -> (String, Value) {
        let answer = self.post("/acme/new-order", wanted).await;
        (answer.header("location").unwrap().to_owned(), object("newOrder", &answer).unwrap())
    }

    /// Finalizes an order that is ready.
    async fn finish(&mut self, name: &str, url: &str, order: &Value) -> Issued {
        assert_eq!(order["status"], "ready", "{order}");
        let finished = self.client.finalize(name, order, url).await.unwrap();
        let url = text(&finished["certificate"]).to_owned();
        let pem = self.client.post("certificate", &url, "").await.unwrap().body;
        Issued { url, pem, steps: [Duration::ZERO; 5] }
    }

    /// Obtains so many certificates, each for a name of its own.
    pub async fn obtain(&mut self, count: usize) {
        // workerd closes connections on which nothing comes.
        self.client.refresh();
        for _ in 0..count {
            let name = name(&self.client, self.held.len());
            let issued = if self.held.len() < PROVEN {
                self.client.issue(&name).await.unwrap()
            } else {
                let (url, order) = self.order(&Self::wanted(&name)).await;
                self.finish(&name, &url, &order).await
            };
            self.held.push(issued);
        }
    }

    /// Revokes its `n`-th certificate.
    pub async fn revoke(&mut self, n: usize) {
        let certificate = json!({ "certificate": b64::encode(&leaf(&self.held[n])), "reason": 4 });
        self.post("/acme/revoke-cert", &certificate).await;
        self.revoked.push(serial(&self.held[n]));
    }

    /// Places an order and leaves it.
    pub async fn leave_open(&mut self) {
        let name = name(&self.client, LEFT);
        self.open = Some(self.order(&Self::wanted(&name)).await);
    }

    /// Goes on at the restored CA: with its account, orders, certificates and renewal information.
    pub async fn go_on(&mut self) {
        // The old connection ended with its workerd.
        self.client.refresh();
        let used = self.client.sent.clone().unwrap();
        let replayed = self.client.replay(&used).await.unwrap();
        assert!(replayed.text().contains("badNonce"), "{}", replayed.text());
        let [revoked, old, renewed] = [0, 1, 2].map(|n| (self.held[n].url.clone(), self.held[n].pem.clone()));
        for (url, pem) in [&revoked, &old, &renewed] {
            assert!(self.client.post("certificate", url, "").await.unwrap().body == *pem, "{url} is another one");
        }
        let again = json!({ "certificate": b64::encode(&leaf(&self.held[0])) });
        let refusal = self.refusal("/acme/revoke-cert", &again).await;
        assert!(refusal.contains("alreadyRevoked"), "{refusal}");
        self.revoke(1).await;
        self.renew(2).await;
        self.finish_open().await;
        self.obtain(1).await;
    }

    /// Renews its `n`-th certificate by renewal information. The proof of before still counts.
    async fn renew(&mut self, n: usize) {
        let read = parse_presented(&leaf(&self.held[n])).unwrap();
        let key_id = b64::encode(&read.authority_key_id.unwrap());
        let id = format!("{key_id}.{}", b64::encode(read.serial.octets()));
        let url = self.client.url(&format!("/acme/renewal-info/{id}"));
        let mut known = tokio::task::spawn_blocking(move || ureq::get(url).call().unwrap()).await.unwrap();
        let known: Value = serde_json::from_str(&known.body_mut().read_to_string().unwrap()).unwrap();
        assert!(known["suggestedWindow"]["start"].is_string(), "{known}");
        let name = name(&self.client, n);
        let mut wanted = Self::wanted(&name);
        wanted["replaces"] = json!(id);
        let (url, order) = self.order(&wanted).await;
        assert_eq!(order["replaces"], id.as_str(), "{order}");
        self.finish(&name, &url, &order).await;
        let refusal = self.refusal("/acme/new-order", &wanted).await;
        assert!(refusal.contains("alreadyReplaced"), "{refusal}");
    }

    /// Finds the order that it left, and finishes it.
    async fn finish_open(&mut self) {
        let Some((url, order)) = self.open.take() else { return };
        let found = object("order", &self.client.post("order", &url, "").await.unwrap()).unwrap();
        assert_eq!(found, order);
        let name = name(&self.client, LEFT);
        assert_eq!(self.order(&Self::wanted(&name)).await.0, url, "the same order");
        self.client.issue(&name).await.unwrap();
        let found = object("order", &self.client.post("order", &url, "").await.unwrap()).unwrap();
        assert_eq!(found["status"], "valid", "{found}");
    }

    /// Checks the policy that operators put in force.
    pub async fn meet_policy(&mut self) {
        let refusal = self.refusal("/acme/new-order", &Self::wanted("x.denied.test")).await;
        assert!(refusal.contains("rejectedIdentifier"), "{refusal}");
        let (_, order) = self.order(&Self::wanted("x.corp.test")).await;
        assert_eq!(order["status"], "ready", "pre-authorized: {order}");
    }
}
