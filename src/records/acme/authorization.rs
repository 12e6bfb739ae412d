//! Authorizations and their challenges ([RFC 8555 §7.1.4](https://www.rfc-editor.org/rfc/rfc8555#section-7.1.4)).

use super::problem::Named;
use crate::records::Problem;
use crate::store::{Layout, Record, Table, key_of};
use crate::values::{Id, Identifier, Time};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Time to answer a challenge; clients need seconds to minutes.
pub const PENDING_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Time for which a proof may be used: by its own order and by others.
pub const VALID_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Time for which expired records stay readable, so that a late client gets the reason.
pub const GRACE: Duration = Duration::from_secs(24 * 3600);

/// Status of an authorization (RFC 8555 §7.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthorizationStatus {
    /// Not decided yet.
    Pending,
    /// Proven.
    Valid,
    /// A challenge failed.
    Invalid,
    /// Deactivated by its holder.
    Deactivated,
    /// Expired.
    Expired,
}

/// Status of a challenge (RFC 8555 §7.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChallengeStatus {
    /// Waits for the client.
    Pending,
    /// Being validated.
    Processing,
    /// Validated.
    Valid,
    /// Failed permanently.
    Invalid,
}

/// A challenge within its authorization (RFC 8555 §8).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChallengeRecord {
    /// The challenge type, `http-01` and the like.
    pub kind: String,
    /// The token, 128 random bits in base64url; empty for a challenge that has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub token: String,
    /// Status.
    pub status: ChallengeStatus,
    /// Time of validation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validated: Option<Time>,
    /// Error of the last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
    /// The key authorization when the client responded. A later key change does not affect a running validation (RFC
    /// 8555 §8.3, §8.4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_authorization: Option<String>,
    /// Contents of a challenge without a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent: Option<PersistentOffer>,
}

/// Values for a persistent DNS record (draft-ietf-acme-dns-persist §3.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersistentOffer {
    /// Names of this CA; the record has to contain one of them.
    pub issuer_domain_names: Vec<String>,
    /// The account's URL.
    pub account_uri: String,
}

/// An authorization, stored as `authz/{id}` in its account's partition.
///
/// Its id is that of its order with the number 1 or above; it shares the order's row. One of newAuthz has the number 0,
/// and a row of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuthorizationRecord {
    /// Name in its URL.
    pub id: Id,
    /// The identifier to prove, a wildcard's base.
    pub identifier: Identifier,
    /// Whether it is for the wildcard below the identifier.
    #[serde(default)]
    pub wildcard: bool,
    /// The stored status; [`AuthorizationRecord::status`] takes the time into account.
    pub state: AuthorizationStatus,
    /// Expiry.
    pub expires: Time,
    /// The order that it was created for; `None` for one of newAuthz (RFC 8555 §7.4.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Id>,
    /// The challenges.
    pub challenges: Vec<ChallengeRecord>,
    /// Time of the last CAA check that allowed issuance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caa_checked: Option<Time>,
}

impl Record for AuthorizationRecord {
    const PREFIX: &'static str = "authz";
    const TABLE: Table = Table::Expiring;
    const LAYOUT: Layout = Layout::Shared;

    fn row(id: &str) -> String {
        let order = Id::parse(id).filter(|id| id.number() != 0).map(|id| id.numbered(0));
        order.map_or_else(|| key_of::<Self>(id), |order| format!("order/{order}"))
    }

    fn expires(&self) -> Option<Time> {
        Some(self.expires.plus(GRACE))
    }
}

impl ChallengeRecord {
    /// A new challenge of this type.
    pub fn new(kind: &str, token: String) -> Self {
        Self {
            kind: kind.to_owned(),
            token,
            status: ChallengeStatus::Pending,
            validated: None,
            error: None,
            key_authorization: None,
            persistent: None,
        }
    }

    /// A new challenge of this type without a token.
    pub fn persistent(kind: &str, offer: PersistentOffer) -> Self {
        Self { persistent: Some(offer), ..Self::new(kind, String::new()) }
    }

    /// The challenge object (RFC 8555 §8): `type` first and `error`, the only nested object, last. acme.sh reads it
    /// with regular expressions.
    ///
    /// One without a token has the issuer domain names under the member names of draft -02 and of -00 and -01, which
    /// clients know, and the account URL of -01.
    pub fn wire(&self, url: &str) -> Value {
        let mut object = json!({ "type": self.kind, "url": url, "token": self.token, "status": self.status });
        if let Some(members) = object.as_object_mut() {
            if let Some(offer) = &self.persistent {
                members.shift_remove("token");
                members.insert("accounturi".into(), offer.account_uri.clone().into());
                for name in ["issuerDomainNames", "issuer-domain-names"] {
                    members.insert(name.into(), offer.issuer_domain_names.clone().into());
                }
            }
            if let Some(at) = self.validated {
                members.insert("validated".into(), at.rfc3339().into());
            }
            if let Some(error) = &self.error {
                members.insert("error".into(), error.document());
            }
        }
        object
    }
}

impl AuthorizationRecord {
    /// The order's identifier, as subproblems name it.
    pub fn named(&self) -> Named {
        let named = Named::from(&self.identifier);
        if self.wildcard { Named { value: format!("*.{}", named.value), ..named } } else { named }
    }

    /// The status at `now`.
    pub fn status(&self, now: Time) -> AuthorizationStatus {
        match self.state {
            AuthorizationStatus::Pending if self.expires.has_ended(PENDING_LIFETIME, now) => {
                AuthorizationStatus::Invalid
            }
            AuthorizationStatus::Valid if self.expires.has_ended(VALID_LIFETIME, now) => AuthorizationStatus::Expired,
            state => state,
        }
    }

    /// Whether other orders may reuse it once it is valid. Only proofs given in answer to a challenge are reusable:
    /// dns-persist-01 records and pre-authorizations are checked again for each order.
    pub fn reusable(&self) -> bool {
        self.proof().is_some_and(|kind| kind != "dns-persist-01")
    }

    /// Type of the challenge that proved it.
    pub fn proof(&self) -> Option<&str> {
        let proven = self.challenges.iter().find(|challenge| challenge.status == ChallengeStatus::Valid);
        proven.map(|challenge| challenge.kind.as_str())
    }

    /// The challenge of this type.
    pub fn challenge(&self, kind: &str) -> Option<&ChallengeRecord> {
        self.challenges.iter().find(|challenge| challenge.kind == kind)
    }

    /// The challenge of this type, mutable.
    pub fn challenge_mut(&mut self, kind: &str) -> Option<&mut ChallengeRecord> {
        self.challenges.iter_mut().find(|challenge| challenge.kind == kind)
    }

    /// The authorization object (RFC 8555 §7.1.4); `url_of` returns the URL of a challenge type.
    pub fn wire(&self, now: Time, url_of: impl Fn(&str) -> String) -> Value {
        let challenges: Vec<Value> = self.shown_challenges().map(|c| c.wire(&url_of(&c.kind))).collect();
        let mut object = json!({
            "identifier": self.identifier,
            "status": self.status(now),
            "expires": self.expires.rfc3339(),
            "challenges": challenges,
        });
        if self.wildcard
            && let Some(members) = object.as_object_mut()
        {
            members.insert("wildcard".into(), true.into());
        }
        object
    }

    /// The challenges to show: after a decision only those that decided (RFC 8555 §7.1.4).
    fn shown_challenges(&self) -> impl Iterator<Item = &ChallengeRecord> {
        let decided = match self.state {
            AuthorizationStatus::Valid => Some(ChallengeStatus::Valid),
            AuthorizationStatus::Invalid => Some(ChallengeStatus::Invalid),
            _ => None,
        };
        self.challenges.iter().filter(move |c| decided.is_none_or(|status| c.status == status))
    }

    /// Whether this challenge can be answered.
    pub fn awaits_response(&self, kind: &str, now: Time) -> bool {
        let pending = self.challenge(kind).is_some_and(|challenge| challenge.status == ChallengeStatus::Pending);
        pending && self.status(now) == AuthorizationStatus::Pending
    }

    /// Marks a challenge as answered and being validated. Returns `false` and changes nothing when it was answered
    /// before, or the authorization is decided.
    pub fn respond(&mut self, kind: &str, key_authorization: String, now: Time) -> bool {
        if !self.awaits_response(kind, now) {
            return false;
        }
        let Some(challenge) = self.challenge_mut(kind) else { return false };
        challenge.status = ChallengeStatus::Processing;
        challenge.key_authorization = Some(key_authorization).filter(|_| challenge.persistent.is_none());
        true
    }

    /// Records a successful validation, unless the challenge is decided. A pending authorization becomes valid until
    /// `until` (RFC 8555 §7.1.6). One that was decided or deactivated meanwhile is unchanged, and the result is
    /// `false`.
    pub fn succeed(&mut self, kind: &str, now: Time, until: Time) -> bool {
        let undecided = self.status(now) == AuthorizationStatus::Pending;
        let Some(challenge) = self.challenge_mut(kind).filter(|c| c.status == ChallengeStatus::Processing) else {
            return false;
        };
        challenge.status = ChallengeStatus::Valid;
        challenge.validated = Some(now);
        challenge.error = None;
        if undecided {
            self.state = AuthorizationStatus::Valid;
            self.expires = until;
        }
        undecided
    }

    /// Records a failed validation. With `finally` the challenge and its pending authorization become invalid;
    /// otherwise the error is kept beside `processing` until the next attempt (RFC 8555 §8.2, erratum 5732).
    pub fn fail(&mut self, kind: &str, error: Problem, finally: bool) {
        let Some(challenge) = self.challenge_mut(kind).filter(|c| c.status == ChallengeStatus::Processing) else {
            return;
        };
        challenge.error = Some(error);
        if finally {
            challenge.status = ChallengeStatus::Invalid;
            if self.state == AuthorizationStatus::Pending {
                self.state = AuthorizationStatus::Invalid;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::records::OrderRecord;
    use crate::records::acme::authorization::*;

    #[test]
    fn an_authorization_shares_the_row_of_its_order() {
        let id = Id::from_random([7; 16]);
        let order = key_of::<OrderRecord>(id.numbered(0).as_str());
        assert_eq!(AuthorizationRecord::row(id.as_str()), order);
        assert_eq!(OrderRecord::row(id.numbered(0).as_str()), order);
        assert_eq!(AuthorizationRecord::row(id.numbered(0).as_str()), format!("authz/{}", id.numbered(0)));
    }

    fn proven_by(kind: &str) -> AuthorizationRecord {
        let mut challenge = ChallengeRecord::new(kind, "token".into());
        challenge.status = ChallengeStatus::Valid;
        AuthorizationRecord {
            id: Id::from_random([1; 16]),
            identifier: Identifier::dns("a.test").unwrap(),
            wildcard: false,
            state: AuthorizationStatus::Valid,
            expires: Time::from_secs(10),
            order: None,
            challenges: vec![ChallengeRecord::new("http-01", "other".into()), challenge],
            caa_checked: None,
        }
    }

    #[test]
    fn o06_only_answered_challenges_are_reusable() {
        for kind in ["http-01", "dns-01", "tls-alpn-01", "dns-account-01"] {
            assert!(proven_by(kind).reusable(), "{kind}");
        }
        assert!(!proven_by("dns-persist-01").reusable(), "looked up afresh for each order");
        let granted = AuthorizationRecord { challenges: vec![], ..proven_by("http-01") };
        assert!(!granted.reusable(), "granted afresh for each order");
    }
}
