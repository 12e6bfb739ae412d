//! A folder to hold a ceremony in, with the two programs that are used there.

use selvedge::values::Time;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

pub const PASSPHRASE: &str = "correct horse battery staple";

pub const WRANGLER: &str = r#"# Above everything.
name = "selvedge"   # beside a value

[vars]
# Above the address.
BASE_URL = "https://ca.example.org" # changed before
MODE = "production"
# At the end of the variables.

# [vars.POLICY]
# allow = ["example.org"]

[[migrations]] # beside a table
tag = "v1"
# At the very end.
"#;

pub struct CeremonyFixture(TempDir);

impl CeremonyFixture {
    pub fn new() -> Self {
        let fixture = Self(tempfile::tempdir().unwrap());
        fixture.write("wrangler.toml", WRANGLER);
        fixture.write("passphrase", &format!("{PASSPHRASE}\n"));
        fixture
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Now, as this machine's files have it.
    pub fn now(&self) -> Time {
        let since = fs::metadata(self.path("wrangler.toml")).unwrap().modified().unwrap();
        Time::from_secs(since.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs())
    }

    /// An instant so many days ahead, as RFC 3339 writes it.
    pub fn in_days(&self, days: u64) -> String {
        Time::from_secs(self.now().secs() + days * 86_400).rfc3339()
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub fn write(&self, name: &str, content: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), content).unwrap();
    }

    pub fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o777
    }

    /// The names in a folder, sorted.
    pub fn files(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub fn vars(&self) -> toml::Table {
        let file: toml::Table = self.read("wrangler.toml").parse().unwrap();
        file["vars"].as_table().unwrap().clone()
    }

    /// A command line of the companion that takes the passphrase from its file.
    pub fn line(&self, command: &[&str], options: &[&str]) -> Vec<String> {
        let all = [command, options, &["--passphrase-file", "passphrase"]].concat();
        all.into_iter().map(str::to_owned).collect()
    }

    pub fn init_line(&self, options: &[&str]) -> Vec<String> {
        self.line(&["init", "--base-url", "https://ca.corp.example"], options)
    }

    pub fn init(&self, options: &[&str]) -> String {
        self.ok(&self.init_line(options))
    }

    fn companion(&self, line: &[String]) -> (bool, String, String) {
        // A session of its own: no terminal to ask for a passphrase at.
        let mut command = Command::new("setsid");
        command.arg("--wait").arg(env!("CARGO_BIN_EXE_selvedge")).args(line);
        let out = command.current_dir(self.0.path()).stdin(Stdio::null()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (out.status.success(), text(&out.stdout), text(&out.stderr))
    }

    /// Runs the companion, which has to succeed; gives what it says.
    pub fn ok(&self, line: &[String]) -> String {
        let (good, out, err) = self.companion(line);
        assert!(good, "{line:?}: {err}");
        out
    }

    /// Runs the companion, which has to refuse; gives its reason.
    pub fn refused(&self, line: &[String]) -> String {
        let (good, out, err) = self.companion(line);
        assert!(!good && out.is_empty(), "{line:?}: {out}");
        assert!(!err.contains("PRIVATE KEY-----") && !err.contains("panicked") && !err.contains(PASSPHRASE), "{err}");
        err
    }

    /// Runs OpenSSL: what it prints, or its complaint.
    pub fn openssl(&self, line: &str) -> Result<String, String> {
        openssl(self.0.path(), &line.split(' ').collect::<Vec<_>>())
    }

    /// A self-signed certificate `NAME.pem` with `NAME.key`, that lives for this many days.
    pub fn openssl_root(&self, name: &str, key: &str, days: u32, constraints: &str) {
        let key: &[&str] = if key == "ec" { &["ec", "-pkeyopt", "ec_paramgen_curve:P-384"] } else { &[key] };
        let (out, keyout, subject) = (format!("{name}.pem"), format!("{name}.key"), format!("/CN={name}"));
        let days = days.to_string();
        let constraints = format!("basicConstraints={constraints}");
        let mut line = vec!["req", "-x509", "-nodes", "-config", "/dev/null", "-subj", &subject, "-newkey"];
        line.extend(key);
        line.extend(["-keyout", &keyout, "-out", &out, "-days", &days, "-addext", &constraints]);
        line.extend(["-addext", "subjectKeyIdentifier=hash", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]);
        self.write("req.cnf", "[req]\ndistinguished_name=dn\n[dn]\n");
        line[4] = "req.cnf";
        openssl(self.0.path(), &line).unwrap();
    }

    /// As [`CeremonyFixture::openssl_root`], with its first and its last second.
    pub fn openssl_root_at(&self, name: &str, from: &str, until: &str) {
        self.write(
            "ext.cnf",
            "basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\nkeyUsage=critical,keyCertSign,cRLSign\n",
        );
        self.openssl(&format!("ecparam -name secp384r1 -genkey -noout -out {name}.sec1")).unwrap();
        self.openssl(&format!("pkcs8 -topk8 -nocrypt -in {name}.sec1 -out {name}.key")).unwrap();
        self.write("req.cnf", "[req]\ndistinguished_name=dn\n[dn]\n");
        self.openssl(&format!("req -new -config req.cnf -key {name}.key -subj /CN={name} -out {name}.csr")).unwrap();
        self.ca(
            &format!("{name}.csr"),
            &format!("{name}.pem"),
            (from, until),
            &["-selfsign", "-keyfile", &format!("{name}.key")],
        );
    }

    /// `openssl ca`, which sets both dates in OpenSSL 3.0; the extensions are in `ext.cnf`.
    pub fn ca(&self, request: &str, out: &str, (from, until): (&str, &str), with: &[&str]) {
        self.write("index.txt", "");
        let settings = "[ca]\ndefault_ca=x\n[x]\ndatabase=index.txt\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\n\
                        policy=p\nunique_subject=no\nemail_in_dn=no\n[p]\ncommonName=supplied\n";
        self.write("ca.cnf", settings);
        let line = ["ca", "-batch", "-notext", "-config", "ca.cnf", "-in", request, "-out", out, "-startdate", from];
        let line = [&line[..], &["-enddate", until, "-extfile", "ext.cnf"], with].concat();
        openssl(self.0.path(), &line).unwrap();
    }

    /// A leaf `leaf.pem` below `ca/issuer.pem` with these alternative names.
    pub fn leaf(&self, names: &str) {
        self.write("ext.cnf", &format!("subjectAltName=critical,{names}\nauthorityKeyIdentifier=keyid\n"));
        self.write("req.cnf", "[req]\ndistinguished_name=dn\n[dn]\n");
        self.openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -config req.cnf -subj / -keyout leaf.key -out leaf.csr").unwrap();
        self.openssl("x509 -req -in leaf.csr -CA ca/issuer.pem -CAkey ca/issuer.key -set_serial 7 -days 1 -extfile ext.cnf -out leaf.pem").unwrap();
    }
}

fn openssl(folder: &Path, line: &[&str]) -> Result<String, String> {
    let out = Command::new("openssl").args(line).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&out.stderr), String::from_utf8_lossy(&out.stdout));
    if out.status.success() { Ok(String::from_utf8(out.stdout).unwrap()) } else { Err(format!("{line:?}: {said}")) }
}
