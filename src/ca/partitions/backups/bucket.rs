//! Backups in the bucket: names of objects, manifests, and the removal of old ones.

use super::kind::Backups;
use crate::ca::config::settings::Settings;
use crate::ca::runtime::bucket::Listed;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::operations::backup::BackupRun;
use crate::store::Kv;
use crate::values::{Time, hex};
use serde::{Deserialize, Serialize};
use sha2::Digest;
use std::collections::BTreeSet;

/// The version of the form of manifests.
const FORMAT: u32 = 1;

/// Maximum number of pages of a list of objects.
const MAX_PAGES: usize = 10;

/// What is in the bucket of a whole backup. It is stored last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of its form.
    pub format: u32,
    /// The name of the backup.
    pub name: String,
    /// Its id.
    pub id: String,
    /// The CA.
    pub base_url: String,
    /// The version of the module.
    pub version: String,
    /// When it was begun.
    pub begun: Time,
    /// When it was whole.
    pub ended: Time,
    /// Number of objects. One after the other they are a file of age.
    pub objects: u64,
    /// Octets of that file.
    pub octets: u64,
    /// Its SHA-256, in hex.
    pub sha256: String,
    /// Number of partitions in it.
    pub partitions: u64,
}

/// The failure of the bucket. Only operators see it.
pub fn unreachable(why: String) -> Problem {
    let log = format!("the bucket BACKUPS: {why}");
    let detail = format!("{log}. See docs/OPERATIONS.md, \"Into a bucket\".");
    Problem { detail, ..Problem::internal(log) }
}

/// The beginning of all keys of this CA: several may share a bucket.
fn root(settings: &Settings) -> String {
    let base = settings.urls.of_path("");
    let host = base.split_once("://").map_or(base.as_str(), |(_, rest)| rest);
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '-' };
    host.trim_end_matches('/').chars().map(plain).collect()
}

/// The beginning of the keys of manifests.
pub fn manifests(settings: &Settings) -> String {
    format!("{}/manifests/", root(settings))
}

/// The key of a manifest.
pub fn manifest(settings: &Settings, name: &str) -> String {
    format!("{}{name}.json", manifests(settings))
}

/// The beginning of the keys of all objects.
fn data(settings: &Settings) -> String {
    format!("{}/data/", root(settings))
}

/// The beginning of the keys of a backup's objects.
pub fn objects(settings: &Settings, name: &str) -> String {
    format!("{}{name}/", data(settings))
}

/// The key of an object. Their order is that of their numbers.
pub fn object(settings: &Settings, name: &str, number: u64) -> String {
    format!("{}{number:08}.age", objects(settings, name))
}

/// The name of a backup. Names are in the order of their times.
pub fn name(begun: Time, store: &str) -> String {
    format!("{}-{store}", begun.rfc3339().replace(':', "-"))
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Backups<P, K> {
    /// Lists all objects or groups with this beginning.
    async fn all(&self, prefix: &str, grouped: bool) -> Result<Listed, Problem> {
        let mut all = Listed::default();
        for _ in 0..MAX_PAGES {
            let page = self.ports.objects(prefix, grouped, all.cursor.take()).await.map_err(unreachable)?;
            all.objects.extend(page.objects);
            all.groups.extend(page.groups);
            all.cursor = page.cursor;
            if all.cursor.is_none() {
                return Ok(all);
            }
        }
        Err(unreachable(format!("more than {MAX_PAGES} pages begin with {prefix}; keep fewer backups in it")))
    }

    /// Returns the names of all whole backups, the oldest first.
    ///
    /// # Errors
    /// When the bucket does not answer.
    pub(super) async fn whole(&self) -> Result<BTreeSet<String>, Problem> {
        let prefix = manifests(self.ports.settings());
        let all = self.all(&prefix, false).await?;
        let name = |key: &str| key.strip_prefix(&prefix)?.strip_suffix(".json").map(str::to_owned);
        Ok(all.objects.iter().filter_map(|(key, _)| name(key)).collect())
    }

    /// Counts a page of the objects of a run. Returns the run with what was found.
    ///
    /// # Errors
    /// When the bucket does not answer, or at the end has other objects than were stored.
    pub(super) async fn counted(&self, mut run: BackupRun) -> Result<BackupRun, Problem> {
        let prefix = objects(self.ports.settings(), &run.name);
        let page = self.ports.objects(&prefix, false, run.cursor.take()).await.map_err(unreachable)?;
        let (count, octets) = run.counted;
        let found = u64::try_from(page.objects.len()).unwrap_or(u64::MAX);
        let length: u64 = page.objects.iter().map(|(_, octets)| octets).sum();
        run.counted = (count.saturating_add(found), octets.saturating_add(length));
        run.cursor = page.cursor;
        if run.cursor.is_none() && run.counted != (run.object, run.octets) {
            let (count, octets) = std::mem::take(&mut run.counted);
            return Err(unreachable(format!(
                "{prefix} has {count} objects of {octets} octets, and {} of {} were stored",
                run.object, run.octets
            )));
        }
        Ok(run)
    }

    /// Returns the manifest of a run.
    pub(super) fn manifest_of(&self, run: &BackupRun, sha256: &sha2::Sha256) -> Manifest {
        Manifest {
            format: FORMAT,
            name: run.name.clone(),
            id: run.id.clone(),
            base_url: self.ports.settings().urls.of_path(""),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            begun: run.begun,
            ended: self.ports.now(),
            objects: run.object,
            octets: run.octets,
            sha256: hex::encode(&sha256.clone().finalize()),
            partitions: run.partitions,
        }
    }

    /// Removes the manifest of the oldest excess backup, or objects without one.
    ///
    /// Backups of another storage stay: an empty CA does not remove those that it is to be restored from. Returns whether
    /// there was anything to remove, and the name of the backup whose manifest it was.
    ///
    /// # Errors
    /// When the bucket does not answer.
    pub(super) async fn remove_one(&self, store: &str, keep: u32) -> Result<(bool, Option<String>), Problem> {
        let settings = self.ports.settings();
        let own = |name: &String| name.rsplit_once('-').is_some_and(|(_, end)| end == store);
        let whole = self.whole().await?;
        let kept: Vec<&String> = whole.iter().filter(|name| own(name)).collect();
        let excess = kept.len().saturating_sub(usize::try_from(keep).unwrap_or(usize::MAX));
        if let (Some(oldest), true) = (kept.first(), excess > 0) {
            let keys = vec![manifest(settings, oldest)];
            self.ports.delete_objects(keys).await.map_err(unreachable)?;
            return Ok((true, Some((*oldest).clone())));
        }
        let prefix = data(settings);
        let groups = self.all(&prefix, true).await?.groups;
        let name = |group: &String| Some(group.strip_prefix(&prefix)?.trim_end_matches('/').to_owned());
        let torn = groups.iter().filter_map(name).find(|name| own(name) && !whole.contains(name));
        let Some(torn) = torn else { return Ok((false, None)) };
        let page = self.ports.objects(&objects(settings, &torn), false, None).await.map_err(unreachable)?;
        let keys = page.objects.into_iter().map(|(key, _)| key).collect();
        self.ports.delete_objects(keys).await.map_err(unreachable)?;
        Ok((true, None))
    }
}
