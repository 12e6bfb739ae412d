//! All URLs of the CA, parsed and written.
//!
//! All derive from one configured base URL: clients sign the URL they request, and account URLs stay in DNS for
//! years, so they must not depend on a proxy's `Host` header.

mod files;
mod log;
mod style;
#[cfg(test)]
mod tests;
mod urls;

pub use self::files::{CrlFile, Encoding};
pub use self::log::LogRoute;
use self::log::issuer_id;
pub use self::style::Style;
pub use self::urls::Urls;
use super::operator_files::File;
use super::operator_routes::{AdminRoute, PREFIX};
use super::pause_link::Pause;
use crate::pki::Serial;
use crate::records::ledger::imported::COMPLETE;
use crate::records::operations::proof::CALENDAR;
use crate::values::{Id, Time};

/// A parsed path, by the side that answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// A resource that is read by GET, without a signature.
    Public(PublicRoute),
    /// A page with a form, for a person.
    Form(FormRoute),
    /// newAccount (RFC 8555 §7.3), signed with a key that has no account.
    NewAccount,
    /// A resource for requests that an account signs; its partition answers.
    Account(AccountRoute),
    /// A resource of the operator API.
    Operator(AdminRoute),
}

/// A resource that is read by GET, without a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicRoute {
    /// `/`: the page for users.
    Home,
    /// The pages' style sheet.
    Style,
    /// The root certificate, if configured.
    Root(Encoding),
    /// The renewal information of a certificate (RFC 9773 §4.1), by certID, unparsed.
    RenewalInfo(String),
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
    /// A resource of an issuer's transparency logs.
    Log(String, LogRoute),
    /// A file of the operators' page.
    Inventory(File),
}

/// A page with a form, for a person: GET shows it, POST sends the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormRoute {
    /// The page for agreeing to new terms of service, with the account's proof.
    Agreement(Id, String),
    /// The page that ends the pause of a name, with its proof.
    Resumption(Pause, String),
}

/// A resource for requests that an account signs. The directory and newNonce take a GET as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountRoute {
    /// The directory (RFC 8555 §7.1.1).
    Directory,
    /// newNonce (RFC 8555 §7.2).
    NewNonce,
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
}

impl Route {
    /// Parses a path; `None` for an unknown one. Only operator routes have a query.
    pub fn parse(path: &str) -> Option<Self> {
        if let Some(rest) = path.strip_prefix(PREFIX) {
            let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
            return AdminRoute::parse(rest).map(Self::Operator);
        }
        if let Some(file) = File::at(path) {
            return Some(Self::Public(PublicRoute::Inventory(file)));
        }
        let mut parts = path.strip_prefix('/')?.split('/');
        let route = match (parts.next()?, parts.next()) {
            ("", None) => Self::Public(PublicRoute::Home),
            ("page.css", None) => Self::Public(PublicRoute::Style),
            ("root.crt", None) => Self::Public(PublicRoute::Root(Encoding::Der)),
            ("root.pem", None) => Self::Public(PublicRoute::Root(Encoding::Pem)),
            ("directory", None) => Self::Account(AccountRoute::Directory),
            ("metrics", None) => Self::Public(PublicRoute::Metrics),
            ("issuer", Some(file)) => Self::Public(PublicRoute::Issuer(issuer_id(file.strip_suffix(".crt")?)?)),
            ("issuers", None) => Self::Public(PublicRoute::Issuers),
            ("crl", Some("root.crl")) => Self::Public(PublicRoute::CrlFile(CrlFile::Root)),
            ("crl", Some("all.pem")) => Self::Public(PublicRoute::CrlFile(CrlFile::All)),
            ("crl", Some(issuer)) => Self::Public(PublicRoute::Crl(issuer_id(issuer)?, shard(parts.next()?)?)),
            ("log", Some(issuer)) => {
                let (issuer, route) = LogRoute::parse(issuer, &mut parts)?;
                Self::Public(PublicRoute::Log(issuer, route))
            }
            ("terms", Some(account)) => Self::Form(FormRoute::Agreement(Id::parse(account)?, parts.next()?.to_owned())),
            ("resume", Some(account)) => {
                Self::Form(FormRoute::Resumption(pause(account, &mut parts)?, parts.next()?.to_owned()))
            }
            ("calendar", Some(file)) => Self::Public(PublicRoute::Calendar(calendar_proof(file)?)),
            ("acme", Some(resource)) => Self::parse_resource(resource, &mut parts)?,
            _ => return None,
        };
        parts.next().is_none().then_some(route)
    }

    fn parse_resource<'a>(resource: &str, parts: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        match resource {
            "new-account" => Some(Self::NewAccount),
            "renewal-info" => Some(Self::Public(PublicRoute::RenewalInfo(parts.next()?.to_owned()))),
            resource => AccountRoute::parse(resource, parts).map(Self::Account),
        }
    }
}

impl AccountRoute {
    fn parse<'a>(resource: &str, parts: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut id = || Id::parse(parts.next()?);
        Some(match resource {
            "new-nonce" => Self::NewNonce,
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
            Self::Public(_) => "GET, HEAD",
            Self::Form(_) | Self::Account(AccountRoute::Directory | AccountRoute::NewNonce) => "GET, HEAD, POST",
            Self::NewAccount | Self::Account(_) => "POST",
            Self::Operator(route) => route.described().0,
        }
    }

    /// Whether its answer depends on partitions. A closed CA answers only the others, and operators.
    pub fn needs_state(&self) -> bool {
        match self {
            Self::Public(
                PublicRoute::RenewalInfo(_)
                | PublicRoute::Calendar(_)
                | PublicRoute::Metrics
                | PublicRoute::Issuers
                | PublicRoute::Crl(..)
                | PublicRoute::CrlFile(CrlFile::All)
                | PublicRoute::Log(..),
            ) => true,
            Self::Public(_) | Self::Account(AccountRoute::Directory) | Self::Operator(_) => false,
            Self::Form(_) | Self::NewAccount | Self::Account(_) => true,
        }
    }

    /// The resource's name in metrics.
    pub fn resource(&self) -> &'static str {
        match self {
            Self::Public(route) => route.resource(),
            Self::Form(FormRoute::Agreement(..)) => "terms",
            Self::Form(FormRoute::Resumption(..)) => "resume",
            Self::NewAccount => "new-account",
            Self::Account(route) => route.resource(),
            Self::Operator(_) => "admin",
        }
    }
}

impl PublicRoute {
    fn resource(&self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Style => "style",
            Self::Root(_) => "root",
            Self::RenewalInfo(_) => "renewal-info",
            Self::Calendar(_) => "calendar",
            Self::Metrics => "metrics",
            Self::Issuer(_) => "issuer",
            Self::Issuers => "issuers",
            Self::Crl(..) | Self::CrlFile(_) => "crl",
            Self::Log(..) => "log",
            Self::Inventory(_) => "inventory",
        }
    }
}

impl AccountRoute {
    /// The resource's name in metrics.
    pub fn resource(&self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::NewNonce => "new-nonce",
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

/// Parses the shard in `{shard}.crl`: digits without a leading zero, or `complete`.
fn shard(file: &str) -> Option<u16> {
    match file.strip_suffix(".crl")? {
        "complete" => Some(COMPLETE),
        text => text.parse().ok().filter(|shard| u16::to_string(shard) == text && *shard != COMPLETE),
    }
}

/// Parses the proof in `{proof}.ics`: base64url of a calendar proof's length.
fn calendar_proof(file: &str) -> Option<String> {
    let proof = file.strip_suffix(".ics")?;
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    ((22..=CALENDAR).contains(&proof.len()) && proof.bytes().all(known)).then(|| proof.to_owned())
}
