//! The companion of a package, built from the present commit.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::super::cargo::{cargo, short_paths};
use super::super::home::COMMIT;
use super::super::programs::{find_program, output_of};
use super::super::step::Step;
use super::super::toolbox::Toolbox;

/// The profile of Cargo.toml, and the folder of its products.
const PROFILE: &str = "packaged";

/// The commit to package.
///
/// `SELVEDGE_COMMIT` names it without a git repository.
///
/// # Errors
/// When it is unknown, or files differ from it.
pub fn commit(toolbox: &Toolbox) -> Result<String> {
    if let Some(named) = std::env::var(COMMIT).ok().filter(|named| !named.is_empty()) {
        return Ok(named);
    }
    let root = &toolbox.root;
    let Some(git) = find_program("git") else {
        bail!(
            "git, which knows the commit to package, is not installed: install it, or set {COMMIT} to the commit's hash"
        );
    };
    let ask = |arguments: &[&str]| {
        output_of(Command::new(&git).arg("-C").arg(root).args(arguments)).with_context(|| {
            format!("cannot find the commit to package; without a git repository, set {COMMIT} to its hash")
        })
    };
    let changed = ask(&["status", "--porcelain", "--untracked-files=no"])?;
    if let Some(first) = changed.lines().next() {
        bail!(
            "a package is of one commit, and {} files differ from it (the first is {}): commit or stash them, or package \
             a companion for a trial with --companion FILE",
            changed.lines().count(),
            first.trim()
        );
    }
    ask(&["rev-parse", "HEAD"])
}

/// Builds the companion; returns the program.
///
/// In a target folder of its own: the compiler's flags differ from those of `cargo run`.
///
/// # Errors
/// When cargo is missing, or the sources do not compile.
pub fn build(toolbox: &Toolbox, commit: &str) -> Result<PathBuf> {
    let target = toolbox.target.join("package");
    let mut command = cargo(&toolbox.root)?;
    command.args(["build", "--locked", "--bin", "selvedge", "--profile", PROFILE]);
    command.env("CARGO_TARGET_DIR", &target).env(COMMIT, commit);
    if let Some(flags) = short_paths(&[&toolbox.root]) {
        command.env("CARGO_ENCODED_RUSTFLAGS", flags);
    }
    let step = Step {
        what: "building the companion".into(),
        why: "optimised, without symbols; several minutes on 2 cores (first time, with every library)".into(),
        log: toolbox.log("companion"),
        reaches: Some("crates.io"),
        ..Step::default()
    };
    step.run(&mut command)?;
    Ok(target.join(PROFILE).join("selvedge"))
}

#[cfg(test)]
mod tests {
    use super::super::super::home::Origin;
    use super::*;

    #[test]
    fn changed_sources_are_not_packaged() {
        if std::env::var_os(COMMIT).is_some() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_path_buf();
        let toolbox = Toolbox { target: root.clone(), dir: root.clone(), root: root.clone(), origin: Origin::Checkout };
        assert!(
            format!("{:#}", commit(&toolbox).unwrap_err()).contains("without a git repository, set SELVEDGE_COMMIT")
        );
        let git = |arguments: &[&str]| {
            let own = ["-c", "user.name=n", "-c", "user.email=e@x.test", "-c", "commit.gpgsign=false"];
            output_of(Command::new("git").arg("-C").arg(&root).args(own).args(arguments)).unwrap()
        };
        std::fs::write(root.join("file"), "1").unwrap();
        git(&["init", "-q"]);
        git(&["add", "file"]);
        git(&["commit", "-q", "-m", "One"]);
        assert_eq!(commit(&toolbox).unwrap(), git(&["rev-parse", "HEAD"]));
        std::fs::write(root.join("file"), "2").unwrap();
        let refused = commit(&toolbox).unwrap_err().to_string();
        assert!(refused.contains("1 files differ") && refused.contains("the first is M file"), "{refused}");
    }
}
