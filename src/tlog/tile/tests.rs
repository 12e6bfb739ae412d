use super::*;
use crate::tlog::tree::{self, leaf_hash, node_hash};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn shape(tile: Tile) -> Shape {
    (tile.level(), tile.index(), tile.width())
}

/// A tile as level, index and width.
type Shape = (u8, u64, u16);

/// The tiles that are not full, and the numbers of full ones by level.
fn shapes(size: u64) -> (Vec<Shape>, BTreeMap<u8, usize>) {
    let mut full = BTreeMap::new();
    tiles(size).filter(|tile| tile.is_full()).for_each(|tile| *full.entry(tile.level()).or_default() += 1);
    (tiles(size).filter(|tile| !tile.is_full()).map(shape).collect(), full)
}

#[test]
fn a_tree_has_the_tiles_of_the_specification() {
    assert_eq!(shapes(0), (vec![], BTreeMap::new()));
    assert_eq!(shapes(1), (vec![(0, 0, 1)], BTreeMap::new()));
    assert_eq!(shapes(256), (vec![(1, 0, 1)], BTreeMap::from([(0, 1)])));
    assert_eq!(shapes(70_000), (vec![(0, 273, 112), (1, 1, 17), (2, 0, 1)], BTreeMap::from([(0, 273), (1, 1)])));
    // A partial tile's width is floor(size / 256^level) mod 256.
    for size in (0..3000).chain([65_535, 65_536, 65_537, 131_072]) {
        for tile in tiles(size).filter(|tile| !tile.is_full()) {
            assert_eq!(u64::from(tile.width()), (size >> (8 * tile.level())) % 256, "{tile:?} of {size}");
        }
    }
}

#[test]
fn a_tile_is_within_trees_that_have_all_its_hashes() {
    let tile = Tile::new(1, 0, 3).unwrap();
    assert!(!tile.is_within(3 * 256 - 1));
    assert!(tile.is_within(3 * 256));
    assert!(tile.is_within(u64::MAX));
    for bad in
        [(0, 0, 0), (0, 0, 257), (8, 0, 1), (63, 0, 1), (200, 0, 1), (0, u64::MAX, 1), (0, 1 << 54, 1), (7, 1, 1)]
    {
        assert_eq!(Tile::new(bad.0, bad.1, bad.2), None, "{bad:?}");
    }
    assert_eq!(Tile::of(0, 1, 256), None);
    assert_eq!(Tile::of(2, 0, 65_535), None);
    assert_eq!(Tile::of(255, 0, u64::MAX), None);
}

#[test]
fn paths_are_those_of_the_specification() {
    for (path, wanted) in [
        ("checkpoint", Resource::Checkpoint),
        ("tile/0/000", Resource::Hashes(Tile::new(0, 0, 256).unwrap())),
        ("tile/0/005", Resource::Hashes(Tile::new(0, 5, 256).unwrap())),
        ("tile/0/x001/x234/067", Resource::Hashes(Tile::new(0, 1_234_067, 256).unwrap())),
        ("tile/0/x001/x234/067.p/8", Resource::Hashes(Tile::new(0, 1_234_067, 8).unwrap())),
        ("tile/2/000.p/1", Resource::Hashes(Tile::new(2, 0, 1).unwrap())),
        ("tile/entries/273.p/112", Resource::Entries(Tile::new(0, 273, 112).unwrap())),
        ("tile/entries/x001/000", Resource::Entries(Tile::new(0, 1000, 256).unwrap())),
    ] {
        assert_eq!(Resource::parse(path), Some(wanted), "{path}");
        assert_eq!(wanted.to_string(), path);
    }
}

#[test]
fn other_paths_are_refused() {
    for bad in [
        "",
        "/checkpoint",
        "checkpoint/",
        "Checkpoint",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000/005",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/x001/",
        "tile/0/x01/000",
        "tile/0/xx001/000",
        "tile/0/1234067",
        "tile/0/-01",
        "tile/0/+01",
        "tile/00/000",
        "tile/+0/000",
        "tile/8/000.p/1",
        "tile/63/000.p/1",
        "tile/64/000",
        "tile/256/000",
        "tile/x/000",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/0/000.p/1/",
        "tile/0/000.p/1.p/1",
        "tile/0/000/",
        "tile/entries/",
        "tile/entries/0",
        "tile/entries/000.p/256",
        "tile/data/000",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/٠٠٠",
        "tile//000",
        "tile/0//000",
        "tile/0/000?",
        "tile/0/000 ",
    ] {
        assert_eq!(Resource::parse(bad), None, "{bad:?}");
    }
}

/// The octets of all tiles of a tree, made from the definition of a tile.
fn octets(size: u64) -> BTreeMap<Tile, Vec<u8>> {
    let mut rows = vec![(0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect::<Vec<_>>()];
    while rows.last().is_some_and(|row| row.len() > 1) {
        let below = rows.last().unwrap();
        rows.push(below.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect());
    }
    let hash = |node: Node| rows[usize::from(node.level)][node.index as usize];
    tiles(size).map(|tile| (tile, tile.nodes().flat_map(|node| *hash(node).as_bytes()).collect())).collect()
}

/// Reads nodes from tiles.
fn reader(tiles: &BTreeMap<Tile, Vec<u8>>, size: u64) -> impl FnMut(Node) -> Result<Hash, Node> + '_ {
    move |node| {
        let tile = Tile::holding(node, size).ok_or(node)?;
        tile.hash(&tiles[&tile], node).ok_or(node)
    }
}

#[test]
fn roots_and_proofs_are_read_from_tiles() {
    for size in [1, 2, 255, 256, 257, 600, 65_536 + 300] {
        let tiles = octets(size);
        let mut frontier = tree::Frontier::new();
        (0..size).for_each(|n| frontier.push(leaf_hash(&n.to_be_bytes())));
        let root = tree::root(size, &mut reader(&tiles, size)).unwrap();
        assert_eq!(root, frontier.root(), "{size}");
        for index in [0, size / 2, size - 1] {
            let subtrees = tree::inclusion(index, size).unwrap();
            let proof = tree::hashes(&subtrees, &mut reader(&tiles, size)).unwrap();
            assert!(
                tree::is_included(&leaf_hash(&index.to_be_bytes()), index, size, &proof, &root),
                "{index} of {size}"
            );
        }
        for old in [1, size / 3, size - 1, size] {
            let proof = tree::hashes(&tree::consistency(old, size).unwrap(), &mut reader(&tiles, size)).unwrap();
            let old_root = tree::root(old, &mut reader(&tiles, size)).unwrap();
            assert!(tree::is_consistent((old, &old_root), (size, &root), &proof), "{old} of {size}");
        }
    }
}

#[test]
fn a_tile_computes_only_nodes_that_it_holds() {
    let tiles = octets(300);
    let tile = Tile::of(0, 1, 300).unwrap();
    let octets = &tiles[&tile];
    let node = |level, index| Node { level, index };
    assert!(tile.hash(octets, node(0, 299)).is_some());
    assert!(tile.hash(octets, node(5, 8)).is_some(), "leaves 256 to 287");
    for (bad, why) in [(node(0, 300), "after"), (node(0, 255), "before"), (node(5, 9), "half"), (node(8, 1), "above")] {
        assert_eq!(tile.hash(octets, bad), None, "{why}");
    }
    assert_eq!(tile.hash(&octets[1..], node(0, 299)), None, "too short");
    assert_eq!(Tile::holding(node(5, 9), 300), None);
    assert_eq!(Tile::holding(node(u8::MAX, u64::MAX), u64::MAX), None);
}

proptest! {
    #[test]
    fn a_path_is_read_back_or_refused(path in "(tile/)?([0-9]{1,2}|entries)/(x[0-9]{3}/){0,3}[0-9]{2,3}(\\.p/[0-9]{1,3})?") {
        if let Some(resource) = Resource::parse(&path) {
            prop_assert_eq!(resource.to_string(), path);
        }
    }

    #[test]
    fn arbitrary_paths_never_panic(path in ".{0,60}") {
        let _ = Resource::parse(&path);
        let _ = Resource::parse(&format!("tile/{path}"));
    }

    #[test]
    fn arbitrary_tiles_never_panic(level: u8, index: u64, width: u16, size: u64, octets: Vec<u8>) {
        let node = Node { level, index };
        prop_assert!(Tile::holding(node, size).is_none_or(|tile| tile.is_within(size)));
        if let Some(tile) = Tile::new(level, index, width) {
            prop_assert_eq!(Resource::parse(&Resource::Hashes(tile).to_string()), Some(Resource::Hashes(tile)));
            let _ = tile.hash(&octets, node);
        }
    }
}
