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
  return obey(pathname, "none");
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

#[test]
fn trap_gives_the_next_event_a_new_instance_and_partitions_follow() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    fs::write(file("index.js"), MODULE).unwrap();
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/module/shim.js"), file("shim.js")).unwrap();
    let config = r#"
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [(name = "shim.js", esModule = embed "shim.js"), (name = "index.js", esModule = embed "index.js")],
    compatibilityDate = "2026-11-01",
    bindings = [(name = "PARTITION", durableObjectNamespace = "Partition")],
    durableObjectNamespaces = [(className = "Partition", uniqueKey = "one", enableSql = true)],
    durableObjectStorage = (inMemory = void)))],
  sockets = [(name = "http", address = "127.0.0.1:0", service = "main")]);
"#;
    fs::write(file("config.capnp"), config).unwrap();
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
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let ask = |path: &str| {
        let url = format!("http://127.0.0.1:{}{path}", listening["port"]);
        let mut answer = agent.get(&url).call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    };
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
