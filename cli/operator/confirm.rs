//! The question before something that cannot be taken back.

use std::io::{IsTerminal, Write};

use anyhow::{Result, bail};

/// Asks whether to go on, on a terminal; elsewhere it has to have been said before.
pub fn confirm(yes: bool, question: &str) -> Result<()> {
    if yes {
        return Ok(());
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        bail!("nothing was done: there is no terminal to ask at; say with --yes that you are sure");
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
