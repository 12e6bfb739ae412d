use super::super::testing::{documents, known, policy};
use super::*;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn a_document_is_written_as_it_was_read() {
    for document in [
        json!({}),
        json!({ "allow": [] }),
        json!({
            "allow": ["*.example.org", "192.0.2.0/24", "192.0.2.7", "::1", "*"],
            "deny": ["*.secret.example.org"],
            "preauthorized": ["*.corp.example"],
            "wildcards": false,
            "single_label_names": false,
            "internal_names": false,
            "challenges": [],
            "profiles": ["shortlived"],
            "max_lifetime": "45d",
            "common_name": true,
        }),
        json!({ "common_name": false }),
    ] {
        assert_eq!(policy(&document).document(), document);
    }
}

#[test]
fn what_is_the_default_is_left_out_and_other_spellings_become_one() {
    let spelled = json!({
        "max_lifetime": "48h", "deny": [], "preauthorized": [], "wildcards": true,
        "allow": ["A.Example", "10.1.2.3/32", "2001:DB8:0::/32"],
    });
    let written = json!({ "allow": ["a.example", "10.1.2.3", "2001:db8::/32"], "max_lifetime": "2d" });
    assert_eq!(policy(&spelled).document(), written);
    assert_eq!(policy(&json!({ "max_lifetime": "36h" })).document(), json!({ "max_lifetime": "36h" }));
}

proptest! {
    #[test]
    fn what_is_written_reads_as_the_same_policy(document in documents()) {
        let once = policy(&document);
        let text = once.document().to_string();
        let (again, sent) = Policy::read_text(&text, &known()).unwrap();
        prop_assert_eq!(&sent, &again.document());
        prop_assert_eq!(again, once);
    }
}
