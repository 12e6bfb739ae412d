//! One hash of everything that the wasm module was built from.
//!
//! An equal hash means that a build would give the same module. The compiler reports the files that it read. So test
//! doubles, unit tests and code for the companion only never cause another build. A new module does, by the `mod`
//! line that names it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use selvedge::values::hex;
use sha2::{Digest, Sha256};

/// The files beside `src/` on which the wasm depends.
///
/// `wrangler.toml` is not among them: it determines where the module runs, not its content.
const FILES: [&str; 9] = [
    "Cargo.toml",
    "module/Cargo.toml",
    "module/shim.js",
    "tools/bindgen/Cargo.lock", // the version of wasm-bindgen
    "Cargo.lock",
    "package-lock.json", // the versions of wasm-opt and esbuild
    "rust-toolchain.toml",
    "rust-toolchain",
    ".cargo/config.toml",
];

/// The folders whose files may become part of the wasm module.
const FOLDERS: [&str; 2] = ["src", "module/src"];

/// The hash of bytes, in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes))
}

/// The sources that the compiler read for a build, from its dep-info file.
///
/// Cargo writes that file (`.d`) beside the result. Sources in the repository `root` are relative to it: a moved
/// repository is not built again.
pub fn compiled_sources(dep_info: &str, root: &Path) -> Vec<PathBuf> {
    // One rule, `result: source source`, in which a space of a path follows a backslash.
    let (_, sources) = dep_info.lines().next().and_then(|rule| rule.split_once(": ")).unwrap_or_default();
    let sources = sources.replace("\\ ", "\0");
    let sources = sources.split(' ').filter(|source| !source.is_empty()).map(|source| source.replace('\0', " "));
    let relative = |source: String| {
        let source = PathBuf::from(source);
        source.strip_prefix(root).map(Path::to_path_buf).unwrap_or(source)
    };
    sources.map(relative).collect()
}

/// Digests, at one moment, of all files that may become part of the wasm module.
pub struct Sources(BTreeMap<PathBuf, String>);

impl Sources {
    /// Reads the files below the sources' folders of the repository `root`, and `more` files.
    ///
    /// `more` has paths as [`compiled_sources`] returns them.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read(root: &Path, more: &[PathBuf]) -> Result<Self> {
        let mut files = Vec::new();
        for folder in FOLDERS.map(|folder| root.join(folder)).iter().filter(|folder| folder.is_dir()) {
            collect(folder, &mut files)?;
        }
        let more = FILES.iter().map(Path::new).chain(more.iter().map(PathBuf::as_path));
        files.extend(more.map(|file| root.join(file)).filter(|file| file.is_file()));
        let mut digests = BTreeMap::new();
        for file in files {
            let content = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let name = file.strip_prefix(root).unwrap_or(&file);
            let is_rust = name.extension().is_some_and(|kind| kind == "rs");
            let linked = if is_rust { without_tests(&content) } else { content.as_slice() };
            digests.insert(name.to_path_buf(), digest(linked));
        }
        Ok(Self(digests))
    }

    /// The hash of the `compiled` sources, the manifests and `settings`.
    ///
    /// A build depends on all of these. A source that did not exist when the files were read counts by its name.
    pub fn fingerprint(&self, compiled: &[PathBuf], settings: &str) -> String {
        let mut names: Vec<&Path> = FILES.iter().map(Path::new).filter(|file| self.0.contains_key(*file)).collect();
        names.extend(compiled.iter().map(PathBuf::as_path));
        names.sort_unstable();
        names.dedup();
        let mut hash = Sha256::new();
        add(&mut hash, settings.as_bytes());
        for name in names {
            add(&mut hash, name.as_os_str().as_encoded_bytes());
            add(&mut hash, self.0.get(name).map_or(&[], |digest| digest.as_bytes()));
        }
        hex::encode(&hash.finalize())
    }
}

/// A source without the unit tests at its end.
///
/// Earlier tests stay: the module contains the numbers of the lines after them.
fn without_tests(source: &[u8]) -> &[u8] {
    const BEGIN: &[u8] = b"\n#[cfg(test)]\nmod tests {\n";
    const END: &[u8] = b"\n}\n";
    let find = |text: &[u8], wanted: &[u8]| text.windows(wanted.len()).position(|window| window == wanted);
    let Some((code, tests)) = find(source, BEGIN).and_then(|at| source.split_at_checked(at)) else { return source };
    let ends = find(tests, END).is_some_and(|at| at + END.len() == tests.len());
    if ends { code } else { source }
}

/// Adds one part, preceded by its length. So different lists of parts never hash the same bytes.
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
        } else {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPILED: [&str; 4] = ["module/src/lib.rs", "src/lib.rs", "src/acme/mod.rs", "src/acme/page.css"];

    fn repository() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (file, content) in [
            ("module/src/lib.rs", "pub use selvedge::*;\n"),
            ("src/lib.rs", "mod acme;\n"),
            ("src/acme/mod.rs", "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    fn t() {}\n}\n"),
            ("src/acme/page.css", "a {}"),
            ("src/acme/testing.rs", "fn double() {}\n"),
            ("src/acme/jws/tests/splices.rs", "fn t() {}\n"),
            ("Cargo.toml", "[package]"),
        ] {
            write(root.path(), file, content);
        }
        root
    }

    fn write(root: &Path, file: &str, content: &str) {
        fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
        fs::write(root.join(file), content).unwrap();
    }

    fn fingerprint(root: &Path, compiled: &[&str]) -> String {
        let compiled: Vec<PathBuf> = compiled.iter().map(PathBuf::from).collect();
        Sources::read(root, &compiled).unwrap().fingerprint(&compiled, "s")
    }

    #[test]
    fn a_copy_elsewhere_has_the_same_fingerprint() {
        let (one, other) = (repository(), repository());
        assert_eq!(fingerprint(one.path(), &COMPILED), fingerprint(other.path(), &COMPILED));
    }

    #[test]
    fn every_change_that_matters_changes_it() {
        let root = repository();
        let root = root.path();
        let compiled = COMPILED.map(PathBuf::from);
        let other = Sources::read(root, &compiled).unwrap().fingerprint(&compiled, "other settings");
        let mut seen = vec![fingerprint(root, &COMPILED), other];
        assert_ne!(seen[0], seen[1], "settings must count");
        for (file, content) in [
            ("src/acme/mod.rs", "fn f() { g() }\n\n#[cfg(test)]\nmod tests {\n    fn t() {}\n}\n"),
            ("src/acme/mod.rs", "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    fn t() {}\n}\n\nfn behind() {}\n"),
            ("src/acme/page.css", "b {}"),
            ("Cargo.toml", "[package] # changed"),
            ("Cargo.lock", ""),
            ("package-lock.json", "{}"),
            // A new module: the line that declares it.
            ("src/lib.rs", "mod acme;\nmod order;\n"),
        ] {
            write(root, file, content);
            let now = fingerprint(root, &COMPILED);
            assert!(!seen.contains(&now), "{file} must count");
            seen.push(now);
        }
        fs::rename(root.join("src/acme/page.css"), root.join("src/acme/site.css")).unwrap();
        let renamed = fingerprint(root, &["src/lib.rs", "src/acme/mod.rs", "src/acme/site.css"]);
        assert!(!seen.contains(&renamed), "a name must count");
        fs::remove_file(root.join("src/acme/mod.rs")).unwrap();
        assert!(!seen.contains(&fingerprint(root, &COMPILED)), "a source that is gone must count");
        assert!(!seen.contains(&fingerprint(root, &["src/lib.rs"])), "another list must count");
    }

    #[test]
    fn files_made_during_a_build_cause_another() {
        let root = repository();
        let before = Sources::read(root.path(), &[]).unwrap();
        write(root.path(), "src/order.rs", "fn f() {}\n");
        let compiled = [PathBuf::from("src/lib.rs"), PathBuf::from("src/order.rs")];
        let after = fingerprint(root.path(), &["src/lib.rs", "src/order.rs"]);
        assert_ne!(before.fingerprint(&compiled, "s"), after);
    }

    #[test]
    fn first_build_needs_no_second() {
        let root = repository();
        let compiled: Vec<PathBuf> = COMPILED.iter().map(PathBuf::from).collect();
        // No list of sources yet: what the compiler read is known afterwards.
        let before = Sources::read(root.path(), &[]).unwrap().fingerprint(&compiled, "s");
        assert_eq!(before, fingerprint(root.path(), &COMPILED));
    }

    #[test]
    fn tests_and_doubles_do_not_change_it() {
        let root = repository();
        let before = fingerprint(root.path(), &COMPILED);
        for (file, content) in [
            ("README.md", "changed"),
            ("wrangler.toml", "changed"),
            ("src/acme/testing.rs", "fn other_double() {}\n"),
            ("src/acme/jws/tests/splices.rs", "fn other() {}\n"),
            ("src/acme/tests.rs", "fn t() {}\n"),
            ("src/acme/mod.rs", "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    fn t() {}\n\n    fn u() {}\n}\n"),
        ] {
            write(root.path(), file, content);
            assert_eq!(fingerprint(root.path(), &COMPILED), before, "{file}");
        }
    }

    #[test]
    fn dep_info_is_read() {
        let line = "/a b/target/selvedge.wasm: /r/src/lib.rs /r/src/a\\ b.rs /elsewhere/c.txt\n";
        let read = compiled_sources(line, Path::new("/r"));
        assert_eq!(read, ["src/lib.rs", "src/a b.rs", "/elsewhere/c.txt"].map(PathBuf::from));
        assert!(compiled_sources("", Path::new("/r")).is_empty());
    }

    #[test]
    fn digests_are_sha_256() {
        assert_eq!(digest(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
