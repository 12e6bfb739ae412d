//! Our CRLs before the verifiers of [`crls`](crate::crls), rustls-webpki and GnuTLS.
//!
//! Below every kind of issuer there is one of every kind of contents. The verifiers find nothing, so no finding is
//! allowed here.

use crate::corpus::{CRL, Leaf};
use crate::crls::{Published, Revoked, faults};
use crate::hierarchy::{ISSUERS, IssuerKind};
use crate::questions::Corpus;
use crate::verifiers::{answer, certtool, with_input};
use crate::{corpus, system_clock};
use rustls_pki_types::{CertificateDer, UnixTime};
use selvedge::pki::{CrlEntry, CrlRequest, Issuer, Serial, crl, lint};
use selvedge::records::ledger::crl::{BACKDATE, VALIDITY};
use selvedge::values::Time;
use selvedge::values::native_crypto::NativeKey;
use std::fs;
use std::path::Path;
use std::time::Duration;
use webpki::anchor_from_trusted_cert;

/// The reasons of entries, with their names in RFC 5280 5.3.1.
const REASONS: [(Option<u8>, Option<&str>); 5] = [
    (None, None),
    (Some(1), Some("keyCompromise")),
    (Some(3), Some("affiliationChanged")),
    (Some(4), Some("superseded")),
    (Some(5), Some("cessationOfOperation")),
];

/// The numbers of entries: none, one of each reason, and many.
const LENGTHS: [usize; 3] = [0, REASONS.len(), 1000];

/// Entries that go through the reasons; the first one is this certificate's.
fn entries(length: usize, first: &str, now: Time) -> Vec<CrlEntry> {
    let serial = |nth: usize| {
        let mut random = [0; 18];
        getrandom::fill(&mut random).unwrap();
        if nth == 0 { Serial::from_hex(first).unwrap() } else { Serial::from_random(random) }
    };
    let at = |nth: usize| now.minus(Duration::from_secs(nth as u64 * 60));
    (0..length).map(|nth| CrlEntry { serial: serial(nth), at: at(nth), reason: REASONS[nth % 5].0 }).collect()
}

fn as_read(entries: &[CrlEntry]) -> Revoked {
    let name = |reason| REASONS.iter().find(|(code, _)| *code == reason).unwrap().1.map(str::to_owned);
    entries.iter().map(|entry| (entry.serial.hex().trim_start_matches('0').to_owned(), name(entry.reason))).collect()
}

/// Makes it as the ledger does: built, linted, signed, assembled, with its dates.
pub fn signed(
    (issuer, signer): (&Issuer, &NativeKey),
    url: &str,
    number: u64,
    entries: &[CrlEntry],
    now: Time,
) -> Vec<u8> {
    let this_update = now.minus(BACKDATE).max(issuer.not_before());
    let next_update = now.plus(VALIDITY).min(issuer.not_after());
    let urls = &[url.to_owned()];
    let request = CrlRequest { issuer, number, this_update, next_update, urls, complete: false, entries };
    let linted = lint::crl::check(&crl::build_tbs(&request).unwrap(), &request).unwrap();
    crl::assemble(&linted, &signer.sign(linted.algorithm(), linted.as_bytes()).unwrap()).unwrap()
}

/// Every CRL of ours for this corpus, in a folder.
fn publish(corpus: &Corpus, folder: &Path) -> Vec<Published> {
    let every = ISSUERS.iter().flat_map(|kind| LENGTHS.map(|length| (kind, length)));
    every.map(|(kind, length)| publish_one(corpus, folder, kind, length, CRL)).collect()
}

/// One with so many entries, the first of which is a leaf of the corpus.
fn publish_one(corpus: &Corpus, folder: &Path, kind: &IssuerKind, length: usize, url: &str) -> Published {
    let usable = |leaf: &&Leaf| leaf.case.issuer.name == kind.name && leaf.case.has_crl() && !leaf.case.outside;
    let leaves: Vec<_> = corpus.leaves.iter().filter(usable).collect();
    let (good, bad) = (leaves[0], leaves[1]);
    let intermediate = &corpus.hierarchy(kind).intermediate;
    let issuer = Issuer::from_pem_chain(&intermediate.certificate).unwrap();
    let signer = NativeKey::from_pkcs8_pem(&intermediate.key).unwrap();
    // As the ledger numbers them: milliseconds since 1970.
    let number = corpus.now.secs() * 1000 + length as u64;
    let entries = entries(length, &bad.serial, corpus.now);
    let file = folder.join(format!("{}-{length}.crl", kind.name));
    fs::write(&file, signed((&issuer, &signer), url, number, &entries, corpus.now)).unwrap();
    Published {
        file,
        root: corpus.root(kind),
        issuer: corpus.intermediate(kind),
        good: corpus.leaf(&good.case.name),
        bad: (length > 0).then(|| corpus.leaf(&bad.case.name)),
        number,
        revoked: as_read(&entries),
        at: corpus.now,
    }
}

#[test]
fn verifiers_find_no_faults_in_our_crls() {
    let (corpus, folder) = (corpus(), tempfile::tempdir().unwrap());
    let published = publish(&corpus, folder.path());
    assert_eq!(published.len(), ISSUERS.len() * LENGTHS.len());
    for (crl, faults) in published.iter().zip(faults(&published)) {
        assert!(faults.is_empty(), "{}: {faults:?}", crl.file.display());
    }
}

/// GnuTLS uses a CRL for every certificate of its issuer, ignoring issuingDistributionPoint (certtool 3.7.9).
///
/// It cannot tell whether a list is of the leaf's shard, but does tell which certificates are on it. It asks the
/// system's clock.
#[test]
fn gnutls_accepts_our_crls() {
    let (corpus, folder) = (Corpus::make(system_clock()), tempfile::tempdir().unwrap());
    for crl in publish(&corpus, folder.path()) {
        let file = crl.file.with_extension("pem");
        let pem = der::pem::encode_string("X509 CRL", der::pem::LineEnding::LF, &fs::read(&crl.file).unwrap());
        fs::write(&file, pem.unwrap()).unwrap();
        let verify = |leaf: &Path| {
            let chain = [leaf, &crl.issuer].map(|path| fs::read(path).unwrap()).concat();
            let mut command = certtool();
            command.arg("--verify").arg("--load-ca-certificate").arg(&crl.root).arg("--load-crl").arg(&file);
            let output = with_input(&mut command, &chain);
            // A list that is not its issuer's would be passed over.
            let used = String::from_utf8_lossy(&output.stdout).contains("Checked against CRL");
            (answer(&output), used)
        };
        let good = verify(&crl.good);
        assert!(good.0.is_ok() && good.1, "{}: {good:?}", file.display());
        if let Some(bad) = crl.bad.as_deref().map(verify) {
            let revoked = bad.0.as_ref().is_err_and(|text| text.contains("chain is revoked"));
            assert!(revoked && bad.1, "{}: {bad:?}", file.display());
        }
    }
}

/// rustls-webpki's verdict on a server's or client's leaf with a CRL that must cover it.
fn webpki(crl: &Published, leaf: &Path) -> Result<(), webpki::Error> {
    let read = |path: &Path| CertificateDer::from(fs::read(path.with_extension("der")).unwrap());
    let [leaf, intermediate, root] = [leaf, &crl.issuer, &crl.root].map(read);
    let leaf = webpki::EndEntityCert::try_from(&leaf)?;
    let der = fs::read(&crl.file).unwrap();
    let list = webpki::CertRevocationList::from(webpki::BorrowedCertRevocationList::from_der(&der)?);
    let lists = [&list];
    // The root publishes none: only the leaf is looked up.
    let revocation = webpki::RevocationOptionsBuilder::new(&lists)
        .unwrap()
        .with_depth(webpki::RevocationCheckDepth::EndEntity)
        .with_status_policy(webpki::UnknownStatusPolicy::Deny)
        .with_expiration_policy(webpki::ExpirationPolicy::Enforce)
        .build();
    let (at, anchors) =
        (UnixTime::since_unix_epoch(Duration::from_secs(crl.at.secs())), [anchor_from_trusted_cert(&root)?]);
    let intermediates = [intermediate];
    let verify = |usage| {
        let revocation = Some(revocation);
        leaf.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &anchors, &intermediates, at, usage, revocation, None)
    };
    match verify(webpki::KeyUsage::server_auth()) {
        Err(webpki::Error::RequiredEkuNotFoundContext(_)) => verify(webpki::KeyUsage::client_auth()).map(drop),
        other => other.map(drop),
    }
}

#[test]
fn webpki_accepts_our_crls_for_their_shard() {
    let (corpus, folder) = (corpus(), tempfile::tempdir().unwrap());
    for crl in publish(&corpus, folder.path()) {
        assert_eq!(webpki(&crl, &crl.good), Ok(()), "{}", crl.file.display());
        if let Some(bad) = &crl.bad {
            assert_eq!(webpki(&crl, bad), Err(webpki::Error::CertRevoked), "{}", crl.file.display());
        }
        let late = Published { at: corpus.now.plus(VALIDITY), ..crl.clone() };
        assert!(matches!(webpki(&late, &crl.good), Err(webpki::Error::CrlExpired { .. })), "{}", crl.file.display());
    }
    let other = publish_one(&corpus, folder.path(), &ISSUERS[0], 0, "http://ca.example.com/crl/2.crl");
    assert_eq!(webpki(&other, &other.good), Err(webpki::Error::UnknownRevocationStatus), "another shard's");
}
