//! The build of the wasm module, skipped while its inputs are unchanged.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::fingerprint::{Sources, compiled_sources};
use super::home::MODULE;
use super::stamp::Stamp;
use super::step::Step;
use super::toolbox::Toolbox;
use super::wasm_std::StdSource;
use super::{cargo, installs};

/// A wasm module that is up to date, with the JavaScript module that loads it.
#[derive(Debug, Clone)]
pub struct Built {
    /// `build/index.js`, the main module.
    pub js: PathBuf,
    /// `build/index_bg.wasm`, imported by it as `./index_bg.wasm`.
    pub wasm: PathBuf,
    /// The size of the main module in bytes.
    pub js_bytes: u64,
    /// The size of the wasm in bytes, before compression.
    pub wasm_bytes: u64,
}

/// The list of the sources of the last build, in the tools' folder.
const SOURCES: &str = "stamps/wasm-sources";

/// The options of wasm-opt for the smallest module.
///
/// Function names, a seventh of the module, are dropped. The features are those of the compiler's output; the runtime
/// may not support newer ones.
const WASM_OPT: [&str; 8] = [
    "-Oz",
    "--enable-mutable-globals",
    "--enable-sign-ext",
    "--enable-nontrapping-float-to-int",
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-reference-types",
    "--enable-exception-handling",
];

impl Toolbox {
    /// Builds the wasm module into ./build unless its sources are unchanged; ensures the tools. A package has it.
    ///
    /// With `SELVEDGE_FAST_WASM=1` in the environment the build is quick and its result large: without
    /// link-time optimisation and `wasm-opt`. For development only.
    ///
    /// # Errors
    /// When a tool is unavailable, or the sources do not compile.
    pub fn build_wasm(&self) -> Result<Built> {
        if !self.is_checkout() {
            return self.built();
        }
        let fast = std::env::var("SELVEDGE_FAST_WASM").is_ok_and(|value| value == "1");
        let settings = format!("{}{WASM_OPT:?}\nfast {fast}\nstd {:?}\n", installs::versions(), StdSource::from_env()?);
        let wasm = self.root.join("build/index_bg.wasm");
        if self.wasm_stamp(&settings)?.holds(&wasm) {
            return self.built();
        }
        let _turn = self.lock("build")?;
        // Computed again: sources may have changed while waiting, or been built by the other process.
        let stamp = self.wasm_stamp(&settings)?;
        if stamp.holds(&wasm) {
            return self.built();
        }
        stamp.clear();
        // As they are before the build: a change during it causes another.
        let sources = Sources::read(&self.root, &self.known_sources())?;
        let dep_info = self.run_worker_build(fast)?;
        if !fast {
            self.run_wasm_opt(&wasm)?;
        }
        let built = self.built()?;
        let compiled = self.keep_sources(&dep_info)?;
        self.stamp("wasm-build", sources.fingerprint(&compiled, &settings)).write()?;
        Ok(built)
    }

    /// The stamp of a build of the sources as they are now.
    fn wasm_stamp(&self, settings: &str) -> Result<Stamp> {
        let known = self.known_sources();
        Ok(self.stamp("wasm-build", Sources::read(&self.root, &known)?.fingerprint(&known, settings)))
    }

    /// The sources that the last build compiled; none before the first.
    fn known_sources(&self) -> Vec<PathBuf> {
        let list = fs::read_to_string(self.dir.join(SOURCES)).unwrap_or_default();
        list.lines().map(PathBuf::from).collect()
    }

    /// Notes which sources a build compiled, by its dep-info file.
    fn keep_sources(&self, dep_info: &Path) -> Result<Vec<PathBuf>> {
        let text = fs::read_to_string(dep_info).with_context(|| format!("the build made no {}", dep_info.display()))?;
        let compiled = compiled_sources(&text, &self.root);
        if !compiled.iter().any(|source| source == Path::new("src/lib.rs")) {
            bail!("{} does not name src/lib.rs: remove {} and try again", dep_info.display(), self.target.display());
        }
        let list: Vec<String> = compiled.iter().map(|source| source.display().to_string()).collect();
        let file = self.dir.join(SOURCES);
        fs::write(&file, list.join("\n")).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(compiled)
    }

    /// Runs worker-build; returns the dep-info file of the module.
    fn run_worker_build(&self, fast: bool) -> Result<PathBuf> {
        self.ensure_npm_runtime()?;
        let wasm_std = self.ensure_wasm_std()?;
        self.ensure_build_tools()?;
        let mut command = Command::new(self.worker_build());
        cargo::remove_outer_cargo(&mut command);
        wasm_std.apply(&mut command)?;
        // worker-build downloads the tools that are not given.
        let tools = [
            ("WASM_BINDGEN_BIN", self.wasm_bindgen()),
            ("WASM_OPT_BIN", self.wasm_opt()),
            ("ESBUILD_BIN", self.esbuild()?),
        ];
        for (name, tool) in tools {
            if !tool.is_file() {
                bail!("{} is missing: remove {} and try again", tool.display(), self.dir.display());
            }
            command.env(name, tool);
        }
        let cached = self.wasm_target(wasm_std.suffix(), fast);
        let first = if cached.is_dir() { "about a minute" } else { "2 to 4 minutes (first time, with every library)" };
        // Its own run of wasm-opt always keeps the names.
        command.current_dir(self.root.join("module")).env("CARGO_TARGET_DIR", &cached);
        command.args(["--release", "--no-opt", "--out-dir", "../build"]);
        if let Some(flags) = cargo::short_paths(&[]) {
            command.env("CARGO_ENCODED_RUSTFLAGS", flags);
        }
        if fast {
            command.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
            command.env("CARGO_PROFILE_RELEASE_INCREMENTAL", "true");
        }
        let how = if fast { "without link-time optimisation" } else { "with link-time optimisation for size" };
        let step = Step {
            what: "building the wasm module".into(),
            why: format!("{how}; {first} on 2 cores, whenever sources change"),
            log: self.log("wasm-build"),
            ..Step::default()
        };
        step.run(&mut command)?;
        Ok(cached.join("wasm32-unknown-unknown/release/selvedge_module.d"))
    }

    fn run_wasm_opt(&self, wasm: &Path) -> Result<()> {
        let smaller = wasm.with_extension("smaller");
        let step = Step {
            what: "optimising the wasm module for size".into(),
            why: "wasm-opt; about half a minute".into(),
            log: self.log("wasm-opt"),
            ..Step::default()
        };
        step.run(Command::new(self.wasm_opt()).args(WASM_OPT).arg(wasm).arg("-o").arg(&smaller))?;
        fs::rename(&smaller, wasm).with_context(|| format!("cannot replace {}", wasm.display()))
    }

    fn built(&self) -> Result<Built> {
        let [js, wasm] = MODULE.map(|file| self.root.join(file));
        let size = |file: &PathBuf| {
            let about = fs::metadata(file).with_context(|| format!("the build made no {}", file.display()))?;
            anyhow::Ok(about.len())
        };
        Ok(Built { js_bytes: size(&js)?, wasm_bytes: size(&wasm)?, js, wasm })
    }
}
