//! `log audit` of logs that real ledgers write.
//!
//! Orders crash and are retried, policies change, certificates are revoked while CRLs are signed.

use super::{Ended, Place};
use selvedge::ca::config::policy::read_policy;
use selvedge::ca::http::message::Request;
use selvedge::ca::partitions::operations::kind::OperationsAt;
use selvedge::ca::partitions::operations::policies::PutPolicy;
use selvedge::ca::testing::{Client, CsrShape, OperationFault, Race, World, new_key};
use selvedge::records::operations::audit::Actor;
use selvedge::tlog::Note;
use selvedge::tlog::entry::{Entry, Kind, LoggedCrl, LoggedPolicy, entries};
use selvedge::tlog::tile::{Resource, tiles, tiles_of_level};
use selvedge::tlog::{Checkpoint, Tile};
use selvedge::values::SigAlg;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

const TOKEN: &str = "an-auditors-token-of-sufficient-length";

/// A CA with a log, and what its clients did.
struct Walk {
    world: World,
    client: Client,
    other: Client,
    state: u64,
    /// Those that are not revoked, with their accounts.
    certificates: Vec<(String, Vec<u8>)>,
    /// All CRLs that were served, by their octets.
    lists: BTreeMap<Vec<u8>, usize>,
    policies: usize,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let world = World::new().with_log().reconfigured(|settings| {
            let auditor = json!({ "eve": { "token": TOKEN, "role": "auditor" } });
            settings.admin = selvedge::ca::config::admin_tokens::AdminTokens::read(Some(&auditor.to_string())).unwrap();
        });
        let (client, other) = (Client::registered(&world), Client::registered(&world));
        let (certificates, lists) = (Vec::new(), BTreeMap::new());
        let state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Self { world, client, other, state, certificates, lists, policies: 0 }
    }

    /// A number below `n`.
    fn below(&mut self, n: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 33) % n
    }

    fn ledger(&self) -> String {
        format!("ledger/{}", self.world.issuer().id())
    }

    /// The rows below a prefix, by their keys.
    fn rows(&self, prefix: &str) -> Vec<(String, Value)> {
        let rows = self.world.rows().into_iter().filter(|((_, key), _)| key.starts_with(prefix));
        rows.map(|((_, key), json)| (key, serde_json::from_str(&json).unwrap())).collect()
    }

    fn read(&self, path: &str) -> Vec<u8> {
        let authorization = Some(format!("Bearer {TOKEN}"));
        let (method, path) = ("GET".to_owned(), path.to_owned());
        let request = Request { method, path, authorization, body: Some(Vec::new()), ..Request::default() };
        self.world.send(request).is(200).response.body.octets().to_vec()
    }

    /// Finalizes an order, whose operation `n` goes wrong.
    fn finalize(&mut self, faults: &[(usize, OperationFault)]) {
        let (url, order) = self.client.ready_order(&["a.test"]);
        let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
        let request = self.client.finalize_request(&order, &csr);
        self.world.operations().plan(faults);
        self.world.try_send(request);
        self.world.heal();
        if faults.is_empty() {
            self.collect(&url);
        }
    }

    /// Takes the certificate of an order, if it is there.
    fn collect(&mut self, url: &str) {
        let found = self.client.get(url).json();
        if found["status"] == "valid" {
            let chain = self.client.download(&found);
            let leaf = selvedge::pki::pem::read_certificates(&chain).unwrap().remove(0);
            self.certificates.push((self.client.account().to_owned(), leaf));
        }
    }

    fn put_policy(&mut self) {
        self.policies += 1;
        let document = Some(json!({ "deny": [format!("n{}.test", self.policies)] }));
        let by = Actor { by: "ada".to_owned(), at: self.world.now() };
        self.world.tell(&OperationsAt, &PutPolicy { document, restores: None, note: None, by });
    }

    fn change_setting(&mut self) {
        let document = json!({ "deny": [format!("s{}.test", self.below(3))] });
        let policy = read_policy("POLICY", &document).unwrap();
        self.world = self.world.reconfigured(|settings| settings.policy = policy);
        (self.client, self.other) = (self.client.at(&self.world), self.other.at(&self.world));
    }

    /// Another account issues under a new policy, before an interrupted order goes on.
    fn issue_meanwhile(&mut self) {
        let (n, fault) = (self.below(30) as usize, OperationFault::ALL[self.below(6) as usize]);
        self.finalize(&[(n, fault)]);
        self.put_policy();
        self.world.pass(Duration::from_secs(6));
        std::mem::swap(&mut self.client, &mut self.other);
        drop(self.client.nonce());
        self.finalize(&[]);
    }

    /// Revokes a certificate while an alarm of the ledger signs CRLs.
    fn revoke(&mut self) {
        if self.certificates.is_empty() {
            return;
        }
        let n = self.below(self.certificates.len() as u64) as usize;
        let (owner, certificate) = self.certificates.swap_remove(n);
        let owner = if owner == self.client.account() { &self.client } else { &self.other };
        drop(owner.nonce());
        let request = owner.revoke_request(&certificate, Some(1));
        let (ledger, seed) = (self.ledger(), self.below(u64::MAX >> 33));
        self.world.set_cooperative(true);
        let mut race = Race::new(&self.world);
        let (alarm, revoked) = (self.world.alarm(&ledger), self.world.serve(request));
        race.enter(async move { alarm.await.is_ok() });
        race.enter(async move { revoked.await.status == 200 });
        assert_eq!(race.run_seeded(seed), [true, true]);
        self.world.set_cooperative(false);
    }

    fn fetch_lists(&mut self) {
        for (key, _) in self.rows("crl/") {
            let path = format!("/{}/{}.crl", self.ledger().replace("ledger", "crl"), &key["crl/".len()..]);
            let (list, n) = (self.world.ask("GET", &path).is(200), self.lists.len());
            self.lists.entry(list.response.body.octets().to_vec()).or_insert(n);
        }
    }

    fn step(&mut self) {
        // One that the client still has may be too old.
        drop(self.client.nonce());
        match self.below(16) {
            0..4 => self.finalize(&[]),
            4..7 => {
                let (n, fault) = (self.below(30) as usize, OperationFault::ALL[self.below(6) as usize]);
                self.finalize(&[(n, fault)]);
            }
            7 => self.put_policy(),
            8 => self.change_setting(),
            9..11 => self.revoke(),
            11 => {
                let seconds = self.below(900);
                self.world.live(Duration::from_secs(seconds));
            }
            12 => self.world.restart(),
            13..15 => self.issue_meanwhile(),
            _ => {
                self.world.pass(Duration::from_secs(90_000));
                self.world.run_due_alarms();
            }
        }
        self.fetch_lists();
    }

    /// Downloads the log and audits it with all CRLs.
    fn audit(&mut self) -> (Ended, Vec<Vec<u8>>) {
        self.world.pass(Duration::from_secs(2));
        self.fetch_lists();
        let (place, logs) = (Place::new(), format!("/log/{}", self.world.issuer().id()));
        let list: Value = serde_json::from_slice(&self.read(&logs)).unwrap();
        let log = &list["logs"][0];
        let prefix = format!("{logs}/{}", log["id"].as_str().unwrap());
        let save = |path: String| {
            let (octets, at) = (self.read(&format!("{prefix}/{path}")), place.path("log").join(path));
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            fs::write(at, &octets).unwrap();
            octets
        };
        let note = String::from_utf8(save(Resource::Checkpoint.to_string())).unwrap();
        let size = Checkpoint::parse(Note::parse(&note).unwrap().text()).unwrap().size;
        tiles(size).for_each(|tile| drop(save(Resource::Hashes(tile).to_string())));
        let bundle = |tile: Tile| save(Resource::Entries(tile).to_string());
        let all = tiles_of_level(0, size)
            .flat_map(|tile| entries(&bundle(tile)).unwrap().into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>());
        let all = all.collect();
        let mut arguments: Vec<String> =
            ["audit", "log", "--json", "--key", log["keys"][0].as_str().unwrap(), "--crl"].map(str::to_owned).into();
        for (octets, n) in &self.lists {
            place.write(&format!("{n}.crl"), octets);
            arguments.push(format!("{n}.crl"));
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        (place.run(&arguments), all)
    }
}

/// The bodies of these entries.
fn bodies<T: serde::de::DeserializeOwned>(entries: &[Vec<u8>], kind: Kind) -> Vec<T> {
    let read = entries.iter().filter_map(|entry| Entry::read(entry)).filter(|entry| entry.kind == kind);
    read.map(|entry| serde_json::from_slice(entry.body).unwrap()).collect()
}

#[test]
fn logs_of_random_walks_are_fine() {
    let (mut changed, mut late, mut meanwhile) = (0, 0, 0);
    for seed in 1..=12 {
        let mut walk = Walk::new(seed);
        walk.finalize(&[]);
        (0..60).for_each(|_| walk.step());
        let (ended, entries) = walk.audit();
        assert_eq!(ended.code, 0, "{seed}: {}{}", ended.out, ended.err);
        let policies = bodies::<LoggedPolicy>(&entries, Kind::Policy);
        let pairs = |is: fn(&LoggedPolicy, &LoggedPolicy) -> bool| {
            policies.windows(2).filter(|pair| is(&pair[0], &pair[1])).count()
        };
        changed += pairs(|before, after| (before.revision, after.revision) == (0, 0));
        late += pairs(|before, after| before.revision > after.revision);
        let of_list = |entry: &Vec<u8>| {
            Entry::read(entry).filter(|entry| entry.kind == Kind::Crl).map(|entry| entry.body.to_vec())
        };
        let covers = |body: Vec<u8>| serde_json::from_slice::<LoggedCrl>(&body).unwrap().covers.unwrap();
        let lists = (0..).zip(&entries).filter_map(|(n, entry)| Some((n, covers(of_list(entry)?))));
        meanwhile += lists.filter(|(n, covers)| covers < n).count();
    }
    println!("{changed} changed settings, {late} late policies, {meanwhile} leaves while a CRL was signed");
    assert!(changed > 0 && late > 0 && meanwhile > 0, "{changed} {late} {meanwhile}");
}

/// The faults that resemble what a walk does.
#[test]
fn log_of_a_ledger_that_breaks_its_rules_is_found() {
    // A revocation that does not get into its CRL.
    let mut walk = Walk::new(1);
    walk.finalize(&[]);
    walk.world.live(Duration::from_secs(60));
    walk.revoke();
    let (key, _) = walk.rows("revoked/").remove(0);
    walk.world.plant(&walk.ledger(), &key, None);
    walk.world.live(Duration::from_secs(60));
    let (ended, _) = walk.audit();
    assert!(ended.code == 1 && ended.out.contains("it does not revoke"), "{}", ended.out);
    // An order under an earlier policy than was in force when it was prepared.
    let mut walk = Walk::new(2);
    walk.put_policy();
    walk.finalize(&[]);
    walk.put_policy();
    walk.world.pass(Duration::from_secs(10));
    walk.finalize(&[]);
    walk.world.pass(Duration::from_secs(600));
    let policies = bodies::<LoggedPolicy>(&walk.audit().1, Kind::Policy);
    assert_eq!(policies.len(), 2);
    for n in 10.. {
        walk.finalize(&[(n, OperationFault::MachineDiesBefore)]);
        let issued: Vec<String> = walk.rows("serial/").into_iter().map(|(key, _)| key).collect();
        let is_new = |serial: &str| !issued.contains(&format!("serial/{serial}"));
        let orders = walk.rows("order/").into_iter();
        let mut waiting = orders.filter(|(_, order)| order["issuance"]["serial"].as_str().is_some_and(is_new));
        if let Some((key, mut order)) = waiting.next() {
            order["issuance"]["policy"] = json!(LoggedPolicy { policy: None, prepared: None, ..policies[0].clone() });
            walk.world.plant(&walk.client.partition(), &key, Some(&order));
            break;
        }
    }
    walk.world.settle(Duration::from_secs(600));
    let (ended, _) = walk.audit();
    assert!(ended.code == 1 && ended.out.contains("and a later one since"), "{}", ended.out);
}
