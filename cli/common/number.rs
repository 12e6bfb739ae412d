//! Numbers on the command line, refused with the permitted range.

/// Parses a whole number from `MIN` to `MAX`.
///
/// # Errors
/// The permitted range.
pub fn range<T, const MIN: u64, const MAX: u64>(text: &str) -> Result<T, String>
where
    T: TryFrom<u64>,
{
    let number = text.parse::<u64>().ok().filter(|number| (MIN..=MAX).contains(number));
    let number = number.and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| match MAX {
        u64::MAX => format!("{text:?} is not a whole number of {MIN} or more"),
        most => format!("{text:?} is not a whole number from {MIN} to {most}"),
    })
}

/// Parses a port number.
///
/// # Errors
/// As [`range`].
pub fn port(text: &str) -> Result<u16, String> {
    range::<u16, 1, 65_535>(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_out_of_range_is_refused_with_the_range() {
        assert_eq!((port("5002"), range::<u8, 0, 50>("0")), (Ok(5002), Ok(0)));
        for bad in ["", "x", "0", "65536", "-1", "1.5", "99999999999999999999999"] {
            assert_eq!(port(bad), Err(format!("{bad:?} is not a whole number from 1 to 65535")));
        }
        assert_eq!(range::<u32, 1, { u64::MAX }>("x"), Err("\"x\" is not a whole number of 1 or more".to_owned()));
        assert!(range::<u32, 1, { u64::MAX }>("5000000000").is_err());
    }
}
