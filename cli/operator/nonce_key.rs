//! `nonce-key`: a new key of nonces, links and external account keys of a persistent CA.

use std::fs;

use anyhow::{Context, Result, bail};
use zeroize::Zeroizing;

use super::token::FolderOption;
use crate::ceremony::{CaFolder, NONCE_KEY, NewFile, PREVIOUS_NONCE_KEY, new_nonce_key};
use crate::common::host::{disable_core_dumps, say};
use crate::common::invocation::companion;

/// The commands for the nonce key.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Create a new key. What the present one made goes on, until `finish`.
    #[command(after_help = "Example: selvedge nonce-key new\nThen: selvedge deploy")]
    New {
        /// The present key was stolen: what it made ends with the next deployment.
        #[arg(long)]
        stolen: bool,
        #[command(flatten)]
        place: FolderOption,
    },
    /// End the previous key, and all external account keys and links that it made.
    #[command(after_help = "Example: selvedge nonce-key finish\nThen: selvedge deploy")]
    Finish {
        #[command(flatten)]
        place: FolderOption,
    },
}

/// Runs the command; `false` gives exit code 1.
pub fn run(command: &Command) -> Result<bool> {
    disable_core_dumps()?;
    match command {
        Command::New { stolen, place } => new(&CaFolder::existing(place.dir())?, *stolen)?,
        Command::Finish { place } => {
            let folder = CaFolder::existing(place.dir())?;
            if !folder.has(PREVIOUS_NONCE_KEY) {
                bail!(
                    "{} does not exist, so only {NONCE_KEY} counts: nothing was done",
                    folder.path(PREVIOUS_NONCE_KEY).display()
                );
            }
            remove(&folder)?;
            say(format!("{} was deleted", folder.path(PREVIOUS_NONCE_KEY).display()));
            say(format!(
                "to end it at Cloudflare too, run `{} deploy`, which deletes the secret NONCE_KEY_PREVIOUS; a `serve` or `dev` \
                 has to be restarted",
                companion()
            ));
        }
    }
    Ok(true)
}

/// Makes a new key. The present one becomes the previous one, unless it was stolen.
fn new(folder: &CaFolder, stolen: bool) -> Result<()> {
    let present = Zeroizing::new(folder.require(NONCE_KEY)?);
    if !stolen && folder.has(PREVIOUS_NONCE_KEY) {
        bail!(
            "{} exists, so an earlier change is not finished, and only two keys count at a time: run `{} nonce-key finish` \
             first",
            folder.path(PREVIOUS_NONCE_KEY).display(),
            companion()
        );
    }
    let new = NewFile::secret(NONCE_KEY, new_nonce_key()?).replacing();
    let me = companion();
    if stolen {
        folder.write(&[new], None)?;
        remove(folder)?;
        say(format!("{} is new; nothing that the former key made counts any more", folder.path(NONCE_KEY).display()));
        say(format!(
            "to take effect at once, run `{me} deploy --emergency`; a `serve` or `dev` has to be restarted. Then `{me} eab \
             list` shows the external account keys that are unusable now: hand out others"
        ));
        return Ok(());
    }
    folder.write(&[new, NewFile::secret(PREVIOUS_NONCE_KEY, present)], None)?;
    let previous = folder.path(PREVIOUS_NONCE_KEY);
    say(format!("{} is new, and {} has the key before it", folder.path(NONCE_KEY).display(), previous.display()));
    say(format!("to take effect, run `{me} deploy`, which stores both; a `serve` or `dev` has to be restarted"));
    say(format!(
        "later, when `{me} eab list` shows no key of the previous one that is needed: `{me} nonce-key finish`"
    ));
    Ok(())
}

/// Deletes the previous key, if there is one.
fn remove(folder: &CaFolder) -> Result<()> {
    let path = folder.path(PREVIOUS_NONCE_KEY);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot delete {}", path.display()))
        }
        _ => Ok(()),
    }
}
