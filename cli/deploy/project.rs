//! `new`: a folder with what `dev`, `init` and `deploy` need to start from.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::common::files::{Readers, Staged};
use crate::common::host::print;
use crate::common::invocation::companion;
use crate::common::shell::quoted;
use crate::common::template;

/// What version control leaves out: keys, the state of `dev`, wrangler's own files.
const IGNORED: &str = "# Keys and tokens: they belong into no repository.\n/ca/\n\
                       # The disposable CA of `selvedge dev`.\n/.selvedge\n\
                       # The state of `selvedge serve`.\n/state/\n# Wrangler's own files.\n/.wrangler\n.dev.vars\n";

/// Options of `new`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The folder to create. It may exist, if it is empty.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The Worker's name, which tells several CAs in one Cloudflare account apart.
    #[arg(long, value_name = "NAME", default_value = template::WORKER, value_parser = worker_name)]
    name: String,
}

/// Longest name below workers.dev, in characters.
const MAX_NAME: usize = 63;

/// Reads the name of a Worker, which may become a label of a host name.
///
/// # Errors
/// What a name consists of.
pub fn worker_name(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if text.is_empty()
        || text.len() > MAX_NAME
        || !text.bytes().all(plain)
        || text.starts_with('-')
        || text.ends_with('-')
    {
        return Err(format!(
            "{text:?} is not a Worker's name: use lower-case letters, digits and hyphens within, at most {MAX_NAME}"
        ));
    }
    Ok(text.to_owned())
}

/// Creates the folder.
///
/// # Errors
/// When it has files already, or the system refuses.
pub fn run(options: &Options) -> Result<()> {
    let dir = options.dir.as_path();
    refuse_files(dir)?;
    fs::create_dir_all(dir).with_context(|| format!("cannot create the folder {}", dir.display()))?;
    Staged::write(&dir.join(".gitignore"), IGNORED, Readers::Everyone)?.commit()?;
    // Last: a folder without it is not finished.
    Staged::write(&dir.join("wrangler.toml"), &template::wrangler_toml(&options.name)?, Readers::Everyone)?.commit()?;
    print(&next(dir));
    Ok(())
}

/// Refuses a folder that has files, which could be those of another project.
fn refuse_files(dir: &Path) -> Result<()> {
    let shown = dir.display();
    let mut entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            bail!("{shown} is a file, so it cannot be the folder of a CA: choose another name")
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read the folder {shown}")),
    };
    let Some(first) = entries.next() else { return Ok(()) };
    let first = first.with_context(|| format!("cannot read the folder {shown}"))?.file_name();
    bail!(
        "{shown} has files already ({} is one), and nothing was written: choose a folder that is empty or does not exist",
        first.display()
    )
}

fn next(dir: &Path) -> String {
    let (folder, me) = (quoted(dir), companion());
    // In a checkout the companion runs in the checkout's folder.
    let (enter, place) = match me {
        "selvedge" => (format!("  cd {folder}\n"), String::new()),
        _ => (String::new(), format!(" --wrangler {}", quoted(&dir.join("wrangler.toml")))),
    };
    let ca = if place.is_empty() { String::new() } else { format!(" --ca {}", quoted(&dir.join("ca"))) };
    format!(
        "{folder} has a wrangler.toml to start from. To try the authority on this machine:\n\n{enter}  {me} dev{place}\n\n\
         To have one at Cloudflare, choose its URL, which can never change, and the names that it may certify:\n\n  {me} \
         init{place}{ca} --base-url https://ca.example.org --permit-dns example.org\n  {me} deploy{place}{ca}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_workers_are_labels_of_hosts() {
        let longest = "a".repeat(MAX_NAME);
        for good in ["selvedge", "ca-staging", "c4", longest.as_str()] {
            assert_eq!(worker_name(good).unwrap(), good);
        }
        for bad in ["", "Ca", "ca_1", "-ca", "ca-", "ca.x", "\"", "ca\n", &"a".repeat(MAX_NAME + 1)] {
            let said = worker_name(bad).unwrap_err();
            assert!(said.contains("is not a Worker's name: use lower-case letters"), "{said}");
        }
    }
}
