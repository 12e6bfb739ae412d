//! Bundles: the entries of a tile, each after its length in two octets.

use super::MAX_LEN;

/// Writes entries as a bundle; `None` when one is longer than [`MAX_LEN`].
pub fn bundle<T: AsRef<[u8]>>(entries: impl IntoIterator<Item = T>) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    for entry in entries {
        let entry = entry.as_ref();
        octets.extend(u16::try_from(entry.len()).ok()?.to_be_bytes());
        octets.extend(entry);
    }
    Some(octets)
}

/// Reads the entries of a bundle; `None` when it ends within one.
pub fn entries(mut octets: &[u8]) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    while let Some((length, rest)) = octets.split_first_chunk::<2>() {
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        found.push(entry);
        octets = rest;
    }
    octets.is_empty().then_some(found)
}

const _: () = assert!(MAX_LEN == u16::MAX as usize);
