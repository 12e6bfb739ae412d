//! What `init` asks and says about accounts and private networks.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};

use anyhow::{Context, Result, bail};

use crate::common::config_edit::ConfigEdit;
use crate::common::invocation::companion;

/// The setting that limits accounts to the holders of keys.
const SETTING: &str = "EXTERNAL_ACCOUNT_REQUIRED";

/// Who may make accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Accounts {
    /// Only those with a key of `eab create`.
    WithKey,
    /// Everyone who reaches the CA.
    Anyone,
}

impl Accounts {
    /// Asks at the terminal; `None` without one.
    ///
    /// # Errors
    /// When the answer is another.
    pub fn ask() -> Result<Option<Self>> {
        let Ok(terminal) = OpenOptions::new().read(true).write(true).open("/dev/tty") else { return Ok(None) };
        let mut out = &terminal;
        out.write_all(
            b"Everyone who reaches the CA can ask it for certificates. May strangers make accounts?\n  with-key  no: only \
              those to whom you give a key (`selvedge eab create`)\n  anyone    yes: for names that they can prove\n\
              Accounts [with-key]? ",
        )
        .context("cannot ask at the terminal")?;
        let mut line = String::new();
        BufReader::new(&terminal).read_line(&mut line).context("cannot read the answer at the terminal")?;
        match line.trim() {
            "" | "with-key" => Ok(Some(Self::WithKey)),
            "anyone" => Ok(Some(Self::Anyone)),
            other => bail!("{other:?} is neither with-key nor anyone; nothing was written, start again"),
        }
    }

    /// Writes the setting.
    ///
    /// # Errors
    /// When the settings cannot be changed.
    pub fn set(self, settings: &mut ConfigEdit) -> Result<()> {
        match self {
            Self::WithKey => settings.set(SETTING, "true", "Accounts are for the holders of keys only (`eab create`)."),
            Self::Anyone => settings.set(SETTING, "false", "Everyone who reaches the CA may make an account."),
        }
    }
}

/// What the settings mean for accounts and for private networks; the last words of `init`.
pub fn notice(settings: &ConfigEdit) -> Result<String> {
    let me = companion();
    let accounts = if settings.get(SETTING)? == Some("true") {
        format!("Accounts need a key, which `{me} eab create NAME` makes after the first deployment.")
    } else {
        format!(
            "Everyone who reaches the CA may make an account, and gets certificates for the names that they prove. To have\n\
             accounts for the holders of keys only, set {SETTING} = \"true\" under [vars]."
        )
    };
    Ok(format!(
        "\n{accounts}\nCloudflare reaches public addresses only. For hosts of a private network, have clients prove their \
         names by DNS\n(dns-01, in a zone that the public DNS has), or pre-authorise names for a key:\n`{me} eab create NAME \
         --preauthorize '*.corp.example'`.\n"
    ))
}
