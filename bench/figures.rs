//! The figures of a run; unmeasured parts are empty.

use crate::cold::Cold;
use crate::common::log_cost::Side;
use crate::ledger::Ledger;
use crate::lists::Lists;
use crate::parts::Taken;
use crate::round::Round;
use crate::size::Size;
use crate::worst::Single;
use std::time::Duration;

/// The figures of a run.
#[derive(Default)]
pub struct Figures {
    /// Whether it was a quick run.
    pub quick: bool,
    pub rounds: Vec<Round>,
    /// The platform's share of an issuance.
    pub parts: Vec<Taken>,
    pub size: Option<Size>,
    /// Times from the start of workerd to the first answer, sorted.
    pub start: Option<Vec<Duration>>,
    pub ledgers: Vec<Ledger>,
    pub lists: Vec<Lists>,
    /// Issuances with a transparency log, and without one.
    pub log: Option<[Side; 2]>,
    pub singles: Vec<Single>,
    /// The module, another, and the floor.
    pub cold: Vec<Cold>,
}
