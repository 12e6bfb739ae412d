//! `log audit`: every entry of a log.

mod certificate;
mod lists;
mod policies;
mod rules;

use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use selvedge::policy::Pattern;
use selvedge::tlog::entry::entries;
use selvedge::tlog::tile::{Resource, tiles, tiles_of_level};
use selvedge::tlog::tree::{Frontier, leaf_hash};
use selvedge::tlog::{Checkpoint, Tile};

use super::alarm::{Alarm, Kind};
use super::report::Report;
use super::source::{Access, Source};
use super::tiles::{Tiles, find};
use super::trust::{Trust, judge};
use super::verify::newest;
use crate::common::host::now;
use lists::List;
use rules::Rules;

/// Options of `log audit`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// A folder of `log download`, or the URL of the log.
    log: String,
    #[command(flatten)]
    trust: Trust,
    /// Names that certificates may have, as example.org, *.example.org or 192.0.2.0/24. Others are alarms.
    #[arg(long, value_name = "PATTERN", value_parser = Pattern::parse, num_args = 1..)]
    allow: Vec<Pattern>,
    /// The issuer's certificate, in PEM: the log has to be of this issuer.
    #[arg(long, value_name = "FILE")]
    issuer: Option<PathBuf>,
    /// CRLs in PEM or DER, as files or URLs. Each has to be in the log, and to fit its revocations.
    #[arg(long, value_name = "FILE|URL", num_args = 1..)]
    crl: Vec<String>,
    #[command(flatten)]
    access: Access,
}

/// Checks all entries and prints the outcome.
pub fn run(options: &Options) -> Result<Report> {
    let source = Source::open(&options.log, &options.access)?;
    let lists: Vec<List> = options.crl.iter().map(|place| List::read(place)).collect::<Result<_>>()?;
    let issuer = options.issuer.as_deref().map(rules::issuer).transpose()?;
    let mut rules = Rules::new(&options.allow, issuer);
    let mut report = Report::default();
    let trusted = options.trust.policy(Some(&source), &[])?;
    if trusted.own_word {
        report.notes.push("the key is what the log says of itself; give a policy with --policy FILE".to_owned());
    }
    let done = newest(&source).and_then(|note| judge(&trusted.policy, &note)).and_then(|verdict| {
        let (checkpoint, least) = (verdict.checkpoint, source.about()?.map_or(0, |about| about.least));
        report.fact("origin", checkpoint.origin.clone());
        report.fact("size", checkpoint.size);
        walk(&source, &checkpoint, least, &mut rules)
    });
    report.take(done)?;
    // Rules about a log of which a part is missing would only repeat that.
    if report.is_fine() {
        rules.compare(&lists);
        rules.finish(now()?, &mut report);
    }
    report.show(options.access.json);
    Ok(report)
}

/// Walks over all entries and builds the tree anew.
fn walk(source: &Source, checkpoint: &Checkpoint, least: u64, rules: &mut Rules<'_>) -> Result<()> {
    let size = checkpoint.size;
    let (mut here, mut frontier) = (Tiles::new(source, size), Frontier::new());
    for tile in tiles_of_level(0, size) {
        let found = if tile.first_hash() < least { None } else { Some(bundle(source, tile)?) };
        let octets = found.as_deref().and_then(entries).unwrap_or_default();
        for (n, node) in tile.nodes().enumerate() {
            let hash = here.node(node)?;
            if let Some(entry) = octets.get(n) {
                if leaf_hash(entry) != hash {
                    let text = format!("entry {} is not the one that the tree has: it was changed", node.index);
                    bail!(Alarm::new(Kind::Entry, text));
                }
                rules.entry(node.index, entry);
            } else if found.is_some() {
                bail!(Alarm::new(Kind::Entry, format!("entry {} is missing", node.index)));
            }
            frontier.push(hash);
        }
    }
    rules.pruned = least;
    if frontier.root() != checkpoint.root {
        bail!(Alarm::new(Kind::Tree, "the entries make another root than the checkpoint has"));
    }
    upper_levels(size, &mut here)
}

/// Checks that each hash of a higher tile is that of the tile below.
fn upper_levels(size: u64, here: &mut Tiles<'_>) -> Result<()> {
    for tile in tiles(size).filter(|tile| tile.level() > 0) {
        for node in tile.nodes() {
            let below = Tile::of(tile.level().saturating_sub(1), node.index, size);
            let below = below.ok_or_else(|| anyhow!("{tile:?} has no tile below"))?;
            let octets = here.octets(below)?;
            if below.hash(&octets, node_of(below)) != Some(here.node(node)?) {
                let name = Resource::Hashes(tile);
                bail!(Alarm::new(Kind::Tree, format!("the tile {name} does not fit {}", Resource::Hashes(below))));
            }
        }
    }
    Ok(())
}

/// The node of a whole tile.
fn node_of(tile: Tile) -> selvedge::tlog::tree::Node {
    selvedge::tlog::tree::Node { level: tile.level().saturating_mul(8).saturating_add(8), index: tile.index() }
}

fn bundle(source: &Source, tile: Tile) -> Result<Vec<u8>> {
    let missing = || Alarm::new(Kind::Entry, format!("the entries {} are missing", Resource::Entries(tile)));
    let octets = find(source, tile, Resource::Entries)?.ok_or_else(missing)?;
    if entries(&octets).is_none() {
        bail!(Alarm::new(Kind::Entry, format!("the entries {} end within one", Resource::Entries(tile))));
    }
    Ok(octets)
}
