//! The forms of messages: what each receiver gets, with names shown as they are.
//!
//! They have no markup: Slack and Teams get plain text elements, ntfy plain text, mails have escaped HTML.

use crate::ca::config::receivers::{Mail, Receiver};
use crate::ca::config::webhook::WebhookRequest;
use crate::ca::http::html::escaped;
use crate::records::operations::notice::NoticeKind;
use crate::records::operations::notice::digest::Batch;
use crate::values::quote::visible;
use serde_json::{Value, json};
use url::Url;

/// A message on its way.
pub enum Message {
    /// A POST.
    Http(WebhookRequest),
    /// An e-mail.
    Mail(Mail),
}

/// The number of names in a line.
const NAMES: usize = 3;

/// Length in octets from which ntfy makes an attachment of a text.
const NTFY_TEXT: usize = 4000;

/// Describes a notice in a line of printable ASCII.
pub fn line(kind: NoticeKind, data: &Value) -> String {
    let text = |pointer: &str| data.pointer(pointer).and_then(Value::as_str).map(visible).unwrap_or_default();
    match kind {
        NoticeKind::CertificateRevoked => {
            let reason = data.pointer("/revoked/reason").and_then(Value::as_u64);
            let reason = reason.map_or_else(String::new, |reason| format!(", reason {reason}"));
            format!("revoked: {} (serial {}), by {}{reason}", names(data), text("/serial"), text("/revoked/by"))
        }
        NoticeKind::CertificateEnding => {
            format!("not renewed: {} (serial {}), ends {}", names(data), text("/serial"), text("/not_after"))
        }
        NoticeKind::IssuerEnding => match text("/turn").as_str() {
            "end" => format!("issuer {} ends {}", text("/name"), text("/at")),
            _ => format!("issuer {} issues no certificates of full length after {}", text("/name"), text("/at")),
        },
        NoticeKind::LogForked => {
            format!("the log {} has forked, says the witness {}: {}", text("/log"), text("/witness"), text("/what"))
        }
        NoticeKind::Test => format!("test of the notices of {}", text("/directory")),
    }
}

fn names(data: &Value) -> String {
    let all = data.get("names").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let shown: Vec<String> = all.iter().filter_map(Value::as_str).take(NAMES).map(visible).collect();
    match all.len().saturating_sub(NAMES) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The title and the lines of a message.
struct Text {
    title: String,
    lines: Vec<String>,
}

impl Text {
    fn of(host: &str, batch: &Batch) -> Self {
        let number = batch.number();
        let things = if number == 1 { "notice" } else { "notices" };
        let mut lines = batch.first.clone();
        let shown = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        if number > shown {
            let counts: Vec<String> = batch.counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            let more = number.saturating_sub(shown);
            lines.push(format!("and {more} more; in all {}. `selvedge notices list` has them.", counts.join(", ")));
        }
        Self { title: format!("Selvedge {host}: {number} {things}"), lines }
    }

    fn joined(&self) -> String {
        self.lines.join("\n")
    }
}

/// The message to a receiver about a batch, of the CA at this host.
pub fn message(receiver: &Receiver, host: &str, batch: &Batch) -> Message {
    let text = Text::of(host, batch);
    let post = |url: String, body: &Value, more: Option<(&'static str, String)>| {
        let kind = ("content-type", "application/json".to_owned());
        Message::Http(WebhookRequest { url, headers: [kind].into_iter().chain(more).collect(), body: body.to_string() })
    };
    match receiver {
        Receiver::Slack(url) => post(url.as_str().to_owned(), &slack(&text), None),
        Receiver::Teams(url) => post(url.as_str().to_owned(), &teams(&text), None),
        Receiver::Ntfy { server, topic, token } => {
            let token = token.as_ref().map(|token| ("authorization", format!("Bearer {token}")));
            post(server.as_str().to_owned(), &ntfy(topic, &text, batch), token)
        }
        Receiver::Email { from, to } => Message::Mail(mail(from, to, &text)),
    }
}

/// A message for Slack without its markup. Control sequences begin with `<`, so the three characters are escaped.
fn slack(text: &Text) -> Value {
    let whole = format!("{}\n{}", text.title, text.joined());
    let escaped = whole.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    json!({ "text": escaped, "mrkdwn": false, "parse": "none", "unfurl_links": false, "unfurl_media": false })
}

/// An adaptive card for a Teams workflow. Runs of text have no Markdown, other than text blocks.
fn teams(text: &Text) -> Value {
    let block = |text: &str, weight: &str| json!({ "type": "RichTextBlock", "inlines": [{ "type": "TextRun", "text": text, "weight": weight }] });
    let lines = text.lines.iter().map(|line| block(line, "Default"));
    let body: Vec<Value> = core::iter::once(block(&text.title, "Bolder")).chain(lines).collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
                "body": body,
            },
        }],
    })
}

/// A message for ntfy, as plain text. It is urgent unless it is a test.
fn ntfy(topic: &str, text: &Text, batch: &Batch) -> Value {
    let all = text.joined();
    let cut = all.get(..all.floor_char_boundary(NTFY_TEXT)).unwrap_or_default();
    let test = batch.counts.keys().all(|kind| kind == NoticeKind::Test.name());
    json!({
        "topic": topic, "title": text.title, "message": cut, "markdown": false,
        "priority": if test { 3 } else { 4 }, "tags": [if test { "white_check_mark" } else { "warning" }],
    })
}

fn mail(from: &str, to: &[String], text: &Text) -> Mail {
    let lines: String = text.lines.iter().map(|line| format!("<li>{}</li>", escaped(line))).collect();
    Mail {
        from: from.to_owned(),
        to: to.to_vec(),
        subject: text.title.clone(),
        text: format!("{}\n", text.joined()),
        html: format!("<p>{}</p><ul>{lines}</ul>", escaped(&text.title)),
    }
}

/// Removes the URL from a host's error. Many receivers authenticate their callers by it.
pub fn without_url(why: &str, url: &str) -> String {
    let why = why.replace(url, "WEBHOOK_URL");
    let path = Url::parse(url).map(|url| url[url::Position::BeforePath..].to_owned()).unwrap_or_default();
    if path.len() > 1 { why.replace(&path, "/…") } else { why }
}

#[cfg(test)]
mod tests;
