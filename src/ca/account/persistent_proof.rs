//! Challenge types per name, and proof by a persistent DNS record during newOrder. A name with such a record needs no
//! challenge response
//! ([draft-ietf-acme-dns-persist-02 §4.4](https://datatracker.ietf.org/doc/html/draft-ietf-acme-dns-persist-02#section-4.4)).

use super::kind::Account;
use super::request::{Admitted, payload};
use crate::ca::runtime::ports::PartitionPorts;
use crate::policy::Grant;
use crate::records::acme::authorization::PersistentOffer;
use crate::records::acme::persist::PersistRecord;
use crate::records::{AuthorizationRecord, ChallengeRecord, NewOrder, OrderRecord, Problem};
use crate::store::{Kv, Txn};
use crate::validation::ExpectedRecord;
use crate::validation::challenges::dns_persist01;
use crate::validation::probe::Probe;
use crate::validation::{Method, Subject};
use crate::values::{Identifier, Time, b64};
use core::time::Duration;
use futures_util::{StreamExt, stream};

/// The maximum number of names per order that are looked up. The others get challenges as usual.
const MAX_NAMES: usize = 20;

/// The number of parallel look-ups.
const MAX_CONCURRENT: usize = 6;

/// The time budget of all look-ups: the client waits for its order.
const BUDGET: Duration = Duration::from_secs(4);

/// An identifier proven by a persistent DNS record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    identifier: Identifier,
    until: Option<Time>,
}

/// The look-ups for an order.
#[derive(Default)]
struct Search {
    identifiers: Vec<Identifier>,
    thumbprints: Vec<String>,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Returns the challenge types for an identifier. They are those of the policy, or those that every client
    /// understands. An account that proved the name by dns-persist-01 before also gets that type, unless the policy
    /// excludes it. A pre-authorised identifier gets none.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn offered(&self, txn: &Txn<'_, K>, identifier: &Identifier, permit: &Grant) -> Result<Vec<Method>, Problem> {
        let known = txn.get::<PersistRecord>(&identifier.base().value())?.is_some();
        let offers = |method: Method| {
            permit.offers(method.name()) || (!method.has_token() && known && permit.may_offer(method.name()))
        };
        let wanted = |method: &Method| !permit.preauthorized && method.fits(identifier) && offers(*method);
        Ok(Method::ALL.into_iter().filter(wanted).collect())
    }

    /// Creates a challenge of this type.
    ///
    /// # Errors
    /// `serverInternal` without randomness.
    pub fn challenge(&self, method: Method) -> Result<ChallengeRecord, Problem> {
        if method.has_token() {
            let token: [u8; 16] = self.ports.random()?;
            return Ok(ChallengeRecord::new(method.name(), b64::encode(&token)));
        }
        let settings = self.ports.settings();
        let issuer_domain_names = settings.caa.identities.clone();
        let account_uri = settings.urls.account(&self.id);
        Ok(ChallengeRecord::persistent(method.name(), PersistentOffer { issuer_domain_names, account_uri }))
    }

    /// Looks up persistent records for a new order, if the account used such records before.
    ///
    /// A fault in the request, the storage or the network yields no proof and has no other effect: the order is placed
    /// or refused as usual.
    pub async fn validate_just_in_time(&self, admitted: &Admitted) -> Vec<Proof> {
        let Ok(search) = self.precheck(admitted, |txn, account| {
            if txn.list::<PersistRecord>(None, 1)?.is_empty() {
                return Ok(Search::default());
            }
            let asked = payload::<NewOrder>(admitted)?;
            let identifiers = asked.checked()?;
            if self.may_refuse(txn, &identifiers)? {
                return Ok(Search::default());
            }
            let permits = self.permits(&admitted.governing, &identifiers)?;
            let mut search = Search { identifiers: Vec::new(), thumbprints: account.thumbprints() };
            for identifier in &identifiers {
                let permit = permits.of(identifier)?;
                if search.identifiers.len() < MAX_NAMES
                    && self.offered(txn, identifier, permit)?.contains(&Method::DnsPersist01)
                    && self.proven(txn, identifier, permit)?.is_none()
                {
                    search.identifiers.push(identifier.clone());
                }
            }
            Ok(search)
        }) else {
            return Vec::new();
        };
        let settings = self.ports.settings();
        let (account, prefix) = (settings.urls.account(&admitted.account), settings.urls.account_hash_prefix());
        let expected = ExpectedRecord {
            issuers: &settings.caa.identities,
            hash_prefix: &prefix,
            thumbprints: &search.thumbprints,
        };
        let probe = Probe::within(&self.ports, &settings.validation, BUDGET);
        let lookups = search.identifiers.into_iter().map(|identifier| look_up(&probe, identifier, &account, expected));
        stream::iter(lookups).buffered(MAX_CONCURRENT).filter_map(|proof| async { proof }).collect().await
    }

    /// Makes an authorization valid if a proof matches its identifier. Returns whether it changed.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn prove(
        &self,
        txn: &mut Txn<'_, K>,
        authorization: &mut AuthorizationRecord,
        proofs: &[Proof],
    ) -> Result<bool, Problem> {
        let (now, method) = (self.ports.now(), Method::DnsPersist01);
        // Pending, processing and valid in one step; nothing happens if the challenge is not offered.
        if let Some(proof) = proofs.iter().find(|proof| proof.is_of(authorization))
            && authorization.respond(method.name(), String::new(), now)
            && authorization.succeed(method.name(), now, self.proven_until(proof.until))
        {
            self.remember(txn, authorization, method)?;
            self.forget_failures(txn, &authorization.identifier)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Whether an open order may be returned again. Its proofs by persistent DNS records must still hold. Identifiers
    /// proven since become valid.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn revalidate_persistent(
        &self,
        txn: &mut Txn<'_, K>,
        order: &OrderRecord,
        proofs: &[Proof],
    ) -> Result<bool, Problem> {
        let authorizations = self.authorizations_of(txn, order)?;
        let persistent = |found: &&AuthorizationRecord| found.proof() == Some(Method::DnsPersist01.name());
        let mut claimed = authorizations.iter().filter(persistent);
        if !claimed.all(|authorization| proofs.iter().any(|proof| proof.is_of(authorization))) {
            return Ok(false);
        }
        for mut authorization in authorizations {
            if self.prove(txn, &mut authorization, proofs)? {
                txn.put(authorization.id.as_str(), &authorization)?;
            }
        }
        Ok(true)
    }

    /// Records that the account proved a name by a persistent DNS record. Other methods are ignored.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn remember(
        &self,
        txn: &mut Txn<'_, K>,
        authorization: &AuthorizationRecord,
        method: Method,
    ) -> Result<(), Problem> {
        if !method.has_token() {
            txn.put(&authorization.identifier.value(), &PersistRecord::new(self.ports.now()))?;
        }
        Ok(())
    }
}

impl Proof {
    /// Whether the proof matches the identifier of this authorization.
    fn is_of(&self, authorization: &AuthorizationRecord) -> bool {
        self.identifier.is_wildcard() == authorization.wildcard && self.identifier.base() == authorization.identifier
    }
}

async fn look_up<P: PartitionPorts>(
    probe: &Probe<'_, P>,
    identifier: Identifier,
    account: &str,
    expected: ExpectedRecord<'_>,
) -> Option<Proof> {
    let base = identifier.base();
    let Identifier::Dns(name) = &base else { return None };
    let subject = Subject {
        identifier: &base,
        wildcard: identifier.is_wildcard(),
        token: "",
        key_authorization: "",
        account,
        persist: expected,
    };
    let until = dns_persist01::validate(probe, name, &subject).await.ok()?;
    Some(Proof { identifier, until })
}
