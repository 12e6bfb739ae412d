//! Copies all partitions of a CA into a file.
//!
//! Accounts come after the rosters that list them, and ledgers after accounts: so each certificate of the backup is in the
//! backup's ledger.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use selvedge::ca::operator_api::backups::MAX_PARTS;
use selvedge::ca::runtime::copying::{CopiedRow, Reached};
use selvedge::ca::runtime::message::{PartitionId, ROSTERS};
use selvedge::records::AccountRecord;
use selvedge::records::ledger::compromise::SubscriberRecord;
use selvedge::records::ledger::inventory::RosterEntry;
use selvedge::records::operations::external_key::ExternalKeyEntry;
use selvedge::store::Record;
use selvedge::values::Time;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::archive::{Head, Line, Reader, Rows, Writer};
use super::check::{self, Checked};
use super::key::{LockOptions, OwnLock};
use crate::common::host::say;
use crate::common::web::Unreachable;
use crate::operator::client::Client;

/// How often a partition may start over, because its object was moved or restarted.
const MAX_LOST: u32 = 20;
/// How often a request is made while the CA does not answer.
const MAX_TRIES: u32 = 8;
/// The longest pause before a request is repeated.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// The oldest backup that is gone on from.
const MAX_AGE: Duration = Duration::from_secs(7 * 86_400);

/// The answer that begins a backup.
#[derive(Deserialize)]
struct Begun {
    backup: Box<RawValue>,
    token: String,
}

/// A request for pages.
#[derive(Serialize)]
struct Wanted<'a> {
    token: &'a str,
    parts: Vec<&'a Place>,
}

/// A partition, and where its next page begins.
#[derive(Serialize)]
struct Place {
    partition: String,
    reached: Option<Reached>,
    #[serde(skip)]
    lost: u32,
}

/// Pages of partitions.
#[derive(Deserialize)]
struct Pages {
    parts: Vec<Page>,
}

/// A page of a partition.
#[derive(Deserialize)]
struct Page {
    partition: String,
    rows: Vec<CopiedRow>,
    reached: Option<Reached>,
    lost: bool,
}

/// Repeats a request while the CA does not answer.
///
/// # Errors
/// The refusal, or the last failure.
pub fn patiently<T>(mut ask: impl FnMut() -> Result<T>) -> Result<T> {
    let mut tries = 1;
    loop {
        match ask() {
            Err(error) if error.downcast_ref::<Unreachable>().is_some() && tries < MAX_TRIES => {
                let pause = Duration::from_secs(1 << tries.min(5)).min(MAX_PAUSE);
                say(format!("{error:#}; trying again in {} s", pause.as_secs()));
                std::thread::sleep(pause);
                tries += 1;
            }
            done => return done,
        }
    }
}

/// Backs a CA up. Returns what is in the file; `None` if it cannot be read back without an identity.
///
/// # Errors
/// When the CA does not answer, or the system refuses to write. What was copied stays in FILE.part.
pub fn run(client: &Client, file: &Path, options: &LockOptions) -> Result<Option<Checked>> {
    if file.exists() {
        bail!("{} exists, and a backup is never replaced: choose another name", file.display());
    }
    let lock = options.read()?;
    let begun: Begun = client.post(&["backups"], &json!({}))?.read()?;
    let head: Head = serde_json::from_str(begun.backup.get()).context("the CA's answer is not the head of a backup")?;
    let (part, fresh) = (beside(file, ".part"), beside(file, ".part-2"));
    if lock.key().is_some() && length(&fresh) > length(&part) {
        // A run that was killed has left it.
        rename(&fresh, &part)?;
    }
    let mut writer = Writer::begin(new_file(&fresh)?, &lock.lock())?;
    writer.line(&Line::Head(begun.backup))?;
    let mut whole = BTreeSet::new();
    if part.exists() {
        whole = take_over(&part, &lock, &head, &mut writer)?;
        say(format!("{} accounts are taken over from {}", whole.len(), part.display()));
    }
    let copied = Copy { client, token: &begun.token, writer: &mut writer, whole }.all(&head);
    let count = match copied {
        Ok(count) => count,
        Err(error) => {
            writer.close()?;
            rename(&fresh, &part)?;
            let goes_on = format!("the backup is not complete; the same command goes on from {}", part.display());
            return Err(match error.downcast_ref::<Unreachable>() {
                Some(Unreachable(why)) => Unreachable(format!("{goes_on}: {why}")).into(),
                None => error.context(goes_on),
            });
        }
    };
    writer.end(count)?;
    // It gets its name when it was read back.
    let checked = lock.key().map(|key| check::whole(&fresh, &key)).transpose()?;
    rename(&fresh, file)?;
    if part.exists() {
        fs::remove_file(&part).with_context(|| format!("cannot remove {}", part.display()))?;
    }
    Ok(checked)
}

/// The length of a file; 0 without one.
fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}

/// A file beside another, with a further ending.
pub fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.to_path_buf().into_os_string();
    name.push(ending);
    name.into()
}

/// A new file that only its owner can read.
///
/// # Errors
/// When the system refuses to write.
pub fn new_file(path: &Path) -> Result<File> {
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    opened.with_context(|| format!("cannot write {}", path.display()))
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).with_context(|| format!("cannot write {}", to.display()))
}

/// Takes the whole accounts of an interrupted backup over. Returns their names.
///
/// All else is copied again: rosters before accounts, ledgers after them.
fn take_over(part: &Path, lock: &OwnLock, head: &Head, writer: &mut Writer) -> Result<BTreeSet<String>> {
    let why = || format!("cannot go on from {}; remove it to begin anew", part.display());
    let key = lock.key().context("it was encrypted to a recipient: pass --identity FILE, too").with_context(why)?;
    let open = || -> Result<Reader> { Reader::open(File::open(part)?, &key) };
    let mut reader = open().with_context(why)?;
    let mut of = None;
    let mut whole = BTreeSet::new();
    // Its end is missing, and perhaps damaged.
    while let Ok(Some(line)) = reader.next() {
        match line {
            Line::Head(found) => of = serde_json::from_str::<Head>(found.get()).ok(),
            Line::Whole(name) if is_account(&name) => drop(whole.insert(name)),
            Line::Again(name) => drop(whole.remove(&name)),
            _ => {}
        }
    }
    let same = |of: &Head| (&of.base_url, &of.issuers, of.format) == (&head.base_url, &head.issuers, head.format);
    let Some(of) = of.filter(same) else {
        bail!("{} is of another CA: choose another name, or remove it", part.display());
    };
    let times = Time::parse_rfc3339(&of.at).zip(Time::parse_rfc3339(&head.at));
    if times.is_none_or(|(then, now)| then.plus(MAX_AGE) < now) {
        bail!("{} was begun at {}, too long ago to go on from: remove it to begin anew", part.display(), of.at);
    }
    let mut reader = open().with_context(why)?;
    while let Ok(Some(line)) = reader.next() {
        match &line {
            Line::Rows(Rows { partition: name, .. }) | Line::Again(name) | Line::Whole(name)
                if whole.contains(name) =>
            {
                writer.line(&line)?;
            }
            _ => {}
        }
    }
    Ok(whole)
}

fn is_account(name: &str) -> bool {
    name.starts_with("account/")
}

/// A copy under way.
struct Copy<'a> {
    client: &'a Client,
    token: &'a str,
    writer: &'a mut Writer,
    /// The partitions that are whole.
    whole: BTreeSet<String>,
}

impl Copy<'_> {
    /// Copies all partitions. Returns their number.
    fn all(mut self, head: &Head) -> Result<usize> {
        let (mut accounts, mut ledgers) = (BTreeSet::new(), head.issuers.iter().cloned().collect::<BTreeSet<_>>());
        let mut kids: BTreeSet<String> = head.external_accounts.iter().cloned().collect();
        let rosters = (0..ROSTERS).map(PartitionId::Roster);
        self.copy(rosters, |row| {
            // A row that is written meanwhile comes twice.
            accounts.extend(record::<RosterEntry>(row)?.map(|entry| entry.account));
            Ok(())
        })?;
        self.copy(accounts.into_iter().map(PartitionId::Account), |row| {
            kids.extend(record::<AccountRecord>(row)?.and_then(|account| account.external).map(|bound| bound.kid));
            Ok(())
        })?;
        self.copy([PartitionId::Operations], |row| {
            kids.extend(record::<ExternalKeyEntry>(row)?.map(|entry| entry.kid));
            Ok(())
        })?;
        self.copy(kids.into_iter().map(PartitionId::Eab), |_| Ok(()))?;
        // It names the ledgers of former issuers. It is copied again after them: they tell it which keys are blocked.
        self.copy([PartitionId::Compromised], |row| {
            let subscriber = row.key.strip_prefix(SubscriberRecord::PREFIX).and_then(|id| id.strip_prefix('/'));
            ledgers.extend(subscriber.map(str::to_owned));
            Ok(())
        })?;
        self.copy(ledgers.into_iter().map(PartitionId::Ledger), |_| Ok(()))?;
        let compromised = PartitionId::Compromised.name();
        self.writer.line(&Line::Again(compromised.clone()))?;
        self.whole.remove(&compromised);
        self.copy([PartitionId::Compromised], |_| Ok(()))?;
        Ok(self.whole.len())
    }

    /// Copies partitions, several with each request. Those that are whole are left out.
    fn copy(
        &mut self,
        partitions: impl IntoIterator<Item = PartitionId>,
        mut see: impl FnMut(&CopiedRow) -> Result<()>,
    ) -> Result<()> {
        let names = partitions.into_iter().map(|id| id.name()).filter(|name| !self.whole.contains(name));
        let mut left: VecDeque<Place> = names.map(|partition| Place { partition, reached: None, lost: 0 }).collect();
        while !left.is_empty() {
            let wanted = Wanted { token: self.token, parts: left.iter().take(MAX_PARTS).collect() };
            let body = serde_json::to_string(&wanted)?;
            let pages: Pages = patiently(|| self.client.send(&["backups", "rows"], &[], &body)?.read())?;
            if pages.parts.is_empty() {
                bail!("the CA sends no rows");
            }
            let mut going_on = Vec::new();
            for page in pages.parts {
                let place = left.pop_front().filter(|place| place.partition == page.partition);
                let place = place.with_context(|| format!("the CA sends rows of {:?} unasked", page.partition))?;
                going_on.extend(self.page(place, page, &mut see)?);
            }
            for place in going_on.into_iter().rev() {
                left.push_front(place);
            }
        }
        Ok(())
    }

    /// Writes a page. Returns where the partition goes on.
    fn page(
        &mut self,
        place: Place,
        Page { partition, rows, reached, lost }: Page,
        see: &mut impl FnMut(&CopiedRow) -> Result<()>,
    ) -> Result<Option<Place>> {
        if lost {
            if place.lost == MAX_LOST {
                bail!("{partition} started over {MAX_LOST} times: see whether other backups run, and try again");
            }
            self.writer.line(&Line::Again(partition.clone()))?;
            return Ok(Some(Place { partition, reached: None, lost: place.lost + 1 }));
        }
        rows.iter().try_for_each(see)?;
        if !rows.is_empty() {
            self.writer.line(&Line::Rows(Rows { partition: partition.clone(), rows }))?;
        }
        if reached.is_some() {
            return Ok(Some(Place { partition, reached, lost: place.lost }));
        }
        self.writer.line(&Line::Whole(partition.clone()))?;
        self.whole.insert(partition);
        Ok(None)
    }
}

/// The record in a row, if it is of this type.
fn record<R: Record + DeserializeOwned>(row: &CopiedRow) -> Result<Option<R>> {
    let of_type = row.key.split('/').next() == Some(R::PREFIX);
    let Some(value) = row.value.as_deref().filter(|_| of_type) else { return Ok(None) };
    let unreadable = || format!("this version cannot read the row {:?}; use the one that the CA runs", row.key);
    serde_json::from_str(value.get()).map(Some).with_context(unreadable)
}
