//! A backup, taken and restored over the operations API as the companion does.

use super::operator::{ADA, Operator, SECOND, issue};
use selvedge::ca::testing::{Answered, Client, World};
use selvedge::jose::testing::ClientKey;
use selvedge::values::SigAlg;
use serde_json::{Value, json};

/// How often a partition may start over.
const MAX_LOST: u32 = 20;

/// A backup as the companion makes it.
#[derive(Clone)]
pub struct Backup {
    pub head: Value,
    /// Partitions with their rows, in the order of the restore.
    pub parts: Vec<(String, Vec<Value>)>,
    /// How often a step of a restore is tried.
    pub tries: usize,
}

impl Backup {
    /// Backs a CA up. A step without an answer is repeated.
    pub fn of(operator: &Operator) -> Self {
        let begun = patiently(|| operator.try_post("backups", &json!({}))).is(201).json();
        let (head, token) = (begun["backup"].clone(), begun["token"].as_str().unwrap().to_owned());
        let copy = |name: &str| copied(operator, &token, name);
        let mut parts = Vec::new();
        let mut accounts = Vec::new();
        for n in 0..4 {
            let rows = copy(&format!("roster/{n}"));
            accounts.extend(rows.iter().map(|row| format!("account/{}", row["v"]["account"].as_str().unwrap())));
            parts.push((format!("roster/{n}"), rows));
        }
        parts.extend(accounts.into_iter().map(|name| (name.clone(), copy(&name))));
        let operations = copy("operations/ca");
        let kids = operations.iter().filter(|row| row["k"].as_str().unwrap().starts_with("external/"));
        let kids: Vec<String> = kids.map(|row| format!("eab/{}", row["v"]["kid"].as_str().unwrap())).collect();
        parts.extend(kids.into_iter().map(|name| (name.clone(), copy(&name))));
        for issuer in head["issuers"].as_array().unwrap() {
            let name = format!("ledger/{}", issuer.as_str().unwrap());
            parts.push((name.clone(), copy(&name)));
        }
        parts.push(("compromised/keys".to_owned(), copy("compromised/keys")));
        parts.push(("operations/ca".to_owned(), operations));
        Self { head, parts, tries: 1 }
    }

    pub fn id(&self) -> &str {
        self.head["id"].as_str().unwrap()
    }

    pub fn begin(&self, operator: &Operator) -> Answered {
        operator.post("restoration", &json!({ "backup": self.head }))
    }

    /// Asks for a step of a restore, and repeats that after a fault.
    ///
    /// Gives the status when it fails, 0 without an answer.
    fn step(&self, operator: &Operator, path: &str, body: &Value) -> Result<Value, u16> {
        let mut status = 0;
        for _ in 0..self.tries {
            let answered = operator.try_post(path, body);
            status = answered.as_ref().map_or(0, Answered::status);
            if let Some(answered) = answered.filter(|answered| answered.status() < 300) {
                return Ok(answered.json());
            }
            operator.world.heal();
        }
        Err(status)
    }

    /// Imports all rows, from the line that the CA has reached.
    pub fn import(&self, operator: &Operator) -> Result<(), u16> {
        let state = self.step(operator, "restoration", &json!({ "backup": self.head }))?;
        let reached = usize::try_from(state["under_way"]["line"].as_u64().unwrap()).unwrap();
        if state["under_way"]["ending"] == true {
            return Ok(());
        }
        for (line, (partition, rows)) in self.parts.iter().enumerate().skip(reached) {
            let body =
                json!({ "backup": self.id(), "line": line + 1, "parts": [{ "partition": partition, "rows": rows }] });
            self.step(operator, "restoration/rows", &body)?;
        }
        Ok(())
    }

    /// Opens all partitions.
    pub fn end(&self, operator: &Operator) -> Result<(), u16> {
        let of = |kinds: &[&str]| -> Vec<&str> {
            let names = self.parts.iter().map(|(name, _)| name.as_str());
            names.filter(|name| kinds.contains(&name.split('/').next().unwrap())).collect()
        };
        let order = [of(&["ledger", "compromised", "eab"]), of(&["roster"]), of(&["account"])].concat();
        for names in order.chunks(20) {
            let body = json!({ "backup": self.id(), "partitions": names, "last": false });
            self.step(operator, "restoration/end", &body)?;
        }
        self.step(operator, "restoration/end", &self.last()).map(drop)
    }

    /// The last request of a restore, and of its undoing.
    pub fn last(&self) -> Value {
        json!({ "backup": self.id(), "partitions": [], "last": true })
    }

    pub fn restore(&self, operator: &Operator) -> Result<(), u16> {
        self.import(operator)?;
        self.end(operator)
    }

    /// Deletes what was imported.
    pub fn undo(&self, operator: &Operator) -> Result<(), u16> {
        let names: Vec<&str> = self.parts.iter().map(|(name, _)| name.as_str()).collect();
        for names in names.chunks(20) {
            let body = json!({ "backup": self.id(), "partitions": names, "last": false });
            self.step(operator, "restoration/undo", &body)?;
        }
        self.step(operator, "restoration/undo", &self.last()).map(drop)
    }
}

/// Repeats a request while it has no answer, or a failure.
fn patiently(mut ask: impl FnMut() -> Option<Answered>) -> Answered {
    (0..MAX_LOST).find_map(|_| ask().filter(|answered| answered.status() < 500)).expect("an answer")
}

/// The rows of a partition at the end of its copy. A copy that is lost starts over.
fn copied(operator: &Operator, token: &str, name: &str) -> Vec<Value> {
    let (mut reached, mut rows, mut lost) = (Value::Null, Vec::new(), 0);
    loop {
        let body = json!({ "token": token, "parts": [{ "partition": name, "reached": reached }] });
        let page = patiently(|| operator.try_post("backups/rows", &body)).is(200).json()["parts"][0].clone();
        if page["lost"] == true {
            lost += 1;
            assert!(lost < MAX_LOST, "{name}");
            rows.clear();
        }
        rows.extend(page["rows"].as_array().unwrap().iter().cloned());
        reached = page["reached"].clone();
        if reached.is_null() && page["lost"] == false {
            return rows;
        }
    }
}

/// An empty, closed CA with the keys of this one, a while later. Its randomness is another.
pub fn empty(of: &World) -> Operator {
    let operator = Operator::of(&World::new());
    for _ in 0..1_000 {
        operator.world.ask("HEAD", "/acme/new-nonce").is(200);
    }
    operator.world.pass(operator.world.now().until(of.now()) + 600 * SECOND);
    closed(&operator, true)
}

/// The same CA, closed or open.
pub fn closed(operator: &Operator, closed: bool) -> Operator {
    // A nonce of the instant of the restore counts as one of before.
    operator.world.pass(SECOND);
    let world = operator.world.reconfigured(|settings| settings.closed = closed);
    Operator { world, token: ADA.to_owned(), address: operator.address }
}

/// A CA with something of everything.
pub struct Full {
    pub operator: Operator,
    /// A client whose key has changed.
    pub client: Client,
    pub bound: Client,
    pub key: Value,
    pub leaf: Vec<u8>,
    pub revoked: Vec<u8>,
}

pub fn full() -> Full {
    let operator = Operator::new();
    let mut client = operator.client();
    let (leaf, _) = issue(&client, &["a.test"], json!({}));
    let (revoked, _) = issue(&client, &["b.test"], json!({}));
    client.at(&operator.world).revoke(&revoked, Some(4)).is(200);
    let (stolen, _) = issue(&client, &["c.test"], json!({}));
    client.at(&operator.world).revoke(&stolen, Some(1)).is(200);
    let new = ClientKey::generate(SigAlg::Es256);
    client.key_change(&new).is(200);
    client.key = new;
    client.new_order(&["pending.test"]).is(201);
    let key = operator.key(&json!({ "kid": "team", "uses": "many" }));
    let bound = operator.bound(&key);
    operator.post("replacements", &json!({ "name": "nowhere.test" }));
    operator.post("policy?note=first", &json!({ "deny": ["*.denied.test"] })).is(201);
    operator.world.live(60 * SECOND);
    Full { operator, client, bound, key, leaf, revoked }
}
