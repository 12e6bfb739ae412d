//! The programs and files of the server.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::capnp::{Module, ModuleKind};
use crate::ceremony;
use crate::common::host::say;
use crate::common::template;
use crate::common::worker_config::{Runtime, WorkerConfig};
use crate::tools::{Built, Toolbox};

/// The name of the Worker's settings in a folder.
const SETTINGS: &str = "wrangler.toml";

/// The programs and files that make up the server.
#[derive(Clone, Debug)]
pub struct Program {
    /// The workerd binary.
    pub workerd: PathBuf,
    /// The Worker's modules, the entry first.
    pub modules: Vec<Module>,
    /// The Worker of `wrangler.toml`.
    pub worker: Runtime,
}

impl Program {
    /// Gets the tools and the wasm, in a checkout from the current sources.
    ///
    /// `wrangler` is the file with the Worker's settings, if one was named.
    ///
    /// # Errors
    /// When a tool cannot be installed, the sources do not compile, or the settings are malformed.
    pub fn build(toolbox: &Toolbox, wrangler: Option<&Path>) -> Result<Self> {
        // These belong to the deployed CA.
        let worker = settings(toolbox, wrangler)?.without(&ceremony::public_settings()).runtime()?;
        Self::of(toolbox, worker, Toolbox::build_wasm_for_dev)
    }

    /// As [`Program::build`] with the companion's own settings, whatever the current folder has.
    ///
    /// # Errors
    /// As [`Program::build`].
    pub fn build_plain(toolbox: &Toolbox) -> Result<Self> {
        let worker = own_settings(toolbox)?.without(&ceremony::public_settings()).runtime()?;
        Self::of(toolbox, worker, Toolbox::build_wasm_for_dev)
    }

    /// Gets the tools and the module that deploys, for a Worker whose settings were read.
    ///
    /// # Errors
    /// As [`Program::build`].
    pub fn deployed(toolbox: &Toolbox, worker: Runtime) -> Result<Self> {
        Self::of(toolbox, worker, Toolbox::build_wasm)
    }

    fn of(toolbox: &Toolbox, worker: Runtime, build: impl FnOnce(&Toolbox) -> Result<Built>) -> Result<Self> {
        toolbox.ensure_npm_runtime()?;
        let Built { js, wasm, .. } = build(toolbox)?;
        let module = |name: &str, kind, path| Module { name: name.to_owned(), kind, path };
        Ok(Self {
            workerd: toolbox.workerd()?,
            modules: vec![module("index.js", ModuleKind::Es, js), module("index_bg.wasm", ModuleKind::Wasm, wasm)],
            worker,
        })
    }
}

/// The Worker's settings.
///
/// They are those of the named file, of a CA in this folder, or the companion's own.
fn settings(toolbox: &Toolbox, named: Option<&Path>) -> Result<WorkerConfig> {
    if let Some(named) = named {
        let config = WorkerConfig::read(named)?;
        if !config.is_selvedge() {
            bail!(
                "{} is not the configuration of a CA: it binds no PARTITION to the class Partition; pass another with \
                 --wrangler, or start one with `selvedge new DIR`",
                named.display()
            );
        }
        return Ok(config);
    }
    let here = Path::new(SETTINGS);
    if here.is_file() {
        match WorkerConfig::read(here) {
            Ok(config) if config.is_selvedge() => return Ok(config),
            _ => say(format!("{SETTINGS} in this folder is not a CA's: it is not used (--wrangler names another)")),
        }
    }
    own_settings(toolbox)
}

/// The companion's own settings.
fn own_settings(toolbox: &Toolbox) -> Result<WorkerConfig> {
    let file = toolbox.root().join(SETTINGS);
    if toolbox.is_checkout() {
        return WorkerConfig::read(&file);
    }
    WorkerConfig::parse(&file, &template::wrangler_toml(template::WORKER)?)
}
