//! CRLs before the same verifiers: pkilint, OpenSSL and cryptography, of files in DER.
//!
//! [`faults`] is what a CRL that we publish is held to. The tests hold it to CRLs of OpenSSL's, good ones and bad.

use crate::corpus::CRL;
use crate::lints::{Linter, lint_files};
use crate::openssl_ca::{OpensslCa, date};
use crate::questions::Corpus;
use crate::verifiers::{answer, python};
use crate::{NOW, corpus};
use selvedge::values::Time;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// Serial numbers in lower-case hexadecimal without leading zeros, with the reasons of RFC 5280 5.3.1.
pub type Revoked = BTreeMap<String, Option<String>>;

/// A CRL, and what it has to be.
#[derive(Clone)]
pub struct Published {
    /// In DER.
    pub file: PathBuf,
    /// The certificates in PEM: issuer, root, a valid and a revoked leaf.
    pub root: PathBuf,
    pub issuer: PathBuf,
    pub good: PathBuf,
    pub bad: Option<PathBuf>,
    pub number: u64,
    pub revoked: Revoked,
    /// A time at which it is to be used.
    pub at: Time,
}

/// What cryptography reads in a CRL.
#[derive(Deserialize)]
struct Contents {
    signed: bool,
    number: Option<u64>,
    from: u64,
    until: u64,
    urls: Vec<String>,
    leaf_urls: Vec<String>,
    scope_is_critical: bool,
    whole: bool,
    revoked: Revoked,
}

/// Everything that is wrong with these CRLs, one list for each, by all verifiers.
pub fn faults(published: &[Published]) -> Vec<Vec<String>> {
    let linted: Vec<_> = published.iter().map(|crl| (Linter::Crl, std::slice::from_ref(&crl.file))).collect();
    let linted = lint_files(&linted);
    let question = |crl: &Published| json!({ "crl": crl.file, "issuer": crl.issuer, "leaf": crl.good });
    let read = python(include_str!("crls.py"), &published.iter().map(question).collect());
    let read: Vec<Contents> = serde_json::from_value(read).unwrap();
    let judged = published.iter().zip(linted).zip(read);
    judged
        .map(|((crl, linted), read)| linted.into_iter().chain(openssl(crl)).chain(compare(crl, &read)).collect())
        .collect()
}

/// OpenSSL's findings: on the signature, the valid leaf and the revoked leaf.
fn openssl(crl: &Published) -> Vec<String> {
    let mut wrong = vec![];
    let mut signature = Command::new("openssl");
    signature.args(["crl", "-inform", "DER", "-noout", "-verify", "-CAfile"]).arg(&crl.issuer);
    // It says what it found, and ends well either way.
    let signature = signature.arg("-in").arg(&crl.file).output().unwrap();
    if !String::from_utf8_lossy(&signature.stderr).contains("verify OK") {
        wrong.push(format!("OpenSSL on the signature: {}", String::from_utf8_lossy(&signature.stderr)));
    }
    let check = |leaf: &PathBuf| {
        let mut command = Command::new("openssl");
        command.args(["verify", "-x509_strict", "-no-CApath", "-no-CAstore", "-crl_check", "-CAfile"]).arg(&crl.root);
        command.arg("-untrusted").arg(&crl.issuer).arg("-CRLfile").arg(&crl.file);
        answer(&command.args(["-attime", &crl.at.secs().to_string()]).arg(leaf).output().unwrap())
    };
    if let Err(text) = check(&crl.good) {
        wrong.push(format!("OpenSSL on a leaf that is not revoked: {text}"));
    }
    match crl.bad.as_ref().map(check) {
        Some(Err(text)) if text.contains("certificate revoked") => {}
        None => {}
        Some(other) => wrong.push(format!("OpenSSL on a leaf that is revoked: {other:?}")),
    }
    wrong
}

fn compare(crl: &Published, read: &Contents) -> Vec<String> {
    let lasts = read.from <= crl.at.secs() && crl.at.secs() < read.until;
    let checks = [
        (read.signed, "it is not the issuer's"),
        (read.number == Some(crl.number), "its number is another"),
        (lasts, "it is not for this time"),
        (
            read.urls == read.leaf_urls && read.urls.len() == 1,
            "its URL is not the leaf's: RFC 5280 5.2.5, 6.3.3 (b)(2)(i)",
        ),
        (read.scope_is_critical, "its scope is not critical"),
        (read.whole, "it is not for all reasons of its own issuer"),
        (read.revoked == crl.revoked, "it revokes others, or for other reasons"),
    ];
    checks.into_iter().filter(|(holds, _)| !holds).map(|(_, text)| text.to_owned()).collect()
}

/// How a CRL of OpenSSL's is to be.
struct Recipe {
    url: &'static str,
    days: u32,
    /// Why one leaf is revoked, if one is.
    reason: Option<&'static str>,
    /// Whether the issuer of the leaves signs.
    own: bool,
}

const GOOD: Recipe = Recipe { url: CRL, days: 9, reason: Some("keyCompromise"), own: true };

/// Makes a CRL of the first issuer by OpenSSL, with at most one leaf.
fn made_by_openssl(corpus: &Corpus, recipe: &Recipe) -> (OpensslCa, Published) {
    let (good, bad) = (&corpus.leaves[0], &corpus.leaves[1]);
    let signer = &corpus.hierarchies[usize::from(!recipe.own)].1.intermediate;
    let (url, end, now) = (recipe.url, date(NOW.plus(DAY * recipe.days)), date(NOW));
    let ca = OpensslCa::of(
        signer,
        &format!(
            "[crl]\nauthorityKeyIdentifier = keyid:always\nissuingDistributionPoint = critical, @scope\n\
             [scope]\nfullname = URI:{url}\nonlyuser = TRUE\n"
        ),
    );
    if let Some(reason) = recipe.reason {
        // The index has two digits of the year.
        let (end, now, serial) = (&end[2..], &now[2..], bad.serial.to_uppercase());
        let revoked = format!("R\t{end}\t{now},{reason}\t{serial}\tunknown\t/\n");
        fs::write(ca.path().join("index"), revoked).unwrap();
    }
    let times = ["-crl_lastupdate", &now, "-crl_nextupdate", &end];
    let fixed = ["ca", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-gencrl", "-crlexts", "crl"];
    ca.run(&[&fixed[..], &times, &["-out", "crl.pem"]].concat());
    ca.run(&["crl", "-in", "crl.pem", "-outform", "DER", "-out", "crl.der"]);
    let serial = bad.serial.trim_start_matches('0').to_owned();
    let published = Published {
        file: ca.path().join("crl.der"),
        root: corpus.root(good.case.issuer),
        issuer: corpus.intermediate(good.case.issuer),
        good: corpus.leaf(&good.case.name),
        bad: recipe.reason.map(|_| corpus.leaf(&bad.case.name)),
        number: 1,
        revoked: recipe.reason.map(|_| (serial, GOOD.reason.map(str::to_owned))).into_iter().collect(),
        at: NOW.plus(DAY),
    };
    (ca, published)
}

#[test]
fn crl_verifiers_distinguish_good_from_bad() {
    let corpus = corpus();
    let good = [GOOD, Recipe { reason: None, ..GOOD }].map(|recipe| made_by_openssl(&corpus, &recipe));
    // What is wrong, and what one of the verifiers says of it.
    let bad = [
        (Recipe { url: "http://ca.example.com/crl/2.crl", ..GOOD }, "its URL is not the leaf's"),
        (Recipe { url: "http://ca.example.com/crl/2.crl", ..GOOD }, "OpenSSL on a leaf that is not revoked"),
        (Recipe { days: 11, ..GOOD }, "cabf.crl_invalid_validity_period"),
        (Recipe { reason: Some("certificateHold"), ..GOOD }, "cabf.crl_prohibited_reason_code"),
        (Recipe { reason: Some("superseded"), ..GOOD }, "for other reasons"),
        (Recipe { own: false, ..GOOD }, "it is not the issuer's"),
        (Recipe { own: false, ..GOOD }, "OpenSSL on the signature"),
    ];
    let made: Vec<_> = bad.iter().map(|(recipe, _)| made_by_openssl(&corpus, recipe)).collect();
    let (folders, mut crls): (Vec<_>, Vec<_>) = good.into_iter().chain(made).unzip();
    // And the good one again, at a time when it is over, for another number, and as if nobody were revoked.
    let again = || crls[0].clone();
    let late = Published { at: NOW.plus(DAY * 10), ..again() };
    let other = Published { number: 2, ..again() };
    let unrevoked = Published { good: crls[0].bad.clone().unwrap(), bad: Some(crls[0].good.clone()), ..again() };
    crls.extend([late, other, unrevoked]);
    let wanted = bad.iter().map(|(_, text)| *text).chain(["it is not for this time", "its number", "is not revoked"]);
    let found = faults(&crls);
    assert!(found[..2].iter().all(Vec::is_empty), "{:?}", &found[..2]);
    for (found, wanted) in found[2..].iter().zip(wanted) {
        assert!(found.iter().any(|text| text.contains(wanted)), "{wanted}: {found:?}");
    }
    drop(folders);
}
