//! Takes each operation to the partition method that does it.

use crate::ca::runtime::ask::json_of;
use crate::ca::runtime::operation::Operation;
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::store::Kv;
use serde_json::Value;
use std::rc::Rc;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Does what is asked for, and answers what there is to show.
    ///
    /// # Errors
    /// What each operation refuses with.
    pub(crate) async fn operate(self: &Rc<Self>, operation: Operation) -> Result<Value, Problem> {
        match operation {
            Operation::Note(event) => self.note_event(event),
            Operation::Audit { before, limit } => self.audit_page(before, limit),
            Operation::Standing => self.operations_standing(),
            Operation::EnterKey { kid, created } => self.enter_key(kid, created),
            Operation::Keys(page) => self.keys(&page),
            Operation::InForce => self.policies_in_force(),
            Operation::Policies => self.policy_versions(),
            Operation::PutPolicy(policy) => self.put_policy(policy),
            Operation::PutShadow { document, by } => self.put_shadow(document, by),
            Operation::Found { account, findings } => self.put_findings(&account, &findings),
            Operation::Findings => self.shadow_findings(),
            Operation::PutReplacement(record) => self.put_replacement(&record),
            Operation::Replacements => self.replacements(),
            Operation::Calendar { moved } => self.calendar_moved(moved),
            Operation::TestNotice => self.test_notice().await,
            Operation::Notices { limit } => self.notices(limit),
            Operation::NoticeCounts => self.notice_counts(),
            Operation::CreateKey(record) => self.create_key(&record),
            Operation::ShowKey => self.show_key(),
            Operation::ChangeKey(change) => self.change_key_record(*change),
            Operation::Search(query) => self.search(&query),
            Operation::RevokeNext(step) => self.revoke_next(&step).await,
            Operation::ShowEntry { serial } => self.show_entry(&serial),
            Operation::Near(look) => json_of(&self.near_their_end(&look)?),
            Operation::Latest { sets } => self.latest(&sets),
            Operation::ShowAccount => self.show_account(),
            Operation::ListedAccount => self.listed_account(),
            Operation::EndAccount => self.end_account().await,
            Operation::Download { serial } => self.download(&serial),
            Operation::Enrol(member) => self.enrol(&member),
            Operation::Members(page) => self.members(&page),
        }
    }
}
