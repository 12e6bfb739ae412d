//! Encryption to recipients, in the format of [age](https://age-encryption.org/v1).
//!
//! The header has the file key, wrapped once for each recipient. The payload is sealed in chunks, each with its number, so a
//! file can be written piece by piece. The companion opens files, by an implementation of its own.

#[cfg(any(test, feature = "testing"))]
pub mod testing;

use super::crypto::{CryptoFailure, hkdf_sha256};
use chacha20poly1305::aead::Aead;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use core::str::FromStr;
use data_encoding::BASE64_NOPAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// Octets of a chunk of the payload; only the last one is shorter.
pub const CHUNK: usize = 64 * 1024;

/// The first line of a header.
const VERSION: &str = "age-encryption.org/v1";
/// The label of the keys that wrap file keys.
const LABEL: &[u8] = b"age-encryption.org/v1/X25519";
/// The beginning of recipients, before the separator.
const RECIPIENT: &str = "age";

/// A recipient: `age1…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient(PublicKey);

impl FromStr for Recipient {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (found, bytes) = bech32::decode(text).map_err(|_| "it has a typing error")?;
        if found.to_lowercase() != RECIPIENT {
            return Err("it does not begin with age1");
        }
        let bytes = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| "it has another length")?;
        Ok(Self(PublicKey::from(bytes)))
    }
}

impl Recipient {
    /// Wraps a file key in a stanza of the header. `ephemeral` is random and used once.
    fn stanza(&self, file_key: &[u8; 16], ephemeral: [u8; 32]) -> Result<String, CryptoFailure> {
        let ephemeral = StaticSecret::from(ephemeral);
        let share = PublicKey::from(&ephemeral);
        let shared = ephemeral.diffie_hellman(&self.0);
        if !shared.was_contributory() {
            return Err(CryptoFailure("a recipient is a key of small order".to_owned()));
        }
        let salt = [share.as_bytes().as_slice(), self.0.as_bytes()].concat();
        let wrapped = sealed(&*hkdf_sha256(shared.as_bytes(), &salt, LABEL)?, [0; 12], file_key)?;
        // The body has 32 octets: one line.
        Ok(format!("-> X25519 {}\n{}\n", BASE64_NOPAD.encode(share.as_bytes()), BASE64_NOPAD.encode(&wrapped)))
    }
}

/// The key of a file's payload.
pub struct PayloadKey(Zeroizing<[u8; 32]>);

impl PayloadKey {
    /// The key of a file that was begun.
    pub fn of(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Its octets, to go on with the file later.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Seals a chunk of the payload.
    ///
    /// # Errors
    /// When the cipher refuses.
    pub fn seal(&self, number: u64, last: bool, chunk: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        sealed(&self.0, nonce(number, last), chunk)
    }
}

/// Begins a file. Returns what stands before its first chunk, and the key of its payload.
///
/// # Errors
/// Without randomness; for a recipient to which nothing can be encrypted.
pub fn begin(
    recipients: &[Recipient],
    mut random: impl FnMut(&mut [u8]) -> Result<(), CryptoFailure>,
) -> Result<(Vec<u8>, PayloadKey), CryptoFailure> {
    let mut file_key = Zeroizing::new([0; 16]);
    random(&mut *file_key)?;
    let mut header = format!("{VERSION}\n");
    for recipient in recipients {
        let mut ephemeral = [0; 32];
        random(&mut ephemeral)?;
        header.push_str(&recipient.stanza(&file_key, ephemeral)?);
    }
    header.push_str("---");
    let mac = mac(&*hkdf_sha256(&*file_key, b"", b"header")?, header.as_bytes())?;
    header.push_str(&format!(" {}\n", BASE64_NOPAD.encode(&mac)));
    let mut salt = [0; 16];
    random(&mut salt)?;
    let key = PayloadKey(hkdf_sha256(&*file_key, &salt, b"payload")?);
    Ok(([header.as_bytes(), &salt].concat(), key))
}

/// The nonce of a chunk.
fn nonce(number: u64, last: bool) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes.iter_mut().skip(3).zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
    bytes.iter_mut().rev().take(1).for_each(|flag| *flag = u8::from(last));
    bytes
}

fn sealed(key: &[u8; 32], nonce: [u8; 12], plain: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
    let sealed = ChaCha20Poly1305::new(key.into()).encrypt(&nonce.into(), plain);
    sealed.map_err(|_| CryptoFailure("a backup cannot be encrypted".to_owned()))
}

fn mac(key: &[u8], text: &[u8]) -> Result<[u8; 32], CryptoFailure> {
    let mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| CryptoFailure("a MAC has no key".to_owned()))?;
    Ok(mac.chain_update(text).finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::testing::Identity;
    use super::*;

    fn count(bytes: &mut [u8]) -> Result<(), CryptoFailure> {
        bytes.iter_mut().zip(1..).for_each(|(to, from)| *to = from);
        Ok(())
    }

    #[test]
    fn file_opens_for_each_recipient_and_no_other() {
        let identities = [Identity::of([7; 32]), Identity::of([8; 32])];
        let recipients: Vec<Recipient> = identities.iter().map(|one| one.recipient().parse().unwrap()).collect();
        let (mut file, key) = begin(&recipients, count).unwrap();
        let key = PayloadKey::of(*key.bytes());
        file.extend(key.seal(0, false, &[1; CHUNK]).unwrap());
        file.extend(key.seal(1, true, b"end").unwrap());
        for identity in &identities {
            assert_eq!(identity.open(&file).unwrap(), [&[1; CHUNK][..], b"end"].concat());
        }
        assert_eq!(Identity::of([9; 32]).open(&file), None);
        assert_eq!(identities[0].open(&file[..file.len() - 19]), None, "without its last chunk");
    }

    #[test]
    fn recipients_are_read_strictly() {
        let good = Identity::of([7; 32]).recipient();
        assert!(good.parse::<Recipient>().is_ok());
        let typo = if good.ends_with('q') { "p" } else { "q" };
        let typo = format!("{}{typo}", &good[..good.len() - 1]);
        for (text, says) in [
            (typo.as_str(), "typing error"),
            ("", "typing error"),
            ("ssh-ed25519 AAAA", "typing error"),
            ("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "does not begin with age1"),
        ] {
            assert!(text.parse::<Recipient>().unwrap_err().contains(says), "{text}");
        }
    }
}
