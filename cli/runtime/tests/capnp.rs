//! The configuration for workerd, as a whole text.

use std::collections::BTreeMap;
use std::path::Path;

use crate::common::worker_config::{Runtime, Var, WorkerConfig};
use crate::runtime::capnp::{Binding, Keypair, Module, ModuleKind, Served};

const WORKER: &str = r#"
name = "selvedge"
main = "build/index.js"
compatibility_date = "2026-10-01"
compatibility_flags = ["global_fetch_strictly_public", "b"]
[[durable_objects.bindings]]
name = "PARTITION"
class_name = "Partition"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Partition"]
[vars]
MODE = "production"
ORDERS = 3
[vars.POLICY]
deny = ["*.a.test"]
"#;

const GOLDEN: &str = r#"# Written by `selvedge dev` at each start; changes to it are lost.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "worker", worker = (
      modules = [
        (name = "index.js", esModule = embed "/p/build/index.js"),
        (name = "index_bg.wasm", wasm = embed "/p/build/index_bg.wasm"),
      ],
      compatibilityDate = "2026-10-01",
      compatibilityFlags = ["global_fetch_strictly_public", "b"],
      bindings = [
        (name = "ISSUER_KEY", text = embed "/s \"x\"/intermediate.key"),
        (name = "MODE", text = "dev\\\n"),
        (name = "ORDERS", json = "3"),
        (name = "POLICY", json = "{\"deny\":[\"*.a.test\"]}"),
        (name = "PARTITION", durableObjectNamespace = "Partition"),
      ],
      durableObjectNamespaces = [
        (className = "Partition", uniqueKey = "selvedge-Partition", enableSql = true),
      ],
      durableObjectStorage = (localDisk = "objects"),
    )),
    (name = "objects", disk = (path = "/s/do", writable = true)),
    (name = "internet", network = (allow = ["public"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [(name = "acme", https = (options = (), tlsOptions = (keypair = (privateKey = embed "/s/server.key", certificateChain = embed "/s/server.pem"))), service = "worker")]
);
"#;

fn runtime() -> Runtime {
    WorkerConfig::parse(Path::new("wrangler.toml"), WORKER).unwrap().runtime().unwrap()
}

fn modules() -> Vec<Module> {
    let module = |name: &str, kind| Module { name: name.into(), kind, path: format!("/p/build/{name}").into() };
    vec![module("index.js", ModuleKind::Es), module("index_bg.wasm", ModuleKind::Wasm)]
}

#[test]
fn configuration_combines_wrangler_toml_and_dev() {
    let bindings = BTreeMap::from([
        ("MODE".to_owned(), Binding::Var(Var::Text("dev\\\n".into()))),
        ("ISSUER_KEY".to_owned(), Binding::File("/s \"x\"/intermediate.key".into())),
    ]);
    let served = Served {
        worker: &runtime(),
        modules: &modules(),
        bindings: &bindings,
        objects: Path::new("/s/do"),
        keypair: Some(&Keypair { key: "/s/server.key".into(), chain: "/s/server.pem".into() }),
        written_by: "dev",
        scheme_header: None,
        plain: false,
    };
    assert_eq!(served.config().unwrap(), GOLDEN);
}

#[test]
fn without_a_certificate_it_is_plain_http() {
    let served = Served {
        worker: &runtime(),
        modules: &modules(),
        bindings: &BTreeMap::new(),
        objects: Path::new("/s/do"),
        written_by: "dev",
        scheme_header: None,
        keypair: None,
        plain: false,
    };
    let config = served.config().unwrap();
    assert!(config.contains(r#"sockets = [(name = "acme", http = (), service = "worker")]"#), "{config}");
    assert!(config.contains(r#"(name = "MODE", text = "production")"#), "{config}");
    let behind = Served { written_by: "serve", scheme_header: Some("x-scheme"), ..served }.config().unwrap();
    assert!(behind.starts_with("# Written by `selvedge serve` at each start"), "{behind}");
    assert!(
        behind.contains(r#"(name = "acme", http = (forwardedProtoHeader = "x-scheme"), service = "worker")"#),
        "{behind}"
    );
}

#[test]
fn keys_are_bound_so_that_the_worker_cannot_read_them_and_a_second_socket_speaks_plain_http() {
    let key = Binding::Key("/s/issuer.key".into(), r#"{"name":"ECDSA"}"#.to_owned());
    let served = Served {
        worker: &runtime(),
        modules: &modules(),
        bindings: &BTreeMap::from([("ISSUER_KEY".to_owned(), key)]),
        objects: Path::new("/s/do"),
        written_by: "dev",
        scheme_header: None,
        keypair: None,
        plain: true,
    };
    let config = served.config().unwrap();
    let bound = r#"(name = "ISSUER_KEY", cryptoKey = (pkcs8 = embed "/s/issuer.key", algorithm = (json = "{\"name\":\"ECDSA\"}"), usages = [sign]))"#;
    assert!(config.contains(bound), "{config}");
    let socket = r#"(name = "status", http = (), service = "worker")"#;
    assert!(config.contains(socket), "{config}");
}

#[test]
fn path_that_is_not_utf8_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let objects = Path::new(std::ffi::OsStr::from_bytes(b"/s/\xff"));
    let worker = runtime();
    let served = Served {
        worker: &worker,
        modules: &modules(),
        bindings: &BTreeMap::new(),
        objects,
        written_by: "dev",
        scheme_header: None,
        keypair: None,
        plain: false,
    };
    assert!(served.config().unwrap_err().to_string().contains("not UTF-8"));
}

#[test]
fn private_networks_are_reached_only_where_they_may_be_validated_and_the_resolver_always() {
    let worker = runtime();
    let config = |allow: &str, resolver: &str| {
        let var = |name: &str, value: &str| (name.to_owned(), Binding::Var(Var::Text(value.to_owned())));
        let bindings = BTreeMap::from([var("ALLOW_PRIVATE", allow), var("RESOLVER_URL", resolver)]);
        let modules = modules();
        let served = Served {
            worker: &worker,
            modules: &modules,
            bindings: &bindings,
            objects: Path::new("/s/do"),
            written_by: "dev",
            scheme_header: None,
            keypair: None,
            plain: false,
        };
        served.config().unwrap()
    };
    let open = config("true", "http://127.0.0.1:14001/dns-query");
    assert!(open.contains(r#"network = (allow = ["public", "private"], tls"#), "{open}");
    assert!(!open.contains("RESOLVER_SERVICE"), "{open}");
    let shut = config("false", "http://127.0.0.1:14001/dns-query");
    assert!(shut.contains(r#"network = (allow = ["public"], tls"#), "{shut}");
    assert!(shut.contains(r#"(name = "resolver", external = (address = "127.0.0.1:14001", http = ())),"#), "{shut}");
    assert!(shut.contains(r#"(name = "RESOLVER_SERVICE", service = "resolver"),"#), "{shut}");
    let secure = config("false", "https://[::1]/dns-query");
    let service =
        r#"external = (address = "[::1]:443", https = (options = (), tlsOptions = (trustBrowserCas = true)))"#;
    assert!(secure.contains(service), "{secure}");
    let public = config("false", "https://dns.example.org/dns-query");
    assert!(public.contains(r#"allow = ["public"]"#) && !public.contains("RESOLVER_SERVICE"), "{public}");
}
