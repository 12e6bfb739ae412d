use super::*;
use crate::values::Time;

/// A name made to look like the markup of each form.
const EVIL: &str = "<!channel>*b*_i_[x](https://evil.test)&lt;b&gt;`c`\u{202e}txt\u{1b}[2J\r\nBcc: eve@evil.test";

/// The same as it is shown.
const SHOWN: &str =
    "<!channel>*b*_i_[x](https://evil.test)&lt;b&gt;`c`\\u{202e}txt\\u{1b}[2J\\u{d}\\u{a}Bcc: eve@evil.test";

fn batch() -> Batch {
    let mut batch = Batch::new(Time::from_secs(1));
    let data =
        json!({ "names": [EVIL, "*.a.test"], "serial": "0a", "revoked": { "by": "operator: ada", "reason": 1 } });
    batch.add("certificate.revoked", &line(NoticeKind::CertificateRevoked, &data));
    batch
}

fn body(message: Message) -> (WebhookRequest, Value) {
    let Message::Http(request) = message else { panic!("a mail") };
    let body = serde_json::from_str(&request.body).unwrap();
    (request, body)
}

fn shown() -> String {
    format!("revoked: {SHOWN}, *.a.test (serial 0a), by operator: ada, reason 1")
}

#[test]
fn slack_gets_text_without_markup() {
    let receiver = Receiver::Slack(Url::parse("https://hooks.slack.com/services/T/B/x").unwrap());
    let (request, body) = body(message(&receiver, "ca.test", &batch()));
    assert_eq!(request.url, "https://hooks.slack.com/services/T/B/x");
    assert_eq!(request.headers, [("content-type", "application/json".to_owned())]);
    let escaped = shown().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let wanted = json!({
        "text": format!("Selvedge ca.test: 1 notice\n{escaped}"), "mrkdwn": false, "parse": "none",
        "unfurl_links": false, "unfurl_media": false,
    });
    assert_eq!(body, wanted);
    assert!(!body["text"].as_str().unwrap().contains('<'));
}

#[test]
fn teams_gets_an_adaptive_card_of_text_runs() {
    let receiver = Receiver::Teams(Url::parse("https://x.logic.azure.com/workflows/1?sig=y").unwrap());
    let (request, body) = body(message(&receiver, "ca.test", &batch()));
    assert_eq!(request.url, "https://x.logic.azure.com/workflows/1?sig=y");
    let run = |text: &str, weight: &str| json!({ "type": "RichTextBlock", "inlines": [{ "type": "TextRun", "text": text, "weight": weight }] });
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
        "body": [run("Selvedge ca.test: 1 notice", "Bolder"), run(&shown(), "Default")],
    });
    let kind = "application/vnd.microsoft.card.adaptive";
    let attachment = json!({ "contentType": kind, "contentUrl": null, "content": card });
    assert_eq!(body, json!({ "type": "message", "attachments": [attachment] }));
}

#[test]
fn ntfy_gets_plain_text_with_its_token() {
    let (server, topic) = (Url::parse("https://ntfy.sh/").unwrap(), "my-ca".to_owned());
    let receiver = Receiver::Ntfy { server, topic, token: Some("tk_1".to_owned()) };
    let (request, body) = body(message(&receiver, "ca.test", &batch()));
    assert_eq!(
        (&*request.url, &request.headers[1]),
        ("https://ntfy.sh/", &("authorization", "Bearer tk_1".to_owned()))
    );
    let wanted = json!({
        "topic": "my-ca", "title": "Selvedge ca.test: 1 notice", "message": shown(), "markdown": false, "priority": 4,
        "tags": ["warning"],
    });
    assert_eq!(body, wanted);
}

#[test]
fn mail_has_one_line_of_subject_and_escaped_html() {
    let receiver = Receiver::Email { from: "ca@a.test".to_owned(), to: vec!["ops@a.test".to_owned()] };
    let Message::Mail(mail) = message(&receiver, "ca.test", &batch()) else { panic!("a POST") };
    let escaped = shown().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let wanted = Mail {
        from: "ca@a.test".to_owned(),
        to: vec!["ops@a.test".to_owned()],
        subject: "Selvedge ca.test: 1 notice".to_owned(),
        text: format!("{}\n", shown()),
        html: format!("<p>Selvedge ca.test: 1 notice</p><ul><li>{escaped}</li></ul>"),
    };
    assert_eq!(mail, wanted);
}

#[test]
fn flood_is_counted_and_its_first_notices_are_shown() {
    let mut batch = batch();
    for n in 0..99 {
        let data = json!({ "names": [format!("n{n}.test")], "serial": "0b", "not_after": "2027-01-31T00:00:00Z" });
        batch.add("certificate.ending", &line(NoticeKind::CertificateEnding, &data));
    }
    let receiver = Receiver::Email { from: "ca@a.test".to_owned(), to: vec!["ops@a.test".to_owned()] };
    let Message::Mail(mail) = message(&receiver, "ca.test", &batch) else { panic!("a POST") };
    assert_eq!(mail.subject, "Selvedge ca.test: 100 notices");
    let lines: Vec<&str> = mail.text.lines().collect();
    assert_eq!(lines.len(), 6);
    assert_eq!(lines[1], "not renewed: n0.test (serial 0b), ends 2027-01-31T00:00:00Z");
    let last = "and 95 more; in all 99 certificate.ending, 1 certificate.revoked. `selvedge notices list` has them.";
    assert_eq!(lines[5], last);
}

#[test]
fn an_error_does_not_tell_the_url() {
    let url = "https://hooks.test/token?key=1";
    assert_eq!(without_url("cannot load https://hooks.test/token?key=1.", url), "cannot load WEBHOOK_URL.");
    assert_eq!(without_url("POST /token?key=1 to hooks.test failed", url), "POST /… to hooks.test failed");
    assert_eq!(without_url("a / b", "https://hooks.test/"), "a / b");
}
