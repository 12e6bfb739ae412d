//! What the wasm module was built from, as one hash: equal means that a build would give the same again.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use selvedge::values::hex;
use sha2::{Digest, Sha256};

/// The files beside `src/` on which the wasm depends. `wrangler.toml` is not among them: it says where the
/// module runs, not what is in it.
const FILES: [&str; 6] = [
    "Cargo.toml",
    "Cargo.lock",
    "package-lock.json", // the versions of wasm-opt and esbuild
    "rust-toolchain.toml",
    "rust-toolchain",
    ".cargo/config.toml",
];

/// The hash of bytes, in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes))
}

/// The hash of every source of the wasm module in the repository `root`, and of `settings`: everything else
/// on which the result depends.
///
/// Files named `tests.rs` are left out: they are test modules, never part of the module that is built.
///
/// # Errors
/// When a source cannot be read.
pub fn of_sources(root: &Path, settings: &str) -> Result<String> {
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files)?;
    files.extend(FILES.iter().map(|name| root.join(name)).filter(|file| file.is_file()));
    files.sort();
    let mut hash = Sha256::new();
    add(&mut hash, settings.as_bytes());
    for file in files {
        let content = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        // Relative, so that a repository that was moved is not built again.
        let name = file.strip_prefix(root).unwrap_or(&file);
        add(&mut hash, name.as_os_str().as_encoded_bytes());
        add(&mut hash, &content);
    }
    Ok(hex::encode(&hash.finalize()))
}

/// One part, with its length: so that no two lists of parts hash the same bytes.
fn add(hash: &mut Sha256, part: &[u8]) {
    hash.update(part.len().to_string());
    hash.update(b":");
    hash.update(part);
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let problem = || format!("cannot read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(problem)? {
        let path = entry.with_context(problem)?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.file_name().is_none_or(|name| name != "tests.rs") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("src/acme")).unwrap();
        fs::write(root.path().join("src/lib.rs"), "mod acme;").unwrap();
        fs::write(root.path().join("src/acme/mod.rs"), "").unwrap();
        fs::write(root.path().join("Cargo.toml"), "[package]").unwrap();
        root
    }

    #[test]
    fn a_copy_elsewhere_has_the_same_fingerprint() {
        let (one, other) = (repository(), repository());
        assert_eq!(of_sources(one.path(), "s").unwrap(), of_sources(other.path(), "s").unwrap());
    }

    #[test]
    fn every_change_that_matters_changes_it() {
        let root = repository();
        let root = root.path();
        let mut seen = vec![of_sources(root, "s").unwrap(), of_sources(root, "other settings").unwrap()];
        let changes: [(&str, &str); 5] = [
            ("src/lib.rs", "mod acme; // changed"),
            ("src/acme/order.rs", ""),
            ("Cargo.toml", "[package] # changed"),
            ("Cargo.lock", ""),
            ("package-lock.json", "{}"),
        ];
        for (file, content) in changes {
            fs::write(root.join(file), content).unwrap();
            let now = of_sources(root, "s").unwrap();
            assert!(!seen.contains(&now), "{file} must count");
            seen.push(now);
        }
        fs::rename(root.join("src/acme/order.rs"), root.join("src/acme/orders.rs")).unwrap();
        assert!(!seen.contains(&of_sources(root, "s").unwrap()), "a name must count");
    }

    #[test]
    fn what_is_not_built_does_not_change_it() {
        let root = repository();
        let before = of_sources(root.path(), "s").unwrap();
        for file in ["README.md", "wrangler.toml", "src/acme/tests.rs"] {
            fs::write(root.path().join(file), "changed").unwrap();
        }
        assert_eq!(of_sources(root.path(), "s").unwrap(), before);
    }

    /// [`of_sources`] leaves `tests.rs` files out: that is right only while they are test modules.
    #[test]
    fn tests_files_are_test_modules() {
        let mut sources = Vec::new();
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut sources).unwrap();
        for source in sources.iter().filter(|file| file.extension().is_some_and(|kind| kind == "rs")) {
            let text = fs::read_to_string(source).unwrap();
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            for (at, line) in lines.iter().enumerate() {
                if line.ends_with("mod tests;") {
                    let before = at.checked_sub(1).map_or("", |at| lines[at]);
                    assert!(before.starts_with("#[cfg(") && before.contains("test"), "{}: {line}", source.display());
                }
            }
        }
    }

    #[test]
    fn digests_are_sha_256() {
        assert_eq!(digest(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
