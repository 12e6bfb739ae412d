//! A CA on real workerd, the companion's commands, and real clients.

use crate::common::companion::companion;
use crate::common::packages::debian;
use crate::common::packages::venv::venv;
use crate::common::server::Server;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A CA that is run, and who runs it.
pub struct Fixture {
    pub server: Server,
    pub folder: TempDir,
}

impl Fixture {
    /// With these variables and secrets.
    pub fn start(set: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let set: Vec<&str> = set.iter().flat_map(|assignment| ["--set", assignment]).collect();
        Self { server: Server::start_with(folder.path(), 0, &set), folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// One of the companion's commands; its answer, as JSON.
    pub fn selvedge(&self, arguments: &[&str]) -> Value {
        let text = self.human_output(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
    }

    /// As [`Fixture::selvedge`], as people read it.
    pub fn human_output(&self, arguments: &[&str]) -> String {
        let mut command = companion();
        command.args(arguments).arg("--state").arg(self.path("ca"));
        // Where somebody who tries this has them set, they are about another CA.
        run(command.env_remove("SELVEDGE_URL").env_remove("SELVEDGE_TOKEN"))
    }

    /// certbot with files of its own.
    pub fn certbot(&self, arguments: &[&str]) -> String {
        let program = venv("certbot", "certbot==5.8.0\n").join("bin/certbot");
        let mut command = Command::new(program);
        command.args(arguments).args(["-n", "--server", self.server.fact("directory")]);
        for option in ["--config-dir", "--work-dir", "--logs-dir"] {
            command.arg(option).arg(self.path("certbot"));
        }
        run(command.env("REQUESTS_CA_BUNDLE", self.server.fact("root")))
    }

    /// lego with files of its own.
    pub fn lego(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(debian::release("lego", "4.").root.join("usr/bin/lego"));
        command.args(["--server", self.server.fact("directory"), "--accept-tos", "--email", "you@example.test"]);
        command.arg("--path").arg(self.path("lego")).args(arguments);
        run(command.env("LEGO_CA_CERTIFICATES", self.server.fact("root")))
    }

    /// The certificates that are found so.
    pub fn certificates(&self, filter: &[&str]) -> Vec<Value> {
        let found = self.selvedge(&[&["certs", "list"], filter].concat());
        found["certificates"].as_array().unwrap().clone()
    }
}

/// What a program says, which has to succeed.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{said}", command.get_program().display());
    if output.stderr.is_empty() { String::from_utf8_lossy(&output.stdout).into_owned() } else { said }
}

/// What OpenSSL says of a certificate.
pub fn openssl(arguments: &[&str], file: &Path) -> String {
    run(Command::new("openssl").args(["x509", "-noout", "-in"]).arg(file).args(arguments))
}
