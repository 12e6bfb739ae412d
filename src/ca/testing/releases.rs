//! What another release leaves behind, in a world.

use super::world::World;
use crate::ca::runtime::message::{Message, Reply};
use crate::ca::runtime::migrations::Migrations;
use crate::store::Kv;
use serde_json::Value;
use serde_json::value::RawValue;
use std::cell::Cell;

/// What another release does otherwise.
#[derive(Clone, Default)]
pub struct OtherRelease {
    /// Whether messages have members that this release does not know.
    pub extends: Cell<bool>,
    /// Its migrations; this release's by default.
    pub migrations: Cell<Option<Migrations>>,
}

/// Members with maps, or with what a client or an operator wrote.
const OPAQUE: [&str; 11] =
    ["binding", "data", "days", "document", "failures", "headers", "key", "pauses", "policy", "problems", "value"];

/// The JSON of a message with an added member in each object.
pub fn extended(json: &str) -> String {
    let mut value: Value = serde_json::from_str(json).expect("JSON");
    extend(&mut value);
    value.to_string()
}

fn extend(value: &mut Value) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(extend),
        Value::Object(members) => {
            let known = members.iter_mut().filter(|(name, _)| !OPAQUE.contains(&name.as_str()));
            known.for_each(|(_, value)| extend(value));
            // A variant of an enum is an object of one member.
            let variant = |name: &String| members.len() == 1 && name.starts_with(|c: char| c.is_ascii_uppercase());
            if !members.keys().next().is_some_and(variant) {
                members.insert("addedLater".to_owned(), Value::Bool(true));
            }
        }
        _ => {}
    }
}

impl World {
    /// Replaces the values of all rows, as another release would have written them.
    ///
    /// `change` gets the partition, the key and the JSON of a row.
    pub fn alter_rows(&self, change: impl Fn(&str, &str, &str) -> String) {
        for (name, kv) in self.state.partitions.borrow().iter() {
            kv.alter(|key, json| change(name, key, json));
        }
    }

    /// Lets all messages and replies have members that this release does not know.
    pub fn extend_messages(&self) {
        self.state.release.extends.set(true);
    }

    /// Restarts the CA with another release's migrations.
    pub fn update(&self, migrations: Migrations) {
        self.state.release.migrations.set(Some(migrations));
        self.restart();
    }

    /// The schema number of a partition; `None` without a database.
    pub fn schema(&self, partition: &str) -> Option<u32> {
        self.storage(partition).copy().schema().expect("a map can be read")
    }

    /// Sends a partition a message of any name and body.
    pub fn tell_json(&self, partition: &str, ask: &str, body: &str) -> Reply {
        let body = RawValue::from_string(body.to_owned()).expect("JSON");
        self.run(self.cell(partition).handle(Message { ask: ask.to_owned(), body }))
    }

    /// The rows that were replaced without being read before: partitions and keys.
    pub fn unseen_rows(&self) -> Vec<(String, String)> {
        let partitions = self.state.partitions.borrow();
        let rows = partitions.iter().flat_map(|(name, kv)| {
            let unseen = kv.copy().unseen().to_vec();
            unseen.into_iter().map(move |key| (name.clone(), key))
        });
        rows.collect()
    }
}
