//! `token`: the admin tokens of a CA that is kept.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::ceremony::{ADMIN_TOKENS, CaFolder, Tokens, tokens_line};
use crate::common::files::{Readers, Staged};
use crate::common::host::{disable_core_dumps, print, say};

/// What can be done with admin tokens.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a token and print it, this once. It counts once it is stored at Cloudflare.
    #[command(
        after_help = "Example: a token of one's own for each person, for its name stands in the audit record:\n  \
                            selvedge token new ada@example.org"
    )]
    New {
        /// Whose it is: 1 to 40 characters of A-Z a-z 0-9 . _ - @.
        name: String,
        #[command(flatten)]
        place: FolderOption,
    },
    /// List the names.
    #[command(after_help = "Example: selvedge token list")]
    List {
        #[command(flatten)]
        place: FolderOption,
    },
    /// Remove a token. It counts until the rest is stored at Cloudflare.
    #[command(after_help = "Example: selvedge token remove ada@example.org")]
    Remove {
        /// Whose it is.
        name: String,
        #[command(flatten)]
        place: FolderOption,
    },
}

/// Where they are.
#[derive(Clone, Debug, clap::Args)]
pub struct FolderOption {
    /// The folder of the CA.
    #[arg(long = "ca", value_name = "DIR", default_value = "ca")]
    dir: PathBuf,
}

/// Does it; whether all is well.
pub fn run(command: &Command) -> Result<bool> {
    disable_core_dumps()?;
    match command {
        Command::New { name, place } => {
            let (file, tokens) = read(place)?;
            let mut tokens = tokens.unwrap_or_default();
            let token = tokens.add(name)?.to_owned();
            write(&file, &tokens)?;
            print(&format!("{token}\n"));
            say(format!("the token of {name:?} is printed this once, and stands in {}", file.display()));
            stored(&file);
        }
        Command::List { place } => {
            let (file, tokens) = read(place)?;
            let tokens = tokens
                .with_context(|| format!("there is no {}; `selvedge token new NAME` makes it", file.display()))?;
            print(&format!("{}\n", tokens.names().join("\n")));
        }
        Command::Remove { name, place } => {
            let (file, tokens) = read(place)?;
            let Some(mut tokens) = tokens else { bail!("there is no {}", file.display()) };
            tokens.remove(name)?;
            write(&file, &tokens)?;
            say(format!("the token of {name:?} is gone from {}", file.display()));
            stored(&file);
        }
    }
    Ok(true)
}

fn read(place: &FolderOption) -> Result<(PathBuf, Option<Tokens>)> {
    let folder = CaFolder::existing(&place.dir)?;
    let file = folder.path(ADMIN_TOKENS);
    let text = folder.read(ADMIN_TOKENS)?.map(zeroize::Zeroizing::new);
    let tokens = text.map(|text| Tokens::read(&text)).transpose();
    Ok((file.clone(), tokens.with_context(|| format!("{} cannot be used", file.display()))?))
}

fn write(file: &Path, tokens: &Tokens) -> Result<()> {
    Staged::write(file, &tokens.text(), Readers::Owner)?.commit()
}

/// What has to be done for a change to count.
fn stored(file: &Path) {
    say(format!(
        "the Worker knows of it after `cargo run -- deploy --replace-secrets`, or this alone: `{}`",
        tokens_line(file)
    ));
}
