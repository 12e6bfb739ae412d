//! How long expired certificates are kept: `KEEP_EXPIRED_DAYS`.

use super::values::{Values, invalid, number};
use crate::records::ledger::prune::{KEEP_DAYS, MAX_KEEP_DAYS, MIN_KEEP_DAYS};
use core::time::Duration;

const NAME: &str = "KEEP_EXPIRED_DAYS";

/// The value with which nothing is pruned.
const FOREVER: &str = "forever";

/// Reads the time for which expired certificates are kept; `None` for ever.
///
/// # Errors
/// A sentence that names the variable.
pub(super) fn keep_expired(value: Values<'_>) -> Result<Option<Duration>, String> {
    if value(NAME).as_deref() == Some(FOREVER) {
        return Ok(None);
    }
    let days = number(value, NAME, MIN_KEEP_DAYS..=MAX_KEEP_DAYS).map_err(|_| {
        let days = format_args!("a whole number of days, {MIN_KEEP_DAYS} to {MAX_KEEP_DAYS}, or {FOREVER}");
        invalid(NAME, &value(NAME).unwrap_or_default(), days)
    })?;
    Ok(Some(Duration::from_secs(u64::from(days.unwrap_or(KEEP_DAYS)) * 86_400)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_within_bounds() {
        let of = |text: Option<&str>| keep_expired(&|_| text.map(str::to_owned));
        let days = |days: u64| Ok(Some(Duration::from_secs(days * 86_400)));
        assert_eq!(of(None), days(730));
        assert_eq!((of(Some("30")), of(Some("36500"))), (days(30), days(36_500)));
        assert_eq!(of(Some("forever")), Ok(None));
        for bad in ["29", "36501", "0", "-1", "730d", ""] {
            let why = of(Some(bad)).unwrap_err();
            assert!(why.starts_with("KEEP_EXPIRED_DAYS is ") && why.contains("30 to 36500, or forever"), "{why}");
        }
    }
}
