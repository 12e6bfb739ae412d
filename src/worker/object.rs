//! The Durable Object class of all partitions; its name says which partition.

use super::calls::{self, Spent};
use super::config;
use super::ports::{HostPorts, Object};
use super::sql::SqlKv;
use crate::ca::runtime::message::{Partition as Name, Reply};
use crate::ca::runtime::partition::Cell as PartitionCell;
use crate::ca::runtime::ports::Ports;
use crate::records::Problem;
use core::time::Duration;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::js_sys::Promise;
use worker::wasm_bindgen_futures::future_to_promise;
use worker::worker_sys::DurableObjectState;
use worker::{Env, wasm_bindgen, web_sys};

/// Delay of an alarm after an unusable configuration or repeated failures.
const RETRY: Duration = Duration::from_secs(300);

/// The number of consecutive alarm failures before the delay becomes [`RETRY`].
const MAX_QUICK_RETRIES: u32 = 6;

/// A partition as a Durable Object.
///
/// It keeps only handles and the alarm's time in memory, because it may be evicted at any time.
#[wasm_bindgen]
pub struct Partition(Rc<Inner>);

struct Inner {
    object: Rc<Object>,
    env: Env,
    known: RefCell<Option<(Name, SqlKv)>>,
    alarm_known: Cell<bool>,
    /// The number of consecutive alarms that failed.
    failed_alarms: Cell<u32>,
}

#[wasm_bindgen]
impl Partition {
    /// Creates the object when it is loaded into memory.
    #[wasm_bindgen(constructor)]
    pub fn new(state: DurableObjectState, env: Env) -> Self {
        let object = Rc::new(Object { state: state.into(), alarm: Cell::new(None), rows: Cell::new(0) });
        Self(Rc::new(Inner {
            object,
            env,
            known: RefCell::new(None),
            alarm_known: Cell::new(false),
            failed_alarms: Cell::new(0),
        }))
    }

    /// Handles a request.
    pub fn fetch(&self, request: web_sys::Request) -> Promise {
        let inner = self.0.clone();
        future_to_promise(async move { inner.fetch(&request).await.map(JsValue::from) })
    }

    /// Handles the alarm: does the due work.
    pub fn alarm(&self) -> Promise {
        let inner = self.0.clone();
        future_to_promise(async move { inner.alarm().await.map(|()| JsValue::UNDEFINED) })
    }
}

impl Inner {
    async fn fetch(&self, request: &web_sys::Request) -> Result<web_sys::Response, JsValue> {
        let message = calls::read(request).await?;
        let cell = match self.cell().await {
            Ok(cell) => cell,
            Err(problem) => return calls::write(Reply::Refused(problem), Spent::default(), None),
        };
        let reply = match message {
            Ok(message) => cell.clone().handle(message).await,
            Err(problem) => Reply::Refused(problem),
        };
        calls::write(reply, cell.ports.spent(), Some(cell.ports.settings()))
    }

    async fn alarm(&self) -> Result<(), JsValue> {
        // The alarm has fired, so none is set; remaining work sets the next one.
        self.object.alarm.set(None);
        self.alarm_known.set(true);
        let problem = match self.cell().await {
            Ok(cell) => match cell.alarm().await {
                Ok(()) => {
                    self.failed_alarms.set(0);
                    return Ok(());
                }
                // The partition has set the next one, some seconds ahead.
                Err(problem) => problem,
            },
            Err(problem) => {
                // For example an unusable configuration.
                self.object.wake_at(config::now().plus(RETRY));
                problem
            }
        };
        let failed = self.failed_alarms.get().saturating_add(1);
        self.failed_alarms.set(failed);
        if failed > MAX_QUICK_RETRIES {
            self.object.cancel_alarm();
            self.object.wake_at(config::now().plus(RETRY));
        }
        // Not thrown: after six failed alarms the platform gives up, and due work would be lost.
        worker::console_error!("an alarm failed: {}", problem.log.unwrap_or(problem.detail));
        Ok(())
    }

    /// Makes the partition's handle for one message.
    async fn cell(&self) -> Result<Rc<PartitionCell<HostPorts, SqlKv>>, Problem> {
        let settings = config::load(&self.env).await.map_err(Problem::internal)?;
        self.learn_alarm().await?;
        let ports = HostPorts::new(settings, self.env.clone(), Some(self.object.clone()));
        let known = self.known.borrow().clone();
        if let Some((name, kv)) = known {
            return Ok(Rc::new(PartitionCell::new(ports, name, kv)));
        }
        let name = self.object.state.id().name().unwrap_or_default();
        let name = Name::parse(&name).ok_or_else(|| Problem::internal(format!("{name:?} names no partition")))?;
        let kv = SqlKv::new(&self.object)?;
        let cell = PartitionCell::new(ports, name.clone(), kv.clone());
        // No await since the check that this is the first message: no job has started yet.
        cell.resume()?;
        *self.known.borrow_mut() = Some((name, kv));
        Ok(Rc::new(cell))
    }

    /// Reads once when the alarm fires.
    async fn learn_alarm(&self) -> Result<(), Problem> {
        if self.alarm_known.get() {
            return Ok(());
        }
        let alarm = self.object.state.storage().get_alarm().await.map_err(|e| Problem::internal(e.to_string()))?;
        // A concurrent request may have set a newer one meanwhile.
        if !self.alarm_known.replace(true) {
            self.object.alarm.set(alarm.and_then(|at| u64::try_from(at).ok()));
        }
        Ok(())
    }
}
