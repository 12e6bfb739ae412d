//! The settings of issuers in numbered slots, and the URLs of their certificates and CRLs.

use super::values::{Values, invalid, origin};
use crate::ca::http::routes::{CrlFile, Urls};
use crate::pki::issuer::readable_name;
use crate::pki::{Issuer, IssuerFault, IssuerSlot, Issuers, Serial, pem, profile};
use crate::values::x509::{Parts, reason};
use crate::values::{Time, Verify};

/// Number of issuer slots. An operator rotates every few years and reuses the slots of expired issuers.
pub const MAX_ISSUERS: u8 = 9;

/// Default number of CRL shards: 100,000 revocations make CRLs of some 3,000 entries each.
const DEFAULT_SHARDS: u16 = 32;

/// Maximum number of CRL shards: each CRL is signed daily.
pub const MAX_SHARDS: u16 = 128;

/// Name of an issuer's variable or secret; that of the first slot has no number.
pub fn name_of(what: &str, place: u8) -> String {
    if place == 1 { what.to_owned() } else { format!("{what}_{place}") }
}

/// The usable issuers, and the problems of others.
#[derive(Clone, Debug)]
pub struct Configured {
    /// The usable issuers, one of them active.
    pub issuers: Issuers,
    /// Sentences for the operator. They do not stop the CA: while an issuer is added or removed, the others continue.
    pub problems: Vec<String>,
}

impl Configured {
    /// Reads all slots.
    ///
    /// # Errors
    /// The problems, if no issuer can sign at `now`.
    pub fn read(value: Values<'_>, now: Time) -> Result<Self, String> {
        let (mut slots, mut problems) = (Vec::new(), Vec::new());
        // An unreadable root is refused by its own setting.
        let root = value("ROOT_CERTIFICATE").and_then(|pem| Root::read(&pem).ok());
        for place in 1..=MAX_ISSUERS {
            match slot(value, place, root.as_ref(), now, &mut problems) {
                Ok(found) => slots.extend(found),
                Err(problem) => problems.push(problem),
            }
        }
        Self::of(slots, problems, now)
    }

    /// Removes the issuer of this slot, for this reason.
    ///
    /// # Errors
    /// As [`Configured::read`].
    pub fn without(self, place: u8, reason: String, now: Time) -> Result<Self, String> {
        let slots = self.issuers.slots().filter(|slot| slot.number != place).cloned().collect();
        let mut problems = self.problems;
        problems.push(reason);
        Self::of(slots, problems, now)
    }

    /// Separates issuers that ROOT_CERTIFICATE's key did not sign (RFC 5280 §6.1.3 (a) (1)) from that root. A root
    /// that got another key may have kept its name.
    pub async fn by_signature(mut self, now: Time, crypto: &impl Verify) -> Self {
        for slot in self.issuers.slots_mut() {
            let Err(fault) = slot.issuer.check_root_signature(crypto).await else { continue };
            let Ok(issuer) = slot.issuer.clone().without_root() else { continue };
            // That root's constraints do not apply.
            let before = path_problems(slot.number, &slot.issuer, now);
            self.problems.retain(|problem| !before.contains(problem));
            slot.issuer = issuer;
            self.problems.extend(path_problems(slot.number, &slot.issuer, now));
            if !matches!(fault, IssuerFault::NotByRoot(_)) {
                self.problems.push(format!(
                    "Cannot check whether {} is below ROOT_CERTIFICATE, so that root's constraints are not applied: {fault}.",
                    name_of("ISSUER_CHAIN", slot.number)
                ));
            }
        }
        self
    }

    fn of(slots: Vec<IssuerSlot>, problems: Vec<String>, now: Time) -> Result<Self, String> {
        match Issuers::new(slots, now) {
            Ok(issuers) => Ok(Self { issuers, problems }),
            Err(fault) if problems.is_empty() => Err(refusal(&fault, now)),
            Err(_) => Err(problems.join(" ")),
        }
    }
}

fn refusal(fault: &crate::pki::IssuersFault, now: Time) -> String {
    use crate::pki::IssuersFault;
    match fault {
        IssuersFault::None => "ISSUER_CHAIN is not set; `selvedge init` makes one and writes it under [vars] in \
                               wrangler.toml (or set it with `wrangler secret put ISSUER_CHAIN`)."
            .to_owned(),
        IssuersFault::Unusable(place, fault) => {
            format!("{} cannot be used: {fault} (it is {} now).", name_of("ISSUER_CHAIN", *place), now.rfc3339())
        }
        other => format!("The issuers cannot be used: {other}."),
    }
}

/// Reads the issuer of this slot, if any.
fn slot(
    value: Values<'_>,
    place: u8,
    root: Option<&Root>,
    now: Time,
    problems: &mut Vec<String>,
) -> Result<Option<IssuerSlot>, String> {
    let (chain_name, key_name, from_name) =
        (name_of("ISSUER_CHAIN", place), name_of("ISSUER_KEY", place), name_of("ISSUER_ACTIVE_FROM", place));
    let says = |what: &str| format!("{chain_name} cannot be used: {what}.");
    let Some(chain) = value(&chain_name) else {
        return match value(&key_name) {
            Some(_) if place > 1 => Err(format!(
                "{key_name} is set and {chain_name} is not: the issuer is incomplete and not used. Set \
                 {chain_name} under [vars] in wrangler.toml and deploy, or delete {key_name}."
            )),
            _ => Ok(None),
        };
    };
    let issuer = Issuer::in_use(&chain).map_err(|fault| says(&fault.to_string()))?;
    // Nothing more is known of an issuer of another root, such as a replaced one.
    let issuer = match root {
        Some(root) => issuer.below_if_named(&root.der),
        None => issuer,
    };
    problems.extend(path_problems(place, &issuer, now));
    if profile::offered(&issuer).next().is_none() {
        return Err(says("its extended key usage allows neither serverAuth nor clientAuth"));
    }
    let issuer = alternates(issuer, value, &name_of("ALTERNATE_CHAINS", place), now, problems)?;
    let active_from = match value(&from_name) {
        Some(text) => Time::parse_rfc3339(&text).ok_or_else(|| {
            invalid(&from_name, &text, "a time like 2027-01-31T00:00:00Z, from which the issuer signs")
        })?,
        None if place == 1 => Time::from_millis(0),
        None => {
            return Err(format!(
                "{chain_name} is set and {from_name} is not; set it to the time from which the issuer signs, like \
                 2027-01-31T00:00:00Z."
            ));
        }
    };
    Ok(Some(IssuerSlot { number: place, issuer, active_from }))
}

/// Reasons for which verifiers refuse this issuer's certificates. They do not stop the CA, which still maintains
/// issued certificates.
fn path_problems(place: u8, issuer: &Issuer, now: Time) -> Vec<String> {
    let faults = issuer.faults().iter().cloned().chain(issuer.check_root_time(now).err());
    let name = name_of("ISSUER_CHAIN", place);
    let sentences = faults.map(|fault| {
        format!(
            "Verifiers refuse the certificates of {name}: {fault}. Create or import an issuer that they accept (docs/VERIFIERS.md)."
        )
    });
    sentences.collect()
}

/// The issuer with its alternate chains. An expired chain, as of a root out of use, is omitted and does not stop the
/// CA.
fn alternates(
    issuer: Issuer,
    value: Values<'_>,
    name: &str,
    now: Time,
    problems: &mut Vec<String>,
) -> Result<Issuer, String> {
    let Some(pem) = value(name) else { return Ok(issuer) };
    let says = |what: &str| format!("{name} cannot be used: {what}.");
    let issuer = issuer.with_alternates_in_use(&pem).map_err(|fault| says(&fault.to_string()))?;
    for (at, chain) in issuer.alternates().iter().enumerate() {
        let refused =
            chain.faults().iter().map(|fault| format!("Verifiers refuse chain {} of {name}: {fault}.", at + 1));
        problems.extend(refused);
    }
    let faults = issuer.alternates().iter().enumerate().filter_map(|(at, chain)| {
        let fault = chain.check_time(now).err()?;
        Some(format!("Chain {} of {name} is not used: {fault}. Remove or renew it.", at + 1))
    });
    problems.extend(faults);
    Ok(issuer.with_alternates_at(now))
}

/// URLs of issuer certificates and CRLs, over plain http. A verifier that fetches them cannot depend on a certificate
/// (RFC 5280 §8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicationUrls {
    urls: Urls,
    /// Number of CRL shards.
    pub shards: u16,
}

impl PublicationUrls {
    /// Reads `STATUS_URL` and `CRL_SHARDS`; `None` on a test machine with https only.
    ///
    /// # Errors
    /// A sentence that names the value.
    pub fn read(value: Values<'_>, base: &str, dev: bool) -> Result<Option<Self>, String> {
        let shards =
            match value("CRL_SHARDS") {
                None => DEFAULT_SHARDS,
                Some(text) => text.parse().ok().filter(|n| (1..=MAX_SHARDS).contains(n)).ok_or_else(|| {
                    invalid("CRL_SHARDS", &text, format_args!("a whole number from 1 to {MAX_SHARDS}"))
                })?,
            };
        let base = match (value("STATUS_URL"), base.strip_prefix("https://")) {
            (Some(text), _) => Some(status_url(&text)?),
            (None, None) => Some(base.to_owned()),
            (None, Some(_)) if dev => None,
            (None, Some(rest)) => Some(format!("http://{rest}")),
        };
        Ok(base.map(|base| Self::new(&base, shards)))
    }

    /// URLs below `base`, which has no path, with this many CRL shards.
    pub fn new(base: &str, shards: u16) -> Self {
        Self { urls: Urls::new(base), shards: shards.clamp(1, MAX_SHARDS) }
    }

    /// The same URLs of a CA below this one, whose base `below` derives.
    #[must_use]
    pub fn below(&self, below: impl Fn(&str) -> String) -> Self {
        Self::new(&below(&self.urls.of_path("")), self.shards)
    }

    /// URL of the issuer certificate (caIssuers, RFC 5280 §4.2.2.1).
    pub fn issuer(&self, id: &str) -> String {
        self.urls.issuer(id)
    }

    /// URL of another CRL file.
    pub fn crl_file(&self, which: CrlFile) -> String {
        self.urls.crl_file(which)
    }

    /// URL of the CRL of an issuer's shard.
    pub fn crl(&self, id: &str, shard: u16) -> String {
        self.urls.crl(id, shard)
    }

    /// The CRL shard of a serial number. Serial numbers are random, so shards fill evenly.
    pub fn shard_of(&self, serial: &Serial) -> u16 {
        let last = serial.octets().iter().rev().take(2).fold(0_u16, |sum, octet| sum << 8 | u16::from(*octet));
        last % self.shards
    }
}

fn status_url(text: &str) -> Result<String, String> {
    origin("STATUS_URL", text, "http://ca.example.org", |scheme| match scheme {
        "http" => Ok(()),
        _ => Err("it has to begin with http://: verifiers fetch CRLs without TLS"),
    })
}

/// The root certificate that clients trust. The CA serves it, and compares issuers with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    der: Vec<u8>,
    pem: String,
    name: String,
    subject: Vec<u8>,
    spki_der: Vec<u8>,
    not_after: Time,
}

impl Root {
    /// Reads `ROOT_CERTIFICATE`, PEM.
    ///
    /// # Errors
    /// A sentence that names the value.
    pub fn read(text: &str) -> Result<Self, String> {
        let says = |what: &str| format!("ROOT_CERTIFICATE cannot be used: {what}.");
        let ders = pem::read_certificates(text).map_err(|fault| says(&fault.to_string()))?;
        let [der] =
            <[Vec<u8>; 1]>::try_from(ders).map_err(|all| says(&format!("it has {} certificates", all.len())))?;
        let parts = Parts::read(&der).map_err(|error| says(&reason(&der, &error)))?;
        if parts.issuer != parts.subject {
            return Err(says("the certificate is not self-signed; the root is what clients trust"));
        }
        let odd = |error: der::Error| says(&error.to_string());
        let (name, spki_der) = (readable_name(parts.subject).map_err(odd)?, parts.spki.to_vec());
        let (subject, not_after) = (parts.subject.to_vec(), parts.not_after);
        // Encoded again, so that the served PEM contains nothing else.
        let pem = pem::write_certificate(&der).map_err(odd)?;
        Ok(Self { der, pem, name, subject, spki_der, not_after })
    }

    /// Expiry.
    pub fn not_after(&self) -> Time {
        self.not_after
    }

    /// Its subject, DER.
    pub fn subject(&self) -> &[u8] {
        &self.subject
    }

    /// The certificate, DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate, PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Name for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its SHA-256 fingerprint as OpenSSL and browsers show it: `0A:1B:…`.
    pub fn fingerprint(&self) -> String {
        crate::values::hex::fingerprint(&self.der)
    }

    /// Its public key, DER SubjectPublicKeyInfo.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }
}
