//! A running `dev`, found by the file in its state folder.
//!
//! The file decides where a token is sent. So it is trusted only if other users cannot write it, and only for an address of
//! this machine; token and root are the files beside it, whatever paths it has.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, geteuid, test_kill_process};
use serde::Deserialize;
use url::Url;

use crate::common::shell::quoted;
use crate::common::web::{Unreachable, is_loopback};

/// The file that `dev` writes.
const FILE: &str = "dev.json";
/// Largest file read.
const MAX_BYTES: u64 = 64 * 1024;

/// A `dev` running on this machine.
#[derive(Debug)]
pub struct RunningDev {
    /// Its URL.
    pub url: String,
    /// Its address on this machine.
    pub address: Option<SocketAddr>,
    /// The root to trust for https.
    pub root: PathBuf,
    /// The file with its admin token.
    pub token_file: PathBuf,
}

/// The members of the file that are read.
#[derive(Debug, Deserialize)]
struct DevFile {
    directory: String,
    address: Option<SocketAddr>,
    pid: i32,
}

impl RunningDev {
    /// Finds the running `dev` of this state folder.
    ///
    /// # Errors
    /// When the file is unreadable, writable by others, or names another machine.
    pub fn running(state: &Path) -> Result<Option<Self>> {
        let path = state.join(FILE);
        // A link would lead to a file whose folder was not checked.
        let opened = rustix::fs::open(&path, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK, Mode::empty());
        let file = match opened.map_err(std::io::Error::from) {
            Ok(file) => File::from(file),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let folder = fs::metadata(state).with_context(|| format!("cannot inspect {}", state.display()))?;
        own(state, &folder)?;
        own(&path, &file.metadata()?)?;
        let mut text = String::new();
        file.take(MAX_BYTES).read_to_string(&mut text).with_context(|| format!("cannot read {}", path.display()))?;
        let said: DevFile =
            serde_json::from_str(&text).with_context(|| format!("{} cannot be read", path.display()))?;
        // A killed `dev` leaves its file behind.
        let runs = |pid| match test_kill_process(pid) {
            Ok(()) | Err(rustix::io::Errno::PERM) => true,
            Err(_) => false,
        };
        if !Pid::from_raw(said.pid).is_some_and(runs) {
            return Ok(None);
        }
        let url = said.directory.strip_suffix("/directory").unwrap_or(&said.directory).to_owned();
        let local = match said.address {
            Some(address) => address.ip().is_loopback(),
            None => Url::parse(&url).is_ok_and(|url| is_loopback(&url)),
        };
        if !local {
            bail!(Unreachable(format!(
                "the `dev` of {} listens at an address other than loopback (127.0.0.1); to use it, pass it explicitly: \
                 --url {url} --token-file {} --root {}",
                state.display(),
                quoted(&state.join("admin.token")),
                quoted(&state.join("root.pem"))
            )));
        }
        Ok(Some(Self {
            url,
            address: said.address,
            root: state.join("root.pem"),
            token_file: state.join("admin.token"),
        }))
    }
}

/// Refuses a path of another user, or writable by others.
fn own(path: &Path, about: &fs::Metadata) -> Result<()> {
    let (user, mode) = (geteuid().as_raw(), about.mode() & 0o7777);
    let why = if about.uid() != user {
        format!("belongs to another user (uid {}; yours is {user})", about.uid())
    } else if mode & 0o022 != 0 {
        format!("is writable by others (mode {mode:03o}); close it with `chmod go-w {}`", quoted(path))
    } else {
        return Ok(());
    };
    bail!(Unreachable(format!(
        "{} {why}. It is not trusted, since it decides where your token is sent: pass the authority's URL with --url, \
         or choose another state folder with --state DIR",
        path.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn folder(json: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        fs::create_dir(&state).unwrap();
        fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(state.join(FILE), json).unwrap();
        (dir, state)
    }

    fn json(directory: &str, address: Option<&str>) -> String {
        let pid = std::process::id();
        let said = serde_json::json!({"directory": directory, "address": address, "pid": pid,
                                      "root": "/elsewhere/root.pem", "admin_token": "/elsewhere/token"});
        said.to_string()
    }

    fn refused(state: &Path) -> String {
        let error = RunningDev::running(state).unwrap_err();
        assert!(error.downcast_ref::<Unreachable>().is_some());
        error.to_string()
    }

    #[test]
    fn token_and_root_are_the_files_beside_dev_json() {
        let (_dir, state) = folder(&json("https://ca.lan:1/directory", Some("127.0.0.1:1")));
        let dev = RunningDev::running(&state).unwrap().unwrap();
        assert_eq!((dev.url.as_str(), dev.address), ("https://ca.lan:1", Some("127.0.0.1:1".parse().unwrap())));
        assert_eq!((dev.root, dev.token_file), (state.join("root.pem"), state.join("admin.token")));
        assert!(RunningDev::running(Path::new("/no/such")).unwrap().is_none());
    }

    #[test]
    fn only_loopback_addresses_are_trusted() {
        for (directory, address, local) in [
            ("https://127.0.0.1:1/directory", None, true),
            ("https://localhost:1/directory", None, true),
            ("https://evil.example/directory", None, false),
            ("https://127.0.0.1.evil.example/directory", None, false),
            ("https://127.0.0.1:1/directory", Some("192.0.2.1:1"), false),
            ("https://evil.example/directory", Some("[::1]:1"), true),
        ] {
            let (_dir, state) = folder(&json(directory, address));
            if local {
                assert!(RunningDev::running(&state).unwrap().is_some(), "{directory} {address:?}");
            } else {
                assert!(refused(&state).contains("--url"), "{directory} {address:?}");
            }
        }
    }

    #[test]
    fn files_writable_by_others_are_not_trusted() {
        let good = json("https://127.0.0.1:1/directory", Some("127.0.0.1:1"));
        for (file, mode) in [("", 0o770), ("", 0o777), ("", 0o702), (FILE, 0o664), (FILE, 0o606)] {
            let (_dir, state) = folder(&good);
            fs::set_permissions(state.join(file), fs::Permissions::from_mode(mode)).unwrap();
            let said = refused(&state);
            assert!(said.contains("is writable by others") && said.contains("chmod go-w"), "{file} {mode:o}: {said}");
        }
        // Others may read.
        let (_dir, state) = folder(&good);
        fs::set_permissions(&state, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(RunningDev::running(&state).unwrap().is_some());
        let (_dir, state) = folder(&good);
        fs::rename(state.join(FILE), state.join("real")).unwrap();
        std::os::unix::fs::symlink(state.join("real"), state.join(FILE)).unwrap();
        assert!(RunningDev::running(&state).is_err());
        // Only root can change a file's owner.
        let (_dir, state) = folder(&good);
        if geteuid().is_root() {
            for given in [state.clone(), state.join(FILE)] {
                std::os::unix::fs::chown(&given, Some(4_242), None).unwrap();
                assert!(refused(&state).contains("belongs to another user (uid 4242"), "{given:?}");
                std::os::unix::fs::chown(&given, Some(0), None).unwrap();
            }
        }
    }
}
