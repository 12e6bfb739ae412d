//! `log download`: a log as a folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use selvedge::tlog::entry::entries;
use selvedge::tlog::tile::{Resource, tiles, tiles_of_level};
use selvedge::tlog::tree::leaf_hash;
use selvedge::tlog::{Checkpoint, Tile};

use super::alarm::{Alarm, Kind};
use super::report::Report;
use super::source::{ABOUT, About, Access, Source};
use super::tiles::{Tiles, find};
use super::verify::newest;
use crate::common::files::{Readers, Staged};
use crate::common::web::plain;

/// Options of `log download`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The URL of the log, as https://ca.example.org/log/ISSUER/ID.
    log: String,
    /// The folder. What it has of the log already is not fetched again.
    folder: PathBuf,
    /// Leave the entries out: hashes suffice for `log verify` and for proofs.
    #[arg(long)]
    hashes_only: bool,
    #[command(flatten)]
    access: Access,
}

/// Downloads a log and prints what was fetched.
pub fn run(options: &Options) -> Result<Report> {
    let source = Source::open(&options.log, &options.access)?;
    let mut report = Report::default();
    let done = Download { source: &source, folder: &options.folder, fetched: 0 }.run(options.hashes_only, &mut report);
    report.take(done)?;
    report.show(options.access.json);
    Ok(report)
}

struct Download<'a> {
    source: &'a Source,
    folder: &'a Path,
    fetched: u64,
}

impl Download<'_> {
    fn run(mut self, hashes_only: bool, report: &mut Report) -> Result<()> {
        let note = newest(self.source)?;
        let refused = |fault| Alarm::new(Kind::Checkpoint, format!("the checkpoint is refused: {fault}"));
        let Checkpoint { size, root, origin, .. } = Checkpoint::parse(note.text()).map_err(refused)?;
        let mut about = self.source.about()?.unwrap_or_default();
        about.origin.clone_from(&origin);
        self.claim(&about)?;
        for tile in tiles(size) {
            self.hashes(tile)?;
        }
        let folder = Source::Folder(self.folder.to_path_buf());
        let mut here = Tiles::new(&folder, size);
        if here.root(size)? != root {
            let text = "the tiles have another root than the checkpoint: download into a new folder, to see whether those of \
                        the log are wrong or those that were in this folder";
            bail!(Alarm::new(Kind::Tree, text));
        }
        if !hashes_only {
            for tile in tiles_of_level(0, size).filter(|tile| tile.first_hash() >= about.least) {
                self.entries(tile, &mut here)?;
            }
        }
        self.write(&self.folder.join(ABOUT), serde_json::to_string_pretty(&about)?.as_bytes())?;
        // Last: a folder with a checkpoint is complete.
        Staged::write(&self.folder.join("checkpoint"), &note.to_string(), Readers::Everyone)?.commit()?;
        report.fact("origin", origin);
        report.fact("size", size);
        report.fact("files fetched", self.fetched);
        if about.least > 0 && !hashes_only {
            report.notes.push(format!("the log serves entries from index {} on", about.least));
        }
        Ok(())
    }

    /// Refuses the folder of another log, and marks a new one.
    fn claim(&self, about: &About) -> Result<()> {
        let folder = self.folder.display();
        match Source::Folder(self.folder.to_path_buf()).about()? {
            Some(here) if !here.origin.is_empty() && here.origin != about.origin => {
                let (has, wanted) = (plain(&here.origin), plain(&about.origin));
                bail!("the folder {folder} has the log {has}, and not {wanted}: choose another folder");
            }
            Some(_) => Ok(()),
            None => self.write(&self.folder.join(ABOUT), serde_json::to_string_pretty(about)?.as_bytes()),
        }
    }

    fn hashes(&mut self, tile: Tile) -> Result<()> {
        let path = self.folder.join(Resource::Hashes(tile).to_string());
        if fs::metadata(&path).is_ok_and(|about| about.len() == tile.octets() as u64) {
            return Ok(());
        }
        let octets = Tiles::new(self.source, u64::MAX >> 2).octets(tile)?;
        self.fetched = self.fetched.saturating_add(1);
        self.write(&path, &octets)
    }

    fn entries(&mut self, tile: Tile, here: &mut Tiles<'_>) -> Result<()> {
        let resource = Resource::Entries(tile);
        let path = self.folder.join(resource.to_string());
        if path.exists() {
            return Ok(());
        }
        let Some(octets) = find(self.source, tile, Resource::Entries)? else {
            bail!(Alarm::new(Kind::Entry, format!("the entries {resource} are missing")));
        };
        let count = usize::from(tile.width());
        let found = entries(&octets).filter(|found| found.len() >= count);
        let found =
            found.ok_or_else(|| Alarm::new(Kind::Entry, format!("{resource} has fewer than {count} entries")))?;
        for (node, entry) in tile.nodes().zip(&found) {
            if here.node(node)? != leaf_hash(entry) {
                let index = node.index;
                bail!(Alarm::new(Kind::Entry, format!("entry {index} of {resource} is not the one of the tree")));
            }
        }
        let length: usize = found.iter().take(count).map(|entry| entry.len().saturating_add(2)).sum();
        self.fetched = self.fetched.saturating_add(1);
        self.write(&path, octets.get(..length).unwrap_or(&octets))
    }

    /// Writes a file as a whole: an interrupted download leaves no half ones.
    fn write(&self, path: &Path, octets: &[u8]) -> Result<()> {
        let failed = || format!("cannot write {}", path.display());
        let part = path.with_extension("part");
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(failed)?;
        }
        fs::write(&part, octets).and_then(|()| fs::rename(&part, path)).with_context(failed)
    }
}
