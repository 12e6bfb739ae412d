//! newOrder ([RFC 8555 §7.4](https://www.rfc-editor.org/rfc/rfc8555#section-7.4)): from identifiers to an order with its authorizations.

use super::account::payload;
use super::cell::{Admitted, Cell};
use super::http::Answer;
use super::just_in_time::Proof;
use super::permission::Permits;
use super::ports::PartitionPorts;
use super::renewal::CertId;
use crate::acme::authorization::{self, AuthorizationStatus};
use crate::acme::new_order::Asked;
use crate::acme::order::OrderStatus;
use crate::acme::{AuthorizationRecord, Kind, NewOrder, OrderRecord, Problem, order};
use crate::pki::validity::{PeriodLimits, RequestedPeriod};
use crate::pki::{Profile, profile};
use crate::policy::Permit;
use crate::store::{Kv, Txn};
use crate::values::{Id, Identifier, Time};

/// What a newOrder request asks for, read and found to be possible.
pub(super) struct Wanted<'a> {
    pub identifiers: Vec<Identifier>,
    pub permits: Permits<'a>,
    pub profile: &'static Profile,
    pub validity: RequestedPeriod,
    pub replaces: Option<CertId>,
    /// Whether what it replaces is to be replaced at once, by its ledger's word.
    pub urgent: bool,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Cell<P, K> {
    /// newOrder. An open order for exactly the same is answered again, unless it was ready from the beginning; names that
    /// the account has proven lately need no new proof.
    ///
    /// # Errors
    /// `malformed`, `unsupportedIdentifier`, `compound`: see [`NewOrder::read`]; `rejectedIdentifier`, `unauthorized`:
    /// see [`permit`](super::permission::permit); `malformed` for a notBefore or notAfter that cannot be had (RFC 8555
    /// §7.4: as asked, or not at all) and for a `replaces` that is no certID or of a certificate with other names;
    /// `invalidProfile`; 409 `alreadyReplaced` (RFC 9773 §5); `rateLimited` (RFC 8555 §6.6).
    pub async fn post_new_order(&self, admitted: &Admitted) -> Answer {
        let proofs = self.just_in_time(admitted).await;
        let urgent = self.is_urgent(admitted).await;
        let answer = self.enter(admitted, |txn, _account| {
            let wanted = self.wanted(admitted, urgent)?;
            let order = match self.placed(txn, &wanted)? {
                Some(order) if self.hold_still(txn, &order, &proofs)? => {
                    self.failing(txn, &wanted.identifiers)?.refuse()?;
                    order
                }
                _ => self.place(txn, &wanted, &proofs)?,
            };
            self.order_response(txn, 201, &order)
        });
        if answer.is_ok() {
            self.tell_shadow(admitted).await;
        }
        answer
    }

    fn wanted<'a>(&'a self, admitted: &'a Admitted, urgent: bool) -> Result<Wanted<'a>, Problem> {
        let asked: NewOrder = payload(admitted)?;
        let Asked { good: identifiers, bad } = asked.read()?;
        let permits = self.permits_beside(&admitted.governing, &identifiers, bad)?;
        let profile = self.profile(&permits, asked.profile.as_deref())?;
        let (not_before, not_after) = asked.validity()?;
        let validity = RequestedPeriod { not_before, not_after };
        let terms = self.terms(&permits, profile, self.ports.now());
        terms.period(validity, self.ports.now()).map_err(|fault| Problem::malformed(fault.to_string()))?;
        let replaces = asked.replaces.as_deref().map(CertId::parse).transpose()?;
        Ok(Wanted { identifiers, permits, profile, validity, replaces, urgent })
    }

    /// The profile of this name, or the default, if certificates are issued under it to the account
    /// ([draft-ietf-acme-profiles §4](https://datatracker.ietf.org/doc/html/draft-ietf-acme-profiles)).
    ///
    /// # Errors
    /// `invalidProfile`, naming those that are offered.
    pub(super) fn profile(&self, permits: &Permits<'_>, name: Option<&str>) -> Result<&'static Profile, Problem> {
        let offered = profile::offered(self.ports.issuer());
        let offered: Vec<_> = offered.filter(|profile| permits.profile_allowed(profile.name)).collect();
        let found = match name {
            Some(name) => offered.iter().find(|profile| profile.name == name),
            None => offered.first(),
        };
        found.copied().ok_or_else(|| {
            let shown: String = name.unwrap_or("default").chars().take(40).collect();
            let names: Vec<&str> = offered.iter().map(|profile| profile.name).collect();
            let detail = format!("Profile {shown:?} is not offered; offered are: {}.", names.join(", "));
            Problem::new(Kind::InvalidProfile, detail)
        })
    }

    /// What an order's validity has to keep to.
    pub(super) fn terms(&self, permits: &Permits<'_>, profile: &'static Profile, ordered: Time) -> PeriodLimits<'_> {
        let longest = permits.max_lifetime().unwrap_or(profile.validity).min(profile.validity);
        PeriodLimits { issuer: self.ports.issuer(), profile, longest, ordered }
    }

    fn place(&self, txn: &mut Txn<'_, K>, wanted: &Wanted<'_>, proofs: &[Proof]) -> Result<OrderRecord, Problem> {
        let now = self.ports.now();
        let id = self.fresh_id()?;
        let replaced = self.replaced(txn, wanted)?;
        let exempt = self.count_order(txn, wanted, replaced.as_ref())?;
        let RequestedPeriod { not_before, not_after } = wanted.validity;
        let mut expires =
            now.plus(self.ports.settings().life(order::LIFETIME)).min(not_after.unwrap_or(Time::from_millis(u64::MAX)));
        let mut authorizations = Vec::new();
        for identifier in &wanted.identifiers {
            let permit = wanted.permits.of(identifier)?;
            let authorization = match self.proven(txn, identifier, permit)? {
                Some(authorization) => authorization,
                None => {
                    let mut fresh = self.authorization_for(txn, identifier, Some(&id), permit)?;
                    self.prove(txn, &mut fresh, proofs)?;
                    txn.put(fresh.id.as_str(), &fresh)?;
                    fresh
                }
            };
            expires = expires.min(authorization.expires);
            authorizations.push(authorization);
        }
        let order = OrderRecord {
            id,
            identifiers: wanted.identifiers.clone(),
            authorizations: authorizations.iter().map(|authorization| authorization.id.clone()).collect(),
            profile: wanted.profile.name.to_owned(),
            not_before,
            not_after,
            replaces: wanted.replaces.as_ref().map(ToString::to_string),
            created: now,
            expires,
            issuance: None,
            certificate: None,
            error: None,
            canceled: false,
        };
        txn.put(order.id.as_str(), &order)?;
        // One that can be finalized at once is never answered again: two that ask at the same time, with a key each, would
        // finalize the same order, and the second would be refused. But for one that replaces a certificate: another could
        // not, so that who asks again, since the answer was lost, would get none.
        if order.status(&authorizations, now) != OrderStatus::Ready || replaced.is_some() {
            self.note_placed(txn, wanted, &order)?;
        }
        if let Some(mut certificate) = replaced {
            if exempt {
                certificate.exempted = Some(order.id.clone());
            }
            self.mark_replaced(txn, certificate, &order)?;
        }
        Ok(order)
    }

    /// A new authorization. A pre-authorised one is born valid, and has no challenges: none was validated (RFC 8555
    /// §7.1.4).
    ///
    /// # Errors
    /// `serverInternal` without randomness.
    pub(super) fn authorization_for(
        &self,
        txn: &Txn<'_, K>,
        identifier: &Identifier,
        order: Option<&Id>,
        permit: &Permit,
    ) -> Result<AuthorizationRecord, Problem> {
        let mut challenges = Vec::new();
        for method in self.offered(txn, identifier, permit)? {
            challenges.push(self.challenge(method)?);
        }
        let (state, lifetime) = if permit.preauthorized {
            (AuthorizationStatus::Valid, authorization::VALID_LIFETIME)
        } else {
            (AuthorizationStatus::Pending, authorization::PENDING_LIFETIME)
        };
        Ok(AuthorizationRecord {
            id: self.fresh_id()?,
            identifier: identifier.base(),
            wildcard: identifier.is_wildcard(),
            state,
            expires: self.ports.now().plus(self.ports.settings().life(lifetime)),
            order: order.cloned(),
            challenges,
            caa_checked: None,
        })
    }

    /// A new unpredictable id.
    ///
    /// # Errors
    /// `serverInternal` without randomness.
    pub fn fresh_id(&self) -> Result<Id, Problem> {
        Ok(Id::from_random(self.ports.random()?))
    }
}
