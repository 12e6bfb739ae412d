//! A search for a CA's secrets in its output, logs and databases.

use selvedge::ca::testing::Secrets;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The keys that `dev` keeps in its state folder.
const KEYS: [&str; 7] =
    ["root.key", "intermediate.key", "nonce.key", "log.key", "server.key", "admin.token", "admin.tokens"];

/// The names of all key files in a state folder, numbered for further issuers.
fn key_files(ca: &Path) -> Vec<String> {
    let names = fs::read_dir(ca).into_iter().flatten().flatten().map(|entry| entry.file_name().display().to_string());
    let stand_ins = names.filter(|name| name.starts_with("stand-in-") && name.ends_with(".key"));
    KEYS.map(str::to_owned).into_iter().chain(stand_ins).collect()
}

/// The secrets of a state folder, and those set by these options of `dev`.
fn secrets(ca: &Path, arguments: &[String]) -> (Secrets, Vec<String>) {
    let (mut secrets, mut texts) = (Secrets::default(), Vec::new());
    for name in &key_files(ca) {
        let Ok(text) = fs::read_to_string(ca.join(name)) else { continue };
        if text.contains("-----BEGIN") {
            secrets.add_key(name, &text);
            texts.extend(text.lines().filter(|line| !line.contains("-----") && line.len() > 40).map(str::to_owned));
        } else {
            secrets.add_text(name, text.trim());
            texts.push(text.trim().to_owned());
        }
    }
    for keys in arguments.iter().filter_map(|argument| argument.strip_prefix("EAB_KEYS=")) {
        let keys: Value = serde_json::from_str(keys).unwrap();
        for (kid, entry) in keys.as_object().unwrap() {
            let key = entry["key"].as_str().or(entry.as_str()).unwrap();
            secrets.add_text(&format!("the external account key {kid}"), key);
        }
    }
    (secrets, texts)
}

/// The CA's output besides its keys: terminal, logs of the runtime, `dev.json`, databases.
fn written(state: &Path) -> Vec<PathBuf> {
    let keys = key_files(&state.join("ca"));
    let mut found = vec![state.join("dev.log")];
    let mut folders = vec![state.join("ca")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            if path.is_dir() {
                folders.push(path);
            } else if !keys.iter().any(|key| name == key.as_str()) {
                found.push(path);
            }
        }
    }
    found
}

/// Adds a CA's secrets to the file `SELVEDGE_SECRETS`, for searching the whole run's output.
pub fn list(state: &Path) {
    let Some(list) = std::env::var_os("SELVEDGE_SECRETS") else { return };
    let (_, texts) = secrets(&state.join("ca"), &[]);
    // One write, so that those of several servers do not mix.
    let lines: String = texts.iter().map(|text| format!("{text}\n")).collect();
    fs::File::options().create(true).append(true).open(list).unwrap().write_all(lines.as_bytes()).unwrap();
}

/// Searches all that a CA wrote for its secrets. Gives what was found.
pub fn search(state: &Path, arguments: &[String]) -> Vec<String> {
    let ca = state.join("ca");
    let (all, _) = secrets(&ca, arguments);
    // What `--set` gives stands in the runtime's configuration, which is its owner's alone to read.
    let (own, _) = secrets(&ca, &[]);
    let configuration = ca.join("workerd.capnp");
    let private = |path: &Path| path.metadata().is_ok_and(|found| found.permissions().mode() & 0o077 == 0);
    let leak = |path: &PathBuf| {
        let text = String::from_utf8_lossy(&fs::read(path).ok()?).into_owned();
        let secrets = if *path == configuration && private(path) { &own } else { &all };
        secrets.found_in(&text).map(|what| format!("{} gives away {what}", path.display()))
    };
    written(state).iter().filter_map(leak).collect()
}

/// Checks that the search finds every secret in each of these files.
#[test]
fn s04_planted_secret_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let (state, ca) = (folder.path(), folder.path().join("ca"));
    fs::create_dir_all(ca.join("do")).unwrap();
    let key = selvedge::ca::testing::new_key(selvedge::values::SigAlg::Es256).to_pkcs8_pem().unwrap();
    let nonce_key = "c29tZSByYW5kb20gYnl0ZXMgb2YgdGhlIG5vbmNlcw";
    let mac = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    fs::write(ca.join("intermediate.key"), &key).unwrap();
    fs::write(ca.join("nonce.key"), nonce_key).unwrap();
    let arguments = [format!(r#"EAB_KEYS={{"team":{{"key":"{mac}"}}}}"#)];
    assert!(search(state, &arguments).is_empty());
    let places = [state.join("dev.log"), ca.join("workerd.log"), ca.join("dev.json"), ca.join("do/x.sqlite")];
    let line = key.lines().nth(1).unwrap();
    for (place, secret) in places.iter().flat_map(|place| [line, nonce_key, mac].map(|secret| (place, secret))) {
        fs::write(place, [b"\xff before ", secret.as_bytes(), b" after"].concat()).unwrap();
        assert_eq!(search(state, &arguments).len(), 1, "{} {secret}", place.display());
        fs::remove_file(place).unwrap();
    }
    // The configuration may have what was set, if nobody else can read it; and never the CA's keys.
    let configuration = ca.join("workerd.capnp");
    for (mode, secret, leaks) in [(0o600, mac, 0), (0o640, mac, 1), (0o600, nonce_key, 1)] {
        fs::write(&configuration, secret).unwrap();
        fs::set_permissions(&configuration, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(search(state, &arguments).len(), leaks, "{mode:o} {secret}");
    }
}
