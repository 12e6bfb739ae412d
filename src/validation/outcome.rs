//! How a validation ends.

use crate::values::Time;

/// How one try to validate ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Control is proven.
    Valid,
    /// Control is proven, and the proof must not be relied on from then on.
    ValidUntil(Time),
    /// It is not, this time.
    Failed(Failure),
}

/// Why control is not proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Where it went wrong.
    pub kind: FailureKind,
    /// What was looked up, expected and found, for the person who asked; quotes little of what others sent,
    /// and that escaped.
    pub detail: String,
    /// Whether the same try may succeed later without anybody mending a mistake: a late record or file, a
    /// server that is down ([RFC 8555 §8.2](https://www.rfc-editor.org/rfc/rfc8555#section-8.2)).
    pub retry: bool,
}

/// Where a validation went wrong: the error types of
/// [RFC 8555 §6.7](https://www.rfc-editor.org/rfc/rfc8555#section-6.7) that are for validations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// `dns`: the name could not be looked up, or does not exist.
    Dns,
    /// `connection`: no address could be connected to, or none may be.
    Connection,
    /// `incorrectResponse`: what came back breaks the protocol: no HTTP, too large, a redirect not followed.
    IncorrectResponse,
    /// `unauthorized`: a proper answer that is not the proof. Clients try another challenge type on this one.
    Unauthorized,
    /// `tls`: no TLS handshake, of tls-alpn-01 or with an https server that a redirect led to.
    Tls,
    /// `malformed`: a record that is meant as the proof breaks its syntax.
    Malformed,
    /// `caa`: the name's owner lets others issue and not this CA, or whether that is so cannot be found out.
    Caa,
}

/// A failure that is the answer's own fault and will be the same next time.
pub(super) fn unusable(detail: String) -> Failure {
    Failure { kind: FailureKind::IncorrectResponse, detail, retry: false }
}
