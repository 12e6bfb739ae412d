//! Quoting what others sent: short, and with nothing in it that a terminal or a log would act on.

/// How many characters of a foreign body or record a problem's detail shows. Enough to recognise a 404 page
/// or a stale token; too little for a validation to serve as a way to read somebody's pages.
pub const MAX_QUOTED: usize = 100;

/// How many foreign values (TXT records, addresses) a detail lists.
pub const MAX_LISTED: usize = 3;

/// `bytes` in double quotes, at most [`MAX_QUOTED`] characters of it, everything but printable ASCII escaped.
pub fn quote(bytes: &[u8]) -> String {
    format!("\"{}\"", excerpt(bytes, MAX_QUOTED))
}

/// At most `max` characters of `bytes` and an ellipsis where that is not all, escaped as in [`quote`].
pub fn excerpt(bytes: &[u8], max: usize) -> String {
    let mut text = String::new();
    for byte in bytes {
        let escaped = byte.escape_ascii();
        if text.len() + escaped.len() > max {
            text.push('…');
            break;
        }
        text.extend(escaped.map(char::from));
    }
    text
}

/// Quotes the first [`MAX_LISTED`] of `values` and says how many more there are.
pub fn quote_some<T: AsRef<[u8]>>(values: &[T]) -> String {
    list_some(values.iter().map(|value| quote(value.as_ref())))
}

/// The first [`MAX_LISTED`] of `texts`, separated by commas, and how many more there are.
pub fn list_some(texts: impl Iterator<Item = String>) -> String {
    let mut shown = Vec::new();
    let mut more = 0;
    for text in texts {
        if shown.len() < MAX_LISTED {
            shown.push(text);
        } else {
            more += 1;
        }
    }
    let listed = shown.join(", ");
    if more > 0 { format!("{listed} and {more} more") } else { listed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn t25_quotes_are_shortened_and_escaped() {
        assert_eq!(quote(b"token.thumb"), "\"token.thumb\"");
        assert_eq!(quote(b"a\x1b[2J\"\r\n\xff"), r#""a\x1b[2J\"\r\n\xff""#);
        assert_eq!(quote(&[b'x'; 101]), format!("\"{}…\"", "x".repeat(100)));
        assert_eq!(quote(&[b'x'; 100]), format!("\"{}\"", "x".repeat(100)));
        assert_eq!(quote(b""), "\"\"");
    }

    #[test]
    fn t25_lists_are_short() {
        assert_eq!(quote_some(&["a", "b"]), r#""a", "b""#);
        assert_eq!(quote_some(&["a", "b", "c", "d", "e"]), r#""a", "b", "c" and 2 more"#);
    }

    proptest! {
        #[test]
        fn t25_no_byte_makes_a_quote_long_or_unprintable(bytes: Vec<u8>) {
            let text = quote(&bytes);
            prop_assert!(text.chars().count() <= MAX_QUOTED + 3);
            prop_assert!(text.chars().all(|c| c == '…' || c.is_ascii_graphic() || c == ' '));
        }
    }
}
