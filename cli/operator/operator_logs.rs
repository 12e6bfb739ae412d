//! The transparency logs in the operator's part of `status`, with their witnesses.

use std::fmt::Write;

use selvedge::values::Time;
use serde::Deserialize;

use crate::common::moment::age;
use crate::common::received::{maybe_time, text, time};

/// A transparency log, of `GET /admin/v1/health`.
#[derive(Clone, Debug, Deserialize)]
pub struct Log {
    /// Its origin.
    #[serde(deserialize_with = "text")]
    pub origin: String,
    /// Number of its entries.
    pub size: u64,
    /// Its newest checkpoint.
    pub checkpoint: Option<Point>,
    /// The work of its witnesses.
    pub cosigning: Option<Cosigning>,
}

/// A checkpoint.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Point {
    /// Number of its entries.
    pub size: u64,
    /// Its time.
    #[serde(deserialize_with = "time")]
    pub at: Time,
}

/// The work of the witnesses of a log.
#[derive(Clone, Debug, Deserialize)]
pub struct Cosigning {
    /// The name of the quorum.
    #[serde(deserialize_with = "text")]
    pub quorum: String,
    /// Whether the present checkpoint has it.
    pub met: bool,
    /// The checkpoint that witnesses are asked for.
    pub target: Option<Point>,
    /// The newest checkpoint with a quorum.
    pub witnessed: Option<Point>,
    /// The witnesses.
    pub witnesses: Vec<Witness>,
}

/// A witness.
#[derive(Clone, Debug, Deserialize)]
pub struct Witness {
    /// Its name.
    #[serde(deserialize_with = "text")]
    pub name: String,
    /// Number of entries in its newest checkpoint.
    pub size: u64,
    /// When it cosigned last.
    #[serde(deserialize_with = "maybe_time")]
    pub last: Option<Time>,
    /// What is wrong with it.
    pub fault: Option<Fault>,
}

/// What is wrong with a witness. The finding has the whole.
#[derive(Clone, Debug, Deserialize)]
pub struct Fault {
    /// The kind, as in the finding's id.
    #[serde(deserialize_with = "text")]
    pub kind: String,
}

impl Log {
    /// Adds its lines to the report.
    pub fn write(&self, out: &mut String, now: Time) {
        let _ = writeln!(out, "  log       {}", self.origin);
        let checkpoint = match self.checkpoint {
            None => "no checkpoint is signed yet".to_owned(),
            Some(Point { size, at }) if size == self.size => {
                format!("the newest checkpoint has all, {}", age(at, now))
            }
            Some(point) => format!("the newest checkpoint has {}", self.since(point, now)),
        };
        let _ = writeln!(out, "            {}; {checkpoint}", entries(self.size));
        let Some(cosigning) = &self.cosigning else {
            out.push_str("            no witnesses: LOG_POLICY is not set\n");
            return;
        };
        let _ = writeln!(out, "            quorum {}: {}", cosigning.quorum, self.quorum(cosigning, now));
        for witness in &cosigning.witnesses {
            let _ = writeln!(out, "            witness {}: {}", witness.name, self.witness(witness, now));
        }
    }

    fn quorum(&self, cosigning: &Cosigning, now: Time) -> String {
        let state = match (cosigning.met, cosigning.target) {
            (true, _) => "met",
            (false, Some(_)) => "not met",
            (false, None) => "no witness was asked yet",
        };
        match cosigning.witnessed {
            Some(point) if cosigning.met => format!("{state} with {}", self.since(point, now)),
            Some(point) => format!("{state}; last with {}", self.since(point, now)),
            None => state.to_owned(),
        }
    }

    fn witness(&self, witness: &Witness, now: Time) -> String {
        let fault = witness.fault.as_ref().map(|fault| format!("{}; ", fault.kind)).unwrap_or_default();
        match witness.last {
            Some(at) => format!("{fault}cosigned {}", self.since(Point { size: witness.size, at }, now)),
            None => format!("{fault}never cosigned"),
        }
    }

    /// A checkpoint: entries, age, and how many entries it lacks.
    fn since(&self, Point { size, at }: Point, now: Time) -> String {
        let behind = match self.size.saturating_sub(size) {
            0 => String::new(),
            n => format!(", {n} behind"),
        };
        format!("{}, {}{behind}", entries(size), age(at, now))
    }
}

fn entries(n: u64) -> String {
    if n == 1 { "1 entry".to_owned() } else { format!("{n} entries") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn shown(cosigning: &Value) -> String {
        let log = json!({
            "issuer": 1, "origin": "ca.test/log/1/ab", "size": 10, "cosigning": cosigning,
            "checkpoint": { "size": 10, "at": "2026-11-30T12:00:00Z" },
        });
        let mut out = String::new();
        Log::deserialize(&log).unwrap().write(&mut out, Time::parse_rfc3339("2026-11-30T12:05:00Z").unwrap());
        out
    }

    #[test]
    fn each_log_and_each_witness_has_a_line() {
        assert_eq!(
            shown(&Value::Null),
            "  log       ca.test/log/1/ab\n            10 entries; the newest checkpoint has all, 5 minutes ago\n            \
             no witnesses: LOG_POLICY is not set\n"
        );
        let point = json!({ "size": 9, "at": "2026-11-30T11:00:00Z" });
        let witnesses = json!([
            { "name": "a", "size": 9, "behind": 1, "cosigned": true, "last": "2026-11-30T11:00:01Z", "fault": null },
            { "name": "b", "size": 0, "behind": 10, "cosigned": false, "last": null,
              "fault": { "kind": "silent", "what": "it does not answer", "since": "2026-11-30T11:00:00Z" } },
        ]);
        let met = json!({ "quorum": "q", "met": true, "target": point, "witnessed": point, "missing": null, "witnesses": witnesses });
        let text = shown(&met);
        for line in [
            "            quorum q: met with 9 entries, 1 hour ago, 1 behind\n",
            "            witness a: cosigned 9 entries, 1 hour ago, 1 behind\n",
            "            witness b: silent; never cosigned\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        let none =
            json!({ "quorum": "q", "met": false, "target": null, "witnessed": null, "missing": null, "witnesses": [] });
        assert!(shown(&none).contains("quorum q: no witness was asked yet\n"));
        let lost = json!({ "quorum": "q", "met": false, "target": point, "witnessed": { "size": 1, "at": "2026-11-28T11:00:00Z" },
            "missing": null, "witnesses": [] });
        assert!(shown(&lost).contains("quorum q: not met; last with 1 entry, 2 days ago, 9 behind\n"));
    }
}
