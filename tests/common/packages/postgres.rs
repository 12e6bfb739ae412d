//! PostgreSQL from Debian's packages with TLS: a cluster in its own folder, stopped when dropped.

use super::debian;
use rustix::process::{Pid, Signal, geteuid, kill_process};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// The user and group `nobody` of every Debian: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65534;

/// The database and its owner, who connects by the socket without a certificate.
pub const OWNER: &str = "owner";

/// A running cluster.
pub struct Postgres {
    child: Child,
    programs: Programs,
    /// Its folder, with its log and its socket.
    pub folder: PathBuf,
    /// Its port, at 127.0.0.1.
    pub port: u16,
}

/// PostgreSQL's programs with the libraries that this system lacks.
#[derive(Clone)]
struct Programs {
    bin: PathBuf,
    libraries: String,
}

impl Programs {
    fn fetch() -> Self {
        let root = debian::native("postgresql").root;
        // Where this system has some of it installed, that is not fetched again.
        let folders = [root.join("usr/lib/postgresql"), PathBuf::from("/usr/lib/postgresql")];
        let versions = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
        let bins = versions.map(|entry| entry.unwrap().path().join("bin"));
        let bin = bins.into_iter().find(|bin| bin.join("initdb").is_file() && bin.join("psql").is_file());
        let lib = root.join("usr/lib");
        let libraries = fs::read_dir(&lib).into_iter().flatten().map(|entry| entry.unwrap().path());
        let libraries: Vec<String> = libraries
            .filter(|folder| folder.to_string_lossy().ends_with("-linux-gnu"))
            .map(|folder| folder.to_str().unwrap().to_owned())
            .collect();
        Self { bin: bin.expect("postgresql's packages have initdb and psql"), libraries: libraries.join(":") }
    }

    /// One of them, as `nobody` where the tests run as root. It may go through folders that only root may, such as a home
    /// with the repository in it.
    fn command(&self, name: &str) -> Command {
        let program = self.bin.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"]);
            command.args(["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.env("LD_LIBRARY_PATH", &self.libraries).env("LC_ALL", "C").stdin(Stdio::null());
        command
    }
}

fn is_root() -> bool {
    geteuid().is_root()
}

impl Postgres {
    /// Starts a cluster in `folder`, which must not exist, on a free port.
    ///
    /// The settings of `postgresql.conf` are added to the needed ones; of TLS they are `ssl_cert_file`,
    /// `ssl_key_file`, `ssl_ca_file` and optionally `ssl_crl_file`, whose files are copied into the folder. `access`
    /// are the lines of `pg_hba.conf` for connections over TCP.
    pub fn start(folder: &Path, port: u16, settings: &[(&str, &Path)], access: &[&str]) -> Self {
        let programs = Programs::fetch();
        fs::create_dir(folder).unwrap();
        own(folder);
        let data = folder.join("data");
        let mut init = programs.command("initdb");
        init.args(["--auth=trust", "--no-sync", "--no-instructions", "--encoding=UTF8", "--username", OWNER]);
        run(init.arg("--pgdata").arg(&data));
        let mut text = String::new();
        for (name, file) in settings {
            let copy = folder.join(name);
            fs::copy(file, &copy).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();
            own(&copy);
            text += &format!("{name} = '{}'\n", copy.display());
        }
        text += &format!(
            "ssl = on\nlisten_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\nfsync = off\n\
             shared_buffers = 8MB\nmax_connections = 10\n",
            folder.display()
        );
        let conf = data.join("postgresql.conf");
        fs::write(&conf, fs::read_to_string(&conf).unwrap() + &text).unwrap();
        fs::write(data.join("pg_hba.conf"), format!("local all {OWNER} trust\n{}\n", access.join("\n"))).unwrap();
        let log = fs::File::create(folder.join("log")).unwrap();
        let mut command = programs.command("postgres");
        command.arg("-D").arg(&data).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap();
        let mut postgres = Self { child, programs, folder: folder.to_owned(), port };
        postgres.wait();
        postgres
    }

    fn wait(&mut self) {
        for _ in 0..600 {
            let status = self.child.try_wait().unwrap();
            assert!(status.is_none(), "PostgreSQL ended with {status:?}:\n{}", self.log());
            if self.as_owner("select 1").status.success() {
                return;
            }
            sleep(Duration::from_millis(100));
        }
        panic!("PostgreSQL did not come up in a minute:\n{}", self.log());
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Runs a statement as the owner of everything.
    pub fn as_owner(&self, sql: &str) -> Output {
        self.psql(&format!("host={} port={} user={OWNER} dbname=postgres", self.folder.display(), self.port), sql)
    }

    /// Runs a statement over TLS as `user`, optionally with a certificate and key.
    ///
    /// The server's certificate is verified for `localhost` against `root`.
    pub fn over_tls(&self, user: &str, root: &Path, identity: Option<(&Path, &Path)>, sql: &str) -> Output {
        let mut place = format!(
            "host=localhost hostaddr=127.0.0.1 port={} user={user} dbname=postgres sslmode=verify-full sslrootcert={} \
             connect_timeout=20",
            self.port,
            self.readable("root", root).display()
        );
        match identity {
            Some((certificate, key)) => {
                let (certificate, key) = (self.readable("client.crt", certificate), self.readable("client.key", key));
                place += &format!(" sslcert={} sslkey={}", certificate.display(), key.display());
            }
            // What is not there is not sent.
            None => place += &format!(" sslcert={0}/none sslkey={0}/none", self.folder.display()),
        }
        self.psql(&place, sql)
    }

    /// A copy that only psql's user may read, as psql wants keys to be.
    fn readable(&self, name: &str, file: &Path) -> PathBuf {
        let copy = self.folder.join(name);
        let _ = fs::remove_file(&copy);
        fs::copy(file, &copy).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();
        own(&copy);
        copy
    }

    fn psql(&self, place: &str, sql: &str) -> Output {
        let mut command = self.programs.command("psql");
        command.args([place, "--no-psqlrc", "--no-password", "--tuples-only", "--no-align", "--command", sql]);
        command.env("HOME", &self.folder).output().unwrap()
    }
}

impl Drop for Postgres {
    /// An immediate shutdown, which ends its processes too. `setpriv` becomes the program that it starts, so the child is it.
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::QUIT);
        for _ in 0..200 {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gives a file or folder to the user that PostgreSQL runs as.
fn own(path: &Path) {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}\n{output:?}");
}
