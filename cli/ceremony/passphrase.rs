//! The passphrase of a root's key: from the terminal without echo, or from a file.
//! It is never an argument.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use selvedge::values::encrypted_key::{self, KeyFileFault};
use selvedge::values::native_crypto::NativeKey;
use zeroize::Zeroizing;

use crate::common::host::say;
use crate::common::shell::quoted;

/// Shortest new passphrase, in characters.
pub const MIN_CHARS: usize = 12;

/// Longest line read from the terminal, in octets: a terminal's own limit.
const MAX_LINE_BYTES: usize = 4096;

/// A passphrase; `Debug` is redacted.
pub struct Passphrase(Zeroizing<String>);

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

impl Passphrase {
    /// A new passphrase for `what`: prompted twice, unless a file is given.
    ///
    /// # Errors
    /// When it is too short, the two differ, or there is neither file nor terminal.
    pub fn new(what: &str, file: Option<&Path>) -> Result<Self> {
        let passphrase = match file {
            Some(file) => Self::read(file)?,
            None => {
                let first = ask(&format!("Passphrase for {what}, {MIN_CHARS} characters or more: "))?;
                check_length(what, &first)?;
                if *ask("Repeat the passphrase: ")? != *first {
                    bail!("the two passphrases differ; nothing was written, start again");
                }
                Self(first)
            }
        };
        check_length(what, &passphrase.0)?;
        Ok(passphrase)
    }

    /// The passphrase of an existing file.
    ///
    /// # Errors
    /// When its own file cannot be read, or there is neither file nor terminal.
    pub fn of(what: &Path, file: Option<&Path>) -> Result<Self> {
        match file {
            Some(file) => Self::read(file),
            None => ask(&format!("Passphrase of {}: ", what.display())).map(Self),
        }
    }

    /// The file's only line, as `openssl -passin file:` takes it.
    fn read(file: &Path) -> Result<Self> {
        // The error may quote a file that is not text.
        let text = fs::read(file).with_context(|| format!("cannot read the passphrase file {}", file.display()))?;
        warn_of_readers(file, "the passphrase file");
        let text = Zeroizing::new(text);
        let text =
            std::str::from_utf8(&text).map_err(|_| anyhow!("the passphrase in {} is not UTF-8", file.display()))?;
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.contains(['\n', '\r']) {
            bail!("the passphrase file {} has more than one line; it may contain only the passphrase", file.display());
        }
        Ok(Self(Zeroizing::new(line.to_owned())))
    }

    /// The passphrase itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

fn check_length(what: &str, passphrase: &str) -> Result<()> {
    let length = passphrase.chars().count();
    if length < MIN_CHARS {
        bail!(
            "the passphrase has {length} characters, but needs {MIN_CHARS} or more: it protects {what}; use several \
             random words"
        );
    }
    Ok(())
}

/// Prompts on the terminal. Echo is off before the prompt appears, so that a script can wait for it.
fn ask(prompt: &str) -> Result<Zeroizing<String>> {
    let none = "not a terminal; pass the passphrase with --passphrase-file FILE";
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").context(none)?;
    let hidden = Hidden::on(terminal.try_clone().context(none)?).context(none)?;
    let asked = terminal.write_all(prompt.as_bytes()).and_then(|()| read_line(&mut terminal));
    drop(hidden);
    let _ = terminal.write_all(b"\n");
    asked.context("cannot read the passphrase at the terminal")
}

/// A terminal without echo, until dropped.
struct Hidden {
    terminal: File,
    before: Termios,
}

impl Hidden {
    fn on(terminal: File) -> std::io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL);
        // Input typed before was echoed, and is discarded.
        tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

/// Reads a line without leaving copies in memory.
fn read_line(terminal: &mut File) -> std::io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_LINE_BYTES));
    let mut octet = Zeroizing::new([0; 1]);
    loop {
        match terminal.read(&mut *octet) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
            Ok(0) => break,
            Ok(_) if *octet == *b"\n" => break,
            Ok(_) if line.len() == MAX_LINE_BYTES => return Err(std::io::Error::other("it is too long")),
            Ok(_) => line.extend_from_slice(&*octet),
        }
    }
    let text = std::str::from_utf8(&line).map_err(|_| std::io::Error::other("it is not UTF-8"))?;
    Ok(Zeroizing::new(text.strip_suffix('\r').unwrap_or(text).to_owned()))
}

/// Warns about a secret file that other users can access.
fn warn_of_readers(file: &Path, what: &str) {
    let open = fs::metadata(file).is_ok_and(|about| about.is_file() && about.mode() & 0o077 != 0);
    if open {
        say(format!(
            "warning: {what} {} is accessible to other users; run `chmod 600 {}`, and if others use this machine consider \
             it compromised",
            file.display(),
            quoted(file)
        ));
    }
}

/// Reads the private key in a file, with its passphrase if encrypted.
///
/// # Errors
/// When it is missing, of an unknown kind, or the passphrase is wrong.
pub fn open_key(file: &Path, passphrase_file: Option<&Path>) -> Result<NativeKey> {
    let text = fs::read(file).with_context(|| {
        format!(
            "cannot read the root's key {}; restore it from its offline copy, or pass its file with --root-key",
            file.display()
        )
    })?;
    warn_of_readers(file, "the root's key");
    let text = Zeroizing::new(text);
    // The text around the key may be in any encoding.
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
