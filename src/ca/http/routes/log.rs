//! Paths of transparency logs.

use crate::pki::Serial;
use crate::tlog::tile::Resource;

/// A resource of an issuer's transparency logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogRoute {
    /// The list of the logs.
    List,
    /// The proof that the certificate with this serial number is in one of them.
    Proof(Serial),
    /// A file of the log with this id.
    File(String, Resource),
}

impl LogRoute {
    /// Parses the parts of a path after `/log/`.
    ///
    /// They are the issuer, and a resource of its logs.
    pub fn parse<'a>(issuer: &str, parts: &mut impl Iterator<Item = &'a str>) -> Option<(String, Self)> {
        let issuer = issuer_id(issuer)?;
        let route = match parts.next() {
            None => Self::List,
            Some("proof") => Self::Proof(Serial::from_hex(parts.next()?)?),
            Some(log) => {
                let rest: Vec<&str> = parts.collect();
                Self::File(log_id(log)?, Resource::parse(&rest.join("/"))?)
            }
        };
        Some((issuer, route))
    }
}

/// Parses the id of a log: 8 digits of lower-case hex.
fn log_id(text: &str) -> Option<String> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    (text.len() == 8 && text.bytes().all(hex)).then(|| text.to_owned())
}

/// Parses an issuer's id in a URL: lower-case hex.
pub(super) fn issuer_id(id: &str) -> Option<String> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    (!id.is_empty() && id.len() <= 64 && id.bytes().all(hex)).then(|| id.to_owned())
}
