//! A tar archive with the same bytes for the same content.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};

/// The time of every file: the one that npm gives, in October 1985.
const MODIFIED: u64 = 499_162_500;
/// The size of a tar block.
const BLOCK: usize = 512;
/// Most bytes of a name in the oldest, most widely read form of tar.
const LONGEST_NAME: usize = 100;

/// A file in an archive.
enum Entry {
    File {
        content: Vec<u8>,
        executable: bool,
    },
    /// A symbolic link to this path.
    Link(String),
}

impl Entry {
    fn content(&self) -> &[u8] {
        match self {
            Self::File { content, .. } => content,
            Self::Link(_) => &[],
        }
    }
}

/// Files by their paths, without times, owners and an order of their own.
#[derive(Default)]
pub struct Archive(BTreeMap<String, Entry>);

impl Archive {
    /// Adds a file.
    pub fn add(&mut self, path: impl Into<String>, content: impl Into<Vec<u8>>) {
        self.0.insert(path.into(), Entry::File { content: content.into(), executable: false });
    }

    /// Adds a program.
    pub fn add_program(&mut self, path: impl Into<String>, content: impl Into<Vec<u8>>) {
        self.0.insert(path.into(), Entry::File { content: content.into(), executable: true });
    }

    /// Adds a symbolic link.
    pub fn add_link(&mut self, path: impl Into<String>, target: impl Into<String>) {
        self.0.insert(path.into(), Entry::Link(target.into()));
    }

    /// The archive, compressed by gzip, without a name or time in its header.
    ///
    /// # Errors
    /// When a name is too long, or gzip is missing or fails.
    pub fn gzip(&self) -> Result<Vec<u8>> {
        let tar = self.tar()?;
        let mut command = Command::new("gzip");
        command.args(["-n", "-6", "-c"]).stdin(Stdio::piped()).stdout(Stdio::piped()).env_remove("GZIP");
        let mut child = command.spawn().context("cannot start gzip: install it (Debian's package gzip)")?;
        let input = child.stdin.take();
        // Beside the reading, or both programs wait when the pipes are full.
        let feeder = thread::spawn(move || input.map_or(Ok(()), |mut input| input.write_all(&tar)));
        let output = child.wait_with_output().context("gzip's output ended early")?;
        let fed = feeder.join().map_err(|_| anyhow::anyhow!("the thread that feeds gzip failed"))?;
        if !output.status.success() {
            bail!("gzip failed ({})", output.status);
        }
        fed.context("gzip did not read all of its input")?;
        Ok(output.stdout)
    }

    fn tar(&self) -> Result<Vec<u8>> {
        let mut tar = Vec::new();
        for (path, entry) in &self.0 {
            tar.extend(header(path, entry)?);
            tar.extend(entry.content());
            tar.resize(tar.len().next_multiple_of(BLOCK), 0);
        }
        // Two empty blocks are the end.
        tar.resize(tar.len() + 2 * BLOCK, 0);
        Ok(tar)
    }
}

/// The header of a file, in the form that POSIX calls ustar.
fn header(path: &str, entry: &Entry) -> Result<Vec<u8>> {
    // 0 is a file, 2 a symbolic link.
    let (mode, kind, target) = match entry {
        Entry::File { executable: true, .. } => (0o755, '0', ""),
        Entry::File { executable: false, .. } => (0o644, '0', ""),
        Entry::Link(target) => (0o777, '2', target.as_str()),
    };
    if let Some(long) = [path, target].into_iter().find(|name| name.len() > LONGEST_NAME) {
        bail!("{long} has {} bytes, and a name in a package may have {LONGEST_NAME}: shorten it", long.len());
    }
    let size = entry.content().len();
    let before = format!("{path:\0<100}{mode:07o}\0{0:07o}\0{0:07o}\0{size:011o}\0{MODIFIED:011o}\0", 0);
    // After a link's target: the names of owner and group, and numbers of devices.
    let after = format!("{kind}{target:\0<100}ustar\x0000{:\0<32}{:\0<32}{2:07o}\0{2:07o}\0", "", "", 0);
    let sum: u32 = before.bytes().chain(after.bytes()).map(u32::from).sum::<u32>() + 8 * u32::from(b' ');
    let mut header = format!("{before}{sum:06o}\0 {after}").into_bytes();
    header.resize(BLOCK, 0);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn archive(order: [usize; 2]) -> Archive {
        let mut archive = Archive::default();
        archive.add_link("p/bin/y", "x");
        for file in order {
            if file == 0 {
                archive.add_program("p/bin/x", "#!/bin/sh\necho ran\n");
            } else {
                archive.add("p/empty", "");
            }
        }
        archive
    }

    #[test]
    fn archive_is_unpacked_by_tar_with_its_modes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.tgz");
        fs::write(&file, archive([0, 1]).gzip().unwrap()).unwrap();
        let tar = Command::new("tar").arg("-xzf").arg(&file).current_dir(folder.path()).output().unwrap();
        assert!(tar.status.success() && tar.stderr.is_empty(), "{tar:?}");
        let ran = Command::new(folder.path().join("p/bin/x")).output().unwrap();
        assert_eq!(ran.stdout, b"ran\n");
        assert_eq!(fs::read(folder.path().join("p/empty")).unwrap(), b"");
        assert_eq!(fs::read_link(folder.path().join("p/bin/y")).unwrap().to_str(), Some("x"));
    }

    #[test]
    fn archive_has_the_same_bytes_in_any_order() {
        assert_eq!(archive([0, 1]).gzip().unwrap(), archive([1, 0]).gzip().unwrap());
    }

    #[test]
    fn too_long_name_is_refused() {
        let mut archive = Archive::default();
        archive.add("n".repeat(101), "");
        assert!(archive.gzip().unwrap_err().to_string().contains("has 101 bytes"));
    }
}
