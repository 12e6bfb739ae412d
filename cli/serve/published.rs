//! `serve.json`: the addresses and processes of the running server, for scripts.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::common::host::say;
use crate::runtime::state::{Readers, SERVE, State};

/// What the file has.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    /// The directory's URL.
    pub directory: String,
    /// The address for ACME clients: `ADDRESS:PORT`.
    pub listen: String,
    /// The address for verifiers.
    pub status_listen: String,
    /// The process id of `serve`.
    pub pid: u32,
    /// The process id of the workerd that answers.
    pub workerd_pid: Option<u32>,
    /// Whether clients are served.
    pub serves: bool,
}

/// The published facts.
pub struct Published<'a> {
    state: &'a State,
    facts: Mutex<Facts>,
}

impl<'a> Published<'a> {
    /// Facts that are written at their first change.
    pub fn new(state: &'a State, facts: Facts) -> Self {
        Self { state, facts: Mutex::new(facts) }
    }

    /// Changes and writes them. A full disk does not end the server.
    pub fn update(&self, change: impl FnOnce(&mut Facts)) {
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut facts);
        let text = serde_json::to_string_pretty(&*facts).unwrap_or_default();
        if let Err(error) = self.state.write(SERVE.running, &text, Readers::Owner) {
            say(format!("{error:#}"));
        }
    }
}
