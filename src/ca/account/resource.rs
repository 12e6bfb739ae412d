//! The account resource: creation, update, deactivation, and the list of its orders.

use super::kind::Account;
use super::listing::ROSTER_WAIT;
use super::request::{Admitted, payload};
use crate::ca::http::message::{Answer, Response};
use crate::ca::runtime::jobs::JobRecord;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::acme::account::{AccountUpdate, ExternalBinding, NewAccount, Tombstone};
use crate::records::acme::contact;
use crate::records::{AccountRecord, AccountStatus, OrderRecord, Problem};
use crate::store::{Kv, Txn};
use crate::values::{Id, Time};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Asks whether the account has the key with this thumbprint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FindAccount {
    /// The thumbprint.
    pub thumbprint: String,
}

/// Asks whether the account has the key, and ends its claim if not. Another account will get the key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReleaseKeyClaim {
    /// The thumbprint.
    pub thumbprint: String,
}

/// Creates the account if absent, with a verified key that is claimed for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CreateAccount {
    /// The account key as canonical JWK.
    pub key: Value,
    /// Its thumbprint.
    pub thumbprint: String,
    /// The members sent by the client, already checked.
    pub wanted: NewAccount,
    /// The external account to which it will be bound.
    pub external: Option<ExternalBinding>,
    /// The time of its creation.
    pub created: Time,
}

/// Whether an account has a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Holding {
    /// The account does not exist (and, after [`ReleaseKeyClaim`], will not be created).
    Nobody,
    /// The account has another key.
    OtherKey,
    /// The account has the key.
    Has {
        /// Its status.
        status: AccountStatus,
        /// The account object to show.
        object: Value,
        /// Whether it was created by this request.
        created: bool,
    },
}

impl Holding {
    /// Whether the account has the key.
    pub fn has(&self) -> bool {
        matches!(self, Self::Has { .. })
    }
}

/// The number of orders per page of the orders list.
const ORDERS_PER_PAGE: usize = 50;

/// The lifetime of the tombstone of an account that must not be created. A request that may still create it lives for
/// half a minute.
const VOID_LIFETIME: Duration = Duration::from_secs(3600);

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Returns whether this account has the key with this thumbprint.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn find(&self, thumbprint: &str) -> Result<Holding, Problem> {
        self.transact(|txn| match txn.get::<AccountRecord>("")? {
            None => Ok(Holding::Nobody),
            Some(account) if account.thumbprint == thumbprint => self.shown(&account, false),
            Some(_) => Ok(Holding::OtherKey),
        })
    }

    /// As [`Account::find`], and cancels any step that would give this account the key. The caller is about to assign
    /// the key to another account.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn release_key_claim(&self, thumbprint: &str) -> Result<Holding, Problem> {
        self.transact(|txn| match txn.get::<AccountRecord>("")? {
            None => {
                txn.put("", &Tombstone { expires: self.ports.now().plus(VOID_LIFETIME) })?;
                Ok(Holding::Nobody)
            }
            Some(account) => self.holding(txn, account, thumbprint),
        })
    }

    fn holding(&self, txn: &mut Txn<'_, K>, mut account: AccountRecord, key: &str) -> Result<Holding, Problem> {
        if account.thumbprint == key {
            return self.shown(&account, false);
        }
        if account.pending_thumbprint.as_deref() == Some(key) {
            account.pending_thumbprint = None;
            txn.put("", &account)?;
        }
        Ok(Holding::OtherKey)
    }

    fn shown(&self, account: &AccountRecord, created: bool) -> Result<Holding, Problem> {
        Ok(Holding::Has { status: account.status, object: self.object(account), created })
    }

    fn object(&self, account: &AccountRecord) -> serde_json::Value {
        let urls = &self.ports.settings().urls;
        let mut object = account.wire(&urls.orders(&account.id, None));
        // Drafts of RFC 8555 had the key here, and suites written for Pebble read it.
        if urls.at_any_host()
            && let Some(members) = object.as_object_mut()
        {
            members.insert("key".to_owned(), account.key.clone());
        }
        object
    }

    /// Creates the account if absent. If it exists, the answer is that of [`Account::release_key_claim`].
    ///
    /// # Errors
    /// When the storage fails.
    pub fn create(&self, creation: CreateAccount) -> Result<Holding, Problem> {
        let id = self.id.clone();
        self.transact(|txn| {
            if let Some(account) = txn.get::<AccountRecord>("")? {
                return self.holding(txn, account, &creation.thumbprint);
            }
            if txn.get::<Tombstone>("")?.is_some() {
                return Ok(Holding::Nobody);
            }
            let agreed = creation.wanted.terms_of_service_agreed;
            let terms = self.ports.settings().meta.terms_of_service.clone();
            let account = AccountRecord {
                id,
                status: AccountStatus::Valid,
                key: creation.key,
                thumbprint: creation.thumbprint,
                pending_thumbprint: None,
                former_thumbprints: Vec::new(),
                key_changes: 0,
                contact: creation.wanted.contact.unwrap_or_default(),
                terms_agreed: agreed,
                terms: terms.filter(|_| agreed),
                external: creation.external,
                created: creation.created,
                revision: 0,
            };
            txn.put("", &account)?;
            self.shown(&account, true)
        })
    }

    /// Handles POST to the account URL: fetch, update or deactivate (RFC 8555 §7.3.2, §7.3.6).
    ///
    /// # Errors
    /// `malformed` for a payload that is not a JSON object; `invalidContact`, `unsupportedContact`; 404 for the URL of
    /// another account.
    pub async fn post_account(&self, admitted: &Admitted, id: &Id) -> Answer {
        let (response, job) = self.transact_as_account(admitted, |txn, mut account| {
            if *id != account.id {
                return Err(Problem::not_found("account"));
            }
            let mut job = None;
            if !admitted.jws.is_post_as_get() {
                let update: AccountUpdate = payload(admitted)?;
                job = self.update(txn, &mut account, update)?;
            }
            Ok((self.account_response(&account), job))
        })?;
        if let Some(job) = job {
            self.run_now(Box::pin(self.clone().run_account_job(job)), ROSTER_WAIT).await;
        }
        Ok(response)
    }

    /// The response that shows the account.
    pub fn account_response(&self, account: &AccountRecord) -> Response {
        Response::json(200, &self.object(account)).located(&self.ports.settings().urls.account(&account.id))
    }

    fn update(
        &self,
        txn: &mut Txn<'_, K>,
        account: &mut AccountRecord,
        wanted: AccountUpdate,
    ) -> Result<Option<JobRecord>, Problem> {
        let deactivates = wanted.deactivates();
        if let Some(contacts) = wanted.contact {
            contact::check(&contacts)?;
            account.contact = contacts;
        } else if !deactivates {
            return Ok(None);
        }
        if deactivates {
            account.status = AccountStatus::Deactivated;
            self.cancel_orders(txn)?;
        }
        self.put_and_list(txn, account).map(Some)
    }

    /// Cancels unfinished orders, since the account can no longer act on them (RFC 8555 §7.3.6).
    pub(in crate::ca) fn cancel_orders(&self, txn: &mut Txn<'_, K>) -> Result<(), Problem> {
        let mut after: Option<String> = None;
        loop {
            let page = txn.list::<OrderRecord>(after.as_deref(), 100)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(last.clone());
            for (id, mut order) in page {
                if order.issuance.is_none() && order.error.is_none() {
                    order.canceled = true;
                    txn.put(&id, &order)?;
                }
            }
        }
    }

    /// Handles POST-as-GET of the account's orders list, one page per request (RFC 8555 §7.1.2.1).
    ///
    /// # Errors
    /// 404 for another account's list.
    pub fn post_orders(&self, admitted: &Admitted, id: &Id, after: Option<&Id>) -> Answer {
        self.transact_as_account(admitted, |txn, account| {
            if *id != account.id {
                return Err(Problem::not_found("orders list"));
            }
            let settings = self.ports.settings();
            let (urls, most) = (&settings.urls, settings.test_machine.orders_per_page.unwrap_or(ORDERS_PER_PAGE));
            let mut page = txn.list::<OrderRecord>(after.map(Id::as_str), most.saturating_add(1))?;
            let more = page.len() > most;
            page.truncate(most);
            let next = page.last().filter(|_| more).and_then(|(last, _)| Id::parse(last));
            let mut listed = Vec::new();
            for (_, order) in &page {
                // RFC 8555 §7.1.2.1: pending orders should be listed, invalid ones should not.
                let authorizations = self.authorizations_of(txn, order)?;
                if order.failure(&authorizations, self.ports.now()).is_none() {
                    listed.push(urls.order(&order.id));
                }
            }
            let response = Response::json(200, &json!({ "orders": listed }));
            Ok(match next {
                Some(next) => response.linked(&urls.orders(id, Some(&next)), "next"),
                None => response,
            })
        })
    }
}
