//! Names as people read them: with U-labels in place of A-labels
//! ([RFC 5890 §2.3.2.1](https://www.rfc-editor.org/rfc/rfc5890#section-2.3.2.1)).
//!
//! Certificates, and all that is stored, have A-labels. These forms are for looking and for searching.

/// The name with U-labels; `None` for one that has no A-labels, or one that stands for no Unicode.
pub fn form(name: &str) -> Option<String> {
    if !name.contains("xn--") {
        return None;
    }
    let (unicode, fault) = idna::domain_to_unicode(name);
    Some(unicode).filter(|unicode| fault.is_ok() && unicode != name)
}

/// The name with U-labels where it has any, else as it is.
pub fn shown(name: &str) -> String {
    form(name).unwrap_or_else(|| name.to_owned())
}

/// The name with U-labels and, behind it, as the certificate has it: letters of several scripts look the same.
pub fn both(name: &str) -> String {
    form(name).map_or_else(|| name.to_owned(), |unicode| format!("{unicode} ({name})"))
}

/// A part of a name as it would be found in [`form`]: letters as UTS #46 maps them, in either form.
pub fn for_search(part: &str) -> String {
    // What is wrong as a name, a hyphen at the end perhaps, may be right as a part of one.
    idna::domain_to_unicode(part).0
}

/// The name, or pattern of names, with A-labels; `None` where it cannot have any.
pub fn with_a_labels(name: &str) -> Option<String> {
    let (star, base) = name.strip_prefix("*.").map_or(("", name), |base| ("*.", base));
    idna::domain_to_ascii_strict(base).ok().map(|base| format!("{star}{base}"))
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
        fn a_name_of_any_letters_is_found_by_each_part_of_it(label in "[a-zäöüéλж中]{2,12}", at in 0usize..10) {
            let written = format!("{label}.example");
            let Some(ascii) = with_a_labels(&written) else { return Ok(()) };
            prop_assert!(DnsName::parse(&ascii).is_ok(), "{}", ascii);
            let part: String = label.chars().skip(at % label.chars().count()).collect();
            prop_assert!(shown(&ascii).contains(&for_search(&part)), "{ascii} {part}");
            prop_assert_eq!(with_a_labels(&shown(&ascii)), Some(ascii));
        }
    }
}
