//! Ten years of a CA, in which the costs stay the same.
//!
//! The ledger and the accounts are the real ones. Certificates enter the ledger by its own ask, and are not signed.

use super::{DAY, with_one_shard};
use crate::operations::operating::let_pass;
use core::time::Duration;
use selvedge::ca::http::message::Body;
use selvedge::ca::ledger::entry::{RecordCertificate, Recorded, Requester, RevokeCertificate};
use selvedge::ca::ledger::kind::LedgerAt;
use selvedge::ca::testing::{START, World};
use selvedge::pki::Serial;
use selvedge::pki::ceremony::{create_intermediate, create_root};
use selvedge::pki::serial::LEAF_RANDOM_BYTES;
use selvedge::records::CertificateRecord;
use selvedge::records::ledger::entry::LedgerEntry;
use selvedge::values::Id;

const LIFETIME: Duration = Duration::from_secs(90 * 86_400);

/// Number of accounts that the certificates belong to.
const ACCOUNTS: u64 = 20;

/// One in so many certificates is revoked, on the day after its issue.
const REVOKED: u64 = 100;

/// Length of a certificate with its chain in PEM.
const PEM: usize = 1_900;

/// What a year did, and what there is at its end.
#[derive(Clone, Debug, PartialEq)]
struct Year {
    issued: u64,
    /// Rows that issuances wrote and read in the ledger.
    by_issuance: (u64, u64),
    /// Rows that the ledger's alarms and revocations wrote and read.
    by_alarms: (u64, u64),
    alarms: u64,
    /// Rows that accounts deleted, and the messages to them.
    by_accounts: (u64, u64),
    /// Rows and octets of the ledger.
    ledger: (u64, u64),
    accounts: (u64, u64),
    crl: u64,
}

struct Simulation {
    world: World,
    issued: u64,
    /// Certificates of the day before that are to be revoked.
    revoked: Vec<String>,
    pem: String,
}

impl Simulation {
    fn new(keep_days: u64, pem: usize) -> Self {
        // One issuer for all years, so that its ledger has them all.
        let root = create_root("Long Root", START, 20).unwrap();
        let issuer = create_intermediate(&root, "Long Issuer", START, 15).unwrap();
        let world = with_one_shard(&World::new()).with_issuer(&issuer, START);
        let world = world.reconfigured(|settings| settings.keep_expired = Some(DAY * keep_days as u32));
        Self { world, issued: 0, revoked: Vec::new(), pem: "x".repeat(pem) }
    }

    fn ledger(&self) -> LedgerAt {
        LedgerAt::from(self.world.issuer().id())
    }

    /// Enters a certificate: each name is renewed after two thirds of its lifetime.
    fn issue(&mut self, names: u64) {
        let (n, now) = (self.issued, self.world.now());
        self.issued += 1;
        let mut random = [0; LEAF_RANDOM_BYTES];
        random[..8].copy_from_slice(&n.to_be_bytes());
        let not_after = now.plus(LIFETIME);
        let serial = Serial::of_leaf(not_after, random).hex();
        let account = Id::from_random([(n % ACCOUNTS) as u8; 16]);
        let name = format!("host-{}.department.example.org", n % names);
        let entry = LedgerEntry {
            account: account.clone(),
            order: Id::from_random(u128::from(n).to_be_bytes()),
            external_account: None,
            tbs_digest: "A".repeat(43),
            key: format!("{n:064x}"),
            names: vec![name],
            profile: Some("default".to_owned()),
            shard: Some(0),
            recorded: now,
            not_before: now,
            not_after,
            revoked: None,
            imported: None,
            logged: None,
        };
        let record = CertificateRecord {
            serial: serial.clone(),
            issuer: self.world.issuer().id().to_owned(),
            order: entry.order.clone(),
            pem: self.pem.clone(),
            issued: now,
            not_before: now,
            not_after,
            replaced: None,
            exempted: None,
            logged: None,
        };
        let ask = RecordCertificate { serial: serial.clone(), entry, tbs: None, policy: None };
        assert_eq!(self.world.tell(&self.ledger(), &ask), Recorded::Yes);
        self.world.put(&format!("account/{account}"), &serial, &record);
        self.revoked.extend((n % REVOKED == 0).then_some(serial));
    }

    fn revoke(&mut self) -> u64 {
        let all = core::mem::take(&mut self.revoked);
        for serial in &all {
            let (serial, tbs_digest) = (serial.clone(), "A".repeat(43));
            let by = Requester::Operator("ada".to_owned());
            self.world.tell(&self.ledger(), &RevokeCertificate { serial, tbs_digest, reason: Some(4), by });
        }
        all.len() as u64
    }

    /// Runs a year with so many certificates a month.
    fn year(&mut self, per_month: u64) -> Year {
        let (world, begun) = (self.world.clone(), self.issued);
        let (mut by_issuance, mut by_alarms, mut alarms) = ((0, 0), (0, 0), 0);
        let accounts = world.cost("account/");
        let mut in_accounts = 0;
        for day in 0..365 {
            let (before, rows) = (world.cost("ledger/"), world.stored("account/").0);
            let read = world.rows_read("ledger/");
            while self.issued - begun < per_month * 12 * (day + 1) / 365 {
                self.issue(per_month * 2);
            }
            let (after, read_then) = (world.cost("ledger/"), world.rows_read("ledger/"));
            by_issuance = (by_issuance.0 + after.0 - before.0, by_issuance.1 + read_then - read);
            in_accounts += world.stored("account/").0 - rows;
            let asked = self.revoke();
            let_pass(&world, DAY);
            world.operations().plan(&[]);
            let end = world.cost("ledger/");
            by_alarms = (by_alarms.0 + end.0 - after.0, by_alarms.1 + world.rows_read("ledger/") - read_then);
            alarms += end.1 - after.1 - asked;
        }
        let (rows, messages) = world.cost("account/");
        Year {
            issued: self.issued - begun,
            by_issuance,
            by_alarms,
            alarms,
            by_accounts: (rows - accounts.0 - in_accounts, messages - accounts.1),
            ledger: world.stored("ledger/"),
            accounts: world.stored("account/"),
            crl: self.crl(),
        }
    }

    fn crl(&self) -> u64 {
        self.world.pass(Duration::from_secs(2));
        let url = format!("/crl/{}/0.crl", self.world.issuer().id());
        match &self.world.ask("GET", &url).is(200).response.body {
            Body::Bytes(der) => der.len() as u64,
            Body::Text(_) => panic!("a CRL is DER"),
        }
    }
}

/// Prints and returns the years of a CA.
fn years(count: usize, per_month: u64, keep_days: u64, pem: usize) -> Vec<Year> {
    let mut simulation = Simulation::new(keep_days, pem);
    println!("{per_month} certificates a month, kept {keep_days} days after their end");
    println!("year  rows/issuance  rows/alarm  read/alarm  alarms  ledger rows      MB  B/cert  account MB  CRL bytes");
    let mut all = Vec::new();
    for n in 1..=count {
        let year = simulation.year(per_month);
        let per = |(rows, _): (u64, u64), of: u64| rows as f64 / of as f64;
        println!(
            "{n:4} {:14.2} {:11.2} {:11.1} {:7} {:12} {:7.2} {:7.0} {:11.2} {:10}",
            per(year.by_issuance, year.issued),
            per(year.by_alarms, year.alarms),
            year.by_alarms.1 as f64 / year.alarms as f64,
            year.alarms,
            year.ledger.0,
            year.ledger.1 as f64 / 1e6,
            year.ledger.1 as f64 / (year.accounts.0 as f64),
            year.accounts.1 as f64 / 1e6,
            year.crl,
        );
        all.push(year);
    }
    all
}

/// Asserts that a later year costs as much as an earlier one, within three percent.
fn is_flat(earlier: &Year, later: &Year) {
    let near = |what: &str, a: u64, b: u64| assert!(a.abs_diff(b) <= 6 + a.max(b) * 3 / 100, "{what}: {a}, then {b}");
    near("issued", earlier.issued, later.issued);
    near("rows written by issuances", earlier.by_issuance.0, later.by_issuance.0);
    near("rows read by issuances", earlier.by_issuance.1, later.by_issuance.1);
    near("rows written by alarms", earlier.by_alarms.0, later.by_alarms.0);
    near("rows read by alarms", earlier.by_alarms.1, later.by_alarms.1);
    near("alarms", earlier.alarms, later.alarms);
    near("rows deleted in accounts", earlier.by_accounts.0, later.by_accounts.0);
    near("messages to accounts", earlier.by_accounts.1, later.by_accounts.1);
    near("rows of the ledger", earlier.ledger.0, later.ledger.0);
    near("octets of the ledger", earlier.ledger.1, later.ledger.1);
    near("octets of accounts", earlier.accounts.1, later.accounts.1);
    near("octets of the CRL", earlier.crl, later.crl);
}

#[test]
fn tenth_year_costs_as_much_as_the_second() {
    let years = years(10, 40, 180, PEM);
    is_flat(&years[1], &years[9]);
    // A run deletes as many as are issued between two runs.
    assert!(years[9].issued.abs_diff(years[9].by_accounts.0) <= 20, "{:?}", years[9]);
}

#[test]
#[ignore = "ten years at 10,000 certificates a month: many minutes"]
fn tenth_year_costs_as_much_as_the_fourth_at_full_scale() {
    let years = years(10, 10_000, 730, 100);
    is_flat(&years[3], &years[9]);
}
