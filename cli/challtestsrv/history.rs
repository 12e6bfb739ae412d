//! The requests that the responders got, by host, for tests to look at.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use hickory_proto::op::Query;
use serde::Serialize;

/// Most requests kept for one host and kind: a test machine may run for months.
const MAX_KEPT: usize = 10_000;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Seen {
    /// An HTTP request.
    #[serde(rename_all = "PascalCase")]
    Http {
        /// Its path with query.
        #[serde(rename = "URL")]
        url: String,
        /// Its `Host` header.
        host: String,
        /// Whether it came by TLS.
        #[serde(rename = "HTTPS")]
        https: bool,
        /// The server name of its TLS connection.
        server_name: String,
        /// Its `User-Agent` header.
        user_agent: String,
    },
    /// A DNS question.
    #[serde(rename_all = "PascalCase")]
    Dns {
        /// The question.
        question: Question,
        /// The `User-Agent` header of DNS over HTTPS.
        user_agent: String,
    },
    /// A TLS handshake at the tls-alpn-01 responder.
    #[serde(rename_all = "PascalCase")]
    TlsAlpn {
        /// The server name.
        server_name: String,
        /// The protocols that the client offered.
        supported_protos: Vec<String>,
    },
}

/// A DNS question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Question {
    name: String,
    qtype: u16,
    qclass: u16,
}

/// The kind of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// HTTP.
    Http,
    /// DNS.
    Dns,
    /// tls-alpn-01.
    TlsAlpn,
}

impl Kind {
    /// The kind with this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "http" => Some(Self::Http),
            "dns" => Some(Self::Dns),
            "tlsalpn" => Some(Self::TlsAlpn),
            _ => None,
        }
    }
}

/// The requests so far.
#[derive(Debug, Default)]
pub struct History(Mutex<BTreeMap<(Kind, String), Vec<Seen>>>);

impl Seen {
    /// A DNS question with the agent that asked it.
    pub fn question(query: &Query, user_agent: &str) -> Self {
        let question = Question {
            name: query.name().to_ascii(),
            qtype: query.query_type().into(),
            qclass: query.query_class().into(),
        };
        Self::Dns { question, user_agent: user_agent.to_owned() }
    }

    /// Its kind and the host that it is filed under.
    fn key(&self) -> (Kind, String) {
        match self {
            Self::Http { host, .. } => (Kind::Http, without_port(host).to_owned()),
            Self::Dns { question, .. } => (Kind::Dns, question.name.trim_end_matches('.').to_owned()),
            Self::TlsAlpn { server_name, .. } => (Kind::TlsAlpn, server_name.clone()),
        }
    }
}

impl History {
    /// Adds a request. The oldest of its host goes when there are too many.
    pub fn add(&self, seen: Seen) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = all.entry(seen.key()).or_default();
        if kept.len() == MAX_KEPT {
            kept.remove(0);
        }
        kept.push(seen);
    }

    /// The requests of a kind for a host, the oldest first.
    pub fn of(&self, kind: Kind, host: &str) -> Vec<Seen> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&(kind, host.to_owned())).cloned().unwrap_or_default()
    }

    /// Forgets the requests of a kind for a host.
    pub fn clear(&self, kind: Kind, host: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(kind, host.to_owned()));
    }
}

/// A host without its port, and an IPv6 address then without brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !bare.ends_with(':') => {
            let inner = bare.strip_prefix('[').and_then(|bare| bare.strip_suffix(']'));
            inner.unwrap_or(if bare.contains(':') { host } else { bare })
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_filed_without_port() {
        for (host, bare) in [
            ("a.test", "a.test"),
            ("a.test:5002", "a.test"),
            ("127.0.0.1:1", "127.0.0.1"),
            ("[::1]:5002", "::1"),
            ("[::1]", "[::1]"),
            ("::1", "::1"),
        ] {
            assert_eq!(without_port(host), bare, "{host}");
        }
    }

    #[test]
    fn oldest_request_goes_first() {
        let history = History::default();
        let seen = |n: usize| Seen::TlsAlpn { server_name: "a.test".into(), supported_protos: vec![n.to_string()] };
        (0..=MAX_KEPT).for_each(|n| history.add(seen(n)));
        let kept = history.of(Kind::TlsAlpn, "a.test");
        assert_eq!((kept.len(), &kept[0]), (MAX_KEPT, &seen(1)));
        history.clear(Kind::TlsAlpn, "a.test");
        assert!(history.of(Kind::TlsAlpn, "a.test").is_empty());
    }
}
