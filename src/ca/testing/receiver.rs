//! A webhook receiver that checks signatures and answers as scripted.

use super::world::World;
use crate::ca::config::receivers::Mail;
use crate::ca::config::webhook::{Webhook, WebhookRequest};
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use std::cell::RefCell;

/// The signing secret.
pub(super) const SECRET: [u8; 32] = *b"the secret of a test's receiver.";

/// A secret part of the receiver's URL, as many receivers have.
pub(super) const TOKEN: &str = "T01234567-hook-0123456789abcdef";

/// A delivered notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The notice's id.
    pub id: String,
    /// Time of the attempt in seconds.
    pub timestamp: u64,
    /// Kind of the notice.
    pub kind: String,
    /// Its body.
    pub body: Value,
}

/// A webhook receiver. The default answer is 204.
#[derive(Clone, Debug, Default)]
pub struct Receiver {
    arrived: RefCell<Vec<Delivered>>,
    answer: RefCell<Option<Result<u16, String>>>,
    posts: RefCell<Vec<WebhookRequest>>,
    mails: RefCell<Vec<Mail>>,
}

impl Receiver {
    /// Sets the answer. An error means that nothing arrives and the host gets no answer.
    pub fn answers(&self, answer: Result<u16, &str>) {
        self.answer.replace(Some(answer.map_err(str::to_owned)));
    }

    /// Notices that arrived since the last call.
    pub fn arrived(&self) -> Vec<Delivered> {
        self.arrived.take()
    }

    /// POSTs to other receivers since the last call.
    pub fn posts(&self) -> Vec<WebhookRequest> {
        self.posts.take()
    }

    /// Mails since the last call.
    pub fn mails(&self) -> Vec<Mail> {
        self.mails.take()
    }

    /// Receives a mail.
    ///
    /// # Errors
    /// The scripted answer, if it is an error.
    pub(super) fn take_mail(&self, mail: &Mail) -> Result<(), String> {
        self.answer.borrow().clone().unwrap_or(Ok(204))?;
        self.mails.borrow_mut().push(mail.clone());
        Ok(())
    }

    /// Receives a request.
    ///
    /// # Errors
    /// The scripted answer.
    ///
    /// # Panics
    /// For an invalid signature.
    pub(super) fn take(&self, request: &WebhookRequest) -> Result<u16, String> {
        let answer = self.answer.borrow().clone().unwrap_or(Ok(204))?;
        if request.url != url() {
            self.posts.borrow_mut().push(request.clone());
            return Ok(answer);
        }
        let header = |wanted: &str| {
            let found = request.headers.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| value.clone()).expect("a header")
        };
        let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
        let mut mac = Hmac::<Sha256>::new_from_slice(&SECRET).expect("a key");
        mac.update(format!("{id}.{timestamp}.{}", request.body).as_bytes());
        let signature = BASE64.encode(&mac.finalize().into_bytes());
        assert_eq!(header("webhook-signature"), format!("v1,{signature}"));
        assert_eq!(request.url, url());
        let body: Value = serde_json::from_str(&request.body).expect("JSON");
        let kind = body["type"].as_str().expect("a type").to_owned();
        let timestamp = timestamp.parse().expect("seconds");
        self.arrived.borrow_mut().push(Delivered { id, timestamp, kind, body });
        Ok(answer)
    }
}

/// The webhook's URL.
fn url() -> String {
    format!("https://hooks.test/{TOKEN}")
}

impl World {
    /// The same CA with a webhook.
    pub fn with_webhook(&self) -> Self {
        let secret = format!("whsec_{}", BASE64.encode(&SECRET));
        let value = |name: &str| match name {
            "WEBHOOK_URL" => Some(url()),
            "WEBHOOK_SECRET" => Some(secret.clone()),
            _ => None,
        };
        let webhook = Webhook::read(&value, false).expect("a webhook");
        self.reconfigured(|settings| settings.webhook = webhook)
    }
}
