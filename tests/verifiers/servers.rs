//! Servers from Debian's packages that require client certificates and read CRLs from a file.
//!
//! A good certificate of profile `client` is admitted, a revoked one is not, and none is whose issuer is revoked by
//! the root.

use crate::corpus::{self, CRL, Leaf};
use crate::our_crls::signed;
use crate::packages::debian;
use crate::packages::postgres::{OWNER, Postgres};
use crate::system_clock;
use selvedge::pki::ceremony::{CertAndKey, Constraints, IssuerPlan, Root, create_server_leaf};
use selvedge::pki::crl::read::ReceivedCrlEntry;
use selvedge::pki::{CrlEntry, Issuer, Serial, pem};
use selvedge::values::native_crypto::NativeKey;
use selvedge::values::x509::Parts;
use selvedge::values::{SigAlg, Time};
use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// The key of the client, whose certificates say the same but for their serial numbers.
const CLIENT_KEY: &str = include_str!("../fixtures/keys/rsa-2048.pem");

/// A CA of the ceremony with a good client, a revoked one, and a server.
///
/// All files are in one folder.
struct Fixture {
    folder: tempfile::TempDir,
}

/// Which lists a server has.
const LISTS: &str = "lists.pem";
/// The same, where the root revoked the issuer.
const ISSUER_REVOKED: &str = "issuer-revoked.pem";

fn pem_list(der: &[u8]) -> String {
    pem::write(pem::CRL, der).unwrap()
}

impl Fixture {
    fn new() -> Self {
        let now = system_clock();
        let root = Root::create(SigAlg::Es384, "Example Root", now.minus(DAY), 10).unwrap();
        let root = root.with_crl_url("http://ca.example.com/crl/root.crl");
        let constraints = &Constraints::default();
        let plan = IssuerPlan { common_name: "Example Issuing CA", algorithm: SigAlg::Es256, constraints, years: 5 };
        let pair = root.create_issuer(plan, now.minus(DAY)).unwrap();
        let fixture = Self { folder: tempfile::tempdir().unwrap() };
        fs::set_permissions(fixture.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fixture.write("root.pem", root.certificate());
        fixture.write("issuer.pem", &pair.certificate);
        fixture.write("client.key", CLIENT_KEY);
        let bad = fixture.clients(&pair, now);
        fixture.lists(&root, &pair, &bad, now);
        let server = create_server_leaf(&pair, &["localhost"], &["127.0.0.1".parse().unwrap()], now, 30).unwrap();
        fixture.write("server.pem", &server.certificate);
        fixture.write("server.key", &server.key);
        fixture.write("server.both", &format!("{}{}", server.certificate, server.key));
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        let mode = if name.ends_with(".key") { 0o600 } else { 0o644 };
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Two certificates of profile `client`; the serial number of the one to revoke.
    fn clients(&self, pair: &CertAndKey, now: Time) -> String {
        let issuer = Issuer::from_pem_chain(&pair.certificate).unwrap();
        let signer = NativeKey::from_pkcs8_pem(&pair.key).unwrap();
        let case = corpus::cases().into_iter().find(|case| case.name == "profile-client-rsa-2048").unwrap();
        assert!(case.is_client() && case.has_crl());
        let serials = ["good.pem", "bad.pem"].map(|name| {
            let leaf = Leaf::issue(case.clone(), &issuer, &signer, now);
            self.write(name, &pem::write_certificate(&leaf.der).unwrap());
            leaf.serial
        });
        serials[1].clone()
    }

    /// The file as `/crl/all.pem` gives it: the root's list, then those of the shards.
    fn lists(&self, root: &Root, pair: &CertAndKey, bad: &str, now: Time) {
        let issuer = Issuer::from_pem_chain(&pair.certificate).unwrap();
        let signer = NativeKey::from_pkcs8_pem(&pair.key).unwrap();
        let entry = CrlEntry { serial: Serial::from_hex(bad).unwrap(), at: now, reason: Some(1) };
        let of_shard = signed((&issuer, &signer), CRL, 1, &[entry], now);
        let other = signed((&issuer, &signer), "http://ca.example.com/crl/2.crl", 1, &[], now);
        let shards = format!("{}{}", pem_list(&other), pem_list(&of_shard));
        let until = now.plus(DAY * 1000);
        self.write(LISTS, &format!("{}{shards}", root.create_crl(None, None, now, until).unwrap()));
        let der = pem::read_certificates(&pair.certificate).unwrap().remove(0);
        let serial = Parts::read(&der).unwrap().serial.to_vec();
        let listed = ReceivedCrlEntry { serial, at: now, reason: Some(2) };
        self.write(ISSUER_REVOKED, &format!("{}{shards}", root.create_crl(None, Some(listed), now, until).unwrap()));
    }

    /// The answer to a client with this certificate from a TLS server with HTTP.
    fn get(&self, port: u16, leaf: &str) -> String {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-quiet", "-connect", &format!("127.0.0.1:{port}"), "-CAfile"]);
        command.arg(self.path("root.pem")).arg("-cert").arg(self.path(leaf)).arg("-key").arg(self.path("client.key"));
        command.arg("-cert_chain").arg(self.path("issuer.pem"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A server that refuses may have closed the connection by now.
        let _ = child.stdin.take().unwrap().write_all(b"GET / HTTP/1.0\r\n\r\n");
        let output = child.wait_with_output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// Runs a server with these CRLs; gives the answers to the good and bad client.
    fn ask(&self, start: impl Fn(&Self, u16, &str) -> Running, lists: &str) -> [String; 2] {
        let port = free_port();
        let _running = start(self, port, lists);
        wait_for(port);
        ["good.pem", "bad.pem"].map(|leaf| self.get(port, leaf))
    }

    /// Checks that a server admits only the good client, and none after the issuer's revocation.
    fn judge(&self, start: impl Fn(&Self, u16, &str) -> Running, welcome: &str) {
        let [good, bad] = self.ask(&start, LISTS);
        assert!(good.contains(welcome), "the good one: {good}");
        assert!(!bad.contains(welcome), "the revoked one: {bad}");
        for (which, said) in ["the good one", "the revoked one"].iter().zip(self.ask(&start, ISSUER_REVOKED)) {
            assert!(!said.contains(welcome), "{which} of a revoked issuer: {said}");
        }
    }
}

/// A server that ends with the test.
struct Running {
    child: Child,
    _folder: Option<tempfile::TempDir>,
}

impl Running {
    fn new(command: &mut Command) -> Self {
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        Self { child, _folder: None }
    }

    /// With the folder of its settings, which goes with it.
    fn keeping(mut self, folder: tempfile::TempDir) -> Self {
        self._folder = Some(folder);
        self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        for _ in 0..100 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn wait_for(port: u16) {
    for _ in 0..600 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("nothing listens on port {port}");
}

/// A program of a package, with the libraries beside it.
fn program(package: &str, path: &str) -> Command {
    let root = debian::native(package).root;
    let mut command = Command::new(root.join(path));
    command.env("LD_LIBRARY_PATH", libraries(&root));
    command
}

fn libraries(root: &Path) -> String {
    let triple = format!("{}-linux-gnu", std::env::consts::ARCH);
    ["usr/lib", "lib"].map(|part| root.join(part).join(&triple).display().to_string()).join(":")
}

#[test]
fn openssl_verifies_chains_against_the_crls() {
    let fixture = Fixture::new();
    let verify = |lists: &str, leaf: &str| {
        let mut command = Command::new("openssl");
        command.args(["verify", "-crl_check_all", "-x509_strict", "-purpose", "sslclient", "-CAfile"]);
        command.arg(fixture.path("root.pem")).arg("-untrusted").arg(fixture.path("issuer.pem"));
        let output = command.arg("-CRLfile").arg(fixture.path(lists)).arg(fixture.path(leaf)).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (good, said) = verify(LISTS, "good.pem");
    assert!(good, "{said}");
    for (lists, leaf, depth) in [(LISTS, "bad.pem", 0), (ISSUER_REVOKED, "good.pem", 1)] {
        let (good, said) = verify(lists, leaf);
        assert!(!good && said.contains(&format!("error 23 at {depth} depth lookup: certificate revoked")), "{said}");
    }
}

fn nginx(fixture: &Fixture, port: u16, lists: &str) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display();
    let file = |name: &str| fixture.path(name).display().to_string();
    let settings = format!(
        "daemon off;\nmaster_process off;\npid {at}/pid;\nerror_log {at}/error.log;\nevents {{}}\nhttp {{\n\
         access_log off;\nclient_body_temp_path {at}/a;\nproxy_temp_path {at}/b;\nfastcgi_temp_path {at}/c;\n\
         uwsgi_temp_path {at}/d;\nscgi_temp_path {at}/e;\nserver {{\nlisten 127.0.0.1:{port} ssl;\n\
         ssl_certificate {};\nssl_certificate_key {};\nssl_client_certificate {};\nssl_crl {};\n\
         ssl_verify_client on;\nssl_verify_depth 3;\nreturn 200 welcome;\n}}\n}}\n",
        file("server.pem"),
        file("server.key"),
        file("root.pem"),
        file(lists),
    );
    fs::write(folder.path().join("nginx.conf"), settings).unwrap();
    let mut command = program("nginx", "usr/sbin/nginx");
    command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "error.log"]);
    Running::new(&mut command).keeping(folder)
}

#[test]
fn nginx_admits_unrevoked_clients_only() {
    Fixture::new().judge(nginx, "welcome");
}

fn haproxy(fixture: &Fixture, port: u16, lists: &str) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| fixture.path(name).display().to_string();
    let settings = format!(
        "global\n  maxconn 10\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 10s\n  timeout server 10s\n\
         frontend tls\n  bind 127.0.0.1:{port} ssl crt {} ca-file {} verify required crl-file {}\n  \
         http-request return status 200 content-type text/plain string welcome\n",
        file("server.both"),
        file("root.pem"),
        file(lists),
    );
    let conf = folder.path().join("haproxy.cfg");
    fs::write(&conf, settings).unwrap();
    let mut command = program("haproxy", "usr/sbin/haproxy");
    command.arg("-db").arg("-f").arg(conf);
    Running::new(&mut command).keeping(folder)
}

#[test]
fn haproxy_admits_unrevoked_clients_only() {
    Fixture::new().judge(haproxy, "welcome");
}

/// Node takes one list per element: the file is taken apart.
const NODE: &str = r#"
const [port, folder, lists] = process.argv.slice(1);
const read = (name) => require("fs").readFileSync(`${folder}/${name}`, "utf8");
const crl = read(lists).match(/-----BEGIN X509 CRL-----[^]*?-----END X509 CRL-----\n/g);
const options = { key: read("server.key"), cert: read("server.pem"), ca: read("root.pem"), crl, requestCert: true,
  rejectUnauthorized: true };
require("https").createServer(options, (_, response) => response.end("welcome")).listen(port, "127.0.0.1");
"#;

fn node(fixture: &Fixture, port: u16, lists: &str) -> Running {
    let mut command = Command::new("node");
    command.args(["-e", NODE, &port.to_string()]).arg(fixture.folder.path()).arg(lists);
    Running::new(&mut command)
}

#[test]
fn node_admits_unrevoked_clients_only() {
    Fixture::new().judge(node, "welcome");
}

#[test]
fn postgresql_admits_unrevoked_clients_only() {
    let fixture = Fixture::new();
    let issuer = fs::read_to_string(fixture.path("issuer.pem")).unwrap();
    // psql sends what is in the file of its certificate.
    for name in ["good", "bad"] {
        let leaf = fs::read_to_string(fixture.path(&format!("{name}.pem"))).unwrap();
        fixture.write(&format!("{name}.chain"), &format!("{leaf}{issuer}"));
    }
    for (lists, good_enters) in [(LISTS, true), (ISSUER_REVOKED, false)] {
        let files = [
            ("ssl_cert_file", fixture.path("server.pem")),
            ("ssl_key_file", fixture.path("server.key")),
            ("ssl_ca_file", fixture.path("root.pem")),
            ("ssl_crl_file", fixture.path(lists)),
        ];
        let files: Vec<(&str, &Path)> = files.iter().map(|(name, file)| (*name, file.as_path())).collect();
        let access = ["hostssl all all 127.0.0.1/32 trust clientcert=verify-ca"];
        let postgres = Postgres::start(&fixture.path(&format!("{lists}.d")), free_port(), &files, &access);
        let enter = |name: &str| {
            let (chain, key) = (fixture.path(&format!("{name}.chain")), fixture.path("client.key"));
            let identity = Some((chain.as_path(), key.as_path()));
            let output = postgres.over_tls(OWNER, &fixture.path("root.pem"), identity, "select 'welcome'");
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            (output.status.success() && said.contains("welcome"), said)
        };
        let (enters, said) = enter("good");
        assert_eq!(enters, good_enters, "{lists}: {said}");
        let (enters, said) = enter("bad");
        assert!(!enters && said.contains("revoked"), "{lists}: {said}");
    }
}
