//! `recover`: a partition back to an earlier time, by the platform's bookmarks.
//!
//! The rows of before are in a file until the partition is open again. So an interrupted recovery goes on, or is undone.

mod compare;
mod kept;

use std::path::Path;

use anyhow::{Context, Result, bail};
use selvedge::ca::runtime::copying::{CopiedRow, Reached};
use serde::Deserialize;
use serde_json::json;

use super::backup::patiently;
use super::client::Client;
use super::confirm::confirm;
use super::target::Target;
use crate::common::host::{disable_core_dumps, now, print, say};
use crate::common::moment::{Moment, moment};
use kept::{Kept, Stage};

/// The resource in the operations API.
const PATH: [&str; 1] = ["recovery"];
/// Size at which a request takes no further row, in octets.
const PAGE: usize = 1024 * 1024;
/// Most rows of a request.
const ROWS: usize = 500;

/// The names of partitions.
const NAMES: &str = "ledger/ISSUER           certificates, revocations and CRLs of an issuer (`selvedge status --json` has the ids)\n\
                     operations/ca           audit record, policies, replacements\n\
                     account/ID              an account (`selvedge accounts list`)\n\
                     eab/KID                 an external account key (`selvedge eab list`)\n\
                     compromised/keys        keys that were revoked as compromised\n\
                     roster/0 to roster/3    the list of accounts\n";

/// Options of `recover`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["partition", "list"]))]
pub struct Options {
    /// The partition, as ledger/ISSUER, operations/ca or account/ID.
    partition: Option<String>,
    /// List the names of partitions.
    #[arg(long)]
    list: bool,
    /// The time to which it goes back: 2027-01-31T12:00:00Z, within the last 30 days.
    #[arg(long, value_name = "TIME", value_parser = moment, required_unless_present_any = ["list", "undo"])]
    at: Option<Moment>,
    /// Go back, show what is lost, and undo it.
    #[arg(long, conflicts_with = "undo")]
    dry_run: bool,
    /// Undo an interrupted recovery.
    #[arg(long, conflicts_with = "at")]
    undo: bool,
    /// Do not ask for confirmation.
    #[arg(long)]
    yes: bool,
}

/// A page of rows.
#[derive(Deserialize)]
struct Page {
    rows: Vec<CopiedRow>,
    reached: Option<Reached>,
    lost: bool,
}

/// Runs the command; `false` gives exit code 1.
pub fn run(at: &Target, options: &Options) -> Result<bool> {
    disable_core_dumps()?;
    let Some(partition) = options.partition.as_ref().filter(|_| !options.list) else {
        print(NAMES);
        return Ok(true);
    };
    let client = Client::open(at)?;
    let file = kept::file(partition);
    let mut kept = Kept::read(&file)?;
    if options.undo {
        let kept = kept.with_context(|| format!("{} does not exist: no recovery is under way here", file.display()))?;
        return undo(&client, &kept, &file);
    }
    let time = options.at.context("give the time with --at")?.from(now()?);
    if kept.as_ref().is_some_and(|kept| kept.at() != Some(time.rfc3339())) {
        bail!("{} is of another recovery: go on with its time, or undo it with --undo", file.display());
    }
    let mut kept = match kept.take() {
        Some(kept) => kept,
        None => {
            confirm(
                options.yes || options.dry_run,
                &format!("Hold {partition} for a recovery to {}?", time.rfc3339()),
            )?;
            let step = json!({ "step": "begin", "partition": partition, "at": time.rfc3339() });
            // An alarm that runs is waited for.
            let kept = Kept::begun(&patiently(|| client.post(&PATH, &step))?.value)?;
            kept.write(&file)?;
            say(format!("{partition} is held; the bookmark of the present is {}", kept.undo_bookmark()));
            kept
        }
    };
    if kept.stage == Stage::Held {
        kept.rows = copy(&client, &kept)?;
        kept.stage = Stage::Copied;
        kept.write(&file)?;
    }
    if kept.stage == Stage::Copied {
        client.post(&PATH, &kept.step("back", &[]))?;
        kept.stage = Stage::Back;
        kept.write(&file)?;
    }
    let then = if kept.stage == Stage::Back { Some(copy(&client, &kept)?) } else { None };
    if let Some(then) = &then {
        print(&compare::table(partition, &kept.rows, then)?);
    }
    if options.dry_run {
        return undo(&client, &kept, &file);
    }
    if kept.stage == Stage::Back && confirm(options.yes, "Keep this, and open the partition?").is_err() {
        undo(&client, &kept, &file)?;
        return Ok(false);
    }
    let carried = carry(&client, &kept)?;
    client.post(&PATH, &kept.step("end", &[("carried", json!(carried))]))?;
    kept::remove(&file)?;
    say(format!("{partition} is as it was at {}, with {carried} rows of before; remove CLOSED now", time.rfc3339()));
    Ok(true)
}

/// Copies all rows of the partition.
fn copy(client: &Client, kept: &Kept) -> Result<Vec<CopiedRow>> {
    let (mut all, mut reached) = (Vec::new(), None);
    loop {
        let page: Page = client.post(&PATH, &kept.step("rows", &[("reached", json!(reached))]))?.read()?;
        if page.lost {
            (all, reached) = (Vec::new(), None);
            continue;
        }
        all.extend(page.rows);
        reached = page.reached;
        if reached.is_none() {
            return Ok(all);
        }
    }
}

/// Carries the rows of before; returns their number.
fn carry(client: &Client, kept: &Kept) -> Result<usize> {
    let rows: Vec<&CopiedRow> = kept.rows.iter().filter(|row| row.value.is_some()).collect();
    let mut begin = 0;
    loop {
        let (mut end, mut octets) = (begin, 0);
        while end < rows.len() && end - begin < ROWS && (end == begin || octets < PAGE) {
            octets += rows.get(end).map_or(0, |row| row.octets());
            end += 1;
        }
        let page = rows.get(begin..end).unwrap_or_default();
        let last = end >= rows.len();
        client.post(&PATH, &kept.step("carry", &[("rows", json!(page)), ("last", json!(last))]))?;
        if last {
            return Ok(rows.len());
        }
        begin = end;
    }
}

/// Goes to the state of before, and opens the partition.
fn undo(client: &Client, kept: &Kept, file: &Path) -> Result<bool> {
    client.post(&PATH, &kept.step("undo", &[]))?;
    kept::remove(file)?;
    say("the partition is open, and as it was before");
    Ok(true)
}
