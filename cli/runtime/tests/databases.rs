//! Damage that is found before workerd starts.

use std::fs;

use crate::runtime::databases::check;

/// A header as SQLite writes it: pages of 4096 bytes, and the page count `pages`.
///
/// The last change updated the page count.
fn header(pages: u32) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    bytes[..16].copy_from_slice(b"SQLite format 3\0");
    bytes[16..18].copy_from_slice(&4096_u16.to_be_bytes());
    bytes[24..28].copy_from_slice(&7_u32.to_be_bytes());
    bytes[28..32].copy_from_slice(&pages.to_be_bytes());
    bytes[92..96].copy_from_slice(&7_u32.to_be_bytes());
    bytes
}

fn checked(content: &[u8], log: Option<&[u8]>) -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    let class = dir.path().join("selvedge-Partition");
    fs::create_dir(&class).unwrap();
    fs::write(class.join("good.sqlite"), header(1)).unwrap();
    fs::write(class.join("0123.sqlite"), content).unwrap();
    fs::write(class.join("0123.sqlite-shm"), "anything").unwrap();
    if let Some(log) = log {
        fs::write(class.join("0123.sqlite-wal"), log).unwrap();
    }
    check(dir.path()).map_err(|error| format!("{error:#}"))
}

#[test]
fn whole_databases_pass() {
    assert_eq!(checked(&header(1), None), Ok(()));
    assert_eq!(checked(b"", None), Ok(()));
    // The rest of it is in the log: this is how a crash leaves it.
    assert_eq!(checked(&header(3), Some(b"frames")), Ok(()));
}

#[test]
fn damaged_ones_are_named_with_what_to_do() {
    for (content, why) in [
        (b"garbage".repeat(100).as_slice(), "has no SQLite header"),
        (b"SQLite format 3\0", "shorter than an SQLite header"),
        (header(3).as_slice(), "4096 bytes, but its header says 12288"),
    ] {
        let said = checked(content, None).unwrap_err();
        assert!(said.contains("0123.sqlite is damaged") && said.contains(why) && said.contains("restore"), "{said}");
    }
}
