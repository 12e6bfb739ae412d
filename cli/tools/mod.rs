//! The tools that the project needs, at pinned versions, installed below the target folder.
//!
//! Every step is idempotent and leaves a stamp, so that a finished step is skipped without running a program. Sources are
//! the package registries (crates.io, npm, Debian) and, for the wasm32 standard library, the toolchain's own `rustup`.

mod cargo;
mod debian;
mod fingerprint;
mod home;
mod installs;
pub mod interrupt;
mod npm;
mod package;
mod programs;
mod stamp;
mod step;
mod sysroot;
mod toolbox;
mod version;
mod wasm_build;
mod wasm_std;

pub use npm::NpmTool;
pub use package::{Options as PackageOptions, SharedFile, run as package};
pub use toolbox::Toolbox;
pub use version::report as version;
pub use wasm_build::Built;
