//! End to end: a log on workerd, checked by `selvedge log` and a stranger's program.

use crate::common::companion::companion;
use crate::common::packages::debian;
use crate::common::server::Server;
use crate::common::wire::{Wire, body};
use selvedge::pki::pem;
use selvedge::values::SigAlg;
use selvedge::values::native_crypto::NativeKey;
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

/// A CA with a log, and certificates of three names.
struct LoggingCa {
    folder: tempfile::TempDir,
    server: Server,
    wire: Wire,
}

impl LoggingCa {
    fn start() -> Self {
        Self::with(&[], |server| Wire::new(server.fact("directory"), server.fact("root")))
    }

    /// A CA of `dev` with these options too.
    fn with(options: &[&str], wire: fn(&Server) -> Wire) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = NativeKey::generate(SigAlg::Ed25519, &mut |bytes| getrandom::fill(bytes).unwrap()).unwrap();
        let file = folder.path().join("log.key");
        fs::write(&file, key.to_pkcs8_pem().unwrap()).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let key = format!("LOG_KEY=@{}", file.display());
        let server = Server::start_with(folder.path(), 0, &[options, &["--set", &key]].concat());
        let mut wire = wire(&server);
        wire.register();
        Self { folder, server, wire }
    }

    /// Issues a certificate into a file, and gives the URL of its proof.
    fn issue(&self, name: &str) -> String {
        let (_, order) = self.wire.ready_order(name, self.server.http01);
        let finalized = self.wire.post(order["finalize"].as_str().unwrap(), Some(self.wire.csr(name)));
        assert_eq!(body(&finalized)["status"], "valid", "{}", finalized.body());
        let chain = self.wire.post(body(&finalized)["certificate"].as_str().unwrap(), None);
        fs::write(self.folder.path().join(format!("{name}.pem")), chain.body()).unwrap();
        let der = pem::read_certificates(chain.body()).unwrap().remove(0);
        fs::write(self.folder.path().join(format!("{name}.der")), der).unwrap();
        let links: Vec<&str> = chain.headers().get_all("link").iter().map(|link| link.to_str().unwrap()).collect();
        let proof = links
            .iter()
            .find(|link| link.contains("https://c2sp.org/tlog-proof"))
            .unwrap_or_else(|| panic!("{links:?}"));
        proof.trim_start_matches('<').split('>').next().unwrap().to_owned()
    }

    fn log(&self, arguments: &[&str]) -> Output {
        companion().arg("log").args(arguments).current_dir(self.folder.path()).output().unwrap()
    }

    /// Runs a check that has to find nothing.
    fn fine(&self, arguments: &[&str]) -> Value {
        let output = self.log(&[arguments, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{arguments:?} {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// Writes the entry that OpenSSL takes out of a certificate to the file `entry`.
pub fn write_entry(folder: &Path, certificate: &str) {
    let script = format!(
        "openssl asn1parse -inform DER -in {certificate} -strparse 4 -noout -out tbs.der && \
         {{ printf 'selvedge/v1 certificate\\n'; cat tbs.der; }} > entry"
    );
    assert!(Command::new("/bin/sh").args(["-c", &script]).current_dir(folder).status().unwrap().success());
}

/// Whether torchwood's `spicy` finds the certificate in the log.
fn spicy(folder: &Path, key: &str, certificate: &str, proof: &str) -> bool {
    fs::write(folder.join("entry.spicy"), proof.split_once('\n').unwrap().1).unwrap();
    write_entry(folder, certificate);
    let program = debian::release("torchwood", "0.9").root.join("usr/bin/spicy-torchwood");
    Command::new(program).args(["-verify", key, "entry"]).current_dir(folder).output().unwrap().status.success()
}

#[test]
fn a_log_is_verified_downloaded_audited_and_proven_to_a_stranger() {
    let ca = LoggingCa::start();
    let proofs = ["one.test", "two.test"].map(|name| ca.issue(name));
    let list = proofs[0].split("/proof/").next().unwrap();
    let listed = body(&ca.wire.get(list));
    let (log, key) = (listed["logs"][0]["url"].as_str().unwrap(), listed["logs"][0]["keys"][0].as_str().unwrap());
    let root = ca.server.fact("root").to_owned();
    let verify = ["verify", log, "--root", &root, "--key", key, "--state", "seen.json"];
    let first = ca.fine(&verify);
    ca.issue("three.test");
    // A checkpoint is signed at most once a second.
    let grown = |found: &Value| found["size"].as_u64() > first["size"].as_u64();
    let mut found = std::iter::repeat_with(|| {
        std::thread::sleep(Duration::from_millis(100));
        ca.fine(&verify)
    });
    let second = found.by_ref().take(300).find(grown).expect("the log did not grow");
    assert_eq!(second["continues"], first["size"]);
    // Entries are for operators.
    assert_eq!(ca.log(&["audit", log, "--root", &root, "--key", key]).status.code(), Some(2));
    let token = ca.server.fact("admin_token").to_owned();
    ca.fine(&["download", log, "copy", "--root", &root, "--token-file", &token]);
    let audited = ca.fine(&["audit", "copy", "--key", key, "--allow", "*.test"]);
    assert_eq!(audited["certificates"], 3, "{audited}");
    assert_eq!(audited["size"], second["size"], "{audited}");
    let narrow = ca.log(&["audit", "copy", "--key", key, "--allow", "one.test", "two.test"]);
    let text = String::from_utf8_lossy(&narrow.stdout).into_owned();
    assert_eq!(
        (narrow.status.code(), text.contains("no --allow covers its name three.test")),
        (Some(1), true),
        "{text}"
    );
    // One certificate, first with the CA, then without.
    ca.fine(&["proof", "one.test.pem", "--log", log, "--root", &root, "--key", key, "--save", "one.tlog-proof"]);
    ca.fine(&["proof", "one.test.pem", "--proof", "one.tlog-proof", "--key", key]);
    let other = ca.log(&["proof", "two.test.pem", "--proof", "one.tlog-proof", "--key", key]);
    assert_eq!(other.status.code(), Some(1), "{other:?}");
    let proof = fs::read_to_string(ca.folder.path().join("one.tlog-proof")).unwrap();
    assert!(spicy(ca.folder.path(), key, "one.test.der", &proof));
    assert!(!spicy(ca.folder.path(), key, "two.test.der", &proof));
}

/// A proxy before a CA that names the client's address, as Cloudflare does. Gives its own.
fn edge(to: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let to = to.clone();
            std::thread::spawn(move || relay(client, &to));
        }
    });
    address
}

/// Passes one GET on.
fn relay(mut client: TcpStream, to: &str) -> Option<()> {
    let (mut head, mut octet) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut octet).ok()?;
        head.extend(octet);
    }
    let head = String::from_utf8(head).ok()?;
    let kept = |line: &&str| !["host:", "connection:"].iter().any(|name| line.to_lowercase().starts_with(name));
    let lines: Vec<&str> = head.trim_end().split("\r\n").filter(kept).collect();
    let more = format!("Host: {to}\r\nConnection: close\r\nCF-Connecting-IP: 192.0.2.7");
    let mut server = TcpStream::connect(to).ok()?;
    server.write_all(format!("{}\r\n{more}\r\n\r\n", lines.join("\r\n")).as_bytes()).ok()?;
    std::io::copy(&mut server, &mut client).ok().map(drop)
}

/// Two GETs at once from an address, and one a second after them.
const LIMIT: &str = r#"RATE_LIMITS={"unauthenticated":{"count":2,"period":"2s"}}"#;

#[test]
fn commands_wait_for_the_limit_of_gets_and_end_well() {
    let ca = LoggingCa::with(&["--plain-http", "--set", LIMIT], |server| Wire::plain(server.fact("directory")));
    let proof = ca.issue("one.test");
    let listed = body(&ca.wire.get(proof.split("/proof/").next().unwrap()));
    let (log, key) = (listed["logs"][0]["url"].as_str().unwrap(), listed["logs"][0]["keys"][0].as_str().unwrap());
    let (host, path) = log.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let url = format!("http://{}/{path}", edge(host.to_owned()));
    let token = ca.server.fact("admin_token").to_owned();
    for arguments in [
        &["download", &url, "copy", "--token-file", &token][..],
        &["audit", &url, "--key", key, "--token-file", &token],
        &["verify", &url, "--key", key],
        &["verify", &url, "--key", key],
    ] {
        let ended = ca.log(arguments);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(0), "{arguments:?} {ended:?}");
        assert!(said.contains("asks to wait: going on in 1 s"), "{arguments:?} {said}");
    }
    assert_eq!(ca.fine(&["audit", "copy", "--key", key])["certificates"], 1);
}
