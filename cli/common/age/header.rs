//! The header: the file key, wrapped once for each way to open the file.

use std::io::{BufRead, Read};

use anyhow::{Context, Result, anyhow, bail};
use data_encoding::BASE64_NOPAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::{hkdf, hmac};
use zeroize::Zeroizing;

use crate::common::host::random;

/// The first line.
const VERSION: &str = "age-encryption.org/v1";
/// The longest line that is read.
const MAX_LINE: u64 = 4096;
/// The most lines of a header that are read.
const MAX_LINES: usize = 10_000;
/// Characters of a body in one line.
const COLUMNS: usize = 64;

/// The key of one file.
pub struct FileKey(Zeroizing<[u8; 16]>);

/// A wrapped file key.
pub struct Stanza {
    /// Its kind, then what belongs to it.
    pub arguments: Vec<String>,
    /// The wrapped key.
    pub body: Vec<u8>,
}

/// The stanzas of a file.
pub struct Header {
    /// All of them.
    pub stanzas: Vec<Stanza>,
}

/// Encodes without padding.
pub fn base64(bytes: &[u8]) -> String {
    BASE64_NOPAD.encode(bytes)
}

/// Decodes strictly.
///
/// # Errors
/// For padding, other characters and loose bits.
pub fn unbase64(text: &str) -> Result<Vec<u8>> {
    BASE64_NOPAD.decode(text.as_bytes()).context("its header has text that is not base64")
}

/// Derives a key by HKDF with SHA-256.
pub fn derive(secret: &[u8], salt: &[u8], info: &[u8]) -> Result<Zeroizing<[u8; 32]>> {
    let (mut key, info) = (Zeroizing::new([0; 32]), [info]);
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    let expanded = extracted.expand(&info, hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut *key));
    expanded.map_err(|_| anyhow!("a key cannot be derived"))?;
    Ok(key)
}

/// A key of ChaCha20-Poly1305.
pub fn cipher(key: &[u8; 32]) -> Result<LessSafeKey> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, key).map_err(|_| anyhow!("a key has another length"))?;
    Ok(LessSafeKey::new(key))
}

impl Stanza {
    /// Its kind.
    pub fn kind(&self) -> &str {
        self.arguments.first().map_or("", String::as_str)
    }
}

impl FileKey {
    /// A new one.
    pub fn generate() -> Result<Self> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    /// Wraps it with a key that wraps nothing else.
    pub fn wrapped(&self, key: &[u8; 32]) -> Result<Vec<u8>> {
        let mut sealed = self.0.to_vec();
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        let done = cipher(key)?.seal_in_place_append_tag(nonce, Aad::empty(), &mut sealed);
        done.map_err(|_| anyhow!("the file key cannot be wrapped"))?;
        Ok(sealed)
    }

    /// Unwraps it.
    pub fn unwrapped(key: &[u8; 32], body: &[u8]) -> Result<Self> {
        let mut sealed = Zeroizing::new(body.to_vec());
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        let opened = cipher(key)?.open_in_place(nonce, Aad::empty(), &mut sealed);
        let opened = opened.map_err(|_| anyhow!("it does not open with this key"))?;
        let key: [u8; 16] = (&*opened).try_into().map_err(|_| anyhow!("its file key has another length"))?;
        Ok(Self(Zeroizing::new(key)))
    }

    /// The key of the payload.
    pub fn payload_key(&self, salt: &[u8; 16]) -> Result<LessSafeKey> {
        cipher(&*derive(&*self.0, salt, b"payload")?)
    }

    fn mac_key(&self) -> Result<hmac::Key> {
        Ok(hmac::Key::new(hmac::HMAC_SHA256, &*derive(&*self.0, b"", b"header")?))
    }

    /// Checks the MAC of a header.
    pub fn check(&self, signed: &str, mac: &[u8]) -> Result<()> {
        hmac::verify(&self.mac_key()?, signed.as_bytes(), mac).map_err(|_| anyhow!("its header was changed"))
    }
}

impl Header {
    /// The text of the header.
    pub fn text(&self, key: &FileKey) -> Result<String> {
        let mut text = format!("{VERSION}\n");
        for stanza in &self.stanzas {
            text.push_str(&format!("-> {}\n", stanza.arguments.join(" ")));
            let body = base64(&stanza.body);
            let mut rest = body.as_str();
            loop {
                let (line, more) = rest.split_at(rest.len().min(COLUMNS));
                text.push_str(line);
                text.push('\n');
                rest = more;
                // A shorter line ends the body, an empty one if need be.
                if line.len() < COLUMNS {
                    break;
                }
            }
        }
        text.push_str("---");
        let mac = hmac::sign(&key.mac_key()?, text.as_bytes());
        text.push_str(&format!(" {}\n", base64(mac.as_ref())));
        Ok(text)
    }

    /// Reads a header: its stanzas, the text under its MAC, and the MAC.
    pub fn read(from: &mut impl BufRead) -> Result<(Self, String, Vec<u8>)> {
        let mut signed = String::new();
        let first = line(from)?;
        if first != VERSION {
            bail!("it is not a file that age, or this program, has encrypted");
        }
        signed.push_str(&format!("{first}\n"));
        let mut stanzas: Vec<Stanza> = Vec::new();
        for _ in 0..MAX_LINES {
            let next = line(from)?;
            if let Some(mac) = next.strip_prefix("--- ") {
                signed.push_str("---");
                return Ok((Self { stanzas }, signed, unbase64(mac)?));
            }
            signed.push_str(&format!("{next}\n"));
            if let Some(arguments) = next.strip_prefix("-> ") {
                let mut body = String::new();
                loop {
                    let part = line(from)?;
                    signed.push_str(&format!("{part}\n"));
                    body.push_str(&part);
                    if part.len() < COLUMNS {
                        break;
                    }
                }
                let arguments = arguments.split(' ').map(str::to_owned).collect();
                stanzas.push(Stanza { arguments, body: unbase64(&body)? });
            } else {
                bail!("its header has a line of an unknown kind");
            }
        }
        bail!("its header has more than {MAX_LINES} lines")
    }
}

fn line(from: &mut impl BufRead) -> Result<String> {
    let mut text = Vec::new();
    from.by_ref().take(MAX_LINE).read_until(b'\n', &mut text)?;
    let ended = text.pop() == Some(b'\n');
    let text =
        String::from_utf8(text).ok().filter(|text| ended && text.bytes().all(|b| b.is_ascii_graphic() || b == b' '));
    text.context("it is not a file that age, or this program, has encrypted; or it ends within its header")
}
