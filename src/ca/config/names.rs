//! Detects misspelt names of settings.

use super::issuers::{MAX_ISSUERS, name_of};
use super::settings::NAMES;

/// Names of issuers' variables and secrets, without numbers.
const ISSUER_NAMES: [&str; 4] = ["ISSUER_CHAIN", "ISSUER_KEY", "ISSUER_ACTIVE_FROM", "ALTERNATE_CHAINS"];

/// Names of secrets that the host alone reads.
const HOST_NAMES: [&str; 1] = ["LOG_KEY"];

/// Whether a setting has this name.
///
/// # Errors
/// The most similar names.
pub fn known(name: &str) -> Result<(), Vec<String>> {
    let places = (1..=MAX_ISSUERS).flat_map(|place| ISSUER_NAMES.map(|base| name_of(base, place)));
    let named = NAMES.iter().chain(&HOST_NAMES).map(|name| (*name).to_owned());
    let all: Vec<String> = named.chain(places).collect();
    if all.iter().any(|one| one == name) {
        return Ok(());
    }
    let mut near: Vec<(usize, String)> = all.into_iter().map(|one| (distance(name, &one), one)).collect();
    near.sort();
    let close = near.first().map_or(0, |(first, _)| first + 1);
    Err(near.into_iter().filter(|(far, _)| *far <= close).take(3).map(|(_, one)| one).collect())
}

/// The Levenshtein distance of two texts.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut last = i;
        let mut next = vec![i + 1];
        for (b, above) in other.bytes().zip(row.iter().skip(1)) {
            let left = next.last().copied().unwrap_or_default();
            next.push((left + 1).min(above + 1).min(last + usize::from(a != b)));
            last = *above;
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_setting_gets_suggestions() {
        for name in NAMES.iter().chain(&["ISSUER_CHAIN", "ISSUER_KEY_9", "ALTERNATE_CHAINS_2"]) {
            assert_eq!(known(name), Ok(()), "{name}");
        }
        let near = |name: &str| known(name).unwrap_err();
        assert_eq!(near("RATE_LIMIT"), ["RATE_LIMITS"]);
        assert_eq!(near("BASEURL"), ["BASE_URL"]);
        assert!((1..=3).contains(&near("FOO").len()) && (1..=3).contains(&near("").len()));
    }

    #[test]
    fn distance_counts_different_characters() {
        for (one, other, far) in
            [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("CAA", "CA", 1), ("A_B", "AB", 1)]
        {
            assert_eq!((distance(one, other), distance(other, one)), (far, far), "{one} {other}");
        }
    }
}
