//! The grants of the effective policy to this account.

use super::kind::Account;
use crate::ca::issuance_policy::effective::{self, EffectivePolicy};
use crate::ca::issuance_policy::grant::{OrderGrants, grant_order};
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::acme::problem::Named;
use crate::records::{AuthorizationRecord, Kind, OrderRecord, Problem};
use crate::store::Kv;
use crate::tlog::entry::LoggedPolicy;
use crate::values::Identifier;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Returns the effective policy of this partition's account at present.
    ///
    /// # Errors
    /// `serverInternal` if it cannot be determined.
    pub(in crate::ca) async fn governing(&self) -> Result<EffectivePolicy, Problem> {
        let account = self.transact(|txn| self.account(txn))?;
        effective::for_account(&self.ports, &account).await
    }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Returns revision and hash of the CA's policy, to be logged; `None` without a log.
    pub(in crate::ca) fn policy_to_log(&self, governing: &EffectivePolicy) -> Option<LoggedPolicy> {
        let settings = self.ports.settings();
        settings.log.as_ref()?;
        let sha256 = self.ports.memory().policy_digest.of(governing.in_force.policy(settings));
        Some(LoggedPolicy { revision: u64::from(governing.in_force.version), sha256, policy: None, prepared: None })
    }

    /// Applies [`grant_order`] with the account's effective policy.
    ///
    /// # Errors
    /// As [`grant_order`]; `rejectedIdentifier` for names that are [too deep](Account::too_deep); `unauthorized`: see
    /// [`EffectivePolicy::rules`].
    pub fn permits<'a>(
        &'a self,
        governing: &'a EffectivePolicy,
        identifiers: &[Identifier],
    ) -> Result<OrderGrants<'a>, Problem> {
        self.permits_with_refused(governing, identifiers, Vec::new())
    }

    /// As [`Account::permits`], with identifiers that were already refused.
    ///
    /// # Errors
    /// As [`Account::permits`].
    pub fn permits_with_refused<'a>(
        &'a self,
        governing: &'a EffectivePolicy,
        identifiers: &[Identifier],
        mut refused: Vec<(Named, Problem)>,
    ) -> Result<OrderGrants<'a>, Problem> {
        let deep = |identifier: &&Identifier| self.too_deep(identifier).is_some();
        let (deep, others): (Vec<&Identifier>, Vec<&Identifier>) = identifiers.iter().partition(deep);
        let told = |identifier: &&Identifier| Some((Named::from(*identifier), self.too_deep(identifier)?));
        refused.extend(deep.iter().filter_map(told));
        grant_order(governing.rules(self.ports.settings())?, self.ports.issuer(), &others, refused)
    }

    /// Checks that the current policy still permits an existing order, and returns its grants. A policy that an
    /// operator tightens applies immediately, also to identifiers that were proven or pre-authorised meanwhile.
    ///
    /// # Errors
    /// As [`grant_order`]; `unauthorized` for identifiers that are no longer pre-authorised.
    pub fn check_still_permitted<'a>(
        &'a self,
        governing: &'a EffectivePolicy,
        order: &OrderRecord,
        authorizations: &[AuthorizationRecord],
    ) -> Result<OrderGrants<'a>, Problem> {
        let permits = self.permits(governing, &order.identifiers)?;
        let mut refused = Vec::new();
        for authorization in authorizations.iter().filter(|authorization| authorization.challenges.is_empty()) {
            let granted = order.identifiers.iter().filter(|identifier| {
                identifier.base() == authorization.identifier && identifier.is_wildcard() == authorization.wildcard
            });
            for identifier in granted {
                if !permits.of(identifier)?.preauthorized {
                    let detail = format!(
                        "\"{identifier}\" was pre-authorised when the order was placed and is not any more. Place a \
                         new order and prove it by a challenge."
                    );
                    refused.push((Named::from(identifier), Problem::new(Kind::Unauthorized, detail)));
                }
            }
        }
        Problem::join(refused, order.identifiers.len()).map_or(Ok(permits), Err)
    }
}
