//! Problem documents ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) and ACME's error types
//! ([RFC 8555 §6.7](https://www.rfc-editor.org/rfc/rfc8555#section-6.7)).

use crate::store::StoreFailure;
use crate::values::{CryptoFailure, Identifier};
use serde::{Deserialize, Serialize};

/// Defines the error kinds: each row has a registered token and its HTTP status.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $token:literal, $status:literal;)*) => {
        /// An error type of the IANA registry "ACME Error Types", the only ones sent (RFC 8555 §6.7).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Kind { $($(#[$doc])* #[serde(rename = $token)] $kind,)* }

        impl Kind {
            /// All kinds, for tests.
            pub const ALL: &'static [Kind] = &[$(Kind::$kind),*];

            /// The token that follows `urn:ietf:params:acme:error:`.
            pub const fn token(self) -> &'static str { match self { $(Kind::$kind => $token),* } }

            /// Default HTTP status.
            pub const fn status(self) -> u16 { match self { $(Kind::$kind => $status),* } }
        }
    };
}

kinds! {
    /// The request names an account that does not exist.
    AccountDoesNotExist = "accountDoesNotExist", 400;
    /// Another order replaces the certificate already (RFC 9773 §7.4).
    AlreadyReplaced = "alreadyReplaced", 409;
    /// The certificate is revoked already.
    AlreadyRevoked = "alreadyRevoked", 400;
    /// The CSR is unacceptable.
    BadCsr = "badCSR", 400;
    /// The nonce is unknown, too old or used.
    BadNonce = "badNonce", 400;
    /// The key is of a kind or quality that is not accepted.
    BadPublicKey = "badPublicKey", 400;
    /// The revocation reason is not allowed.
    BadRevocationReason = "badRevocationReason", 400;
    /// The JWS is signed with an algorithm that is not supported.
    BadSignatureAlgorithm = "badSignatureAlgorithm", 400;
    /// CAA records forbid this CA to issue.
    Caa = "caa", 403;
    /// Several errors, told apart in `subproblems`.
    Compound = "compound", 400;
    /// The server could not connect to the host that is being validated.
    Connection = "connection", 400;
    /// A DNS query failed during validation.
    Dns = "dns", 400;
    /// An account needs an external account binding here.
    ExternalAccountRequired = "externalAccountRequired", 403;
    /// The response to a challenge was not the expected one.
    IncorrectResponse = "incorrectResponse", 403;
    /// A contact URL is invalid.
    InvalidContact = "invalidContact", 400;
    /// The profile is not offered, or not to this order (draft-ietf-acme-profiles §4).
    InvalidProfile = "invalidProfile", 400;
    /// The request is malformed.
    Malformed = "malformed", 400;
    /// The order cannot be finalized in its state.
    OrderNotReady = "orderNotReady", 403;
    /// A limit was exceeded.
    RateLimited = "rateLimited", 429;
    /// The server will not issue for this identifier.
    RejectedIdentifier = "rejectedIdentifier", 400;
    /// The server failed.
    ServerInternal = "serverInternal", 500;
    /// A TLS error during validation.
    Tls = "tls", 400;
    /// The client lacks authorization.
    Unauthorized = "unauthorized", 403;
    /// A contact URL has a scheme that is not supported.
    UnsupportedContact = "unsupportedContact", 400;
    /// An identifier has a type that is not supported.
    UnsupportedIdentifier = "unsupportedIdentifier", 400;
    /// The user has to visit a page and act there.
    UserActionRequired = "userActionRequired", 403;
}

/// The identifier of a subproblem as the client wrote it, which may be invalid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The identifier's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The identifier's value.
    pub value: String,
}

impl From<&Identifier> for Named {
    fn from(identifier: &Identifier) -> Self {
        Self { kind: identifier.kind().to_owned(), value: identifier.value().into_owned() }
    }
}

/// An error that is sent, or kept in an order or challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The error type.
    pub kind: Kind,
    /// The HTTP status; equals the `status` member of the document (RFC 9457 §3.1.2).
    pub status: u16,
    /// What was asked, what was found, what to do: for people.
    pub detail: String,
    /// Accepted signature algorithms (RFC 8555 §6.2, with `badSignatureAlgorithm` only).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub algorithms: Vec<String>,
    /// One problem per identifier (RFC 8555 §6.7.1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subproblems: Vec<(Named, Problem)>,
    /// Value of `Location`: the account that has the key (RFC 8555 §7.3.5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// A URL for the client's user (RFC 8555 §7.3.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Target of the `Link` with the relation `terms-of-service`: the terms to agree to (RFC 8555 §7.3.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<String>,
    /// Target of the `Link` with the relation `help` (RFC 8555 §6.6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The exceeded rate limit, with `rateLimited` only: an extension member (RFC 9457 §3.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// Whole seconds for `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
    /// Details for the operator's log; never sent to the client.
    #[serde(skip)]
    pub log: Option<String>,
}

impl Problem {
    /// A problem of this kind with its default status.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            status: kind.status(),
            detail: detail.into(),
            algorithms: Vec::new(),
            subproblems: Vec::new(),
            location: None,
            instance: None,
            terms: None,
            help: None,
            limit: None,
            retry_after: None,
            log: None,
        }
    }

    /// A `malformed` problem.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(Kind::Malformed, detail)
    }

    /// An internal error. The client is asked to try again; `log`, which may quote the platform, is for the operator.
    pub fn internal(log: impl Into<String>) -> Self {
        let detail = "The server could not finish this request, through no fault of yours. Part of it may have been done: \
                      look at what it was about, and try again in a minute.";
        Self { retry_after: Some(60), log: Some(log.into()), ..Self::new(Kind::ServerInternal, detail) }
    }

    /// The refusal of what only another release understands. `log` is for the operator.
    ///
    /// After an update two releases run beside each other for some minutes. What is refused so has changed nothing.
    pub fn other_release(log: impl Into<String>) -> Self {
        let detail = "This part of the CA runs an older release than the rest, as it does for some minutes after an \
                      update: try again.";
        Self { retry_after: Some(60), log: Some(log.into()), ..Self::new(Kind::ServerInternal, detail) }
            .with_status(503)
    }

    /// The same problem with another HTTP status.
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// An unknown resource, or another account's: both get the same answer, so that nothing leaks.
    pub fn not_found(what: &str) -> Self {
        Self::malformed(format!(
            "There is no such {what} for this account. It may have expired; start again with a new order."
        ))
        .with_status(404)
    }

    /// The problem document. `identifier` appears only in subproblems (RFC 8555 §6.7.1); `type` comes first, for
    /// clients that read JSON with regular expressions.
    pub fn document(&self) -> serde_json::Value {
        let mut doc = serde_json::json!({ "type": self.type_uri(), "detail": self.detail, "status": self.status });
        if let Some(members) = doc.as_object_mut() {
            if let Some(instance) = &self.instance {
                members.insert("instance".into(), instance.as_str().into());
            }
            if let Some(limit) = &self.limit {
                members.insert("limit".into(), limit.as_str().into());
            }
            if !self.algorithms.is_empty() {
                members.insert("algorithms".into(), self.algorithms.clone().into());
            }
            if !self.subproblems.is_empty() {
                let subs = self.subproblems.iter().map(|(identifier, problem)| {
                    serde_json::json!({
                        "type": problem.type_uri(), "detail": problem.detail, "identifier": identifier,
                    })
                });
                members.insert("subproblems".into(), subs.collect());
            }
        }
        doc
    }

    fn type_uri(&self) -> String {
        format!("urn:ietf:params:acme:error:{}", self.kind.token())
    }

    /// Joins problems about identifiers of a request with `asked` identifiers: `compound` where their kinds differ
    /// ([RFC 8555 §6.7.1](https://www.rfc-editor.org/rfc/rfc8555#section-6.7.1)). `None` for no problems.
    ///
    /// Each problem's identifier is in a subproblem, even if only one of several is refused: a client that goes on
    /// without it has to know. A request with one identifier has no subproblems.
    pub fn join(problems: Vec<(Named, Problem)>, asked: usize) -> Option<Self> {
        let (named, first) = problems.first()?.clone();
        if problems.len() == 1 {
            return Some(if asked > 1 { first.about_one(named, asked) } else { first });
        }
        let kind = if problems.iter().all(|(_, p)| p.kind == first.kind) { first.kind } else { Kind::Compound };
        let mut refused: Vec<&Named> = problems.iter().map(|(named, _)| named).collect();
        refused.dedup();
        let detail = format!("{} of {asked} identifiers refused; each has its reason in subproblems.", refused.len());
        Some(Self { subproblems: problems, ..Self::new(kind, detail) })
    }

    /// The problem as one about this identifier, of `asked` identifiers in the request.
    pub fn about_one(self, named: Named, asked: usize) -> Self {
        let detail = format!("1 of {asked} identifiers refused, {}: {}", named.value, self.detail);
        Self { detail, subproblems: vec![(named, self.clone())], ..self }
    }
}

impl From<StoreFailure> for Problem {
    fn from(failure: StoreFailure) -> Self {
        match failure {
            StoreFailure::Failed(_) => Self::internal(failure.to_string()),
            StoreFailure::Unreadable(_) => Self::other_release(failure.to_string()),
        }
    }
}

impl From<CryptoFailure> for Problem {
    fn from(failure: CryptoFailure) -> Self {
        Self::internal(failure.to_string())
    }
}

#[cfg(test)]
mod tests {
    use crate::records::acme::problem::*;

    /// The IANA registry "ACME Error Types" of August 2026, and `invalidProfile` of an adopted draft.
    const REGISTERED: &[&str] = &[
        "accountDoesNotExist",
        "alreadyReplaced",
        "alreadyRevoked",
        "autoRenewalCanceled",
        "autoRenewalCancellationInvalid",
        "autoRenewalExpired",
        "autoRenewalRevocationNotSupported",
        "badAttestationStatement",
        "badCSR",
        "badNonce",
        "badPublicKey",
        "badRevocationReason",
        "badSignatureAlgorithm",
        "caa",
        "compound",
        "connection",
        "dns",
        "externalAccountRequired",
        "incorrectResponse",
        "invalidContact",
        "invalidProfile",
        "malformed",
        "onionCAARequired",
        "orderNotReady",
        "rateLimited",
        "rejectedIdentifier",
        "serverInternal",
        "tls",
        "unauthorized",
        "unknownDelegation",
        "unsupportedContact",
        "unsupportedIdentifier",
        "userActionRequired",
    ];

    #[test]
    fn e01_only_registered_types_exist() {
        for kind in Kind::ALL {
            assert!(REGISTERED.contains(&kind.token()), "{kind:?}");
            assert!((400..600).contains(&kind.status()));
        }
    }

    #[test]
    fn e02_identifiers_are_in_subproblems_only() {
        let named = |name: &str| Named::from(&Identifier::dns(name).unwrap());
        let a = (named("a.test"), Problem::new(Kind::RejectedIdentifier, "no a"));
        let b = (named("b.test"), Problem::new(Kind::UnsupportedIdentifier, "no b"));
        let doc = Problem::join(vec![a.clone(), b], 3).unwrap().document();
        assert_eq!(doc["type"], "urn:ietf:params:acme:error:compound");
        assert_eq!(doc["detail"], "2 of 3 identifiers refused; each has its reason in subproblems.");
        assert_eq!(doc["status"], 400);
        assert!(doc.get("identifier").is_none());
        assert_eq!(doc["subproblems"][1]["type"], "urn:ietf:params:acme:error:unsupportedIdentifier");
        assert_eq!(doc["subproblems"][1]["identifier"]["value"], "b.test");
        let single = Problem::join(vec![a.clone()], 1).unwrap();
        assert_eq!(single, a.1);
        let alike = Problem::join(vec![a.clone(), a.clone()], 2).unwrap();
        assert_eq!(alike.kind, Kind::RejectedIdentifier);
        assert_eq!(Problem::join(vec![], 2), None);
        let late = Problem { retry_after: Some(7), ..a.1.clone() }.with_status(403);
        let one = Problem::join(vec![(a.0, late)], 3).unwrap();
        assert_eq!((one.kind, one.status, one.retry_after), (Kind::RejectedIdentifier, 403, Some(7)));
        let doc = one.document();
        assert_eq!(doc["detail"], "1 of 3 identifiers refused, a.test: no a");
        let about = &doc["subproblems"][0];
        assert_eq!((about["identifier"]["value"].as_str(), about["detail"].as_str()), (Some("a.test"), Some("no a")));
        assert_eq!(doc["subproblems"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn e04_internal_problem_hides_its_cause() {
        let problem = Problem::internal("disk on fire");
        let said = problem.document().to_string();
        assert!(!said.contains("fire") && !said.contains("Nothing was changed"), "{said}");
        assert_eq!((problem.status, problem.retry_after), (500, Some(60)));
    }
}
