use super::*;
use crate::values::hex;
use core::convert::Infallible;
use proptest::prelude::*;

/// The leaves of RFC 6962's first implementation. The roots are of trees of its first 0 … 8.
const LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS: [(usize, &str); 6] = [
    (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
    (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
    (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
    (7, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
    (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
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
