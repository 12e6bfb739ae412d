//! The one Durable Object class: whichever partition its name says.

use super::config;
use super::ports::{Envelope, HostPorts, Object};
use super::sql::SqlKv;
use crate::acme::Problem;
use crate::ca::cell::Cell as PartitionCell;
use crate::ca::message::{Message, Partition as Name, Reply};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use worker::wasm_bindgen;
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

/// A partition as a Durable Object. In memory it keeps handles and when its alarm goes off, nothing else: it may be
/// thrown out at any time.
#[durable_object]
pub struct Partition {
    object: Rc<Object>,
    env: Env,
    kv: RefCell<Option<SqlKv>>,
    alarm_known: Cell<bool>,
}

impl DurableObject for Partition {
    fn new(state: State, env: Env) -> Self {
        let object = Rc::new(Object { state, alarm: Cell::new(None) });
        Self { object, env, kv: RefCell::new(None), alarm_known: Cell::new(false) }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let name = request.path();
        let text = request.text().await?;
        let envelope = self.answer(name.trim_start_matches('/'), &text).await;
        let body = serde_json::to_string(&envelope).map_err(|e| worker::Error::RustError(e.to_string()))?;
        Response::ok(body)
    }

    async fn alarm(&self) -> Result<Response> {
        // It has gone off, so none is set; what is left to do sets the next one.
        self.object.alarm.set(None);
        self.alarm_known.set(true);
        let name = self.object.state.id().name().unwrap_or_default();
        let outcome = match self.cell(&name).await {
            Ok(cell) => cell.alarm().await,
            Err(problem) => Err(problem),
        };
        match outcome {
            Ok(()) => Response::empty(),
            // The platform tries again, later and later.
            Err(problem) => Err(worker::Error::RustError(problem.log.unwrap_or(problem.detail))),
        }
    }
}

impl Partition {
    async fn answer(&self, name: &str, text: &str) -> Envelope {
        let message: std::result::Result<Message, _> = serde_json::from_str(text);
        let refused = |problem: Problem| Envelope { reply: Reply::Refused(problem), calls: 0 };
        let message = match message {
            Ok(message) => message,
            Err(e) => return refused(Problem::internal(format!("a message that cannot be read: {e}"))),
        };
        match self.cell(name).await {
            Ok(cell) => {
                let reply = cell.clone().handle(message).await;
                Envelope { reply, calls: cell.ports.calls() }
            }
            Err(problem) => refused(problem),
        }
    }

    /// The partition, for one message.
    async fn cell(&self, name: &str) -> std::result::Result<Rc<PartitionCell<HostPorts, SqlKv>>, Problem> {
        let name = Name::parse(name).ok_or_else(|| Problem::internal(format!("{name:?} names no partition")))?;
        let settings = config::load(&self.env).await.map_err(Problem::internal)?;
        self.learn_alarm().await?;
        let ports = HostPorts::new(settings, self.env.clone(), Some(self.object.clone()));
        let known = self.kv.borrow().clone();
        if let Some(kv) = known {
            return Ok(Rc::new(PartitionCell::new(ports, name, kv)));
        }
        let kv = SqlKv::new(&self.object.state)?;
        let cell = PartitionCell::new(ports, name, kv.clone());
        // Without an await since it was found that this is the first message: nobody has begun a job yet.
        cell.resume()?;
        *self.kv.borrow_mut() = Some(kv);
        Ok(Rc::new(cell))
    }

    /// Asks once when the alarm goes off.
    async fn learn_alarm(&self) -> std::result::Result<(), Problem> {
        if self.alarm_known.get() {
            return Ok(());
        }
        let alarm = self.object.state.storage().get_alarm().await.map_err(|e| Problem::internal(e.to_string()))?;
        // Another request may have set it meanwhile, and known better.
        if !self.alarm_known.replace(true) {
            self.object.alarm.set(alarm.and_then(|at| u64::try_from(at).ok()));
        }
        Ok(())
    }
}
