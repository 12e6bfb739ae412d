use super::*;
use proptest::prelude::*;

fn read(text: &str) -> Option<IssueValue<'_>> {
    issue_value(text.as_bytes())
}

#[test]
fn caa_issue_value_within_grammar_is_parsed() {
    let account = "https://ca.example/acme/account/1?a=b&c=%20";
    let with_account = format!("ca.example; accounturi={account}; policy=wildcard");
    for (text, issuer, parameters) in [
        ("", None, vec![]),
        (" \t", None, vec![]),
        (";", None, vec![]),
        (" ; ", None, vec![]),
        ("ca.example", Some("ca.example"), vec![]),
        ("\tCA-1.example ", Some("CA-1.example"), vec![]),
        ("ca", Some("ca"), vec![]),
        ("xn--bcher-kva.example", Some("xn--bcher-kva.example"), vec![]),
        ("ca.example;", Some("ca.example"), vec![]),
        ("ca.example ; \t", Some("ca.example"), vec![]),
        ("ca.example;a=1", Some("ca.example"), vec![("a", "1")]),
        ("ca.example ; a = 1 ;b\t=\t2 ", Some("ca.example"), vec![("a", "1"), ("b", "2")]),
        ("; a=1", None, vec![("a", "1")]),
        ("ca.example; a=", Some("ca.example"), vec![("a", "")]),
        ("ca.example; a-b=!:=<~", Some("ca.example"), vec![("a-b", "!:=<~")]),
        (&with_account, Some("ca.example"), vec![("accounturi", account), ("policy", "wildcard")]),
    ] {
        assert_eq!(read(text), Some(IssueValue { issuer, parameters }), "{text:?}");
    }
}

#[test]
fn caa_issue_value_outside_grammar_is_refused() {
    for text in [
        "ca.example.",
        ".ca.example",
        "ca..example",
        "-ca.example",
        "ca-.example",
        "ca_1.example",
        "ca example",
        "b\u{fc}cher.example",
        "ca.example\n",
        "\"ca.example\"",
        "https://ca.example",
        "ca.example; a",
        "ca.example; =1",
        "ca.example; -a=1",
        "ca.example; a_b=1",
        "ca.example; a b=1",
        "ca.example; a=1 2",
        "ca.example; a=1\u{0}",
        "ca.example; a=\u{7f}",
        "ca.example; a=\u{e9}",
        "ca.example; a=1;",
        "ca.example; a=1;;b=2",
        "ca.example;; a=1",
        "ca.example; ;",
    ] {
        assert_eq!(read(text), None, "{text:?}");
    }
    assert_eq!(issue_value(b"ca.example\xff"), None);
}

#[test]
fn caa_repeated_parameter_of_any_case_is_detected() {
    let value = issue_value(b"ca.example; AccountURI=a; b=1; accounturi=b").unwrap();
    assert_eq!(value.parameter("accounturi"), Err(RepeatedParameter));
    assert_eq!((value.parameter("b"), value.parameter("c")), (Ok(Some("1")), Ok(None)));
    assert!(value.repeats());
    assert!(!issue_value(b"ca.example; a=1; b=1").unwrap().repeats());
}

#[test]
fn caa_issuers_are_compared_without_regard_to_case_and_as_a_whole() {
    let names = ["ca.example".to_owned(), "ca.test".to_owned()];
    for (text, named) in [
        ("ca.example", true),
        ("CA.Test; a=1", true),
        ("a.ca.example", false),
        ("ca.exampl", false),
        ("", false),
        (";", false),
    ] {
        assert_eq!(issue_value(text.as_bytes()).unwrap().names_any(&names), named, "{text:?}");
    }
    assert_eq!(addressee(b" ca.example ; a b"), b"ca.example");
}

proptest! {
    /// Whatever is read, is read the same when it is written again from its parts.
    #[test]
    fn caa_any_bytes_are_read_or_not_without_a_panic(bytes: Vec<u8>, text in "[a-z.;= \t-]{0,40}") {
        for bytes in [&bytes[..], text.as_bytes()] {
            addressee(bytes);
            if let Some(value) = issue_value(bytes) {
                let parameters = value.parameters.iter().map(|(tag, value)| format!("; {tag}={value}"));
                let again = value.issuer.unwrap_or_default().to_owned() + &parameters.collect::<String>();
                prop_assert_eq!(issue_value(again.as_bytes()), Some(value));
            }
        }
    }
}
