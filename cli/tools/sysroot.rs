//! A private sysroot: links to the toolchain's libraries, and our own wasm32 standard library.
//!
//! It is compiled with cargo's `-Zbuild-std`, which is allowed on the stable toolchain through
//! `RUSTC_BOOTSTRAP` as the toolchain's own build does it. Because the rlibs are then in a sysroot, everything
//! else (cargo, clippy) needs no unstable switch at all.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::stamp::Stamp;
use super::step::Step;
use super::toolbox::{TARGET, Toolbox};
use super::{cargo, debian};

/// Changed whenever this file builds something else from the same source.
const RECIPE: &str = "recipe 1";
/// An empty crate, compiled only for its standard library.
const EMPTY_CRATE: &str = "selvedge_empty";

/// The suffix of the target folder of its builds.
pub const SUFFIX: &str = "-debian";

/// The sysroot and the compiler that uses it.
pub struct PrivateSysroot {
    /// Holds `sysroot`, `bin` and, while it is made, `work`.
    dir: PathBuf,
    /// The toolchain's sysroot.
    real: PathBuf,
    /// The output of `rustc -vV`.
    rustc: String,
    stamp: Stamp,
}

impl PrivateSysroot {
    /// The sysroot in the tools' folder, for the compiler of the sysroot `real`.
    ///
    /// `rustc` is the output of that compiler's `rustc -vV`. The folder exists once [`PrivateSysroot::is_ready`].
    ///
    /// # Errors
    /// When `rustc` names no release.
    pub fn new(toolbox: &Toolbox, real: &Path, rustc: String) -> Result<Self> {
        field(&rustc, "release: ")?;
        let stamp = toolbox.stamp("wasm-std", format!("{RECIPE}\n{}\n{rustc}", real.display()));
        Ok(Self { dir: toolbox.dir.join("wasm-std"), real: real.to_path_buf(), rustc, stamp })
    }

    /// Whether it is complete for this compiler.
    pub fn is_ready(&self) -> bool {
        self.stamp.holds(&self.bin().join("rustc"))
    }

    /// The sysroot itself.
    pub fn folder(&self) -> PathBuf {
        self.dir.join("sysroot")
    }

    /// Holds a `rustc` and a `rustdoc` that use it.
    pub fn bin(&self) -> PathBuf {
        self.dir.join("bin")
    }

    /// Builds it from Debian's source of the toolchain's release.
    ///
    /// # Errors
    /// When Debian's tools or that release are unavailable, or it does not compile.
    pub fn make(&self, toolbox: &Toolbox) -> Result<()> {
        self.stamp.clear();
        remove(&self.dir)?;
        // Cargo does not notice that a target's library changed.
        for fast in [false, true] {
            remove(&toolbox.wasm_target(SUFFIX, fast))?;
        }
        let work = self.dir.join("work");
        let library = debian::fetch_library(toolbox, &work.join("apt"), field(&self.rustc, "release: ")?)?;
        self.link(&library)?;
        self.write_compilers()?;
        self.compile(toolbox, &work)?;
        let _ = fs::remove_file(self.folder().join("lib/rustlib/src/rust/library"));
        remove(&work)?;
        self.stamp.write()
    }

    /// Links everything of the toolchain but its wasm library and library source.
    fn link(&self, library: &Path) -> Result<()> {
        let (from, to) = (self.real.join("lib/rustlib"), self.folder().join("lib/rustlib"));
        let problem = || format!("cannot link {} into {}", from.display(), to.display());
        fs::create_dir_all(to.join("src/rust")).with_context(problem)?;
        for entry in fs::read_dir(&from).with_context(problem)? {
            let entry = entry.with_context(problem)?;
            let name = entry.file_name();
            if name != TARGET && name != "src" {
                symlink(entry.path(), to.join(name)).with_context(problem)?;
            }
        }
        symlink(library, to.join("src/rust/library")).with_context(problem)
    }

    /// Writes a `rustc` and a `rustdoc` that add the sysroot's path.
    fn write_compilers(&self) -> Result<()> {
        fs::create_dir_all(self.bin())?;
        for name in ["rustc", "rustdoc"] {
            let real = self.real.join("bin").join(name);
            let script = format!("#!/bin/sh\nexec {} --sysroot {} \"$@\"\n", quote(&real), quote(&self.folder()));
            let file = self.bin().join(name);
            fs::write(&file, script).with_context(|| format!("cannot write {}", file.display()))?;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
        }
        Ok(())
    }

    fn compile(&self, toolbox: &Toolbox, work: &Path) -> Result<()> {
        let empty = work.join("empty");
        fs::create_dir_all(empty.join("src")).context("cannot create a scratch crate")?;
        let manifest = format!("[package]\nname = \"{EMPTY_CRATE}\"\nedition = \"2024\"\n[workspace]\n");
        fs::write(empty.join("Cargo.toml"), manifest)?;
        fs::write(empty.join("src/lib.rs"), "#![no_std]\n")?;
        let step = Step {
            what: format!("compiling the {TARGET} standard library"),
            why: "from source, since no compiled one is available; about a minute on 2 cores, once".into(),
            log: toolbox.log("wasm-std"),
            ..Step::default()
        };
        let mut cargo = cargo::cargo(&empty)?;
        cargo.args(["build", "--release", "--target", TARGET, "-Zbuild-std=std,panic_abort,panic_unwind"]);
        cargo
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTC", self.bin().join("rustc"))
            .env("CARGO_TARGET_DIR", work.join("target"));
        // Without bitcode in the rlibs a build with link-time optimisation fails.
        cargo.env_remove("CARGO_ENCODED_RUSTFLAGS").env("RUSTFLAGS", "-Cembed-bitcode=yes");
        step.run(&mut cargo)?;
        let compiled = work.join("target").join(TARGET).join("release/deps");
        let library = self.folder().join("lib/rustlib").join(TARGET).join("lib");
        if copy_rlibs(&compiled, &library)? == 0 {
            bail!("cargo compiled no standard library into {}", compiled.display());
        }
        Ok(())
    }
}

/// Copies the libraries, without the empty crate's own; how many there were.
fn copy_rlibs(from: &Path, to: &Path) -> Result<usize> {
    let problem = || format!("cannot copy {} to {}", from.display(), to.display());
    fs::create_dir_all(to).with_context(problem)?;
    let mut copied = 0;
    for entry in fs::read_dir(from).with_context(problem)? {
        let entry = entry.with_context(problem)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("lib") && name.ends_with(".rlib") && !name.contains(EMPTY_CRATE) {
            fs::copy(entry.path(), to.join(name)).with_context(problem)?;
            copied += 1;
        }
    }
    Ok(copied)
}

/// The rest of the line of `rustc -vV` that starts so.
fn field<'a>(rustc: &'a str, start: &str) -> Result<&'a str> {
    let found = rustc.lines().find_map(|line| line.strip_prefix(start));
    found.with_context(|| format!("rustc -vV has no line {start:?}: {rustc:?}"))
}

/// A path as one word of the shell.
fn quote(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}

/// Removes a folder with its content, if it exists.
fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_read_from_what_rustc_says() {
        let says = "rustc 1.95.0 (59807616e 2026-04-14)\nhost: x86_64-unknown-linux-gnu\nrelease: 1.95.0\n";
        assert_eq!(field(says, "release: ").unwrap(), "1.95.0");
        assert!(field("gcc 14", "release: ").unwrap_err().to_string().contains("gcc 14"));
    }

    #[test]
    fn paths_are_one_word_for_the_shell() {
        let path = Path::new("/home/an o'neill/$HOME/rustc");
        let echoed = crate::tools::programs::output_of(
            std::process::Command::new("sh").args(["-c", &format!("printf %s {}", quote(path))]),
        );
        assert_eq!(echoed.unwrap(), path.to_str().unwrap());
    }

    #[test]
    fn only_libraries_are_copied() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("deps"), folder.path().join("lib"));
        fs::create_dir_all(&from).unwrap();
        for name in ["libstd-1.rlib", "libstd-1.rmeta", "libselvedge_empty-2.rlib", "std-1.d"] {
            fs::write(from.join(name), name).unwrap();
        }
        assert_eq!(copy_rlibs(&from, &to).unwrap(), 1);
        assert_eq!(fs::read_to_string(to.join("libstd-1.rlib")).unwrap(), "libstd-1.rlib");
    }
}
