//! Replays the fuzzing corpora: whatever was ever found, stays found.

mod seeds;

use selvedge::ca::testing::fuzz::TARGETS;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

/// The time limit of an input; the longest takes a hundredth of it.
const LONGEST: u128 = 5_000;

fn fuzz() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = fuzz().join("corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{target} has no corpus: {e}"));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_corpus_input_is_handled() {
    for (target, run) in TARGETS {
        let files = corpus(target);
        assert!(files.len() >= 5, "{target}: a corpus of {}", files.len());
        for file in files {
            let input = fs::read(&file).unwrap();
            assert!(input.len() <= 64 * 1024, "{}: corpora are small", file.display());
            println!("{}", file.display());
            let begun = Instant::now();
            run(&input);
            assert!(begun.elapsed().as_millis() < LONGEST, "{} took {:?}", file.display(), begun.elapsed());
        }
    }
}

/// Each input also with a byte changed, its end cut off, and something behind it.
#[test]
fn mutated_corpus_inputs_are_handled() {
    for (target, run) in TARGETS.iter().filter(|(target, _)| !["requests", "payloads"].contains(target)) {
        for file in corpus(target) {
            let input = fs::read(&file).unwrap();
            let step = input.len() / 30 + 1;
            for at in (0..input.len()).step_by(step) {
                for change in [0x01, 0x20, 0xff] {
                    let mut other = input.clone();
                    other[at] ^= change;
                    run(&other);
                }
                run(&input[..at]);
            }
            run(&[input.as_slice(), b"\0"].concat());
        }
    }
}

#[test]
fn fuzz_crate_has_every_target() {
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    let listed: BTreeSet<&str> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("path = \"fuzz_targets/")?.strip_suffix(".rs\""))
        .collect();
    let targets: BTreeSet<&str> = TARGETS.iter().map(|(target, _)| *target).collect();
    assert_eq!(listed, targets);
    for target in targets {
        let text = fs::read_to_string(fuzz().join("fuzz_targets").join(format!("{target}.rs"))).unwrap();
        assert!(text.contains(&format!("fuzz::{target}(data)")), "{target}");
    }
}

/// Writes the seeds that are not there: `cargo test --test exhaustive corpora -- --ignored`.
#[test]
#[ignore = "writes files"]
fn write_seeds() {
    for (target, name, input) in seeds::all() {
        let folder = fuzz().join("corpus").join(target);
        fs::create_dir_all(&folder).unwrap();
        if !folder.join(&name).exists() {
            fs::write(folder.join(name), input).unwrap();
        }
    }
}
