//! A client of a repeatedly killed server: it resumes its order and remembers its certificates.

use crate::common::load::client::{Client, Failure, Sent, http01, object, text, unexpected};
use crate::common::load::http::Endpoint;
use serde_json::{Value, json};
use std::time::Duration;

/// Interval and maximum number of polls; an order that takes longer is stuck.
const POLL: (Duration, u32) = (Duration::from_millis(50), 2400);

/// How many answered requests it keeps, to send them again.
const KEPT: usize = 4;

/// A certificate that it got.
pub struct Finished {
    /// Its order.
    pub order: String,
    /// Its URL.
    pub url: String,
    /// What was there.
    pub pem: Vec<u8>,
}

/// The client.
pub struct RetryingClient {
    /// Its account and its connection.
    pub client: Client,
    /// What it got.
    pub finished: Vec<Finished>,
    /// How many of its orders a kill interrupted, or met before it knew their URL.
    pub interrupted: usize,
    /// How many of its orders ended as invalid.
    pub invalid: usize,
    /// How many requests that were answered before a kill it sent again after it.
    pub replayed: usize,
    /// How many requests that were not answered it sent again.
    pub doubtful: usize,
    /// How many of those were accepted.
    pub accepted: usize,
    used: Vec<Sent>,
    next: u64,
    /// The name that it is about, and its order once that is known.
    open: Option<(String, Option<String>)>,
}

impl RetryingClient {
    /// The `number`-th client, without an account.
    pub fn new(number: usize, endpoint: &Endpoint) -> Self {
        Self {
            client: Client::new(number, endpoint),
            finished: Vec::new(),
            interrupted: 0,
            invalid: 0,
            replayed: 0,
            doubtful: 0,
            accepted: 0,
            used: Vec::new(),
            next: 0,
            open: None,
        }
    }

    /// Gets certificates until the server is gone.
    pub async fn work(&mut self) {
        loop {
            if self.open.is_none() {
                self.open = Some((self.client.name(self.next), None));
                self.next += 1;
            }
            match self.go_on().await {
                Ok(()) => {}
                Err(failure) if failure.lost => {
                    self.interrupted += 1;
                    return;
                }
                Err(failure) => panic!("{failure:?}"),
            }
        }
    }

    /// Brings what is open to its end.
    pub async fn settle(&mut self) {
        while self.open.is_some() {
            self.go_on().await.unwrap();
        }
    }

    /// Sends again what was answered before the kill: none of it may be accepted. What was not answered may be, once.
    pub async fn replay(&mut self) {
        for sent in std::mem::take(&mut self.used) {
            let answer = self.client.replay(&sent).await.unwrap();
            assert!(answer.status == 400 && answer.text().contains("badNonce"), "{} {}", sent.path, answer.text());
            self.replayed += 1;
        }
        let Some(sent) = self.client.sent.take().filter(|sent| !sent.answered) else { return };
        self.doubtful += 1;
        let mut refused = Vec::new();
        for _ in 0..2 {
            let answer = self.client.replay(&sent).await.unwrap();
            refused.push(answer.status == 400 && answer.text().contains("badNonce"));
        }
        assert!(refused[1], "the nonce of {} was accepted twice", sent.path);
        self.accepted += usize::from(!refused[0]);
    }

    /// Fetches every certificate once more.
    pub async fn review(&mut self) {
        for Finished { order, url, pem } in &self.finished {
            let again = self.client.post("certificate", url, "").await.unwrap();
            assert!(again.body == *pem, "{url} is another certificate now");
            let again = object("order", &self.client.post("order", order, "").await.unwrap()).unwrap();
            assert_eq!(text(&again["certificate"]), url, "the certificate of {order}");
        }
    }

    /// From wherever the open order is to its end.
    async fn go_on(&mut self) -> Result<(), Failure> {
        let Some((name, order)) = self.open.clone() else { return Ok(()) };
        let url = match order {
            Some(url) => url,
            // If it was made and only the answer was lost, this gives the same one.
            None => self.place(&name).await?,
        };
        for _ in 0..POLL.1 {
            let answer = self.post(&url, "").await?;
            let order = object("order", &answer)?;
            match text(&order["status"]) {
                "pending" => self.prove(text(&order["authorizations"][0])).await?,
                "ready" => self.finalize(&name, &order).await?,
                "processing" => tokio::time::sleep(POLL.0).await,
                "valid" => {
                    let certificate = text(&order["certificate"]).to_owned();
                    let pem = self.post(&certificate, "").await?.body;
                    self.finished.push(Finished { order: url, url: certificate, pem });
                    self.open = None;
                    return Ok(());
                }
                "invalid" => {
                    println!("invalid: {order}");
                    self.invalid += 1;
                    self.open = None;
                    return Ok(());
                }
                _ => return Err(unexpected("order", &answer)),
            }
        }
        panic!("order {url} is stuck");
    }

    async fn place(&mut self, name: &str) -> Result<String, Failure> {
        let url = self.client.url("/acme/new-order");
        let wanted = json!({ "identifiers": [{ "type": "dns", "value": name }] }).to_string();
        let answer = self.post(&url, &wanted).await?;
        let order = answer.header("location").ok_or_else(|| unexpected("newOrder", &answer))?.to_owned();
        self.open = Some((name.to_owned(), Some(order.clone())));
        Ok(order)
    }

    /// Answers the challenge of an authorization, or waits for what was answered before.
    async fn prove(&mut self, authorization: &str) -> Result<(), Failure> {
        let found = object("authorization", &self.post(authorization, "").await?)?;
        let challenges = found["challenges"].as_array().into_iter().flatten();
        let waits = challenges.filter(|challenge| challenge["type"] == "http-01").any(|c| c["status"] == "pending");
        if waits {
            self.post(&http01(&found), "{}").await?;
        } else {
            tokio::time::sleep(POLL.0).await;
        }
        Ok(())
    }

    async fn finalize(&mut self, name: &str, order: &Value) -> Result<(), Failure> {
        let csr = Client::request(name);
        self.post(text(&order["finalize"]), &csr).await.map(drop)
    }

    async fn post(&mut self, url: &str, payload: &str) -> Result<crate::common::load::http::Answer, Failure> {
        let answer = self.client.post("post", url, payload).await?;
        if self.used.len() >= KEPT {
            self.used.remove(0);
        }
        self.used.extend(self.client.sent.clone());
        Ok(answer)
    }
}
