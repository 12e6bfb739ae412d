//! The facts about an authority: its overview (`GET /issuers`) and what it publishes.

use core::time::Duration;

use selvedge::values::Time;
use serde::Deserialize;
use url::Url;

use crate::common::received::{maybe_time, text, texts, time};
use crate::common::web::plain;
use crate::operator::OperatorAnswer;

/// All facts of a report.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The authority's URL.
    pub url: String,
    /// The root, where its certificate is available.
    pub root: Option<Root>,
    /// The authority's overview.
    pub authority: Authority,
    /// Host of the URL, and begin and end of the TLS certificate there, for https.
    pub endpoint: Option<(String, (Time, Time))>,
    /// The operator's status, where a token is available.
    pub operator: Option<OperatorAnswer>,
}

/// A root certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its name.
    pub name: String,
    /// Its notAfter.
    pub not_after: Time,
    /// The certificate.
    pub der: Vec<u8>,
}

/// The authority's answer.
#[derive(Clone, Debug)]
pub enum Authority {
    /// The overview.
    Works(Overview),
    /// The reason why it does not work.
    Refuses(String),
}

/// The response of `GET /issuers`.
#[derive(Clone, Debug, Deserialize)]
pub struct Overview {
    /// The longest lifetime of its certificates, in seconds.
    pub longest_lifetime: u64,
    /// The problems of its configuration.
    #[serde(deserialize_with = "texts")]
    pub problems: Vec<String>,
    /// The root's CRL, where the authority publishes it.
    #[serde(default)]
    pub root_crl: Option<RootCrl>,
    /// Its issuers.
    pub issuers: Vec<Issuer>,
}

/// The root's CRL as published by the authority.
#[derive(Clone, Debug, Deserialize)]
pub struct RootCrl {
    /// Its nextUpdate.
    #[serde(deserialize_with = "time")]
    pub next_update: Time,
}

impl Overview {
    /// The longest lifetime of its certificates.
    pub fn longest(&self) -> Duration {
        Duration::from_secs(self.longest_lifetime)
    }
}

/// An issuer.
#[derive(Clone, Debug, Deserialize)]
pub struct Issuer {
    /// Its number.
    pub place: u8,
    /// The authority's id for its key.
    pub id: String,
    /// Its display name.
    #[serde(deserialize_with = "text")]
    pub name: String,
    /// Whether it signs new certificates.
    pub active: bool,
    /// When it takes over; `None` for the first issuer.
    #[serde(default, deserialize_with = "maybe_time")]
    pub takes_over: Option<Time>,
    /// The earliest notAfter of its chain.
    #[serde(deserialize_with = "time")]
    pub not_after: Time,
    /// The URL of its certificate.
    pub certificate: String,
    /// When the last certificate that names a CRL expires.
    #[serde(deserialize_with = "maybe_time")]
    pub certificates_until: Option<Time>,
    /// Its CRLs.
    pub crls: Vec<Crl>,
    /// The result of fetching one of the CRLs; `None` when none was fetched.
    #[serde(skip)]
    pub fetched: Option<Result<FetchedCrl, String>>,
    /// The results of fetching CRLs at former addresses, and the root's.
    #[serde(skip)]
    pub elsewhere: Vec<Result<FetchedCrl, String>>,
}

/// A CRL in the overview.
#[derive(Clone, Debug, Deserialize)]
pub struct Crl {
    /// Its URL; `None` on a test machine that serves only https.
    pub url: Option<String>,
    /// All URLs that certificates name, also former ones.
    #[serde(default)]
    pub urls: Vec<String>,
    /// The former ones among them.
    #[serde(default)]
    pub former: Vec<FormerUrl>,
    /// Its nextUpdate.
    #[serde(deserialize_with = "maybe_time")]
    pub next_update: Option<Time>,
    /// When it is due for renewal; `None` when all of its certificates have expired.
    #[serde(deserialize_with = "maybe_time")]
    pub due: Option<Time>,
}

/// A former URL of a CRL.
#[derive(Clone, Debug, Deserialize)]
pub struct FormerUrl {
    /// The URL.
    pub url: String,
    /// When the last certificate that names it expires.
    #[serde(deserialize_with = "time")]
    pub until: Time,
}

/// A former address of CRLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormerAddress {
    /// Scheme and host.
    pub origin: String,
    /// One of its CRLs.
    pub url: String,
    /// When the last certificate that names one expires.
    pub until: Time,
}

impl Issuer {
    /// The former addresses that certificates still name.
    pub fn former(&self) -> Vec<FormerAddress> {
        let mut all: Vec<FormerAddress> = Vec::new();
        for former in self.crls.iter().filter(|list| list.due.is_some()).flat_map(|list| &list.former) {
            let origin =
                Url::parse(&former.url).map_or_else(|_| plain(&former.url), |url| url.origin().ascii_serialization());
            match all.iter_mut().find(|known| known.origin == origin) {
                Some(known) => known.until = known.until.max(former.until),
                None => all.push(FormerAddress { origin, url: former.url.clone(), until: former.until }),
            }
        }
        all
    }
}

/// A fetched CRL with a valid signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedCrl {
    /// Its URL.
    pub url: String,
    /// Its number, in hexadecimal where it is longer than 64 bits.
    pub number: String,
    /// Its thisUpdate.
    pub this_update: Time,
    /// Its nextUpdate.
    pub next_update: Time,
    /// The number of its entries.
    pub entries: usize,
}
