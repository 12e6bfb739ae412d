//! What is known of an authority, from its own overview (`GET /issuers`) and from what it publishes.

use core::time::Duration;

use selvedge::values::Time;
use serde::{Deserialize, Deserializer, de};

use crate::common::web::plain;
use crate::operator::OperatorAnswer;

/// All that was found out.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The authority's URL.
    pub url: String,
    /// The root, where its certificate was at hand.
    pub root: Option<Root>,
    /// What the authority says.
    pub authority: Authority,
    /// What it says to its operator, where a token was at hand.
    pub operator: Option<OperatorAnswer>,
}

/// A root certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its name.
    pub name: String,
    /// Its last second.
    pub not_after: Time,
    /// The certificate.
    pub der: Vec<u8>,
}

/// What an authority says of itself.
#[derive(Clone, Debug)]
pub enum Authority {
    /// How things stand.
    Works(Overview),
    /// That it does not work, and why.
    Refuses(String),
}

/// How things stand with an authority: what `GET /issuers` answers.
#[derive(Clone, Debug, Deserialize)]
pub struct Overview {
    /// How long its longest certificates are valid, in seconds.
    pub longest_lifetime: u64,
    /// What is wrong with its configuration.
    #[serde(deserialize_with = "texts")]
    pub problems: Vec<String>,
    /// The root's CRL, where the authority publishes it.
    #[serde(default)]
    pub root_crl: Option<RootCrl>,
    /// Its issuers.
    pub issuers: Vec<Issuer>,
}

/// The root's CRL as the authority has it.
#[derive(Clone, Debug, Deserialize)]
pub struct RootCrl {
    /// Until when it is good.
    #[serde(deserialize_with = "time")]
    pub next_update: Time,
}

impl Overview {
    /// How long its longest certificates are valid.
    pub fn longest(&self) -> Duration {
        Duration::from_secs(self.longest_lifetime)
    }
}

/// An issuer.
#[derive(Clone, Debug, Deserialize)]
pub struct Issuer {
    /// Its place.
    pub place: u8,
    /// The authority's name for its key.
    pub id: String,
    /// Its name for people.
    #[serde(deserialize_with = "text")]
    pub name: String,
    /// Whether it signs new certificates.
    pub active: bool,
    /// From when it does; `None` where it did from the beginning.
    #[serde(default, deserialize_with = "maybe_time")]
    pub takes_over: Option<Time>,
    /// The last second of its chain.
    #[serde(deserialize_with = "time")]
    pub not_after: Time,
    /// Where its certificate is.
    pub certificate: String,
    /// Until when there are certificates that point to a CRL.
    #[serde(deserialize_with = "maybe_time")]
    pub certificates_until: Option<Time>,
    /// Its CRLs.
    pub crls: Vec<Crl>,
    /// What was found when one of the CRLs was fetched; `None` when none was.
    #[serde(skip)]
    pub fetched: Option<Result<FetchedCrl, String>>,
    /// What was found where its certificates, and its own, say that other CRLs are: where CRLs were before, and the root's.
    #[serde(skip)]
    pub elsewhere: Vec<Result<FetchedCrl, String>>,
}

/// A CRL as the authority keeps it.
#[derive(Clone, Debug, Deserialize)]
pub struct Crl {
    /// Where it is; no_target on a test machine that serves https only.
    pub url: Option<String>,
    /// Where its certificates say that it is: also where it was before.
    #[serde(default)]
    pub urls: Vec<String>,
    /// Until when it is good.
    #[serde(deserialize_with = "maybe_time")]
    pub next_update: Option<Time>,
    /// When it is to be signed anew; never again when all of its certificates are over.
    #[serde(deserialize_with = "maybe_time")]
    pub due: Option<Time>,
}

/// A CRL as it was fetched, its signature checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedCrl {
    /// From where.
    pub url: String,
    /// Its number, in hexadecimal where it is longer than 64 bits.
    pub number: String,
    /// When it was made.
    pub this_update: Time,
    /// Until when it is good.
    pub next_update: Time,
    /// How many certificates stand on it.
    pub entries: usize,
}

fn parsed<E: de::Error>(text: &str) -> Result<Time, E> {
    Time::parse_rfc3339(text).ok_or_else(|| E::custom(format!("{:?} is no time", plain(text))))
}

fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
    parsed(&String::deserialize(from)?)
}

fn maybe_time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Time>, D::Error> {
    Option::<String>::deserialize(from)?.as_deref().map(parsed).transpose()
}

fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(plain(&String::deserialize(from)?))
}

fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(Vec::<String>::deserialize(from)?.iter().map(|text| plain(text)).collect())
}
