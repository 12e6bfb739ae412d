//! The files of an import.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow, bail};
use selvedge::pki::crl::read::ReceivedCrl;
use selvedge::pki::{foreign, pem};
use selvedge::records::ledger::entry::ALLOWED_REASONS;
use selvedge::values::native_crypto::NativeCrypto;
use selvedge::values::pem::blocks;
use selvedge::values::x509::Parts;
use selvedge::values::{Time, b64};
use serde_json::{Value, json};

use crate::common::x509::immediate;

/// The ends of names of files that are read in a folder.
const EXTENSIONS: [&str; 5] = ["pem", "crt", "cer", "der", "json"];
/// Largest file, in bytes.
const MAX_FILE: u64 = 64 * 1024 * 1024;
/// Longest certificate, in bytes.
const MAX_CERTIFICATE: usize = 32 * 1024;
/// Deepest folder below a path.
const MAX_DEPTH: usize = 20;

/// A certificate of a subscriber.
pub struct Leaf {
    /// Its file.
    pub file: PathBuf,
    /// DER in base64url.
    pub der: String,
    revoked: Option<Revoked>,
}

/// A revocation.
#[derive(Clone, Copy, Debug)]
struct Revoked {
    at: Time,
    reason: Option<u8>,
}

/// A certificate in a file, with the revocation beside it.
type Read = (Vec<u8>, Option<Revoked>);

/// What the files have.
#[derive(Default)]
pub struct Found {
    /// The certificates of subscribers, by DER.
    pub leaves: BTreeMap<Vec<u8>, Leaf>,
    /// The certificates of CAs in DER.
    cas: Vec<Vec<u8>>,
    /// Files of folders without a certificate.
    others: usize,
}

impl Leaf {
    /// Whether it is revoked.
    pub fn is_revoked(&self) -> bool {
        self.revoked.is_some()
    }

    /// The certificate as the operations API takes it.
    pub fn shown(&self) -> Value {
        match self.revoked {
            None => json!({ "der": self.der }),
            Some(Revoked { at, reason: None }) => json!({ "der": self.der, "revoked": { "at": at.rfc3339() } }),
            Some(Revoked { at, reason }) => {
                json!({ "der": self.der, "revoked": { "at": at.rfc3339(), "reason": reason } })
            }
        }
    }
}

impl Found {
    /// Reads a file, or all files of a folder.
    ///
    /// # Errors
    /// For the first file that cannot be used, with its name.
    pub fn read(&mut self, path: &Path) -> Result<()> {
        if path.is_dir() { self.folder(path, 0) } else { self.file(path, true) }
    }

    fn folder(&mut self, path: &Path, depth: usize) -> Result<()> {
        let shown = path.display();
        if depth > MAX_DEPTH {
            bail!("{shown} is more than {MAX_DEPTH} folders deep; nothing was imported. Name the folders to be read");
        }
        let entries = fs::read_dir(path).with_context(|| format!("cannot read the folder {shown}"))?;
        let mut all = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        all.sort();
        for one in all {
            let end = one.extension().map(|end| end.to_ascii_lowercase());
            let wanted = end.is_some_and(|end| EXTENSIONS.iter().any(|known| end == *known));
            // A link to a folder may lead back to this one.
            match (one.is_dir(), one.is_symlink()) {
                (true, false) => self.folder(&one, depth.saturating_add(1))?,
                (false, _) if wanted => self.file(&one, false)?,
                _ => self.others = self.others.saturating_add(1),
            }
        }
        Ok(())
    }

    /// Reads a file; one that was named has to have a certificate.
    fn file(&mut self, path: &Path, named: bool) -> Result<()> {
        let unreadable = || format!("cannot read {}, so nothing was imported", path.display());
        let length = fs::metadata(path).with_context(unreadable)?.len();
        if length > MAX_FILE {
            return Err(refused(path, &format!("it has {length} bytes, and at most {MAX_FILE} are read")));
        }
        let bytes = fs::read(path).with_context(unreadable)?;
        let all = certificates(&bytes).map_err(|why| refused(path, &why))?;
        if all.is_empty() && named {
            return Err(refused(path, "it has no certificate (PEM, DER, or JSON with a member \"certificate\")"));
        }
        self.others = self.others.saturating_add(usize::from(all.is_empty()));
        for (n, (der, revoked)) in all.into_iter().enumerate() {
            let added = self.add(path, der, revoked);
            added.map_err(|why| refused(path, &format!("its certificate {} {why}", n.saturating_add(1))))?;
        }
        Ok(())
    }

    fn add(&mut self, file: &Path, der: Vec<u8>, revoked: Option<Revoked>) -> Result<(), String> {
        if der.len() > MAX_CERTIFICATE {
            return Err(format!("has {} bytes, and at most {MAX_CERTIFICATE} are imported", der.len()));
        }
        let parts = Parts::read(&der).map_err(|error| format!("is no X.509 certificate of version 3 ({error})"))?;
        if foreign::is_ca(&parts).map_err(|error| format!("has basicConstraints that cannot be read ({error})"))? {
            self.cas.push(der);
            return Ok(());
        }
        let leaf = Leaf { file: file.to_owned(), der: b64::encode(&der), revoked };
        let leaf = self.leaves.entry(der).or_insert(leaf);
        leaf.revoked = leaf.revoked.or(revoked);
        Ok(())
    }

    /// Says what was left out.
    pub fn left_out(&self) -> Vec<String> {
        let cas = (!self.cas.is_empty()).then(|| format!("left out: {} certificates of CAs", self.cas.len()));
        let others = (self.others > 0).then(|| format!("left out: {} files without a certificate", self.others));
        cas.into_iter().chain(others).collect()
    }

    /// Marks the certificates that a CRL lists. Returns how many.
    ///
    /// # Errors
    /// When it is not a CRL, or none of the read CAs signed it.
    pub fn apply(&mut self, file: &Path) -> Result<usize> {
        let shown = file.display();
        let bytes = fs::read(file).with_context(|| format!("cannot read the CRL {shown}"))?;
        let der = match std::str::from_utf8(&bytes) {
            Ok(text) => pem::read_crl(text).with_context(|| format!("{shown} is no CRL, so nothing was imported"))?,
            Err(_) => bytes,
        };
        let list = ReceivedCrl::read(&der).map_err(|fault| anyhow!("the CRL {shown} {fault}; nothing was imported"))?;
        let is_signer = |ca: &Vec<u8>| {
            let Ok(parts) = Parts::read(ca) else { return false };
            let signed = immediate(list.is_signed_by(parts.spki, &NativeCrypto));
            parts.subject == list.issuer && signed.is_some_and(|signed| signed == Ok(true))
        };
        if !self.cas.iter().any(is_signer) {
            bail!(
                "the CRL {shown} cannot be checked: no certificate in these files is of the CA that signed it. Nothing was \
                 imported; name the file with that CA's certificate as well"
            );
        }
        let mut marked = 0_usize;
        for (der, leaf) in &mut self.leaves {
            let Ok(parts) = Parts::read(der) else { continue };
            let Some(entry) = list.entry(parts.serial).filter(|_| parts.issuer == list.issuer) else { continue };
            leaf.revoked = Some(Revoked { at: entry.at, reason: entry.reason.filter(is_kept) });
            marked = marked.saturating_add(1);
        }
        Ok(marked)
    }
}

/// Whether this CA uses a reason.
fn is_kept(code: &u8) -> bool {
    *code != 0 && ALLOWED_REASONS.contains(code)
}

fn refused(path: &Path, why: &str) -> Error {
    anyhow!("{} cannot be imported: {why}. Nothing was imported; correct the file, or leave it out", path.display())
}

/// The certificates in a file. A file of something else, such as a key in PEM, has none.
///
/// # Errors
/// A clause that says why the file cannot be read.
fn certificates(bytes: &[u8]) -> Result<Vec<Read>, String> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Ok(vec![(bytes.to_vec(), None)]);
    };
    if text.trim_start().starts_with(['{', '[']) {
        let json: Value = serde_json::from_str(text).map_err(|error| format!("it is no JSON ({error})"))?;
        let mut found = Vec::new();
        collect(&json, &mut found)?;
        return Ok(found);
    }
    in_pem(text).map(|all| all.into_iter().map(|der| (der, None)).collect())
}

/// The certificates among the blocks of a PEM text.
fn in_pem(text: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut found = Vec::new();
    for block in blocks(text) {
        let block = block.map_err(|fault| format!("a block of its PEM cannot be read ({fault})"))?;
        if block.label() == pem::CERTIFICATE {
            found.push(block.der().map_err(|fault| format!("a certificate in its PEM cannot be decoded ({fault})"))?);
        }
    }
    Ok(found)
}

/// Collects the members "certificate", with "revocation_time" and "revocation_reason" beside them.
///
/// Vault and OpenBao give no reason.
fn collect(json: &Value, found: &mut Vec<Read>) -> Result<(), String> {
    match json {
        Value::Object(members) => {
            if let Some(text) = members.get("certificate").and_then(Value::as_str) {
                let revoked = members.get("revocation_time").and_then(Value::as_u64).filter(|at| *at > 0);
                let code = members.get("revocation_reason").and_then(Value::as_u64);
                let reason = code.and_then(|code| u8::try_from(code).ok()).filter(is_kept);
                let revoked = revoked.map(|at| Revoked { at: Time::from_secs(at), reason });
                let all = in_pem(text)?;
                if all.is_empty() {
                    return Err("its member \"certificate\" is no certificate in PEM".to_owned());
                }
                found.extend(all.into_iter().map(|der| (der, revoked)));
            }
            members.values().try_for_each(|value| collect(value, found))
        }
        Value::Array(all) => all.iter().try_for_each(|one| collect(one, found)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";

    #[test]
    fn certificates_are_found_in_pem_der_and_answers_of_vault() {
        let key = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
        let count = |text: &str| certificates(text.as_bytes()).map(|all| all.len()).unwrap();
        assert_eq!((count(&format!("{PEM}{key}{PEM}")), count(key)), (2, 0));
        assert_eq!(certificates(&[0x30, 0x82, 0xff]).unwrap().len(), 1);
        let vault = json!({ "data": { "certificate": PEM, "revocation_time": 1_700_000_000, "ca_chain": [PEM] } });
        let found = certificates(vault.to_string().as_bytes()).unwrap();
        assert_eq!(found.len(), 1, "the chain is no member \"certificate\"");
        assert_eq!(found[0].1.unwrap().at, Time::from_secs(1_700_000_000));
        let valid =
            json!([{ "data": { "certificate": PEM, "revocation_time": 0 } }, { "data": { "certificate": PEM } }]);
        let found = certificates(valid.to_string().as_bytes()).unwrap();
        assert_eq!(found.iter().filter(|(_, revoked)| revoked.is_none()).count(), 2);
        for (code, kept) in
            [(json!(1), Some(1)), (json!(0), None), (json!(6), None), (json!(257), None), (json!(null), None)]
        {
            let exported = json!([{ "certificate": PEM, "revocation_time": 9, "revocation_reason": code }]);
            assert_eq!(certificates(exported.to_string().as_bytes()).unwrap()[0].1.unwrap().reason, kept, "{code}");
        }
        for bad in ["{", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "{\"certificate\":\"x\"}"] {
            assert!(certificates(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
