//! What is issued, before independent verifiers: four verifiers and pkilint's lints. See [`corpus`] for what is judged,
//! [`questions`] for what is asked, [`allowed`] for the findings of linters that are meant; [`our_crls`] is the same for
//! CRLs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests fail by panics, draw their own randomness, and one asks the clock"
)]

mod allowed;
mod corpus;
mod crls;
mod hierarchy;
mod lints;
mod openssl_ca;
mod our_crls;
#[path = "../common/packages/mod.rs"]
mod packages;
mod promtool;
mod questions;
mod servers;
#[allow(dead_code, reason = "some of it is for the companion's commands")]
#[path = "../common/transparency.rs"]
mod transparency;
mod transparency_judges;
mod verifiers;

use lints::Linter;
use questions::{Corpus, Question, compare, questions};
use selvedge::values::Time;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime};

/// 24 November 2026, noon: what linters demand depends on the date.
const NOW: Time = Time::from_secs(1_795_521_600);

/// The corpus at [`NOW`], shared by concurrent tests; the last one deletes its files.
fn corpus() -> Arc<Corpus> {
    static SHARED: Mutex<Weak<Corpus>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let made = Arc::new(Corpus::make(NOW));
        *shared = Arc::downgrade(&made);
        made
    })
}

#[test]
fn openssl_accepts_valid_certificates_only() {
    let corpus = corpus();
    let questions = questions(&corpus);
    compare(&questions, &verifiers::openssl(&questions));
}

#[test]
fn webpki_accepts_valid_certificates_only() {
    let corpus = corpus();
    let questions = questions(&corpus);
    compare(&questions, &verifiers::webpki(&questions));
}

#[test]
fn cryptography_accepts_valid_certificates_only() {
    let corpus = corpus();
    let questions = questions(&corpus);
    compare(&questions, &verifiers::cryptography(&questions));
}

/// What certtool goes by.
fn system_clock() -> Time {
    Time::from_secs(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs())
}

/// certtool 3.7 uses the system's clock: good certificates are issued now, expired ones long ago.
#[test]
fn gnutls_accepts_valid_certificates_only() {
    let clock = system_clock();
    let corpus = Corpus::make(clock);
    let now: Vec<_> = questions(&corpus).into_iter().filter(|question| question.at == clock).collect();
    compare(&now, &verifiers::gnutls(&now));

    let half_a_year = Duration::from_secs(180 * 86_400);
    let old = Corpus::make(clock.minus(half_a_year));
    let was_good = |question: &Question<'_>| question.accept && question.about == "now";
    let over: Vec<_> = questions(&old).into_iter().filter(was_good).collect();
    let answers = verifiers::gnutls(&over);
    assert!(answers.iter().all(|answer| answer.as_ref().is_err_and(|text| text.contains("expired"))), "{answers:?}");
}

#[test]
fn linters_find_exactly_the_expected_findings() {
    let corpus = corpus();
    let jobs = lints::jobs(&corpus);
    lints::compare(&jobs, &lints::lint(&jobs));
}

#[test]
fn linters_would_find_bad_certificates() {
    let (corpus, folder) = (corpus(), tempfile::tempdir().unwrap());
    let leaf = corpus.leaves.iter().find(|leaf| !leaf.case.is_client()).unwrap();
    let issuer = corpus.intermediate(leaf.case.issuer);
    let write = |name: &str, der: &[u8]| {
        let file = folder.path().join(name);
        fs::write(&file, der).unwrap();
        file
    };
    // The serial number's tag, length and first octet, which its top bit makes negative.
    let mut negative = leaf.der.clone();
    let at = negative.windows(3).position(|bytes| bytes == [2, 19, 1]).unwrap();
    negative[at + 2] = 0x81;
    // The last octet of the purpose serverAuth, which makes it clientAuth.
    let mut client = leaf.der.clone();
    let at = client.windows(8).position(|bytes| bytes == [0x2b, 6, 1, 5, 5, 7, 3, 1]).unwrap();
    client[at + 7] = 2;
    let jobs = [
        (Linter::Pkix, vec![write("negative.der", &negative)], "serial_number"),
        (Linter::Serverauth, vec![write("client.der", &client)], "eku"),
        // Signed over other bytes, and below another issuer.
        (Linter::Chain, vec![issuer.with_extension("der"), write("forged.der", &client)], "signature"),
        (Linter::Chain, vec![corpus.stranger().with_extension("der"), write("leaf.der", &leaf.der)], "key_identifier"),
    ];
    let asked: Vec<_> = jobs.iter().map(|(linter, files, _)| (*linter, files.as_slice())).collect();
    for (found, (linter, _, wanted)) in lints::lint_files(&asked).iter().zip(&jobs) {
        assert!(found.iter().any(|code| code.contains(wanted)), "{linter:?}, {wanted}: {found:?}");
    }
}
