//! Conditions that tests of whole commands cannot cause, as a failure of the last step.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::{Resource, getrlimit};

use super::folder::{CaFolder, NewFile, issuer_file, setting};
use super::{names, passphrase};
use crate::common::config_edit::ConfigEdit;
use crate::common::host::disable_core_dumps;

const WRANGLER: &str = "name = \"x\" # kept\n";

fn files() -> [NewFile; 2] {
    [NewFile::secret("issuer.key", "secret".to_owned()), NewFile::public("issuer.pem", "public")]
}

fn folder(dir: &Path) -> CaFolder {
    CaFolder::open(&dir.join("ca")).unwrap()
}

#[test]
fn failed_write_of_settings_removes_the_keys() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("wrangler.toml");
    fs::write(&file, WRANGLER).unwrap();
    let settings = ConfigEdit::read(&file).unwrap();
    // No file can be renamed to a folder with content: only the last step fails.
    fs::remove_file(&file).unwrap();
    fs::create_dir_all(file.join("in the way")).unwrap();
    let said = format!("{:#}", folder(dir.path()).write(&files(), Some(&settings)).unwrap_err());
    assert!(said.contains("wrangler.toml"), "{said}");
    assert!(!dir.path().join("ca").exists());
    assert!(!dir.path().join("wrangler.toml.part").exists());
    // An existing folder stays, with its content.
    fs::create_dir(dir.path().join("ca")).unwrap();
    fs::set_permissions(dir.path().join("ca"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(dir.path().join("ca/root.pem"), "old").unwrap();
    folder(dir.path()).write(&files(), Some(&settings)).unwrap_err();
    let left: Vec<_> = fs::read_dir(dir.path().join("ca")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["root.pem"]);
}

#[test]
fn set_left_by_a_crash_is_completed_by_the_next_command() {
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path()).write(&files(), None).unwrap();
    fs::create_dir(dir.path().join("ca/new-keys")).unwrap();
    fs::write(dir.path().join("ca/new-keys/issuer-2.key"), "2").unwrap();
    let folder = folder(dir.path());
    assert_eq!(folder.read("issuer-2.key").unwrap().as_deref(), Some("2"));
    let said = folder.write(&files(), None).unwrap_err().to_string();
    assert!(said.contains("issuer.key already exists"), "{said}");
}

#[test]
fn settings_are_found_in_every_form_of_the_table() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("wrangler.toml");
    for (text, wanted) in [
        (WRANGLER.to_owned(), "name = \"x\" # kept\n\n[vars]\n# Why.\nA = \"\"\"\n1\n2\n\"\"\"\n"),
        ("vars = { A = 'x', B = 1 } # inline\n".to_owned(), "A = \"\"\"\n1\n2\n\"\"\""),
        ("[vars]\nA = 'x' # it\n[vars.POLICY]\ndeny = []\n".to_owned(), "\"\"\" # it\n[vars.POLICY]"),
    ] {
        fs::write(&file, &text).unwrap();
        let mut settings = ConfigEdit::read(&file).unwrap();
        settings.set("A", "1\n2\n", "Why.").unwrap();
        assert_eq!(settings.get("A").unwrap(), Some("1\n2\n"));
        settings.stage().unwrap().commit().unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(wanted), "{text}");
        assert!(ConfigEdit::read(&file).unwrap().refuse_any(&["A".to_owned()]).is_err());
    }
    fs::write(&file, "vars = 3\n").unwrap();
    assert!(ConfigEdit::read(&file).unwrap_err().to_string().contains("vars is not a table"));
    fs::write(&file, "vars = \n").unwrap();
    assert!(ConfigEdit::read(&file).unwrap_err().to_string().contains("not valid TOML"));
}

#[test]
fn settings_behind_a_link_are_changed_where_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let (file, link) = (dir.path().join("real.toml"), dir.path().join("wrangler.toml"));
    fs::write(&file, WRANGLER).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let mut settings = ConfigEdit::read(&link).unwrap();
    settings.set("A", "1", "Why.").unwrap();
    settings.stage().unwrap().commit().unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read_to_string(&file).unwrap().contains("A = \"1\""));
}

#[test]
fn names_of_files_and_settings_have_the_issuers_number_from_the_second_on() {
    assert_eq!((issuer_file(1, "key"), issuer_file(9, "pem")), ("issuer.key".to_owned(), "issuer-9.pem".to_owned()));
    assert_eq!(
        (setting("ISSUER_KEY", 1), setting("ISSUER_KEY", 2)),
        ("ISSUER_KEY".to_owned(), "ISSUER_KEY_2".to_owned())
    );
    assert_eq!(
        (names::issuer_name("E", 1), names::issuer_name("E", 2)),
        ("E Issuing CA".into(), "E Issuing CA 2".into())
    );
}

#[test]
fn passphrase_is_one_line_and_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("p");
    for line_end in ["", "\n", "\r\n"] {
        fs::write(&file, format!(" twelve chars {line_end}")).unwrap();
        let read = passphrase::Passphrase::new("the root's key", Some(&file)).unwrap();
        assert_eq!((read.expose(), format!("{read:?}").as_str()), (" twelve chars ", "Passphrase"));
    }
    fs::write(&file, [0xff; 20]).unwrap();
    assert!(passphrase::Passphrase::new("the root's key", Some(&file)).unwrap_err().to_string().contains("not UTF-8"));
}

#[test]
fn core_dumps_are_disabled() {
    disable_core_dumps().unwrap();
    let limit = getrlimit(Resource::Core);
    assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
}
