//! Backups in the bucket of a CA: their list, and one fetched into a file.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use data_encoding::BASE64URL_NOPAD;
use selvedge::values::hex;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::copy::{beside, new_file, patiently};
use crate::common::host::{print, say};
use crate::common::table::Table;
use crate::operator::client::Client;

/// A page of the list.
#[derive(Deserialize)]
struct Page {
    schedule: Option<Value>,
    backups: Vec<Value>,
    next: Option<String>,
}

/// A manifest.
#[derive(Deserialize)]
struct Manifest {
    name: String,
    objects: u64,
    octets: u64,
    sha256: String,
}

/// Lists the backups, the newest first.
///
/// # Errors
/// When the CA or its bucket does not answer.
pub fn list(client: &Client, as_json: bool) -> Result<()> {
    let (mut all, mut schedule, mut before) = (Vec::new(), None, None);
    loop {
        let query: Vec<(&str, String)> = before.iter().map(|name: &String| ("before", name.clone())).collect();
        let page: Page = client.get(&["backups"], &query)?.read()?;
        all.extend(page.backups);
        schedule = schedule.or(page.schedule);
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    if as_json {
        print(&format!("{}\n", json!({ "schedule": schedule, "backups": all })));
        return Ok(());
    }
    let text = |one: &Value, member: &str| match one.get(member) {
        Some(Value::String(text)) => text.clone(),
        other => other.map(ToString::to_string).unwrap_or_default(),
    };
    let columns = ["name", "begun", "ended", "octets", "partitions"];
    let mut table = Table::new(&columns);
    for one in &all {
        table.row(columns.iter().map(|member| text(one, member)));
    }
    print(&table.text("The bucket has no whole backup.\n"));
    match schedule {
        Some(schedule) => say(format!("the next one is due at {}", text(&schedule, "due"))),
        None => say("no schedule is set (BACKUP_SCHEDULE)"),
    }
    Ok(())
}

/// Fetches a backup, the newest unless it is named, into a new file.
///
/// # Errors
/// When the bucket is empty, the CA does not answer, the system refuses to write, or the file is not as the manifest says.
pub fn fetch(client: &Client, file: &Path, name: Option<&str>) -> Result<()> {
    if file.exists() {
        bail!("{} exists, and a backup is never replaced: choose another name", file.display());
    }
    let name = match name {
        Some(name) => name.to_owned(),
        None => {
            let page: Page = client.get(&["backups"], &[])?.read()?;
            let newest = page.backups.first().and_then(|one| one.get("name")?.as_str().map(str::to_owned));
            newest.context("the bucket has no whole backup: `selvedge backup FILE` makes one")?
        }
    };
    let ask = |body: Value| patiently(|| client.post(&["backups", "objects"], &body));
    let found = ask(json!({ "name": name }))?.value;
    let found = found.get("manifest").cloned().unwrap_or_default();
    let manifest: Manifest = serde_json::from_value(found).context("the CA's answer is not a manifest")?;
    let part = beside(file, ".part");
    let (mut to, mut digest, mut octets) = (new_file(&part)?, Sha256::new(), 0);
    for object in 0..manifest.objects {
        let answer = ask(json!({ "name": manifest.name, "object": object }))?.value;
        let data = answer.get("data").and_then(Value::as_str).unwrap_or_default();
        let bytes = BASE64URL_NOPAD.decode(data.as_bytes()).context("the CA's answer is not an object")?;
        to.write_all(&bytes).with_context(|| format!("cannot write {}", part.display()))?;
        digest.update(&bytes);
        octets += u64::try_from(bytes.len())?;
    }
    to.sync_all().with_context(|| format!("cannot write {}", part.display()))?;
    let sha256 = hex::encode(&digest.finalize());
    if (octets, &sha256) != (manifest.octets, &manifest.sha256) {
        fs::remove_file(&part).with_context(|| format!("cannot remove {}", part.display()))?;
        bail!(
            "the objects of {name} in the bucket are not those that were stored: {octets} octets with the SHA-256 {sha256}, \
             and the manifest says {} and {}; fetch an earlier one with --name",
            manifest.octets,
            manifest.sha256
        );
    }
    fs::rename(&part, file).with_context(|| format!("cannot write {}", file.display()))?;
    say(format!(
        "{} is {name}, {octets} octets; `selvedge backup verify {} --identity FILE` reads it",
        file.display(),
        file.display()
    ));
    Ok(())
}
