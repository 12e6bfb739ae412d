//! `package`: the npm packages and the tarball of a commit, the same bytes each time.

mod archive;
mod companion;
mod contents;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::fingerprint::digest;
use super::toolbox::Toolbox;
use crate::common::host::say;
use archive::Archive;
use contents::Parts;
pub use contents::SharedFile;

/// The file with the packages' hashes, as `sha256sum -c` reads it.
const SUMS: &str = "SHA256SUMS";

/// Options of `package`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The folder for the packages. [default: packages in cargo's target folder]
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// A companion to package as it is, for a trial. By default, one is built from the present commit.
    #[arg(long, value_name = "FILE")]
    companion: Option<PathBuf>,
    /// Only the npm packages, without the tarball, which has the runtime in it.
    #[arg(long)]
    npm_only: bool,
}

/// Builds the module, the companion and the packages; prints their sizes.
///
/// `shared` has the man pages and the completions of shells.
///
/// # Errors
/// When sources differ from the commit, a build fails, or a file cannot be written.
pub fn run(options: &Options, toolbox: &Toolbox, shared: &[SharedFile]) -> Result<()> {
    toolbox.needs_checkout("package")?;
    let dir = options.dir.clone().unwrap_or_else(|| toolbox.target.join("packages"));
    // Before what takes minutes.
    let commit = match options.companion {
        None => Some(companion::commit(toolbox)?),
        Some(_) => None,
    };
    fs::create_dir_all(&dir).with_context(|| format!("cannot create the folder {}", dir.display()))?;
    toolbox.ensure_npm_runtime()?;
    match &commit {
        Some(commit) => toolbox.build_wasm_of(commit)?,
        None => toolbox.build_wasm()?,
    };
    let companion = match (&options.companion, &commit) {
        (Some(file), _) => file.clone(),
        (None, commit) => companion::build(toolbox, commit.as_deref().unwrap_or_default())?,
    };
    let parts = Parts::collect(toolbox, &companion, shared)?;
    let mut packages = parts.npm()?;
    if !options.npm_only {
        packages.push(parts.tarball()?);
    }
    let mut sums = String::new();
    for (name, archive) in &packages {
        let size = write(archive, &dir.join(name), name, &mut sums)?;
        say(format!("{} ({} KiB)", dir.join(name).display(), size.div_ceil(1024)));
    }
    let file = dir.join(SUMS);
    fs::write(&file, sums).with_context(|| format!("cannot write {}", file.display()))?;
    if options.companion.is_some() {
        say("these packages are for a trial: their companion is the one that --companion named");
    }
    Ok(())
}

/// Writes a package and adds its hash; returns its size.
fn write(archive: &Archive, file: &Path, name: &str, sums: &mut String) -> Result<usize> {
    let bytes = archive.gzip().with_context(|| format!("cannot pack {}", file.display()))?;
    fs::write(file, &bytes).with_context(|| format!("cannot write {}", file.display()))?;
    sums.push_str(&format!("{}  {name}\n", digest(&bytes)));
    Ok(bytes.len())
}
