//! The Worker's entry (`module/shim.js`) on workerd, with a module that traps when it is asked to.

use crate::common::companion::companion;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

/// A module as wasm-bindgen writes it. It traps or throws by the path of a request.
const MODULE: &str = r#"
const state = { criticalError: false, instanceId: 1 };
function obey(path, id) {
  if (path.endsWith("/trap")) throw new WebAssembly.RuntimeError("unreachable");
  if (path.endsWith("/throw")) throw new Error("no trap");
  if (path.endsWith("/panic")) { state.criticalError = true; throw new Error("the panic hook was here"); }
  return new Response(`instance ${id} of ${state.instanceId}`);
}
export function __worker_init_state() { return state; }
export function __wbg_reset_state() { state.instanceId += 1; }
export async function fetch(request, env, ctx) {
  if (typeof ctx.waitUntil !== "function") throw new Error("no context");
  const { pathname } = new URL(request.url);
  const id = env.PARTITION.idFromName("one");
  if (pathname.startsWith("/object")) return env.PARTITION.get(id).fetch(request);
  const answer = obey(pathname, "none");
  answer.headers.set("X-Method", request.method);
  return answer;
}
export class Partition {
  constructor(context, env) {
    if (!context.storage || !env.PARTITION) throw new Error("no storage or environment");
    this.id = state.instanceId;
  }
  async fetch(request) { return obey(new URL(request.url).pathname, this.id); }
}
"#;

/// The end of workerd with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The entry on workerd, with this module. Its base URL is `https://ca.test`.
struct Served {
    _folder: tempfile::TempDir,
    _ended: Ended,
    agent: ureq::Agent,
    port: String,
}

impl Served {
    fn start(module: &str, cache: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        fs::write(file("index.js"), module).unwrap();
        fs::write(file("entry.js"), ENTRY).unwrap();
        fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/module/shim.js"), file("shim.js")).unwrap();
        let config = r#"
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [
      (name = "entry.js", esModule = embed "entry.js"),
      (name = "shim.js", esModule = embed "shim.js"),
      (name = "index.js", esModule = embed "index.js")],
    compatibilityDate = "2026-11-01",
    bindings = [
      (name = "PARTITION", durableObjectNamespace = "Partition"),
      (name = "BASE_URL", text = "http://ca.test/"),
      (name = "WORKERS_CACHE", text = "SWITCH")],
    durableObjectNamespaces = [(className = "Partition", uniqueKey = "one", enableSql = true)],
    durableObjectStorage = (inMemory = void)))],
  sockets = [(name = "http", address = "127.0.0.1:0", service = "main")]);
"#;
        fs::write(file("config.capnp"), config.replace("SWITCH", &cache.to_string())).unwrap();
        let mut command = companion();
        command
            .args(["tool", "workerd", "serve", "--control-fd=1"])
            .arg(file("config.capnp"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut ended = Ended(command.spawn().unwrap());
        let mut said = BufReader::new(ended.0.stdout.take().unwrap()).lines();
        let listening: serde_json::Value = loop {
            let event: serde_json::Value = serde_json::from_str(&said.next().unwrap().unwrap()).unwrap();
            if event["event"] == "listen" {
                break event;
            }
        };
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Self { _folder: folder, _ended: ended, agent, port: listening["port"].to_string() }
    }

    fn get(&self, host: &str, path: &str) -> (u16, String) {
        let request = self.agent.get(format!("http://127.0.0.1:{}{path}", self.port)).header("Host", host);
        let mut answer = request.call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }
}

/// The entry of the test, in whose place Cloudflare's cache would be.
const ENTRY: &str = r#"
import entry, { Cached as Behind, Partition } from "./shim.js";
export default entry;
export { Partition };
export class Cached extends Behind {
  async fetch(request) {
    const answer = await super.fetch(request);
    return new Response(`cached: ${await answer.text()}`, answer);
  }
}
"#;

#[test]
fn trap_gives_the_next_event_a_new_instance_and_partitions_follow() {
    let served = Served::start(MODULE, false);
    let ask = |path: &str| served.get("ca.test", path);
    let answered = |path: &str, text: &str| assert_eq!(ask(path), (200, text.to_owned()), "{path}");
    answered("/", "instance none of 1");
    answered("/object", "instance 1 of 1");
    // An error that is no trap changes nothing.
    assert_eq!(ask("/throw").0, 500);
    assert_eq!(ask("/object/throw").0, 500);
    answered("/object", "instance 1 of 1");
    // A trap in the front, then in a partition: whatever comes next meets a new instance.
    assert_eq!(ask("/trap").0, 500);
    answered("/", "instance none of 2");
    answered("/object", "instance 2 of 2");
    assert_eq!(ask("/object/trap").0, 500);
    answered("/object", "instance 3 of 3");
    // What the panic hook of the module noted, without a RuntimeError that reaches the entry.
    assert_eq!(ask("/object/panic").0, 500);
    answered("/", "instance none of 4");
}

#[test]
fn cache_answers_public_gets_alone() {
    let (on, off) = (Served::start(MODULE, true), Served::start(MODULE, false));
    let cached = (200, "cached: instance none of 1".to_owned());
    let direct = (200, "instance none of 1".to_owned());
    let public = ["/directory", "/root.crt", "/root.pem", "/acme/renewal-info/AQID.h-_7"];
    let for_verifiers = ["/issuer/0af7.crt", "/crl/0af7/3.crl", "/crl/root.crl", "/crl/all.pem"];
    for path in public {
        assert_eq!(on.get("ca.test", path), cached, "{path}");
        assert_eq!(on.get("other.test", path), direct, "refused by the module: {path}");
        assert_eq!(off.get("ca.test", path), direct, "{path}");
    }
    for path in for_verifiers {
        assert_eq!(on.get("ca.test", path), cached, "{path}");
        assert_eq!(on.get("other.test", path), cached, "{path}");
        assert_eq!(off.get("ca.test", path), direct, "{path}");
    }
    // What differs by client, account, time or header.
    let others =
        ["/", "/directory?x", "/directory/x", "/acme/new-nonce", "/metrics", "/admin/api/state", "/crl/", "/issuers"];
    for path in others.into_iter().chain(["/acme/renewal-info/", "/acme/renewal-info/a/b", "/calendar/x.ics"]) {
        assert_eq!(on.get("ca.test", path), direct, "{path}");
    }
    // A HEAD and a POST reach the module as they are.
    let url = format!("http://127.0.0.1:{}/directory", on.port);
    assert!(
        on.agent
            .head(&url)
            .header("Host", "ca.test")
            .call()
            .unwrap()
            .headers()
            .get("x-method")
            .is_some_and(|m| m == "HEAD")
    );
    let posted = on.agent.post(&url).header("Host", "ca.test").send("{}").unwrap();
    assert!(posted.headers().get("x-method").is_some_and(|method| method == "POST"));
}
