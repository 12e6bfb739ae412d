//! The transparency log of an issuer, from a request to what a verifier computes.

mod costs;
mod entries;
mod failing;
mod keys;
mod late;
mod ml_dsa;
mod policies;
mod reading;
mod restored;
mod tiles;

use selvedge::ca::config::admin_tokens::AdminTokens;
use selvedge::ca::http::message::Request;
use selvedge::ca::ledger::entry::{RecordCertificate, Recorded};
use selvedge::ca::ledger::kind::LedgerAt;
use selvedge::ca::testing::{Answered, Client, World, new_key};
use selvedge::pki::Serial;
use selvedge::pki::certificate::parse_presented;
use selvedge::pki::serial::LEAF_RANDOM_BYTES;
use selvedge::records::acme::certificate::LogPlace;
use selvedge::records::ledger::entry::LedgerEntry;
use selvedge::records::ledger::log::LogsRecord;
use selvedge::tlog::note::KeyKind;
use selvedge::tlog::tile::{Resource, tiles, tiles_of_level};
use selvedge::tlog::{Checkpoint, Hash, Note, Tile, VerifierKey, entry, tree};
use selvedge::values::native_crypto::NativeCrypto;
use selvedge::values::{Id, SigAlg, Verify, b64};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;

/// An auditor's token.
pub const TOKEN: &str = "an-auditors-token-of-sufficient-length";

/// A CA with a log, and with an auditor.
pub fn logged() -> World {
    World::new().with_log().reconfigured(|settings| {
        let auditor = json!({ "eve": { "token": TOKEN, "role": "auditor" } });
        settings.admin = AdminTokens::read(Some(&auditor.to_string())).unwrap();
    })
}

/// The path of the issuer's logs.
pub fn logs(world: &World) -> String {
    format!("/log/{}", world.issuer().id())
}

/// The ids of the issuer's logs, as they are listed.
pub fn ids(world: &World) -> Vec<String> {
    let list = world.ask("GET", &logs(world)).is(200).json();
    list["logs"].as_array().unwrap().iter().map(|log| log["id"].as_str().unwrap().to_owned()).collect()
}

/// The path of a file of a log.
pub fn file(world: &World, log: &str, file: Resource) -> String {
    format!("{}/{log}/{file}", logs(world))
}

/// A GET by the auditor.
pub fn read(world: &World, path: &str) -> Answered {
    let authorization = Some(format!("Bearer {TOKEN}"));
    let (method, path) = ("GET".to_owned(), path.to_owned());
    world.send(Request { method, path, authorization, body: Some(Vec::new()), ..Request::default() })
}

/// Reads a signed checkpoint with the key that the list of logs has.
pub fn verified(world: &World, note: &str) -> Checkpoint {
    let note = Note::parse(note).unwrap();
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    let list = world.ask("GET", &logs(world)).is(200).json();
    let listed = list["logs"].as_array().unwrap().iter().find(|log| log["origin"] == *checkpoint.origin).unwrap();
    let key = VerifierKey::parse(listed["keys"][0].as_str().unwrap()).unwrap();
    assert_eq!((key.name(), key.kind()), (checkpoint.origin.as_str(), KeyKind::Ed25519));
    let signatures: Vec<_> = note.by(&key).collect();
    assert_eq!(signatures.len(), 1);
    let spki = [b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", key.key()].concat();
    let holds = NativeCrypto.verify(SigAlg::Ed25519, &spki, note.text().as_bytes(), &signatures[0].octets);
    assert_eq!(world.run(holds), Ok(true));
    checkpoint
}

/// The newest checkpoint of a log.
pub fn checkpoint(world: &World, log: &str) -> Checkpoint {
    let answered = world.ask("GET", &file(world, log, Resource::Checkpoint)).is(200);
    assert_eq!(answered.header("Content-Type"), Some("text/plain; charset=utf-8"));
    verified(world, answered.text())
}

/// The octets of a tile.
fn octets(world: &World, log: &str, tile: Tile) -> Vec<u8> {
    let answered = world.ask("GET", &file(world, log, Resource::Hashes(tile))).is(200);
    assert_eq!(answered.header("Content-Type"), Some("application/octet-stream"));
    assert_eq!(answered.header("Cache-Control"), Some("public, max-age=31536000, immutable"));
    answered.response.body.octets().to_vec()
}

/// All entries of a log. Checks that tiles, entries and checkpoint are those of one tree.
pub fn audited(world: &World, log: &str) -> Vec<Vec<u8>> {
    let Checkpoint { size, root, .. } = checkpoint(world, log);
    let all: BTreeMap<Tile, Vec<u8>> = tiles(size).map(|tile| (tile, octets(world, log, tile))).collect();
    let mut node = |node| {
        let tile = Tile::holding(node, size).ok_or(())?;
        tile.hash(&all[&tile], node).ok_or(())
    };
    assert_eq!(tree::root(size, &mut node), Ok(root), "the root of the tiles");
    let mut found: Vec<Vec<u8>> = Vec::new();
    for tile in tiles_of_level(0, size) {
        let answered = read(world, &file(world, log, Resource::Entries(tile))).is(200);
        assert_eq!(answered.header("Cache-Control"), Some("private, max-age=31536000, immutable"));
        let entries = entry::entries(answered.response.body.octets()).unwrap();
        found.extend(entries.into_iter().map(<[u8]>::to_vec));
    }
    let mut frontier = tree::Frontier::new();
    found.iter().for_each(|entry| frontier.push(tree::leaf_hash(entry)));
    assert_eq!((frontier.size(), frontier.root()), (size, root), "the root of the entries");
    found
}

/// The kinds of the entries of a log.
pub fn kinds(world: &World, log: &str) -> Vec<String> {
    audited(world, log).iter().map(|entry| entry::Entry::read(entry).unwrap().kind.to_string()).collect()
}

/// Checks a proof with a certificate alone, and the log's key. Returns the index.
pub fn proven(world: &World, certificate: &[u8], proof: &str) -> u64 {
    let (head, note) = proof.split_once("\n\n").unwrap();
    let lines: Vec<&str> = head.lines().collect();
    assert_eq!(lines[0], "c2sp.org/tlog-proof@v1");
    let index = lines[1].strip_prefix("index ").unwrap().parse().unwrap();
    let hashes: Vec<Hash> = lines[2..].iter().map(|line| Hash::parse(line).unwrap()).collect();
    let Checkpoint { size, root, .. } = verified(world, note);
    let body = tbs_of(certificate);
    let leaf = entry::Entry { kind: entry::Kind::Certificate, body: &body }.hash();
    assert!(tree::is_included(&leaf, index, size, &hashes, &root), "{index} of {size}");
    index
}

/// The to-be-signed part of a certificate.
pub fn tbs_of(certificate: &[u8]) -> Vec<u8> {
    use x509_cert::der::{Decode, Encode};
    x509_cert::Certificate::from_der(certificate).unwrap().tbs_certificate().to_der().unwrap()
}

/// Enters certificates of no order, as fast as a ledger takes them.
pub fn enter(world: &World, numbers: impl IntoIterator<Item = u64>) -> Vec<LogPlace> {
    numbers.into_iter().map(|n| place(world.tell(&LedgerAt::from(world.issuer().id()), &record(world, n)))).collect()
}

pub fn place(recorded: Recorded) -> LogPlace {
    match recorded {
        Recorded::Logged(place) => place,
        other => panic!("{other:?}"),
    }
}

/// What an account sends for a certificate with this number.
pub fn record(world: &World, n: u64) -> RecordCertificate {
    let (tbs, now) = (format!("to be signed: {n}"), world.now());
    let mut random = [0; LEAF_RANDOM_BYTES];
    random[..8].copy_from_slice(&n.to_be_bytes());
    let not_after = now.plus(Duration::from_secs(90 * 86_400));
    let entry = LedgerEntry {
        account: Id::from_random([1; 16]),
        order: Id::from_random(u128::from(n).to_be_bytes()),
        external_account: None,
        tbs_digest: b64::encode(&Sha256::digest(&tbs)),
        key: format!("{n:064x}"),
        names: vec![format!("n{n}.test")],
        profile: Some("default".to_owned()),
        shard: None,
        recorded: now,
        not_before: now,
        not_after,
        revoked: None,
        imported: None,
        logged: None,
    };
    RecordCertificate {
        serial: Serial::of_leaf(not_after, random).hex(),
        entry,
        tbs: Some(b64::encode(tbs.as_bytes())),
        policy: None,
    }
}

/// The stored logs of the issuer.
pub fn stored(world: &World) -> LogsRecord {
    let record = world.rows().into_iter().find(|((_, key), _)| key == "log");
    record.map(|(_, json)| serde_json::from_str(&json).unwrap()).unwrap_or_default()
}

#[test]
fn certificate_is_logged_and_its_proof_holds_with_it_alone() {
    let world = logged();
    let client = Client::registered(&world);
    let leaf = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    let log = ids(&world).remove(0);
    assert_eq!(kinds(&world, &log), ["issuer", "policy", "certificate"]);
    let entries = audited(&world, &log);
    assert_eq!(entries[2], [b"selvedge/v1 certificate\n".as_slice(), &tbs_of(&leaf)].concat());
    assert_eq!(entries[0], [b"selvedge/v1 issuer\n".as_slice(), world.issuer().certificate_der()].concat());
    let serial = parse_presented(&leaf).unwrap().serial.hex();
    let proof = world.ask("GET", &format!("{}/proof/{serial}", logs(&world))).is(200).text().to_owned();
    assert_eq!(proven(&world, &leaf, &proof), 2);
}

#[test]
fn certificate_links_to_its_proof_after_its_alternates() {
    let world = logged();
    let client = Client::registered(&world);
    let (url, order) = client.ready_order(&["a.test"]);
    let csr = selvedge::ca::testing::CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    client.finalize(&order, &csr).is(200);
    let certificate = client.get(&url).json()["certificate"].as_str().unwrap().to_owned();
    let answered = client.get(&certificate).is(200);
    let wanted = format!(
        "<https://ca.test{}/proof/{}>;rel=\"https://c2sp.org/tlog-proof\"",
        logs(&world),
        certificate.rsplit('/').next().unwrap()
    );
    assert!(answered.headers("Link").contains(&wanted.as_str()), "{:?}", answered.headers("Link"));
    let plain = Client::registered(&World::new());
    plain.issue(&["a.test"], &new_key(SigAlg::Es256));
    let (_, record) = plain.world.records("cert/").remove(0);
    let plain_url = plain.url(&format!("cert/{}", record["serial"].as_str().unwrap()));
    assert!(plain.get(&plain_url).is(200).headers("Link").iter().all(|link| !link.contains("tlog-proof")));
}

#[test]
fn without_a_key_nothing_is_logged_and_nothing_is_served() {
    let world = World::new();
    Client::registered(&world).issue(&["a.test"], &new_key(SigAlg::Es256));
    for prefix in ["log", "leaf/", "tile/", "subtree/", "checkpoint/"] {
        assert_eq!(world.records(prefix), [], "{prefix}");
    }
    let (_, entry) = world.records("serial/").remove(0);
    assert_eq!(entry.get("logged"), None);
    assert_eq!(world.ask("GET", &logs(&world)).status(), 404);
}

#[test]
fn test_ca_has_no_log() {
    let world = logged().with_test_cas();
    let made = world.make_test_ca();
    Client::registered(&made.world).issue(&["a.test"], &new_key(SigAlg::Es256));
    assert_eq!(world.records("leaf/"), []);
}
