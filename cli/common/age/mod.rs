//! Encrypted files in the format of age, version 1 (<https://c2sp.org/age>).
//!
//! `age` and `rage` open them, too. Their libraries bring a second set of cryptography with them; the format is a header of a
//! few lines, and the payload in sealed chunks.

mod header;
mod stream;
mod x25519;

use std::io::{BufRead, Write};

use anyhow::{Context, Result, anyhow, bail};
use zeroize::Zeroizing;

use crate::common::host::random;
use header::{FileKey, Header, Stanza};
pub use stream::{Opener, Sealer};
pub use x25519::{Identity, Recipient};

/// log₂ of scrypt's cost for new files: a quarter of a gigabyte, about a second.
pub const WORK: u8 = 18;
/// The highest cost of files that are opened: sixteen times as much memory.
const MAX_WORK: u8 = 22;
/// The label of scrypt's salt.
const SCRYPT: &[u8] = b"age-encryption.org/v1/scrypt";

/// The key to a new file.
pub enum Lock<'a> {
    /// A passphrase, with log₂ of scrypt's cost.
    Passphrase(&'a str, u8),
    /// Recipients, each of whom can open it.
    Recipients(&'a [Recipient]),
}

/// The key to an existing file.
pub enum Key<'a> {
    /// Its passphrase.
    Passphrase(&'a str),
    /// Identities, one of which is a recipient.
    Identities(&'a [Identity]),
}

/// Begins an encrypted file. [`Sealer::finish`] ends it.
///
/// # Errors
/// When the system has no randomness, or refuses to write.
pub fn seal<W: Write>(mut to: W, lock: &Lock<'_>) -> Result<Sealer<W>> {
    let key = FileKey::generate()?;
    let stanzas = match lock {
        Lock::Passphrase(passphrase, work) => vec![by_passphrase(&key, passphrase, *work)?],
        Lock::Recipients(recipients) => recipients.iter().map(|one| one.wrap(&key)).collect::<Result<_>>()?,
    };
    to.write_all(Header { stanzas }.text(&key)?.as_bytes())?;
    let salt: [u8; 16] = random()?;
    to.write_all(&salt)?;
    Ok(Sealer::new(to, key.payload_key(&salt)?))
}

/// Opens an encrypted file.
///
/// # Errors
/// When it is not one, or the key is another's.
pub fn open<R: BufRead>(mut from: R, key: &Key<'_>) -> Result<Opener<R>> {
    let (header, signed, mac) = Header::read(&mut from)?;
    let found = match key {
        Key::Passphrase(passphrase) => header.stanzas.iter().find_map(|stanza| of_passphrase(stanza, passphrase)),
        Key::Identities(all) => {
            let mut pairs = header.stanzas.iter().flat_map(|stanza| all.iter().map(move |one| (stanza, one)));
            pairs.find_map(|(stanza, one)| one.unwrap(stanza)).map(Ok)
        }
    };
    let sealed = header.stanzas.first().map_or("", |stanza| stanza.kind());
    let key = match (found, key) {
        (Some(found), _) => found?,
        (None, Key::Passphrase(_)) if sealed != "scrypt" => {
            bail!("it is encrypted to a recipient: pass the file with the identity by --identity FILE")
        }
        (None, Key::Identities(_)) if sealed == "scrypt" => {
            bail!("it is encrypted with a passphrase: pass it by --passphrase-file FILE, or type it")
        }
        (None, _) => bail!("the identity is not one of its recipients: pass another with --identity FILE"),
    };
    key.check(&signed, &mac)?;
    let mut salt = [0; 16];
    from.read_exact(&mut salt).context("it ends within its header")?;
    Ok(Opener::new(from, key.payload_key(&salt)?))
}

fn by_passphrase(key: &FileKey, passphrase: &str, work: u8) -> Result<Stanza> {
    let salt: [u8; 16] = random()?;
    let arguments = ["scrypt".to_owned(), header::base64(&salt), work.to_string()];
    Ok(Stanza { arguments: arguments.into(), body: key.wrapped(&*stretched(passphrase, &salt, work)?)? })
}

/// The key of a stanza of a passphrase; `None` for another stanza.
fn of_passphrase(stanza: &Stanza, passphrase: &str) -> Option<Result<FileKey>> {
    let [kind, salt, work] = stanza.arguments.as_slice() else { return None };
    if kind != "scrypt" {
        return None;
    }
    let open = || {
        let salt: [u8; 16] = header::unbase64(salt)?.try_into().map_err(|_| anyhow!("its salt has another length"))?;
        let work = work.parse().ok().filter(|work| (1..=MAX_WORK).contains(work));
        let work = work.with_context(|| format!("its work factor is not one from 1 to {MAX_WORK}"))?;
        let wrong = "the passphrase is wrong: pass the one that it was encrypted with";
        FileKey::unwrapped(&*stretched(passphrase, &salt, work)?, &stanza.body).context(wrong)
    };
    Some(open())
}

/// The key that a passphrase gives.
fn stretched(passphrase: &str, salt: &[u8; 16], work: u8) -> Result<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    let params = scrypt::Params::new(work, 8, 1).map_err(|_| anyhow!("scrypt has no such work factor"))?;
    let salt = [SCRYPT, salt].concat();
    scrypt::scrypt(passphrase.as_bytes(), &salt, &params, &mut *key).map_err(|_| anyhow!("scrypt failed"))?;
    Ok(key)
}

#[cfg(test)]
mod tests;
