//! The ML-DSA-44 line of a checkpoint.

use super::keys::{judged, listed, served};
use super::{enter, ids, logged};
use selvedge::ca::testing::World;
use selvedge::tlog::note::{KeyKind, Signature};
use selvedge::tlog::policy::VerdictFault;
use selvedge::tlog::{Checkpoint, Note, VerifierKey, cosignature};
use selvedge::values::native_crypto::{MlDsa44Key, NativeCrypto};
use selvedge::values::{CryptoFailure, SigAlg, Verify};

/// A log's newest checkpoint, and its two keys.
struct Scene {
    world: World,
    note: Note,
    ed25519: VerifierKey,
    ml_dsa: VerifierKey,
}

impl Scene {
    fn new() -> Self {
        let world = logged();
        enter(&world, 1..3);
        let log = ids(&world).remove(0);
        let note = served(&world, &log);
        let keys: Vec<_> = listed(&world, &log).iter().map(|key| VerifierKey::parse(key).unwrap()).collect();
        let [ed25519, ml_dsa] = <[VerifierKey; 2]>::try_from(keys).unwrap();
        Self { world, note, ed25519, ml_dsa }
    }

    /// The line by the ML-DSA-44 key.
    fn line(&self) -> Signature {
        self.note.by(&self.ml_dsa).next().unwrap().clone()
    }

    /// The checkpoint with this line in place of its own.
    fn with(&self, line: Signature) -> Note {
        let mut note = self.note.clone();
        note.sign(line);
        note
    }

    /// The checkpoint without its ML-DSA-44 line.
    fn without(&self) -> Note {
        let mut note = Note::unsigned(self.note.text()).unwrap();
        note.sign(self.note.by(&self.ed25519).next().unwrap().clone());
        note
    }

    /// Whether a policy of these keys accepts a note.
    fn accepts(&self, keys: &[&VerifierKey], note: &Note) -> Result<(), VerdictFault> {
        let lines: String = keys.iter().map(|key| format!("log {key}\n")).collect();
        judged(&self.world, &format!("{lines}quorum none\n"), note).map(drop)
    }
}

#[test]
fn checkpoint_has_a_line_by_each_key_of_its_log() {
    let scene = Scene::new();
    let (ed25519, ml_dsa) = (&scene.ed25519, &scene.ml_dsa);
    assert_eq!((ed25519.kind(), ml_dsa.kind()), (KeyKind::Ed25519, KeyKind::MlDsa44Cosignature));
    assert_eq!(ed25519.name(), ml_dsa.name());
    let ids: Vec<_> = scene.note.signatures().iter().map(|line| line.id).collect();
    assert_eq!(ids, [ed25519.id(), ml_dsa.id()]);
    for keys in [&[ed25519][..], &[ml_dsa], &[ed25519, ml_dsa]] {
        assert_eq!(scene.accepts(keys, &scene.note), Ok(()));
    }
    // The time of the line is the one at which it was signed.
    let checkpoint = Checkpoint::parse(scene.note.text()).unwrap();
    let check = cosignature::check(ml_dsa, &checkpoint, &scene.line()).unwrap();
    assert_eq!(check.time.unwrap().secs(), scene.world.now().secs());
}

#[test]
fn key_is_derived_like_that_for_ed25519() {
    let scene = Scene::new();
    let info = format!("selvedge/v1 log key 06\n{}", scene.ml_dsa.name());
    let extracted = ring::hkdf::Salt::new(ring::hkdf::HKDF_SHA256, &[]).extract(&[0x4c; 32]);
    let (mut seed, info) = ([0; 32], [info.as_bytes()]);
    extracted.expand(&info, ring::hkdf::HKDF_SHA256).unwrap().fill(&mut seed).unwrap();
    assert_eq!(scene.ml_dsa.key(), MlDsa44Key::from_seed(&seed).public());
}

#[test]
fn missing_line_is_refused_where_the_policy_has_no_other_key() {
    let scene = Scene::new();
    let without = scene.without();
    assert!(matches!(scene.accepts(&[&scene.ml_dsa], &without), Err(VerdictFault::Unsigned(_))));
    assert_eq!(scene.accepts(&[&scene.ed25519], &without), Ok(()));
    assert_eq!(scene.accepts(&[&scene.ed25519, &scene.ml_dsa], &without), Ok(()), "any key of the policy suffices");
}

#[test]
fn wrong_line_of_a_known_key_is_refused_and_one_of_an_unknown_key_ignored() {
    let scene = Scene::new();
    let both = [&scene.ed25519, &scene.ml_dsa];
    let line = scene.line();
    // Octets of the time, the three parts of a signature, and its end.
    for at in [0, 7, 8, 39, 40, 1500, 2344, 2427] {
        let mut changed = line.clone();
        changed.octets[at] ^= 1;
        let note = scene.with(changed);
        assert!(matches!(scene.accepts(&both, &note), Err(VerdictFault::Signature(_))), "octet {at}");
        assert_eq!(scene.accepts(&[&scene.ed25519], &note), Ok(()), "its key is not in the policy");
    }
    for octets in [&line.octets[..2427], &line.octets[..8], &[line.octets.as_slice(), &[0]].concat()] {
        let note = scene.with(Signature { octets: octets.to_vec(), ..line.clone() });
        assert!(matches!(scene.accepts(&both, &note), Err(VerdictFault::Signature(_))), "{} octets", octets.len());
    }
    let mut renamed = line;
    renamed.id[0] ^= 1;
    let mut note = scene.without();
    note.sign(renamed);
    assert_eq!(scene.accepts(&both, &note), Ok(()));
    assert!(matches!(scene.accepts(&[&scene.ml_dsa], &note), Err(VerdictFault::Unsigned(_))));
}

#[test]
fn line_of_one_checkpoint_is_none_of_another() {
    let scene = Scene::new();
    enter(&scene.world, 3..5);
    scene.world.pass(std::time::Duration::from_secs(2));
    let mut newer = served(&scene.world, &ids(&scene.world)[0]);
    assert_eq!(scene.accepts(&[&scene.ml_dsa], &newer), Ok(()));
    newer.sign(scene.line());
    assert!(matches!(scene.accepts(&[&scene.ml_dsa], &newer), Err(VerdictFault::Signature(_))));
}

/// A provider without ML-DSA, as WebCrypto is without its compatibility flag.
struct Older;

impl Verify for Older {
    async fn verify(&self, alg: SigAlg, spki: &[u8], message: &[u8], sig: &[u8]) -> Result<bool, CryptoFailure> {
        NativeCrypto.verify(alg, spki, message, sig).await
    }
}

#[test]
fn provider_without_the_algorithm_neither_accepts_nor_refuses() {
    let scene = Scene::new();
    let checkpoint = Checkpoint::parse(scene.note.text()).unwrap();
    let check = |key: &VerifierKey| {
        let line = scene.note.by(key).next().unwrap();
        scene.world.run(cosignature::check(key, &checkpoint, line).unwrap().holds(&Older))
    };
    assert_eq!((check(&scene.ml_dsa), check(&scene.ed25519)), (Ok(None), Ok(Some(true))));
}
