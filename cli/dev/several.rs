//! The CAs of one process: they share DNS records, and end together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::banner::Running;
use super::kept::KeptCa;
use super::options::Options;
use super::pki::Authority;
use crate::challtestsrv::dns::{Resolver, ask_system};
use crate::common::files::{Readers, Staged};
use crate::runtime::state::State;

/// A CA with its folder, checked.
pub struct Place {
    /// The name of `--another`; `None` for the first.
    pub name: Option<String>,
    /// Its options.
    pub options: Options,
    /// Its folder.
    pub state: State,
    /// The disposable CA of the folder.
    pub authority: Authority,
    /// The persistent CA of `--ca`.
    pub kept: Option<KeptCa>,
}

/// What the CAs of a process share.
pub struct Shared {
    /// The DNS records.
    pub resolver: Arc<Resolver>,
    ended: watch::Sender<bool>,
    running: Mutex<BTreeMap<Option<String>, Running>>,
    count: usize,
    addresses: Option<PathBuf>,
}

impl Shared {
    /// Without an answer so far; `addresses` is the file for all addresses.
    pub fn new(count: usize, addresses: Option<&Path>) -> Self {
        Self {
            resolver: Arc::new(Resolver::new(ask_system)),
            ended: watch::Sender::new(false),
            running: Mutex::default(),
            count,
            addresses: addresses.map(Path::to_path_buf),
        }
    }

    /// Notes that one of the CAs has ended.
    pub fn end(&self) {
        self.ended.send_replace(true);
    }

    /// Waits until one of the CAs has ended.
    pub async fn one_ended(&self) {
        let mut ended = self.ended.subscribe();
        // The sender is in `self`.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    /// Notes that a CA answers. Once all do, their addresses are written.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn answers(&self, name: Option<&str>, running: &Running) -> Result<()> {
        let mut all = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(name.map(str::to_owned), running.clone());
        match &self.addresses {
            Some(file) if all.len() == self.count => {
                Staged::write(file, &format!("{:#}\n", addresses(&all)), Readers::Everyone)?.commit()
            }
            _ => Ok(()),
        }
    }
}

/// The first CA's addresses as in `dev.json`, with those of the others by their names.
fn addresses(all: &BTreeMap<Option<String>, Running>) -> Value {
    let mut first = all.get(&None).map_or(Value::Null, |running| json!(running));
    let others: BTreeMap<&str, &Running> =
        all.iter().filter_map(|(name, running)| Some((name.as_deref()?, running))).collect();
    if let (Some(members), false) = (first.as_object_mut(), others.is_empty()) {
        members.insert("others".to_owned(), json!(others));
    }
    first
}

/// Removes the file of addresses, if there is one.
///
/// # Errors
/// When the system refuses.
pub fn remove(file: Option<&Path>) -> Result<()> {
    match file.map(|file| (file, std::fs::remove_file(file))) {
        Some((file, Err(error))) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", file.display()))
        }
        _ => Ok(()),
    }
}
