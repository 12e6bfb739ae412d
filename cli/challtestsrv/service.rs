//! What the responders and the management address share.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use hickory_proto::op::Message;

use super::dns::{Resolver, Transport};
use super::history::{History, Seen};
use super::plain_dns::Answering;

/// Texts by name: tokens, hosts or paths.
#[derive(Debug, Default)]
pub struct Texts(Mutex<BTreeMap<String, String>>);

impl Texts {
    /// Sets a text.
    pub fn set(&self, name: String, text: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name, text);
    }

    /// Removes a text.
    pub fn remove(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// The text of this name.
    pub fn get(&self, name: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }
}

/// The state of the challenge test server.
pub struct Service {
    /// DNS records.
    pub resolver: Resolver,
    /// Requests so far.
    pub history: History,
    /// Key authorizations of http-01 by token.
    pub tokens: Texts,
    /// Redirects by path.
    pub redirects: Texts,
    /// Key authorizations of tls-alpn-01 by host.
    pub hosts: Texts,
}

impl Service {
    /// A server without records.
    pub fn new(resolver: Resolver) -> Self {
        Self {
            resolver,
            history: History::default(),
            tokens: Texts::default(),
            redirects: Texts::default(),
            hosts: Texts::default(),
        }
    }

    /// Answers a DNS query of this agent and notes its questions.
    pub async fn query(&self, query: &[u8], via: Transport, agent: &str) -> Option<Vec<u8>> {
        if let Ok(message) = Message::from_vec(query) {
            message.queries.iter().for_each(|question| self.history.add(Seen::question(question, agent)));
        }
        self.resolver.answer(query, via).await
    }
}

impl Answering for Service {
    async fn answered(&self, query: Vec<u8>, via: Transport) -> Option<Vec<u8>> {
        self.query(&query, via, "").await
    }
}
