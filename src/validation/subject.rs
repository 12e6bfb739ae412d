//! What is to be validated.

use crate::values::Identifier;

/// The subject of a validation: identifier, account and challenge.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The identifier as in its authorization: without `*.`.
    pub identifier: &'a Identifier,
    /// Whether the authorization is for the wildcard.
    pub wildcard: bool,
    /// The challenge's token; empty for challenges without one.
    pub token: &'a str,
    /// `token` `.` thumbprint ([RFC 8555 §8.1](https://www.rfc-editor.org/rfc/rfc8555#section-8.1)).
    pub key_authorization: &'a str,
    /// The URL of the account.
    pub account: &'a str,
    /// The accepted contents of persistent records.
    pub persist: ExpectedRecord<'a>,
}

/// The accepted contents of a dns-persist-01 record.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExpectedRecord<'a> {
    /// The issuer domain names that the challenge offers, in lower case.
    pub issuers: &'a [String],
    /// The prefix of hashed account URIs.
    pub hash_prefix: &'a str,
    /// The thumbprints of all present and former keys of the account, the present one first.
    pub thumbprints: &'a [String],
}
