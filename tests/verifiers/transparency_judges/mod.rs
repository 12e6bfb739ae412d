//! Transparency logs before programs of others: torchwood and its programs, Sigsum's tools, OpenSSL.
//!
//! For ML-DSA it is the OpenSSL within Python's cryptography.

mod ml_dsa;
mod sigsum;
mod spicy;
mod whole;
mod witness;

use crate::packages::debian;
use selvedge::tlog::note::VerifierKey;
use selvedge::tlog::policy::{Verdict, VerdictFault};
use selvedge::tlog::{Note, Policy};
use selvedge::values::native_crypto::NativeCrypto;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A program of a Debian package that runs anywhere.
fn program(package: &str, version: &str, name: &str) -> PathBuf {
    debian::release(package, version).root.join("usr/bin").join(name)
}

/// A program of torchwood.
fn torchwood(name: &str) -> PathBuf {
    program("torchwood", "0.9", name)
}

/// Runs a program that has to succeed.
fn run(program: &Path, arguments: &[&str], folder: &Path) -> Output {
    let output = Command::new(program).args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{program:?} {arguments:?}\n{output:?}");
    output
}

/// Our judgement of a note.
fn judged(policy: &Policy, note: &Note) -> Result<Verdict, VerdictFault> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let checks = policy.checks(note)?;
    let outcomes: Vec<Option<bool>> = checks
        .checks
        .iter()
        .map(|one| one.check.as_ref().and_then(|check| runtime.block_on(check.holds(&NativeCrypto)).unwrap()))
        .collect();
    policy.judge(checks, &outcomes)
}

/// A policy of one log without witnesses.
fn policy_of(key: &VerifierKey) -> Policy {
    Policy::parse(&format!("log {key}\nquorum none\n")).unwrap()
}
