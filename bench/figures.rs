//! What was measured, all of it. What was not is empty.

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
    /// Whether it was a first look only.
    pub quick: bool,
    pub rounds: Vec<Round>,
    /// What the platform takes of an issuance.
    pub parts: Vec<Taken>,
    pub size: Option<Size>,
    /// From the start of workerd to the first answer: all starts, the shortest first.
    pub start: Option<Vec<Duration>>,
    pub ledgers: Vec<Ledger>,
    pub lists: Vec<Lists>,
    pub singles: Vec<Single>,
}
