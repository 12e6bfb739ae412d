//! URLs, written; [`Route`] reads them.

use super::{AccountRoute, Encoding, Lists, Route};
use crate::ca::http::pause_link::Pause;
use crate::values::Id;

/// Writes URLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Urls {
    base: String,
}

impl Urls {
    /// URLs below `base`, which has a scheme and an authority and no path: `https://ca.example.org`.
    pub fn new(base: &str) -> Self {
        Self { base: base.trim_end_matches('/').to_owned() }
    }

    /// The URL of this path, as a client that asked for it must have signed it.
    pub fn of_path(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The directory.
    pub fn directory(&self) -> String {
        self.of_path("/directory")
    }

    /// One of the fixed resources: `new-order` and the like.
    pub fn resource(&self, name: &str) -> String {
        format!("{}/acme/{name}", self.base)
    }

    /// An account: the `kid` of its requests.
    pub fn account(&self, id: &Id) -> String {
        self.resource(&format!("account/{id}"))
    }

    /// What hashed account URIs in DNS begin with (draft-ietf-acme-dns-persist-02 §4.1). Stable as account URLs are;
    /// nothing is served there.
    pub fn account_hash_prefix(&self) -> String {
        self.resource("account-hash/")
    }

    /// The account in this `kid`; `None` for any string that is not exactly an account URL of ours.
    pub fn account_of(&self, kid: &str) -> Option<Id> {
        match Route::parse(kid.strip_prefix(&self.base)?)? {
            Route::Account(AccountRoute::Account(id)) => Some(id),
            _ => None,
        }
    }

    /// An account's orders, from the one after `after`.
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

    /// The certificate of this serial number in hex, with its usual chain (0) or an alternate one (from 1).
    pub fn certificate(&self, serial: &str, chain: usize) -> String {
        match chain {
            0 => self.resource(&format!("cert/{serial}")),
            n => self.resource(&format!("cert/{serial}/{n}")),
        }
    }

    /// The page where a person agrees to new terms of service for an account.
    pub fn agreement(&self, account: &Id, proof: &str) -> String {
        self.of_path(&format!("/terms/{account}/{proof}"))
    }

    /// The page where a person ends a pause.
    pub fn resumption(&self, pause: &Pause, proof: &str) -> String {
        let Pause { account, subject, since } = pause;
        self.of_path(&format!("/resume/{account}/{}/{subject}/{proof}", since.millis()))
    }

    /// The calendar.
    pub fn calendar(&self, proof: &str) -> String {
        self.of_path(&format!("/calendar/{proof}.ics"))
    }

    /// The page for people.
    pub fn home(&self) -> String {
        self.of_path("/")
    }

    /// The style sheet of the pages.
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

    /// The overview of all issuers.
    pub fn issuers(&self) -> String {
        self.of_path("/issuers")
    }

    /// An issuer's certificate.
    pub fn issuer(&self, id: &str) -> String {
        self.of_path(&format!("/issuer/{id}.crt"))
    }

    /// Another file of CRLs.
    pub fn lists(&self, which: Lists) -> String {
        self.of_path(match which {
            Lists::Root => "/crl/root.crl",
            Lists::All => "/crl/all.pem",
        })
    }

    /// The CRL of an issuer's shard.
    pub fn crl(&self, issuer: &str, shard: u16) -> String {
        self.of_path(&format!("/crl/{issuer}/{shard}.crl"))
    }
}
