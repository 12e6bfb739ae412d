//! A CA by OpenSSL: roots and intermediates with any dates, and CRLs.

use selvedge::pki::ceremony::CertAndKey;
use selvedge::values::Time;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The extensions are those of the README.
const CONFIGURATION: &str = "
[ca]
default_ca = this
[this]
database = index
crlnumber = crlnumber
new_certs_dir = .
rand_serial = yes
unique_subject = no
policy = any
default_md = sha384
[any]
commonName = supplied
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
[intermediate]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
";

/// A kind of key: algorithm and option of `openssl genpkey`.
pub type KeyOption = (&'static str, &'static str);
pub const P256: KeyOption = ("EC", "ec_paramgen_curve:P-256");
const P384: KeyOption = ("EC", "ec_paramgen_curve:P-384");

/// A CA in OpenSSL's folder layout: key, certificate and index.
pub struct OpensslCa {
    folder: tempfile::TempDir,
}

impl OpensslCa {
    /// A root with a P-384 key.
    pub fn root(name: &str, now: Time) -> Self {
        let ca = Self::in_folder(CONFIGURATION);
        ca.request("ca", P384, name);
        ca.sign("ca", now, 20, &["-selfsign", "-extensions", "root"]);
        ca
    }

    /// One that is there already.
    pub fn of(ca: &CertAndKey, more_configuration: &str) -> Self {
        let this = Self::in_folder(&(CONFIGURATION.to_owned() + more_configuration));
        fs::write(this.path().join("ca.pem"), &ca.certificate).unwrap();
        fs::write(this.path().join("ca.key"), &ca.key).unwrap();
        this
    }

    fn in_folder(configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = [("ca.cnf", configuration), ("index", ""), ("crlnumber", "01\n")];
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder }
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Its certificate.
    pub fn certificate(&self) -> String {
        fs::read_to_string(self.path().join("ca.pem")).unwrap()
    }

    /// An intermediate with a key of this kind and these further extensions.
    pub fn intermediate(&self, name: &str, key: KeyOption, now: Time, extensions: &str) -> CertAndKey {
        fs::write(self.path().join("ca.cnf"), CONFIGURATION.to_owned() + extensions).unwrap();
        self.request("below", key, name);
        self.sign("below", now, 5, &["-extensions", "intermediate"]);
        let read = |file| fs::read_to_string(self.path().join(file)).unwrap();
        CertAndKey { certificate: read("below.pem"), key: read("below.key") }
    }

    fn request(&self, file: &str, (algorithm, option): KeyOption, name: &str) {
        let (key, csr) = (format!("{file}.key"), format!("{file}.csr"));
        self.run(&["genpkey", "-algorithm", algorithm, "-pkeyopt", option, "-out", &key]);
        self.run(&["req", "-new", "-key", &key, "-subj", &format!("/CN={name}"), "-out", &csr]);
    }

    fn sign(&self, file: &str, now: Time, years: u64, more: &[&str]) {
        let until = now.plus(Duration::from_secs(years * 365 * 86_400));
        let files = [format!("{file}.csr"), format!("{file}.pem")];
        let dates = [date(now), date(until)];
        let fixed = ["ca", "-batch", "-notext", "-config", "ca.cnf", "-keyfile", "ca.key", "-in", &files[0]];
        let chosen = ["-out", &files[1], "-startdate", &dates[0], "-enddate", &dates[1]];
        let own = if more.contains(&"-selfsign") { &[][..] } else { &["-cert", "ca.pem"][..] };
        self.run(&[&fixed[..], &chosen, own, more].concat());
    }

    /// Runs `openssl` in its folder.
    pub fn run(&self, arguments: &[&str]) {
        let output = Command::new("openssl").args(arguments).current_dir(self.path()).output();
        let output = output.expect("the `openssl` command-line tool has to be installed");
        assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A time as OpenSSL takes it: `YYYYMMDDHHMMSSZ`.
pub fn date(time: Time) -> String {
    time.rfc3339().chars().filter(|c| c.is_ascii_digit() || *c == 'Z').collect()
}
