//! `serve` in the container, as `packages/container/compose.yaml` runs it.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use super::engine::Engine;
use super::{IMAGE, PATIENCE, USER};
use crate::machine::{checkout, done, text};
use crate::packages::venv::venv;
use crate::serve::home::Home;

/// Reads YAML.
const YAML: &str = "PyYAML==6.0.2\n";
const AS_JSON: &str = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";

/// The service of the compose file.
fn service() -> Value {
    let file = checkout().join("packages/container/compose.yaml");
    let read = done(Command::new(venv("yaml", YAML).join("bin/python")).args(["-c", AS_JSON]).arg(file));
    let compose: Value = serde_json::from_slice(&read.stdout).unwrap();
    compose["services"]["selvedge"].clone()
}

fn list<'a>(service: &'a Value, member: &str) -> Vec<&'a str> {
    service[member].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
}

/// The options of `podman run` that mean the same as the service.
///
/// Its ports are those of the network of its own.
fn options(service: &Value) -> Vec<String> {
    let mut options: Vec<String> = ["run", "--detach", "--name", "home", "--network", "none"].map(str::to_owned).into();
    let known = [
        "cap_drop",
        "command",
        "healthcheck",
        "image",
        "logging",
        "ports",
        "read_only",
        "restart",
        "security_opt",
        "stop_grace_period",
        "tmpfs",
        "volumes",
    ];
    let mut members: Vec<&String> = service.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, known, "the options below are all of it");
    assert!(service["read_only"] == true && service["image"] == "selvedge");
    options.extend(["--read-only".to_owned(), "--read-only-tmpfs=false".to_owned()]);
    for (member, option) in [("tmpfs", "--tmpfs"), ("cap_drop", "--cap-drop"), ("security_opt", "--security-opt")] {
        options.extend(
            list(service, member).into_iter().map(|value| format!("{option}={}", value.trim_end_matches(":true"))),
        );
    }
    for volume in list(service, "volumes") {
        options.push(format!("--volume={}", volume.replacen("./", "/mnt/home/", 1)));
    }
    options.push(IMAGE.to_owned());
    options.extend(list(service, "command").into_iter().map(str::to_owned));
    options
}

/// The health check's command within the container. In compose files a dollar is doubled.
///
/// It is run as such: podman's own option splits its words.
fn health_check(service: &Value, container: &str) -> Vec<String> {
    let test: Vec<String> = list(&service["healthcheck"], "test").iter().map(|part| part.replace("$$", "$")).collect();
    assert_eq!(test[0], "CMD");
    [&["exec".to_owned(), container.to_owned()], &test[1..]].concat()
}

/// Copies the CA's folder to where podman reads it, owned by the image's user.
fn settle(home: &Home, to: &Path) {
    done(Command::new("cp").arg("-a").arg(home.path("")).arg(to));
    for entry in [PathBuf::new()]
        .into_iter()
        .chain(fs::read_dir(to.join("ca")).unwrap().map(|one| one.unwrap().file_name().into()))
    {
        chown(to.join("ca").join(entry), Some(USER), Some(USER)).unwrap();
    }
}

/// Runs the compose file's service, walks through its CA, and stops it.
///
/// No CA runs in the container `idle`.
pub fn serves_as_the_compose_file_says(engine: &Engine, idle: &str) {
    let home = Home::at([8443, 8080]);
    settle(&home, &engine.path("home"));
    let service = service();
    let (options, check) = (options(&service), health_check(&service, "home"));
    fn words(all: &[String]) -> Vec<&str> {
        all.iter().map(String::as_str).collect()
    }
    assert!(!engine.tried(&words(&health_check(&service, idle))).status.success());
    for run in 1..=2 {
        let began = Instant::now();
        engine.podman(&words(&options));
        while !engine.tried(&words(&check)).status.success() {
            assert!(began.elapsed() < PATIENCE, "{}", engine.podman(&["logs", "home"]));
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        eprintln!("serve in a container: healthy after {:?}", began.elapsed());
        let mut walk = engine.beside("home", Path::new(env!("CARGO_BIN_EXE_selvedge")));
        walk.args(["acceptance", "--url", &home.base(), "--root"]).arg(home.path("ca/root.pem"));
        walk.arg("--token-file").arg(home.path("ca/admin.tokens")).args(["--name", "www.test"]);
        let walked = done(walk.env_remove("SELVEDGE_TOKEN"));
        assert!(text(&walked.stdout).contains("accepted: 15 of 15 steps"), "{}", text(&walked.stdout));
        let state = engine.volume("state").join("state");
        assert_eq!(fs::metadata(&state).unwrap().uid(), USER);
        // The second run has the first one's state: its certificate is still good.
        let presented = fs::read(state.join("endpoint.pem")).unwrap();
        engine.podman(&["stop", "--time", "60", "home"]);
        assert_eq!(engine.podman(&["inspect", "--format", "{{.State.ExitCode}}", "home"]).trim(), "0", "run {run}");
        engine.podman(&["rm", "home"]);
        assert_eq!(fs::read(state.join("endpoint.pem")).unwrap(), presented);
    }
}
