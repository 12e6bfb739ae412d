//! The programs and files of the server.

use std::path::PathBuf;

use anyhow::Result;

use super::capnp::{Module, ModuleKind};
use crate::ceremony;
use crate::common::worker_config::{Runtime, WorkerConfig};
use crate::tools::{Built, Toolbox};

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
    /// Gets the tools and builds the wasm from the current sources.
    ///
    /// # Errors
    /// When a tool cannot be installed, or the sources do not compile.
    pub fn build(toolbox: &Toolbox) -> Result<Self> {
        toolbox.ensure_npm_runtime()?;
        let Built { js, wasm, .. } = toolbox.build_wasm()?;
        let file = toolbox.root().join("wrangler.toml");
        let module = |name: &str, kind, path| Module { name: name.to_owned(), kind, path };
        Ok(Self {
            workerd: toolbox.workerd()?,
            modules: vec![module("index.js", ModuleKind::Es, js), module("index_bg.wasm", ModuleKind::Wasm, wasm)],
            // These belong to the deployed CA.
            worker: WorkerConfig::read(&file)?.without(&ceremony::public_settings()).runtime()?,
        })
    }
}
