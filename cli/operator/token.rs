//! `token`: the admin tokens of a persistent CA.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use selvedge::records::operations::role::Role;

use crate::ceremony::{ADMIN_TOKENS, CaFolder, Tokens, tokens_line};
use crate::common::files::{Readers, Staged};
use crate::common::host::{disable_core_dumps, now, print, say};
use crate::common::invocation::companion;
use crate::common::moment::{Moment, moment, when};
use crate::common::table::Table;

/// The commands for admin tokens.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Create a token and print it once. It takes effect when stored at Cloudflare.
    #[command(after_help = "Example: one token per person, since its name is in the audit record:\n  \
                            selvedge token new ada@example.org\nFor somebody who only reads, until a day:\n  \
                            selvedge token new audit@example.org --role auditor --until 2027-01-31")]
    New {
        /// The token's name: 1 to 40 characters of A-Z a-z 0-9 . _ - @.
        name: String,
        /// What its holder may do: owner, operator, revoker or auditor.
        #[arg(long, value_name = "ROLE", default_value = "owner", value_parser = role)]
        role: Role,
        /// When it ends: 2027-01-31, or a span from now as 90d. [default: never]
        #[arg(long, value_name = "TIME", value_parser = moment)]
        until: Option<Moment>,
        #[command(flatten)]
        place: FolderOption,
    },
    /// List the names, with role and end.
    #[command(after_help = "Example: selvedge token list")]
    List {
        #[command(flatten)]
        place: FolderOption,
    },
    /// Remove a token. It stays valid until the others are stored at Cloudflare.
    #[command(after_help = "Example: selvedge token remove ada@example.org")]
    Remove {
        /// The token's name.
        name: String,
        #[command(flatten)]
        place: FolderOption,
    },
}

/// The option for the CA's folder.
#[derive(Clone, Debug, clap::Args)]
pub struct FolderOption {
    /// The folder of the CA.
    #[arg(long = "ca", value_name = "DIR", default_value = "ca")]
    dir: PathBuf,
}

impl FolderOption {
    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

/// Runs the command; `false` gives exit code 1.
pub fn run(command: &Command) -> Result<bool> {
    disable_core_dumps()?;
    match command {
        Command::New { name, role, until, place } => {
            let (file, tokens) = read(place)?;
            let mut tokens = tokens.unwrap_or_default();
            let now = now()?;
            let until = until.map(|until| until.from(now));
            if until.is_some_and(|until| until <= now) {
                bail!("--until is in the past; the token could not be used");
            }
            let token = tokens.add(name, *role, until)?.to_owned();
            write(&file, &tokens)?;
            print(&format!("{token}\n"));
            say(format!("the token of {name:?} is printed only this once, and is stored in {}", file.display()));
            stored(&file);
        }
        Command::List { place } => {
            let (file, tokens) = read(place)?;
            let tokens = tokens
                .with_context(|| format!("{} does not exist; `selvedge token new NAME` creates it", file.display()))?;
            let now = now()?;
            let mut table = Table::new(&["NAME", "ROLE", "UNTIL"]);
            for token in tokens.all() {
                let until = token.until.map_or_else(|| "-".to_owned(), |until| when(until, now));
                table.row([token.name.clone(), token.role.name().to_owned(), until]);
            }
            print(&table.text("There is no token."));
        }
        Command::Remove { name, place } => {
            let (file, tokens) = read(place)?;
            let Some(mut tokens) = tokens else { bail!("{} does not exist", file.display()) };
            tokens.remove(name)?;
            write(&file, &tokens)?;
            say(format!("the token of {name:?} was removed from {}", file.display()));
            stored(&file);
        }
    }
    Ok(true)
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| format!("expected one of {}", Role::names()))
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

/// Prints how a change takes effect.
fn stored(file: &Path) {
    let me = companion();
    say(format!("to take effect, run `{me} deploy --replace-secrets`, or only `{}`", tokens_line(file)));
}
