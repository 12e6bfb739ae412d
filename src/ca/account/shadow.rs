//! The shadow policy: it refuses nothing, and operators see what it would refuse.

use super::kind::Account;
use super::request::Admitted;
use crate::ca::issuance_policy::grant::verdicts;
use crate::ca::partitions::operations::kind::OperationsAt;
use crate::ca::partitions::operations::shadow::{MAX_FINDINGS_PER_ORDER, RecordFindings};
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::NewOrder;
use crate::store::Kv;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Reports to operators what the shadow policy would have refused of an accepted order. A failure of the report
    /// does not affect the order.
    pub(in crate::ca) async fn report_shadow_refusals(&self, admitted: &Admitted) {
        let findings = self.shadow_refusals(admitted);
        if findings.is_empty() {
            return;
        }
        for (identifier, rule) in &findings {
            self.ports.log(&format!(
                "{}: the policy in the shadow would refuse {identifier}: {rule}",
                self.partition.id.name()
            ));
        }
        let found = RecordFindings { account: admitted.account.clone(), findings };
        if let Err(problem) = self.ports.ask(&OperationsAt, &found).await {
            self.log(&problem);
        }
    }

    /// Returns what the shadow policy refuses of an order, each with the rule. A refusal is about an identifier or the
    /// profile.
    fn shadow_refusals(&self, admitted: &Admitted) -> Vec<(String, String)> {
        let settings = self.ports.settings();
        let Some(shadow) = &admitted.governing.in_force.shadow else { return Vec::new() };
        let Ok(rules) = admitted.governing.rules_under(shadow, settings) else { return Vec::new() };
        let Ok(asked) = admitted.jws.payload_json::<NewOrder>() else { return Vec::new() };
        let identifiers = asked.checked().unwrap_or_default();
        let refused =
            verdicts(&rules, self.ports.issuer(), &identifiers).into_iter().filter(|verdict| !verdict.allowed);
        let mut findings: Vec<(String, String)> =
            refused.take(MAX_FINDINGS_PER_ORDER).map(|verdict| (verdict.identifier, verdict.rule)).collect();
        let profile = asked.profile.as_deref().map(|name| rules.explain_profile(name));
        if let Some(profile) = profile.filter(|profile| !profile.allowed) {
            findings.push((format!("profile {}", profile.name), profile.rule));
        }
        findings
    }
}
