//! The settings of receivers that people read: Slack, Teams, ntfy and e-mail.

use super::values::{Values, invalid};
use super::webhook::read_url;
use core::fmt;
use url::Url;

/// Maximum number of addresses in `EMAIL_TO`.
const MAX_ADDRESSES: usize = 20;

/// Maximum length of an address (RFC 5321 §4.5.3.1.3).
const MAX_ADDRESS: usize = 254;

/// A receiver of messages for people.
#[derive(Clone, PartialEq, Eq)]
pub enum Receiver {
    /// An incoming webhook of Slack.
    Slack(Url),
    /// A webhook of a Teams workflow.
    Teams(Url),
    /// A topic of an ntfy server.
    Ntfy {
        /// The server.
        server: Url,
        /// The topic.
        topic: String,
        /// An access token.
        token: Option<String>,
    },
    /// Addresses, by the platform's e-mail binding.
    Email {
        /// The sender.
        from: String,
        /// The recipients.
        to: Vec<String>,
    },
}

/// An e-mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The sender.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
    /// The subject: one line.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

impl Receiver {
    /// Its name in records and answers.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Slack(_) => "slack",
            Self::Teams(_) => "teams",
            Self::Ntfy { .. } => "ntfy",
            Self::Email { .. } => "email",
        }
    }

    /// Reads `SLACK_URL`, `TEAMS_URL`, `NTFY_URL` with `NTFY_TOKEN`, and `EMAIL_TO` with `EMAIL_FROM`.
    ///
    /// # Errors
    /// A sentence for the operator, without the URLs, which are secrets.
    pub fn read(value: Values<'_>, base: &str, dev: bool) -> Result<Vec<Self>, String> {
        let mut all = Vec::new();
        if let Some(text) = value("SLACK_URL") {
            all.push(Self::Slack(read_url("SLACK_URL", &text, "https://hooks.slack.com/services/…", dev)?));
        }
        if let Some(text) = value("TEAMS_URL") {
            let like = "https://….logic.azure.com/workflows/…";
            all.push(Self::Teams(read_url("TEAMS_URL", &text, like, dev)?));
        }
        match (value("NTFY_URL"), value("NTFY_TOKEN")) {
            (Some(text), token) => all.push(ntfy(&text, token, dev)?),
            (None, Some(_)) => return Err("NTFY_TOKEN is set, and NTFY_URL is not; set it too.".to_owned()),
            (None, None) => {}
        }
        match (value("EMAIL_TO"), value("EMAIL_FROM")) {
            (Some(text), from) => all.push(email(&text, from, base)?),
            (None, Some(_)) => return Err("EMAIL_FROM is set, and EMAIL_TO is not; set it too.".to_owned()),
            (None, None) => {}
        }
        Ok(all)
    }
}

fn ntfy(text: &str, token: Option<String>, dev: bool) -> Result<Receiver, String> {
    let like = "https://ntfy.sh/TOPIC";
    let mut server = read_url("NTFY_URL", text, like, dev)?;
    let topic = server.path().trim_matches('/').to_owned();
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if topic.is_empty() || topic.len() > 64 || !topic.bytes().all(plain) || server.query().is_some() {
        return Err(format!("NTFY_URL has to end with one topic of A-Z a-z 0-9 _ -, like {like}."));
    }
    server.set_path("/");
    if token.as_ref().is_some_and(|token| token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic())) {
        return Err("NTFY_TOKEN has to be an access token of ASCII characters without spaces.".to_owned());
    }
    Ok(Receiver::Ntfy { server, topic, token })
}

fn email(text: &str, from: Option<String>, base: &str) -> Result<Receiver, String> {
    let to: Vec<String> = text.split([',', ' ']).filter(|one| !one.is_empty()).map(str::to_owned).collect();
    if to.is_empty() || to.len() > MAX_ADDRESSES || !to.iter().all(|one| is_address(one)) {
        let what = format!("1 to {MAX_ADDRESSES} addresses, like ops@example.org, security@example.org");
        return Err(invalid("EMAIL_TO", text, what));
    }
    let host = Url::parse(base).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let from = from.unwrap_or_else(|| format!("selvedge@{host}"));
    if !is_address(&from) {
        return Err(invalid("EMAIL_FROM", &from, "an address of a domain that may send, like ca@example.org"));
    }
    Ok(Receiver::Email { from, to })
}

/// Whether a text is one plain address: it goes into headers.
fn is_address(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_graphic() && !b"<>()[],;:\\\"".contains(&b);
    let parts = text.split_once('@').filter(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    parts.is_some() && text.len() <= MAX_ADDRESS && text.bytes().all(plain)
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receiver({})", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://ca.example.org";

    fn read(values: &[(&str, &str)]) -> Result<Vec<Receiver>, String> {
        let value = |name: &str| values.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
        Receiver::read(&value, BASE, false)
    }

    #[test]
    fn each_receiver_takes_one_line() {
        assert_eq!(read(&[]), Ok(Vec::new()));
        let all = read(&[
            ("SLACK_URL", "https://hooks.slack.com/services/T0/B0/secret"),
            ("TEAMS_URL", "https://x.logic.azure.com/workflows/1?sig=secret"),
            ("NTFY_URL", "https://ntfy.sh/my-ca"),
            ("EMAIL_TO", "ops@example.org, security@example.org"),
        ]);
        let all = all.unwrap();
        assert_eq!(all.iter().map(Receiver::name).collect::<Vec<_>>(), ["slack", "teams", "ntfy", "email"]);
        let server = Url::parse("https://ntfy.sh/").unwrap();
        assert_eq!(all[2], Receiver::Ntfy { server, topic: "my-ca".to_owned(), token: None });
        let to = ["ops@example.org", "security@example.org"].map(str::to_owned).to_vec();
        assert_eq!(all[3], Receiver::Email { from: "selvedge@ca.example.org".to_owned(), to });
        assert!(!format!("{all:?}").contains("secret"));
    }

    #[test]
    fn faults_name_the_setting_and_no_secret() {
        for (values, says) in [
            (&[("SLACK_URL", "http://hooks.slack.com/secret")][..], "SLACK_URL has to begin with https://"),
            (&[("TEAMS_URL", "secret")], "TEAMS_URL has to be a URL"),
            (&[("NTFY_URL", "https://ntfy.sh/")], "NTFY_URL has to end with one topic"),
            (&[("NTFY_URL", "https://ntfy.sh/a/b")], "NTFY_URL has to end with one topic"),
            (&[("NTFY_TOKEN", "tk_secret")], "NTFY_URL is not"),
            (&[("NTFY_URL", "https://ntfy.sh/a"), ("NTFY_TOKEN", "tk secret")], "NTFY_TOKEN has to be"),
            (&[("EMAIL_FROM", "a@b.test")], "EMAIL_TO is not"),
            (&[("EMAIL_TO", "ops")], "EMAIL_TO is \"ops\""),
            (&[("EMAIL_TO", "a@b.test\r\nBcc:eve@c.test")], "EMAIL_TO is"),
            (&[("EMAIL_TO", "Ops <ops@example.org>")], "EMAIL_TO is"),
            (&[("EMAIL_TO", "a@b.test"), ("EMAIL_FROM", "a@b@c")], "EMAIL_FROM is \"a@b@c\""),
        ] {
            let fault = read(values).unwrap_err();
            assert!(fault.contains(says) && !fault.contains("secret"), "{fault}");
        }
    }
}
