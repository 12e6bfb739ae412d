//! The confirmation of an operation that cannot be undone.

use std::io::{IsTerminal, Write};

use anyhow::{Result, bail};

/// Asks for confirmation on a terminal, unless --yes was given.
pub fn confirm(yes: bool, question: &str) -> Result<()> {
    if yes {
        return Ok(());
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        bail!("aborted: not a terminal; pass --yes to confirm");
    }
    let mut out = std::io::stderr();
    let _ = write!(out, "{question} [y/N] ").and_then(|()| out.flush());
    let mut line = String::new();
    stdin.read_line(&mut line)?;
    if !matches!(line.trim().to_lowercase().as_str(), "y" | "yes") {
        bail!("nothing was done");
    }
    Ok(())
}
