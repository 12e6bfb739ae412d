//! All URLs of the CA, parsed and written.
//!
//! All derive from one configured base URL: clients sign the URL they request, and account URLs stay in DNS for
//! years, so they must not depend on a proxy's `Host` header.

mod files;
#[cfg(test)]
mod tests;
mod urls;

pub use self::files::{CrlFile, Encoding};
pub use self::urls::Urls;
use super::operator_files::File;
use super::operator_routes::{AdminRoute, PREFIX};
use super::pause_link::Pause;
use crate::pki::Serial;
use crate::records::operations::proof::CALENDAR;
use crate::values::{Id, Time};

/// A parsed path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `/`: the page for users.
    Home,
    /// The pages' style sheet.
    Style,
    /// The root certificate, if configured.
    Root(Encoding),
    /// The directory (RFC 8555 §7.1.1).
    Directory,
    /// newNonce (RFC 8555 §7.2).
    NewNonce,
    /// newAccount (RFC 8555 §7.3).
    NewAccount,
    /// newOrder (RFC 8555 §7.4).
    NewOrder,
    /// newAuthz (RFC 8555 §7.4.1).
    NewAuthorization,
    /// revokeCert (RFC 8555 §7.6).
    RevokeCert,
    /// keyChange (RFC 8555 §7.3.5).
    KeyChange,
    /// An account.
    Account(Id),
    /// An account's orders after this one.
    Orders(Id, Option<Id>),
    /// An order.
    Order(Id),
    /// An order's finalize resource.
    Finalize(Id),
    /// An authorization.
    Authorization(Id),
    /// The challenge of this type of an authorization.
    Challenge(Id, String),
    /// The certificate with this serial number and its default chain (0) or an alternate one (from 1).
    Certificate(Serial, usize),
    /// The renewal information of a certificate (RFC 9773 §4.1), by certID, unparsed.
    RenewalInfo(String),
    /// The page for agreeing to new terms of service, with the account's proof.
    Agreement(Id, String),
    /// The page that ends the pause of a name, with its proof.
    Resumption(Pause, String),
    /// The calendar feed, with its proof.
    Calendar(String),
    /// The metrics.
    Metrics,
    /// An issuer's certificate, DER, for `caIssuers` (RFC 5280 §4.2.2.1).
    Issuer(String),
    /// The status of all issuers.
    Issuers,
    /// The CRL of an issuer's shard, DER (RFC 5280 §4.2.1.13).
    Crl(String, u16),
    /// Another CRL file.
    CrlFile(CrlFile),
    /// A file of the operators' page.
    Inventory(File),
    /// A route of the operations API.
    Admin(AdminRoute),
}

impl Route {
    /// Parses a path; `None` for an unknown one. Only operator routes have a query.
    pub fn parse(path: &str) -> Option<Self> {
        if let Some(rest) = path.strip_prefix(PREFIX) {
            let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
            return AdminRoute::parse(rest).map(Self::Admin);
        }
        if let Some(file) = File::at(path) {
            return Some(Self::Inventory(file));
        }
        let mut parts = path.strip_prefix('/')?.split('/');
        let route = match (parts.next()?, parts.next()) {
            ("", None) => Self::Home,
            ("page.css", None) => Self::Style,
            ("root.crt", None) => Self::Root(Encoding::Der),
            ("root.pem", None) => Self::Root(Encoding::Pem),
            ("directory", None) => Self::Directory,
            ("metrics", None) => Self::Metrics,
            ("issuer", Some(file)) => Self::Issuer(issuer_id(file.strip_suffix(".crt")?)?),
            ("issuers", None) => Self::Issuers,
            ("crl", Some("root.crl")) => Self::CrlFile(CrlFile::Root),
            ("crl", Some("all.pem")) => Self::CrlFile(CrlFile::All),
            ("crl", Some(issuer)) => Self::Crl(issuer_id(issuer)?, shard(parts.next()?)?),
            ("terms", Some(account)) => Self::Agreement(Id::parse(account)?, parts.next()?.to_owned()),
            ("resume", Some(account)) => Self::Resumption(pause(account, &mut parts)?, parts.next()?.to_owned()),
            ("calendar", Some(file)) => Self::Calendar(calendar_proof(file)?),
            ("acme", Some(resource)) => Self::parse_resource(resource, &mut parts)?,
            _ => return None,
        };
        parts.next().is_none().then_some(route)
    }

    fn parse_resource<'a>(resource: &str, parts: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut id = || Id::parse(parts.next()?);
        Some(match resource {
            "new-nonce" => Self::NewNonce,
            "new-account" => Self::NewAccount,
            "new-order" => Self::NewOrder,
            "new-authz" => Self::NewAuthorization,
            "revoke-cert" => Self::RevokeCert,
            "key-change" => Self::KeyChange,
            "account" => Self::Account(id()?),
            "orders" => {
                let account = id()?;
                match parts.next() {
                    None => Self::Orders(account, None),
                    Some(after) => Self::Orders(account, Some(Id::parse(after)?)),
                }
            }
            "authz" => Self::Authorization(id()?),
            "challenge" => Self::Challenge(id()?, parts.next()?.to_owned()),
            "cert" => Self::Certificate(
                Serial::from_hex(parts.next()?)?,
                match parts.next() {
                    None => 0,
                    Some(chain) => chain_number(chain)?,
                },
            ),
            "renewal-info" => Self::RenewalInfo(parts.next()?.to_owned()),
            "order" => {
                let order = id()?;
                match parts.next() {
                    None => Self::Order(order),
                    Some("finalize") => Self::Finalize(order),
                    Some(_) => return None,
                }
            }
            _ => return None,
        })
    }
}

impl Route {
    /// The methods of the resource, for `Allow`. GET is for public resources only (RFC 8555 §6.3).
    pub fn allowed_methods(&self) -> &'static str {
        match self {
            Self::Home
            | Self::Inventory(_)
            | Self::Style
            | Self::Root(_)
            | Self::Issuer(_)
            | Self::Issuers
            | Self::Crl(..)
            | Self::CrlFile(_)
            | Self::RenewalInfo(_)
            | Self::Calendar(_)
            | Self::Metrics => "GET, HEAD",
            Self::Directory | Self::NewNonce | Self::Agreement(..) | Self::Resumption(..) => "GET, HEAD, POST",
            Self::Admin(route) => route.described().0,
            Self::NewAccount
            | Self::NewOrder
            | Self::NewAuthorization
            | Self::RevokeCert
            | Self::KeyChange
            | Self::Account(_)
            | Self::Orders(..)
            | Self::Order(_)
            | Self::Finalize(_)
            | Self::Authorization(_)
            | Self::Challenge(..)
            | Self::Certificate(..) => "POST",
        }
    }
}

impl Route {
    /// Its name in metrics.
    pub fn resource(&self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Style => "style",
            Self::Root(_) => "root",
            Self::Directory => "directory",
            Self::NewNonce => "new-nonce",
            Self::NewAccount => "new-account",
            Self::NewOrder => "new-order",
            Self::NewAuthorization => "new-authz",
            Self::RevokeCert => "revoke-cert",
            Self::KeyChange => "key-change",
            Self::Account(_) => "account",
            Self::Orders(..) => "orders",
            Self::Order(_) => "order",
            Self::Finalize(_) => "finalize",
            Self::Authorization(_) => "authz",
            Self::Challenge(..) => "challenge",
            Self::Certificate(..) => "cert",
            Self::RenewalInfo(_) => "renewal-info",
            Self::Agreement(..) => "terms",
            Self::Resumption(..) => "resume",
            Self::Calendar(_) => "calendar",
            Self::Metrics => "metrics",
            Self::Issuer(_) => "issuer",
            Self::Issuers => "issuers",
            Self::Crl(..) | Self::CrlFile(_) => "crl",
            Self::Inventory(_) => "inventory",
            Self::Admin(_) => "admin",
        }
    }
}

/// Parses a pause: `{account}/{since}/{type}:{value}`.
fn pause<'a>(account: &str, parts: &mut impl Iterator<Item = &'a str>) -> Option<Pause> {
    let (account, since) = (Id::parse(account)?, parts.next()?);
    let millis: u64 = since.parse().ok()?;
    let subject = parts.next()?.to_owned();
    (millis.to_string() == since).then_some(Pause { account, subject, since: Time::from_millis(millis) })
}

/// Parses the number of an alternate chain: one or two digits without a leading zero.
fn chain_number(text: &str) -> Option<usize> {
    let number = text.parse().ok().filter(|n| (1..100).contains(n))?;
    (text == usize::to_string(&number)).then_some(number)
}

/// Parses the shard in `{shard}.crl`: digits without a leading zero.
fn shard(file: &str) -> Option<u16> {
    let text = file.strip_suffix(".crl")?;
    text.parse().ok().filter(|shard| u16::to_string(shard) == text)
}

/// Parses the proof in `{proof}.ics`: base64url of a calendar proof's length.
fn calendar_proof(file: &str) -> Option<String> {
    let proof = file.strip_suffix(".ics")?;
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    ((22..=CALENDAR).contains(&proof.len()) && proof.bytes().all(known)).then(|| proof.to_owned())
}

/// Parses an issuer's id in a URL: lower-case hex.
fn issuer_id(id: &str) -> Option<String> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    (!id.is_empty() && id.len() <= 64 && id.bytes().all(hex)).then(|| id.to_owned())
}
