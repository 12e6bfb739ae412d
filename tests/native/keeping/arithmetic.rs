//! The numbers of docs/GROWTH.md: the measured ones, and what follows from them.

use super::{DAY, with_one_shard};
use crate::operations::operating::let_pass;
use core::time::Duration;
use selvedge::ca::health::growth::BOUND;
use selvedge::ca::http::message::Body;
use selvedge::ca::ledger::pruning::STEP;
use selvedge::ca::testing::{Client, World, new_key};
use selvedge::pki::profile;
use selvedge::records::ledger::prune::{INTERVAL, KEEP_DAYS, MIN_KEEP_DAYS};
use selvedge::values::SigAlg;

const DOCUMENT: &str = include_str!("../../../docs/GROWTH.md");

/// The cells of the row of a table that begins with this text.
fn row(first: &str) -> Vec<String> {
    let line = DOCUMENT.lines().find(|line| line.starts_with(&format!("| {first} |")));
    let line = line.unwrap_or_else(|| panic!("no row {first:?} in docs/GROWTH.md"));
    line.split('|').skip(2).map(|cell| cell.trim().to_owned()).filter(|cell| !cell.is_empty()).collect()
}

/// The number at the beginning of a row's first cell.
fn measured(first: &str) -> f64 {
    let cells = row(first);
    cells[0].split(' ').next().unwrap().parse().unwrap_or_else(|_| panic!("{first}: {cells:?}"))
}

/// The length of the only CRL in octets.
fn list(world: &World) -> usize {
    world.pass(Duration::from_secs(2));
    match &world.ask("GET", &format!("/crl/{}/0.crl", world.issuer().id())).is(200).response.body {
        Body::Bytes(der) => der.len(),
        Body::Text(_) => panic!("a CRL is DER"),
    }
}

#[test]
fn measured_numbers_of_growth_hold() {
    let world = with_one_shard(&World::new());
    let client = Client::registered(&world);
    let key = new_key(SigAlg::Es256);
    let mut leaves: Vec<_> = (0..40).map(|n| client.issue(&[&format!("host-{n}.example.org")], &key)).collect();
    let_pass(&world, DAY);
    let client = client.at(&world);
    let (before, stored) = (world.cost("ledger/"), world.stored("ledger/"));
    let held = world.stored("account/");
    let more: Vec<_> = (0..40).map(|n| client.issue(&[&format!("other-{n}.example.org")], &key)).collect();
    let (after, then) = (world.cost("ledger/"), world.stored("ledger/"));
    assert_eq!(((after.0 - before.0) / 40) as f64, measured("rows written in the ledger"));
    assert_eq!(((after.1 - before.1) / 40) as f64, measured("calls to the ledger"));
    // SQLite adds less than a third to keys and values.
    let (octets, most) = ((then.1 - stored.1) / 40, measured("stored in the ledger") * 1000.0);
    assert!(octets as f64 <= most && octets as f64 >= most * 0.7, "{octets} octets in the ledger");
    world.pass(DAY * 10);
    world.run_due_alarms();
    let (rows, octets) = world.stored("account/");
    let (octets, most) = ((octets - held.1.min(octets)) / (rows - 1), measured("stored in the account") * 1000.0);
    assert!(octets as f64 <= most, "{octets} octets in the account");
    leaves.extend(more);
    drop(client.nonce());
    let none = list(&world);
    for leaf in &leaves {
        client.revoke(leaf, Some(4)).is(200);
    }
    let_pass(&world, Duration::from_secs(60));
    let each = (list(&world) - none) as f64 / leaves.len() as f64;
    assert!((each - measured("on a CRL, if revoked")).abs() < 1.0, "{each} octets on a CRL");
    assert_eq!(STEP as f64, measured("certificates pruned by one alarm"));
    let (count, ledger, account) = (leaves.len() as u64, "ledger/", "account/");
    let_pass(&world, DAY * (90 + KEEP_DAYS - 15));
    let (before, held) = ((world.cost(ledger).0, world.cost(account).0), world.records("serial/").len());
    assert_eq!(held, leaves.len());
    while !world.records("serial/").is_empty() {
        world.pass(DAY / 24);
        world.run_due_alarms();
    }
    let pruned = world.cost(ledger).0 - before.0 + world.cost(account).0 - before.1;
    // Two steps, an alarm and a list come besides.
    let expected = measured("rows deleted when it is pruned") as u64 * count;
    assert!(pruned >= expected && pruned <= expected + 150, "{pruned} rows, {expected} of certificates");
}

/// A certificate's lifetime and the days for which it is kept after its end.
fn kinds() -> [(f64, f64); 3] {
    let days = |name: &str| {
        let profile = profile::all().iter().find(|profile| profile.name == name).unwrap();
        profile.validity.as_secs_f64() / 86_400.0
    };
    let (kept, least) = (f64::from(KEEP_DAYS), f64::from(MIN_KEEP_DAYS));
    [(days("default"), kept), (days("tlsserver"), kept), (days("shortlived"), least)]
}

/// Checks a row of computed numbers, as they are printed.
fn computed(first: &str, decimals: usize, of: impl Fn(f64, f64) -> f64) {
    let expected: Vec<String> = kinds().iter().map(|(life, kept)| format!("{:.decimals$}", of(*life, *kept))).collect();
    assert_eq!(row(first), expected, "{first}");
}

#[test]
fn computed_numbers_of_growth_follow_from_the_measured_ones() {
    let (bound, until_run) = (BOUND as f64, 2.0 * INTERVAL.as_secs_f64() / 86_400.0);
    let (in_ledger, in_account) = (measured("stored in the ledger") * 1e3, measured("stored in the account") * 1e3);
    let capacity = bound / in_ledger;
    let stored = |life: f64, kept: f64| life + kept + until_run;
    // The first table: certificates of 90 days in one ledger.
    let (life, kept) = kinds()[0];
    for (name, a_month) in [("10,000", 1e4), ("100,000", 1e5), ("1,000,000", 1e6)] {
        let (a_day, cells) = (a_month / 30.0, row(name));
        let gigabytes = a_day * stored(life, kept) * in_ledger / 1e9;
        let decimals = cells[0].split('.').nth(1).unwrap().split(' ').next().unwrap().len();
        assert_eq!(cells[0], format!("{gigabytes:.decimals$} GB"));
        let full = capacity / a_day;
        let wanted = if gigabytes * 1e9 > bound { format!("every {full:.0} days") } else { "never".to_owned() };
        assert_eq!(cells[1], wanted);
    }
    // The second: ten million a day over sixteen issuers.
    let a_day = 10e6 / 16.0;
    let (rows, calls) = (measured("rows written in the ledger"), measured("calls to the ledger"));
    let polls_a_day = 2.0;
    computed("issuances a second", 1, |_, _| a_day * calls / 86_400.0);
    computed("live certificates, millions", 1, |life, _| a_day * life / 1e6);
    computed("polls of renewal information a second", 0, |life, _| a_day * life * polls_a_day / 86_400.0);
    let pruned = measured("rows deleted when it is pruned") - 1.0;
    computed("rows written in the ledger a day, millions", 1, |_, _| a_day * (rows + pruned) / 1e6);
    computed("ledger a day, GB", 2, |_, _| a_day * in_ledger / 1e9);
    computed("days until its ledger is full", 0, |_, _| capacity / a_day);
    computed("ledgers that hold all that is kept", 0, |life, kept| (a_day * stored(life, kept) / capacity).ceil());
    computed("alarms of a weekly run", 0, |_, _| a_day * 7.0 / measured("certificates pruned by one alarm"));
    let entry = measured("on a CRL, if revoked");
    computed("largest CRL at 1 % revoked, 128 shards, MB", 2, |life, _| a_day * life / 100.0 / 128.0 * entry / 1e6);
    let per_account = bound / in_account;
    computed("accounts that hold all that is kept", 0, |life, kept| (a_day * stored(life, kept) / per_account).ceil());
    // The sentences.
    let says = |text: String| assert!(DOCUMENT.replace('\n', " ").contains(&text), "{text:?} is not in docs/GROWTH.md");
    says(format!("{:.1} million certificates. From 7 GB on", capacity / 1e6));
    // Eight places are left for retired issuers, until two days after their last certificate.
    let places = |life: f64| 8.0 * capacity / (life + 2.0) / 1e6;
    says(format!(
        "at most {:.2} million a day of 90 days, and {:.1} million of 160 hours",
        places(90.0),
        places(kinds()[2].0)
    ));
    says(format!("{:.1} million certificates. Above", per_account / 1e6));
    let all = 10e6 * stored(life, kept) * (in_ledger + in_account) / 1e9;
    says(format!("is {},{:03} GB in all", all.round() as u64 / 1000, all.round() as u64 % 1000));
    let cost = include_str!("../../../docs/COSTS.md");
    let dollars: f64 =
        cost.split("each further one is about $").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    says(format!("300 million a month × ${dollars:.0} a million = ${:.0}", 300.0 * dollars));
}
