//! Writes the JavaScript that a wasm module needs, and the module that it loads, with wasm-bindgen.
//!
//! `selvedge-bindgen MODULE.wasm DIR` writes `index.js`, `index_bg.wasm` and `snippets/` into DIR.
#![forbid(unsafe_code)]

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, folder] = arguments.as_slice() else {
        bail!("2 arguments are needed, a wasm module and a folder, and {} were given", arguments.len());
    };
    // After a trap the module is instantiated again: the shim (module/shim.js) calls the reset function.
    let mut bindgen = Bindgen::new();
    bindgen.input_path(module).out_name("index").typescript(false);
    bindgen.reset_state_function(true).force_enable_abort_handler(true);
    bindgen.module(true).context("wasm-bindgen cannot write an ES module")?;
    bindgen.generate(folder).with_context(|| format!("wasm-bindgen cannot convert {module}"))
}
