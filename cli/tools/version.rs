//! `--version`: version, commit and build, of the companion and of its module.

use std::path::Path;
use std::process::Command;

use super::fingerprint::digest;
use super::home::{BUILT, MODULE};
use super::programs::{find_program, output_of};
use super::toolbox::Toolbox;

/// Hexadecimal digits that are shown of the module's hash.
const SHOWN: usize = 16;

/// The text of `--version`: three lines.
pub fn report() -> String {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let (system, machine) = (std::env::consts::OS, std::env::consts::ARCH);
    let (commit, module) = match Toolbox::locate() {
        Ok(toolbox) => {
            let checkout = toolbox.is_checkout().then(|| toolbox.root());
            (commit(BUILT, checkout), module(toolbox.root()))
        }
        Err(error) => (commit(BUILT, None), format!("without a module: {error}")),
    };
    format!("selvedge {}\ncommit {commit}\nbuild {machine}-{system} {profile}, {module}\n", env!("CARGO_PKG_VERSION"))
}

/// The commit: that of the build, else that of the checkout.
fn commit(built: Option<&str>, checkout: Option<&Path>) -> String {
    match (built.filter(|commit| !commit.is_empty()), checkout) {
        (Some(commit), _) => commit.to_owned(),
        (None, None) => "unknown: this program was built by hand, not by a release".to_owned(),
        (None, Some(root)) => of_checkout(root).unwrap_or_else(|why| format!("unknown: {why}")),
    }
}

/// What git says of a checkout.
fn of_checkout(root: &Path) -> Result<String, String> {
    let shown = root.display();
    if !root.join(".git").exists() {
        return Err(format!("the checkout {shown} has no git repository"));
    }
    let git = find_program("git").ok_or_else(|| format!("git, which knows the checkout {shown}, is not installed"))?;
    let ask = |arguments: &[&str]| {
        let output = output_of(Command::new(&git).arg("-C").arg(root).args(arguments));
        output.map_err(|error| error.to_string())
    };
    let commit = ask(&["rev-parse", "HEAD"])?;
    let changed = !ask(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Ok(format!("{commit}, checked out in {shown}{}", if changed { ", with changes" } else { "" }))
}

/// The module's hash, which two builds of one commit share.
fn module(root: &Path) -> String {
    let [_, wasm] = MODULE.map(|file| root.join(file));
    match std::fs::read(&wasm) {
        Ok(bytes) => {
            let hash: String = digest(&bytes).chars().take(SHOWN).collect();
            format!("module sha256:{hash} in {}", wasm.display())
        }
        Err(_) => "its module is not built yet".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commit_of_a_release_is_that_of_its_build() {
        assert_eq!(commit(Some("abc123"), Some(Path::new("/nowhere"))), "abc123");
        assert!(commit(None, None).contains("not by a release"));
        assert!(commit(Some(""), None).contains("unknown"));
    }

    #[test]
    fn checkout_without_git_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let said = commit(None, Some(folder.path()));
        assert!(said.starts_with("unknown: the checkout") && said.contains("no git repository"), "{said}");
        assert!(module(folder.path()).contains("not built yet"));
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        assert!(commit(None, Some(folder.path())).starts_with("unknown: "), "an empty .git is no repository");
    }

    #[test]
    fn module_is_named_by_its_hash() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("build")).unwrap();
        std::fs::write(folder.path().join("build/index_bg.wasm"), "abc").unwrap();
        assert!(module(folder.path()).starts_with("module sha256:ba7816bf8f01cfea in "));
    }
}
