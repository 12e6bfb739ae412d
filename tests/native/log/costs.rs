//! What reading costs in logs of few and of many leaves: the table of docs/TRANSPARENCY.md.

use super::{audited, enter, file, ids, logged, logs, read, record, stored};
use core::time::Duration;
use selvedge::ca::config::log_policy::LogPolicy;
use selvedge::ca::testing::{TestWitness, World};
use selvedge::tlog::tile::Resource;
use selvedge::tlog::{Policy, Tile};
use selvedge::validation::outbound::FetchAnswer;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The length of a usual to-be-signed certificate, in octets.
const USUAL: usize = 900;

const DAY: Duration = Duration::from_secs(86_400);

/// A log of so many leaves, with the serial number of one of its certificates.
///
/// The entries of the first and the last tile are as long as usual, the others are short.
fn grown(size: u64) -> (World, String, String) {
    let world = logged();
    enter(&world, [1]);
    let serial = record(&world, 1).serial;
    let long = |n: &u64| *n < 256 || *n >= size / 256 * 256;
    world.fill_log((2..size).map(|n| {
        let mut body = n.to_be_bytes().to_vec();
        body.resize(if long(&n) { USUAL } else { 8 }, 0);
        body
    }));
    let log = ids(&world).remove(0);
    assert_eq!(stored(&world).logs[0].tiled, size / 256 * 256);
    (world, log, serial)
}

/// Rows read after a start, rows read later, and octets.
type Cost = (u64, u64, usize);

/// The costs of all resources of a log, by their names in the documents.
fn costs(size: u64) -> BTreeMap<&'static str, Cost> {
    let (world, log, serial) = grown(size);
    let tile =
        |level, index, width: u64| file(&world, &log, Resource::Hashes(Tile::new(level, index, width as u16).unwrap()));
    let entries = |index, width: u64| file(&world, &log, Resource::Entries(Tile::new(0, index, width as u16).unwrap()));
    read(&world, &file(&world, &log, Resource::Checkpoint)).is(200);
    let (tiles, rest) = (size / 256, size % 256);
    let mut paths = vec![
        ("checkpoint", file(&world, &log, Resource::Checkpoint)),
        ("partial tile", tile(0, tiles, rest)),
        ("entries of a partial tile", entries(tiles, rest)),
        ("proof", format!("{}/proof/{serial}", logs(&world))),
    ];
    if tiles > 0 {
        paths.push(("full tile", tile(0, tiles / 2, 256)));
        paths.push(("entries of a full tile", entries(0, 256)));
        paths.push(("partial tile of level 1", tile(1, tiles / 256, tiles % 256)));
    }
    if tiles > 256 {
        paths.push(("full tile of level 1", tile(1, 0, 256)));
        paths.push(("partial tile of level 2", tile(2, 0, tiles / 256)));
    }
    let cost = |path: &str| {
        world.restart();
        let before = world.rows_read("ledger/");
        read(&world, path).is(200);
        let cold = world.rows_read("ledger/") - before;
        let answered = read(&world, path).is(200);
        let warm = world.rows_read("ledger/") - before - cold;
        (cold, warm, answered.response.body.octets().len())
    };
    paths.into_iter().map(|(what, path)| (what, cost(&path))).collect()
}

/// The cost of the consistency proof for a witness that answers 409.
///
/// The witness has a third of the leaves. The alarm that asks a witness reads a checkpoint and the proof. Later is what the proof alone reads.
fn consistency(size: u64) -> Cost {
    let (world, ..) = grown(size);
    let old = (size / 3).max(1);
    let witness = TestWitness::new("w0.example", &[], world.now());
    let text = format!("witness w0 {} https://w0.example/witness\nquorum w0\n", witness.vkey());
    let policy = LogPolicy { policy: Policy::parse(&text).unwrap(), interval: DAY, required: false };
    let world = world.reconfigured(|settings| settings.log_policy = Some(policy));
    let asked = Rc::new(RefCell::new(Vec::new()));
    let (from, seen) = (world.clone(), asked.clone());
    world.network().serve("https://w0.example/witness/add-checkpoint", move |body| {
        seen.borrow_mut().push((from.rows_read("ledger/"), body.to_owned()));
        let (status, answer) =
            if body.starts_with(&format!("old {old}\n")) { (500, String::new()) } else { (409, format!("{old}\n")) };
        Ok(FetchAnswer { status, location: None, body: answer.into_bytes() })
    });
    world.restart();
    let before = world.rows_read("ledger/");
    // It sets the alarm for the witnesses: none came with the policy.
    world.ask("GET", "/issuers").is(200);
    world.live(Duration::from_secs(1));
    let asked = asked.borrow();
    let [(first, without), (second, with)] = &asked[..] else { panic!("{asked:?}") };
    assert!(without.starts_with("old 0\n\n") && with.starts_with(&format!("old {old}\n")), "{asked:?}");
    assert!(!with.starts_with(&format!("old {old}\n\n")), "a proof: {with}");
    (second - before, second - first, with.len())
}

/// The bounds in the documents: rows after a start, rows later, octets.
fn documented(what: &str) -> Cost {
    let document = include_str!("../../../docs/TRANSPARENCY.md");
    let row = document.lines().find_map(|line| line.strip_prefix(&format!("| {what} | "))).expect(what);
    let numbers: Vec<u64> = row.split('|').filter_map(|cell| cell.trim().replace(',', "").parse().ok()).collect();
    (numbers[0], numbers[1], numbers[2] as usize)
}

#[test]
fn reads_cost_few_rows_in_a_log_of_any_size() {
    println!("leaves | resource | rows read after a start | later | octets");
    for size in [2, 1_000, 100_000] {
        let consistency = [("consistency proof", consistency(size))];
        for (what, (cold, warm, octets)) in costs(size).into_iter().chain(consistency) {
            println!("{size} | {what} | {cold} | {warm} | {octets}");
            let most = documented(what);
            assert!(
                cold <= most.0 && warm <= most.1 && octets <= most.2,
                "{size}: {what}: {cold} {warm} {octets}, {most:?}"
            );
        }
    }
}

/// Rows of an earlier release, which stored each root alone. A step of the alarm takes them over.
#[test]
fn tiles_of_an_earlier_release_are_read_and_continued() {
    let world = logged();
    enter(&world, [1]);
    world.fill_log((2..1_100_u64).map(|n| n.to_be_bytes().to_vec()));
    let log = ids(&world).remove(0);
    let entries = audited(&world, &log);
    let (ledger, above) = (format!("ledger/{}", world.issuer().id()), format!("tile/{log}/1/{:016x}", 0));
    let row = || world.rows().get(&(ledger.clone(), above.clone())).cloned();
    let whole = row().expect("the tile of level 1");
    // All of its roots are missing, or those that a ledger of the earlier release added beside this one.
    let short = whole.replace(&whole[11 + 128..whole.len() - 2], "");
    for older in [None, Some(serde_json::from_str(&short).unwrap())] {
        let world = world.fork();
        world.plant(&ledger, &above, older.as_ref());
        world.restart();
        assert_eq!(audited(&world, &log), entries);
        world.fill_log((0..300_u64).map(|n| n.to_be_bytes().to_vec()));
        let found = world.rows().get(&(ledger.clone(), above.clone())).cloned().unwrap();
        assert!(found.len() > whole.len(), "{found}");
        assert!(audited(&world, &log).starts_with(&entries));
    }
}
