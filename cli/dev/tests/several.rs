//! `dev` in memory, and several CAs in one process.

use std::fs;
use std::path::Path;

use rustix::process::{Signal, kill_process};
use serde_json::Value;

use super::harness::{COUNTER, Place, is_gone, wait_for};

/// Waits for the file of `--addresses`.
fn addresses(place: &Place) -> Value {
    let mut found = Value::Null;
    wait_for("the addresses", || {
        found = serde_json::from_str(&place.read("addresses.json")).unwrap_or_default();
        !found.is_null()
    });
    found
}

fn answered(url: &str) -> (u16, String) {
    let tls = ureq::tls::TlsConfig::builder().disable_verification(true).build();
    let config = ureq::Agent::config_builder().proxy(None).http_status_as_error(false).tls_config(tls);
    let mut answer = ureq::Agent::from(config.build()).get(url).call().unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

#[test]
fn ephemeral_ca_is_below_the_root_of_a_folder_and_leaves_nothing() {
    let place = Place::new(COUNTER);
    let file = place.path("addresses.json").display().to_string();
    let roots = place.path("roots").display().to_string();
    let mut root = String::new();
    for _ in 0..2 {
        let mut dev = place.start_without_state(&["--ephemeral", "--addresses", &file, "--root-dir", &roots]);
        dev.running = addresses(&place);
        let state = Path::new(dev.text("root")).parent().unwrap().to_owned();
        assert!(state.join("do").is_dir() && !place.path("state").exists() && !place.path(".selvedge").exists());
        assert!(place.read("stdout").contains(&format!("--state {}", state.display())));
        let base = dev.text("directory").strip_suffix("/directory").unwrap().to_owned();
        assert_eq!(answered(&base), (200, "1".to_owned()), "a state of its own");
        assert_eq!(answered(&format!("{}/health", dev.text("management"))), (200, "ok\n".to_owned()));
        let now = fs::read_to_string(state.join("root.pem")).unwrap();
        assert!(root.is_empty() || root == now);
        root = now;
        dev.signal(Signal::TERM);
        assert_eq!(dev.ended().code(), Some(0), "{}", place.read("stderr"));
        assert!(is_gone(dev.workerd()) && !state.exists() && !place.path("addresses.json").exists());
    }
    assert_eq!(place.read("roots/root-0.pem"), root);
}

#[test]
fn several_cas_share_dns_and_end_together() {
    let place = Place::new(COUNTER);
    let file = place.path("addresses.json").display().to_string();
    let mut dev = place.up(&["--addresses", &file, "--another", "backup", "--always-valid", "--preauthorized"]);
    let all = addresses(&place);
    let backup = &all["others"]["backup"];
    assert_eq!(all["directory"], dev.running["directory"]);
    assert_ne!(all["directory"], backup["directory"]);
    let text = |ca: &Value, member: &str| ca[member].as_str().unwrap().to_owned();
    let [first, second] = [&all, backup].map(|ca| text(ca, "directory").replace("/directory", ""));
    for visit in ["1", "2"] {
        assert_eq!(answered(&first).1, visit);
    }
    assert_eq!(answered(&second).1, "1");
    let env: Value = serde_json::from_str(&answered(&format!("{second}/env")).1).unwrap();
    assert_eq!((&env["ALWAYS_VALID"], &env["BASE_URL"]), (&"true".into(), &second.as_str().into()));
    assert_eq!(env["POLICY"], r#"{"preauthorized":["*"]}"#);
    assert_ne!(fs::read(text(&all, "root")).unwrap(), fs::read(text(backup, "root")).unwrap());
    let record = r#"{"host":"a.example.org","addresses":["192.0.2.7"]}"#;
    ureq::post(format!("{}/add-a", text(&all, "management"))).send(record).unwrap();
    assert!(answered(&text(backup, "management")).1.contains("192.0.2.7"), "records hold for all");
    assert!(place.read("stdout").contains("Another CA is ready: backup"));
    // The end of one is the end of all.
    let [one, other] = [&all, backup].map(|ca| ca["workerd_pid"].as_i64().unwrap());
    let process = |id: i64| rustix::process::Pid::from_raw(id.try_into().unwrap()).unwrap();
    kill_process(process(other), Signal::KILL).unwrap();
    assert_eq!(dev.ended().code(), Some(1));
    assert!(is_gone(process(one)) && !place.path("addresses.json").exists());
    assert!(place.read("stderr").contains("killed by signal 9"), "{}", place.read("stderr"));
    let said = place.refused(&["--another", "backup", "--another", "backup"]);
    assert!(said.contains("--another backup is given twice"), "{said}");
}
