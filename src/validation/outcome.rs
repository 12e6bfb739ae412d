//! Results of validations.

use crate::values::Time;

/// The result of one validation attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Control is proven.
    Valid,
    /// Control is proven; the proof expires at this time.
    ValidUntil(Time),
    /// Control is not proven.
    Failed(Failure),
}

/// Why control is not proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The error type.
    pub kind: FailureKind,
    /// What was looked up, expected and found, for the client. Foreign bytes are shortened and escaped.
    pub detail: String,
    /// Whether the failure may be temporary.
    ///
    /// Examples are a late record or file, and a server that is down
    /// ([RFC 8555 §8.2](https://www.rfc-editor.org/rfc/rfc8555#section-8.2)).
    pub retry: bool,
}

/// The error types of validations
/// ([RFC 8555 §6.7](https://www.rfc-editor.org/rfc/rfc8555#section-6.7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// `dns`: the name could not be looked up, or does not exist.
    Dns,
    /// `connection`: no address is reachable, or none is permitted.
    Connection,
    /// `incorrectResponse`: the response breaks the protocol: not HTTP, too large, a refused redirect.
    IncorrectResponse,
    /// `unauthorized`: a valid response without the proof; clients then try another challenge type.
    Unauthorized,
    /// `tls`: a failed TLS handshake, of tls-alpn-01 or after a redirect to https.
    Tls,
    /// `malformed`: a record for this CA breaks its syntax.
    Malformed,
    /// `caa`: CAA records do not let this CA issue.
    Caa,
}

/// A permanent failure because of the response.
pub(super) fn unusable(detail: String) -> Failure {
    Failure { kind: FailureKind::IncorrectResponse, detail, retry: false }
}
