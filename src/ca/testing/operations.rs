//! The operations of a world, counted in one row, and what is to go wrong at which of them.
//!
//! An operation is a step at which a partition, or the front, depends on something else: one on its storage, a call to
//! another partition, that call's reply, a look-up, a conversation with a host, a signature made or checked. Between two
//! of them there is only memory, so whatever a machine can do to a request, it does at one of them.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// What goes wrong at an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationFault {
    /// It fails and does nothing; those after it succeed.
    Fails,
    /// It fails, and so do all after it.
    FailsOn,
    /// The whole machine is lost before the operation.
    MachineDiesBefore,
    /// The whole machine is lost once the operation is done, before anybody hears of it.
    MachineDiesAfter,
    /// The partition whose operation it is is lost before it: its futures and its memory. The others go on.
    PartitionDiesBefore,
    /// That partition is lost once the operation is done.
    PartitionDiesAfter,
}

impl OperationFault {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Fails,
        Self::FailsOn,
        Self::MachineDiesBefore,
        Self::MachineDiesAfter,
        Self::PartitionDiesBefore,
        Self::PartitionDiesAfter,
    ];
}

/// Unwinds through the futures of whoever is lost; a panic without a message.
#[derive(Debug)]
pub(super) struct Loss {
    /// The partition; `None` for the whole machine.
    pub(super) partition: Option<String>,
}

impl Loss {
    /// Whether what this partition, or the front for `None`, has in memory is lost.
    pub(super) fn takes(&self, whose: Option<&str>) -> bool {
        self.partition.is_none() || self.partition.as_deref() == whose
    }
}

/// Counts operations, and has some of them go wrong.
#[derive(Debug, Default)]
pub struct Operations {
    log: RefCell<Vec<String>>,
    /// By number.
    plan: RefCell<Vec<(usize, OperationFault)>>,
    struck: Cell<usize>,
    /// Nonces that were accepted although they were redeemed, by partition and key.
    pub(super) accepted_twice: RefCell<Vec<String>>,
}

/// An operation under way that fails.
pub(super) struct Injected(pub(super) String);

/// An operation under way: whose it is, and whether that one dies once it is done.
#[must_use]
pub(super) struct Underway(Option<Loss>);

impl Underway {
    /// The operation is done.
    pub(super) fn done(self) {
        if let Some(loss) = self.0 {
            resume_unwind(Box::new(loss));
        }
    }
}

impl Operations {
    /// Counts from 0 again, and has the operations of these numbers go wrong.
    pub fn plan(&self, plan: &[(usize, OperationFault)]) {
        self.log.borrow_mut().clear();
        self.plan.replace(plan.to_vec());
        self.struck.set(0);
    }

    /// The operations since the last plan, in order: what was done, and who did it.
    pub fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    /// How many operations went wrong.
    pub fn struck(&self) -> usize {
        self.struck.get()
    }

    /// Counts an operation of `whose` partition; of the front for `None`.
    pub(super) fn begin(&self, what: &str, whose: Option<&str>) -> Result<Underway, Injected> {
        let n = self.log.borrow().len();
        let kind = whose.and_then(|name| name.split('/').next()).unwrap_or("front");
        self.log.borrow_mut().push(format!("{kind}: {what}"));
        let fault = self.fault_at(n);
        self.struck.set(self.struck.get() + usize::from(fault.is_some()));
        let machine = || Loss { partition: None };
        // Who has no partition has nothing but the machine to lose.
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

/// What `act` gives, or whom it lost. Other panics go on.
pub(super) fn catch_loss<T>(act: impl FnOnce() -> T) -> Result<T, Loss> {
    catch_unwind(AssertUnwindSafe(act)).map_err(|payload| match payload.downcast::<Loss>() {
        Ok(loss) => *loss,
        Err(other) => resume_unwind(other),
    })
}
