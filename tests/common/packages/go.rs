//! Debian's Go, and programs of few lines that it builds with libraries from Debian's packages.

use super::debian;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of programs and of what Go keeps for its next build.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Debian's Go, whose library is a package of its own: a command without a network.
pub fn command() -> Command {
    let (go, library) = (debian::release("golang-1.24-go", "1.24"), debian::release("golang-1.24-src", "1.24"));
    let shared = |root: &Path| root.join("usr/share/go-1.24");
    let lock = File::create(folder("golang-merged.lock")).unwrap();
    lock.lock().unwrap();
    merge(&shared(&library.root), &shared(&go.root));
    let root = go.root.join("usr/lib/go-1.24");
    let mut command = Command::new(root.join("bin/go"));
    command.envs([("GOPROXY", "off"), ("GOTOOLCHAIN", "local"), ("CGO_ENABLED", "0")]);
    command.env("GOROOT", &root).env("GOCACHE", folder("go-build")).env_remove("GOFLAGS");
    command
}

/// Builds a program of one file with the libraries of these packages, once.
pub fn program(name: &str, source: &str, packages: &[(&str, &str)]) -> PathBuf {
    let at = folder("go-programs").join(name);
    fs::create_dir_all(&at).unwrap();
    let lock = File::create(at.join("lock")).unwrap();
    lock.lock().unwrap();
    let (file, built) = (at.join("main.go"), at.join(name));
    if built.exists() && fs::read_to_string(&file).is_ok_and(|before| before == source) {
        return built;
    }
    let _ = fs::remove_file(&built);
    fs::write(&file, source).unwrap();
    let roots =
        packages.iter().map(|(package, version)| debian::release(package, version).root.join("usr/share/gocode"));
    let path = std::env::join_paths(roots).unwrap();
    let mut go = command();
    go.args(["build", "-o", name, "main.go"]).env("GO111MODULE", "off").env("GOPATH", path).current_dir(&at);
    let output = go.output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    built
}

/// Links what one folder has and the other lacks.
fn merge(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if !target.exists() {
            symlink(entry.path(), target).unwrap();
        } else if target.is_dir() && !target.is_symlink() {
            merge(&entry.path(), &target);
        }
    }
}
