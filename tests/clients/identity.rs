//! Client certificates at servers that take the common name as the user (FB-03).
//!
//! They are PostgreSQL's method `cert` and mosquitto's `use_identity_as_username`, both from Debian's packages.

use crate::common::packages::debian;
use crate::common::packages::postgres::Postgres;
use crate::common::server::{Server, free_port, signal};
use crate::common::wire::{Wire, body};
use selvedge::ca::testing::CsrShape;
use selvedge::jose::testing::ClientKey;
use selvedge::values::{SigAlg, b64};
use serde_json::json;
use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Names that need no proof, so that no challenge is in the way.
const POLICY: &str = r#"POLICY={"preauthorized":["*.corp.test","localhost"]}"#;

/// A name without a place in a common name, which has at most 64 characters.
const LONG: &str = "a-name-with-more-characters-than-a-common-name-can-have.but-valid.corp.test";

/// A CA with an account, and the files that it gave.
struct Fixture {
    folder: PathBuf,
    wire: Wire,
    server: Server,
    _state: tempfile::TempDir,
}

/// A certificate with its chain, and its key: PEM files.
struct Identity {
    certificate: PathBuf,
    key: PathBuf,
}

impl Fixture {
    fn start() -> Self {
        let state = tempfile::tempdir().unwrap();
        let server = Server::start_with(state.path(), 0, &["--set", POLICY]);
        let mut wire = Wire::new(server.fact("directory"), server.fact("root"));
        wire.register();
        Self { folder: state.path().to_owned(), wire, server, _state: state }
    }

    fn root(&self) -> &Path {
        Path::new(self.server.fact("root"))
    }

    /// Obtains a certificate of this profile for a name.
    fn issue(&self, profile: &str, name: &str, alg: SigAlg) -> Identity {
        let wanted = json!({ "identifiers": [{ "type": "dns", "value": name }], "profile": profile });
        let order = body(&self.wire.post(&self.wire.url("/acme/new-order"), Some(wanted)));
        assert_eq!(order["status"], "ready", "{order}");
        let key = ClientKey::generate(alg);
        let csr = json!({ "csr": b64::encode(&CsrShape::dns(&[name]).build(key.native())) });
        let finished = body(&self.wire.post(order["finalize"].as_str().unwrap(), Some(csr)));
        let chain = self.wire.post(finished["certificate"].as_str().unwrap(), None);
        let file = |kind: &str, text: &str| {
            let path = self.folder.join(format!("{profile}-{name}-{alg:?}.{kind}"));
            fs::write(&path, text).unwrap();
            path
        };
        let key = file("key", &key.native().to_pkcs8_pem().unwrap());
        Identity { certificate: file("crt", chain.body()), key }
    }
}

fn output_text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn fb03_postgresql_authenticates_users_by_certificate() {
    let fixture = Fixture::start();
    let own = fixture.issue("default", "localhost", SigAlg::Es256);
    let tls = [
        ("ssl_cert_file", own.certificate.as_path()),
        ("ssl_key_file", own.key.as_path()),
        ("ssl_ca_file", fixture.root()),
    ];
    let access = ["hostssl all all 127.0.0.1/32 cert"];
    let postgres = Postgres::start(&fixture.folder.join("postgres"), free_port(), &tls, &access);
    for user in ["db.corp.test", "rsa.corp.test", LONG] {
        let made = postgres.as_owner(&format!("create role \"{user}\" login"));
        assert!(made.status.success(), "{}", output_text(&made));
    }
    let ask = |user: &str, identity: Option<&Identity>| {
        let identity = identity.map(|identity| (identity.certificate.as_path(), identity.key.as_path()));
        let sql = "select current_user, client_dn from pg_stat_ssl where pid = pg_backend_pid()";
        postgres.over_tls(user, fixture.root(), identity, sql)
    };
    let db = fixture.issue("client", "db.corp.test", SigAlg::Es256);
    for (user, identity) in
        [("db.corp.test", &db), ("rsa.corp.test", &fixture.issue("client", "rsa.corp.test", SigAlg::Rs256))]
    {
        let answer = ask(user, Some(identity));
        assert!(answer.status.success(), "{}\n{}", output_text(&answer), postgres.log());
        assert_eq!(String::from_utf8_lossy(&answer.stdout).trim(), format!("{user}|/CN={user}"));
    }
    for (user, identity, why) in [
        ("rsa.corp.test", Some(&db), "certificate authentication failed"),
        ("db.corp.test", None, "requires a valid client certificate"),
        // A server's certificate has another purpose, and no common name.
        ("db.corp.test", Some(&fixture.issue("default", "db.corp.test", SigAlg::Es256)), "SSL"),
        // There is nothing to know this one by.
        (LONG, Some(&fixture.issue("client", LONG, SigAlg::Es256)), "certificate authentication failed"),
    ] {
        let answer = ask(user, identity);
        assert!(
            !answer.status.success() && output_text(&answer).contains(why),
            "{user}, {why}: {}",
            output_text(&answer)
        );
    }
}

/// A mosquitto that listens for TLS, ended when dropped.
struct Mosquitto {
    child: Child,
    log: PathBuf,
    port: u16,
    root: PathBuf,
}

/// A program of mosquitto's packages, with the libraries that this system lacks.
fn program(package: &str, path: &str) -> Command {
    let root = debian::native(package).root;
    let libraries = fs::read_dir(root.join("usr/lib")).into_iter().flatten().map(|entry| entry.unwrap().path());
    let libraries: Vec<String> = libraries.map(|folder| folder.to_str().unwrap().to_owned()).collect();
    let there = root.join(path);
    let mut command = Command::new(if there.is_file() { there } else { Path::new("/").join(path) });
    command.env("LD_LIBRARY_PATH", libraries.join(":")).stdin(Stdio::null());
    command
}

impl Mosquitto {
    fn start(fixture: &Fixture, own: &Identity) -> Self {
        let (port, log) = (free_port(), fixture.folder.join("mosquitto.log"));
        let file = |name: &str, text: String| {
            let path = fixture.folder.join(name);
            fs::write(&path, text).unwrap();
            path
        };
        // Each may do something with what is below its own name only.
        let access = file("mosquitto.acl", "pattern readwrite %u/#\n".to_owned());
        let configuration = format!(
            "user root\nlistener {port} 127.0.0.1\ncafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\n\
             use_identity_as_username true\nacl_file {}\nlog_dest stderr\nlog_type all\npersistence false\n",
            fixture.root().display(),
            own.certificate.display(),
            own.key.display(),
            access.display(),
        );
        let configuration = file("mosquitto.conf", configuration);
        let output = File::create(&log).unwrap();
        let mut command = program("mosquitto", "usr/sbin/mosquitto");
        command.arg("-c").arg(configuration).stdout(output.try_clone().unwrap()).stderr(output);
        let mut mosquitto = Self { child: command.spawn().unwrap(), log, port, root: fixture.root().to_owned() };
        for _ in 0..600 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return mosquitto;
            }
            let ended = mosquitto.child.try_wait().unwrap();
            assert!(ended.is_none(), "mosquitto ended with {ended:?}:\n{}", mosquitto.log());
            sleep(Duration::from_millis(50));
        }
        panic!("mosquitto did not come up:\n{}", mosquitto.log());
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Has this client publish a message that stays, and confirms it.
    fn publish(&self, client: &str, identity: &Identity, topic: &str) -> Output {
        let mut command = program("mosquitto-clients", "usr/bin/mosquitto_pub");
        command.args(["-h", "localhost", "-p", &self.port.to_string(), "-q", "1", "-i", client, "-V", "5"]);
        command.args(["-t", topic, "-m", "hello", "--cafile"]).arg(&self.root);
        command.arg("--cert").arg(&identity.certificate).arg("--key").arg(&identity.key);
        command.output().unwrap()
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        signal("TERM", u64::from(self.child.id()));
        for _ in 0..100 {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn fb03_mosquitto_uses_the_common_name_as_user() {
    let fixture = Fixture::start();
    let mosquitto = Mosquitto::start(&fixture, &fixture.issue("default", "localhost", SigAlg::Es256));
    let sensor = fixture.issue("client", "sensor.corp.test", SigAlg::Es256);
    let sent = mosquitto.publish("one", &sensor, "sensor.corp.test/state");
    assert!(sent.status.success(), "{}\n{}", output_text(&sent), mosquitto.log());
    assert!(
        !output_text(&sent).contains("not authorized") && !output_text(&sent).contains("Warning"),
        "{}",
        output_text(&sent)
    );
    assert!(mosquitto.log().contains("u'sensor.corp.test'"), "{}", mosquitto.log());
    // What is another's is not its own.
    let foreign = mosquitto.publish("two", &sensor, "valve.corp.test/state");
    assert!(output_text(&foreign).contains("uthori"), "{}\n{}", output_text(&foreign), mosquitto.log());
    // Without a common name there is no user.
    for (n, identity) in
        [fixture.issue("client", LONG, SigAlg::Es256), fixture.issue("default", "valve.corp.test", SigAlg::Es256)]
            .iter()
            .enumerate()
    {
        let nameless = mosquitto.publish(&format!("nameless-{n}"), identity, "valve.corp.test/state");
        assert!(!nameless.status.success(), "{}\n{}", output_text(&nameless), mosquitto.log());
    }
}
