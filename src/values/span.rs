//! Spans of time as people write them: `90d`, `2h`, `30m`, `45s`.

use core::time::Duration;

/// Units with their seconds.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// An example of the form, for error texts.
pub const LIKE: &str = "a number with d, h, m or s, like 90d or 2h";

/// Parses a whole number with a unit.
///
/// `None` for anything else, and for more than 100 years.
pub fn parse(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let (_, seconds) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    let digits = text.strip_suffix(unit).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    let total = digits.parse::<u64>().ok()?.checked_mul(seconds)?;
    (total <= 100 * 365 * 86_400).then(|| Duration::from_secs(total))
}

/// Writes a span with its largest unit that leaves no rest.
pub fn text(span: Duration) -> String {
    let seconds = span.as_secs();
    let unit = UNITS.into_iter().find(|(_, unit)| seconds >= *unit && seconds.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{seconds}s"), |(name, unit)| format!("{}{name}", seconds / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written() {
        for (written, seconds) in
            [("90d", 7_776_000), ("2h", 7200), ("30m", 1800), ("45s", 45), ("0s", 0), ("90m", 5400)]
        {
            assert_eq!(parse(written), Some(Duration::from_secs(seconds)), "{written}");
            assert_eq!(parse(&text(Duration::from_secs(seconds))), parse(written));
        }
        for bad in ["", "h", "2", "2 h", "-2h", "+2h", "2w", "1.5h", "2hh", "40000d", "99999999999999999999s", "٣h"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(["7200s", "5400s", "61s"].map(|span| text(parse(span).unwrap())), ["2h", "90m", "61s"]);
    }
}
