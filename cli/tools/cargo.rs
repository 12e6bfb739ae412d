//! Cargo as a program.

use std::fs;
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

/// Compiler flags that strip this machine's folders from panic locations.
///
/// They save 15 kB of the module, and are the same wherever it is built. The folders are cargo's registries and `others`. `None` when the environment has flags already.
pub(super) fn short_paths(others: &[&Path]) -> Option<String> {
    if ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"].iter().any(|name| std::env::var_os(name).is_some()) {
        return None;
    }
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))?;
    let registries = fs::read_dir(home.join("registry/src")).ok()?.flatten().map(|registry| registry.path());
    let folders = registries.chain(others.iter().map(|folder| folder.to_path_buf()));
    let flags = folders.map(|folder| format!("--remap-path-prefix={}=", folder.display()));
    Some(flags.collect::<Vec<_>>().join("\u{1f}"))
}
