//! Numbered operations of a world, for injected faults and crashes.
//!
//! An operation is a step at which a partition, or the front, depends on something else: its storage, a call to
//! another partition, that call's reply, a look-up, a conversation with a host, a signature made or verified. Between
//! two operations there is only memory, so a machine can affect a request only at one of them.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// An injected fault at an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationFault {
    /// It fails without effect; later ones succeed.
    Fails,
    /// It fails, and so do all later ones.
    FailsOn,
    /// The machine crashes before the operation.
    MachineDiesBefore,
    /// The machine crashes after the operation, before its result is used.
    MachineDiesAfter,
    /// The operation's partition crashes before it, with its futures and memory.
    PartitionDiesBefore,
    /// That partition crashes after the operation.
    PartitionDiesAfter,
}

impl OperationFault {
    /// All faults.
    pub const ALL: [Self; 6] = [
        Self::Fails,
        Self::FailsOn,
        Self::MachineDiesBefore,
        Self::MachineDiesAfter,
        Self::PartitionDiesBefore,
        Self::PartitionDiesAfter,
    ];
}

/// Unwinds through the futures of a crashed part; a panic without a message.
#[derive(Debug)]
pub(super) struct Loss {
    /// The partition; `None` for the whole machine.
    pub(super) partition: Option<String>,
}

impl Loss {
    /// Whether the memory of this partition, or of the front for `None`, is lost.
    pub(super) fn takes(&self, whose: Option<&str>) -> bool {
        self.partition.is_none() || self.partition.as_deref() == whose
    }
}

/// Counts operations and injects faults.
#[derive(Debug, Default)]
pub struct Operations {
    log: RefCell<Vec<String>>,
    /// By operation number.
    plan: RefCell<Vec<(usize, OperationFault)>>,
    struck: Cell<usize>,
    /// Nonces accepted after their redemption, by partition and key.
    pub(super) accepted_twice: RefCell<Vec<String>>,
}

/// An operation that fails.
pub(super) struct Injected(pub(super) String);

/// A running operation, with the crash that follows it.
#[must_use]
pub(super) struct Underway(Option<Loss>);

impl Underway {
    /// Ends the operation.
    pub(super) fn done(self) {
        if let Some(loss) = self.0 {
            resume_unwind(Box::new(loss));
        }
    }
}

impl Operations {
    /// Counts from 0 and plans faults for these operations.
    pub fn plan(&self, plan: &[(usize, OperationFault)]) {
        self.log.borrow_mut().clear();
        self.plan.replace(plan.to_vec());
        self.struck.set(0);
    }

    /// The operations since the last plan, in order, each with its partition.
    pub fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    /// Number of injected faults.
    pub fn struck(&self) -> usize {
        self.struck.get()
    }

    /// Counts an operation of this partition; of the front for `None`.
    pub(super) fn begin(&self, what: &str, whose: Option<&str>) -> Result<Underway, Injected> {
        let n = self.log.borrow().len();
        let kind = whose.and_then(|name| name.split('/').next()).unwrap_or("front");
        self.log.borrow_mut().push(format!("{kind}: {what}"));
        let fault = self.fault_at(n);
        self.struck.set(self.struck.get() + usize::from(fault.is_some()));
        let machine = || Loss { partition: None };
        // The front has only the machine to lose.
        let partition = || Loss { partition: whose.map(str::to_owned) };
        match fault {
            None => Ok(Underway(None)),
            Some(OperationFault::Fails | OperationFault::FailsOn) => Err(Injected(format!("injected fault at {what}"))),
            Some(OperationFault::MachineDiesBefore) => resume_unwind(Box::new(machine())),
            Some(OperationFault::PartitionDiesBefore) => resume_unwind(Box::new(partition())),
            Some(OperationFault::MachineDiesAfter) => Ok(Underway(Some(machine()))),
            Some(OperationFault::PartitionDiesAfter) => Ok(Underway(Some(partition()))),
        }
    }

    fn fault_at(&self, n: usize) -> Option<OperationFault> {
        let plan = self.plan.borrow();
        let here = plan.iter().find(|(at, fault)| *at == n || (*at < n && *fault == OperationFault::FailsOn));
        here.map(|(_, fault)| *fault)
    }
}

/// The result of `act`, or its crash. Other panics continue.
pub(super) fn catch_loss<T>(act: impl FnOnce() -> T) -> Result<T, Loss> {
    catch_unwind(AssertUnwindSafe(act)).map_err(|payload| match payload.downcast::<Loss>() {
        Ok(loss) => *loss,
        Err(other) => resume_unwind(other),
    })
}
