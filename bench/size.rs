//! The size of the module, raw and compressed.

use crate::machine;
use std::path::Path;
use std::process::Command;

/// The size of the module.
pub struct Size {
    pub raw: u64,
    /// After `gzip -9`; `None` without gzip.
    pub zipped: Option<u64>,
    /// Whether it is a fast build, whose size does not count.
    pub fast: bool,
}

/// The size of the module as it is built.
pub fn measure() -> Size {
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/index_bg.wasm");
    let raw = std::fs::metadata(&module).unwrap().len();
    let zipped = Command::new("gzip").args(["-9", "-c"]).arg(&module).output();
    let zipped = zipped.ok().filter(|output| output.status.success()).map(|output| output.stdout.len() as u64);
    Size { raw, zipped, fast: machine::fast_build() }
}
