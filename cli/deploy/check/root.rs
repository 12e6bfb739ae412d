//! The checks of the root certificate, and that its key is offline.

use selvedge::pki::pem;
use selvedge::values::Time;
use selvedge::values::x509::{Parts, reason};

use super::finding::{Finding, check_mode};
use crate::common::x509::display_name;
use crate::deploy::ca_files::CaFiles;

/// The root certificate.
pub struct Root {
    der: Vec<u8>,
    spki: Vec<u8>,
    subject: Vec<u8>,
    name: String,
}

impl Root {
    /// The remedy where a key is the root's.
    pub const KEY_TODO: &'static str = "The root's key signs issuers only, and stays offline: put the issuer's own key there \
                                    (`selvedge init` and `selvedge issuer new` create one), and keep the root's away from \
                                    Cloudflare";

    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Its public key.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Its name in DER.
    pub fn subject(&self) -> &[u8] {
        &self.subject
    }

    /// The display name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Checks `root.pem` and `root.key`; gives the root where readable.
pub fn check(files: &CaFiles, now: Time, found: &mut Vec<Finding>) -> Option<Root> {
    if let Some((path, mode)) = &files.root_key {
        check_mode(path, *mode, found);
        found.push(Finding::warning(
            format!("{} is in the same folder as the keys in use", path.display()),
            "Take it offline, with a copy elsewhere: only the next issuer needs it, and with its passphrase it can sign any \
             CA below this root",
        ));
    }
    let path = files.path("root.pem");
    let shown = path.display();
    let Some(text) = &files.root else {
        found.push(Finding::wrong(
            format!("{shown}, to which the issuers' chains have to lead, does not exist"),
            "Put the root certificate there; `selvedge init` and `selvedge issuer import` do",
        ));
        return None;
    };
    match read(text, now) {
        Ok((root, None)) => Some(root),
        Ok((root, Some((what, todo)))) => {
            found.push(Finding::wrong(format!("{shown} {what}"), todo));
            Some(root)
        }
        Err(what) => {
            found.push(Finding::wrong(format!("{shown} {what}"), "Put the root certificate there, alone, as PEM"));
            None
        }
    }
}

/// A problem and its remedy, as clauses.
type Fault = (String, &'static str);

fn read(text: &str, now: Time) -> Result<(Root, Option<Fault>), String> {
    let ders = pem::read_certificates(text).map_err(|fault| format!("is not a root certificate: {fault}"))?;
    let [der] =
        <[Vec<u8>; 1]>::try_from(ders).map_err(|all| format!("has {} certificates instead of one", all.len()))?;
    let parts = Parts::read(&der).map_err(|error| format!("cannot be read: {}", reason(&der, &error)))?;
    if parts.issuer != parts.subject {
        return Err(format!(
            "is not a root: {} is issued by {}",
            display_name(parts.subject),
            display_name(parts.issuer)
        ));
    }
    // Its self-signature proves nothing (RFC 5280 §6.1.1 (d)).
    let fault = if now < parts.not_before {
        Some((format!("is valid from {} only", parts.not_before.rfc3339()), "Check this machine's clock"))
    } else if now.secs() > parts.not_after.secs() {
        let what = format!("was valid until {}", parts.not_after.rfc3339());
        Some((what, "Certificates below it no longer verify: create a new CA with `selvedge init`"))
    } else {
        None
    };
    let (spki, subject, name) = (parts.spki.to_vec(), parts.subject.to_vec(), display_name(parts.subject));
    Ok((Root { der, spki, subject, name }, fault))
}
