//! What logs, witnesses and readers of logs send.

use crate::test_log::{TRUNK, TestLog};
use selvedge::tlog::entry::{Entry, Kind, bundle};
use selvedge::tlog::tree::inclusion;

/// A key and a checkpoint from the specification of tlog-checkpoint and signed-note.
const NOTE: &str = "This is an example message.\n\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAl\
                    TgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
const KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const CHECKPOINT: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

/// Seeds of each form.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let log = TestLog::new("ca.example/log/1/0a1b2c3d");
    let note = log.note(TRUNK, 300);
    let witness = "witness w w.example+5ab0b7aa+BDExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE= https://w.example/witness";
    let policy = format!("log {} https://ca.example\n{witness}\ngroup g any w\nquorum g", log.vkey);
    let hash = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    let proof = format!(
        "c2sp.org/tlog-proof@v1\nextra AAEC\nindex 7\n{}\n{note}",
        hash.repeat(inclusion(7, 300).map_or(0, |subtrees| subtrees.len()))
    );
    let revocation = Entry { kind: Kind::Revocation, body: br#"{"serial":"0a","time":1795521600000}"# }.octets();
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        ("note", text(NOTE)),
        ("note-two-empty-lines", text(&NOTE.replacen("\n\n", "\n\n\n", 1))),
        ("key", text(KEY)),
        ("key-of-another-id", text(&KEY.replace("530d", "530e"))),
        ("checkpoint", text(CHECKPOINT)),
        ("checkpoint-zero-in-front", text(&CHECKPOINT.replace("2085", "02085"))),
        ("checkpoint-signed", text(&note)),
        ("policy", text(&policy)),
        ("policy-and-note", text(&format!("{policy}\n\n{note}"))),
        ("policy-none", text(&format!("log {}\nquorum none\n\n{note}", log.vkey))),
        ("policy-of-itself", text("group g all g\nquorum g\n")),
        ("proof", text(&proof)),
        ("proof-of-many", text(&proof.replacen(hash, &hash.repeat(70), 1))),
        ("path", text("tile/0/x001/x234/067.p/255")),
        ("path-of-entries", text("tile/entries/000")),
        ("path-too-wide", text("tile/63/000.p/256")),
        ("submission", text(&log.body(TRUNK, 8, 300))),
        ("submission-first", text(&log.body(TRUNK, 0, 1))),
        ("size", text("18446744073709551615\n")),
        ("entry", revocation.clone()),
        ("entries", bundle([revocation.as_slice(), b"", b"x"]).unwrap()),
        ("entries-cut", vec![0, 5, 1, 2]),
    ]
}
