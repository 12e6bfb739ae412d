//! Kinds of refusals of signed requests.

/// Kind of a refusal: the type and status of its problem document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// `malformed`.
    Malformed,
    /// `badSignatureAlgorithm`, to be sent with [`ALGORITHMS`](super::ALGORITHMS).
    BadSignatureAlgorithm,
    /// `badPublicKey`.
    BadPublicKey,
    /// `badNonce`: also a missing nonce ([RFC 8555 §6.5](https://www.rfc-editor.org/rfc/rfc8555#section-6.5)).
    BadNonce,
    /// `unauthorized`: also a missing or wrong `url`
    /// ([RFC 8555 §6.4](https://www.rfc-editor.org/rfc/rfc8555#section-6.4)).
    Unauthorized,
    /// An invalid signature, for which RFC 8555 has no type.
    BadSignature,
}
