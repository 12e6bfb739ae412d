use super::*;
use crate::tlog::tree::{Node, Subtree, hashes, inclusion};
use proptest::prelude::*;

/// A proof of entry `index` of `size` entries, which are their indexes in decimal.
fn proof(index: u64, size: u64) -> Proof {
    let mut read = |node: Node| {
        let (start, count) = (node.index << node.level, 1 << node.level);
        let mut frontier = crate::tlog::tree::Frontier::new();
        (start..start + count).for_each(|n: u64| frontier.push(leaf_hash(n.to_string().as_bytes())));
        Ok::<_, ()>(frontier.root())
    };
    let root = Subtree { start: 0, end: size }.hash(&mut read).unwrap();
    let hashes = hashes(&inclusion(index, size).unwrap(), &mut read).unwrap();
    let text = Checkpoint::new("ca.example/log/1/0a1b2c3d", size, root).to_string();
    let note = Note::parse(&format!("{text}\n— ca.example/log/1/0a1b2c3d AAAAAAA=\n")).unwrap();
    Proof { extra: None, index, hashes, note }
}

#[test]
fn a_proof_is_text_and_back() {
    for (index, size) in [(0, 1), (0, 2), (4, 5), (69, 70)] {
        let mut proof = proof(index, size);
        let text = proof.to_string();
        assert!(text.starts_with(&format!("c2sp.org/tlog-proof@v1\nindex {index}\n")));
        assert_eq!(Proof::parse(&text), Ok(proof.clone()));
        proof.extra = Some(b"more".to_vec());
        let text = proof.to_string();
        assert!(text.contains("@v1\nextra bW9yZQ==\nindex "));
        assert_eq!(Proof::parse(&text), Ok(proof));
    }
}

#[test]
fn a_proof_includes_its_entry_alone() {
    for (index, size) in [(0, 1), (3, 7), (6, 7)] {
        let proof = proof(index, size);
        for entry in 0..=size {
            assert_eq!(proof.includes(entry.to_string().as_bytes()), entry == index, "{entry} by that of {index}");
        }
        let moved = Proof { index: index + 1, ..proof };
        assert!(!moved.includes(index.to_string().as_bytes()));
    }
}

#[test]
fn what_is_not_a_proof_is_refused() {
    let text = proof(3, 7).to_string();
    let line = |from: &str, to: &str| match Proof::parse(&text.replacen(from, to, 1)) {
        Err(ProofFault::Line { line, .. }) => line,
        other => panic!("{from:?} as {to:?}: {other:?}"),
    };
    assert_eq!(line("index 3", "index 03"), 2);
    assert_eq!(line("index 3", "index"), 2);
    assert_eq!(line("index 3", "index 3 "), 2);
    assert_eq!(line("index 3", "extra AQID\nindex x"), 3);
    assert_eq!(line("index 3", "extra AQ\nindex 3"), 2);
    assert_eq!(line("index 3\n", "index 3\nAAAA\n"), 3);
    assert_eq!(line("index 3\n", "index 3\r\n"), 2);
    let many = format!("index 3\n{}", format!("{}\n", leaf_hash(b"")).repeat(64));
    assert_eq!(line("index 3\n", &many), 2 + 64);
    assert!(matches!(Proof::parse(&text.replacen("@v1", "@v2", 1)), Err(ProofFault::Header(_))));
    assert!(matches!(Proof::parse(""), Err(ProofFault::Header(_))));
    assert!(matches!(Proof::parse("c2sp.org/tlog-proof@v1"), Err(ProofFault::Line { line: 2, .. })));
    assert!(matches!(Proof::parse("c2sp.org/tlog-proof@v1\nindex 0\n"), Err(ProofFault::Note(_))));
    assert!(matches!(Proof::parse(&text.replacen("\n7\n", "\nseven\n", 1)), Err(ProofFault::Checkpoint(_))));
    assert!(matches!(Proof::parse(&format!("{text}{}", "x".repeat(MAX_LEN))), Err(ProofFault::TooLong(_))));
}

proptest! {
    #[test]
    fn arbitrary_text_is_read_back_or_refused(
        text in "(?s).{0,60}",
        lines in "(extra [A-Za-z0-9=]{0,8}\n)?index [0-9]{1,3}\n([A-Za-z0-9=]{44}\n){0,2}\n?",
    ) {
        let note = proof(0, 1).note;
        for text in [text.clone(), format!("{HEADER}\n{text}"), format!("{HEADER}\n{lines}{note}")] {
            if let Ok(proof) = Proof::parse(&text) {
                prop_assert_eq!(proof.to_string(), text);
                let _ = proof.includes(b"0");
            }
        }
    }
}
