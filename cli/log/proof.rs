//! `log proof`: one certificate.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use selvedge::pki::Serial;
use selvedge::pki::pem::read_certificates;
use selvedge::tlog::Proof;
use selvedge::tlog::entry::{Entry, Kind as EntryKind};
use selvedge::values::hex;
use selvedge::values::x509::Parts;

use super::alarm::{Alarm, Kind};
use super::report::Report;
use super::source::{Access, Source, fetch_proof};
use super::trust::{Trust, judge_lines};
use crate::common::files;

/// Options of `log proof`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The certificate, in PEM or DER; of a chain the first one.
    certificate: PathBuf,
    /// The proof, a .tlog-proof file. [default: it is fetched from the log of --log]
    #[arg(long, value_name = "FILE", required_unless_present_any = ["log", "entry"])]
    proof: Option<PathBuf>,
    /// The URL of a log of the issuer, for the proof or the log's key.
    #[arg(long, value_name = "URL")]
    log: Option<String>,
    #[command(flatten)]
    trust: Trust,
    /// Write the entry of the certificate to a file, for other verifiers.
    #[arg(long, value_name = "FILE")]
    entry: Option<PathBuf>,
    /// Write the fetched proof to a file, to keep beside the certificate.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    #[command(flatten)]
    access: Access,
}

/// Checks the proof of a certificate and prints the outcome.
pub fn run(options: &Options) -> Result<Report> {
    let der = certificate(&options.certificate)?;
    let shown = options.certificate.display();
    let parts = Parts::read(&der).map_err(|error| anyhow!("{shown} is not a certificate: {error}"))?;
    let entry = Entry { kind: EntryKind::Certificate, body: parts.tbs }.octets();
    let serial = Serial::from_octets(parts.serial).map_or_else(|| hex::encode(parts.serial), |serial| serial.hex());
    let mut report = Report::default();
    report.fact("serial", serial.clone());
    if let Some(file) = &options.entry {
        fs::write(file, &entry).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let done = text(options, &serial).and_then(|text| match text {
        Some(text) => check(options, &entry, &text, &mut report),
        None => {
            report.notes.push("no proof was checked: give one with --proof FILE, or a log with --log URL".to_owned());
            Ok(())
        }
    });
    report.take(done)?;
    report.show(options.access.json);
    Ok(report)
}

/// The text of the proof; `None` when none was asked for.
fn text(options: &Options, serial: &str) -> Result<Option<String>> {
    let text = match (&options.proof, &options.log) {
        (Some(file), _) => files::read(file)?.with_context(|| format!("{} does not exist", file.display()))?,
        (None, Some(log)) => fetch_proof(log, serial, &options.access)?,
        (None, None) => return Ok(None),
    };
    if let Some(file) = &options.save {
        fs::write(file, &text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(Some(text))
}

fn check(options: &Options, entry: &[u8], text: &str, report: &mut Report) -> Result<()> {
    let refused = |fault| Alarm::new(Kind::Proof, format!("the proof cannot be read: {fault}"));
    let proof = Proof::parse(text).map_err(refused)?;
    let source = options.log.as_ref().map(|log| Source::open(log, &options.access)).transpose()?;
    let trusted = options.trust.policy(source.as_ref(), &[])?;
    if trusted.own_word {
        report.notes.push("the key is what the log says of itself; give a policy with --policy FILE".to_owned());
    }
    let verdict = judge_lines(&trusted.policy, &proof.note, report)?;
    report.fact("origin", verdict.checkpoint.origin);
    report.fact("index", proof.index);
    report.fact("size", verdict.checkpoint.size);
    report.fact("quorum", verdict.quorum);
    if !proof.includes(entry) {
        bail!(Alarm::new(
            Kind::Proof,
            "the proof is not one of this certificate: the tree of its checkpoint does not have the certificate's entry at \
             its index"
        ));
    }
    if !verdict.quorum {
        let quorum = trusted.policy.quorum();
        let text =
            format!("the quorum is {quorum:?}, and the proof's checkpoint does not have it; fetch a newer proof");
        bail!(Alarm::new(Kind::Quorum, text));
    }
    Ok(())
}

/// The first certificate of a file in PEM, or the one in DER.
fn certificate(path: &Path) -> Result<Vec<u8>> {
    let octets = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    if octets.first() == Some(&0x30) {
        return Ok(octets);
    }
    let found = read_certificates(&String::from_utf8_lossy(&octets));
    let found = found.with_context(|| format!("{} is not a certificate", path.display()))?;
    found.into_iter().next().with_context(|| format!("{} has no certificate", path.display()))
}
