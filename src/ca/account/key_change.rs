//! keyChange ([RFC 8555 §7.3.5](https://www.rfc-editor.org/rfc/rfc8555#section-7.3.5)).
//!
//! The account records the new key as pending, claims it at the key's partition, adopts it, and releases the old key.
//! Each step may be repeated. A request that finds a claim whose account has another key asks that account, which
//! cancels its pending change. So after a crash at any point one of the two keys works, and no key ever belongs to two
//! accounts. A claim carries the number of its change: a late release or reassignment finds a newer claim and leaves it
//! unchanged, and a later change cannot complete a cancelled one.

use super::kind::{Account, AccountAt};
use super::listing::ROSTER_WAIT;
use super::request::Admitted;
use super::resource::ReleaseKeyClaim;
use crate::ca::config::key_policy;
use crate::ca::config::key_policy::Use;
use crate::ca::http::message::Answer;
use crate::ca::partitions::compromised_keys;
use crate::ca::partitions::key_owner::{ClaimKey, KeyAt, ReassignKey, ReleaseKey};
use crate::ca::runtime::jws;
use crate::ca::runtime::ports::PartitionPorts;
use crate::ca::runtime::problems::dead_account;
use crate::jose::{Jwk, KeyChange, KeyChangeFault};
use crate::records::acme::account::KeyOwner;
use crate::records::{AccountRecord, AccountStatus, Problem};
use crate::store::Kv;
use crate::values::Id;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Handles keyChange.
    ///
    /// # Errors
    /// `malformed`, `badPublicKey` or `badSignatureAlgorithm` for a faulty inner JWS; `malformed` with 409 and the
    /// other account's URL in `Location` for a key that already has an account; `rateLimited`.
    pub async fn post_key_change(&self, admitted: &Admitted) -> Answer {
        let change = self.key_change(admitted).await;
        let old = admitted.jws.thumbprint().as_str().to_owned();
        let (new_key, claim) = self.transact_as_account(admitted, |txn, mut account| {
            let new_key = change?.new_key().clone();
            self.count_key_change(txn)?;
            account.pending_thumbprint = Some(new_key.thumbprint().as_str().to_owned());
            account.key_changes = account.key_changes.saturating_add(1);
            txn.put("", &account)?;
            Ok((new_key, KeyOwner { account: account.id, change: account.key_changes }))
        })?;
        let response = match self.claim_for(&claim, &new_key).await {
            Ok(()) => self.claim_from_other(&old, &claim, &new_key).await,
            Err(problem) => Err(problem),
        };
        match &response {
            Ok(_) => self.release_key(old, claim).await,
            // Releases the claim of this failed change. The claim of a later change stays, and so does that of the
            // account's current key, which the request may have named as the new key.
            Err(_) => {
                let new = new_key.thumbprint().as_str().to_owned();
                let has = self.transact(|txn| Ok(self.account(txn)?.thumbprint == new));
                if has.is_ok_and(|has| !has) {
                    let next = KeyOwner { change: claim.change.saturating_add(1), ..claim };
                    self.release_key(new, next).await;
                }
            }
        }
        response
    }

    /// Releases a key that this account does not have. A failure is repaired by the next request with that key.
    async fn release_key(&self, thumbprint: String, claim: KeyOwner) {
        if let Err(problem) = self.ports.ask(&KeyAt(thumbprint), &ReleaseKey(claim)).await {
            self.log(&problem);
        }
    }

    /// Verifies a change signed by both keys, to a key that an account may have. A key blocked after this check is
    /// treated like an existing account key.
    async fn key_change(&self, admitted: &Admitted) -> Result<KeyChange, Problem> {
        let change = KeyChange::verify(&admitted.jws, &self.ports).await.map_err(refuse)?;
        key_policy::check_account_key(self.ports.settings(), "the new key", change.new_key())?;
        compromised_keys::check(&self.ports, Use::Account("the new key"), change.new_key().spki_der()).await?;
        Ok(change)
    }

    /// Claims the new key for this account.
    async fn claim_for(&self, claim: &KeyOwner, key: &Jwk) -> Result<(), Problem> {
        let thumbprint = key.thumbprint().as_str().to_owned();
        let key = KeyAt(thumbprint.clone());
        let other = self.ports.ask(&key, &ClaimKey(claim.clone())).await?;
        if other.account == claim.account {
            return Ok(());
        }
        let at = AccountAt(other.account.clone());
        if self.ports.ask(&at, &ReleaseKeyClaim { thumbprint }).await?.has() {
            return Err(self.conflict(&other.account));
        }
        let owner = self.ports.ask(&key, &ReassignKey { from: other, to: claim.clone() }).await?;
        if owner.account != claim.account {
            return Err(self.conflict(&owner.account));
        }
        Ok(())
    }

    fn conflict(&self, other: &Id) -> Problem {
        let detail = "The new key is the key of another account, whose URL is in Location. Choose a fresh key.";
        Problem {
            location: Some(self.ports.settings().urls.account(other)),
            ..Problem::malformed(detail).with_status(409)
        }
    }

    async fn claim_from_other(&self, old: &str, claim: &KeyOwner, key: &Jwk) -> Answer {
        let thumbprint = key.thumbprint().as_str().to_owned();
        let (response, job) = self.transact(|txn| {
            let mut account: AccountRecord = self.account(txn)?;
            if account.status != AccountStatus::Valid {
                // Deactivated meanwhile: the account keeps its last key.
                return Err(dead_account());
            }
            let pending =
                account.key_changes == claim.change && account.pending_thumbprint.as_deref() == Some(&thumbprint);
            if account.thumbprint != old || !pending {
                let detail = "Another request changed this account's key, or took the new key, at the same time. Ask \
                              again, signed with the key that is the account's now.";
                // Not 409: that status is for a key of another account, and clients read its Location.
                return Err(Problem::malformed(detail));
            }
            let json = serde_json::from_str(&key.to_json()).map_err(|e| Problem::internal(e.to_string()))?;
            account.change_key(json, thumbprint);
            let job = self.put_and_list(txn, &mut account)?;
            Ok((self.account_response(&account), job))
        })?;
        self.run_now(Box::pin(self.clone().run_account_job(job)), ROSTER_WAIT).await;
        Ok(response)
    }
}

fn refuse(fault: KeyChangeFault) -> Problem {
    jws::refuse(fault.kind(), format!("The key change is refused: {fault}."))
}
