//! Bounded excerpts of foreign text in messages.
//!
//! They contain nothing that a terminal or a log would act on.

/// Longest excerpt of a foreign text, in octets.
///
/// Enough to recognise a name, a URL or a 404 page; too little for a validation to serve as a way to read other
/// people's pages.
pub const MAX_EXCERPT: usize = 100;

/// Quotes a text as `"…"` with the escapes of Rust.
///
/// The excerpt has at most [`MAX_EXCERPT`] octets; an ellipsis follows a cut.
pub fn quote(text: &str) -> String {
    let excerpt = excerpt(text);
    let cut = if excerpt.len() < text.len() { "…" } else { "" };
    format!("{excerpt:?}{cut}")
}

/// The beginning of a text, at most [`MAX_EXCERPT`] octets, not escaped.
pub fn excerpt(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_EXCERPT)).unwrap_or_default()
}

/// Escapes all but printable ASCII, so that no two texts look alike.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => shown.push_str("\\\\"),
            c if c == ' ' || c.is_ascii_graphic() => shown.push(c),
            c => shown.extend(c.escape_unicode()),
        }
    }
    shown
}

/// Quotes octets that need not be text, in at most [`MAX_EXCERPT`] characters.
///
/// Everything but printable ASCII is escaped.
pub fn quote_octets(octets: &[u8]) -> String {
    format!("\"{}\"", escape_octets(octets, MAX_EXCERPT))
}

/// Escapes octets as [`quote_octets`] does, up to `max` characters and an ellipsis after a cut.
pub fn escape_octets(octets: &[u8], max: usize) -> String {
    let mut text = String::new();
    for octet in octets {
        let escaped = octet.escape_ascii();
        if text.len() + escaped.len() > max {
            text.push('…');
            break;
        }
        text.extend(escaped.map(char::from));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_quoted_short_and_escaped() {
        assert_eq!(quote("a\"b\n"), r#""a\"b\n""#);
        assert_eq!(quote(""), "\"\"");
        assert_eq!(quote(&"x".repeat(100)), format!("\"{}\"", "x".repeat(100)));
        assert_eq!(quote(&"x".repeat(101)), format!("\"{}\"…", "x".repeat(100)));
        let long = quote(&"ü".repeat(1000));
        assert!(long.starts_with("\"üü") && long.ends_with("ü\"…") && long.len() < 130, "{long}");
        assert_eq!(excerpt(&"€".repeat(34)), "€".repeat(33));
    }

    #[test]
    fn visible_text_is_ascii_and_unambiguous() {
        assert_eq!(visible("a-1.test <b>"), "a-1.test <b>");
        assert_eq!(visible("\u{202e}a\u{430}\\\u{1b}…"), r"\u{202e}a\u{430}\\\u{1b}\u{2026}");
    }

    #[test]
    fn t25_quotes_are_short_and_harmless() {
        assert_eq!(quote_octets(b"token.thumb"), "\"token.thumb\"");
        assert_eq!(quote_octets(b"a\x1b[2J\"\r\n\xff"), r#""a\x1b[2J\"\r\n\xff""#);
        assert_eq!(quote_octets(&[b'x'; 101]), format!("\"{}…\"", "x".repeat(100)));
        assert_eq!(quote_octets(&[b'x'; 100]), format!("\"{}\"", "x".repeat(100)));
        assert_eq!(quote_octets(b""), "\"\"");
    }

    proptest! {
        #[test]
        fn t25_no_byte_makes_a_quote_long_or_unprintable(bytes: Vec<u8>) {
            let text = quote_octets(&bytes);
            prop_assert!(text.chars().count() <= MAX_EXCERPT + 3);
            prop_assert!(text.chars().all(|c| c == '…' || c.is_ascii_graphic() || c == ' '));
        }
    }
}
