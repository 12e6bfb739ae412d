//! The Durable Object class of all partitions; its name says which partition.

use super::calls::{self, Sent, Spent};
use super::config;
use super::ports::{HostPorts, Object};
use super::sql::SqlKv;
use super::{js, witness};
use crate::ca::dispatch::member::{enter, needs_hosted};
use crate::ca::runtime::apart::apart;
use crate::ca::runtime::message::{PartitionId, Reply};
use crate::ca::runtime::partition;
use crate::ca::runtime::ports::Ports;
use crate::ca::runtime::problems::ended;
use crate::ca::runtime::running::Running;
use crate::ca::witness::host::WitnessAt;
use crate::ca::witness::partition::LogPartition;
use crate::records::Problem;
use crate::records::acme::nonce::NonceSeries;
use core::time::Duration;
use std::cell::{Cell, OnceCell, RefCell};
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
/// It keeps only handles, the alarm's time, the numbers of its nonces and the runs of jobs in memory, because it may be
/// evicted at any time.
#[wasm_bindgen]
pub struct Partition(Rc<Inner>);

struct Inner {
    object: Rc<Object>,
    env: Env,
    running: Rc<Running>,
    known: RefCell<Option<(PartitionId, SqlKv)>>,
    /// The storage of a witness's partition, one for all its requests.
    witnessed: OnceCell<RefCell<SqlKv>>,
    alarm_known: Cell<bool>,
    /// The number of consecutive alarms that failed.
    failed_alarms: Cell<u32>,
}

/// The partition of a message or an alarm.
enum Found {
    /// Its CA goes on.
    Partition(Rc<partition::Partition<HostPorts, SqlKv>>),
    /// Its test CA has ended.
    Ended(Rc<partition::Partition<HostPorts, SqlKv>>),
}

#[wasm_bindgen]
impl Partition {
    /// Creates the object when it is loaded into memory.
    #[wasm_bindgen(constructor)]
    pub fn new(state: DurableObjectState, env: Env) -> Self {
        let object = Rc::new(Object {
            state: state.into(),
            alarm: Cell::new(None),
            nonces: NonceSeries::default(),
            rows: Cell::new(0),
        });
        Self(Rc::new(Inner {
            object,
            env,
            running: Rc::default(),
            known: RefCell::new(None),
            witnessed: OnceCell::new(),
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
        if self.object.state.id().name().is_some_and(|name| WitnessAt::parse(&name).is_some()) {
            return calls::write(apart(self.witness(request)).await, Spent::default());
        }
        let sent = calls::read(request).await?;
        let needs_hosted = !matches!(&sent, Ok(Sent::Message(message)) if !needs_hosted(message));
        // A refusal is written alike for a message and for a POST.
        let partition = match apart(self.partition(needs_hosted)).await {
            Ok(Found::Partition(partition)) => partition,
            Ok(Found::Ended(_)) => {
                return calls::write(Reply::Refused(Box::new(ended(None))), Spent::default());
            }
            Err(problem) => return calls::write(Reply::Refused(Box::new(problem)), Spent::default()),
        };
        match sent {
            Ok(Sent::Message(message)) => {
                let reply = apart(partition.clone().handle(message)).await;
                calls::write(reply, partition.ports.spent())
            }
            Ok(Sent::Post(post)) => {
                let reply = apart(partition.clone().post(&post.path, &post.body, &post.request)).await;
                calls::write_post(reply, &post.request, partition.ports.spent(), partition.ports.settings())
            }
            Err(problem) => calls::write(Reply::Refused(Box::new(problem)), partition.ports.spent()),
        }
    }

    /// Answers a message to the partition of a witness.
    async fn witness(&self, request: &web_sys::Request) -> Reply {
        let answered = async {
            let read = calls::read(request).await.map_err(|e| Problem::internal(js::text(&e)))?;
            let Sent::Message(message) = read? else {
                return Err(Problem::other_release("a witness was passed a client's POST"));
            };
            let host = witness::Host::load(&self.env).await.map_err(Problem::internal)?;
            // Without an await in between, so that all requests have the same caches.
            let kv = match self.witnessed.get() {
                Some(kv) => kv,
                None => {
                    let kv = RefCell::new(SqlKv::new(&self.object)?);
                    self.witnessed.get_or_init(|| kv)
                }
            };
            Ok(LogPartition { host: &host, kv }.answer(&message).await)
        };
        answered.await.unwrap_or_else(|problem| Reply::Refused(Box::new(problem)))
    }

    async fn alarm(&self) -> Result<(), JsValue> {
        // The alarm has fired, so none is set; remaining work sets the next one.
        self.object.alarm.set(None);
        self.alarm_known.set(true);
        let problem = match apart(self.partition(true)).await {
            Ok(Found::Ended(partition)) => match partition.end_within() {
                Ok(()) => return Ok(()),
                Err(problem) => {
                    self.object.wake_at(config::now().plus(RETRY));
                    problem
                }
            },
            Ok(Found::Partition(partition)) => match apart(partition.alarm()).await {
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

    /// The partition, for one message, with the CA that it is of.
    async fn partition(&self, needs_hosted: bool) -> Result<Found, Problem> {
        let settings = config::load(&self.env).await.map_err(Problem::internal)?;
        self.learn_alarm().await?;
        let name = match &*self.known.borrow() {
            Some((name, _)) => name.clone(),
            None => {
                let name = self.object.state.id().name().unwrap_or_default();
                PartitionId::parse(&name)
                    .ok_or_else(|| Problem::other_release(format!("{name:?} names no partition")))?
            }
        };
        let ports = || HostPorts::new(settings.clone(), self.env.clone(), Some(self.object.clone()));
        let entered = if needs_hosted { apart(enter(ports(), &name)).await? } else { None };
        let known = self.known.borrow().clone();
        let kv = known.as_ref().map_or_else(|| SqlKv::new(&self.object), |(_, kv)| Ok(kv.clone()))?;
        let make = |ports| Rc::new(partition::Partition::new(ports, name.clone(), self.running.clone(), kv.clone()));
        let partition = match entered {
            Some(ports) => make(ports),
            None if needs_hosted => return Ok(Found::Ended(make(ports()))),
            None => return Ok(Found::Partition(make(ports()))),
        };
        if known.is_none() {
            // Without an await since it was found that this is the first message: nobody has begun a job yet.
            partition.resume()?;
            *self.known.borrow_mut() = Some((name.clone(), kv.clone()));
        }
        Ok(Found::Partition(partition))
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
