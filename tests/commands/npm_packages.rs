//! The npm packages and the tarball, installed without Rust.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::dev::Dev;
use crate::machine::{CERTBOT, Machine, checkout, done, package, packages, platform, text};
use crate::venv::venv;

/// A CA for certbot.
pub struct Authority<'a> {
    /// Its directory URL.
    pub directory: &'a str,
    /// The file with the root of its own certificate.
    pub root: &'a Path,
}

/// Obtains a certificate by http-01, with the programs and the environment of the tests.
fn certbot(machine: &Machine, dev: &Dev, port: u16, name: &str) {
    let [directory, root] = ["directory", "root"].map(|field| dev.running[field].as_str().unwrap());
    let command = Command::new(venv("certbot", CERTBOT).join("bin/certbot"));
    let authority = Authority { directory, root: Path::new(root) };
    certbot_in(command, &machine.path("certbot"), &authority, port, name);
}

/// Has `command`, which starts certbot, obtain a certificate by http-01, with certbot's files in `folder`.
pub fn certbot_in(mut command: Command, folder: &Path, authority: &Authority<'_>, port: u16, name: &str) {
    command.args(["certonly", "--standalone", "-n", "--agree-tos", "--register-unsafely-without-email", "-d", name]);
    command.args(["--http-01-address", "127.0.0.1", "--http-01-port", &port.to_string()]);
    for option in ["--config-dir", "--work-dir", "--logs-dir"] {
        command.arg(option).arg(folder);
    }
    done(command.args(["--server", authority.directory]).env("REQUESTS_CA_BUNDLE", authority.root));
    assert!(folder.join("live").join(name).join("fullchain.pem").is_file());
}

#[test]
fn npm_packages_issue_to_certbot_without_rust() {
    let machine = Machine::new();
    venv("certbot", CERTBOT);
    machine.install(packages());
    for absent in ["cargo", "rustc"] {
        assert!(!machine.path("path").join(absent).exists());
    }
    let manifest = fs::read_to_string(machine.path("app/node_modules/selvedge/package.json")).unwrap();
    let page = machine.path("app/node_modules/selvedge/man/selvedge-eab-create.1");
    assert!(page.is_file() && manifest.contains("\"./man/selvedge-eab-create.1\""), "{manifest}");
    let shown = text(&done(&mut machine.command("npx", &["--no-install", "selvedge", "--version"])).stdout);
    assert!(shown.contains("app/node_modules/selvedge/build/index_bg.wasm"), "{shown}");
    for name in ["pebble", "pebble-challtestsrv"] {
        let usage = text(&done(&mut machine.command("npx", &["--no-install", name, "-h"])).stderr);
        assert!(usage.starts_with(&format!("Usage of {name}:")), "{usage}");
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let began = Instant::now();
    let npx = machine.command("npx", &["--no-install", "selvedge"]);
    let http01 = ["--http01-port", &port.to_string()];
    let dev = Dev::start(npx, &machine.path("app"), &machine.path("dev.log"), &http01);
    assert!(dev.get(dev.running["directory"].as_str().unwrap())["newOrder"].is_string());
    let answered = began.elapsed();
    certbot(&machine, &dev, port, "www.test");
    eprintln!("npx selvedge dev: answers after {answered:?}, certbot has its certificate after {:?}", began.elapsed());
    dev.stop();
    launcher_passes_a_signal_on(&machine);
    launcher_without_its_companion_says_so(&machine);
}

/// What a supervisor does, which starts the launcher itself.
fn launcher_passes_a_signal_on(machine: &Machine) {
    let folder = machine.path("app");
    let _ = fs::remove_file(folder.join("state/dev.json"));
    let mut launcher = machine.command("node", &["node_modules/selvedge/bin/selvedge.js", "dev"]);
    let mut child = launcher.args(["--listen", "127.0.0.1:0", "--state", "state"]).spawn().unwrap();
    let began = Instant::now();
    while !folder.join("state/dev.json").is_file() && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(!folder.join("state/dev.json").exists(), "the companion ended before its launcher");
}

fn launcher_without_its_companion_says_so(machine: &Machine) {
    fs::remove_dir_all(machine.path("app/node_modules/@selvedge")).unwrap();
    let refused = machine.command("npx", &["--no-install", "selvedge", "--version"]).output().unwrap();
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("the package @selvedge/{}, which has the companion", platform())), "{said}");
}

#[test]
fn packages_have_the_same_bytes_twice_and_the_tarball_runs() {
    let machine = Machine::new();
    let (one, two) = (packages(), machine.path("two"));
    package(&two, &["--npm-only"]);
    let [sums, again] = [one, &two].map(|folder| fs::read_to_string(folder.join("SHA256SUMS")).unwrap());
    assert!(sums.starts_with(&again), "{sums}{again}");
    assert_eq!(sums.lines().count(), 3, "{sums}");
    done(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(one));
    let top = format!("selvedge-{}-{}", env!("CARGO_PKG_VERSION"), platform());
    let file = one.join(format!("{top}.tar.gz"));
    done(&mut machine.command("tar", &["-xzf", file.to_str().unwrap()]));
    let service = ["selvedge.service", "compose.yaml", "Dockerfile"].map(|file| format!("selvedge/{file}"));
    let manual = ["man/man1/selvedge.1", "bash-completion/completions/selvedge", "zsh/site-functions/_selvedge"];
    for shared in service.into_iter().chain(manual.map(str::to_owned)) {
        assert!(machine.path("app").join(&top).join("share").join(&shared).is_file(), "{shared}");
    }
    let program = machine.path("app").join(&top).join("bin/selvedge");
    let shown = text(&done(&mut machine.command(&program, &["--version"])).stdout);
    assert!(shown.contains(&format!("{top}/lib/selvedge/build/index_bg.wasm")), "{shown}");
    let shown = text(&done(&mut machine.command(program.with_file_name("pebble"), &["-version"])).stdout);
    assert!(shown.contains(&format!("{top}/lib/selvedge/build/index_bg.wasm")), "{shown}");
    let dev = Dev::start(machine.command(&program, &[]), &machine.path("app"), &machine.path("dev.log"), &[]);
    assert!(dev.get(dev.running["directory"].as_str().unwrap())["newOrder"].is_string());
    dev.stop();
}

/// The release workflow, which cannot run here: its syntax, its scripts', its platforms.
#[test]
fn release_workflow_is_well_formed() {
    let program = r#"
import json, subprocess, sys, yaml
jobs = yaml.safe_load(open(sys.argv[1]))["jobs"]
for job in jobs.values():
    for step in job["steps"]:
        assert ("run" in step) != ("uses" in step), step
        subprocess.run(["bash", "-n"], input=step.get("run", "").encode(), check=True)
print(json.dumps([one["platform"] for one in jobs["package"]["strategy"]["matrix"]["include"]]))
"#;
    let python = venv("yaml", "PyYAML==6.0.3\n").join("bin/python");
    let workflow = checkout().join(".github/workflows/release.yml");
    let shown = text(&done(Command::new(python).args(["-c", program]).arg(workflow)).stdout);
    let platforms: Vec<String> = serde_json::from_str(&shown).unwrap();
    assert_eq!(platforms, ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"]);
}
