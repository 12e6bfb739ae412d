//! What is to be validated.

use crate::values::Identifier;

/// What is to be validated, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The identifier as in its authorization: without `*.`.
    pub identifier: &'a Identifier,
    /// Whether the wildcard below the identifier is meant.
    pub wildcard: bool,
    /// The challenge's token; empty for a challenge that has none.
    pub token: &'a str,
    /// `token` `.` thumbprint ([RFC 8555 §8.1](https://www.rfc-editor.org/rfc/rfc8555#section-8.1)).
    pub key_authorization: &'a str,
    /// The URL of the account that asks.
    pub account: &'a str,
    /// What a persistent record may say.
    pub persist: ExpectedRecord<'a>,
}

/// What a record may say of the CA and the account.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExpectedRecord<'a> {
    /// The issuer domain names that the challenge offers, in lower case.
    pub issuers: &'a [String],
    /// What hashed account URIs begin with.
    pub hash_prefix: &'a str,
    /// The thumbprints of all keys that the account ever had, the present one first.
    pub thumbprints: &'a [String],
}
