//! The build tools with sources from crates.io, compiled once into the tools' folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context, Result};

use super::cargo::{cargo, remove_outer_cargo};
use super::fingerprint::digest;
use super::stamp::Stamp;
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

/// The program in `tools/bindgen`.
const BINDGEN: &str = "selvedge-bindgen";
/// Checks the dependencies against deny.toml. Without its features it calls cargo.
const CARGO_DENY: Tool = Tool {
    package: "cargo-deny",
    program: "cargo-deny",
    version: "0.20.2",
    features: Some("--no-default-features"),
    takes: "1 minute",
};

impl Toolbox {
    pub(super) fn bindgen(&self) -> PathBuf {
        self.dir.join("bin").join(BINDGEN)
    }

    /// Ensures the program that writes the module's JavaScript.
    ///
    /// # Errors
    /// When cargo is missing or cannot compile it.
    pub fn ensure_bindgen(&self) -> Result<()> {
        let folder = self.root.join("tools/bindgen");
        let mut sources = String::new();
        for file in ["Cargo.toml", "Cargo.lock", "src/main.rs"].map(|file| folder.join(file)) {
            sources.push_str(&fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?);
        }
        let product = self.bindgen();
        let tool = (BINDGEN, "wasm-bindgen", "20 seconds");
        self.compile_once(&self.stamp(BINDGEN, digest(sources.as_bytes())), &product, tool, |step, scratch| {
            step.run(cargo(&folder)?.args(["build", "--locked"]).env("CARGO_TARGET_DIR", scratch))?;
            let problem = || format!("cannot write {}", product.display());
            fs::create_dir_all(self.dir.join("bin")).with_context(problem)?;
            fs::rename(scratch.join("debug").join(BINDGEN), &product).with_context(problem)
        })
    }

    /// Compiles a tool unless the stamp holds; `compile` gets the step and a target folder.
    ///
    /// The tool is its log, its name for people, and the approximate duration on 2 cores.
    fn compile_once(
        &self,
        stamp: &Stamp,
        product: &Path,
        (log, name, takes): (&str, &str, &str),
        compile: impl FnOnce(&Step, &Path) -> Result<()>,
    ) -> Result<()> {
        if stamp.holds(product) {
            return Ok(());
        }
        let _turn = self.lock("set-up")?;
        if stamp.holds(product) {
            return Ok(());
        }
        stamp.clear();
        let step = Step {
            what: format!("compiling {name}"),
            why: format!("crates.io has its source only, so it is compiled once: about {takes} on 2 cores"),
            log: self.log(log),
            reaches: Some("crates.io"),
            ..Step::default()
        };
        let scratch = self.dir.join("compile");
        compile(&step, &scratch)?;
        let _ = fs::remove_dir_all(scratch);
        stamp.write()
    }

    fn ensure_installed(&self, tool: &Tool) -> Result<()> {
        let Tool { package, program, version, features, takes } = tool;
        let product = self.dir.join("bin").join(program);
        let name = format!("{package} {version}");
        self.compile_once(&self.stamp(package, *version), &product, (package, &name, takes), |step, scratch| {
            let mut command = cargo(&self.root)?;
            command
                .args(["install", "--locked", "--force", "--version", version, package, "--root"])
                .arg(&self.dir)
                .args(*features);
            command.env("CARGO_TARGET_DIR", scratch);
            // Fast enough unoptimised, and compiled in a third of the time.
            for (setting, value) in [("OPT_LEVEL", "0"), ("LTO", "off"), ("CODEGEN_UNITS", "16"), ("DEBUG", "0")] {
                command.env(format!("CARGO_PROFILE_RELEASE_{setting}"), value);
            }
            step.run(&mut command)
        })
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
    fn the_pinned_version_is_that_of_the_library() {
        let locked = |lock: &str, name: &str| {
            let lock: toml::Table = lock.parse().unwrap();
            let packages = lock["package"].as_array().unwrap();
            let found = packages.iter().find(|package| package["name"].as_str() == Some(name)).unwrap();
            found["version"].as_str().unwrap().to_owned()
        };
        let tool = include_str!("../../tools/bindgen/Cargo.lock");
        assert_eq!(locked(include_str!("../../Cargo.lock"), "wasm-bindgen"), locked(tool, "wasm-bindgen-cli-support"));
    }
}
