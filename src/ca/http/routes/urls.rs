//! Writes URLs; [`Route`] parses them.

use super::{AccountRoute, CrlFile, Encoding, Route, Style};
use crate::ca::http::pause_link::Pause;
use crate::records::ledger::imported::COMPLETE;
use crate::values::Id;

/// Writes the CA's URLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Urls {
    base: String,
    style: Style,
}

impl Urls {
    /// URLs below `base`: scheme and authority without a path, `https://ca.example.org`.
    pub fn new(base: &str) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), style: Style::Own }
    }

    /// The same URLs with paths in this spelling.
    #[must_use]
    pub fn in_style(self, style: Style) -> Self {
        Self { style, ..self }
    }

    /// Parses a requested path; `None` for an unknown one.
    pub fn route(&self, path: &str) -> Option<Route> {
        match self.style {
            Style::Own => Route::parse(path),
            Style::Pebble => Route::parse(&self.style.read(path)),
        }
    }

    /// Whether requests to any scheme, host and port are answered.
    pub fn at_any_host(&self) -> bool {
        self.style == Style::Pebble
    }

    /// The URL that a client has to sign for a request to this path. `signed` is the one that it did sign, whose origin
    /// counts where any host is answered.
    pub fn to_sign(&self, path: &str, signed: Option<&str>) -> String {
        match signed.filter(|_| self.at_any_host()).and_then(split_origin) {
            Some((origin, _)) => format!("{origin}{path}"),
            None => self.of_path(path),
        }
    }

    /// As [`Urls::to_sign`], for one of the fixed resources.
    pub fn resource_to_sign(&self, name: &str, signed: Option<&str>) -> String {
        self.to_sign(&self.style.written(&format!("/acme/{name}")), signed)
    }

    /// The path of a URL of this CA; `None` for another's.
    fn own_path<'a>(&self, url: &'a str) -> Option<&'a str> {
        if self.at_any_host() { split_origin(url).map(|(_, path)| path) } else { url.strip_prefix(&self.base) }
    }

    /// Whether a URL begins like those of this CA.
    pub fn contain(&self, url: &str) -> bool {
        self.own_path(url).is_some_and(|path| path.starts_with('/'))
    }

    /// The URL of this path, which a client has to have signed.
    pub fn of_path(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The directory.
    pub fn directory(&self) -> String {
        self.of_path(&self.style.written("/directory"))
    }

    /// One of the fixed resources, like `new-order`.
    pub fn resource(&self, name: &str) -> String {
        match self.style {
            Style::Own => format!("{}/acme/{name}", self.base),
            Style::Pebble => self.of_path(&self.style.written(&format!("/acme/{name}"))),
        }
    }

    /// An account, also the `kid` of its requests.
    pub fn account(&self, id: &Id) -> String {
        self.resource(&format!("account/{id}"))
    }

    /// Prefix of hashed account URIs in DNS (draft-ietf-acme-dns-persist-02 §4.1). Stable like account URLs; it
    /// serves nothing.
    pub fn account_hash_prefix(&self) -> String {
        self.resource("account-hash/")
    }

    /// Parses the account in a `kid`; `None` unless it is exactly an account URL.
    pub fn account_of(&self, kid: &str) -> Option<Id> {
        match self.route(self.own_path(kid)?)? {
            Route::Account(AccountRoute::Account(id)) => Some(id),
            _ => None,
        }
    }

    /// An account's orders after `after`.
    pub fn orders(&self, account: &Id, after: Option<&Id>) -> String {
        match after {
            None => self.resource(&format!("orders/{account}")),
            Some(after) => self.resource(&format!("orders/{account}/{after}")),
        }
    }

    /// An order.
    pub fn order(&self, id: &Id) -> String {
        self.resource(&format!("order/{id}"))
    }

    /// An order's finalize resource.
    pub fn finalize(&self, id: &Id) -> String {
        self.resource(&format!("order/{id}/finalize"))
    }

    /// An authorization.
    pub fn authorization(&self, id: &Id) -> String {
        self.resource(&format!("authz/{id}"))
    }

    /// A challenge.
    pub fn challenge(&self, authorization: &Id, kind: &str) -> String {
        self.resource(&format!("challenge/{authorization}/{kind}"))
    }

    /// The certificate with this serial number in hex. `chain` is 0 for the default chain, or from 1 an alternate
    /// one.
    pub fn certificate(&self, serial: &str, chain: usize) -> String {
        match chain {
            0 => self.resource(&format!("cert/{serial}")),
            n => self.resource(&format!("cert/{serial}/{n}")),
        }
    }

    /// The page for agreeing to new terms of service.
    pub fn agreement(&self, account: &Id, proof: &str) -> String {
        self.of_path(&format!("/terms/{account}/{proof}"))
    }

    /// The page that ends a pause.
    pub fn resumption(&self, pause: &Pause, proof: &str) -> String {
        let Pause { account, subject, since } = pause;
        self.of_path(&format!("/resume/{account}/{}/{subject}/{proof}", since.millis()))
    }

    /// The calendar feed.
    pub fn calendar(&self, proof: &str) -> String {
        self.of_path(&format!("/calendar/{proof}.ics"))
    }

    /// The page for users.
    pub fn home(&self) -> String {
        self.of_path("/")
    }

    /// The pages' style sheet.
    pub fn style(&self) -> String {
        self.of_path("/page.css")
    }

    /// The root certificate.
    pub fn root(&self, encoding: Encoding) -> String {
        self.of_path(match encoding {
            Encoding::Der => "/root.crt",
            Encoding::Pem => "/root.pem",
        })
    }

    /// The status of all issuers.
    pub fn issuers(&self) -> String {
        self.of_path("/issuers")
    }

    /// An issuer's certificate.
    pub fn issuer(&self, id: &str) -> String {
        self.of_path(&format!("/issuer/{id}.crt"))
    }

    /// Another CRL file.
    pub fn crl_file(&self, which: CrlFile) -> String {
        self.of_path(match which {
            CrlFile::Root => "/crl/root.crl",
            CrlFile::All => "/crl/all.pem",
        })
    }

    /// The transparency logs of an issuer.
    pub fn logs(&self, issuer: &str) -> String {
        self.of_path(&format!("/log/{issuer}"))
    }

    /// The prefix of a transparency log.
    pub fn log(&self, issuer: &str, log: &str) -> String {
        self.of_path(&format!("/log/{issuer}/{log}"))
    }

    /// The origin of a transparency log: its prefix without the scheme.
    pub fn log_origin(&self, issuer: &str, log: &str) -> String {
        let prefix = self.log(issuer, log);
        prefix.split_once("://").map_or(prefix.clone(), |(_, origin)| origin.to_owned())
    }

    /// The proof that a certificate is in the transparency log of its issuer.
    pub fn log_proof(&self, issuer: &str, serial: &str) -> String {
        self.of_path(&format!("/log/{issuer}/proof/{serial}"))
    }

    /// The CRL of an issuer's shard, or the complete one.
    pub fn crl(&self, issuer: &str, shard: u16) -> String {
        if shard == COMPLETE {
            return self.of_path(&format!("/crl/{issuer}/complete.crl"));
        }
        self.of_path(&format!("/crl/{issuer}/{shard}.crl"))
    }
}

/// Splits a URL into scheme with authority, and the rest.
fn split_origin(url: &str) -> Option<(&str, &str)> {
    let authority = url.find("://")? + "://".len();
    let end = url.get(authority..)?.find('/').map_or(url.len(), |at| authority + at);
    url.split_at_checked(end)
}
