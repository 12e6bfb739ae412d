//! Hashes of a log's tree, read from its tiles.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use selvedge::tlog::tile::Resource;
use selvedge::tlog::tree::{self, Node};
use selvedge::tlog::{Hash, Tile};

use super::alarm::{Alarm, Kind};
use super::source::{File, Source};

/// Maximum number of tiles in memory, of 8 kB each.
const CACHED: usize = 4096;

/// The tree of a checkpoint.
pub struct Tiles<'a> {
    source: &'a Source,
    size: u64,
    read: BTreeMap<Tile, Vec<u8>>,
}

impl<'a> Tiles<'a> {
    /// The tree of `size` leaves.
    pub const fn new(source: &'a Source, size: u64) -> Self {
        Self { source, size, read: BTreeMap::new() }
    }

    /// The octets of a tile, at least its width.
    ///
    /// # Errors
    /// An [`Alarm`] when it is missing or too short.
    pub fn octets(&mut self, tile: Tile) -> Result<Vec<u8>> {
        if let Some(octets) = self.read.get(&tile) {
            return Ok(octets.clone());
        }
        let octets = find(self.source, tile, Resource::Hashes)?;
        let Some(mut octets) = octets else {
            bail!(Alarm::new(Kind::Tree, format!("the tile {} is missing", Resource::Hashes(tile))));
        };
        if octets.len() < tile.octets() {
            let (name, found, wanted) = (Resource::Hashes(tile), octets.len(), tile.octets());
            bail!(Alarm::new(Kind::Tree, format!("the tile {name} has {found} bytes, not {wanted}")));
        }
        // A full tile in place of a partial one begins with it.
        octets.truncate(tile.octets());
        if self.read.len() >= CACHED {
            self.read.clear();
        }
        self.read.insert(tile, octets.clone());
        Ok(octets)
    }

    /// The hash of a node.
    ///
    /// # Errors
    /// As [`Tiles::octets`].
    pub fn node(&mut self, node: Node) -> Result<Hash> {
        let outside = || Alarm::new(Kind::Tree, format!("no tree of {} leaves has {node:?}", self.size));
        let tile = Tile::holding(node, self.size).ok_or_else(outside)?;
        let octets = self.octets(tile)?;
        let broken = || Alarm::new(Kind::Tree, format!("the tile {} does not have {node:?}", Resource::Hashes(tile)));
        Ok(tile.hash(&octets, node).ok_or_else(broken)?)
    }

    /// The root of the tree of the first `size` leaves.
    ///
    /// # Errors
    /// As [`Tiles::octets`].
    pub fn root(&mut self, size: u64) -> Result<Hash> {
        tree::root(size, &mut |node| self.node(node))
    }

    /// The proof that the tree continues that of the first `old` leaves.
    ///
    /// # Errors
    /// As [`Tiles::octets`].
    pub fn consistency(&mut self, old: u64) -> Result<Vec<Hash>> {
        let subtrees = tree::consistency(old, self.size).unwrap_or_default();
        tree::hashes(&subtrees, &mut |node| self.node(node))
    }
}

/// Reads a tile or its entries. A full one serves in place of a partial one.
///
/// # Errors
/// When the source cannot be read, or refuses.
pub fn find(source: &Source, tile: Tile, of: fn(Tile) -> Resource) -> Result<Option<Vec<u8>>> {
    for tile in [tile, tile.filled()] {
        match source.read(of(tile))? {
            File::Found(octets) => return Ok(Some(octets)),
            File::Missing => {}
            File::Refused => bail!(
                "the entries of {} are for operators: give a token with --token-file FILE, or audit a folder that \
                 `log download` made with one",
                source.name()
            ),
        }
    }
    Ok(None)
}
