//! A log with any leaves and with forks, as a client of witnesses.
#![allow(dead_code, reason = "each binary uses a part")]

use selvedge::tlog::note::{KeyKind, Signature};
use selvedge::tlog::tree::{Node, consistency, hashes, leaf_hash, node_hash, root};
use selvedge::tlog::witness::Submission;
use selvedge::tlog::{Checkpoint, Hash, Note, VerifierKey};
use selvedge::values::SigAlg;
use selvedge::values::native_crypto::NativeKey;

/// A log.
pub struct TestLog {
    key: NativeKey,
    /// Its verifier key, whose name is its origin.
    pub vkey: VerifierKey,
}

/// A history of a log: its leaves are the common ones until a fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Branch {
    /// The first leaf of its own.
    pub from: u64,
    /// What makes its leaves differ.
    pub salt: u8,
}

/// The history without a fork.
pub const TRUNK: Branch = Branch { from: 0, salt: 0 };

impl TestLog {
    /// A log with this origin.
    pub fn new(origin: &str) -> Self {
        Self::with_key(origin, 7)
    }

    /// A log with a key that follows from `seed`.
    pub fn with_key(origin: &str, seed: u8) -> Self {
        let key = NativeKey::generate(SigAlg::Ed25519, &mut |bytes| bytes.fill(seed)).unwrap();
        let spki = key.spki_der().unwrap();
        let vkey = VerifierKey::new(origin, KeyKind::Ed25519, &spki[spki.len() - 32..]).unwrap();
        Self { key, vkey }
    }

    /// A log with this key pair.
    pub fn of(key: NativeKey, vkey: VerifierKey) -> Self {
        Self { key, vkey }
    }

    /// The checkpoint of this size.
    pub fn checkpoint(&self, branch: Branch, size: u64) -> Checkpoint {
        let root = root(size, &mut |node| Ok::<_, ()>(branch.node(node))).unwrap();
        Checkpoint::new(self.vkey.name(), size, root)
    }

    /// Signs a text.
    pub fn signed(&self, text: &str) -> String {
        let mut note = Note::unsigned(text).unwrap();
        note.sign(Signature::of(&self.vkey, self.key.sign(SigAlg::Ed25519, text.as_bytes()).unwrap()));
        note.to_string()
    }

    /// The signed checkpoint of this size.
    pub fn note(&self, branch: Branch, size: u64) -> String {
        self.signed(&self.checkpoint(branch, size).to_string())
    }

    /// The body of add-checkpoint.
    pub fn body(&self, branch: Branch, old: u64, size: u64) -> String {
        Submission { old, proof: branch.proof(old, size), note: &self.note(branch, size) }.to_string()
    }
}

impl Branch {
    fn node(self, node: Node) -> Hash {
        match node.level {
            0 => {
                let salt = if node.index < self.from { 0 } else { self.salt };
                leaf_hash(&[&node.index.to_be_bytes()[..], &[salt]].concat())
            }
            level => {
                let below = |index| self.node(Node { level: level - 1, index });
                node_hash(&below(node.index * 2), &below(node.index * 2 + 1))
            }
        }
    }

    /// The proof from one size to another; empty where no proof exists.
    pub fn proof(self, old: u64, new: u64) -> Vec<Hash> {
        let subtrees = consistency(old, new).unwrap_or_default();
        hashes(&subtrees, &mut |node| Ok::<_, ()>(self.node(node))).unwrap()
    }
}
