//! Counters by [Prometheus](https://prometheus.io) series:
//! `selvedge_responses_total{resource="directory",status="200"}`.

use crate::store::{Record, Table};
use crate::values::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Counts by series.
pub type Counts = BTreeMap<String, u64>;

/// Sums of all counts, stored as `counters`: one row, whatever the number of series.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountersRecord {
    /// The sums.
    pub counts: Counts,
}

impl Record for CountersRecord {
    const PREFIX: &'static str = "counters";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// Adds counts to others.
pub fn add(to: &mut Counts, more: &Counts) {
    for (series, n) in more {
        let sum = to.entry(series.clone()).or_default();
        *sum = sum.saturating_add(*n);
    }
}

#[cfg(test)]
mod tests {
    use crate::records::operations::metrics::*;

    #[test]
    fn counts_are_summed() {
        let mut counts = Counts::from([("b_total{x=\"1\"}".to_owned(), 2), ("a_total".to_owned(), u64::MAX)]);
        add(&mut counts, &Counts::from([("b_total{x=\"1\"}".to_owned(), 3), ("b_total{x=\"2\"}".to_owned(), 1)]));
        add(&mut counts, &Counts::from([("a_total".to_owned(), 1)]));
        assert_eq!(counts.into_values().collect::<Vec<_>>(), [u64::MAX, 5, 1]);
    }
}
