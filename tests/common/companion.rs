//! The companion as a process.

use std::process::Command;

/// The companion, without what `.ci/timed` set for this process.
///
/// Its children run cargo: with `RUSTC_BOOTSTRAP`, cargo would build everything again, under the feet of this run.
pub fn companion() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
    command.env_remove("RUSTC_BOOTSTRAP");
    // The module that is deployed, not the quick one.
    if std::env::var_os("SELVEDGE_MODULE").is_none() {
        command.env("SELVEDGE_MODULE", "small");
    }
    command
}
