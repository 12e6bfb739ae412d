//! `certs import`: certificates of other programs, taken into the inventory.

mod files;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use selvedge::ca::operator_api::imports::MAX_CERTIFICATES;
use serde_json::{Value, json};

use self::files::{Found, Leaf};
use super::certificate::PATH;
use crate::common::host::{print, say};
use crate::operator::client::{Client, Waits, escaped};
use crate::operator::target::Target;

/// Most characters of certificates in one request, whose body has at most 64 kB.
const BATCH_SIZE: usize = 48 * 1024;

/// The files, and the CRLs.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Files, or folders of them: certificates in PEM or DER, or JSON of `vault read`.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// A CRL of the CA that issued them (PEM or DER): what it lists is imported as revoked. The paths need that CA's
    /// certificate.
    #[arg(long, value_name = "FILE")]
    crl: Vec<PathBuf>,
    /// Check everything, also at the authority, and import nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Imports the certificates of all files, or none.
///
/// # Errors
/// When a file cannot be used, or the authority refuses a certificate.
pub fn run(client: &Client, at: &Target, options: &Options) -> Result<()> {
    let mut found = Found::default();
    for path in &options.paths {
        found.read(path)?;
    }
    let listed = options.crl.iter().map(|file| found.apply(file)).sum::<Result<usize>>()?;
    if !options.crl.is_empty() {
        say(format!("{listed} of the certificates are revoked by the CRLs"));
    }
    found.left_out().into_iter().for_each(say);
    let mut leaves: Vec<&Leaf> = found.leaves.values().collect();
    // A second person may have to confirm revocations: the others do not share a request with them.
    leaves.sort_by_key(|leaf| leaf.is_revoked());
    if leaves.is_empty() {
        bail!(
            "there is no certificate of a subscriber in these files, so nothing was imported. Name the files with the \
             certificates that the other CA issued"
        );
    }
    // The authority checks all of them before it stores the first.
    let (mut fates, mut waiting) = send(client, &leaves, true)?;
    if !options.dry_run {
        (fates, waiting) = send(client, &leaves, false).context(
            "the certificates were checked, and some of them may be imported; repeat the command: what is there already \
             stays as it is",
        )?;
    }
    show(at, &fates, options.dry_run);
    for Waits { id, until } in &waiting {
        say(format!("until {until} another operator confirms with `selvedge approvals confirm {id}`"));
    }
    if !waiting.is_empty() {
        bail!("{} certificates are not imported yet: they wait for a second person, by the commands above", {
            leaves.len().saturating_sub(fates.len())
        });
    }
    Ok(())
}

/// Sends the certificates in batches. Returns what became of each, and the batches that wait for a second person.
fn send(client: &Client, leaves: &[&Leaf], check: bool) -> Result<(Vec<Value>, Vec<Waits>)> {
    let (mut fates, mut waiting) = (Vec::new(), Vec::new());
    for batch in batches(leaves) {
        let certificates: Vec<Value> = batch.iter().map(|leaf| leaf.shown()).collect();
        let answer = client.post(&[PATH, "import"], &json!({ "certificates": certificates, "check": check }));
        let answer = match answer {
            Err(error) if error.is::<Waits>() => {
                waiting.extend(error.downcast::<Waits>());
                continue;
            }
            answer => answer.with_context(|| files_of(&batch))?.value,
        };
        let part = answer.get("certificates").and_then(Value::as_array).filter(|part| part.len() == batch.len());
        fates.extend(part.context("the authority's response lacks what became of the certificates")?.iter().cloned());
    }
    Ok((fates, waiting))
}

fn batches<'a>(leaves: &[&'a Leaf]) -> Vec<Vec<&'a Leaf>> {
    let (mut all, mut size) = (Vec::<Vec<&Leaf>>::new(), 0_usize);
    for leaf in leaves {
        let more = leaf.der.len();
        let fits = |last: &Vec<&Leaf>| {
            let is_alike = last.first().is_none_or(|first| first.is_revoked() == leaf.is_revoked());
            is_alike && last.len() < MAX_CERTIFICATES && size.saturating_add(more) <= BATCH_SIZE
        };
        match all.last_mut().filter(|last| fits(last)) {
            Some(last) => last.push(leaf),
            None => {
                all.push(vec![leaf]);
                size = 0;
            }
        }
        size = size.saturating_add(more);
    }
    all
}

/// The files of a batch by the numbers of its certificates, as the authority counts.
fn files_of(batch: &[&Leaf]) -> String {
    let files = batch.iter().enumerate().map(|(n, leaf)| format!("[{n}] {}", leaf.file.display()));
    format!("cannot import a certificate of these files: {}", files.collect::<Vec<_>>().join(", "))
}

fn show(at: &Target, fates: &[Value], dry_run: bool) {
    let count = |fate: &str| fates.iter().filter(|one| one.get("fate").is_some_and(|is| is == fate)).count();
    let [imported, revoked, known, expired] = ["imported", "revoked", "known", "expired"].map(count);
    let foreign = fates.iter().filter(|one| one.get("foreign").is_some_and(Value::is_string)).count();
    if at.json {
        let shown = json!({
            "dry_run": dry_run, "imported": imported, "revoked": revoked, "known": known, "expired": expired,
            "foreign": foreign, "certificates": fates,
        });
        return print(&format!("{}\n", escaped(&shown.to_string())));
    }
    let (would, own) = (if dry_run { "would be " } else { "" }, fates.len().saturating_sub(foreign));
    print(&format!(
        "{imported} {would}imported, {revoked} {would}marked as revoked, {known} known before, {expired} expired and left \
         out\n{own} are signed by an issuer of this authority and can be revoked here; {foreign} are of other CAs: listed \
         and watched here, revoked there\n"
    ));
}
