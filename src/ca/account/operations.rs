//! Operator actions on an account.

use super::kind::Account;
use super::listing::ROSTER_WAIT;
use crate::ca::partitions::roster::listed_account_of;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::ledger::inventory::RosterEntry;
use crate::records::{AccountRecord, AccountStatus, CertificateRecord, Problem};
use crate::store::Kv;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Requests the account as the API shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShowAccount;

/// Requests the account's entry in the list of accounts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListedAccount;

/// Deactivates the account. The reply is the account as the API shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeactivateAccount;

/// Requests a certificate with its chain, in PEM.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DownloadCertificate {
    /// The serial number in hex.
    pub serial: String,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Returns this account; `None` if it does not exist.
    pub(in crate::ca) fn show_account(&self) -> Result<Option<Value>, Problem> {
        self.transact(|txn| Ok(txn.get::<AccountRecord>("")?.map(|account| self.account_shown(&account))))
    }

    fn account_shown(&self, account: &AccountRecord) -> Value {
        listed_account_of(&self.ports.settings().urls, &RosterEntry::of(account)).unwrap_or_default()
    }

    /// Deactivates this account, with status `revoked`; `None` if it does not exist. An account that is not valid stays
    /// unchanged.
    pub(in crate::ca) async fn deactivate_account(&self) -> Result<Option<Value>, Problem> {
        let (shown, job) = self.transact(|txn| {
            let Some(mut account) = txn.get::<AccountRecord>("")? else { return Ok((None, None)) };
            let mut job = None;
            if account.status == AccountStatus::Valid {
                account.status = AccountStatus::Revoked;
                self.cancel_orders(txn)?;
                job = Some(self.put_and_list(txn, &mut account)?);
            }
            Ok((Some(self.account_shown(&account)), job))
        })?;
        if let Some(job) = job {
            self.run_now(Box::pin(self.clone().run_account_job(job)), ROSTER_WAIT).await;
        }
        Ok(shown)
    }

    /// Returns a certificate of this account with its chain; `None` if it does not exist.
    pub(in crate::ca) fn download(&self, serial: &str) -> Result<Option<String>, Problem> {
        self.transact(|txn| Ok(txn.get::<CertificateRecord>(serial)?.map(|found| found.pem)))
    }
}
