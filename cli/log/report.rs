//! The outcome of a check, as text or JSON.

use anyhow::Result;
use serde_json::{Value, json};

use super::alarm::Alarm;
use super::signatures::Line;
use crate::common::host::print;
use crate::common::web::clean;

/// The outcome of a check.
#[derive(Debug, Default)]
pub struct Report {
    /// What is wrong.
    pub alarms: Vec<Alarm>,
    /// What is worth knowing.
    pub notes: Vec<String>,
    /// The signatures of the checkpoint.
    pub signatures: Vec<Line>,
    /// What was found, as names and values.
    pub facts: Vec<(&'static str, Value)>,
}

impl Report {
    /// Whether there is no alarm.
    pub fn is_fine(&self) -> bool {
        self.alarms.is_empty()
    }

    /// Takes an alarm from an outcome.
    ///
    /// # Errors
    /// Any other error.
    pub fn take(&mut self, done: Result<()>) -> Result<()> {
        match done.map_err(anyhow::Error::downcast::<Alarm>) {
            Ok(()) => Ok(()),
            Err(Ok(alarm)) => {
                self.alarms.push(alarm);
                Ok(())
            }
            Err(Err(error)) => Err(error),
        }
    }

    /// Adds a fact.
    pub fn fact(&mut self, name: &'static str, value: impl Into<Value>) {
        self.facts.push((name, value.into()));
    }

    /// The report as JSON.
    pub fn json(&self) -> Value {
        let mut value = json!({
            "fine": self.is_fine(),
            "alarms": self.alarms.iter().map(|alarm| json!({ "kind": alarm.kind.name(), "text": clean(&alarm.text) })).collect::<Vec<_>>(),
            "notes": self.notes.iter().map(|note| clean(note)).collect::<Vec<_>>(),
        });
        if let Some(object) = value.as_object_mut() {
            if !self.signatures.is_empty() {
                object.insert("signatures".to_owned(), self.signatures.iter().map(Line::json).collect());
            }
            object.extend(self.facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        }
        value
    }

    /// Prints the report.
    pub fn show(&self, as_json: bool) {
        if as_json {
            return print(&format!("{:#}\n", self.json()));
        }
        let mut text = String::new();
        for (name, value) in &self.facts {
            let value = match value {
                Value::Null => "none".to_owned(),
                Value::String(text) => clean(text),
                other => other.to_string(),
            };
            text += &format!("{name}: {value}\n");
        }
        for (n, line) in self.signatures.iter().enumerate() {
            let head = if n == 0 { "signatures:\n" } else { "" };
            text += &format!("{head}  {}\n", clean(&line.to_string()));
        }
        self.notes.iter().for_each(|note| text += &format!("note: {}\n", clean(note)));
        self.alarms
            .iter()
            .for_each(|alarm| text += &format!("ALARM ({}): {}\n", alarm.kind.name(), clean(&alarm.text)));
        print(&(text + if self.is_fine() { "fine\n" } else { "" }));
    }
}
