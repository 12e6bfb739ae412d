//! The newOrder request, parsed and checked.

use super::kind::Account;
use super::request::{Admitted, payload};
use crate::ca::http::cert_id::CertId;
use crate::ca::issuance_policy::grant::OrderGrants;
use crate::ca::runtime::ports::PartitionPorts;
use crate::pki::validity::{PeriodLimits, RequestedPeriod};
use crate::pki::{Profile, profile};
use crate::records::acme::new_order::RequestedIdentifiers;
use crate::records::{Kind, NewOrder, Problem};
use crate::store::Kv;
use crate::values::{Identifier, Time, b64};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// The contents of a newOrder request that passed all checks.
pub(in crate::ca) struct OrderRequest<'a> {
    pub identifiers: Vec<Identifier>,
    pub permits: OrderGrants<'a>,
    pub profile: &'static Profile,
    pub validity: RequestedPeriod,
    pub replaces: Option<CertId>,
    /// Whether the ledger wants the replaced certificate replaced at once.
    pub urgent: bool,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    pub(in crate::ca) fn wanted<'a>(
        &'a self,
        admitted: &'a Admitted,
        urgent: bool,
    ) -> Result<OrderRequest<'a>, Problem> {
        let asked: NewOrder = payload(admitted)?;
        let RequestedIdentifiers { valid: identifiers, invalid: bad } = asked.read()?;
        let permits = self.permits_with_refused(&admitted.governing, &identifiers, bad)?;
        let profile = self.profile(&permits, asked.profile.as_deref())?;
        let (not_before, not_after) = asked.validity()?;
        let validity = RequestedPeriod { not_before, not_after };
        let terms = self.terms(&permits, profile, self.ports.now());
        terms.period(validity, self.ports.now()).map_err(|fault| Problem::malformed(fault.to_string()))?;
        let replaces = asked.replaces.as_deref().map(CertId::parse).transpose()?;
        Ok(OrderRequest { identifiers, permits, profile, validity, replaces, urgent })
    }

    /// Returns the named profile, or the default, if the account may use it
    /// ([draft-ietf-acme-profiles §4](https://datatracker.ietf.org/doc/html/draft-ietf-acme-profiles)).
    ///
    /// # Errors
    /// `invalidProfile`, with the names of the offered profiles.
    pub(in crate::ca) fn profile(
        &self,
        permits: &OrderGrants<'_>,
        name: Option<&str>,
    ) -> Result<&'static Profile, Problem> {
        let offered = profile::offered(self.ports.issuer());
        let offered: Vec<_> = offered.filter(|profile| permits.profile_allowed(profile.name)).collect();
        let found = match name {
            Some(name) => offered.iter().find(|profile| profile.name == name),
            None => offered.first(),
        };
        found.copied().ok_or_else(|| {
            let shown = crate::values::quote::quote(name.unwrap_or("default"));
            let names: Vec<&str> = offered.iter().map(|profile| profile.name).collect();
            let detail = format!("Profile {shown} is not offered; offered are: {}.", names.join(", "));
            Problem::new(Kind::InvalidProfile, detail)
        })
    }

    /// The limits for the validity period of an order.
    pub(in crate::ca) fn terms(
        &self,
        permits: &OrderGrants<'_>,
        profile: &'static Profile,
        ordered: Time,
    ) -> PeriodLimits<'_> {
        let longest = permits.max_lifetime().unwrap_or(profile.validity).min(profile.validity);
        PeriodLimits { issuer: self.ports.issuer(), profile, longest, ordered }
    }
}

impl OrderRequest<'_> {
    /// A digest that is equal for equivalent requests. Those are requests with the same content and the same grants
    /// under their policies. The sequence of the identifiers does not matter.
    pub(in crate::ca) fn digest(&self) -> String {
        let identifiers: BTreeSet<&Identifier> = self.identifiers.iter().collect();
        let permits = identifiers.iter().filter_map(|identifier| self.permits.of(identifier).ok());
        let permits: Vec<_> = permits.map(|permit| (&permit.challenges, permit.preauthorized)).collect();
        let replaces = self.replaces.as_ref().map(ToString::to_string);
        let RequestedPeriod { not_before, not_after } = self.validity;
        let all = json!([identifiers, permits, self.profile.name, not_before, not_after, replaces]);
        b64::encode(&Sha256::digest(all.to_string()))
    }
}
