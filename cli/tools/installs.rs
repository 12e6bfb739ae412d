//! The build tools from crates.io, compiled once into the tools' folder.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context, Result};

use super::cargo::{cargo, remove_outer_cargo};
use super::step::Step;
use super::toolbox::{TARGET, Toolbox};

/// A program of crates.io.
struct Tool {
    package: &'static str,
    program: &'static str,
    version: &'static str,
    /// The feature argument of `cargo install`.
    features: Option<&'static str>,
    /// The approximate duration on 2 cores.
    takes: &'static str,
}

/// Builds the wasm module and its JavaScript shell.
///
/// Its minor version must equal that of the `worker` library.
const WORKER_BUILD: Tool =
    Tool { package: "worker-build", program: "worker-build", version: "0.8.7", features: None, takes: "2 minutes" };
/// Must equal the `wasm-bindgen` library's version in Cargo.lock.
const WASM_BINDGEN: Tool = Tool {
    package: "wasm-bindgen-cli",
    program: "wasm-bindgen",
    version: "0.2.129",
    features: None,
    takes: "2 minutes",
};
/// Checks the dependencies against deny.toml. Without its features it calls cargo.
const CARGO_DENY: Tool = Tool {
    package: "cargo-deny",
    program: "cargo-deny",
    version: "0.20.2",
    features: Some("--no-default-features"),
    takes: "1 minute",
};

/// The build tools' versions, for stamps.
pub(super) fn versions() -> String {
    [WORKER_BUILD, WASM_BINDGEN].map(|tool| format!("{} {}\n", tool.package, tool.version)).concat()
}

impl Toolbox {
    pub(super) fn worker_build(&self) -> PathBuf {
        self.dir.join("bin").join(WORKER_BUILD.program)
    }

    pub(super) fn wasm_bindgen(&self) -> PathBuf {
        self.dir.join("bin").join(WASM_BINDGEN.program)
    }

    /// Ensures worker-build and wasm-bindgen in the tools' folder.
    ///
    /// # Errors
    /// When cargo is missing or cannot compile them.
    pub fn ensure_build_tools(&self) -> Result<()> {
        for tool in [WORKER_BUILD, WASM_BINDGEN] {
            self.ensure_installed(&tool)?;
        }
        Ok(())
    }

    fn ensure_installed(&self, tool: &Tool) -> Result<()> {
        let Tool { package, program, version, features, takes } = tool;
        let stamp = self.stamp(package, *version);
        let product = self.dir.join("bin").join(program);
        if stamp.holds(&product) {
            return Ok(());
        }
        let _turn = self.lock("set-up")?;
        if stamp.holds(&product) {
            return Ok(());
        }
        stamp.clear();
        let step = Step {
            what: format!("compiling {package} {version}"),
            why: format!("crates.io has its source only, so it is compiled once: about {takes} on 2 cores"),
            log: self.log(package),
            reaches: Some("crates.io"),
            ..Step::default()
        };
        let scratch = self.dir.join("compile");
        let mut command = cargo(&self.root)?;
        command
            .args(["install", "--locked", "--force", "--version", version, package, "--root"])
            .arg(&self.dir)
            .args(*features);
        command.env("CARGO_TARGET_DIR", &scratch);
        // Fast enough unoptimised, and compiled in a third of the time.
        for (setting, value) in [("OPT_LEVEL", "0"), ("LTO", "off"), ("CODEGEN_UNITS", "16"), ("DEBUG", "0")] {
            command.env(format!("CARGO_PROFILE_RELEASE_{setting}"), value);
        }
        step.run(&mut command)?;
        stamp.write()?;
        // The tools share most dependencies: the build is kept until the last one.
        if self.worker_build().exists() && self.wasm_bindgen().exists() {
            let _ = fs::remove_dir_all(scratch);
        }
        Ok(())
    }

    /// Runs cargo-deny in the repository; its exit code.
    ///
    /// # Errors
    /// When it cannot be compiled or started.
    pub fn cargo_deny(&self, args: &[String]) -> Result<ExitCode> {
        self.ensure_installed(&CARGO_DENY)?;
        let mut command = Command::new(self.dir.join("bin").join(CARGO_DENY.program));
        // It asks cargo about the dependencies, and must not change the lock file.
        command.current_dir(&self.root).arg("--locked").args(args);
        remove_outer_cargo(&mut command);
        Ok(exit_code(command.status().context("cannot start cargo-deny")?))
    }

    /// Runs a cargo command for the wasm target; its exit code.
    ///
    /// # Errors
    /// When the wasm32 standard library is unavailable or cargo cannot be started.
    pub fn wasm_cargo(&self, args: &[String]) -> Result<ExitCode> {
        let wasm_std = self.ensure_wasm_std()?;
        let mut command = cargo(&self.root)?;
        command.args(with_target(args)).env("CARGO_TARGET_DIR", self.wasm_target(wasm_std.suffix(), false));
        wasm_std.apply(&mut command)?;
        let status = command.status().context("cannot start cargo")?;
        Ok(exit_code(status))
    }
}

/// The arguments with the wasm target added, before a `--` if there is one.
fn with_target(args: &[String]) -> Vec<String> {
    let end = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    let (cargo, rest) = args.split_at(end);
    let target = ["--target".to_owned(), TARGET.to_owned()];
    [cargo, &target, rest].concat()
}

/// A program's status as an exit code.
fn exit_code(status: ExitStatus) -> ExitCode {
    // No code: killed by a signal.
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_target_goes_before_the_dashes() {
        assert_eq!(with_target(&words("check --lib")), words("check --lib --target wasm32-unknown-unknown"));
        assert_eq!(
            with_target(&words("clippy --lib -- -D warnings")),
            words("clippy --lib --target wasm32-unknown-unknown -- -D warnings")
        );
    }

    #[test]
    fn the_pinned_versions_are_those_of_the_libraries() {
        let lock: toml::Table = include_str!("../../Cargo.lock").parse().unwrap();
        let locked = |name: &str| {
            let packages = lock["package"].as_array().unwrap();
            packages.iter().find(|package| package["name"].as_str() == Some(name)).unwrap()["version"].as_str().unwrap()
        };
        assert_eq!(locked("worker"), WORKER_BUILD.version);
        assert_eq!(locked("wasm-bindgen"), WASM_BINDGEN.version);
    }
}
