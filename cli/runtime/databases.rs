//! Checks the Durable Objects' databases at the start.
//!
//! workerd reports damage late, as an internal error.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The size of an SQLite file's header (<https://www.sqlite.org/fileformat.html> §1.3).
const HEADER: usize = 100;
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Checks that every file under `objects` that should be an SQLite database is one.
///
/// Only headers are read; workerd finds other damage.
///
/// # Errors
/// The first damaged file, with what to do about it.
pub fn check(objects: &Path) -> Result<()> {
    for file in databases(objects).with_context(|| format!("cannot read the folder {}", objects.display()))? {
        if let Some(damage) = damage(&file).with_context(|| format!("cannot read {}", file.display()))? {
            bail!("the database {} is damaged ({damage}): {}", file.display(), advice(objects));
        }
    }
    Ok(())
}

/// The advice for a damaged database.
pub fn advice(objects: &Path) -> String {
    format!(
        "restore the folder {objects} from a copy, or delete it to start with no accounts and no certificates",
        objects = objects.display()
    )
}

/// The databases of all classes.
fn databases(objects: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for class in fs::read_dir(objects)? {
        let class = class?.path();
        if !class.is_dir() {
            continue;
        }
        for file in fs::read_dir(class)? {
            let file = file?.path();
            if file.extension().is_some_and(|extension| extension == "sqlite") {
                found.push(file);
            }
        }
    }
    Ok(found)
}

/// The damage that a database's header shows.
fn damage(file: &Path) -> std::io::Result<Option<String>> {
    let length = fs::metadata(file)?.len();
    if length == 0 {
        // An object that has written nothing yet, or whose writes are all in the log beside it.
        return Ok(None);
    }
    let mut header = [0; HEADER];
    match File::open(file)?.read_exact(&mut header) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            return Ok(Some(format!("{length} bytes, shorter than an SQLite header")));
        }
        read => read?,
    }
    if !header.starts_with(MAGIC) {
        return Ok(Some("it has no SQLite header".to_owned()));
    }
    // With a write-ahead log beside it, the file may be shorter than the size in its header.
    let logged = fs::metadata(file.with_extension("sqlite-wal")).is_ok_and(|log| log.len() > 0);
    let wanted = size_in_header(&header);
    let cut = !logged && wanted.is_some_and(|wanted| length < wanted);
    Ok(cut.then(|| format!("{length} bytes, but its header says {}", wanted.unwrap_or_default())))
}

/// The size in bytes in the header, if it is current.
fn size_in_header(header: &[u8; HEADER]) -> Option<u64> {
    let number = |at: usize| -> Option<u32> { header.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes) };
    let page = match u16::from_be_bytes(header.get(16..18)?.try_into().ok()?) {
        1 => 65_536,
        size => u64::from(size),
    };
    // The page count at 28 holds when the change counter at 24 is the one it was written with, at 92.
    (number(24)? == number(92)?).then_some(u64::from(number(28)?) * page)
}
