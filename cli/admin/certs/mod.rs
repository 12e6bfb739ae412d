//! `certs`: the inventory of what was issued.

mod list;
mod replace;
mod revoke;
mod which;

use std::path::PathBuf;

use anyhow::{Result, bail};
use selvedge::values::Time;
use serde_json::Value;

use super::client::Client;
use super::place::At;
use crate::common::files::{Readers, Staged};
use crate::common::host;
use crate::common::host::{print, say};
use crate::common::table::{day, facts, minute, names, text};

/// Where they are.
const PATH: &str = "certificates";
/// The reasons that an operator can give (RFC 5280 §5.3.1).
const REASONS: [(&str, u8); 5] = [
    ("unspecified", 0),
    ("keyCompromise", 1),
    ("affiliationChanged", 3),
    ("superseded", 4),
    ("cessationOfOperation", 5),
];

/// What can be done with certificates.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List certificates, the one that ends first at the front.
    #[command(
        after_help = "Example: what ends within a month (`renewed` where a successor is there):\n  selvedge certs list --status valid \
                            --ends-within 30d\nAs a table for other programs: selvedge certs list --all --csv > all.csv"
    )]
    List(Box<list::Options>),
    /// Show a certificate.
    #[command(after_help = "Example: selvedge certs show 0a1b2c (or 0A:1B:2C, as OpenSSL writes it)")]
    Show {
        /// The serial number in hexadecimal.
        #[arg(value_parser = serial)]
        serial: String,
    },
    /// Download a certificate with its chain (PEM).
    #[command(after_help = "Example: selvedge certs download 0a1b2c --out www.pem")]
    Download {
        /// The serial number in hexadecimal.
        #[arg(value_parser = serial)]
        serial: String,
        /// The file to write, which must not exist; without it, it is printed.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Revoke a certificate, or many: verifiers that look at the CRL refuse them from then on. It cannot be taken back.
    #[command(
        after_help = "Example: the key was stolen:\n  selvedge certs revoke 0a1b2c --reason keyCompromise\nAll that an account \
                            has, or a host that was stolen:\n  selvedge certs revoke --account ID\n  selvedge certs \
                            revoke --name '*.db7.example.org' --reason keyCompromise"
    )]
    Revoke(Box<revoke::Options>),
    /// Have clients replace certificates now, before they would: clients that ask for renewal information (ARI) renew when
    /// they look next. Nothing is revoked.
    #[command(
        after_help = "Example: everything that the first issuer signed, because its key may be known:\n  selvedge certs \
                            replace --issuer 0123456789abcdef --reason \"issuer key lost\""
    )]
    Replace(Box<replace::Options>),
    /// List what is to be replaced.
    #[command(after_help = "Example: selvedge certs replacements")]
    Replacements,
    /// Take back that certificates are to be replaced.
    #[command(after_help = "Example: selvedge certs withdraw ID (`certs replacements` lists them)")]
    Withdraw {
        /// The id of the replacement.
        id: String,
    },
}

/// Does it; whether all is well.
pub fn run(at: &At, command: &Command) -> Result<bool> {
    let client = Client::open(at)?;
    let now = host::now()?;
    match command {
        Command::List(options) => list::run(&client, at, options, now)?,
        Command::Show { serial } => client.get(&[PATH, serial], &[])?.show(at, |found| one(found, now)),
        Command::Download { serial, out } => download(&client, serial, out.as_ref())?,
        Command::Revoke(options) => revoke::run(&client, at, options, now)?,
        Command::Replace(options) => replace::run(&client, at, options)?,
        Command::Replacements => replace::list(&client, at)?,
        Command::Withdraw { id } => replace::withdraw(&client, at, id)?,
    }
    Ok(true)
}

fn download(client: &Client, serial: &str, out: Option<&PathBuf>) -> Result<()> {
    if let Some(out) = out.filter(|out| out.exists()) {
        bail!("{} exists, and nothing is overwritten; name another file with --out", out.display());
    }
    let pem = client.text(&[PATH, serial, "pem"], &[])?;
    // What is printed or kept is PEM, and nothing that a terminal could obey.
    if !pem.starts_with("-----BEGIN CERTIFICATE-----") || pem.chars().any(|c| c.is_control() && !"\r\n".contains(c)) {
        bail!("what the authority answers is no certificate in PEM");
    }
    match out {
        None => print(&pem),
        Some(out) => {
            Staged::write(out, &pem, Readers::Everyone)?.commit()?;
            say(format!("{} is written", out.display()));
        }
    }
    Ok(())
}

/// A certificate, all of it.
fn one(found: &Value, now: Time) -> String {
    let mut rows = vec![
        ("names", names(found, 100)),
        ("serial", text(found, "/serial")),
        ("status", state(found)),
        ("ends", day(found, "/not_after", now)),
        ("issued", minute(found, "/issued")),
        ("profile", text(found, "/profile")),
        ("account", text(found, "/account")),
        ("key", text(found, "/external_account")),
        ("order", text(found, "/order")),
        ("issuer", text(found, "/issuer")),
        ("renewal", format!("{} to {}", minute(found, "/renewal/start"), minute(found, "/renewal/end"))),
    ];
    if found.get("revoked").is_some_and(Value::is_object) {
        let why = found.pointer("/revoked/reason").and_then(Value::as_u64);
        let why = REASONS.iter().find(|(_, number)| Some(u64::from(*number)) == why).map(|(name, _)| *name);
        let (when, by) = (minute(found, "/revoked/at"), text(found, "/revoked/by"));
        let why = why.map_or_else(|| text(found, "/revoked/reason"), str::to_owned);
        rows.push(("revoked", format!("{when}, by {by}, reason: {why}")));
    }
    facts(&rows)
}

/// How a certificate stands, in a few words.
fn state(found: &Value) -> String {
    let mut state = text(found, "/status");
    let is = |name: &str| found.get(name).and_then(Value::as_bool).unwrap_or_default();
    // Of one that is over it would say nothing.
    if state == "valid" {
        if is("renewed") {
            state.push_str(", renewed");
        }
        if is("replace_now") {
            state.push_str(", to be replaced now");
        }
    }
    state
}

/// A serial number as OpenSSL or the authority writes it.
fn serial(text: &str) -> Result<String, String> {
    let hex = text.trim_start_matches("0x").replace([':', ' '], "").to_lowercase();
    if hex.is_empty() || hex.len() > 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(format!("{text:?} is no serial number in hexadecimal"));
    }
    Ok(hex)
}

fn reason(text: &str) -> Result<u8, String> {
    let found = REASONS.iter().find(|(name, number)| name.eq_ignore_ascii_case(text) || text == number.to_string());
    found.map(|(_, number)| *number).ok_or_else(|| {
        let all: Vec<String> = REASONS.iter().map(|(name, number)| format!("{name} ({number})")).collect();
        format!("there are: {}", all.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn serial_numbers_and_reasons_are_taken_as_people_write_them() {
        assert_eq!(serial("0A:1b:FF").unwrap(), "0a1bff");
        assert_eq!(serial("0x0A").unwrap(), "0a");
        for bad in ["", "xyz", "../x", &"a".repeat(65)] {
            assert!(serial(bad).is_err(), "{bad}");
        }
        assert_eq!([reason("keycompromise"), reason("4")].map(Result::unwrap), [1, 4]);
        assert!(reason("2").unwrap_err().contains("superseded (4)"));
    }

    #[test]
    fn how_a_certificate_stands_is_said_in_a_few_words() {
        let of = |status: &str, renewed: bool, now: bool| {
            state(&json!({"status": status, "renewed": renewed, "replace_now": now}))
        };
        assert_eq!(of("valid", false, false), "valid");
        assert_eq!(of("valid", true, true), "valid, renewed, to be replaced now");
        assert_eq!(of("expired", true, true), "expired");
    }
}
