//! The ports of `ca`, filled with what the platform has.

use super::crypto;
use super::{SharedConfig, config, outbound};
use crate::acme::Problem;
use crate::ca::memory::Memory;
use crate::ca::message::{Message, Partition, Reply};
use crate::ca::ports::{PartitionPorts, Ports, Task};
use crate::ca::settings::Settings;
use crate::validation::outbound::{FetchAnswer, Limits, Outbound, OutboundFault, Reaction};
use crate::values::{CryptoFailure, SigAlg, Time, Verify};
use core::net::SocketAddr;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::rc::Rc;
use worker::{Delay, Env, Method, Request, RequestInit, State};

/// The binding of the Durable Object namespace.
const NAMESPACE: &str = "PARTITION";

/// How long a partition is waited for. A panic in a Durable Object leaves its callers without any answer; a validation
/// within a request takes half a second, an issuance ten at most.
const CALL_LIMIT: Duration = Duration::from_secs(25);

/// What a partition sends back: its reply, and how many calls to others it made for it.
#[derive(Serialize, Deserialize)]
pub struct Envelope {
    /// The reply.
    pub reply: Reply,
    /// Calls to other partitions.
    pub calls: u32,
}

/// The host for one request, in the front or in a partition.
pub struct HostPorts {
    config: SharedConfig,
    env: Env,
    calls: Cell<u32>,
    /// The partition's Durable Object; the front has none.
    object: Option<Rc<Object>>,
}

impl HostPorts {
    /// A host with this configuration and these bindings.
    pub fn new(config: SharedConfig, env: Env, object: Option<Rc<Object>>) -> Self {
        Self { config, env, calls: Cell::new(0), object }
    }

    /// How many Durable Object calls were made, with those that the called made.
    pub fn calls(&self) -> u32 {
        self.calls.get()
    }

    async fn exchange(&self, to: &Partition, message: &Message) -> Result<Reply, String> {
        let name = to.name();
        let stub = self.env.durable_object(NAMESPACE).and_then(|namespace| namespace.get_by_name(&name));
        let stub = stub.map_err(|e| e.to_string())?;
        let body = serde_json::to_string(message).map_err(|e| e.to_string())?;
        let mut init = RequestInit::new();
        init.with_method(Method::Post).with_body(Some(body.into()));
        let request = Request::new_with_init(&format!("https://partition/{name}"), &init).map_err(|e| e.to_string())?;
        let work = async {
            let mut response = stub.fetch_with_request(request).await?;
            response.text().await
        };
        let text = outbound::within(CALL_LIMIT, work).await.ok_or("no answer in time")?.map_err(|e| e.to_string())?;
        let envelope: Envelope = serde_json::from_str(&text).map_err(|e| format!("{e} in {text:?}"))?;
        self.calls.set(self.calls.get() + 1 + envelope.calls);
        Ok(envelope.reply)
    }
}

impl Verify for HostPorts {
    async fn verify(&self, alg: SigAlg, spki: &[u8], message: &[u8], sig: &[u8]) -> Result<bool, CryptoFailure> {
        crypto::verify(alg, spki, message, sig).await
    }
}

impl Outbound for HostPorts {
    fn now(&self) -> Time {
        config::now()
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

impl Ports for HostPorts {
    fn settings(&self) -> &Settings {
        &self.config.settings
    }

    #[allow(clippy::disallowed_methods, reason = "this is the port for randomness")]
    fn fill_random(&self, bytes: &mut [u8]) -> Result<(), CryptoFailure> {
        getrandom::fill(bytes).map_err(|e| CryptoFailure(e.to_string()))
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        self.config.issuer_key.sign(message).await
    }

    async fn call(&self, to: &Partition, message: &Message) -> Result<Reply, Problem> {
        let answer = HostPorts::exchange(self, to, message).await;
        answer.map_err(|why| Problem::internal(format!("calling {}: {why}", to.name())))
    }

    async fn sleep(&self, time: Duration) {
        Delay::from(time).await;
    }

    fn memory(&self) -> &Memory {
        &self.config.memory
    }

    fn log(&self, line: &str) {
        worker::console_error!("{line}");
    }
}

impl PartitionPorts for HostPorts {
    fn wake_at(&self, at: Time) {
        if let Some(object) = &self.object {
            object.wake_at(at);
        }
    }

    fn spawn(&self, task: Task) {
        match &self.object {
            Some(object) => object.state.wait_until(task),
            None => worker::wasm_bindgen_futures::spawn_local(task),
        }
    }
}

/// What is known of the Durable Object for as long as it is in memory.
pub struct Object {
    /// Its state.
    pub state: State,
    /// When its alarm will go off, in milliseconds; `None` when none is set.
    pub alarm: Cell<Option<u64>>,
}

impl Object {
    /// Sets the alarm to go off at `at`, unless it goes off before that.
    ///
    /// The call into the storage is made at once, without an await before it, so that it is stored together with what
    /// was written just now.
    fn wake_at(&self, at: Time) {
        if self.alarm.get().is_some_and(|set| set <= at.millis()) {
            return;
        }
        self.alarm.set(Some(at.millis()));
        let storage = self.state.storage().as_raw().into();
        let promise = super::js::call(&storage, "setAlarm", &[(at.millis() as f64).into()]);
        worker::wasm_bindgen_futures::spawn_local(async move {
            let set = match promise {
                Ok(promise) => {
                    worker::wasm_bindgen_futures::JsFuture::from(worker::js_sys::Promise::from(promise)).await
                }
                Err(error) => Err(error),
            };
            if let Err(error) = set {
                worker::console_error!("setting an alarm failed: {}", super::js::text(&error));
            }
        });
    }
}
