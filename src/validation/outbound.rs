//! The network port of validation.
//!
//! Validation decides on requests and peers; implementations only carry bytes. The Worker uses `fetch` and `connect()`,
//! native tests use sockets or a script.

use crate::values::Time;
use core::net::SocketAddr;
use core::time::Duration;

/// Limits of one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum bytes read: everything from a socket, the body of a `fetch`.
    pub max_bytes: usize,
    /// Time from the call to its return, including the connection.
    pub timeout: Duration,
}

/// The reaction to received bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Send these bytes, if any, and read on.
    Send(Vec<u8>),
    /// Send these bytes, if any, and close the connection.
    Close(Vec<u8>),
}

/// The response to `fetch`, without following redirects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchAnswer {
    /// The HTTP status code.
    pub status: u16,
    /// The unchanged `Location` header.
    pub location: Option<String>,
    /// The body, decoded by the platform.
    pub body: Vec<u8>,
}

/// Why an exchange failed; the text continues a sentence that names the peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboundFault {
    /// Connected, but not complete within the time limit.
    #[error("no complete answer in time")]
    Timeout,
    /// No connection within the time limit, as behind a filter that drops packets.
    #[error("no connection in time: nothing answers there, or a filter drops what is sent")]
    Filtered,
    /// No connection: refused, no route, host down. The reason, if the host gives one.
    #[error("could not connect ({0})")]
    Unreachable(String),
    /// The connection broke before the answer was complete. The reason, if the host gives one.
    #[error("the connection broke before the answer was complete ({0})")]
    Closed(String),
    /// The peer sent more than [`Limits::max_bytes`].
    #[error("the answer is larger than is read")]
    TooLarge,
    /// A body in this content coding, although none was requested: its length is unknown.
    #[error(
        "the answer came with the content coding {0}, though none was asked for (Accept-Encoding: identity); switch off \
         compression for this URL"
    )]
    Encoded(String),
    /// The DNS resolver is unreachable, or its answer is not a DNS message.
    #[error("the DNS resolver did not answer ({0})")]
    Resolver(String),
}

/// The reason for a refused connection: workerd gives one text for all reasons.
pub const NOT_CONNECTED: &str = "the connection was refused, or nothing leads there";

/// The reason for a connection that ended too early.
pub const BROKEN: &str = "the other side or the network ended it";

impl OutboundFault {
    /// The fault of a refused connection, as reported by the Worker.
    pub fn unreachable() -> Self {
        Self::Unreachable(NOT_CONNECTED.to_owned())
    }

    /// Whether the connection failed, so that another address of the host may work.
    pub fn is_connection(&self) -> bool {
        match self {
            Self::Timeout | Self::Filtered | Self::Unreachable(_) | Self::Closed(_) => true,
            Self::TooLarge | Self::Encoded(_) | Self::Resolver(_) => false,
        }
    }
}

/// Network access of validation.
#[allow(async_fn_in_trait, reason = "futures on wasm are not Send; callers are generic, never dyn")]
pub trait Outbound {
    /// The present time. It must advance while other methods wait: the time budget depends on it.
    fn now(&self) -> Time;

    /// Sends a query to the configured DNS resolver and returns the answer.
    ///
    /// Both are in wire format ([RFC 8484 §4.1](https://www.rfc-editor.org/rfc/rfc8484#section-4.1)).
    ///
    /// # Errors
    /// [`OutboundFault::Resolver`] for an answer that is not a DNS message.
    async fn doh(&self, query: &[u8], limits: Limits) -> Result<Vec<u8>, OutboundFault>;

    /// Connects by TCP to exactly `addr`, sends `opening`, and passes received bytes to `react`.
    ///
    /// `react` never gets an empty slice. The conversation ends when `react` closes it, or when the peer does, which is
    /// not a fault.
    ///
    /// # Errors
    /// [`OutboundFault::TooLarge`] when more than `limits.max_bytes` came and `react` reads on;
    /// [`OutboundFault::Filtered`] when the time limit passed before the connection was made.
    async fn converse(
        &self,
        addr: SocketAddr,
        opening: &[u8],
        limits: Limits,
        react: &mut dyn FnMut(&[u8]) -> Reaction,
    ) -> Result<(), OutboundFault>;

    /// A GET of `url` (http or https) by the platform's own HTTP client, which resolves the host itself. It
    /// neither follows redirects nor uses a cache. Only for hosts in [Cloudflare's network](super::cloudflare).
    ///
    /// # Errors
    /// [`OutboundFault::TooLarge`] when the body has more than `limits.max_bytes`.
    async fn fetch(&self, url: &str, limits: Limits) -> Result<FetchAnswer, OutboundFault>;
}
