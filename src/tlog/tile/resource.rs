//! Paths of a log's files below its prefix.

use super::{Tile, WIDTH};
use crate::tlog::number::decimal;
use core::fmt;

/// A file below a log's prefix; as text its path, without a slash in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resource {
    /// The newest checkpoint.
    Checkpoint,
    /// The hashes of a tile.
    Hashes(Tile),
    /// The entries of a tile of level 0.
    Entries(Tile),
}

impl Resource {
    /// Reads a path; `None` for any that is not written as [`Resource`] writes it.
    pub fn parse(path: &str) -> Option<Self> {
        if path == "checkpoint" {
            return Some(Self::Checkpoint);
        }
        let (level, place) = path.strip_prefix("tile/")?.split_once('/')?;
        let (place, width) = match place.split_once(".p/") {
            Some((place, width)) => (place, u16::try_from(decimal(width)?).ok().filter(|width| *width < WIDTH)?),
            None => (place, WIDTH),
        };
        let resource = match level {
            "entries" => Self::Entries(Tile::new(0, parse_index(place)?, width)?),
            level => Self::Hashes(Tile::new(u8::try_from(decimal(level)?).ok()?, parse_index(place)?, width)?),
        };
        // There is one path for each.
        (resource.to_string() == path).then_some(resource)
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tile = match self {
            Self::Checkpoint => return f.write_str("checkpoint"),
            Self::Hashes(tile) => {
                write!(f, "tile/{}/", tile.level)?;
                tile
            }
            Self::Entries(tile) => {
                f.write_str("tile/entries/")?;
                tile
            }
        };
        write_index(f, tile.index)?;
        if tile.is_full() { Ok(()) } else { write!(f, ".p/{}", tile.width) }
    }
}

/// Writes an index in groups of three digits. All but the last have an `x` in front.
fn write_index(f: &mut fmt::Formatter<'_>, index: u64) -> fmt::Result {
    let mut groups = vec![format!("{:03}", index % 1000)];
    let mut rest = index / 1000;
    while rest > 0 {
        groups.push(format!("x{:03}/", rest % 1000));
        rest /= 1000;
    }
    groups.iter().rev().try_for_each(|group| f.write_str(group))
}

/// Reads an index in groups of digits.
fn parse_index(place: &str) -> Option<u64> {
    place.split('/').try_fold(0_u64, |index, group| {
        let digits = group.trim_start_matches('x');
        let digits = digits.bytes().all(|octet| octet.is_ascii_digit()).then_some(digits)?;
        index.checked_mul(1000)?.checked_add(digits.parse().ok()?)
    })
}
