//! What an issuance costs on the platform: rows written and Durable Object requests.
//!
//! Over the whole life of an order, with its purge.

use core::time::Duration;
use selvedge::ca::testing::{Client, World, new_key};
use selvedge::values::SigAlg;

const DAY: Duration = Duration::from_secs(86_400);

/// The rows that an issuance writes, and its Durable Object requests.
///
/// Purges and alarms are included. Lists and alarms of the ledger come whether or not something is issued; they do not
/// count.
fn cost(world: &World, names: &[&str], mut issue: impl FnMut(&[&str])) -> (u64, u64) {
    let of = |kinds: &[&str]| {
        let costs: Vec<_> = kinds.iter().map(|kind| world.cost(kind)).collect();
        (costs.iter().map(|(rows, _)| rows).sum::<u64>(), costs.iter().map(|(_, requests)| requests).sum::<u64>())
    };
    const ALWAYS: [&str; 2] = ["ledger/", "compromised/"];
    const LATER: [&str; 2] = ["account/", "nonce/"];
    let (before, began) = (of(&LATER), of(&ALWAYS));
    issue(names);
    let ledger = of(&ALWAYS);
    world.live(DAY * 8);
    let after = of(&LATER);
    (after.0 - before.0 + ledger.0 - began.0, after.1 - before.1 + ledger.1 - began.1)
}

/// A CA with an account that has issued before and was idle since. The issuer has certificates on all of its CRLs.
fn idle() -> (World, Client) {
    idle_in(World::new())
}

/// As [`idle`], in this CA.
fn idle_in(world: World) -> (World, Client) {
    let client = Client::registered(&world);
    let key = new_key(SigAlg::Es256);
    let shards = usize::from(world.settings().published.as_ref().unwrap().shards);
    for n in 0.. {
        client.at(&world).issue(&[&format!("before{n}.test")], &key);
        if world.records("shard/").len() == shards {
            break;
        }
    }
    world.live(DAY * 8);
    (world, client)
}

/// The rows and requests in a column of docs/COSTS.md.
///
/// The columns are: by itself, in a busy account, ten names.
fn documented(column: usize) -> (u64, u64) {
    let document = include_str!("../../docs/COSTS.md");
    let count = |unit: &str| {
        let row = document.lines().find_map(|line| line.strip_prefix(&format!("| {unit} | "))).unwrap();
        row.split('|').nth(column).unwrap().trim().parse().unwrap()
    };
    (count("rows written"), count("Durable Object requests"))
}

#[test]
fn issuance_by_itself_writes_few_rows() {
    let (world, client) = idle();
    let key = new_key(SigAlg::Es256);
    let issue = |names: &[&str]| {
        client.at(&world).issue(names, &key);
    };
    assert_eq!(cost(&world, &["a.test"], issue), documented(0), "rows and requests");
    let names: Vec<String> = (0..10).map(|n| format!("n{n}.test")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(cost(&world, &names, issue), documented(2), "ten names");
}

/// The rows and requests of an issuance in a busy account of this CA.
fn busy(world: World) -> (u64, u64) {
    let (world, client) = idle_in(world);
    let key = new_key(SigAlg::Es256);
    const COUNT: u64 = 100;
    let client = client.at(&world);
    let (rows, requests) = cost(&world, &[], |_| {
        for n in 0..COUNT {
            client.issue(&[&format!("busy{n}.test")], &key);
            world.live(Duration::from_secs(60));
        }
    });
    (rows / COUNT, requests / COUNT)
}

#[test]
fn issuance_in_a_busy_account_writes_fewer() {
    assert_eq!(busy(World::new()), documented(1), "rows and requests");
}

/// The transparency log costs a row of each issuance, and no request.
#[test]
fn issuance_with_a_log_writes_one_row_more() {
    let more = |(rows, requests): (u64, u64)| (rows + 1, requests);
    let (world, client) = idle_in(World::new().with_log());
    let key = new_key(SigAlg::Es256);
    let issue = |names: &[&str]| {
        client.at(&world).issue(names, &key);
    };
    assert_eq!(cost(&world, &["a.test"], issue), more(documented(0)), "rows and requests");
    let names: Vec<String> = (0..10).map(|n| format!("n{n}.test")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(cost(&world, &names, issue), more(documented(2)), "ten names");
    assert_eq!(busy(World::new().with_log()), more(documented(1)), "in a busy account");
    assert_eq!(with_log("rows written"), [documented(0).0 + 1, documented(1).0 + 1, documented(2).0 + 1]);
}

/// A row of docs/COSTS.md for CAs with a log.
fn with_log(unit: &str) -> [u64; 3] {
    let document = include_str!("../../docs/COSTS.md");
    let row = document.lines().find_map(|line| line.strip_prefix(&format!("| {unit} with a log | "))).unwrap();
    let cells: Vec<u64> = row.split('|').filter_map(|cell| cell.trim().parse().ok()).collect();
    cells.try_into().unwrap()
}

/// What an issuance by http-01 asks of others, and how often it commits.
///
/// The isolate knows policy and keys, and the ledger the blocked keys.
#[test]
fn issuance_asks_little_of_others() {
    let (world, client) = idle();
    let client = client.at(&world);
    client.issue(&["warm.test"], &new_key(SigAlg::Es256));
    let before = world.operations().log().len();
    client.issue(&["a.test"], &new_key(SigAlg::Es256));
    let log = world.operations().log().split_off(before);
    let count = |what: &str| log.iter().filter(|line| line.contains(what)).count();
    let asked = [count(": look up"), count(": converse"), count(": call RecordCertificate")];
    assert_eq!(asked, [2, 1, 1], "{log:#?}");
    let posts = count(": call Post");
    assert_eq!(count(": call "), posts + 1, "each POST is a call to the account: {log:#?}");
    assert_eq!(count(": apply"), posts + 3, "one more with the validation, the issuance, and in the ledger: {log:#?}");
}
