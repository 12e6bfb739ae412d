//! Transparency logs made by tests, as folders: also such as no log may be.

use selvedge::pki::ceremony::{CertAndKey, create_intermediate, create_root};
use selvedge::pki::key::check_spki;
use selvedge::pki::leaf::{LeafRequest, assemble, build_tbs};
use selvedge::pki::profile::default_profile;
use selvedge::pki::validity::{PeriodLimits, RequestedPeriod};
use selvedge::pki::{CrlEntry, CrlRequest, Issuer, Serial, crl, lint, pem};
use selvedge::tlog::cosignature::{message, signature};
use selvedge::tlog::entry::{Entry, Kind, LoggedCrl, LoggedPolicy, LoggedRevocation, bundle};
use selvedge::tlog::note::{KeyKind, Signature};
use selvedge::tlog::tile::{Resource, tiles, tiles_of_level};
use selvedge::tlog::tree::{self, Frontier, Node, leaf_hash};
use selvedge::tlog::{Checkpoint, Hash, Note, Proof, VerifierKey};
use selvedge::values::native_crypto::{MlDsa44Key, NativeKey};
use selvedge::values::{Identifier, SigAlg, Time, hex};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// The origin of the logs.
pub const ORIGIN: &str = "ca.test/log/1/0a1b2c3d";

/// The origin of the log of the CA's other issuer.
pub const SECOND: &str = "ca.test/log/2/1b2c3d4e";

/// 24 November 2026, noon.
pub const NOW: Time = Time::from_secs(1_795_521_600);

/// The address of the CRL of all certificates.
pub const CRL: &str = "http://ca.test/crl/1/0.crl";

/// A key with its name.
pub struct Signer {
    private: Private,
    pub public: VerifierKey,
}

enum Private {
    Ed25519(Box<NativeKey>),
    MlDsa44(Box<MlDsa44Key>),
}

impl Signer {
    pub fn new(name: &str, kind: KeyKind, seed: u8) -> Self {
        if kind == KeyKind::MlDsa44Cosignature {
            let private = MlDsa44Key::from_seed(&[seed; 32]);
            let public = VerifierKey::new(name, kind, &private.public()).unwrap();
            return Self { private: Private::MlDsa44(Box::new(private)), public };
        }
        let private = NativeKey::generate(SigAlg::Ed25519, &mut |bytes| bytes.fill(seed)).unwrap();
        let spki = private.spki_der().unwrap();
        let public = VerifierKey::new(name, kind, &spki[spki.len() - 32..]).unwrap();
        Self { private: Private::Ed25519(Box::new(private)), public }
    }

    /// The other key of the log, for ML-DSA-44.
    pub fn post_quantum() -> Self {
        Self::new(ORIGIN, KeyKind::MlDsa44Cosignature, 1)
    }

    pub fn log() -> Self {
        Self::new(ORIGIN, KeyKind::Ed25519, 1)
    }

    /// The key of the log of the CA's other issuer.
    pub fn second() -> Self {
        Self::new(SECOND, KeyKind::Ed25519, 2)
    }

    pub fn witness(n: u8) -> Self {
        Self::new(&format!("w{n}.example"), KeyKind::Ed25519Cosignature, 100 + n)
    }

    pub fn sign(&self, checkpoint: &Checkpoint) -> Signature {
        let message = message(&self.public, checkpoint, NOW).unwrap();
        let made = match &self.private {
            Private::Ed25519(key) => key.sign(SigAlg::Ed25519, &message),
            Private::MlDsa44(key) => key.sign(&message),
        };
        signature(&self.public, NOW, &made.unwrap())
    }
}

/// An issuer for the certificates of a log.
pub struct Ca {
    pub intermediate: CertAndKey,
    issuer: Issuer,
    key: NativeKey,
}

/// A certificate with its serial number.
pub struct Leaf {
    pub der: Vec<u8>,
    pub tbs: Vec<u8>,
    pub serial: Serial,
}

impl Ca {
    pub fn new() -> Self {
        let root = create_root("Test Root", NOW, 20).unwrap();
        let intermediate = create_intermediate(&root, "Test Issuer", NOW, 5).unwrap();
        let issuer = Issuer::from_pem_chain(&intermediate.certificate).unwrap();
        let key = NativeKey::from_pkcs8_pem(&intermediate.key).unwrap();
        Self { intermediate, issuer, key }
    }

    pub fn der(&self) -> Vec<u8> {
        pem::read_certificates(&self.intermediate.certificate).unwrap().remove(0)
    }

    /// A certificate whose serial number is made of `n`.
    pub fn leaf(&self, n: u8, name: &str) -> Leaf {
        let key = NativeKey::generate(SigAlg::Es256, &mut |bytes| bytes.fill(n + 1)).unwrap();
        let public_key = check_spki(&key.spki_der().unwrap()).unwrap();
        let (profile, issuer, names) = (default_profile(), &self.issuer, [Identifier::dns(name).unwrap()]);
        let limits = PeriodLimits { issuer, profile, longest: profile.validity, ordered: NOW };
        let period = limits.period(RequestedPeriod::default(), NOW).unwrap();
        let serial = Serial::from_random([n; 18]);
        let request = LeafRequest {
            issuer,
            profile,
            public_key: &public_key,
            names: &names,
            common_name: None,
            serial: &serial,
            now: NOW,
            period,
            ca_issuers: None,
            crl: Some(CRL),
            ocsp: None,
            must_staple: false,
        };
        let tbs = build_tbs(&request).unwrap();
        let linted = lint::check(&tbs, &request).unwrap();
        let der = assemble(&linted, &self.key.sign(linted.algorithm(), linted.as_bytes()).unwrap()).unwrap();
        Leaf { der, tbs, serial }
    }

    /// A CRL with these certificates.
    pub fn crl(&self, number: u64, revoked: &[&Leaf]) -> Vec<u8> {
        let entry = |leaf: &&Leaf| CrlEntry { serial: leaf.serial.clone(), at: NOW, reason: None };
        let entries: Vec<CrlEntry> = revoked.iter().map(entry).collect();
        let (this_update, next_update) = (NOW, NOW.plus(Duration::from_secs(86_400)));
        let urls = &[CRL.to_owned()];
        let request = CrlRequest {
            issuer: &self.issuer,
            number,
            this_update,
            next_update,
            urls,
            complete: false,
            entries: &entries,
        };
        let linted = lint::crl::check(&crl::build_tbs(&request).unwrap(), &request).unwrap();
        crl::assemble(&linted, &self.key.sign(linted.algorithm(), linted.as_bytes()).unwrap()).unwrap()
    }
}

/// A log: its entries, from which all files are made.
#[derive(Clone)]
pub struct Book {
    pub origin: &'static str,
    pub entries: Vec<Vec<u8>>,
}

impl Default for Book {
    fn default() -> Self {
        Self { origin: ORIGIN, entries: Vec::new() }
    }
}

impl Book {
    /// A log of `size` entries of no kind.
    pub fn numbers(size: u64) -> Self {
        Self { entries: (0..size).map(|n| format!("entry {n}").into_bytes()).collect(), ..Self::default() }
    }

    pub fn add(&mut self, kind: Kind, body: &[u8]) {
        self.entries.push(Entry { kind, body }.octets());
    }

    pub fn add_json(&mut self, kind: Kind, body: &impl Serialize) {
        self.add(kind, &serde_json::to_vec(body).unwrap());
    }

    pub fn add_policy(&mut self, revision: u64, text: &str) {
        let (sha256, policy) = (hex::encode(&Sha256::digest(text)), Some(text.to_owned()));
        self.add_json(Kind::Policy, &LoggedPolicy { revision, sha256, policy, prepared: None });
    }

    pub fn add_revocation(&mut self, leaf: &Leaf, reason: Option<u8>) {
        self.add_json(Kind::Revocation, &LoggedRevocation { serial: leaf.serial.hex(), reason, time: NOW });
    }

    pub fn add_crl(&mut self, number: u64, der: &[u8]) {
        let sha256 = hex::encode(&Sha256::digest(der));
        self.add_json(Kind::Crl, &LoggedCrl { shard: 0, number, sha256, covers: None });
    }

    pub fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The hash of a node, by the definition.
    fn node(&self, node: Node) -> Result<Hash, Infallible> {
        let (start, count) = ((node.index << node.level) as usize, 1 << node.level);
        let mut frontier = Frontier::new();
        self.entries[start..start + count].iter().for_each(|entry| frontier.push(leaf_hash(entry)));
        Ok(frontier.root())
    }

    pub fn checkpoint(&self) -> Checkpoint {
        let mut frontier = Frontier::new();
        self.entries.iter().for_each(|entry| frontier.push(leaf_hash(entry)));
        Checkpoint::new(self.origin, self.size(), frontier.root())
    }

    /// The newest checkpoint with the signatures of these.
    pub fn note(&self, signers: &[&Signer]) -> Note {
        let checkpoint = self.checkpoint();
        let mut note = Note::unsigned(checkpoint.to_string()).unwrap();
        signers.iter().for_each(|signer| note.sign(signer.sign(&checkpoint)));
        note
    }

    pub fn proof(&self, index: u64, signers: &[&Signer]) -> Proof {
        let subtrees = tree::inclusion(index, self.size()).unwrap();
        let hashes = tree::hashes(&subtrees, &mut |node| self.node(node)).unwrap();
        Proof { extra: None, index, hashes, note: self.note(signers) }
    }

    pub fn consistency(&self, old: u64) -> Vec<Hash> {
        tree::hashes(&tree::consistency(old, self.size()).unwrap(), &mut |node| self.node(node)).unwrap()
    }

    /// All files of the log by their paths.
    pub fn files(&self, signers: &[&Signer]) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::from([("checkpoint".to_owned(), self.note(signers).to_string().into_bytes())]);
        for tile in tiles(self.size()) {
            let octets = tile.nodes().flat_map(|node| *self.node(node).unwrap().as_bytes()).collect();
            files.insert(Resource::Hashes(tile).to_string(), octets);
        }
        for tile in tiles_of_level(0, self.size()) {
            let first = tile.first_hash() as usize;
            let entries = &self.entries[first..first + usize::from(tile.width())];
            files.insert(Resource::Entries(tile).to_string(), bundle(entries).unwrap());
        }
        files
    }

    /// Writes all files into a folder.
    pub fn write(&self, folder: &Path, signers: &[&Signer]) {
        for (path, octets) in self.files(signers) {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, octets).unwrap();
        }
    }
}
