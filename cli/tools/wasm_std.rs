//! The wasm32 standard library: the toolchain's own, or one built from Debian's source.
//!
//! 1. Present in the toolchain: used as it is.
//! 2. `rustup target add`, the toolchain's normal way; it is given up after a while, since behind some
//!    firewalls it gets no answer.
//! 3. Compiled from Debian's `rust-src` into a private copy of the toolchain's library folder (a "sysroot")
//!    under the target folder; the toolchain itself is not touched. See [`super::sysroot`].
//!
//! `SELVEDGE_WASM_STD=rustup` allows only the first two, `SELVEDGE_WASM_STD=debian` only the last.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::programs::{find_program, output_of, prepend_path};
use super::step::Step;
use super::sysroot::PrivateSysroot;
use super::toolbox::{TARGET, Toolbox};
use super::{interrupt, sysroot};
use crate::common::host::say;

/// How long `rustup target add` may take; it fetches about 20 MB.
const RUSTUP_LIMIT: Duration = Duration::from_secs(60);

/// The source of the standard library that the user requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StdSource {
    /// The toolchain's own.
    Rustup,
    /// From Debian's source.
    Debian,
}

impl StdSource {
    /// The source in `SELVEDGE_WASM_STD`; `None` when unset.
    ///
    /// # Errors
    /// When it is set to anything else.
    pub fn from_env() -> Result<Option<Self>> {
        Self::parse(std::env::var("SELVEDGE_WASM_STD").ok().as_deref())
    }

    fn parse(value: Option<&str>) -> Result<Option<Self>> {
        match value {
            None | Some("") => Ok(None),
            Some("rustup") => Ok(Some(Self::Rustup)),
            Some("debian") => Ok(Some(Self::Debian)),
            Some(other) => bail!("SELVEDGE_WASM_STD is {other:?}, but must be `rustup`, `debian` or not set"),
        }
    }
}

/// A wasm32 standard library that is ready for use.
pub enum WasmStd {
    /// The toolchain has it.
    Toolchain,
    /// It is in a private sysroot.
    Private(PrivateSysroot),
}

impl WasmStd {
    /// Makes `command` (cargo, or what runs cargo) compile with it.
    ///
    /// # Errors
    /// When the PATH cannot be extended.
    pub fn apply(&self, command: &mut Command) -> Result<()> {
        if let Self::Private(sysroot) = self {
            // Cargo heeds RUSTC and RUSTDOC; clippy heeds SYSROOT.
            prepend_path(command, &sysroot.bin())?;
            command.env("RUSTC", sysroot.bin().join("rustc")).env("RUSTDOC", sysroot.bin().join("rustdoc"));
            command.env("SYSROOT", sysroot.folder());
        }
        // Read by the macros of wasm-bindgen, which then name js-sys as the worker crate does.
        command.env("WASM_BINDGEN_USE_JS_SYS", "1");
        Ok(())
    }

    /// The suffix of its target folder.
    pub(super) fn suffix(&self) -> &'static str {
        match self {
            Self::Toolchain => "",
            Self::Private(_) => sysroot::SUFFIX,
        }
    }
}

impl Toolbox {
    /// Ensures the wasm32 standard library, from the first source that works.
    ///
    /// # Errors
    /// When no source works; the message says what to install.
    pub fn ensure_wasm_std(&self) -> Result<WasmStd> {
        let way = StdSource::from_env()?;
        let sysroot = PathBuf::from(self.rustc(&["--print", "sysroot"])?);
        if way != Some(StdSource::Debian) && has_wasm(&sysroot) {
            return Ok(WasmStd::Toolchain);
        }
        let private = PrivateSysroot::new(self, &sysroot, self.rustc(&["-vV"])?)?;
        if way != Some(StdSource::Rustup) && private.is_ready() {
            return Ok(WasmStd::Private(private));
        }
        let _turn = self.lock("wasm-std")?;
        let mut refused = false;
        if way != Some(StdSource::Debian) {
            match self.rustup_target_add(&sysroot) {
                Ok(()) => return Ok(WasmStd::Toolchain),
                Err(error) if way.is_some() || interrupt::requested() => return Err(error),
                Err(error) => {
                    say(format!("{error:#}; falling back to Debian's source of the library"));
                    refused = true;
                }
            }
        }
        if !private.is_ready() {
            let context = || match refused {
                true => format!("Rust's {TARGET} library is available neither from rustup nor from Debian"),
                false => format!("Rust's {TARGET} library is not available from Debian"),
            };
            private.make(self).with_context(context)?;
        }
        Ok(WasmStd::Private(private))
    }

    fn rustc(&self, args: &[&str]) -> Result<String> {
        let Some(rustc) = find_program("rustc") else {
            bail!("rustc is missing: install Rust (https://rustup.rs) and try again");
        };
        output_of(Command::new(rustc).args(args).current_dir(&self.root))
    }

    fn rustup_target_add(&self, sysroot: &Path) -> Result<()> {
        if has_wasm(sysroot) {
            return Ok(());
        }
        let Some(rustup) = find_program("rustup") else {
            bail!("rustup, which could add the target {TARGET} to the toolchain, is not installed");
        };
        let step = Step {
            what: format!("adding {TARGET} to the Rust toolchain with rustup"),
            why: format!("about 20 MB, once; timeout {} s", RUSTUP_LIMIT.as_secs()),
            log: self.log("rustup"),
            limit: Some(RUSTUP_LIMIT),
            optional: true,
            ..Step::default()
        };
        step.run(Command::new(rustup).args(["target", "add", TARGET]).current_dir(&self.root))?;
        if !has_wasm(sysroot) {
            bail!("rustup reports {TARGET} as installed, but the toolchain in use, {}, lacks it", sysroot.display());
        }
        Ok(())
    }
}

/// Whether the toolchain has the wasm standard library.
fn has_wasm(sysroot: &Path) -> bool {
    let library = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    let is_std = |name: &str| name.starts_with("libstd-") && name.ends_with(".rlib");
    fs::read_dir(library)
        .is_ok_and(|mut files| files.any(|file| file.is_ok_and(|file| file.file_name().to_str().is_some_and(is_std))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_ways_can_be_forced() {
        assert_eq!(StdSource::parse(None).unwrap(), None);
        assert_eq!(StdSource::parse(Some("")).unwrap(), None);
        assert_eq!(StdSource::parse(Some("rustup")).unwrap(), Some(StdSource::Rustup));
        assert_eq!(StdSource::parse(Some("debian")).unwrap(), Some(StdSource::Debian));
        let error = StdSource::parse(Some("Debian")).unwrap_err().to_string();
        assert!(error.contains("\"Debian\"") && error.contains("`debian`"), "{error}");
    }

    #[test]
    fn a_toolchain_has_wasm_when_the_library_is_there() {
        let sysroot = tempfile::tempdir().unwrap();
        let library = sysroot.path().join("lib/rustlib/wasm32-unknown-unknown/lib");
        assert!(!has_wasm(sysroot.path()));
        fs::create_dir_all(&library).unwrap();
        fs::write(library.join("libcore-1.rlib"), "").unwrap();
        assert!(!has_wasm(sysroot.path()), "core alone is not enough");
        fs::write(library.join("libstd-1.rlib"), "").unwrap();
        assert!(has_wasm(sysroot.path()));
    }
}
