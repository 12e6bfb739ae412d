//! The checks of an issuer's chain and key.

use selvedge::pki::ceremony::NO_PATH_LENGTH;
use selvedge::pki::{Issuer, IssuerFault, pem};
use selvedge::values::native_crypto::NativeCrypto;
use selvedge::values::x509::Parts;

use super::finding::{Finding, check_closed};
use super::root::Root;
use crate::ceremony::issuer_file;
use crate::common::secret::{KeyFault, PrivateKey};
use crate::common::worker_config::WorkerConfig;
use crate::common::x509::{display_name, immediate};
use crate::deploy::ca_files::{CaFiles, IssuerFiles};

/// Checks the files of an issuer.
pub fn check(files: &CaFiles, issuer: &IssuerFiles, root: Option<&Root>, found: &mut Vec<Finding>) {
    let path = |kind: &str| files.path(&issuer_file(issuer.place, kind)).display().to_string();
    let spki = issuer.chain.as_deref().and_then(|text| chain(&path("pem"), text, root, found));
    if let Some(file) = &issuer.key {
        check_closed(file, found);
        let read = PrivateKey::read(&file.text);
        found.extend(key_finding(&path("key"), &path("pem"), &read, spki.as_deref(), root));
    }
    match (&issuer.chain, &issuer.key) {
        (None, Some(_)) if issuer.requested => found.push(Finding::warning(
            format!("{} is pending, without a certificate: that issuer is not deployed", path("csr")),
            "Have it signed, then `selvedge issuer import`",
        )),
        (None, Some(_)) => found.push(Finding::wrong(
            format!("{} exists, but its certificate {} does not: the issuer is incomplete", path("key"), path("pem")),
            "Restore the certificate from a copy, or move the key out of the folder",
        )),
        _ => {}
    }
}

/// Finds an issuer's certificate without its key. A closed CA starts without: a backup can be restored and read.
pub fn keyless(files: &CaFiles, issuer: &IssuerFiles, config: &WorkerConfig, found: &mut Vec<Finding>) {
    if issuer.chain.is_none() || issuer.key.is_some() {
        return;
    }
    found.push(match config.var("CLOSED") {
        Some("true") => Finding::warning(
            format!("{} does not exist: that issuer signs nothing", key_path(files, issuer)),
            "Restore the key from a copy before the CA is opened",
        ),
        _ => no_key(files, issuer),
    });
}

/// The error about an issuer without a key.
pub fn no_key(files: &CaFiles, issuer: &IssuerFiles) -> Finding {
    let chain = files.path(&issuer_file(issuer.place, "pem")).display().to_string();
    Finding::wrong(
        format!("{chain} exists, but its key {} does not", key_path(files, issuer)),
        "Restore the key from a copy; without one, create the next issuer with `selvedge issuer new`",
    )
}

fn key_path(files: &CaFiles, issuer: &IssuerFiles) -> String {
    files.path(&issuer_file(issuer.place, "key")).display().to_string()
}

/// Checks a chain; returns the issuer's public key where readable.
fn chain(path: &str, text: &str, root: Option<&Root>, found: &mut Vec<Finding>) -> Option<Vec<u8>> {
    let again = "Restore it from a copy, or import the chain of the superior CA with `selvedge issuer import`";
    let issuer = match Issuer::from_pem_chain(text) {
        Ok(issuer) => issuer,
        Err(fault) => {
            found.push(Finding::wrong(format!("{path} cannot be used: {fault}"), again));
            return None;
        }
    };
    let below = match root {
        None => issuer.clone(),
        Some(root) if !issuer.leads_to(root.subject()) => {
            found.push(Finding::wrong(format!("{path} {}", unrooted(text, root)), TO_ROOT));
            issuer.clone()
        }
        Some(root) => match issuer.clone().below(root.der()) {
            Ok(below) => below,
            Err(fault) => {
                found.push(Finding::wrong(format!("{path} cannot be used below root.pem: {fault}"), TO_ROOT));
                issuer.clone()
            }
        },
    };
    match immediate(below.check_signatures(&NativeCrypto)) {
        Some(Err(IssuerFault::NotByRoot(_))) => found.push(Finding::wrong(
            format!(
                "{path} does not lead to the root: its last certificate names {} as its issuer, but is not signed by the key \
                 of root.pem",
                root.map_or("another", Root::name)
            ),
            TO_ROOT,
        )),
        Some(Err(fault)) => found.push(Finding::wrong(format!("{path} cannot be used: {fault}"), again)),
        _ => {}
    }
    if issuer.path_length().is_none() {
        found.push(Finding::warning(
            format!("of {path}, {NO_PATH_LENGTH}"),
            "`selvedge issuer new` and `issuer request` create issuers with pathLen 0",
        ));
    }
    Some(issuer.public_key().spki_der().to_vec())
}

/// The remedy for a chain that does not lead to the root.
const TO_ROOT: &str = "Add the missing certificates in between, each followed by its issuer's, without the root; or put its root into \
                       root.pem";

/// The reason why the root did not issue the chain's last certificate. A clause about the file.
fn unrooted(text: &str, root: &Root) -> String {
    let ders = pem::read_certificates(text).unwrap_or_default();
    let last = ders.last().and_then(|der| Parts::read(der).ok());
    let (name, issuer) =
        last.map_or_else(Default::default, |last| (display_name(last.subject), display_name(last.issuer)));
    format!(
        "does not lead to the root: its last certificate, {name}, is issued by {issuer}, and root.pem is {}",
        root.name()
    )
}

/// The finding about a key.
fn key_finding(
    path: &str,
    chain: &str,
    read: &Result<PrivateKey, KeyFault>,
    spki: Option<&[u8]>,
    root: Option<&Root>,
) -> Option<Finding> {
    let key = match read {
        Ok(key) => key,
        Err(fault) => return Some(unusable(path, fault)),
    };
    if root.is_some_and(|root| root.spki() == key.spki()) {
        return Some(Finding::wrong(format!("{path} is the key of the ROOT"), Root::KEY_TODO));
    }
    spki.is_some_and(|spki| spki != key.spki()).then(|| {
        Finding::wrong(
            format!("{path} is not the key of the first certificate in {chain}"),
            "Use both files of the same `selvedge init` or `selvedge issuer`; restore the replaced one",
        )
    })
}

fn unusable(path: &str, fault: &KeyFault) -> Finding {
    match fault {
        KeyFault::Encrypted => Finding::wrong(
            format!(
                "{path} is an encrypted key, like the root's; an issuer's key is unencrypted, since the Worker uses it"
            ),
            Root::KEY_TODO,
        ),
        KeyFault::Form(label) => Finding::wrong(
            format!("{path} is a PEM {label:?}; a key has to be PKCS#8, \"PRIVATE KEY\""),
            format!(
                "Convert it with `openssl pkcs8 -topk8 -nocrypt -in {path} -out {path}.new`, and put that in its place"
            ),
        ),
        KeyFault::Unreadable => Finding::wrong(
            format!("{path} cannot be read as a private key (PKCS#8 in PEM)"),
            "Restore it from a copy; without one, create the next issuer with `selvedge issuer new`",
        ),
        KeyFault::Kind(what) => {
            Finding::wrong(format!("the key {path} {what}"), "Create an issuer with another key: `selvedge issuer new`")
        }
    }
}
