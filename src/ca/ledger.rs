//! The sides of the key partitions and of the ledger: small, synchronous, each request one transaction.

use super::cell::Cell;
use super::message::{Reply, RevocationRequest};
use super::ports::PartitionPorts;
use crate::acme::account::KeyOwner;
use crate::acme::ledger::LedgerEntry;
use crate::acme::{Kind, Problem};
use crate::store::Kv;
use crate::values::Id;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Cell<P, K> {
    /// Whose this key is.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn who_owns(&self) -> Result<Reply, Problem> {
        self.transact(|txn| Ok(Reply::Owner(txn.get::<KeyOwner>("")?.map(|owner| owner.account))))
    }

    /// Gives this key to an account, unless it has an owner. Answers the owner.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn claim(&self, account: Id) -> Result<Reply, Problem> {
        self.transact(|txn| {
            if let Some(owner) = txn.get::<KeyOwner>("")? {
                return Ok(Reply::Owner(Some(owner.account)));
            }
            txn.put("", &KeyOwner { account: account.clone() })?;
            Ok(Reply::Owner(Some(account)))
        })
    }

    /// Gives this key to `to` if it is `from`'s, or nobody's. Answers the owner.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn reassign(&self, from: &Id, to: Id) -> Result<Reply, Problem> {
        self.transact(|txn| match txn.get::<KeyOwner>("")? {
            Some(owner) if owner.account != *from => Ok(Reply::Owner(Some(owner.account))),
            _ => {
                txn.put("", &KeyOwner { account: to.clone() })?;
                Ok(Reply::Owner(Some(to)))
            }
        })
    }

    /// Takes this key from an account, if it is its. Answers the owner.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn release(&self, account: &Id) -> Result<Reply, Problem> {
        self.transact(|txn| match txn.get::<KeyOwner>("")? {
            Some(owner) if owner.account == *account => {
                txn.delete::<KeyOwner>("");
                Ok(Reply::Owner(None))
            }
            owner => Ok(Reply::Owner(owner.map(|owner| owner.account))),
        })
    }

    /// Enters a certificate that is about to be signed. `false` when the serial number is taken by another.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn record(&self, serial: &str, entry: &LedgerEntry) -> Result<Reply, Problem> {
        self.transact(|txn| match txn.get::<LedgerEntry>(serial)? {
            Some(old) => Ok(Reply::Recorded(old.order == entry.order && old.tbs_digest == entry.tbs_digest)),
            None => {
                txn.put(serial, entry)?;
                Ok(Reply::Recorded(true))
            }
        })
    }

    /// Revokes a certificate, if the one presented is ours and the requester has a right to (RFC 8555 §7.6).
    ///
    /// # Errors
    /// 404 `malformed` for one that was not issued here; `unauthorized`; `alreadyRevoked`.
    pub fn revoke_entry(&self, request: RevocationRequest) -> Result<Reply, Problem> {
        self.transact(|txn| {
            let entry = txn.get::<LedgerEntry>(&request.serial)?;
            let Some(mut entry) = entry.filter(|entry| entry.tbs_digest == request.tbs_digest) else {
                let detail = "The certificate was not issued by this server.";
                return Err(Problem::malformed(detail).with_status(404));
            };
            let Some(authority) = request.by.authority(&entry.account) else {
                let detail = "A certificate is revoked by the account that it was issued to, by an account that holds \
                              valid authorizations for all of its names, or with the certificate's own key. The \
                              request has none of these.";
                return Err(Problem::new(Kind::Unauthorized, detail));
            };
            entry.revoke(authority, request.reason, self.ports.now())?;
            txn.put(&request.serial, &entry)?;
            Ok(Reply::Done)
        })
    }
}
