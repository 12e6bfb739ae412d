//! The container image: built from its Dockerfile, run, and asked for a certificate.

mod at_home;
mod engine;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::integrations::yaml;
use crate::machine::{CERTBOT, checkout, done, packages, text};
use crate::npm_packages::{Authority, certbot_in};
use crate::packages::venv::venv;
use engine::Engine;

const PATIENCE: Duration = Duration::from_secs(120);
/// The image's full name: where registries are configured, short names are looked up there.
const IMAGE: &str = "localhost/selvedge";
/// The user of the image.
const USER: u32 = 10001;

/// Builds the image of the tarball.
fn built() -> Engine {
    let engine = Engine::start();
    engine.import_base();
    fs::create_dir(engine.path("context")).unwrap();
    for entry in fs::read_dir(packages()).unwrap().map(|entry| entry.unwrap()) {
        // All of the folder, as docs/DEVELOPMENT.md has it.
        fs::copy(entry.path(), engine.path("context").join(entry.file_name())).unwrap();
    }
    fs::copy(checkout().join("packages/container/Dockerfile"), engine.path("Dockerfile")).unwrap();
    // The form that keeps health checks. The base has CA certificates, so nothing is fetched.
    let form =
        ["build", "--quiet", "--format", "docker", "--isolation", "chroot", "--network", "host", "--layers=false"];
    let from = ["--pull=never", "--build-arg", "BASE=localhost/base", "--file", "/mnt/Dockerfile"];
    engine.podman(&[&form[..], &from, &["--tag", IMAGE, "/mnt/context"]].concat());
    engine
}

/// Starts the image's own command with a volume, and waits until it is healthy.
///
/// Its network has nothing but 127.0.0.1, so its ports are free. Its root cannot be written, and it has no privileges.
fn start(engine: &Engine) {
    let run = ["run", "--detach", "--name", "ca", "--network", "none", "--volume", "selvedge:/var/lib/selvedge"];
    let without =
        ["--read-only", "--read-only-tmpfs=false", "--cap-drop", "all", "--security-opt", "no-new-privileges"];
    engine.podman(&[&run[..], &without, &[IMAGE]].concat());
    let began = Instant::now();
    while !is_healthy(engine, "ca") {
        let running = engine.podman(&["inspect", "--format", "{{.State.Running}}", "ca"]);
        let logs = || engine.podman(&["logs", "ca"]);
        assert!(running.trim() == "true" && began.elapsed() < PATIENCE, "running {running}: {}", logs());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn is_healthy(engine: &Engine, container: &str) -> bool {
    engine.tried(&["healthcheck", "run", container]).status.success()
}

/// Stops and removes it.
fn stop(engine: &Engine) {
    engine.podman(&["stop", "--time", "60", "ca"]);
    // Its own: a process that has to be killed has another.
    assert_eq!(engine.podman(&["inspect", "--format", "{{.State.ExitCode}}", "ca"]).trim(), "0");
    engine.podman(&["rm", "ca"]);
}

fn state(engine: &Engine) -> PathBuf {
    engine.volume("selvedge").join(".selvedge")
}

fn image_is_as_documented(engine: &Engine) {
    let image: Value = serde_json::from_str(&engine.podman(&["image", "inspect", IMAGE])).unwrap();
    let (image, config) = (&image[0], &image[0]["Config"]);
    assert_eq!(config["User"], format!("{USER}:{USER}"));
    assert_eq!(config["Volumes"], json!({ "/var/lib/selvedge": {} }));
    assert_eq!(config["WorkingDir"], "/var/lib/selvedge");
    assert_eq!(config["ExposedPorts"], json!({ "14000/tcp": {}, "14002/tcp": {} }));
    assert_eq!(config["Entrypoint"], json!(["selvedge"]));
    assert_eq!(config["Labels"]["org.opencontainers.image.title"], "Selvedge");
    assert_eq!(config["Labels"]["org.opencontainers.image.licenses"], env!("CARGO_PKG_LICENSE"));
    assert_eq!(config["Labels"]["org.opencontainers.image.base.name"], "localhost/base");
    assert_eq!(image["Healthcheck"]["Test"][0], "CMD");
}

/// The service `pebble` of integrations/compose, without that network.
fn pebble_runs_as_the_compose_file_has_it(engine: &Engine) {
    let services = yaml(&checkout().join("integrations/compose/compose.yaml"))["services"].clone();
    let service = &services["pebble"];
    let words = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let (entry, command, health) =
        (words(&service["entrypoint"]), words(&service["command"]), words(&service["healthcheck"]["test"]));
    assert!(service["read_only"] == true && entry.len() == 1 && health[0] == "CMD");
    let run = ["run", "--detach", "--name", "pebble", "--network", "none", "--read-only", "--read-only-tmpfs=false"];
    let without = ["--cap-drop", "all", "--security-opt", "no-new-privileges", "--entrypoint", &entry[0], IMAGE];
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    engine.podman(&[&run[..], &without, &command].concat());
    let check: Vec<&str> = ["exec", "pebble"].into_iter().chain(health[1..].iter().map(String::as_str)).collect();
    let began = Instant::now();
    while !engine.tried(&check).status.success() {
        assert!(began.elapsed() < PATIENCE, "{}", engine.podman(&["logs", "pebble"]));
        std::thread::sleep(Duration::from_millis(50));
    }
    let anchor = checkout().join("integrations/testcontainers/pebble.minica.pem");
    let mut curl = engine.beside("pebble", Path::new("curl"));
    curl.args(["-sS", "--noproxy", "*", "https://localhost:14000/dir", "--cacert"]).arg(anchor);
    let shown = text(&done(&mut curl).stdout);
    assert!(shown.contains("https://localhost:14000/order-plz"), "{shown}");
    engine.podman(&["stop", "--time", "60", "pebble"]);
    assert_eq!(engine.podman(&["inspect", "--format", "{{.State.ExitCode}}", "pebble"]).trim(), "0");
    engine.podman(&["rm", "pebble"]);
}

#[test]
fn container_issues_to_certbot_and_serves_at_home() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("NOT TESTED: a container engine without an installation needs the rights of root");
        return;
    }
    venv("certbot", CERTBOT);
    let engine = built();
    image_is_as_documented(&engine);
    // A container where no CA runs.
    let idle = ["run", "--detach", "--name", "idle", "--network", "none", "--entrypoint", "sleep", IMAGE, "1000"];
    engine.podman(&idle);
    assert!(!is_healthy(&engine, "idle"));

    let began = Instant::now();
    start(&engine);
    let answered = began.elapsed();
    let client = engine.beside("ca", &venv("certbot", CERTBOT).join("bin/certbot"));
    let root = state(&engine).join("root.pem");
    let directory = "https://localhost:14000/directory";
    certbot_in(client, &engine.path("certbot"), &Authority { directory, root: &root }, 5002, "www.test");
    eprintln!(
        "container (podman {}): healthy after {answered:?}, certbot has its certificate after {:?}",
        engine.version(),
        began.elapsed()
    );
    let volume = fs::metadata(engine.volume("selvedge")).unwrap();
    assert_eq!((volume.uid(), volume.gid(), volume.mode() & 0o777), (USER, USER, 0o700));
    let before = fs::read(&root).unwrap();
    stop(&engine);

    pebble_runs_as_the_compose_file_has_it(&engine);

    // Another container with the same volume is the same CA.
    start(&engine);
    assert_eq!(fs::read(&root).unwrap(), before);
    stop(&engine);
    assert!(!state(&engine).join("dev.json").exists());

    at_home::serves_as_the_compose_file_says(&engine, "idle");
}
