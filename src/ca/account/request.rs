//! Authentication of account requests, and the transactions that act on them.

use super::kind::Account;
use super::terms;
use crate::ca::http::routes::AccountRoute;
use crate::ca::issuance_policy::effective;
use crate::ca::issuance_policy::effective::EffectivePolicy;
use crate::ca::partitions::nonce;
use crate::ca::partitions::nonce::Redeem;
use crate::ca::runtime::jws;
use crate::ca::runtime::jws::Signed;
use crate::ca::runtime::ports::PartitionPorts;
use crate::ca::runtime::problems::dead_account;
use crate::jose::{Jwk, Verified};
use crate::records::{AccountRecord, AccountStatus, Home, Kind, Nonce, Problem};
use crate::store::{Kv, Txn};
use crate::values::Id;

/// Refuses a request with a payload where only POST-as-GET makes sense (RFC 8555 §6.3).
///
/// # Errors
/// `malformed`.
pub fn only_read(admitted: &Admitted) -> Result<(), Problem> {
    if admitted.jws.is_post_as_get() {
        return Ok(());
    }
    Err(Problem::malformed("This resource can only be read: send a POST-as-GET, whose payload is the empty string."))
}

/// Returns the JSON payload of a request, which must be an object.
///
/// # Errors
/// `malformed`, with the position of the fault.
pub fn payload<T: serde::de::DeserializeOwned>(admitted: &Admitted) -> Result<T, Problem> {
    admitted.jws.payload_json().map_err(|fault| crate::ca::runtime::jws::refuse_jws(&fault))
}

/// An authenticated request: its signature verifies with the account's key, and its nonce is valid.
///
/// The transaction that acts on it does the rest: it redeems the nonce if this partition is its home, and checks the
/// account's key, its status and the URL. See [`Account::transact_as_account`].
pub struct Admitted {
    /// The verified request.
    pub jws: Verified,
    /// The account's id.
    pub account: Id,
    nonce: Option<Nonce>,
    /// The result of the URL check and of the account's request limit.
    url: Result<(), Problem>,
    needs_agreement: bool,
    /// The effective policy for new orders; the default for other requests.
    pub governing: EffectivePolicy,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Verifies a request. `signed` becomes true with a valid signature, even if a later check fails.
    pub(in crate::ca) async fn authenticate(
        &self,
        route: &AccountRoute,
        path: &str,
        body: &str,
        signed: &mut bool,
    ) -> Result<Admitted, Problem> {
        let jws = jws::parse(body.as_bytes())?;
        let id = self.id.clone();
        let account = self.transact(|txn| self.account(txn))?;
        let key: Jwk = serde_json::from_value(account.key.clone())
            .map_err(|e| Problem::internal(format!("the stored account key cannot be read: {e}")))?;
        let Signed { jws, nonce, url } = jws::signed(&self.ports, &jws, &key, path).await?;
        *signed = true;
        let counted = self.count_request();
        let nonce = nonce?;
        self.transact(|txn| self.heed_clock(txn))?;
        let nonce = if nonce.home == Home::Account(id.clone()) {
            Some(nonce)
        } else {
            nonce::redeem_remotely(&self.ports, &nonce).await?;
            None
        };
        let url = counted.and(url);
        let needs_agreement = !terms::is_exempt_from_agreement(route, &jws);
        let governing = match route {
            AccountRoute::NewOrder | AccountRoute::NewAuthorization | AccountRoute::Directory => {
                effective::for_account(&self.ports, &account).await?
            }
            _ => EffectivePolicy::default(),
        };
        Ok(Admitted { jws, account: id, nonce, url, needs_agreement, governing })
    }

    /// Returns the account of this partition.
    ///
    /// # Errors
    /// `accountDoesNotExist` (RFC 8555 §6.2).
    pub fn account(&self, txn: &Txn<'_, K>) -> Result<AccountRecord, Problem> {
        txn.get::<AccountRecord>("")?.ok_or_else(|| {
            let detail = "There is no account at the URL in kid. Create one with new-account.";
            Problem::new(Kind::AccountDoesNotExist, detail)
        })
    }

    /// Redeems a request's nonce, checks the account, and runs `act` in one transaction. If `act` fails, its writes are
    /// rolled back, but the nonce stays redeemed (RFC 8555 §6.5).
    ///
    /// # Errors
    /// `badNonce`; `unauthorized` with 401 for a deactivated or revoked account; `userActionRequired` for one that has
    /// to agree to new terms of service; the error of `act`.
    pub fn transact_as_account<T>(
        &self,
        admitted: &Admitted,
        act: impl FnOnce(&mut Txn<'_, K>, AccountRecord) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        self.transact(|txn| {
            if let Some(nonce) = &admitted.nonce
                && !self.redeem_nonce(txn, &Redeem::from(nonce))?
            {
                return Err(jws::used_nonce());
            }
            let mark = txn.mark();
            let acted = self.require_active(txn, admitted).and_then(|account| act(txn, account));
            if acted.is_err() {
                txn.roll_back_to(mark);
            }
            Ok(acted)
        })?
    }

    /// Checks a request before a slow step, without changes. Refuses what [`Account::transact_as_account`] would
    /// refuse.
    ///
    /// # Errors
    /// As [`Account::transact_as_account`].
    pub fn precheck<T>(
        &self,
        admitted: &Admitted,
        look: impl FnOnce(&Txn<'_, K>, AccountRecord) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        self.transact(|txn| {
            if let Some(nonce) = &admitted.nonce
                && self.is_redeemed(txn, &Redeem::from(nonce))?
            {
                return Err(jws::used_nonce());
            }
            let account = self.require_active(txn, admitted)?;
            look(txn, account)
        })
    }

    fn require_active(&self, txn: &Txn<'_, K>, admitted: &Admitted) -> Result<AccountRecord, Problem> {
        let account = self.account(txn)?;
        if account.thumbprint != admitted.jws.thumbprint().as_str() {
            let detail = "The account's key was changed while this request was on its way. Sign with the new key.";
            return Err(Problem::new(Kind::Unauthorized, detail));
        }
        if account.status != AccountStatus::Valid {
            return Err(dead_account());
        }
        admitted.url.clone()?;
        if admitted.needs_agreement {
            terms::check(self.ports.settings(), &account)?;
        }
        Ok(account)
    }
}
