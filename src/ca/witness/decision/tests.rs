use super::*;
use crate::tlog::tree::{Node, consistency, hashes, leaf_hash, node_hash, root};
use crate::values::Time;

fn leaf(n: u64) -> Hash {
    leaf_hash(&n.to_be_bytes())
}

fn node(node: Node) -> Hash {
    match node.level {
        0 => leaf(node.index),
        level => {
            let below = |index| self::node(Node { level: level - 1, index });
            node_hash(&below(node.index * 2), &below(node.index * 2 + 1))
        }
    }
}

fn tree(size: u64) -> Checkpoint {
    Checkpoint::new("log", size, root(size, &mut |at| Ok::<_, ()>(node(at))).unwrap())
}

fn proof(old: u64, new: u64) -> Vec<Hash> {
    hashes(&consistency(old, new).unwrap(), &mut |at| Ok::<_, ()>(node(at))).unwrap()
}

fn stored(checkpoint: &Checkpoint) -> WitnessedRecord {
    WitnessedRecord {
        origin: checkpoint.origin.clone(),
        size: checkpoint.size,
        root: checkpoint.root,
        text: checkpoint.to_string(),
        signatures: String::new(),
        cosignature: String::new(),
        at: Time::from_secs(0),
    }
}

#[test]
fn only_what_continues_the_newest_checkpoint_is_cosigned() {
    const LARGEST: u64 = 12;
    for newest in 0..=LARGEST {
        let record = (newest > 0).then(|| stored(&tree(newest)));
        for new in 0..=LARGEST {
            for old in 0..=new {
                let decided = decide(record.as_ref(), old, &proof(old, new), &tree(new));
                let wanted = if old == newest { Ok(()) } else { Err(Outcome::Conflict(newest)) };
                assert_eq!(decided, wanted, "{old} to {new}, and {newest} is the newest");
            }
        }
    }
}

#[test]
fn a_fork_is_never_cosigned() {
    let record = stored(&tree(5));
    for new in 5..=12 {
        let fork = Checkpoint::new("log", new, leaf(99));
        let refused = decide(Some(&record), 5, &proof(5, new), &fork);
        assert!(matches!(refused, Err(Outcome::Inconsistent(_))), "{new}: {refused:?}");
    }
    let Err(Outcome::Inconsistent(why)) = decide(Some(&record), 5, &[], &Checkpoint::new("log", 5, leaf(99))) else {
        panic!("it was cosigned");
    };
    assert!(why.contains("has forked"), "{why}");
}

#[test]
fn a_proof_has_to_be_empty_where_nothing_is_proven() {
    let hash = [leaf(1)];
    let refused = |found| matches!(found, Err(Outcome::Inconsistent(_)));
    assert!(refused(decide(None, 0, &hash, &tree(3))));
    assert!(refused(decide(Some(&stored(&tree(3))), 3, &hash, &tree(3))));
    assert!(refused(decide(Some(&stored(&tree(3))), 3, &[], &tree(7))));
    let empty = stored(&tree(0));
    assert_eq!(decide(Some(&empty), 0, &[], &tree(3)), Ok(()));
}
