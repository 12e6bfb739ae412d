//! The build of the wasm module, skipped while its inputs are unchanged.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::cargo;
use super::fingerprint::{Sources, compiled_sources};
use super::home::MODULE;
use super::step::Step;
use super::toolbox::{TARGET, Toolbox};
use super::wasm_std::StdSource;

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

/// The Worker's entry, which loads what wasm-bindgen writes.
const SHIM: &str = "module/shim.js";

/// The variable that says which module `dev` runs: `small` or `fast`.
const CHOICE: &str = "SELVEDGE_MODULE";

/// The variable with the version of a release, while its module is compiled.
const VERSION: &str = "SELVEDGE_VERSION";

/// Digits of a commit in the version of its module.
const COMMIT_DIGITS: usize = 12;

/// The module for a purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flavor {
    /// The one that is deployed, in `build/`.
    Small,
    /// One for `dev`, larger and built in half the time.
    ///
    /// It has neither link-time optimisation nor `wasm-opt`.
    Fast,
}

impl Flavor {
    /// The name in stamps, logs and folders.
    fn name(self) -> &'static str {
        match self {
            Self::Small => "wasm-build",
            Self::Fast => "wasm-build-fast",
        }
    }
}

/// The options of wasm-opt for the smallest module.
///
/// Function names, a seventh of the module, are dropped. The features are those of the compiler's output; the runtime
/// may not support newer ones.
const WASM_OPT: [&str; 9] = [
    "-Oz",
    "--one-caller-inline-max-function-size=400",
    "--enable-mutable-globals",
    "--enable-sign-ext",
    "--enable-nontrapping-float-to-int",
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-reference-types",
    "--enable-exception-handling",
];

impl Toolbox {
    /// Builds the module that is deployed into ./build unless its sources are unchanged. A package has it.
    ///
    /// # Errors
    /// When a tool is unavailable, or the sources do not compile.
    pub fn build_wasm(&self) -> Result<Built> {
        self.build_flavor(Flavor::Small, "")
    }

    /// Builds the module of a release, whose version names this commit.
    ///
    /// # Errors
    /// As [`Toolbox::build_wasm`].
    pub fn build_wasm_of(&self, commit: &str) -> Result<Built> {
        let short: String = commit.chars().take(COMMIT_DIGITS).collect();
        self.build_flavor(Flavor::Small, &format!("{}+{short}", env!("CARGO_PKG_VERSION")))
    }

    /// Builds a module for `dev` unless one is up to date.
    ///
    /// The one that is deployed is taken if it is up to date, else a fast build. `SELVEDGE_MODULE` (`small` or `fast`) in the
    /// environment decides instead.
    ///
    /// # Errors
    /// As [`Toolbox::build_wasm`], and for another value of the variable.
    pub fn build_wasm_for_dev(&self) -> Result<Built> {
        let choice = std::env::var(CHOICE).unwrap_or_default();
        let flavor = match choice.as_str() {
            "small" => Flavor::Small,
            "fast" => Flavor::Fast,
            "" if self.is_current(Flavor::Small, "")? => return self.built(Flavor::Small),
            "" => Flavor::Fast,
            other => bail!("{CHOICE} is {other:?}, and has to be small or fast, or unset"),
        };
        self.build_flavor(flavor, "")
    }

    /// Builds a module unless it is up to date. `version` is empty for the package's own.
    fn build_flavor(&self, flavor: Flavor, version: &str) -> Result<Built> {
        if self.is_current(flavor, version)? {
            return self.built(flavor);
        }
        let _turn = self.lock("build")?;
        // Asked again: sources may have changed while waiting, or been built by the other process.
        if self.is_current(flavor, version)? {
            return self.built(flavor);
        }
        let settings = settings(flavor, version)?;
        self.stamp(flavor.name(), "").clear();
        // As they are before the build: a change during it causes another.
        let sources = Sources::read(&self.root, &self.known_sources(flavor))?;
        let dep_info = self.compile(flavor, version)?;
        if flavor == Flavor::Small {
            self.run_wasm_opt(&self.module(flavor).1)?;
        }
        let built = self.built(flavor)?;
        let compiled = self.keep_sources(flavor, &dep_info)?;
        self.stamp(flavor.name(), sources.fingerprint(&compiled, &settings)).write()?;
        Ok(built)
    }

    /// Whether the module was built from the sources as they are now.
    fn is_current(&self, flavor: Flavor, version: &str) -> Result<bool> {
        if !self.is_checkout() {
            return Ok(true);
        }
        let known = self.known_sources(flavor);
        let value = Sources::read(&self.root, &known)?.fingerprint(&known, &settings(flavor, version)?);
        Ok(self.stamp(flavor.name(), value).holds(&self.module(flavor).1))
    }

    /// The files of a module: its JavaScript and its wasm.
    fn module(&self, flavor: Flavor) -> (PathBuf, PathBuf) {
        let root = if flavor == Flavor::Fast && self.is_checkout() { self.dir.join("fast") } else { self.root.clone() };
        let [js, wasm] = MODULE.map(|file| root.join(file));
        (js, wasm)
    }

    /// The list of the sources of the last build.
    fn source_list(&self, flavor: Flavor) -> PathBuf {
        self.dir.join("stamps").join(format!("{}-sources", flavor.name()))
    }

    /// The sources that the last build compiled; none before the first.
    fn known_sources(&self, flavor: Flavor) -> Vec<PathBuf> {
        let list = fs::read_to_string(self.source_list(flavor)).unwrap_or_default();
        list.lines().map(PathBuf::from).collect()
    }

    /// Notes which sources a build compiled, by its dep-info file.
    fn keep_sources(&self, flavor: Flavor, dep_info: &Path) -> Result<Vec<PathBuf>> {
        let text = fs::read_to_string(dep_info).with_context(|| format!("the build made no {}", dep_info.display()))?;
        let compiled = compiled_sources(&text, &self.root);
        if !compiled.iter().any(|source| source == Path::new("src/lib.rs")) {
            bail!("{} does not name src/lib.rs: remove {} and try again", dep_info.display(), self.target.display());
        }
        let list: Vec<String> = compiled.iter().map(|source| source.display().to_string()).collect();
        let file = self.source_list(flavor);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        fs::write(&file, list.join("\n")).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(compiled)
    }

    /// Compiles the module and writes it with its JavaScript; returns the dep-info file.
    fn compile(&self, flavor: Flavor, version: &str) -> Result<PathBuf> {
        self.ensure_npm_runtime()?;
        let wasm_std = self.ensure_wasm_std()?;
        self.ensure_bindgen()?;
        let fast = flavor == Flavor::Fast;
        let target = self.wasm_target(wasm_std.suffix(), fast);
        let mut command = cargo::cargo(&self.root)?;
        wasm_std.apply(&mut command)?;
        command.args(["build", "--locked", "--release", "--lib", "--target", TARGET, "-p", "selvedge-module"]);
        command.env("CARGO_TARGET_DIR", &target);
        if let Some(flags) = cargo::short_paths(&[]) {
            command.env("CARGO_ENCODED_RUSTFLAGS", flags);
        }
        match version {
            "" => command.env_remove(VERSION),
            version => command.env(VERSION, version),
        };
        if fast {
            command.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
            command.env("CARGO_PROFILE_RELEASE_INCREMENTAL", "true");
        }
        let first = if target.is_dir() { "about a minute" } else { "2 to 4 minutes (first time, with every library)" };
        let how = if fast { "quick and large, for `dev`" } else { "with link-time optimisation for size" };
        let step = Step {
            what: "building the wasm module".into(),
            why: format!("{how}; {first} on 2 cores, whenever sources change"),
            log: self.log(flavor.name()),
            ..Step::default()
        };
        step.run(&mut command)?;
        let release = target.join(TARGET).join("release");
        self.load_by_javascript(flavor, &release.join("selvedge_module.wasm"))?;
        Ok(release.join("selvedge_module.d"))
    }

    /// Writes the compiled module with the JavaScript that loads it, by wasm-bindgen and a bundler.
    fn load_by_javascript(&self, flavor: Flavor, compiled: &Path) -> Result<()> {
        let (js, wasm) = self.module(flavor);
        let parts = self.dir.join(format!("{}-parts", flavor.name()));
        let failed = |what: &Path| format!("cannot write {}", what.display());
        let _ = fs::remove_dir_all(&parts);
        fs::create_dir_all(&parts).with_context(|| failed(&parts))?;
        let step = |what: &str, name: &str| Step {
            what: what.into(),
            why: "some seconds".into(),
            log: self.log(name),
            ..Step::default()
        };
        step("writing the module's JavaScript", "wasm-bindgen")
            .run(Command::new(self.bindgen()).arg(compiled).arg(&parts))?;
        let shim = parts.join("shim.js");
        fs::copy(self.root.join(SHIM), &shim).with_context(|| failed(&shim))?;
        let mut bundle = Command::new(self.esbuild()?);
        bundle.current_dir(&parts).args(["shim.js", "--bundle", "--format=esm", "--minify"]);
        bundle.args(["--external:./index_bg.wasm", "--external:cloudflare:*", "--outfile=bundled.js"]);
        step("bundling it", "esbuild").run(&mut bundle)?;
        if let Some(folder) = js.parent() {
            fs::create_dir_all(folder).with_context(|| failed(folder))?;
        }
        let bundled = parts.join("bundled.js");
        let text = fs::read_to_string(&bundled).with_context(|| format!("cannot read {}", bundled.display()))?;
        // workerd imports compiled modules without that stage of imports.
        fs::write(&js, text.replace("import source ", "import ")).with_context(|| failed(&js))?;
        fs::rename(parts.join("index_bg.wasm"), &wasm).with_context(|| failed(&wasm))?;
        fs::remove_dir_all(&parts).with_context(|| format!("cannot remove {}", parts.display()))
    }

    fn run_wasm_opt(&self, wasm: &Path) -> Result<()> {
        let smaller = wasm.with_extension("smaller");
        let step = Step {
            what: "optimising the wasm module for size".into(),
            why: "wasm-opt; about a minute".into(),
            log: self.log("wasm-opt"),
            ..Step::default()
        };
        step.run(Command::new(self.wasm_opt()).args(WASM_OPT).arg(wasm).arg("-o").arg(&smaller))?;
        fs::rename(&smaller, wasm).with_context(|| format!("cannot replace {}", wasm.display()))
    }

    fn built(&self, flavor: Flavor) -> Result<Built> {
        let (js, wasm) = self.module(flavor);
        let size = |file: &PathBuf| {
            let about = fs::metadata(file).with_context(|| format!("the build made no {}", file.display()))?;
            anyhow::Ok(about.len())
        };
        Ok(Built { js_bytes: size(&js)?, wasm_bytes: size(&wasm)?, js, wasm })
    }
}

/// What a build depends on beside its sources.
fn settings(flavor: Flavor, version: &str) -> Result<String> {
    let optimised = if flavor == Flavor::Small { WASM_OPT.join(" ") } else { "fast".to_owned() };
    Ok(format!("{optimised}\nstd {:?}\nversion {version}\n", StdSource::from_env()?))
}
