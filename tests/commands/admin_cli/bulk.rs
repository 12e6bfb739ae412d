//! What is done with many certificates at once.

use super::double::{Double, certificate, revocations};
use serde_json::{Value, json};

#[test]
fn bulk_revocation_without_matches_does_nothing() {
    let double = Double::with(|request, _| {
        let nothing = || json!({"certificates": [], "complete": true, "next": null});
        (request.operation == "listCertificates").then(|| (200, nothing()))
    });
    for args in ["certs replace --name nowhere.test --yes", "certs revoke --name nowhere.test --yes"] {
        let args: Vec<&str> = args.split_whitespace().collect();
        double.run(&args).is(1, &["no valid certificate matches; nothing was done"]);
    }
    assert!(double.operations().iter().all(|asked| asked == "listCertificates"), "{:?}", double.operations());
}

#[test]
fn bulk_revocation_runs_in_steps_and_resumes() {
    let certificates = || {
        let all: Vec<Value> = (0..4).map(|n| certificate(&format!("0{n}"))).collect();
        json!({"certificates": all, "complete": true, "next": null})
    };
    let double = Double::with(move |request, asked| {
        let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
        match request.operation.as_str() {
            "listCertificates" => Some((200, certificates())),
            "revokeCertificates" => Some(match body["cursor"].as_str() {
                None => (200, revocations(&body, 2, Some("i.1"))),
                Some("i.1") => (200, revocations(&body, 1, Some("i.2"))),
                Some("i.2") if body["reason"] == 4 => {
                    let fault =
                        json!({"type": "urn:ietf:params:acme:error:serverInternal", "detail": "Lost.", "status": 500});
                    (500, fault)
                }
                Some(_) => (200, revocations(&body, 1, None)),
            }),
            _ => None,
        }
    });
    let args = ["certs", "revoke", "--external-account", "team", "--account", "a", "--profile", "p", "--yes"];
    let done = double.run(&args);
    done.is(
        0,
        &["2 of 4 revoked", "3 of 4 revoked", "4 certificates are revoked", "--issued-before 2026-11-24T12:00:01Z"],
    );
    let sent: Vec<Value> =
        double.server.asked().iter().rev().take(3).map(|asked| serde_json::from_str(&asked.body).unwrap()).collect();
    let body = |cursor: Option<&str>| {
        let mut body = json!({"account": "a", "external_account": "team", "profile": "p"});
        if let Some(cursor) = cursor {
            body["cursor"] = cursor.into();
            body["issued_before"] = "2026-11-24T12:00:01Z".into();
        }
        body
    };
    assert_eq!(sent, [body(Some("i.2")), body(Some("i.1")), body(None)]);
    let told: Value = serde_json::from_str(&double.run(&[&args[..], &["--json"]].concat()).is(0, &[]).out).unwrap();
    assert_eq!((&told["revoked"], told["serials"].as_array().unwrap().len()), (&json!(4), 4));
    let broken = double.run(&["certs", "revoke", "--all", "--yes", "--reason", "superseded"]);
    broken.is(2, &["Lost.", "3 revoked; resume with the same command and --issued-before 2026-11-24T12:00:01Z"]);
    double
        .run(&["certs", "revoke", "--all", "--yes", "--issued-before", "2026-11-24T12:00:01Z"])
        .is(0, &["4 certificates"]);
    let counted = double.server.asked().into_iter().find(|asked| asked.line.contains("issued_before")).unwrap().line;
    assert_eq!(counted, "GET /admin/v1/certificates?status=valid&issued_before=2026-11-24T12%3A00%3A01Z&limit=200");
    // What was revoked for another reason is meant by this one.
    double
        .run(&["certs", "revoke", "--all", "--yes", "--reason", "keyCompromise"])
        .is(0, &["4 valid certificates match"]);
    assert!(double.server.asked().iter().any(|asked| asked.line.contains("status=current")));
}
