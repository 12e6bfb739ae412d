//! The files that run `serve` as a service.

use super::home::Home;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("packages").join(file)).unwrap()
}

/// The health check of the compose file, with another port.
pub fn health_check(port: u16) -> String {
    let file = read("container/compose.yaml");
    let line = file.lines().find(|line| line.trim().starts_with("test: [")).unwrap();
    let words: Vec<String> = serde_json::from_str(line.split_once(": ").unwrap().1).unwrap();
    assert_eq!(words[..3], ["CMD", "bash", "-c"]);
    // Compose writes a dollar as two.
    words[3].replace("/8080", &format!("/{port}")).replace("$$", "$")
}

#[test]
fn unit_and_compose_file_use_options_that_exist() {
    let help = Command::new(env!("CARGO_BIN_EXE_selvedge")).args(["serve", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let known: BTreeSet<&str> =
        help.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|word| word.starts_with("--")).collect();
    let unit = read("systemd/selvedge.service");
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let compose = read("container/compose.yaml");
    let commands =
        compose.lines().filter_map(|line| line.trim().strip_prefix("- --")).map(|option| format!("--{option}"));
    let options: Vec<String> = start.split_whitespace().map(str::to_owned).chain(commands).collect();
    let options: Vec<&str> = options.iter().filter(|word| word.starts_with("--")).map(String::as_str).collect();
    assert!(options.len() >= 10, "{options:?}");
    for option in options {
        let name = option.split('=').next().unwrap();
        assert!(known.contains(name), "{name} is no option of serve");
    }
    for line in
        ["DynamicUser=yes", "NoNewPrivileges=yes", "ProtectSystem=strict", "StateDirectory=selvedge", "KillMode=mixed"]
    {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
}

#[test]
fn unit_passes_the_whole_folder_under_names_that_serve_finds() {
    let unit = read("systemd/selvedge.service");
    let passed: Vec<&str> = unit.lines().filter_map(|line| line.strip_prefix("LoadCredential=")).collect();
    assert_eq!(passed, ["ca:/etc/selvedge/ca"], "no file has a line of its own");
    let home = Home::new();
    home.write("ca/nonce-previous.key", &selvedge::values::b64::encode(&[9; 32]), 0o600);
    // As systemd does it: one folder without folders in it, ID_FILE for each file.
    let credentials = home.path("credentials");
    fs::create_dir(&credentials).unwrap();
    for file in fs::read_dir(home.path("ca")).unwrap() {
        let file = file.unwrap();
        let name = format!("ca_{}", file.file_name().into_string().unwrap());
        home.write(&format!("credentials/{name}"), &fs::read_to_string(file.path()).unwrap(), 0o440);
    }
    fs::remove_dir_all(home.path("ca")).unwrap();
    let folder = credentials.to_str().unwrap();
    // Among files that are no credentials it finds nothing.
    assert!(home.refused(&["--tls-from-ca", "--ca", folder]).contains("nonce.key"));
    let serve = home.serve_as_unit(folder);
    let bound = home.read("state/workerd.capnp");
    for name in ["ca_issuer.key", "ca_nonce.key", "ca_nonce-previous.key", "ca_log.key"] {
        assert!(bound.contains(name), "{name}: {bound}");
    }
    serve.stop();
}

#[test]
fn systemd_accepts_the_unit() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("selvedge.service");
    // It has to be a program that is there.
    let program = "/opt/selvedge/bin/selvedge";
    let unit = read("systemd/selvedge.service");
    assert!(unit.contains(program));
    fs::write(&file, unit.replace(program, "/bin/true")).unwrap();
    let Ok(verified) = Command::new("systemd-analyze").arg("verify").arg(&file).output() else {
        eprintln!("systemd-analyze is not there, so the unit is not verified");
        return;
    };
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && !said.contains("selvedge.service:"), "{said}");
}
