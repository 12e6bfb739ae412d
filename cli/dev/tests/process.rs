//! `dev` as a process: its answers, its stop, and refused starts.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::process::{Signal, kill_process};
use serde_json::Value;

use super::harness::{COUNTER, Dev, Line, Place, is_gone, wait_for};
use clap::Parser;

#[test]
fn it_serves_what_it_prints_and_leaves_nothing_behind() {
    let place = Place::new(COUNTER);
    let dev = place.up(&["--http01-port", "6002", "--tls-alpn-port", "6001"]);
    let printed = place.read("stdout");
    let directory = dev.text("directory");
    assert!(directory.starts_with("https://127.0.0.1:") && directory.ends_with("/directory"), "{directory}");
    let root = place.path("state/root.pem");
    for expected in [directory, root.to_str().unwrap(), dev.text("management"), "--http-01-port 6002"] {
        assert!(printed.contains(expected), "{expected} is not in {printed}");
    }
    let base = directory.strip_suffix("/directory").unwrap();
    assert_eq!(dev.get("/directory"), (200, format!(r#"{{"newNonce":"{base}/new-nonce"}}"#)));
    let env: Value = serde_json::from_str(&dev.get("/env").1).unwrap();
    for (name, value) in [
        ("BASE_URL", base),
        ("MODE", "dev"),
        ("HTTP01_PORT", "6002"),
        ("TLS_ALPN_PORT", "6001"),
        ("ALLOW_PRIVATE", "true"),
        ("RATE_LIMITS", "off"),
        ("ISSUER_KEY", &place.read("state/intermediate.key")),
        ("ISSUER_CHAIN", &place.read("state/intermediate.pem")),
        ("NONCE_KEY", &place.read("state/nonce.key")),
        ("ADMIN_TOKENS", &place.read("state/admin.tokens")),
    ] {
        assert_eq!(env[name], value, "{name}");
    }
    // The Worker reaches the resolver, which resolves x.test to 127.0.0.1.
    assert!(dev.get("/resolve").1.ends_with("\u{4}\u{7f}\0\0\u{1}"));
    dev.stop(Signal::TERM);
}

#[test]
fn log_key_is_made_on_request_and_stays() {
    let place = Place::new(COUNTER);
    let key = |dev: &Dev<'_>| serde_json::from_str::<Value>(&dev.get("/env").1).unwrap()["LOG_KEY"].clone();
    let dev = place.up(&[]);
    assert_eq!(key(&dev), Value::Null);
    dev.stop(Signal::INT);
    let dev = place.up(&["--log"]);
    let first = key(&dev);
    assert_eq!(first, place.read("state/log.key"));
    assert!(first.as_str().unwrap().starts_with("-----BEGIN PRIVATE KEY-----"));
    dev.stop(Signal::INT);
    let dev = place.up(&["--log"]);
    assert_eq!(key(&dev), first);
    dev.stop(Signal::INT);
}

#[test]
fn second_start_finds_the_same_ca_and_state() {
    let place = Place::new(COUNTER);
    let dev = place.up(&[]);
    assert_eq!(dev.get("/"), (200, "1".to_owned()));
    let root = place.read("state/root.pem");
    dev.stop(Signal::INT);
    let began = Instant::now();
    let dev = place.up(&[]);
    eprintln!("a second start took {} ms", began.elapsed().as_millis());
    assert_eq!(dev.get("/"), (200, "2".to_owned()));
    assert_eq!(place.read("state/root.pem"), root);
    dev.stop(Signal::HUP);
}

#[test]
fn t36_plain_http_is_served_on_request_only() {
    let place = Place::new(COUNTER);
    let dev = place.up(&["--plain-http", "--resolver", "https://dns.example/dns-query"]);
    assert!(dev.text("directory").starts_with("http://127.0.0.1:"));
    let env: Value = serde_json::from_str(&dev.get("/env").1).unwrap();
    assert_eq!(env["RESOLVER_URL"], "https://dns.example/dns-query");
    assert_eq!(format!("{}/directory", env["BASE_URL"].as_str().unwrap()), dev.text("directory"));
    let printed = place.read("stdout");
    assert!(!printed.contains("REQUESTS_CA_BUNDLE") && printed.contains("https://dns.example/dns-query"), "{printed}");
    dev.stop(Signal::TERM);
    // The default is https, as lego and instant-acme demand.
    let dev = place.up(&[]);
    assert!(dev.text("directory").starts_with("https://127.0.0.1:"));
    dev.stop(Signal::TERM);
}

#[test]
fn variables_are_set_on_request() {
    let place = Place::new(COUNTER);
    let set = ["--set", "POLICY={\"wildcards\":false}", "--set", "MODE=test=1", "--refuse-nonces", "5"];
    let dev = place.up(&set);
    let env: Value = serde_json::from_str(&dev.get("/env").1).unwrap();
    assert_eq!(env["POLICY"], "{\"wildcards\":false}");
    assert_eq!((&env["MODE"], &env["REFUSE_NONCES"]), (&"test=1".into(), &"5".into()));
    dev.stop(Signal::TERM);
    for wrong in ["policy=1", "=1", "POLICY", "FOO=bar"] {
        let said = Line::try_parse_from(["dev", "--set", wrong]).unwrap_err().to_string();
        assert!(said.contains("--set"), "{said}");
    }
    assert!(Line::try_parse_from(["dev", "--refuse-nonces", "51"]).is_err());
}

#[test]
fn error_of_the_worker_is_logged_and_shown() {
    let place = Place::new(COUNTER);
    let dev = place.up(&[]);
    assert_eq!(dev.get("/fail").0, 500);
    wait_for("the log", || place.read("state/workerd.log").contains("Error: a failure"));
    wait_for("what is shown", || place.read("stderr").contains("a failure"));
    let shown = place.read("stderr");
    assert!(shown.contains("workerd: a complaint"), "{shown}");
    dev.stop(Signal::TERM);
    drop(place.up(&[]));
    assert!(place.read("state/workerd.log.old").contains("a complaint"));
}

#[cfg(target_os = "linux")]
#[test]
fn when_dev_is_killed_workerd_dies_and_the_next_start_works() {
    let place = Place::new(COUNTER);
    let mut dev = place.up(&[]);
    dev.signal(Signal::KILL);
    dev.ended();
    let workerd = dev.workerd();
    wait_for("workerd's end", || is_gone(workerd));
    place.up(&[]).stop(Signal::TERM);
}

#[test]
fn when_workerd_ends_by_itself_dev_says_so_and_ends() {
    let place = Place::new(COUNTER);
    let mut dev = place.up(&[]);
    kill_process(dev.workerd(), Signal::KILL).unwrap();
    assert_eq!(dev.ended().code(), Some(1));
    let said = place.read("stderr");
    assert!(said.contains("workerd exited (killed by signal 9)"), "{said}");
    assert!(!place.path("state/dev.json").exists());
}

#[test]
fn port_or_state_folder_in_use_is_refused_early() {
    let place = Place::new(COUNTER);
    let dev = place.up(&[]);
    let said = place.refused(&[]);
    assert!(said.contains("another `dev`") && said.contains("--state"), "{said}");
    let other = Place::new("no Worker at all: this is refused before");
    let address = dev.text("directory").trim_start_matches("https://").trim_end_matches("/directory");
    let said = other.refused(&["--listen", address]);
    assert!(!other.path("state/root.pem").exists(), "nothing is made for a server that cannot be");
    assert!(said.contains("is in use") && said.contains("--listen"), "{said}");
    assert_eq!(dev.get("/directory").0, 200, "the one that runs is not disturbed");
    dev.stop(Signal::TERM);
}

#[test]
fn refused_configuration_is_quoted() {
    let refusal = r#"{"type":"about:blank","status":500,"detail":"ISSUER_KEY does not match ISSUER_CHAIN"}"#;
    let worker = format!(
        "export class Partition {{}}\nexport default {{ fetch() {{ return new Response(`{refusal}`, {{ status: 500 }}) }} }}"
    );
    let said = Place::new(&worker).refused(&[]);
    assert!(said.contains("the Worker does not start: ISSUER_KEY does not match ISSUER_CHAIN"), "{said}");
}

#[test]
fn failed_start_is_explained_by_workerd_output() {
    let said = Place::new("this is no JavaScript").refused(&[]);
    assert!(said.contains("workerd exited (exit code 1)") && said.contains("SyntaxError"), "{said}");
}

#[test]
fn missing_workerd_is_named() {
    let place = Place::new(COUNTER);
    place.write("workerd", "/no/such/workerd");
    let said = place.refused(&[]);
    assert!(said.contains("/no/such/workerd"), "{said}");
}

/// The databases of the stand-in's class.
fn objects(place: &Place) -> Vec<PathBuf> {
    let files = fs::read_dir(place.path("state/do/stand-in-Partition")).unwrap();
    files
        .map(|file| file.unwrap().path())
        .filter(|file| file.extension().is_some_and(|kind| kind == "sqlite"))
        .collect()
}

fn overwrite(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes.iter_mut().skip(at).for_each(|byte| *byte = 0x55);
    fs::write(file, bytes).unwrap();
    // The content of the log beside it would repair it.
    for beside in ["sqlite-wal", "sqlite-shm"] {
        let _ = fs::remove_file(file.with_extension(beside));
    }
}

#[test]
fn damaged_state_is_refused_by_name_and_left_as_it_is() {
    let place = Place::new(COUNTER);
    let dev = place.up(&[]);
    dev.get("/");
    dev.stop(Signal::TERM);
    let files = objects(&place);
    assert_eq!(files.len(), 2, "{files:?}");
    for file in &files {
        let good = fs::read(file).unwrap();
        overwrite(file, 0);
        let said = place.refused(&[]);
        assert!(said.contains(file.to_str().unwrap()) && said.contains("is damaged"), "{said}");
        fs::write(file, good).unwrap();
    }
    let root = place.read("state/root.pem");
    place.write("state/root.pem", &root[..100]);
    let said = place.refused(&[]);
    assert!(said.contains("root.pem") && said.contains("Restore"), "{said}");
    assert_eq!(place.read("state/root.pem"), root[..100]);
    place.write("state/root.pem", &root);
    place.up(&[]).stop(Signal::TERM);
}

#[test]
fn damage_that_only_workerd_sees_is_explained_too() {
    let place = Place::new(COUNTER);
    let dev = place.up(&[]);
    dev.get("/");
    dev.stop(Signal::TERM);
    let metadata = objects(&place).into_iter().find(|file| file.ends_with("metadata.sqlite")).unwrap();
    // The header is whole, the first table is not.
    overwrite(&metadata, 100);
    let said = place.refused(&[]);
    assert!(said.contains("a database is damaged") && said.contains("state/do"), "{said}");
}
