//! Redemption of the account's nonces ([RFC 8555 §6.5](https://www.rfc-editor.org/rfc/rfc8555#section-6.5)).

use super::kind::Account;
use crate::ca::partitions::nonce;
use crate::ca::partitions::nonce::Redeem;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::acme::nonce::NonceNumber;
use crate::records::{AccountRecord, Problem};
use crate::store::{Kv, Txn};

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Redeems a nonce for another partition. An account that was never created has issued none.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn redeem_here(&self, nonce: &Redeem) -> Result<bool, Problem> {
        self.transact(|txn| {
            if txn.get::<AccountRecord>("")?.is_none() {
                return Ok(false);
            }
            self.heed_clock(txn)?;
            self.redeem_nonce(txn, nonce)
        })
    }

    /// Lets nonces issued from now on count, if the clock was ahead and went back.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn heed_clock(&self, txn: &mut Txn<'_, K>) -> Result<(), Problem> {
        let mut activity = self.activity(txn)?;
        if activity.nonces.heed_clock(nonce::latest_expiry(&self.ports)) {
            txn.put("", &activity)?;
        }
        Ok(())
    }

    /// Marks a nonce of this account as used. Returns `false` if it was used before.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn redeem_nonce(&self, txn: &mut Txn<'_, K>, nonce: &Redeem) -> Result<bool, Problem> {
        let Some(number) = NonceNumber::of(&nonce.name) else { return Ok(false) };
        let mut activity = self.activity(txn)?;
        let first = activity.nonces.redeem(number, nonce.expires, self.ports.now());
        if first {
            txn.put("", &activity)?;
        }
        Ok(first)
    }

    /// Whether a nonce of this account was used before.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn is_redeemed(&self, txn: &Txn<'_, K>, nonce: &Redeem) -> Result<bool, Problem> {
        let Some(number) = NonceNumber::of(&nonce.name) else { return Ok(true) };
        Ok(self.activity(txn)?.nonces.has(number, nonce.expires))
    }
}
