//! The asks that an account partition answers. For a client's POST, see [`super`].

use super::kind::{Account, AccountAt};
use super::names::NamesOf;
use super::operations::{DeactivateAccount, DownloadCertificate, ListedAccount, ShowAccount};
use super::pause::{ResumeName, Unpause};
use super::resource::{CreateAccount, FindAccount, Holding, ReleaseKeyClaim};
use super::terms::AgreeToTerms;
use crate::ca::partitions::nonce::Redeem;
use crate::ca::partitions::pruning::ForgetCertificates;
use crate::ca::runtime::kind::asks;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::ledger::inventory::RosterEntry;
use crate::store::Kv;
use serde_json::Value;

asks! {
    Account at AccountAt, |account, ask|
    FindAccount -> Holding = account.find(&ask.thumbprint);
    ReleaseKeyClaim -> Holding = account.release_key_claim(&ask.thumbprint);
    CreateAccount -> Holding = account.create_and_list(ask);
    AgreeToTerms -> () = account.agree(ask.terms);
    Unpause -> () = account.unpause(&ask.subject, ask.since);
    ResumeName -> bool = account.resume_name(&ask.subject);
    ShowAccount -> Option<Value> = account.show_account();
    ListedAccount -> Option<RosterEntry> = account.listed_account();
    DeactivateAccount -> Option<Value> = account.deactivate_account().await;
    DownloadCertificate -> Option<String> = account.download(&ask.serial);
    NamesOf -> Vec<String> = account.names_of(&ask);
    + Redeem = account.redeem_here(&ask);
    + ForgetCertificates = account.forget_certificates(&ask);
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Creates the account and reports it to its list.
    fn create_and_list(&self, wanted: CreateAccount) -> Result<Holding, Problem> {
        let holding = self.create(wanted)?;
        if matches!(holding, Holding::Has { created: true, .. }) {
            self.update_roster_soon();
        }
        Ok(holding)
    }
}
