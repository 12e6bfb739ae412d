//! Unicode forms of names: U-labels in place of A-labels
//! ([RFC 5890 §2.3.2.1](https://www.rfc-editor.org/rfc/rfc5890#section-2.3.2.1)).
//!
//! Certificates and stored records have A-labels. The Unicode forms are for display and search.

/// Prefix of A-labels.
const PREFIX: &str = "xn--";

/// Converts a name to U-labels; `None` for a name without A-labels, or without valid ones.
///
/// Each label is converted by itself; the Bidi rule between labels does not apply to display.
pub fn form(name: &str) -> Option<String> {
    if !name.contains(PREFIX) {
        return None;
    }
    let labels: Vec<String> = name.split('.').map(|label| u_label(label).unwrap_or_else(|| label.to_owned())).collect();
    Some(labels.join(".")).filter(|unicode| unicode != name)
}

/// The U-label of an A-label; `None` for another label.
fn u_label(label: &str) -> Option<String> {
    let (unicode, fault) = idna::domain_to_unicode(label);
    Some(unicode).filter(|unicode| label.starts_with(PREFIX) && fault.is_ok() && unicode != label)
}

/// Converts a name for display: with U-labels where it has any.
pub fn shown(name: &str) -> String {
    form(name).unwrap_or_else(|| name.to_owned())
}

/// Both forms, Unicode first: letters of several scripts look the same.
pub fn both(name: &str) -> String {
    form(name).map_or_else(|| name.to_owned(), |unicode| format!("{unicode} ({name})"))
}

/// Maps a part of a name, in either form, to what [`form`] would contain (UTS #46).
pub fn for_search(part: &str) -> String {
    let label = |label: &str| {
        let lower = label.to_lowercase();
        let mapped = u_label(&lower).unwrap_or_else(|| idna::domain_to_unicode(label).0);
        // A part of a valid label need not be a valid label.
        if mapped.contains(char::REPLACEMENT_CHARACTER) { lower } else { mapped }
    };
    part.split('.').map(label).collect::<Vec<_>>().join(".")
}

/// Converts a name, or a pattern of names, to A-labels; `None` for an invalid label.
pub fn with_a_labels(name: &str) -> Option<String> {
    let label = |label: &str| match label.is_ascii() {
        true => Some(label.to_ascii_lowercase()),
        false => idna::domain_to_ascii_strict(label).ok(),
    };
    name.split('.').map(label).collect::<Option<Vec<_>>>().map(|labels| labels.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::identifier::DnsName;
    use proptest::prelude::*;

    #[test]
    fn names_have_both_forms() {
        for (ascii, unicode) in [
            ("xn--bcher-kva.example", "bücher.example"),
            ("*.xn--bcher-kva.example", "*.bücher.example"),
            ("www.xn--fiqs8s", "www.中国"),
            ("xn--mgberp4a5d4ar", "السعودية"),
            ("1.xn--4dbc.n2", "1.אב.n2"),
        ] {
            assert_eq!(form(ascii).as_deref(), Some(unicode));
            assert_eq!((both(ascii), shown(ascii)), (format!("{unicode} ({ascii})"), unicode.to_owned()));
            assert_eq!(with_a_labels(unicode).as_deref(), Some(ascii));
        }
        for plain in
            ["www.example.org", "192.0.2.1", "2001:db8::1", "xn--.example", "xn--a\u{fffd}", "xn--zzzzzzzzzz99999"]
        {
            assert_eq!((form(plain), shown(plain).as_str()), (None, plain));
        }
        assert_eq!((with_a_labels("bü cher.example"), with_a_labels("-ü.example")), (None, None));
    }

    #[test]
    fn parts_are_found_in_either_form_and_whatever_the_case() {
        for part in ["BÜCH", "bu\u{308}ch", "xn--bcher-kva", "XN--BCHER-KVA.ex", "ücher.e"] {
            assert!(form("xn--bcher-kva.example").unwrap().contains(&for_search(part)), "{part}");
        }
        assert!(!form("xn--bcher-kva.example").unwrap().contains(&for_search("buch")));
    }

    proptest! {
        #[test]
        fn any_text_has_forms(text in any::<String>()) {
            let _ = (form(&text), both(&text), for_search(&text), with_a_labels(&text));
        }

        #[test]
        fn a_name_of_any_letters_is_found_by_each_part_of_it(label in "[a-z0-9äöüéλж中אب]{2,12}", at in 0usize..10) {
            let written = format!("{label}.1.example");
            let Some(ascii) = with_a_labels(&written) else { return Ok(()) };
            prop_assume!(DnsName::parse(&ascii).is_ok());
            let part: String = label.chars().skip(at % label.chars().count()).collect();
            prop_assert!(shown(&ascii).contains(&for_search(&part)), "{ascii} {part}");
            prop_assert_eq!(with_a_labels(&shown(&ascii)), Some(ascii));
        }
    }
}
