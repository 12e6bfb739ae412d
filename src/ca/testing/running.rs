//! Runs a world's requests, tasks and alarms, step by step.

use super::answered::Answered;
use super::executor::Race;
use super::faults::SharedKv;
use super::host::WorldPorts;
use super::operations::{Loss, catch_loss};
use super::world::World;
use crate::ca::account::operations::ListedAccount;
use crate::ca::dispatch::member::enter;
use crate::ca::front::handler::{Front, Served};
use crate::ca::http::message::{Request, Response};
use crate::ca::runtime::ask::Ask;
use crate::ca::runtime::message::PartitionId;
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::Ports;
use crate::ca::runtime::problems::ended;
use crate::records::Problem;
use crate::store::MemoryKv;
use crate::values::Time;
use core::time::Duration;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::Poll;

impl World {
    /// Lets time pass until the first timer. `false` without one.
    pub fn pass_to_timer(&self) -> bool {
        let first = self.state.timers.borrow().iter().find(|at| **at > self.now()).copied();
        if let Some(at) = first {
            self.state.now.set(at);
            self.state.timers.borrow_mut().retain(|timer| *timer > at);
        }
        first.is_some()
    }

    /// The answer to a request, unchecked, as its own future.
    pub fn serve(&self, request: Request) -> impl Future<Output = Response> + use<> {
        let (front, state) = (Front { ports: WorldPorts::new(self, None) }, self.state.clone());
        // Unless a test sets another host, requests use the base URL.
        let url_origin =
            if request.url_origin.is_empty() { self.settings().urls.of_path("") } else { request.url_origin };
        let request = Request { url_origin, ..request };
        async move {
            let response = match front.handle(request).await {
                Served::Local(response) | Served::Forwarded(_, response) | Served::Cut(response) => response,
            };
            if front.flush_is_due() {
                state.tasks.borrow_mut().push((None, Box::pin(async move { front.flush().await })));
            }
            response
        }
    }

    /// Sends a request and checks the invariants of its response.
    pub fn send(&self, request: Request) -> Answered {
        let response = self.run(self.serve(request.clone()));
        Answered::checked(self, &request, response)
    }

    /// Sends a request that may crash the machine; `None` after a crash.
    ///
    /// The caller restarts the machine and clears the planned faults.
    pub fn try_send(&self, request: Request) -> Option<Answered> {
        match catch_loss(|| self.run(self.serve(request.clone()))) {
            Ok(response) => Some(Answered::checked(self, &request, response)),
            Err(loss) => {
                self.lose(&loss);
                None
            }
        }
    }

    /// Runs a future that may crash the machine; `None` after a crash. As [`World::try_send`].
    pub fn attempt<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        match catch_loss(|| self.run(future)) {
            Ok(value) => Some(value),
            Err(loss) => {
                self.lose(&loss);
                None
            }
        }
    }

    /// The reply of a partition to an ask of the front.
    pub fn tell<A: Ask>(&self, at: &A::At, ask: &A) -> A::Reply {
        self.run(WorldPorts::new(self, None).ask(at, ask)).expect("it replies")
    }

    /// A GET, or another method without a body.
    pub fn ask(&self, method: &str, path: &str) -> Answered {
        let (method, path) = (method.to_owned(), path.to_owned());
        self.send(Request { method, path, body: Some(Vec::new()), ..Request::default() })
    }

    /// Runs a future to its end, and passes time while it waits.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = Box::pin(future);
        loop {
            let before = self.progress();
            if let Some(value) = super::poll_some(future.as_mut(), 1) {
                return value;
            }
            assert!(self.progress() != before || self.pass_to_timer(), "it waits for something that never comes");
        }
    }

    /// Runs the first future for `k` steps, then the second to its end.
    ///
    /// Afterwards the first runs to its end.
    pub fn interrupt<T: 'static>(
        &self,
        first: impl Future<Output = T> + 'static,
        k: usize,
        second: impl Future<Output = T> + 'static,
    ) -> Vec<T> {
        let mut race = Race::new(self);
        race.enter(first);
        race.enter(second);
        for _ in 0..k {
            race.step(0);
        }
        race.run(|running| running - 1)
    }

    /// Runs spawned tasks until they wait for time.
    pub fn run_tasks(&self) {
        loop {
            let before = self.progress();
            let mut waiting = Vec::new();
            for (whose, mut task) in self.state.tasks.take() {
                match catch_loss(|| super::poll_some(task.as_mut(), 1)) {
                    Ok(Some(())) => {}
                    Ok(None) => waiting.push((whose, task)),
                    Err(loss) => {
                        waiting.retain(|(whose, _)| !loss.takes(whose.as_deref()));
                        self.lose(&loss);
                    }
                }
            }
            let idle = self.progress() == before && self.state.tasks.borrow().is_empty();
            self.state.tasks.borrow_mut().extend(waiting);
            if idle {
                return;
            }
        }
    }

    /// Drops spawned tasks.
    pub fn drop_tasks(&self) {
        self.state.tasks.take();
    }

    /// Runs due alarms. A failed one is retried with the next call, as on the platform.
    pub fn run_due_alarms(&self) {
        let now = self.now();
        for name in self.due_alarms() {
            self.state.alarms.borrow_mut().remove(&name);
            *self.state.requests.borrow_mut().entry(name.clone()).or_default() += 1;
            let ran = catch_loss(|| match self.entered(&name) {
                Ok(Some(ports)) => self.woken_with(&name, ports).and_then(|cell| self.run(cell.alarm())),
                Ok(None) => self.cell_with(&name, WorldPorts::new(self, Some(&name))).end_within(),
                Err(problem) => Err(problem),
            });
            if let Err(loss) = &ran {
                self.lose(loss);
            }
            if !matches!(ran, Ok(Ok(()))) {
                self.state.alarms.borrow_mut().entry(name).or_insert(now);
            }
        }
        self.run_tasks();
    }

    /// The alarm of a partition, to be polled beside other work.
    pub fn alarm(&self, partition: &str) -> impl Future<Output = Result<(), Problem>> + use<> {
        self.cell(partition).alarm()
    }

    fn due_alarms(&self) -> Vec<String> {
        let alarms = self.state.alarms.borrow();
        alarms.iter().filter(|(_, at)| **at <= self.now()).map(|(name, _)| name.clone()).collect()
    }

    /// Runs due alarms for `steps` steps and drops them with all that they started.
    ///
    /// It is a crash of the machine; they are due again at once. `false` if they ended before.
    pub fn break_due_alarms(&self, steps: usize) -> bool {
        let mut broken = false;
        for name in self.due_alarms() {
            self.state.alarms.borrow_mut().remove(&name);
            if super::poll_some(self.cell(&name).alarm(), steps).is_none() {
                broken = true;
                self.state.alarms.borrow_mut().insert(name, self.now());
            }
        }
        self.drop_tasks();
        broken
    }

    /// Drops all partitions from memory with their tasks, as a restart of the host does.
    pub fn restart(&self) {
        self.drop_tasks();
        self.state.lost.take();
        self.state.series.take();
        self.state.running.take();
        let names: Vec<String> = self.state.partitions.borrow().keys().cloned().collect();
        for name in names {
            self.cell(&name).resume().expect("the storage works");
        }
    }

    /// Drops from memory what a crash takes; it returns with the next message or alarm.
    pub(super) fn lose(&self, loss: &Loss) {
        let mut names: Vec<String> = self.state.partitions.borrow().keys().cloned().collect();
        names.retain(|name| loss.takes(Some(name)));
        self.state.series.borrow_mut().retain(|name, _| !names.contains(name));
        self.state.running.borrow_mut().retain(|name, _| !names.contains(name));
        self.state.lost.borrow_mut().extend(names);
        self.state.tasks.borrow_mut().retain(|(whose, _)| !loss.takes(whose.as_deref()));
    }

    /// Lets `time` pass in steps of a second, and runs alarms on time.
    pub fn live(&self, time: Duration) {
        let end = self.now().plus(time);
        while self.now() < end {
            self.run_due_alarms();
            self.pass(Duration::from_secs(1));
        }
        self.run_due_alarms();
    }

    /// Lets `time` pass, has clients come back, and waits for resumed jobs.
    ///
    /// A run that a crash cut off while its request waited has no alarm: the next message resumes it.
    pub fn settle(&self, time: Duration) {
        self.live(time);
        let names: Vec<String> = self.state.partitions.borrow().keys().cloned().collect();
        names.iter().for_each(|name| self.visit(name));
        self.run_due_alarms();
        if !self.works().is_empty() {
            self.live(time);
        }
    }

    /// Sends a partition a message, after which a lost one is in memory again.
    fn visit(&self, name: &str) {
        let visited = catch_loss(|| {
            if let (Ok(cell), true) = (self.woken(name), name.starts_with("account/")) {
                self.run(cell.handle(ListedAccount.message().expect("JSON")));
            }
        });
        if let Err(loss) = visited {
            self.lose(&loss);
        }
    }

    /// Times of the partitions' alarms.
    pub fn alarms(&self) -> BTreeMap<String, Time> {
        self.state.alarms.borrow().clone()
    }

    /// Removes all alarms, which no host does.
    pub fn forget_alarms(&self) {
        self.state.alarms.borrow_mut().clear();
    }

    pub(super) fn cell(&self, name: &str) -> Rc<Partition<WorldPorts, SharedKv>> {
        let ports = self.entered(name).expect("its CA answers").expect("its CA goes on");
        self.cell_with(name, ports)
    }

    /// The host of a partition: that of its CA. `None` once a test CA has ended.
    fn entered(&self, name: &str) -> Result<Option<WorldPorts>, Problem> {
        let id = PartitionId::parse(name).expect("a partition's name");
        let ports = WorldPorts::new(self, Some(name));
        // Without a test CA there is nothing to wait for.
        if !matches!(id, PartitionId::Within(..)) && !self.settings().test_machine.clock {
            return Ok(Some(ports));
        }
        self.run(enter(ports, &id))
    }

    fn cell_with(&self, name: &str, ports: WorldPorts) -> Rc<Partition<WorldPorts, SharedKv>> {
        let id = PartitionId::parse(name).expect("a partition's name");
        let running = self.state.running.borrow_mut().entry(name.to_owned()).or_default().clone();
        Rc::new(Partition::new(ports, id, running, self.storage(name)))
    }

    /// As [`World::cell`], brought back into memory first where it was lost.
    pub(super) fn woken(&self, name: &str) -> Result<Rc<Partition<WorldPorts, SharedKv>>, Problem> {
        self.woken_with(name, self.entered(name)?.ok_or_else(|| ended(None))?)
    }

    /// As [`World::woken`], with this host.
    pub(super) fn woken_with(
        &self,
        name: &str,
        ports: WorldPorts,
    ) -> Result<Rc<Partition<WorldPorts, SharedKv>>, Problem> {
        let cell = self.cell_with(name, ports);
        if self.state.lost.borrow().contains(name) {
            cell.resume()?;
            self.state.lost.borrow_mut().remove(name);
        }
        Ok(cell)
    }

    pub(super) fn storage(&self, name: &str) -> SharedKv {
        let empty =
            || SharedKv::new(name, MemoryKv::default(), self.state.store.clone(), self.state.operations.clone());
        let mut partitions = self.state.partitions.borrow_mut();
        if !partitions.contains_key(name) && self.state.release.migrations.get().is_some() {
            // Its first message brings it into memory, and it learns its schema.
            self.state.lost.borrow_mut().insert(name.to_owned());
        }
        partitions.entry(name.to_owned()).or_insert_with(empty).clone()
    }

    /// One step, which lets others run when the world is cooperative.
    pub(super) async fn step(&self) {
        let state = &self.state;
        state.progress.set(state.progress.get() + 1);
        let mut waited = !state.cooperative.get();
        poll_fn(|context| {
            if std::mem::replace(&mut waited, true) {
                return Poll::Ready(());
            }
            // For futures in between that poll only what woke them.
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        state.progress.set(state.progress.get() + 1);
    }
}
