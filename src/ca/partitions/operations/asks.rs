//! The asks that the operations partition understands.

use super::approvals::{DecideApproval, ListApprovals, PutApproval, TakeRevocations};
use super::audit::{AuditPage, ListAudit, Note};
use super::calendar::CalendarGeneration;
use super::external_keys::{EnterKey, KeyPage, ListKeys};
use super::kind::{Operations, OperationsAt};
use super::policies::{ListPolicies, PoliciesInForce, PutPolicy, PutShadow, StoredPolicies};
use super::replacements::{ListReplacements, PutReplacement};
use super::shadow::{ListFindings, RecordFindings};
use super::standing::{OperationsState, ShowOperations};
use crate::ca::notices::delivery::{CountNotices, ListNotices};
use crate::ca::runtime::kind::asks;
use crate::ca::runtime::policy_cache::InForceDocuments;
use crate::records::ledger::inventory::ReplaceRecord;
use crate::records::operations::approval::ApprovalRecord;
use crate::records::operations::policies::PolicyRecord;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Sends a test notice; replies the notice with the state of its delivery.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SendTestNotice;

asks! {
    Operations at OperationsAt, |operations, ask|
    Note -> u64 = operations.note_event(ask.0);
    ListAudit -> AuditPage = operations.audit_page(&ask);
    ShowOperations -> OperationsState = operations.state();
    EnterKey -> () = operations.enter_key(ask);
    ListKeys -> KeyPage = operations.keys(&ask.0);
    PoliciesInForce -> InForceDocuments = operations.policies_in_force();
    ListPolicies -> StoredPolicies = operations.policies();
    PutPolicy -> PolicyRecord = operations.put_policy(ask);
    PutShadow -> () = operations.put_shadow(ask.document, ask.by);
    RecordFindings -> () = operations.record_findings(&ask);
    ListFindings -> Value = operations.findings();
    ListReplacements -> Vec<ReplaceRecord> = operations.replacements();
    CalendarGeneration -> u64 = operations.calendar_generation(ask.moved);
    PutApproval -> () = operations.put_approval(&ask.0);
    ListApprovals -> Vec<ApprovalRecord> = operations.approvals();
    DecideApproval -> ApprovalRecord = operations.decide_approval(ask);
    TakeRevocations -> bool = operations.take_revocations(&ask);
    SendTestNotice -> Value = operations.notices().test().await;
    + PutReplacement = operations.put_replacement(&ask.0);
    + ListNotices = operations.notices().newest(ask.limit);
    + CountNotices = operations.notices().counts();
}
