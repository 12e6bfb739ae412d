//! Authorizations and their challenges ([RFC 8555 §7.1.4](https://www.rfc-editor.org/rfc/rfc8555#section-7.1.4)).

use super::problem::Named;
use crate::records::Problem;
use crate::store::{Record, Table};
use crate::values::{Id, Identifier, Time};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How long a client may take to answer a challenge; a day is far more than any needs.
pub const PENDING_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// How long a proof may be used to issue: by its own order, which lives a day, and by others until then.
pub const VALID_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// How long records stay readable after they are over, so that a late client still learns why.
pub const GRACE: Duration = Duration::from_secs(24 * 3600);

/// Status of an authorization (RFC 8555 §7.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthorizationStatus {
    /// No challenge was answered successfully yet.
    Pending,
    /// Proven.
    Valid,
    /// A challenge failed.
    Invalid,
    /// Given up by its holder.
    Deactivated,
    /// Its time is over.
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
    /// Failed for good.
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
    /// Where it is in its life.
    pub status: ChallengeStatus,
    /// When it was validated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validated: Option<Time>,
    /// Why the last try failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
    /// The key authorization at the time of the client's response: a key change since then does not disturb a
    /// running validation (RFC 8555 §8.3, §8.4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_authorization: Option<String>,
    /// What a challenge without a token says instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent: Option<PersistentOffer>,
}

/// What a record that stays may say (draft-ietf-acme-dns-persist §3.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersistentOffer {
    /// Names of this CA, one of which the record has to name.
    pub issuer_domain_names: Vec<String>,
    /// The account's URL.
    pub account_uri: String,
}

/// An authorization, stored as `authz/{id}` in its account's partition.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuthorizationRecord {
    /// Name in its URL.
    pub id: Id,
    /// The identifier to prove, a wildcard's base.
    pub identifier: Identifier,
    /// Whether it stands for the wildcard below the identifier.
    #[serde(default)]
    pub wildcard: bool,
    /// The status as last written; [`AuthorizationRecord::status`] knows about time.
    pub state: AuthorizationStatus,
    /// When it is over.
    pub expires: Time,
    /// The order that it was made for; none for one that was asked for by itself (RFC 8555 §7.4.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Id>,
    /// Ways to prove the identifier.
    pub challenges: Vec<ChallengeRecord>,
    /// When CAA records last allowed the issuance, if they were looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caa_checked: Option<Time>,
}

impl Record for AuthorizationRecord {
    const PREFIX: &'static str = "authz";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        Some(self.expires.plus(GRACE))
    }
}

impl ChallengeRecord {
    /// A fresh challenge of this type.
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

    /// A fresh challenge of this type without a token.
    pub fn persistent(kind: &str, offer: PersistentOffer) -> Self {
        Self { persistent: Some(offer), ..Self::new(kind, String::new()) }
    }

    /// The challenge object (RFC 8555 §8) with `type` first and `error`, the only nested object, last: acme.sh reads
    /// this with regular expressions.
    ///
    /// One without a token has the issuer domain names, under the name that draft -02 gives them and under that of -00
    /// and -01, which clients know, and the account URL of -01.
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
    /// The identifier of the order that it is for, as subproblems name it.
    pub fn named(&self) -> Named {
        let named = Named::from(&self.identifier);
        if self.wildcard { Named { value: format!("*.{}", named.value), ..named } } else { named }
    }

    /// The status at `now`.
    pub fn status(&self, now: Time) -> AuthorizationStatus {
        match self.state {
            AuthorizationStatus::Pending if now >= self.expires => AuthorizationStatus::Invalid,
            AuthorizationStatus::Valid if now >= self.expires => AuthorizationStatus::Expired,
            state => state,
        }
    }

    /// Whether orders other than its own may rest on it once it is valid: on a proof that the client gave, in answer
    /// to a challenge. Not on a dns-persist-01 record, which is looked up afresh for each order, nor on what was granted
    /// without a challenge, which is granted afresh for each order or not at all.
    pub fn reusable(&self) -> bool {
        self.proof().is_some_and(|kind| kind != "dns-persist-01")
    }

    /// The type of the challenge that proved it.
    pub fn proof(&self) -> Option<&str> {
        let proven = self.challenges.iter().find(|challenge| challenge.status == ChallengeStatus::Valid);
        proven.map(|challenge| challenge.kind.as_str())
    }

    /// The challenge of this type.
    pub fn challenge(&self, kind: &str) -> Option<&ChallengeRecord> {
        self.challenges.iter().find(|challenge| challenge.kind == kind)
    }

    /// The challenge of this type, to change it.
    pub fn challenge_mut(&mut self, kind: &str) -> Option<&mut ChallengeRecord> {
        self.challenges.iter_mut().find(|challenge| challenge.kind == kind)
    }

    /// The authorization object (RFC 8555 §7.1.4); `url_of` gives the URL of the challenge of a type.
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

    /// Once decided, only the challenges that decided it are shown (RFC 8555 §7.1.4).
    fn shown_challenges(&self) -> impl Iterator<Item = &ChallengeRecord> {
        let decided = match self.state {
            AuthorizationStatus::Valid => Some(ChallengeStatus::Valid),
            AuthorizationStatus::Invalid => Some(ChallengeStatus::Invalid),
            _ => None,
        };
        self.challenges.iter().filter(move |c| decided.is_none_or(|status| c.status == status))
    }

    /// Whether a challenge waits for its answer.
    pub fn awaits_response(&self, kind: &str, now: Time) -> bool {
        let pending = self.challenge(kind).is_some_and(|challenge| challenge.status == ChallengeStatus::Pending);
        pending && self.status(now) == AuthorizationStatus::Pending
    }

    /// Marks a challenge answered: from now on it is being validated. `false` when it was answered before, or the
    /// authorization is decided: then nothing changes.
    pub fn respond(&mut self, kind: &str, key_authorization: String, now: Time) -> bool {
        if !self.awaits_response(kind, now) {
            return false;
        }
        let Some(challenge) = self.challenge_mut(kind) else { return false };
        challenge.status = ChallengeStatus::Processing;
        challenge.key_authorization = Some(key_authorization).filter(|_| challenge.persistent.is_none());
        true
    }

    /// Records a successful validation, unless the challenge is decided. An authorization that is still pending is valid
    /// with it (RFC 8555 §7.1.6), until `until`; one that was decided or given up meanwhile stays as it is, and `false` is
    /// returned.
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

    /// Records a failed validation. With `finally` the challenge and its pending authorization are invalid, otherwise
    /// the error is kept beside `processing` while it is tried again (RFC 8555 §8.2, erratum 5732).
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
    use crate::records::acme::authorization::*;

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
    fn o06_only_a_proof_that_was_given_once_and_for_all_is_used_again() {
        for kind in ["http-01", "dns-01", "tls-alpn-01", "dns-account-01"] {
            assert!(proven_by(kind).reusable(), "{kind}");
        }
        assert!(!proven_by("dns-persist-01").reusable(), "looked up afresh for each order");
        let granted = AuthorizationRecord { challenges: vec![], ..proven_by("http-01") };
        assert!(!granted.reusable(), "granted afresh for each order");
    }
}
