//! `--log-file`: all output in a file, which another program may rotate.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use rustix::stdio::{dup2_stderr, dup2_stdout};

use crate::common::host::say;

/// Sends standard output and standard error to the end of a file, which it creates.
///
/// # Errors
/// When it cannot be written; the output stays where it is then.
pub fn open(path: &Path) -> Result<()> {
    let unusable = || format!("cannot write the log file {}: choose another with --log-file", path.display());
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path).with_context(unusable)?;
    dup2_stdout(&file).and_then(|()| dup2_stderr(&file)).with_context(unusable)
}

/// Opens the file again after it was moved away.
///
/// Where that fails, the old one remains in use.
pub fn reopen(path: Option<&Path>) {
    match path.map(open) {
        None | Some(Ok(())) => {}
        Some(Err(error)) => say(format!("{error:#}")),
    }
}
