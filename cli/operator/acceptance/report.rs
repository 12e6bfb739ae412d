//! The lines of the report: one for each step.

use std::time::Instant;

use anyhow::Result;
use serde_json::{Value, json};

use crate::common::host::print;
use crate::common::web::clean;

/// The width of the steps' names.
const WIDTH: usize = 14;

/// The steps so far.
pub struct Report {
    json: bool,
    steps: Vec<Value>,
    failed: usize,
}

impl Report {
    /// A report without steps; with `json` it is printed at its end.
    pub fn new(json: bool) -> Self {
        Self { json, steps: Vec::new(), failed: 0 }
    }

    /// Takes a step and prints what it found; `None` when it failed.
    ///
    /// `todo` says what to do then.
    pub fn step<T>(&mut self, name: &str, todo: &str, take: impl FnOnce() -> Result<(T, String)>) -> Option<T> {
        let began = Instant::now();
        let taken = take();
        let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (value, line) = match taken {
            Ok((value, found)) => {
                let found = clean(&found);
                self.steps.push(json!({"step": name, "ok": true, "ms": ms, "found": found}));
                (Some(value), format!("ok      {name:WIDTH$}{found} ({ms} ms)\n"))
            }
            Err(error) => {
                let found = clean(&format!("{error:#}"));
                self.failed += 1;
                self.steps.push(json!({"step": name, "ok": false, "ms": ms, "found": found, "todo": todo}));
                (None, format!("failed  {name:WIDTH$}{found}. {todo}.\n"))
            }
        };
        if !self.json {
            print(&line);
        }
        value
    }

    /// Prints the result; whether every step succeeded.
    ///
    /// # Errors
    /// When the steps have no JSON form, which does not happen.
    pub fn end(self) -> Result<bool> {
        let ok = self.failed == 0;
        if self.json {
            let all = json!({"ok": ok, "steps": self.steps});
            print(&format!("{}\n", serde_json::to_string_pretty(&all)?));
        } else {
            let steps = self.steps.len();
            let result = match self.failed {
                0 => format!("accepted: {steps} of {steps} steps"),
                failed => {
                    format!("not accepted: {failed} of {steps} steps failed, and those after them were not taken")
                }
            };
            print(&format!("{result}\n"));
        }
        Ok(ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_step_has_no_value_and_fails_the_report() {
        let mut report = Report::new(true);
        assert_eq!(report.step("a", "do x", || Ok((7, "seven\x1b".to_owned()))), Some(7));
        assert_eq!(report.step("b", "do y", || Err::<((), String), _>(anyhow::anyhow!("no"))), None);
        assert_eq!(report.steps[0]["found"], "seven ");
        assert_eq!((&report.steps[1]["found"], &report.steps[1]["todo"]), (&json!("no"), &json!("do y")));
        assert!(!report.end().unwrap());
        assert!(Report::new(true).end().unwrap());
    }
}
