//! How large the databases are. Not by the size of their files: the log beside a database stays as large as it once was,
//! and what it holds may or may not be in the database yet. The log's last commit says how many pages there are.

use std::fs;
use std::path::Path;

/// The bytes of all SQLite databases below a folder, with their logs, each page once.
pub fn bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| entry.path()).map(|path| {
        if path.is_dir() {
            bytes(&path)
        } else if path.extension().is_some_and(|extension| extension == "sqlite") {
            database(&path)
        } else {
            0
        }
    });
    sizes.sum()
}

fn database(path: &Path) -> u64 {
    let log = fs::read(path.with_extension("sqlite-wal")).unwrap_or_default();
    logged(&log).unwrap_or_else(|| fs::metadata(path).map_or(0, |data| data.len()))
}

/// The size of the database after the last commit in its log (<https://www.sqlite.org/fileformat2.html#walformat>).
fn logged(log: &[u8]) -> Option<u64> {
    let page_size = number(log, 8)?;
    let salt = log.get(16..24)?;
    let frames = log.get(32..)?.chunks_exact(24 + usize::try_from(page_size).ok()?);
    // Frames with another salt are left over from before the log began anew.
    let valid = frames.take_while(|frame| frame.get(8..16) == Some(salt));
    let pages = valid.filter_map(|frame| number(frame, 4)).filter(|pages| *pages > 0).last()?;
    Some(u64::from(pages) * u64::from(page_size))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
