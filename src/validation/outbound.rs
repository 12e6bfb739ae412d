//! The port through which validation reaches the network.
//!
//! Validation decides *what* to ask and of *whom*; whoever implements this trait only carries bytes. The
//! Worker does it with `fetch` and `connect()`, native tests with sockets or a script.

use crate::values::Time;
use core::net::SocketAddr;
use core::time::Duration;

/// How much one exchange may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes to read. Of a socket that is everything the peer sends, of a `fetch` the body.
    pub max_bytes: usize,
    /// From the call to its return, connecting included.
    pub timeout: Duration,
}

/// How a conversation goes on after something was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Send this, if it is anything, and read on.
    Send(Vec<u8>),
    /// Send this, if it is anything, and close the connection.
    Close(Vec<u8>),
}

/// What `fetch` brought back, redirects not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchAnswer {
    /// The HTTP status code.
    pub status: u16,
    /// The `Location` header as it was sent.
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

/// What is known of a connection that workerd did not make at once: it has the same words for all reasons.
pub const NOT_CONNECTED: &str = "the connection was refused, or nothing leads there";

/// What is known of a connection that ended too early.
pub const BROKEN: &str = "the other side or the network ended it";

impl OutboundFault {
    /// The fault of a connection that was refused or cannot be made, in the words of the Worker.
    pub fn unreachable() -> Self {
        Self::Unreachable(NOT_CONNECTED.to_owned())
    }

    /// Whether no usable connection came about, so that another address of the same host may do better.
    pub fn is_connection(&self) -> bool {
        match self {
            Self::Timeout | Self::Filtered | Self::Unreachable(_) | Self::Closed(_) => true,
            Self::TooLarge | Self::Encoded(_) | Self::Resolver(_) => false,
        }
    }
}

/// The network, as validation sees it.
#[allow(async_fn_in_trait, reason = "futures on wasm are not Send; callers are generic, never dyn")]
pub trait Outbound {
    /// The present. It has to move on while one of the other methods waits: the total budget hangs on it.
    fn now(&self) -> Time;

    /// One exchange with the configured DNS resolver: a query in wire format, its answer in wire format
    /// ([RFC 8484 §4.1](https://www.rfc-editor.org/rfc/rfc8484#section-4.1)).
    ///
    /// # Errors
    /// [`OutboundFault::Resolver`] when the resolver answers with anything but a DNS message.
    async fn doh(&self, query: &[u8], limits: Limits) -> Result<Vec<u8>, OutboundFault>;

    /// Connects by TCP to exactly `addr`, sends `opening`, and hands what the peer sends to `react`, read by read, which
    /// says how to go on; never nothing. It ends when `react` wants it to, or when the peer closes, which is no fault:
    /// what was read until then counts.
    ///
    /// # Errors
    /// [`OutboundFault::TooLarge`] when more than `limits.max_bytes` came and `react` wants more;
    /// [`OutboundFault::Filtered`] when the time was over before there was a connection.
    async fn converse(
        &self,
        addr: SocketAddr,
        opening: &[u8],
        limits: Limits,
        react: &mut dyn FnMut(&[u8]) -> Reaction,
    ) -> Result<(), OutboundFault>;

    /// A GET of `url` (http or https) by the platform's own HTTP client, which resolves the host itself. It
    /// neither follows redirects nor uses a cache. Validations ask only hosts in
    /// [Cloudflare's network](super::cloudflare) so.
    ///
    /// # Errors
    /// [`OutboundFault::TooLarge`] when the body has more than `limits.max_bytes`.
    async fn fetch(&self, url: &str, limits: Limits) -> Result<FetchAnswer, OutboundFault>;
}
