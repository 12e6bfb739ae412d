//! How this program was started: from cargo's target folder, or installed.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Most folders between the program and the top of a target folder.
const DEPTH: usize = 5;

/// Files that cargo puts at the top of a target folder.
///
/// A copy of the folder may lack the first.
const MARKS: [&str; 2] = ["CACHEDIR.TAG", ".rustc_info.json"];

/// The words that start the companion in a shell.
///
/// They are `cargo run --` for a program in cargo's target folder, else `selvedge`.
pub fn companion() -> &'static str {
    static WORDS: OnceLock<&str> = OnceLock::new();
    WORDS.get_or_init(|| {
        let program = std::env::current_exe().ok();
        if program.is_some_and(|program| target_folder(&program).is_some()) { "cargo run --" } else { "selvedge" }
    })
}

/// Cargo's target folder around a program.
pub fn target_folder(program: &Path) -> Option<PathBuf> {
    let marked = |folder: &&Path| MARKS.iter().any(|mark| folder.join(mark).is_file());
    program.ancestors().skip(1).take(DEPTH).find(marked).map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_folder_is_known_by_its_mark() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("debug/deps/selvedge");
        assert_eq!(target_folder(&program), None);
        std::fs::write(folder.path().join("CACHEDIR.TAG"), "").unwrap();
        assert_eq!(target_folder(&program).as_deref(), Some(folder.path()));
        assert_eq!(companion(), "cargo run --", "tests run from a target folder");
    }
}
