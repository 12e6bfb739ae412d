//! The passphrase of a root's key: asked for on the terminal without showing it, or read from a file; never an argument.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use selvedge::values::encrypted_key::{self, KeyFileFault};
use selvedge::values::native_crypto::NativeKey;
use zeroize::Zeroizing;

use crate::tools::say;

/// Fewest characters of a new passphrase.
pub const SHORTEST: usize = 12;

/// A passphrase; printed, it shows nothing.
pub struct Passphrase(Zeroizing<String>);

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

impl Passphrase {
    /// A new one: asked for twice, unless there is a file.
    ///
    /// # Errors
    /// When it is too short, the two differ, or there is neither file nor terminal.
    pub fn new(file: Option<&Path>) -> Result<Self> {
        let passphrase = match file {
            Some(file) => Self::read(file)?,
            None => {
                let first = ask(&format!("Passphrase for the root's key, {SHORTEST} characters or more: "))?;
                check_length(&first)?;
                if *ask("The same again: ")? != *first {
                    bail!("the two passphrases differ; nothing was written, start again");
                }
                Self(first)
            }
        };
        check_length(&passphrase.0)?;
        Ok(passphrase)
    }

    /// The one of a key that exists.
    fn of(key: &Path, file: Option<&Path>) -> Result<Self> {
        match file {
            Some(file) => Self::read(file),
            None => ask(&format!("Passphrase of {}: ", key.display())).map(Self),
        }
    }

    /// The file's only line, as `openssl -passin file:` takes it.
    fn read(file: &Path) -> Result<Self> {
        // The reason may quote the file where it is no text.
        let text = fs::read(file).with_context(|| format!("cannot read the passphrase file {}", file.display()))?;
        let text = Zeroizing::new(text);
        let text =
            std::str::from_utf8(&text).map_err(|_| anyhow!("the passphrase in {} is not UTF-8", file.display()))?;
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.contains(['\n', '\r']) {
            bail!(
                "the passphrase file {} has more than one line; leave nothing in it but the passphrase",
                file.display()
            );
        }
        Ok(Self(Zeroizing::new(line.to_owned())))
    }

    /// The passphrase itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

fn check_length(passphrase: &str) -> Result<()> {
    let length = passphrase.chars().count();
    if length < SHORTEST {
        bail!(
            "a passphrase of {SHORTEST} characters or more was asked for, this one has {length}: the root's key is as safe \
             as it is; take several random words"
        );
    }
    Ok(())
}

fn ask(prompt: &str) -> Result<Zeroizing<String>> {
    let asked = rpassword::prompt_password(prompt).map(Zeroizing::new);
    asked.context("there is no terminal to ask for the passphrase at; give it with --passphrase-file FILE")
}

/// The private key in a file, for which the passphrase is asked if it is encrypted.
///
/// # Errors
/// When it is missing, of no kind that is read, or does not open.
pub fn open_key(file: &Path, passphrase_file: Option<&Path>) -> Result<NativeKey> {
    let text = fs::read(file).with_context(|| {
        format!(
            "cannot read the root's key {}; bring it back from where it is kept, or name its file with --root-key",
            file.display()
        )
    })?;
    let text = Zeroizing::new(text);
    // What is around the key may be in any encoding.
    let text = Zeroizing::new(String::from_utf8_lossy(&text).into_owned());
    let about = format!("the root's key {}", file.display());
    // The fault is a clause about the key.
    let refuse = |fault: KeyFileFault| anyhow!("{about} {fault}");
    if !encrypted_key::is_encrypted(&text).map_err(refuse)? {
        say(format!("{about} is not encrypted; `openssl pkcs8 -topk8 -v2 aes-256-cbc` encrypts it"));
        return NativeKey::from_pkcs8_pem(&text).context(about);
    }
    let passphrase = Passphrase::of(file, passphrase_file)?;
    encrypted_key::decrypt(&text, passphrase.expose()).map_err(refuse)
}
