use crate::acme::external_key::ExternalKeyRecord;
use crate::acme::{AccountRecord, Kind, Problem};
use crate::ca::config::policy::known;
use crate::ca::config::settings::Settings;
use crate::ca::issuance_policy::effective::{Governing, governing};
use crate::ca::runtime::ask::ask_for;
use crate::ca::runtime::message::Partition;
use crate::ca::runtime::operation::{Operation, Shown};
use crate::ca::runtime::partition::Cell;
use crate::ca::runtime::ports::{PartitionPorts, Ports};
use crate::policy::{Policy, Rules};
use crate::store::Kv;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::rc::Rc;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Cell<P, K> {
    /// What the account of this partition is under by now.
    ///
    /// # Errors
    /// `serverInternal` when it cannot be found out.
    pub(in crate::ca) async fn governing(&self) -> Result<Governing, Problem> {
        let account = self.transact(|txn| self.account(txn))?;
        governing(&self.ports, &account).await
    }
}
