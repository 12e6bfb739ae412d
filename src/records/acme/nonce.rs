//! Replay nonces ([RFC 8555 §6.5](https://www.rfc-editor.org/rfc/rfc8555#section-6.5)).
//!
//! A nonce is a MAC over the partition that redeems it, the time, and random bits. Issuing one writes nothing, and
//! only a nonce that was issued here can cause a write.

use crate::values::{Id, Time, b64, id::ID_BYTES};
use core::cell::Cell;
use core::time::Duration;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Lifetime of a nonce. cert-manager and Caddy pool nonces, so at least an hour; a longer one costs storage for
/// redeemed nonces.
pub const LIFETIME: Duration = Duration::from_secs(2 * 3600);

/// Maximum clock difference between isolates, which run on many machines.
pub const SKEW: Duration = Duration::from_secs(60);

/// Label that separates this use of the key.
const PURPOSE: &[u8] = b"selvedge nonce v1\0";

const TIME_BYTES: usize = 8;
const RANDOM_BYTES: usize = 16;
const MAC_BYTES: usize = 16;

/// The partition that redeems a nonce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Home {
    /// The account's partition: redeeming needs no extra call.
    Account(Id),
    /// One of the partitions for nonces without an account.
    Shard(u8),
}

/// A nonce with a valid MAC that has not expired. Its home knows whether it was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce {
    /// The partition that redeems it.
    pub home: Home,
    /// Name of its redemption record.
    pub name: String,
    /// Time after which its age refuses it, so that its redemption can be deleted.
    pub expires: Time,
}

impl Nonce {
    /// A number below 100 from the nonce's random bits. Injected faults use it to hit a share of nonces.
    pub fn lot(&self) -> u8 {
        lot(&b64::decode(&self.name).unwrap_or_default())
    }
}

/// The unique part of a nonce: a series, and a number within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonceNumber {
    /// The series: random bytes.
    ///
    /// They are drawn when the issuer comes into memory: an account's partition, or an isolate.
    pub series: [u8; 8],
    /// The number within the series, below 2^48.
    pub number: u64,
}

impl NonceNumber {
    /// Reads the number of a nonce by its name; `None` for another name.
    pub fn of(name: &str) -> Option<Self> {
        let random: [u8; RANDOM_BYTES] = b64::decode(name)?.try_into().ok()?;
        let (_, rest) = random.split_first_chunk::<2>()?;
        let (number, series) = rest.split_first_chunk::<6>()?;
        let number = number.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        Some(Self { series: series.try_into().ok()?, number })
    }

    /// Writes it into the random bytes of a nonce. The first two stay: they are its lot.
    pub fn write(self, random: &mut [u8; RANDOM_BYTES]) {
        let number = self.number.to_be_bytes().into_iter().skip(2);
        random.iter_mut().skip(2).zip(number.chain(self.series)).for_each(|(to, from)| *to = from);
    }
}

/// The numbers of the nonces that an issuer issues while it is in memory.
///
/// An issuer is an account's partition, or an isolate for a shard.
#[derive(Clone, Debug, Default)]
pub struct NonceSeries {
    id: Cell<Option<[u8; 8]>>,
    next: Cell<u64>,
}

impl NonceSeries {
    /// Returns the next number. The series is drawn by `random` at first.
    ///
    /// # Errors
    /// That of `random`.
    pub fn next<E>(&self, random: impl FnOnce() -> Result<[u8; 8], E>) -> Result<NonceNumber, E> {
        let series = match self.id.get() {
            Some(series) => series,
            None => random()?,
        };
        self.id.set(Some(series));
        let number = self.next.get();
        self.next.set(number.wrapping_add(1) & 0xffff_ffff_ffff);
        Ok(NonceNumber { series, number })
    }
}

/// The lot of a nonce made from these random bytes.
pub fn lot(random: &[u8]) -> u8 {
    let number = random.iter().take(2).fold(0_u16, |number, byte| number << 8 | u16::from(*byte));
    u8::try_from(number % 100).unwrap_or_default()
}

/// Reason for refusing a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonceFault {
    /// Not issued here, or altered.
    Unknown,
    /// Issued here, but expired.
    TooOld,
}

/// Issues a nonce for `home`.
pub fn issue(key: &[u8; 32], home: &Home, now: Time, random: [u8; RANDOM_BYTES]) -> String {
    let mut bytes = Vec::with_capacity(1 + ID_BYTES + TIME_BYTES + RANDOM_BYTES + MAC_BYTES);
    match home {
        Home::Shard(n) => bytes.extend([0, *n]),
        Home::Account(id) => {
            bytes.push(1);
            bytes.extend(id.bytes());
        }
    }
    bytes.extend(now.millis().to_be_bytes());
    bytes.extend(random);
    let tag = mac(key, PURPOSE).chain_update(&bytes).finalize().into_bytes();
    bytes.extend(tag.iter().take(MAC_BYTES));
    b64::encode(&bytes)
}

/// Parses and verifies a nonce of this lifetime.
///
/// # Errors
/// When it was not issued with this key, or has expired.
pub fn check(key: &[u8; 32], text: &str, now: Time, lifetime: Duration) -> Result<Nonce, NonceFault> {
    let bytes = b64::decode(text).ok_or(NonceFault::Unknown)?;
    // A tag of another length than the one that is issued would be easier to guess.
    let (signed, tag) = bytes.split_last_chunk::<MAC_BYTES>().ok_or(NonceFault::Unknown)?;
    mac(key, PURPOSE).chain_update(signed).verify_truncated_left(tag).map_err(|_| NonceFault::Unknown)?;
    let (home, rest) = split_home(signed).ok_or(NonceFault::Unknown)?;
    let (time, random) = rest.split_first_chunk::<TIME_BYTES>().ok_or(NonceFault::Unknown)?;
    if random.len() != RANDOM_BYTES {
        return Err(NonceFault::Unknown);
    }
    let issued = Time::from_millis(u64::from_be_bytes(*time));
    let expires = issued.plus(lifetime);
    if now > expires || issued > now.plus(SKEW) {
        return Err(NonceFault::TooOld);
    }
    Ok(Nonce { home, name: b64::encode(random), expires })
}

/// Checks a nonce as [`check`] does, with any of these keys.
///
/// # Errors
/// When it was issued with none of them, or has expired.
pub fn check_any<'a>(
    keys: impl Iterator<Item = &'a [u8; 32]>,
    text: &str,
    now: Time,
    lifetime: Duration,
) -> Result<Nonce, NonceFault> {
    let mut each = keys.map(|key| check(key, text, now, lifetime));
    each.find(|checked| *checked != Err(NonceFault::Unknown)).unwrap_or(Err(NonceFault::Unknown))
}

fn split_home(bytes: &[u8]) -> Option<(Home, &[u8])> {
    match bytes.split_first()? {
        (0, rest) => rest.split_first().map(|(n, rest)| (Home::Shard(*n), rest)),
        (1, rest) => rest.split_first_chunk::<ID_BYTES>().map(|(id, rest)| (Home::Account(Id::from_random(*id)), rest)),
        _ => None,
    }
}

/// Starts a MAC for one of several uses of a key. `purpose` ends with a zero octet, so that none is a prefix of
/// another.
pub(in crate::records) fn mac(key: &[u8; 32], purpose: &[u8]) -> Hmac<Sha256> {
    // RFC 2104 §2: a key shorter than the hash's block is filled up with zeros.
    let mut block = [0; 64];
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(purpose);
    mac
}

/// Derives 32 octets from a secret for one purpose and one name. `purpose` ends with a zero octet.
pub fn derived(secret: &[u8; 32], purpose: &[u8], name: &[u8]) -> [u8; 32] {
    mac(secret, purpose).chain_update(name).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use crate::records::acme::nonce::*;

    const KEY: [u8; 32] = [7; 32];
    const NOW: Time = Time::from_secs(1_800_000_000);

    #[test]
    fn n02_a_nonce_is_base64url_and_names_its_home() {
        for home in [Home::Shard(3), Home::Account(Id::from_random([9; 16]))] {
            let text = issue(&KEY, &home, NOW, [1; 16]);
            assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
            let nonce = check(&KEY, &text, NOW, LIFETIME).unwrap();
            assert_eq!(nonce.home, home);
            assert_eq!(nonce.name, b64::encode(&[1; 16]));
            assert_eq!((nonce.lot(), lot(&[1; 16])), (57, 57), "0x0101 = 257");
        }
    }

    #[test]
    fn n03_foreign_altered_and_expired_nonces_are_refused() {
        let text = issue(&KEY, &Home::Shard(3), NOW, [1; 16]);
        assert_eq!(check(&[8; 32], &text, NOW, LIFETIME), Err(NonceFault::Unknown));
        for i in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[i] = if other[i] == b'A' { b'B' } else { b'A' };
            assert!(check(&KEY, &String::from_utf8(other).unwrap(), NOW, LIFETIME).is_err(), "altered at {i}");
        }
        for bad in ["", "AAAA", "!", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(check(&KEY, bad, NOW, LIFETIME), Err(NonceFault::Unknown));
        }
        // Tags that are cut, though they are right as far as they go, and tags of the whole MAC.
        let whole = b64::decode(&text).unwrap();
        let (signed, _) = whole.split_last_chunk::<MAC_BYTES>().unwrap();
        let tag = mac(&KEY, PURPOSE).chain_update(signed).finalize().into_bytes();
        for length in (0..=tag.len()).filter(|length| *length != MAC_BYTES) {
            let cut = b64::encode(&[signed, &tag[..length]].concat());
            assert_eq!(check(&KEY, &cut, NOW, LIFETIME), Err(NonceFault::Unknown), "a tag of {length} octets");
            let lone = mac(&KEY, PURPOSE).finalize().into_bytes();
            let lone = b64::encode(&lone[..length.min(MAC_BYTES)]);
            assert_eq!(check(&KEY, &lone, NOW, LIFETIME), Err(NonceFault::Unknown));
        }
        assert!(check(&KEY, &text, NOW.plus(LIFETIME), LIFETIME).is_ok());
        assert_eq!(
            check(&KEY, &text, NOW.plus(LIFETIME + Duration::from_millis(1)), LIFETIME),
            Err(NonceFault::TooOld)
        );
        assert_eq!(check(&KEY, &text, NOW.minus(Duration::from_secs(61)), LIFETIME), Err(NonceFault::TooOld));
    }
}
