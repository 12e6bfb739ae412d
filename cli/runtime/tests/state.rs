//! The state folder: one user at a time, files whole or not there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::runtime::state::{RUNNING, Readers, State};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn state_folder_is_locked_by_one_dev() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("a/b");
    let first = State::open(&folder).unwrap();
    let said = State::open(&folder).unwrap_err().to_string();
    assert!(said.contains(&format!("process {}", std::process::id())) && said.contains("--state"), "{said}");
    drop(first);
    State::open(&folder).unwrap();
}

#[test]
fn file_of_an_earlier_run_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(RUNNING), "{}").unwrap();
    let state = State::open(dir.path()).unwrap();
    assert_eq!(state.read(RUNNING).unwrap(), None);
}

#[test]
fn unusable_state_folder_is_refused_with_the_option() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for folder in [file.clone(), file.join("below"), "/proc/no/such".into()] {
        let said = format!("{:#}", State::open(&folder).unwrap_err());
        assert!(said.contains("state folder") && said.contains("--state"), "{said}");
    }
}

#[test]
fn state_folder_is_private() {
    let dir = tempfile::tempdir().unwrap();
    let open = |name: &str, bits: u32, files: &[&str]| {
        let folder = dir.path().join(name);
        fs::create_dir(&folder).unwrap();
        files.iter().for_each(|file| fs::write(folder.join(file), "").unwrap());
        fs::set_permissions(&folder, fs::Permissions::from_mode(bits)).unwrap();
        (State::open(&folder).map(|_| ()).map_err(|error| error.to_string()), mode(&folder))
    };
    let new = dir.path().join("a/b");
    State::open(&new).unwrap();
    assert_eq!((mode(&new), mode(&new.join("lock"))), (0o700, 0o600));
    // Of an earlier version, and one that was made for it.
    assert_eq!(open("old", 0o755, &["lock", "root.pem"]), (Ok(()), 0o700));
    assert_eq!(open("empty", 0o777, &[]), (Ok(()), 0o700));
    let (said, left) = open("shared", 0o755, &["letter"]);
    assert!(said.unwrap_err().contains("foreign files") && left == 0o755);
    if rustix::process::geteuid().is_root() {
        let folder = dir.path().join("theirs");
        fs::create_dir(&folder).unwrap();
        std::os::unix::fs::chown(&folder, Some(4_242), None).unwrap();
        assert!(State::open(&folder).unwrap_err().to_string().contains("belongs to another user (uid 4242"));
    }
}

#[test]
fn secrets_are_their_owners_only() {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(dir.path()).unwrap();
    // A crash may leave a part of another mode.
    fs::write(state.path("key.part"), "half").unwrap();
    state.write("key", "secret", Readers::Owner).unwrap();
    state.write("pem", "public", Readers::Everyone).unwrap();
    assert_eq!((mode(&state.path("key")), mode(&state.path("pem"))), (0o600, 0o644));
    assert_eq!(mode(&state.objects()), 0o700);
    assert_eq!(state.read("key").unwrap().as_deref(), Some("secret"));
    assert!(!state.path("key.part").exists());
}

#[test]
fn set_of_files_is_atomic() {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(dir.path()).unwrap();
    // Killed while writing: the partial set is ignored, and does not block the next one.
    fs::create_dir(state.path("set.part")).unwrap();
    fs::write(state.path("set.part/a"), "half").unwrap();
    state.set("set").finish().unwrap();
    assert_eq!(state.read("a").unwrap(), None);
    state.set("set").write(&[("a", "1", Readers::Owner), ("b", "2", Readers::Everyone)]).unwrap();
    assert_eq!((state.read("a").unwrap().as_deref(), state.read("b").unwrap().as_deref()), (Some("1"), Some("2")));
    assert_eq!(mode(&state.path("a")), 0o600);
    assert!(!state.path("set").exists() && !state.path("set.part").exists());
}

#[test]
fn written_set_is_completed_by_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(dir.path()).unwrap();
    // Killed between the two files.
    fs::create_dir(state.path("set")).unwrap();
    fs::write(state.path("a"), "1").unwrap();
    fs::write(state.path("set/b"), "2").unwrap();
    state.set("set").finish().unwrap();
    assert_eq!((state.read("a").unwrap().as_deref(), state.read("b").unwrap().as_deref()), (Some("1"), Some("2")));
    assert!(!state.path("set").exists());
}
