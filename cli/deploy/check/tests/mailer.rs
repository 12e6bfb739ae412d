//! The check of the binding for mails.

use super::*;

#[test]
fn mails_need_a_binding_that_sends_them() {
    let found = |tables: &str, to: Option<&str>| {
        let mut scene = Scene::new();
        scene.top = String::leak(format!("{TOP}\n{tables}"));
        if let Some(to) = to {
            scene.set("EMAIL_TO", to);
        }
        scene.found().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    const BINDING: &str = "[[send_email]]\nname = 'EMAIL'\n";
    assert_eq!(found(BINDING, Some("ops@example.org")), "");
    assert_eq!(found("", None), "");
    for tables in ["", "[[send_email]]\nname = 'MAIL'\n"] {
        let said = found(tables, Some("ops@example.org"));
        assert!(said.contains("no binding EMAIL that sends mails") && said.contains("[[send_email]]"), "{said}");
    }
    assert!(found(BINDING, Some("ops")).contains("EMAIL_TO is \"ops\""), "the Worker's reader");
}
