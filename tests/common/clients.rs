//! certbot from PyPI and lego from Debian's packages, fetched into the target folder.

use super::server::Server;
use super::venv::venv;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs certbot with these arguments against the server; its files are in the server's state folder.
pub fn certbot(server: &Server, arguments: &[&str]) {
    let folder = server.state.join("certbot");
    let mut command = Command::new(venv("certbot", "certbot==5.8.0\n").join("bin/certbot"));
    command.args(arguments).args(["-n", "--server", server.fact("directory")]);
    for option in ["--config-dir", "--work-dir", "--logs-dir"] {
        command.arg(option).arg(&folder);
    }
    succeed(command.env("REQUESTS_CA_BUNDLE", server.fact("root")), server);
}

/// Runs lego with these arguments against the server; its files are in the server's state folder.
pub fn lego(server: &Server, arguments: &[&str]) {
    let mut command = Command::new(lego_program());
    command.args(["--server", server.fact("directory"), "--accept-tos", "--email", "you@example.test", "--path"]);
    command.arg(server.state.join("lego")).args(arguments);
    command.env("LEGO_CA_CERTIFICATES", server.fact("root")).env("HTTPREQ_ENDPOINT", server.fact("management"));
    succeed(&mut command, server);
}

fn succeed(command: &mut Command, server: &Server) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let log = fs::read_to_string(server.fact("workerd_log")).unwrap_or_default();
    assert!(output.status.success(), "{command:?}\n{output:?}\n{}\n{log}", server.log());
}

/// lego: the one on PATH, or Debian's package unpacked under the target folder.
fn lego_program() -> PathBuf {
    if Command::new("lego").arg("--version").output().is_ok() {
        return "lego".into();
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lego");
    let lock = File::create(folder.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let program = folder.join("unpacked/usr/bin/lego");
    if !program.exists() {
        fetch(&folder);
    }
    program
}

/// Asks apt with a configuration of its own: the system's lists and packages stay as they are.
fn fetch(folder: &Path) {
    let _ = fs::remove_dir_all(folder);
    for part in ["lists/partial", "cache/archives/partial", "unpacked"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    fs::write(folder.join("status"), "").unwrap();
    let place = |setting: &str, part: &str| format!("Dir::{setting}={}", folder.join(part).display());
    let own = [place("State::Lists", "lists"), place("State::status", "status"), place("Cache", "cache")];
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        for option in own.iter().map(String::as_str).chain(["APT::Sandbox::User=root"]) {
            command.args(["-o", option]);
        }
        let output = command.args(arguments).current_dir(folder).output();
        let output = output.expect("the tests take lego from Debian's packages; elsewhere put lego 4 on the PATH");
        assert!(output.status.success(), "{output:?}");
    };
    apt(&["update"]);
    apt(&["download", "lego"]);
    let package = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let package = package.into_iter().find(|path| path.extension().is_some_and(|e| e == "deb")).unwrap();
    let unpacked = Command::new("dpkg").arg("-x").arg(package).arg(folder.join("unpacked")).status().unwrap();
    assert!(unpacked.success());
}
