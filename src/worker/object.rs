//! The one Durable Object class: whichever partition its name says.

use super::calls::{self, Spent};
use super::config;
use super::ports::{HostPorts, Object};
use super::sql::SqlKv;
use crate::acme::Problem;
use crate::ca::cell::Cell as PartitionCell;
use crate::ca::message::{Partition as Name, Reply};
use crate::ca::ports::Ports;
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
    known: RefCell<Option<(Name, SqlKv)>>,
    alarm_known: Cell<bool>,
}

impl DurableObject for Partition {
    fn new(state: State, env: Env) -> Self {
        let object = Rc::new(Object { state, alarm: Cell::new(None), rows: Cell::new(0) });
        Self { object, env, known: RefCell::new(None), alarm_known: Cell::new(false) }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let message = calls::read(&mut request).await?;
        let cell = match self.cell().await {
            Ok(cell) => cell,
            Err(problem) => return calls::write(Reply::Refused(problem), Spent::default(), false),
        };
        let reply = match message {
            Ok(message) => cell.clone().handle(message).await,
            Err(problem) => Reply::Refused(problem),
        };
        calls::write(reply, cell.ports.spent(), cell.ports.settings().dev)
    }

    async fn alarm(&self) -> Result<Response> {
        // It has gone off, so none is set; what is left to do sets the next one.
        self.object.alarm.set(None);
        self.alarm_known.set(true);
        let outcome = match self.cell().await {
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
    /// The partition, for one message.
    async fn cell(&self) -> std::result::Result<Rc<PartitionCell<HostPorts, SqlKv>>, Problem> {
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
        // Without an await since it was found that this is the first message: nobody has begun a job yet.
        cell.resume()?;
        *self.known.borrow_mut() = Some((name, kv));
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
