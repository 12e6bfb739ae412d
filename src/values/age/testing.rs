//! Opening of files, for tests.

#![allow(clippy::expect_used, reason = "only tests run this")]

use super::{CHUNK, LABEL, RECIPIENT, nonce};
use crate::values::crypto::hkdf_sha256;
use chacha20poly1305::aead::Aead;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use data_encoding::BASE64_NOPAD;
use x25519_dalek::{PublicKey, StaticSecret};

/// The identity of a recipient.
pub struct Identity(StaticSecret);

impl Identity {
    /// The identity of these octets.
    pub fn of(bytes: [u8; 32]) -> Self {
        Self(StaticSecret::from(bytes))
    }

    /// Its recipient, as text.
    pub fn recipient(&self) -> String {
        let hrp = bech32::Hrp::parse(RECIPIENT).expect("letters");
        bech32::encode::<bech32::Bech32>(hrp, PublicKey::from(&self.0).as_bytes()).expect("short")
    }

    /// Opens a file; `None` for one that was changed or cut short.
    pub fn open(&self, file: &[u8]) -> Option<Vec<u8>> {
        let end = file.windows(5).position(|part| part == b"\n--- ")?;
        let header = core::str::from_utf8(file.get(..end)?).ok()?;
        let payload = file.get(end + 5..)?.splitn(2, |byte| *byte == b'\n').nth(1)?;
        let (salt, mut rest) = payload.split_at_checked(16)?;
        let lines: Vec<&str> = header.lines().collect();
        let file_key = lines.windows(2).find_map(|pair| self.unwrap(pair.first()?, pair.get(1)?))?;
        let key = ChaCha20Poly1305::new((&*hkdf_sha256(&file_key, salt, b"payload").ok()?).into());
        let (mut plain, mut number) = (Vec::new(), 0);
        loop {
            let (chunk, left) = rest.split_at(rest.len().min(CHUNK + 16));
            plain.extend(key.decrypt(&nonce(number, left.is_empty()).into(), chunk).ok()?);
            if left.is_empty() {
                return Some(plain);
            }
            (rest, number) = (left, number + 1);
        }
    }

    fn unwrap(&self, stanza: &str, body: &str) -> Option<Vec<u8>> {
        let share = BASE64_NOPAD.decode(stanza.strip_prefix("-> X25519 ")?.as_bytes()).ok()?;
        let share = PublicKey::from(<[u8; 32]>::try_from(share).ok()?);
        let shared = self.0.diffie_hellman(&share);
        let salt = [share.as_bytes().as_slice(), PublicKey::from(&self.0).as_bytes()].concat();
        let key = hkdf_sha256(shared.as_bytes(), &salt, LABEL).ok()?;
        let body = BASE64_NOPAD.decode(body.as_bytes()).ok()?;
        ChaCha20Poly1305::new((&*key).into()).decrypt(&[0; 12].into(), body.as_slice()).ok()
    }
}
