use super::*;
use crate::values::hex;
use core::convert::Infallible;
use proptest::prelude::*;

/// The leaves of RFC 6962's reference implementation, and its roots by size.
const LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS: [(usize, &str); 9] = [
    (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
    (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
    (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
    (4, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
    (5, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
    (6, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
    (7, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
    (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
];

/// Its hashes by first leaf and end, from which its published proofs are made.
const NODES: [((u64, u64), &str); 7] = [
    ((0, 1), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
    ((1, 2), "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"),
    ((4, 5), "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"),
    ((2, 4), "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"),
    ((4, 6), "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"),
    ((6, 8), "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"),
    ((4, 8), "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"),
];

const LARGEST: u64 = 70;

/// RFC 6962's definition, word for word.
fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        leaves => {
            let k = (leaves.len() - 1).ilog2();
            let (left, right) = leaves.split_at(1 << k);
            node_hash(&mth(left), &mth(right))
        }
    }
}

fn leaves(size: u64) -> Vec<Hash> {
    (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

fn reader(leaves: &[Hash]) -> impl FnMut(Node) -> Result<Hash, Infallible> + '_ {
    |node| {
        let (start, count) = ((node.index << node.level) as usize, 1 << node.level);
        Ok(mth(&leaves[start..start + count]))
    }
}

fn root_of(size: u64) -> Hash {
    mth(&leaves(size))
}

fn proof(subtrees: Option<Vec<Subtree>>, of: u64) -> Vec<Hash> {
    hashes(&subtrees.unwrap(), &mut reader(&leaves(of))).unwrap()
}

/// A proof with one change of each kind.
fn changed(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all = vec![[proof, &[leaf_hash(b"more")]].concat()];
    for at in 0..proof.len() {
        let mut one = proof.to_vec();
        one[at] = leaf_hash(b"other");
        all.push(one);
        let mut less = proof.to_vec();
        less.remove(at);
        all.push(less);
        let mut twice = proof.to_vec();
        twice.insert(at, proof[at]);
        all.push(twice);
    }
    all
}

#[test]
fn roots_are_those_of_rfc_6962() {
    let leaves: Vec<Hash> = LEAVES.iter().map(|leaf| leaf_hash(&hex::decode(leaf).unwrap())).collect();
    for (size, wanted) in ROOTS {
        let mut frontier = Frontier::new();
        leaves[..size].iter().for_each(|leaf| frontier.push(*leaf));
        assert_eq!(hex::encode(frontier.root().as_bytes()), wanted, "{size}");
        assert_eq!(root(size as u64, &mut reader(&leaves)), Ok(frontier.root()), "{size}");
    }
}

/// A published hash.
fn published(range: (u64, u64)) -> Hash {
    let node = NODES.iter().find(|(found, _)| *found == range).map(|(_, hash)| *hash);
    let root = ROOTS.iter().find(|(size, _)| (0, *size as u64) == range).map(|(_, hash)| *hash);
    Hash::new(hex::decode(node.or(root).unwrap()).unwrap().try_into().unwrap())
}

/// The published proofs of the reference implementation, which RFC 9162 has unchanged.
#[test]
fn proofs_are_those_of_rfc_6962() {
    let leaves: Vec<Hash> = LEAVES.iter().map(|leaf| leaf_hash(&hex::decode(leaf).unwrap())).collect();
    let hashes_of = |ranges: &[(u64, u64)]| ranges.iter().map(|range| published(*range)).collect::<Vec<_>>();
    let made = |subtrees: Option<Vec<Subtree>>| hashes(&subtrees.unwrap(), &mut reader(&leaves)).unwrap();
    let of = |size: u64| published((0, size));
    for (index, size, path) in [
        (0, 1, &[][..]),
        (0, 2, &[(1, 2)]),
        (1, 2, &[(0, 1)]),
        (2, 3, &[(0, 2)]),
        (1, 5, &[(0, 1), (2, 4), (4, 5)]),
        (0, 8, &[(1, 2), (2, 4), (4, 8)]),
        (5, 8, &[(4, 5), (6, 8), (0, 4)]),
    ] {
        let path = hashes_of(path);
        assert_eq!(made(inclusion(index, size)), path, "{index} of {size}");
        assert!(is_included(&leaves[index as usize], index, size, &path, &of(size)), "{index} of {size}");
    }
    for (old, new, proof) in [
        (1, 1, &[][..]),
        (1, 8, &[(1, 2), (2, 4), (4, 8)]),
        (2, 5, &[(2, 4), (4, 5)]),
        (6, 8, &[(4, 6), (6, 8), (0, 4)]),
    ] {
        let proof = hashes_of(proof);
        assert_eq!(made(consistency(old, new)), proof, "{old} and {new}");
        assert!(is_consistent((old, &of(old)), (new, &of(new)), &proof), "{old} and {new}");
    }
}

#[test]
fn a_frontier_is_known_by_its_hashes() {
    for size in 0..=LARGEST {
        let leaves = leaves(size);
        let mut grown = Frontier::new();
        leaves.iter().for_each(|leaf| grown.push(*leaf));
        let read: Vec<Hash> = Frontier::nodes(size).into_iter().map(|node| reader(&leaves)(node).unwrap()).collect();
        assert_eq!(Frontier::of(size, read), Some(grown.clone()));
        assert_eq!((grown.root(), grown.size()), (mth(&leaves), size));
    }
    assert_eq!(Frontier::of(3, vec![empty_root()]), None);
}

#[test]
fn each_leaf_of_each_tree_has_a_proof_that_verifies() {
    for size in 1..=LARGEST {
        let root = root_of(size);
        for index in 0..size {
            let proof = proof(inclusion(index, size), size);
            let leaf = leaves(size)[index as usize];
            assert!(is_included(&leaf, index, size, &proof, &root), "{index} of {size}");
        }
    }
}

#[test]
fn a_changed_inclusion_proof_is_refused() {
    for size in [1, 2, 3, 7, 8, 9, 33, LARGEST] {
        let root = root_of(size);
        for index in 0..size {
            let (proof, leaf) = (proof(inclusion(index, size), size), leaves(size)[index as usize]);
            for changed in changed(&proof) {
                assert!(!is_included(&leaf, index, size, &changed, &root), "{index} of {size}: {changed:?}");
            }
            assert!(!is_included(&empty_root(), index, size, &proof, &root));
            assert!(!is_included(&leaf, index, size, &proof, &empty_root()));
            for other in (0..=size).filter(|other| *other != index) {
                assert!(!is_included(&leaf, other, size, &proof, &root), "{index} as {other} of {size}");
            }
        }
    }
}

#[test]
fn each_tree_is_consistent_with_each_larger_one() {
    for new in 0..=LARGEST {
        let new_root = root_of(new);
        for old in 0..=new {
            let proof = proof(consistency(old, new), new);
            let old_root = root_of(old);
            assert!(is_consistent((old, &old_root), (new, &new_root), &proof), "{old} and {new}");
        }
    }
}

#[test]
fn a_changed_consistency_proof_is_refused() {
    for new in [1, 2, 3, 6, 7, 8, 9, 33, 64, LARGEST] {
        let new_root = root_of(new);
        for old in 0..=new {
            let (proof, old_root) = (proof(consistency(old, new), new), root_of(old));
            for changed in changed(&proof) {
                assert!(!is_consistent((old, &old_root), (new, &new_root), &changed), "{old} and {new}: {changed:?}");
            }
            let other = leaf_hash(b"other");
            assert!(!is_consistent((old, &other), (new, &new_root), &proof), "another root of {old}");
            // Every tree is consistent with the empty one.
            assert_eq!(is_consistent((old, &old_root), (new, &other), &proof), old == 0 && new > 0);
            assert!(old == new || !is_consistent((new, &new_root), (old, &old_root), &proof), "backwards");
        }
    }
}

#[test]
fn what_no_tree_has_is_refused() {
    assert_eq!(inclusion(0, 0), None);
    assert_eq!(inclusion(5, 5), None);
    assert_eq!(inclusion(0, u64::MAX), None);
    assert_eq!(consistency(3, 2), None);
    assert_eq!(consistency(0, u64::MAX), None);
    assert_eq!(root_of_inclusion(&empty_root(), u64::MAX - 1, u64::MAX, &[]), None);
    assert!(!is_consistent((0, &empty_root()), (0, &leaf_hash(b"")), &[]));
}

#[test]
fn a_hash_is_text_in_one_way() {
    let hash = leaf_hash(b"a");
    assert_eq!(Hash::parse(&hash.to_string()), Some(hash));
    assert_eq!(serde_json::from_str::<Hash>(&serde_json::to_string(&hash).unwrap()).unwrap(), hash);
    let text = hash.to_string();
    for bad in ["", &text[1..], &text[..43], &format!("{text}\n"), &format!("{text}AAAA"), &text.replace('=', "")] {
        assert_eq!(Hash::parse(bad), None, "{bad:?}");
    }
}

proptest! {
    #[test]
    fn arbitrary_proofs_never_verify_and_never_panic(
        index: u64, old: u64, size: u64, proof in prop::collection::vec(any::<[u8; 32]>(), 0..70)
    ) {
        let proof: Vec<Hash> = proof.into_iter().map(Hash::new).collect();
        let (leaf, root) = (leaf_hash(b"leaf"), leaf_hash(b"root"));
        prop_assert!(!is_included(&leaf, index, size, &proof, &root));
        prop_assert!(!is_consistent((old, &leaf), (size, &root), &proof));
        prop_assert!(!is_consistent((old % 100, &leaf), (size % 100, &root), &proof));
        let subtrees = inclusion(index, size).into_iter().chain(consistency(old, size)).flatten();
        for subtree in subtrees {
            prop_assert!(subtree.nodes().len() <= 64);
        }
    }
}
