//! Documents made from the commands' definitions.
//!
//! They are completions of shells, man pages, and the reference in docs/COMMANDS.md.

mod reference;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::common::host::say;
use crate::tools::SharedFile;

/// The program, as shells and man pages name it.
const PROGRAM: &str = "selvedge";
/// The document with the reference, below the checkout.
const DOCUMENT: &str = "docs/COMMANDS.md";
/// The shells of packages, with the file that each of them reads below `share`.
const SHELLS: [(Shell, &str); 3] = [
    (Shell::Bash, "bash-completion/completions/selvedge"),
    (Shell::Zsh, "zsh/site-functions/_selvedge"),
    (Shell::Fish, "fish/vendor_completions.d/selvedge.fish"),
];

/// Options of `documents`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Only compare: exit code 1 when the document differs.
    #[arg(long)]
    check: bool,
    /// Also write the packages' man pages and completions of shells into this folder.
    #[arg(long, value_name = "DIR")]
    share: Option<PathBuf>,
}

/// Writes the reference of all commands into the document of the checkout.
///
/// # Errors
/// When a file cannot be read or written, or `--check` found a difference.
pub fn run(options: &Options, checkout: &Path, command: &clap::Command) -> Result<()> {
    if let Some(folder) = &options.share {
        for (name, content) in files(command)? {
            write(&folder.join(name), &content)?;
        }
    }
    let file = checkout.join(DOCUMENT);
    let before = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let after = reference::replaced(&before, command).with_context(|| {
        format!("{} has no line {:?}, below which the reference is", file.display(), reference::START)
    })?;
    match (before == after, options.check) {
        (true, _) => say(format!("{DOCUMENT} is up to date")),
        (false, true) => bail!("{DOCUMENT} differs from the commands: run `cargo run -- documents` and commit it"),
        (false, false) => {
            write(&file, after.as_bytes())?;
            say(format!("{DOCUMENT} was written anew"));
        }
    }
    Ok(())
}

fn write(file: &Path, content: &[u8]) -> Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("cannot create the folder {}", folder.display()))?;
    fs::write(file, content).with_context(|| format!("cannot write {}", file.display()))
}

/// The completions of a shell.
pub fn completions(command: &clap::Command, shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command.clone(), PROGRAM, &mut script);
    script
}

/// The man pages and completions that packages have.
///
/// # Errors
/// When a page cannot be written.
pub fn files(command: &clap::Command) -> Result<Vec<SharedFile>> {
    let mut files: Vec<SharedFile> =
        SHELLS.into_iter().map(|(shell, file)| (file.to_owned(), completions(command, shell))).collect();
    // A page for `help` would say nothing.
    let mut built = command.clone().disable_help_subcommand(true);
    built.build();
    pages(&built, &mut files)?;
    Ok(files)
}

/// Adds the page of a command and those of all commands below it.
fn pages(command: &clap::Command, files: &mut Vec<SharedFile>) -> Result<()> {
    let man = Man::new(command.clone())
        .source(concat!("selvedge ", env!("CARGO_PKG_VERSION")))
        .manual("An ACME certificate authority");
    let (name, mut page) = (man.get_filename(), Vec::new());
    man.render(&mut page).with_context(|| format!("cannot write the man page {name}"))?;
    files.push((format!("man/man1/{name}"), page));
    command.get_subcommands().filter(|below| !below.is_hide_set()).try_for_each(|below| pages(below, files))
}
