//! The transparency log on workerd: signed by WebCrypto, stored by SQLite, killed between steps.

use super::rows::Found;
use crate::common::server::{Server, signal};
use crate::common::turns;
use crate::common::wire::{Wire, body, header};
use selvedge::pki::pem;
use selvedge::tlog::note::KeyKind;
use selvedge::tlog::proof::Proof;
use selvedge::tlog::tile::{Resource, tiles_of_level};
use selvedge::tlog::{Checkpoint, Note, VerifierKey, cosignature, entry, tree};
use selvedge::values::native_crypto::{NativeCrypto, NativeKey};
use selvedge::values::{SigAlg, Verify, b64};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// The key of the log, PEM.
fn log_key() -> String {
    let mut n = 0;
    let mut fill = |bytes: &mut [u8]| {
        bytes.fill_with(|| {
            n = u8::wrapping_add(n, 29);
            n
        });
    };
    NativeKey::generate(SigAlg::Ed25519, &mut fill).unwrap().to_pkcs8_pem().unwrap().to_string()
}

/// A GET of the operator's; the octets of the answer.
fn read(server: &Server, wire: &Wire, path: &str) -> Vec<u8> {
    let token = std::fs::read_to_string(server.fact("admin_token")).unwrap();
    let asked = ureq::get(wire.url(path)).header("Authorization", format!("Bearer {}", token.trim()));
    asked.call().unwrap_or_else(|error| panic!("{path}: {error}")).into_body().read_to_vec().unwrap()
}

/// Checks a signed checkpoint with the key that the list of logs has.
fn verified(wire: &Wire, logs: &str, note: &str) -> Checkpoint {
    let note = Note::parse(note).unwrap();
    let listed = body(&wire.get(&wire.url(logs)));
    let key = VerifierKey::parse(listed["logs"][0]["keys"][0].as_str().unwrap()).unwrap();
    let spki = [b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", key.key()].concat();
    let signature = note.by(&key).next().expect("a signature of the log").octets.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let holds = NativeCrypto.verify(SigAlg::Ed25519, &spki, note.text().as_bytes(), &signature);
    assert_eq!(runtime.block_on(holds), Ok(true));
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    // WebCrypto has signed with ML-DSA-44, too.
    let key = VerifierKey::parse(listed["logs"][0]["keys"][1].as_str().unwrap()).unwrap();
    assert_eq!((key.kind(), key.name()), (KeyKind::MlDsa44Cosignature, checkpoint.origin.as_str()));
    let line = note.by(&key).next().expect("a line of ML-DSA-44");
    let check = cosignature::check(&key, &checkpoint, line).expect("a line of its form");
    assert_eq!(runtime.block_on(check.holds(&NativeCrypto)), Ok(Some(true)));
    checkpoint
}

/// All entries of the log. Checks them, and the tiles, against the newest checkpoint.
fn audited(server: &Server, wire: &Wire, logs: &str) -> (Checkpoint, Vec<Vec<u8>>) {
    let id = body(&wire.get(&wire.url(logs)))["logs"][0]["id"].as_str().unwrap().to_owned();
    let file = |resource: Resource| format!("{logs}/{id}/{resource}");
    let answered = wire.get(&wire.url(&file(Resource::Checkpoint)));
    assert_eq!(header(&answered, "content-type"), "text/plain; charset=utf-8");
    let checkpoint = verified(wire, logs, answered.body());
    let (mut frontier, mut all) = (tree::Frontier::new(), Vec::new());
    for tile in tiles_of_level(0, checkpoint.size) {
        let hashes = read(server, wire, &file(Resource::Hashes(tile)));
        let octets = read(server, wire, &file(Resource::Entries(tile)));
        for (entry, hash) in entry::entries(&octets).unwrap().into_iter().zip(hashes.chunks(32)) {
            assert_eq!(tree::leaf_hash(entry).as_bytes().as_slice(), hash);
            frontier.push(tree::leaf_hash(entry));
            all.push(entry.to_vec());
        }
    }
    assert_eq!((frontier.size(), frontier.root()), (checkpoint.size, checkpoint.root));
    (checkpoint, all)
}

#[test]
fn certificates_are_logged_before_they_are_signed_also_by_a_workerd_that_is_killed() {
    turns::apart("kill");
    let folder = tempfile::tempdir().unwrap();
    let secrets = tempfile::tempdir().unwrap();
    let file = secrets.path().join("log.key");
    std::fs::write(&file, log_key()).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let set = format!("LOG_KEY=@{}", file.display());
    let mut server = Server::start_with(folder.path(), 0, &["--plain-http", "--set", &set]);
    let mut wire = Wire::plain(server.fact("directory"));
    wire.register();
    let (_, order) = wire.ready_order("one.test", server.http01);
    let finalized = wire.post(order["finalize"].as_str().unwrap(), Some(wire.csr("one.test")));
    let answered = wire.post(body(&finalized)["certificate"].as_str().unwrap(), None);
    let leaf = pem::read_certificates(answered.body()).unwrap().remove(0);
    let issuers = body(&wire.get(&wire.url("/issuers")));
    let logs = format!("/log/{}", issuers["issuers"][0]["id"].as_str().unwrap());
    // The proof that the certificate links to holds with it alone.
    let links: Vec<&str> = answered.headers().get_all("link").iter().map(|link| link.to_str().unwrap()).collect();
    let link = links.join(",");
    let at = link.find(&format!("{logs}/proof/")).unwrap_or_else(|| panic!("no proof in {link}"));
    let proof = wire.get(&wire.url(link[at..].split('>').next().unwrap()));
    assert_eq!(proof.status(), 200, "{}", proof.body());
    let proof = Proof::parse(proof.body()).unwrap();
    let tbs = selvedge::pki::certificate::parse_presented(&leaf).unwrap().tbs_der;
    assert!(proof.includes(&entry::Entry { kind: entry::Kind::Certificate, body: &tbs }.octets()));
    verified(&wire, &logs, &proof.note.to_string());
    let (before, entries) = audited(&server, &wire, &logs);
    for n in 0..4_u64 {
        let (_, order) = wire.ready_order(&format!("killed{n}.test"), server.http01);
        let url = order["finalize"].as_str().unwrap();
        let request = wire.sign(url, Some(wire.csr(&format!("killed{n}.test"))));
        let workerd = server.facts["workerd_pid"].as_u64().unwrap();
        let killer = thread::spawn(move || {
            thread::sleep(Duration::from_millis(n * 4));
            signal("KILL", workerd);
        });
        wire.try_send(url, &request);
        killer.join().unwrap();
        forget(folder.path());
        server = server.restart();
        wire.reconnect();
        wire.forget_nonce();
    }
    // What was begun goes on within seconds.
    thread::sleep(Duration::from_secs(8));
    let (after, all) = audited(&server, &wire, &logs);
    assert_eq!((&after.origin, &all[..entries.len()]), (&before.origin, &entries[..]), "the log goes on");
    forget(folder.path());
    drop(server);
    let found = Found::read(folder.path(), true, &["cert", "serial"]);
    let logged: BTreeSet<String> = all.iter().map(|entry| digest(entry)).collect();
    let ledger: BTreeMap<&str, Value> = found.records("serial").collect();
    for (serial, certificate) in found.records("cert") {
        assert_eq!(certificate["logged"], ledger[serial]["logged"], "{serial}");
        let der = pem::read_certificates(certificate["pem"].as_str().unwrap()).unwrap().remove(0);
        let tbs = selvedge::pki::certificate::parse_presented(&der).unwrap().tbs_der;
        let wanted = digest(&entry::Entry { kind: entry::Kind::Certificate, body: &tbs }.octets());
        assert!(logged.contains(&wanted), "certificate {serial} is not in the log");
    }
}

/// Removes the runtime's configuration, which has the log's key by `--set`.
fn forget(state: &Path) {
    std::fs::remove_file(state.join("ca/workerd.capnp")).unwrap();
}

fn digest(entry: &[u8]) -> String {
    b64::encode(&Sha256::digest(entry))
}
