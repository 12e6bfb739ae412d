//! The ports of `ca`, implemented by the platform.

use super::calls::{self, Spent, Unanswered};
use super::config::SharedConfig;
use super::crypto::{self, SigningKey};
use super::js::{self, Storage};
use super::log_keys::LogKeys;
use super::timer::Timer;
use super::{config, outbound};
use crate::ca::config::log::LogKey;
use crate::ca::config::receivers::Mail;
use crate::ca::config::settings::Settings;
use crate::ca::config::webhook::WebhookRequest;
use crate::ca::partitions::test_ca;
use crate::ca::runtime::apart::apart;
use crate::ca::runtime::hosted::{HostedCa, HostedCas};
use crate::ca::runtime::memory::Memory;
use crate::ca::runtime::message::{Message, PartitionId, Reply};
use crate::ca::runtime::ports::{Forwarded, NewKey, PartitionPorts, Ports, Task};
use crate::pki::Issuer;
use crate::pki::test_hierarchy::ALGORITHM;
use crate::records::Problem;
use crate::records::acme::nonce::{NonceNumber, NonceSeries};
use crate::validation::outbound::{FetchAnswer, Limits, Outbound, OutboundFault, Reaction};
use crate::values::{CryptoFailure, Id, SigAlg, Time, Verify};
use core::net::SocketAddr;
use core::time::Duration;
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use worker::js_sys::{Function, Promise};
use worker::wasm_bindgen;
use worker::{Env, State, web_sys};

/// The ports of one request, in the front or in a partition.
pub struct HostPorts {
    config: SharedConfig,
    env: Env,
    spent: Rc<Cell<Spent>>,
    /// The test CA, or the main CA with a clock.
    hosted: Option<Rc<HostedCa>>,
    /// The partition's Durable Object; `None` in the front.
    object: Option<Rc<Object>>,
}

impl HostPorts {
    /// Makes the ports of a configuration and bindings.
    pub fn new(config: SharedConfig, env: Env, object: Option<Rc<Object>>) -> Self {
        Self { config, env, spent: Rc::default(), hosted: None, object }
    }

    /// The bindings.
    pub(super) fn env(&self) -> &Env {
        &self.env
    }

    /// The cost so far, including called partitions.
    pub fn spent(&self) -> Spent {
        let rows = self.object.as_ref().map_or(0, |object| object.rows.take());
        self.spent.get().plus(Spent { calls: 0, rows })
    }

    /// The partition of this id in this host's CA.
    fn addressed(&self, to: &PartitionId) -> PartitionId {
        let ca = self.hosted.as_ref().and_then(|hosted| hosted.ca.as_ref());
        ca.map_or_else(|| to.clone(), |ca| to.clone().within(ca))
    }

    fn log_keys(&self) -> Result<&LogKeys, CryptoFailure> {
        self.config.log_keys.as_ref().ok_or_else(|| CryptoFailure("there is no LOG_KEY".to_owned()))
    }

    fn spend(&self, spent: Spent) {
        self.spent.set(self.spent.get().plus(spent).plus(Spent { calls: 1, rows: 0 }));
    }
}

impl Verify for HostPorts {
    async fn verify(&self, alg: SigAlg, spki: &[u8], message: &[u8], sig: &[u8]) -> Result<bool, CryptoFailure> {
        crypto::verify(alg, spki, message, sig).await
    }

    async fn verify_ml_dsa_44(&self, key: &[u8], message: &[u8], sig: &[u8]) -> Result<Option<bool>, CryptoFailure> {
        apart(crypto::verify_ml_dsa_44(key, message, sig)).await
    }
}

impl Outbound for HostPorts {
    fn now(&self) -> Time {
        self.hosted.as_ref().map_or_else(config::now, |hosted| hosted.clock.at(config::now()))
    }

    async fn doh(&self, query: &[u8], limits: Limits) -> Result<Vec<u8>, OutboundFault> {
        outbound::doh(&self.config.settings.resolver, query, limits).await
    }

    async fn converse(
        &self,
        addr: SocketAddr,
        opening: &[u8],
        limits: Limits,
        react: &mut dyn FnMut(&[u8]) -> Reaction,
    ) -> Result<(), OutboundFault> {
        outbound::converse(addr, opening, limits, react).await
    }

    async fn fetch(&self, url: &str, limits: Limits) -> Result<FetchAnswer, OutboundFault> {
        outbound::fetch(url, limits).await
    }
}

/// The problem of a call to a partition of this name.
pub fn unanswered(name: &str, why: &Unanswered) -> Problem {
    match why {
        Unanswered::Failed(why) => Problem::internal(format!("calling {name}: {why}")),
        Unanswered::Unreadable(why) => Problem::other_release(format!("calling {name}: {why}")),
    }
}

impl Ports for HostPorts {
    type HostResponse = web_sys::Response;

    fn settings(&self) -> &Settings {
        self.hosted.as_ref().map_or(&self.config.settings, |hosted| &hosted.settings)
    }

    #[allow(clippy::disallowed_methods, reason = "this is the port for randomness")]
    fn fill_random(&self, bytes: &mut [u8]) -> Result<(), CryptoFailure> {
        getrandom::fill(bytes).map_err(|e| CryptoFailure(e.to_string()))
    }

    async fn sign(&self, issuer: &Issuer, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        if let Some(ca) = self.hosted.as_ref().and_then(|hosted| hosted.ca.as_ref()) {
            return apart(test_ca::sign(self, ca, message)).await;
        }
        let key = self.config.issuer_keys.get(issuer.id());
        let missing = || CryptoFailure(format!("there is no key for the issuer {}", issuer.id()));
        key.ok_or_else(missing)?.sign(message).await
    }

    async fn call(&self, to: &PartitionId, message: &Message) -> Result<Reply, Problem> {
        let to = self.addressed(to);
        let envelope = calls::send(&self.env, &to, message).await.map_err(|why| unanswered(&to.name(), &why))?;
        self.spend(envelope.spent);
        Ok(envelope.reply)
    }

    async fn forward(
        &self,
        to: &Id,
        (path, body): (&str, &str),
        request: &str,
    ) -> Result<Forwarded<web_sys::Response>, Problem> {
        let to = self.addressed(&PartitionId::Account(to.clone()));
        let passed = calls::forward(&self.env, &to, (path, body), request).await;
        let (handed, spent) = passed.map_err(|why| unanswered(&to.name(), &why))?;
        self.spend(spent);
        Ok(handed)
    }

    fn hosted(&self) -> Option<&Rc<HostedCa>> {
        self.hosted.as_ref()
    }

    fn at_hosted(&self, hosted: Rc<HostedCa>) -> Self {
        Self {
            config: self.config.clone(),
            env: self.env.clone(),
            spent: self.spent.clone(),
            hosted: Some(hosted),
            object: self.object.clone(),
        }
    }

    fn hosted_cas(&self) -> &HostedCas {
        &self.config.hosted_cas
    }

    async fn sleep(&self, time: Duration) {
        Timer::set(time).await;
    }

    fn memory(&self) -> &Memory {
        self.hosted.as_ref().map_or(&self.config.memory, |hosted| &hosted.memory)
    }

    fn log(&self, line: &str) {
        worker::console_error!("{line}");
    }

    fn note(&self, line: &str) {
        worker::console_log!("{line}");
    }
}

impl PartitionPorts for HostPorts {
    fn wake_at(&self, at: Time) {
        let real = self.hosted.as_ref().map_or(Some(at), |hosted| hosted.alarm_for(at));
        real.into_iter().for_each(|at| self.wake_at_real(at));
    }

    fn wake_at_real(&self, at: Time) {
        if let Some(object) = &self.object {
            object.wake_at(at);
        }
    }

    async fn new_key(&self) -> Result<NewKey, CryptoFailure> {
        crypto::new_key().await
    }

    async fn bookmark(&self, at: Option<Time>) -> Result<String, String> {
        let object = self.object.as_ref().ok_or("this is not a partition")?;
        let storage = object.storage();
        #[allow(clippy::cast_precision_loss, reason = "a time in milliseconds has 41 bits")]
        let asked = match at {
            Some(at) => storage.bookmark_for_time(at.millis() as f64),
            None => storage.current_bookmark(),
        };
        let found = js::answer(asked).await.map_err(|error| js::text(&error))?;
        found.as_string().ok_or_else(|| "the platform's bookmark is not a text".to_owned())
    }

    async fn go_to(&self, bookmark: &str) -> Result<(), String> {
        let object = self.object.as_ref().ok_or("this is not a partition")?;
        js::answer(object.storage().restore_bookmark(bookmark)).await.map_err(|error| js::text(&error))?;
        object.abort().map_err(|error| js::text(&error))
    }

    async fn sign_with(&self, pkcs8: &[u8], message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        SigningKey::import(pkcs8, ALGORITHM).await?.sign(message).await
    }

    async fn log_key(&self, key: &LogKey) -> Result<Option<Vec<u8>>, CryptoFailure> {
        apart(self.log_keys()?.public(key)).await
    }

    async fn sign_log(&self, key: &LogKey, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        apart(self.log_keys()?.sign(key, message)).await
    }

    fn cancel_alarm(&self) {
        if let Some(object) = &self.object {
            object.cancel_alarm();
        }
    }

    fn next_nonce(&self) -> Result<NonceNumber, CryptoFailure> {
        match &self.object {
            Some(object) => object.nonces.next(|| self.random()),
            None => NonceSeries::default().next(|| self.random()),
        }
    }

    fn spawn(&self, task: Task) {
        match &self.object {
            Some(object) => object.state.wait_until(task),
            None => worker::wasm_bindgen_futures::spawn_local(task),
        }
    }

    async fn deliver(&self, request: &WebhookRequest) -> Result<u16, String> {
        outbound::deliver(request).await
    }

    async fn submit(&self, url: &str, body: &str, limits: Limits) -> Result<FetchAnswer, OutboundFault> {
        outbound::submit(url, body, limits).await
    }

    async fn mail(&self, mail: &Mail) -> Result<(), String> {
        outbound::mail(&self.env, mail).await
    }
}

/// The state of a Durable Object while it is in memory.
pub struct Object {
    /// Its state.
    pub state: State,
    /// The alarm's time in milliseconds; `None` if unset.
    pub alarm: Cell<Option<u64>>,
    /// The numbers of its nonces.
    pub nonces: NonceSeries,
    /// The rows written since the last reading.
    pub rows: Cell<u32>,
}

impl Object {
    /// Its storage.
    pub fn storage(&self) -> Storage {
        JsValue::from(self.state.storage().as_raw()).unchecked_into()
    }

    /// Ends the object's memory, once this call has left the wasm module.
    fn abort(&self) -> Result<(), JsValue> {
        let state: JsValue = self.state.as_raw().into();
        let abort: Function = js::member(&state, "abort").dyn_into()?;
        let bound: JsValue = abort.bind1(&state, &JsValue::from_str("the partition goes to a bookmark")).into();
        js::queue_microtask(&bound)
    }

    /// Sets the alarm to `at`, unless it fires earlier.
    ///
    /// The call into the storage is made without an await before it, so that it is stored together with the preceding
    /// writes.
    pub fn wake_at(&self, at: Time) {
        if self.alarm.get().is_some_and(|set| set <= at.millis()) {
            return;
        }
        self.alarm.set(Some(at.millis()));
        watch("setting an alarm", self.storage().set_alarm(at.millis() as f64));
    }

    /// Cancels the alarm.
    pub fn cancel_alarm(&self) {
        if self.alarm.replace(None).is_some() {
            watch("deleting an alarm", self.storage().delete_alarm());
        }
    }

    /// Deletes the database.
    ///
    /// It is empty when the call returns. Whether that reached the disk follows later; if not, the platform evicts the
    /// object.
    ///
    /// # Errors
    /// The platform refuses.
    pub fn delete_all(&self) -> Result<(), JsValue> {
        watch("deleting a database", Ok(self.storage().delete_all()?));
        Ok(())
    }
}

/// Logs the failure of a storage call that is not awaited.
fn watch(what: &'static str, asked: Result<Promise, JsValue>) {
    worker::wasm_bindgen_futures::spawn_local(async move {
        if let Err(error) = js::answer(asked).await {
            worker::console_error!("{what} failed: {}", js::text(&error));
        }
    });
}
