//! A partition at work: its storage, its host, and the entrance for messages.

use crate::acme::nonce::RedeemedNonce;
use crate::acme::{AccountRecord, AccountStatus, Home, Kind, Nonce, Problem};
use crate::ca::agreement;
use crate::ca::documents::directory;
use crate::ca::http::message::{Answer, Response};
use crate::ca::http::routes::Route;
use crate::ca::issuance_policy::effective;
use crate::ca::issuance_policy::effective::Governing;
use crate::ca::order::only_read;
use crate::ca::partitions::nonce;
use crate::ca::partitions::nonce::redeem;
use crate::ca::runtime::jws;
use crate::ca::runtime::jws::Fresh;
use crate::ca::runtime::message::{Holding, Message, Partition, Redemption, Reply};
use crate::ca::runtime::partition::Cell;
use crate::ca::runtime::ports::PartitionPorts;
use crate::ca::runtime::problems::dead_account;
use crate::jose::{Jwk, Verified};
use crate::store::{Kv, StoreFailure, Txn};
use crate::values::Id;
use std::cell::RefCell;
use std::rc::Rc;

/// A request that was let in: its signature holds for the account's key, and its nonce is good.
///
/// What is left is to be done in the transaction that acts on it: redeem the nonce if this partition is its home,
/// check that the account still has that key and is alive, check the URL. [`Cell::enter`] does that.
pub struct Admitted {
    /// The verified request.
    pub jws: Verified,
    /// The account's id.
    pub account: Id,
    nonce: Option<Nonce>,
    /// Whether the URL is the one that was asked, and the account has requests left.
    url: Result<(), Problem>,
    needs_agreement: bool,
    /// What decides about the account's new orders; nothing where the request is about something else.
    pub governing: Governing,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Cell<P, K> {
    /// Answers a message.
    pub async fn handle(self: Rc<Self>, message: Message) -> Reply {
        let answer = match message {
            Message::Post { path, body } => Ok(self.post(&path, &body).await),
            Message::Redeem(nonce) => self.redeem_here(&nonce).map(Reply::Redeemed),
            Message::WhoOwns => self.who_owns(),
            Message::Claim(account) => self.claim(account),
            Message::Reassign { from, to } => self.reassign(&from, to),
            Message::Release(account) => self.release(&account),
            Message::Find { thumbprint } => self.find(&thumbprint).map(Reply::Account),
            Message::Yield { thumbprint } => self.give_up(&thumbprint).map(Reply::Account),
            Message::Create(creation) => self.create(*creation).map(|holding| {
                if matches!(holding, Holding::Has { created: true, .. }) {
                    self.tell_list_soon();
                }
                Reply::Account(holding)
            }),
            Message::Agree { terms } => self.agree(terms).map(|()| Reply::Done),
            Message::Resume { subject, since } => self.go_on(&subject, since).map(|()| Reply::Done),
            Message::CountAccount => self.count_address().map(|()| Reply::Done),
            Message::Sum(counts) => self.sum(&counts).map(Reply::Sums),
            Message::Bind { thumbprint, account } => self.bind(&thumbprint, account).map(Reply::Bound),
            Message::Record { serial, entry } => self.record(&serial, &entry),
            Message::RenewalInfo { serial } => self.renewable(&serial),
            Message::Revoke(request) => self.revoke_entry(&request).await,
            Message::Condemn { key, compromised } => self.condemn(&key, &compromised).map(|()| Reply::Done),
            Message::IsCompromised { key } => self.is_compromised(&key).map(Reply::Compromised),
            Message::Crl { shard } => self.current_crl(shard).await.map(Reply::Crl),
            Message::Lists { from } => self.lists(from).await.map(|(lists, next)| Reply::Lists { lists, next }),
            Message::Standing => self.expect_all().and_then(|()| self.standing()).map(Reply::Standing),
            Message::Operate(operation) => self.operate(operation).await.map(Reply::Shown),
        };
        self.flush_if_due();
        answer.unwrap_or_else(|problem| {
            self.log(&problem);
            Reply::Refused(problem)
        })
    }

    /// A request signed with the account's key.
    pub(in crate::ca) async fn post(self: &Rc<Self>, path: &str, body: &str) -> Reply {
        let mut signed = false;
        let answer = match self.admit(path, body, &mut signed).await {
            Ok(admitted) => self.dispatch(&admitted, path).await,
            Err(problem) => Err(problem),
        };
        let response = match answer {
            Ok(response) => self.complete(response, Fresh::Any),
            Err(problem) => {
                self.log(&problem);
                if !signed {
                    return Reply::Unsigned(problem);
                }
                self.complete(Response::problem(&problem), Fresh::after(&problem))
            }
        };
        Reply::Response(Box::new(response))
    }

    /// Adds what every response to a POST carries that the account signed: the index link and a nonce whose home is here.
    fn complete(&self, response: Response, fresh: Fresh) -> Response {
        let response = response.indexed(&self.ports.settings().urls);
        let id = self.account_id();
        let nonce = id.and_then(|id| jws::fresh_nonce(&self.ports, &Home::Account(id.clone()), fresh));
        match nonce {
            Ok(nonce) => response.with_nonce(&nonce),
            Err(problem) => {
                self.log(&problem);
                response
            }
        }
    }

    /// Verifies a request; `signed` says whether its signature is that of the account, whatever becomes of it.
    pub(in crate::ca) async fn admit(&self, path: &str, body: &str, signed: &mut bool) -> Result<Admitted, Problem> {
        let jws = jws::parse(body.as_bytes())?;
        let id = self.account_id()?.clone();
        let account = self.transact(|txn| self.account(txn))?;
        let key: Jwk = serde_json::from_value(account.key.clone())
            .map_err(|e| Problem::internal(format!("the stored account key cannot be read: {e}")))?;
        let jws = jws::verify(&self.ports, &jws, &key).await?;
        *signed = true;
        let counted = self.count_request();
        let nonce = jws::nonce_of(&self.ports, &jws)?;
        let nonce = if nonce.home == Home::Account(id.clone()) {
            Some(nonce)
        } else {
            nonce::redeem_remotely(&self.ports, &nonce).await?;
            None
        };
        let url = counted.and_then(|()| jws::check_url(&self.ports, &jws, path));
        let needs_agreement = !agreement::needs_no_agreement(path, &jws);
        let governing = match Route::parse(path) {
            Some(Route::NewOrder | Route::NewAuthorization | Route::Directory) => {
                effective::governing(&self.ports, &account).await?
            }
            _ => Governing::default(),
        };
        Ok(Admitted { jws, account: id, nonce, url, needs_agreement, governing })
    }

    /// The account of this partition.
    ///
    /// # Errors
    /// `accountDoesNotExist` (RFC 8555 §6.2).
    pub fn account(&self, txn: &Txn<'_, K>) -> Result<AccountRecord, Problem> {
        txn.get::<AccountRecord>("")?.ok_or_else(|| {
            let detail = "There is no account at the URL in kid. Create one with new-account.";
            Problem::new(Kind::AccountDoesNotExist, detail)
        })
    }

    /// Acts on a request: redeems its nonce, checks that the account still may, and runs `act`. If `act` refuses,
    /// nothing of it is stored, but the nonce stays redeemed (RFC 8555 §6.5: once seen, invalid).
    ///
    /// # Errors
    /// `badNonce`; `unauthorized` with 401 for a dead account; `userActionRequired` for one that has to agree to new
    /// terms of service; what `act` returns.
    pub fn enter<T>(
        &self,
        admitted: &Admitted,
        act: impl FnOnce(&mut Txn<'_, K>, AccountRecord) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        self.transact(|txn| {
            if let Some(nonce) = &admitted.nonce
                && !redeem(txn, &Redemption::from(nonce))?
            {
                return Err(jws::used_nonce());
            }
            let mark = txn.mark();
            let acted = self.living(txn, admitted).and_then(|account| act(txn, account));
            if acted.is_err() {
                txn.roll_back_to(mark);
            }
            Ok(acted)
        })?
    }

    /// Looks at what a request is about, before a step that takes time: what [`Cell::enter`] would refuse is refused here
    /// already, and nothing is changed.
    ///
    /// # Errors
    /// As [`Cell::enter`].
    pub fn consider<T>(
        &self,
        admitted: &Admitted,
        look: impl FnOnce(&Txn<'_, K>, AccountRecord) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        self.transact(|txn| {
            if let Some(nonce) = &admitted.nonce
                && txn.get::<RedeemedNonce>(&Redemption::from(nonce).name)?.is_some()
            {
                return Err(jws::used_nonce());
            }
            let account = self.living(txn, admitted)?;
            look(txn, account)
        })
    }

    fn living(&self, txn: &Txn<'_, K>, admitted: &Admitted) -> Result<AccountRecord, Problem> {
        let account = self.account(txn)?;
        if account.thumbprint != admitted.jws.thumbprint().as_str() {
            let detail = "The account's key was changed while this request was on its way. Sign with the new key.";
            return Err(Problem::new(Kind::Unauthorized, detail));
        }
        if account.status != AccountStatus::Valid {
            return Err(dead_account());
        }
        admitted.url.clone()?;
        if admitted.needs_agreement {
            agreement::check(self.ports.settings(), &account)?;
        }
        Ok(account)
    }

    /// What anybody may GET is also had by POST-as-GET (RFC 8555 §6.3).
    fn read_only(&self, admitted: &Admitted, response: impl FnOnce() -> Response) -> Answer {
        self.enter(admitted, |_txn, _account| only_read(admitted).map(|()| response()))
    }

    async fn dispatch(self: &Rc<Self>, admitted: &Admitted, path: &str) -> Answer {
        // An account's own resources live in its partition; those of another are unknown here.
        match Route::parse(path) {
            Some(Route::Account(id)) => self.post_account(admitted, &id).await,
            Some(Route::Orders(id, after)) => self.post_orders(admitted, &id, after.as_ref()),
            Some(Route::NewOrder) => self.post_new_order(admitted).await,
            Some(Route::NewAuthorization) => self.post_new_authorization(admitted),
            Some(Route::Order(id)) => self.post_order(admitted, &id),
            Some(Route::Finalize(id)) => self.post_finalize(admitted, &id).await,
            Some(Route::Authorization(id)) => self.post_authorization(admitted, &id),
            Some(Route::Challenge(id, kind)) => self.post_challenge(admitted, &id, &kind).await,
            Some(Route::Certificate(serial, chain)) => self.post_certificate(admitted, &serial, chain),
            Some(Route::RevokeCert) => self.post_revoke(admitted).await,
            Some(Route::KeyChange) => self.post_key_change(admitted).await,
            Some(Route::Directory) => self.read_only(admitted, || {
                let settings = self.ports.settings();
                directory::directory(settings, admitted.governing.in_force.policy(settings), self.ports.issuer())
            }),
            Some(Route::NewNonce) => self.read_only(admitted, || Response::empty(204)),
            Some(
                Route::NewAccount
                | Route::Home
                | Route::Style
                | Route::Root(_)
                | Route::Issuer(_)
                | Route::Issuers
                | Route::Crl(..)
                | Route::Lists(_)
                | Route::RenewalInfo(_)
                | Route::Agreement(..)
                | Route::Resumption(..)
                | Route::Calendar(_)
                | Route::Metrics
                | Route::Inventory(_)
                | Route::Admin(_),
            )
            | None => Err(Problem::internal(format!("{path:?} was passed to an account"))),
        }
    }
}
