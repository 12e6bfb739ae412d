//! A double of the operations API, and the companion that asks it.

use super::stored::about_backups;
use crate::contract::{Contract, Request};
use crate::server::{Asked, Server};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// The double's token; nothing else may see it.
pub const TOKEN: &str = "admin-token-0123456789-abcdefghij-XYZ";
/// A member of another's making that drives a terminal.
pub const EVIL: &str = "evil\u{1b}[2J\u{9b}31m\u{7}.test";

pub struct Double {
    pub server: Server,
    asked: Arc<Mutex<Vec<Request>>>,
    faults: Arc<Mutex<Vec<String>>>,
    dir: tempfile::TempDir,
}

/// How a run of the companion ended.
#[derive(Debug)]
pub struct CommandOutput {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl CommandOutput {
    #[track_caller]
    pub fn is(&self, code: i32, says: &[&str]) -> &Self {
        assert_eq!(self.code, code, "{self:?}");
        let all = format!("{}\n{}", self.out, self.err);
        says.iter().for_each(|says| assert!(all.contains(says), "{says}: {self:?}"));
        self
    }
}

impl Double {
    pub fn start() -> Self {
        Self::with(|_, _| None)
    }

    /// One that answers differently where `change` does not give `None`.
    pub fn with(change: impl Fn(&Request, &Asked) -> Option<(u16, Value)> + Send + Sync + 'static) -> Self {
        let (asked, faults) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let (log, wrong) = (Arc::clone(&asked), Arc::clone(&faults));
        let contract = Contract::read();
        let server = Server::start(move |asked| {
            if asked.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
                return problem(401, "The token is none of ours.");
            }
            let request = match contract.request(&asked.line, asked.header("content-type"), &asked.body) {
                Ok(request) => request,
                Err(fault) => {
                    wrong.lock().unwrap().push(format!("{}: {fault}", asked.line));
                    return problem(400, &fault);
                }
            };
            let (status, body) = change(&request, asked).unwrap_or_else(|| answer(&request, asked));
            if status < 300 {
                contract.answer(&request.operation, status, None, &body);
            }
            log.lock().unwrap().push(request);
            let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
            (status, text.into_bytes())
        });
        Self { server, asked, faults, dir: tempfile::tempdir().unwrap() }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name).display().to_string()
    }

    /// Runs the companion against the double.
    pub fn run(&self, args: &[&str]) -> CommandOutput {
        self.run_with(args, &[("SELVEDGE_URL", &self.url()), ("SELVEDGE_TOKEN", TOKEN)])
    }

    pub fn run_with(&self, args: &[&str], env: &[(&str, &str)]) -> CommandOutput {
        self.run_in(self.dir.path(), args, env)
    }

    pub fn run_in(&self, folder: &Path, args: &[&str], env: &[(&str, &str)]) -> CommandOutput {
        assert!(args.iter().all(|arg| !arg.contains(TOKEN)));
        let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
        command.args(args).current_dir(folder).stdin(Stdio::null());
        command.env_remove("SELVEDGE_URL").env_remove("SELVEDGE_TOKEN").envs(env.iter().copied());
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let ended =
            CommandOutput { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) };
        let all = format!("{}{}", ended.out, ended.err);
        assert!(!all.contains(TOKEN), "the token is shown: {all}");
        assert!(all.chars().all(|c| !c.is_control() || "\r\n\t".contains(c)), "a terminal would obey: {all:?}");
        let faults = self.faults.lock().unwrap();
        assert!(faults.is_empty(), "{args:?}: {faults:?}");
        ended
    }

    /// The operations that were asked for.
    pub fn operations(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|request| request.operation.clone()).collect()
    }

    /// The last request: method and target, and the body.
    pub fn last(&self) -> (String, String) {
        let asked = self.server.asked().pop().unwrap();
        (asked.line, asked.body)
    }
}

pub fn problem(status: u16, detail: &str) -> (u16, Vec<u8>) {
    let problem = json!({"type": "urn:ietf:params:acme:error:malformed", "detail": detail, "status": status});
    (status, problem.to_string().into_bytes())
}

fn act() -> Value {
    json!({"at": "2026-11-24T12:00:00Z", "by": "ada"})
}

pub fn key(kid: &str) -> Value {
    json!({"kid": kid, "note": EVIL, "uses": "once", "policy": {"preauthorized": ["*.a.test"]}, "created": act(),
           "expires": "2999-01-31T00:00:00Z", "disabled": null, "source": "api", "status": "usable", "accounts": ["acc1"],
           "warnings": [format!("preauthorized has {EVIL}, but orders are refused.")]})
}

pub fn certificate(serial: &str) -> Value {
    json!({"serial": serial, "issuer": "iss1", "account": "acc1", "external_account": "team", "imported": null, "order": "ord1", "profile": "default",
           "names": [EVIL, "xn--bcher-kva.test", "c.test"], "unicode_names": [EVIL, "bücher.test", "c.test"], "issued": "2026-11-24T12:00:00Z", "not_before": "2026-11-24T12:00:00Z",
           "not_after": "2999-01-31T00:00:00Z", "status": "valid", "revoked": null, "renewed": true,
           "renewal": {"start": "2026-12-24T12:00:00Z", "end": "2026-12-25T12:00:00Z"}, "replace_now": false})
}

/// A step that revoked so many.
pub fn revocations(body: &Value, revoked: usize, next: Option<&str>) -> Value {
    let before = body.get("issued_before").cloned().unwrap_or_else(|| "2026-11-24T12:00:01Z".into());
    let serials: Vec<String> = (0..revoked).map(|n| format!("0{n}")).collect();
    json!({"selection": {"name": "*.a.test"}, "reason": body.get("reason"), "issued_before": before,
           "revoked": serials, "next": next})
}

fn account(status: &str) -> Value {
    json!({"id": "acc1", "url": "https://ca.test/acct/acc1", "status": status, "contact": ["mailto:a@a.test"],
           "external_account": "team", "created": "2026-11-24T12:00:00Z", "thumbprint": "abc"})
}

/// A failure of an order for names that drive a terminal, or read backwards.
pub fn failure(problem: &str) -> Value {
    json!({"id": "a/x/y", "step": "new-order", "account": "acc1", "signed": true, "external_account": "team",
           "names": [EVIL, "a.test"], "unicode_names": [EVIL, "a.test"], "names_count": 12, "problem": problem, "status": 400,
           "detail": format!("\u{202e}{EVIL} is refused"), "subproblems": [{"name": "a.test", "problem": "caa", "detail": "no"}],
           "limit": null, "cause": null, "address": null, "request": "9f86-17", "first": "2026-11-24T11:00:00Z",
           "last": "2026-11-24T12:00:00Z", "count": 3})
}

fn paused_name() -> Value {
    json!({"account": "acc1", "external_account": "team", "name": "xn--bcher-kva.test", "unicode_name": "bücher.test",
           "since": "2026-11-24T12:00:00Z", "failures": 200})
}

fn replacement(withdrawn: bool) -> Value {
    json!({"id": "rep1", "selection": {"name": "*.a.test"}, "made": act(), "reason": "lost", "explanation": null,
           "withdrawn": withdrawn.then(act)})
}

fn warnings() -> Vec<&'static str> {
    vec!["max_lifetime has no effect"]
}

fn version(number: u64, restores: Option<u64>) -> Value {
    json!({"version": number, "made": (number > 0).then(act), "note": "why", "restores": restores,
           "document": {"allow": ["*.a.test"]}, "warnings": warnings()})
}

fn state() -> Value {
    json!({"in_force": version(2, None), "versions": [version(2, None), version(1, None), version(0, None)],
           "shadow": {"made": act(), "document": {"allow": []}, "warnings": warnings()}})
}

fn notice(kind: &str, state: &str) -> Value {
    json!({"id": "not1", "at": "2026-11-24T12:00:00Z", "kind": kind, "data": {"names": ["a.test"]}, "delivery": {
           "state": state, "attempts": 3, "status": 500, "error": "it fell over", "last": null, "next": null}})
}

pub fn status(given_up: u64) -> Value {
    json!({"version": "0.1.0", "directory": "https://ca.test/directory", "external_account_required": true,
           "policy": {"version": 7, "made": act(), "shadow": true}, "who": "ada", "by": "token",
           "webhook": {"configured": true, "waiting": 1, "given_up": given_up}, "audit": {"entries": 0, "chain": ""}})
}

/// The health with these findings.
pub fn health(findings: &[Value]) -> Value {
    json!({"at": "2026-11-24T12:00:00Z", "status": "ok", "counting": false, "findings": findings,
           "certificates": {"counted": "2026-11-24T12:00:00Z", "valid": 2, "revoked": 0, "renewed": 1,
                            "ending": {"1": 0, "7": 0, "30": 1}, "unrenewed": 0, "first_unrenewed": []},
           "notices": {"waiting": 1, "given_up": 0},
           "failures": {"problems": {"dns": 2}, "accounts": 1, "registrations": 0, "unsigned": 0, "paused": 0, "omitted": 0}})
}

pub fn entry(number: u64) -> Value {
    json!({"number": number, "at": "2026-11-24T12:00:00Z", "who": "ada", "by": "token", "what": "policy.put",
           "target": "7", "outcome": "done", "of": number - 1, "detail": null, "address": "192.0.2.1", "chain": "00"})
}

fn verdict(name: &Value) -> Value {
    let allowed = !name.as_str().unwrap().starts_with("bad");
    json!({"identifier": name, "allowed": allowed, "preauthorized": false, "challenges": ["http-01", "dns-01"],
           "rule": "allow \"*.a.test\" of the policy"})
}

fn fault() -> Value {
    json!({"number": 1, "text": "503 at newOrder, 3 times", "fault": "503", "endpoints": ["newOrder"], "account": null,
           "name": null, "after": false, "retry_after": null, "delay": null, "reason": null, "count": 3, "rate": null,
           "seed": null, "acted": 1, "left": 2, "until": "2999-01-31T00:00:00Z"})
}

fn about_test_cas(operation: &str, body: &Value) -> (u16, Value) {
    match operation {
        "makeTestCa" => {
            let mut made = test_ca();
            made.as_object_mut().unwrap().retain(|name, _| !["owner", "made"].contains(&name.as_str()));
            (made["root"], made["token"]) = (json!("-----BEGIN CERTIFICATE-----\n"), json!("t"));
            (201, made)
        }
        "listTestCas" => (200, json!({"test_cas": [test_ca()]})),
        "endTestCa" => (200, json!({"id": TEST_CA, "ended": true})),
        "showClock" => (200, json!({"now": "2027-01-31T00:00:00Z", "frozen": true})),
        "changeClock" => (200, json!({"now": "2027-04-30T00:00:00Z", "frozen": body["frozen"] == true})),
        other => panic!("{other} has no answer here"),
    }
}

/// The id of a test CA.
pub const TEST_CA: &str = "FKxXfNsu9tmGB4tAVMyYAA";

fn test_ca() -> Value {
    let url = format!("https://ca.test/ca/{TEST_CA}");
    json!({"id": TEST_CA, "url": url, "directory": format!("{url}/directory"), "root_url": format!("{url}/root.pem"),
           "ends": "2999-01-31T00:00:00Z", "made": "2026-11-24T12:00:00Z", "owner": "operator/ada"})
}

fn created(body: &Value) -> Value {
    let mut made = key(body["kid"].as_str().unwrap_or("made-up"));
    made["key"] = json!("-AEIASU");
    made["directory"] = json!("https://ca.test/directory");
    made
}

/// The id of the double's backup.
pub const BACKUP: &str = "FKxXfNsu9tmGB4tAVMyYAA";

pub fn head() -> Value {
    json!({"format": 1, "id": BACKUP, "at": "2026-11-24T12:00:00Z", "version": "0.1.0", "base_url": "https://ca.test",
           "issuers": ["0a"], "root": null, "nonce_key": "00", "external_accounts": ["conf"]})
}

/// A restore that has come to this line.
pub fn restoration(closed: bool, line: u64) -> Value {
    json!({"closed": closed, "vacant": false, "under_way": {"backup": BACKUP, "line": line, "ending": false,
           "begun": "2026-11-24T12:00:00Z", "by": "ada"}})
}

/// The rows of a partition: an account in the list, itself, and something else elsewhere.
pub fn rows(partition: &str) -> Value {
    let golden = |kind: &str| -> Value {
        let file = format!("{}/kv-schema/{kind}/golden.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    };
    match partition.split_once('/').unwrap() {
        ("roster", "0") => json!([{"t": "sorted", "k": "member/1-a", "v": golden("member")}]),
        ("roster", _) => json!([]),
        ("account", _) => json!([{"t": "kv", "k": "account", "v": golden("account")},
                                 {"t": "kept", "k": "cert/0a", "v": {"a": 1.50}}]),
        ("operations", _) => json!([{"t": "sorted", "k": "audit/1", "v": {}}]),
        ("ledger", _) => json!([{"t": "sorted", "k": "serial/0a", "e": 5, "v": {}}]),
        ("compromised", _) => json!([{"t": "kv", "k": "subscriber/0b", "v": {}}]),
        _ => json!([{"t": "kv", "k": "use/x", "v": {}}]),
    }
}

/// All certificates are new; those that are revoked are of another CA.
fn imported(body: &Value) -> Value {
    let fate = |one: &Value| {
        let foreign = one.get("revoked").map(|_| EVIL);
        json!({"serial": "0a", "names": [EVIL], "not_after": "2999-01-31T00:00:00Z", "issuer": "iss1", "foreign": foreign,
               "fate": "imported"})
    };
    json!({"certificates": body["certificates"].as_array().unwrap().iter().map(fate).collect::<Vec<_>>()})
}

pub fn pages(body: &Value) -> Value {
    let page = |part: &Value| {
        let name = part["partition"].as_str().unwrap();
        json!({"partition": name, "rows": rows(name), "reached": null, "lost": false})
    };
    json!({"parts": body["parts"].as_array().unwrap().iter().map(page).collect::<Vec<_>>()})
}

fn approval(state: &str) -> Value {
    json!({"id": "appr1", "action": "certificates.revoke", "path": "revocations", "state": state, "role": "owner",
           "asked": {"at": "2026-11-24T12:00:00Z", "by": "ada"}, "until": "2026-11-25T12:00:00Z", "decided": null,
           "body": {"name": EVIL}})
}

/// What a good authority would say.
fn of_operators(operation: &str) -> Option<Value> {
    Some(match operation {
        "me" => {
            let all = json!(["read", "revoke", "replace"]);
            let until = "2999-01-31T00:00:00Z";
            json!({"name": "ada", "by": "token", "role": "revoker", "permissions": all, "until": until})
        }
        "listApprovals" => json!({"approvals": [approval("pending")]}),
        "showApproval" => approval("pending"),
        "confirmApproval" => {
            json!({"approval": approval("confirmed"), "result": revocations(&json!({}), 2, Some("x.0a"))})
        }
        "listAudit" => json!({"entries": [entry(2), entry(1)], "next": null, "complete": true}),
        "listNotices" => json!({"notices": [notice("certificate.ending", "given_up")]}),
        "testNotice" => notice("test", "delivered"),
        "showCalendar" => json!({"url": "https://ca.test/calendar/old.ics"}),
        "rejectApproval" => json!({"approval": approval("rejected")}),
        _ => return None,
    })
}

/// What a good authority would say.
fn answer(request: &Request, asked: &Asked) -> (u16, Value) {
    if let Some(told) = of_operators(&request.operation) {
        return (200, told);
    }
    let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
    let chosen = request.chosen.as_str();
    match request.operation.as_str() {
        "status" => (200, status(0)),
        "health" => (200, health(&[])),
        "listExternalAccounts" => (200, json!({"external_accounts": [key("team")], "next": null})),
        "createExternalAccount" => (201, created(&body)),
        "showExternalAccount" | "changeExternalAccount" => (200, key(chosen)),
        "listCertificates" if request.query("format") == Some("csv") => (200, json!("serial,names\n0a,a.test\n")),
        "listCertificates" => (200, json!({"certificates": [certificate("0a")], "next": null, "complete": true})),
        "showCertificate" => (200, certificate(chosen)),
        "downloadCertificate" => (200, json!("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n")),
        "revokeCertificate" => {
            let mut revoked = certificate("0a");
            revoked["status"] = json!("revoked");
            revoked["revoked"] = json!({"at": "2026-11-24T12:00:00Z", "reason": body["reason"], "by": "operator: ada"});
            (200, revoked)
        }
        "importCertificates" => (200, imported(&body)),
        "revokeCertificates" => (200, revocations(&body, 2, None)),
        "listAccounts" => (200, json!({"accounts": [account("valid")], "next": null})),
        "showAccount" => (200, account("valid")),
        "deactivateAccount" => (200, account("revoked")),
        "listFailures" => (200, json!({"failures": [failure("rejectedIdentifier")], "next": null, "omitted": 7})),
        "listPaused" => (200, json!({"paused": [paused_name()], "next": null})),
        "resumeName" => (200, json!({"account": chosen, "name": body["name"], "resumed": true})),
        "listReplacements" => (200, json!({"replacements": [replacement(false)]})),
        "replaceNow" => (201, replacement(false)),
        "withdrawReplacement" => (200, replacement(true)),
        "showPolicy" | "putShadow" => (200, state()),
        "putPolicy" => (201, version(3, None)),
        "restorePolicy" => (201, version(3, Some(body["version"].as_u64().unwrap_or(1)))),
        "checkPolicy" => {
            let verdicts: Vec<Value> = body["identifiers"].as_array().unwrap().iter().map(verdict).collect();
            let profile = body.get("profile").map(|name| json!({"name": name, "allowed": true, "rule": "no rule"}));
            let version = body.get("document").is_none().then_some(2);
            (
                200,
                json!({"version": version, "identifiers": verdicts, "profile": profile, "max_lifetime": 7200,
                        "warnings": warnings()}),
            )
        }
        "showShadow" => {
            let found = json!({"identifier": EVIL, "rule": "allow", "account": "acc1", "count": 3, "last": "2026-11-24T12:00:00Z"});
            (200, json!({"findings": [found]}))
        }
        "listFaults" => (200, json!({"faults": [fault()]})),
        "addFault" => (201, fault()),
        "clearFaults" => (200, json!({"cleared": [fault()]})),
        "moveCalendar" => (200, json!({"url": "https://ca.test/calendar/new.ics"})),
        other => about_backups(other, &body).unwrap_or_else(|| about_test_cas(other, &body)),
    }
}
