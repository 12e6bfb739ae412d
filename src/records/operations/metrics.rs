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

/// The counts in Prometheus' text format, with each metric's type before its series.
pub fn text(counts: &Counts) -> String {
    let (mut text, mut metric) = (String::new(), "");
    for (series, n) in counts {
        let name = series.split('{').next().unwrap_or_default();
        if name != metric {
            text += &format!("# TYPE {name} counter\n");
            metric = name;
        }
        text += &format!("{series} {n}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::records::operations::metrics::*;

    #[test]
    fn counts_are_summed_and_written_with_their_types() {
        let mut counts = Counts::from([("b_total{x=\"1\"}".to_owned(), 2), ("a_total".to_owned(), u64::MAX)]);
        add(&mut counts, &Counts::from([("b_total{x=\"1\"}".to_owned(), 3), ("b_total{x=\"2\"}".to_owned(), 1)]));
        add(&mut counts, &Counts::from([("a_total".to_owned(), 1)]));
        let max = u64::MAX;
        assert_eq!(
            text(&counts),
            format!(
                "# TYPE a_total counter\na_total {max}\n# TYPE b_total counter\nb_total{{x=\"1\"}} 5\nb_total{{x=\"2\"}} 1\n"
            )
        );
    }
}
