//! `witness new`: makes the key of a witness, and the settings of its Worker.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use selvedge::ca::config::witness::{LOGS, VKEY, WitnessSettings, is_of_log};
use selvedge::tlog::VerifierKey;
use selvedge::tlog::note::{KeyKind, is_name};
use zeroize::Zeroizing;

use super::folder::{KEY_FILE, SETTINGS};
use crate::common::files::{Readers, Staged};
use crate::common::host;
use crate::common::invocation::companion;
use crate::common::secret::new_ed25519_key;
use crate::common::shell::quoted;
use crate::common::template;
use crate::deploy::worker_name;

/// Files that belong into no repository.
const IGNORED: &str = "/witness.key\n/state/\n/.wrangler\n";

/// Options of `witness new`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The new folder.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The witness's name in its cosignatures: its address without a scheme, as witness.example.org. It can never change.
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: String,
    /// The verifier key of a log to cosign, as `GET /log/ISSUER` shows it. More are added in wrangler.toml.
    #[arg(long, value_name = "VKEY", value_parser = log)]
    log: Vec<VerifierKey>,
    /// The name of the Worker.
    #[arg(long, value_name = "NAME", default_value = "selvedge-witness", value_parser = worker_name)]
    worker: String,
}

fn name(text: &str) -> Result<String, String> {
    if is_name(text) && !text.contains("://") {
        return Ok(text.to_owned());
    }
    Err("a name is not empty, and has no space, no plus sign and no scheme, like witness.example.org".to_owned())
}

fn log(text: &str) -> Result<VerifierKey, String> {
    match VerifierKey::parse(text) {
        Ok(key) if is_of_log(key.kind()) => Ok(key),
        Ok(_) => Err("it is not the key of a log, whose kind is 01 (Ed25519) or 06 (ML-DSA-44)".to_owned()),
        Err(fault) => Err(fault.to_string()),
    }
}

/// Makes the folder.
pub fn run(options: &Options) -> Result<()> {
    let dir = options.dir.as_path();
    if dir.exists() {
        bail!("{} exists already, and nothing was written: choose another folder for the witness", dir.display());
    }
    let key = new_ed25519_key()?;
    let spki = key.spki_der().context("cannot make a key")?;
    let public = spki.last_chunk::<32>().context("cannot make a key")?;
    let vkey = VerifierKey::new(&options.name, KeyKind::Ed25519Cosignature, public).context("cannot make a key")?;
    let vkey = vkey.to_string();
    let mut logs = String::from("# Lines of a tlog-policy: log VKEY\n");
    for log in &options.log {
        let _ = writeln!(logs, "log {log}");
    }
    // As the Worker will read them.
    let read = |name: &str| match name {
        VKEY => Some(vkey.clone()),
        LOGS => Some(logs.clone()),
        _ => None,
    };
    WitnessSettings::read(&read).map_err(anyhow::Error::msg)?;
    let settings = template::witness_toml(&options.worker, &[(VKEY, &vkey), (LOGS, &logs)])?;
    let pem = Zeroizing::new(key.to_pkcs8_pem().context("cannot make a key")?);
    fs::create_dir_all(dir).with_context(|| format!("cannot create the folder {}", dir.display()))?;
    Staged::write(&dir.join(".gitignore"), IGNORED, Readers::Everyone)?.commit()?;
    Staged::write(&dir.join(KEY_FILE), &pem, Readers::Owner)?.commit()?;
    // Last: a folder without it is not finished.
    Staged::write(&dir.join(SETTINGS), &settings, Readers::Everyone)?.commit()?;
    host::print(&next(options, &vkey));
    Ok(())
}

fn next(options: &Options, vkey: &str) -> String {
    let (folder, me) = (quoted(&options.dir), companion());
    format!(
        "The witness has the verifier key\n\n  {vkey}\n\nLogs that it shall cosign have this line in their policy \
         (LOG_POLICY), with its URL:\n\n  witness W {vkey} https://{}/witness\n\nIts own list of logs is WITNESS_LOGS in \
         {folder}/{SETTINGS}. To deploy it, or to try it on this machine:\n\n  {me} witness deploy {folder}\n  {me} witness \
         serve {folder}\n",
        options.name
    )
}
