//! Cargo as a program.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::programs::find_program;

/// Cargo in the repository, without what an outer `cargo run` or `cargo test` set.
///
/// Those variables are for this program alone.
pub(super) fn cargo(folder: &Path) -> Result<Command> {
    let program = std::env::var_os("CARGO").map(PathBuf::from).or_else(|| find_program("cargo"));
    let Some(program) = program else {
        bail!("cargo is missing: install Rust (https://rustup.rs) and try again");
    };
    let mut command = Command::new(program);
    command.current_dir(folder);
    remove_outer_cargo(&mut command);
    Ok(command)
}

/// Removes from `command`'s environment what cargo set for this program, and a default target.
pub(super) fn remove_outer_cargo(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let is_outer = name.to_str().is_some_and(|name| {
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"].iter().any(|set| name.starts_with(set))
                || ["CARGO_PRIMARY_PACKAGE", "CARGO_TARGET_TMPDIR", "CARGO_BUILD_TARGET"].contains(&name)
        });
        if is_outer {
            command.env_remove(name);
        }
    }
}
