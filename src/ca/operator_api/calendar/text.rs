//! Content lines of iCalendar (RFC 5545 §3.1): escaping and folding.

use crate::values::Time;

/// Maximum length of a line, in octets without the line end (RFC 5545 §3.1).
const MAX_LINE: usize = 75;

/// Content lines in their written form.
#[derive(Debug, Default)]
pub struct Lines(String);

impl Lines {
    /// Adds a line that needs no escaping, folded if too long.
    pub fn raw(&mut self, line: &str) {
        let (mut rest, mut width) = (line, MAX_LINE);
        while rest.len() > width {
            // Not within a character: RFC 5545 allows that, but warns that some programs fail on it.
            let (head, tail) = rest.split_at_checked(rest.floor_char_boundary(width)).unwrap_or((rest, ""));
            self.0.push_str(head);
            self.0.push_str("\r\n ");
            rest = tail;
            // The leading space counts.
            width = MAX_LINE - 1;
        }
        self.0.push_str(rest);
        self.0.push_str("\r\n");
    }

    /// Adds a property with a text value.
    pub fn text(&mut self, name: &str, value: &str) {
        self.raw(&format!("{name}:{}", escape(value)));
    }

    /// Returns all lines.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// Escapes a text as a property value (RFC 5545 §3.3.11). All kinds of line ends become `\n`; forbidden control
/// characters are removed.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        match c {
            '\\' | ';' | ',' => escaped.extend(['\\', c]),
            '\n' | '\r' => escaped.push_str("\\n"),
            '\t' => escaped.push(c),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// Returns a UTC date-time (RFC 5545 §3.3.5, form 2): RFC 3339 without the separators.
pub fn instant(time: Time) -> String {
    time.rfc3339().replace(['-', ':'], "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Unfolds lines (RFC 5545 §3.1), independently of the writer.
    fn unfold(text: &str) -> String {
        text.replace("\r\n ", "").replace("\r\n\t", "")
    }

    fn unescape(value: &str) -> String {
        let (mut text, mut chars) = (String::new(), value.chars());
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next().unwrap() {
                    'n' | 'N' => text.push('\n'),
                    other => text.push(other),
                },
                ';' | ',' => panic!("{c} is not escaped"),
                other => text.push(other),
            }
        }
        text
    }

    #[test]
    fn texts_are_escaped() {
        assert_eq!(escape("a;b,c\\d:e\"f"), r#"a\;b\,c\\d:e"f"#);
        assert_eq!(escape("a\nb\r\nc\rd\n\re"), r"a\nb\nc\nd\n\ne");
        assert_eq!(escape("a\tb\0c\u{1b}d\u{7f}e\u{85}f"), "a\tbcdef");
    }

    #[test]
    fn lines_are_folded_at_75_octets() {
        let folded = |line: &str| {
            let mut lines = Lines::default();
            lines.raw(line);
            lines.into_string()
        };
        assert_eq!(folded(&"a".repeat(75)), format!("{}\r\n", "a".repeat(75)));
        assert_eq!(folded(&"a".repeat(76)), format!("{}\r\n a\r\n", "a".repeat(75)));
        let (first, second) = ("a".repeat(75), "a".repeat(74));
        assert_eq!(folded(&"a".repeat(150)), format!("{first}\r\n {second}\r\n a\r\n"));
        // Two octets each; the second of the 38th would be the 76th.
        let (first, rest) = ("ü".repeat(37), "ü".repeat(3));
        assert_eq!(folded(&"ü".repeat(40)), format!("{first}\r\n {rest}\r\n"));
    }

    #[test]
    fn instants_are_in_utc() {
        assert_eq!(instant(Time::from_secs(1_795_521_600)), "20261124T120000Z");
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(text in r"([ -~]|[\\;,:\n\t]|\PC){0,300}") {
            let mut lines = Lines::default();
            lines.text("SUMMARY", &text);
            let written = lines.into_string();
            let whole = written.strip_suffix("\r\n").unwrap();
            for line in whole.split("\r\n") {
                prop_assert!(line.len() <= 75 && !line.contains(['\r', '\n']), "{line:?}");
            }
            let value = unfold(whole);
            prop_assert_eq!(unescape(value.strip_prefix("SUMMARY:").unwrap()), text);
        }

        #[test]
        fn no_text_breaks_out_of_its_line(text in any::<String>()) {
            let mut lines = Lines::default();
            lines.text("SUMMARY", &text);
            let written = lines.into_string();
            for (n, line) in written.strip_suffix("\r\n").unwrap().split("\r\n").enumerate() {
                prop_assert!(line.starts_with(if n == 0 { "SUMMARY:" } else { " " }), "{line:?}");
                prop_assert!(line.len() <= 75 && !line.chars().any(|c| c.is_control() && c != '\t'), "{line:?}");
            }
        }
    }
}
