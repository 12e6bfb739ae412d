//! The checks, each against a CA that lacks one thing.

use super::*;
use core::time::Duration;
use selvedge::pki::ceremony::{CertAndKey, create_intermediate, create_root, create_server_leaf};
use selvedge::pki::{pem, sigalg};
use selvedge::values::SigAlg;
use selvedge::values::native_crypto::NativeKey;
use selvedge::values::x509::Parts;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

mod bucket;
mod cache;
mod keyless;
mod log_key;
mod mailer;
mod root_crl;

const NOW: Time = Time::from_secs(1_795_521_600);
/// The lines that `init` writes.
const TOP: &str = "routes = [{ pattern = 'ca.test', custom_domain = true }]\nworkers_dev = false\n\
                   compatibility_flags = ['webcrypto_modern_algorithms']";
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// A CA's folder and settings, as they should be until a test changes them.
struct Scene {
    dir: tempfile::TempDir,
    /// The text above the tables of the settings.
    top: &'static str,
    vars: BTreeMap<String, String>,
    root: CertAndKey,
}

impl Scene {
    fn new() -> Self {
        let root = create_root("Test Root", NOW, 20).unwrap();
        let top = TOP;
        let mut scene = Self { dir: tempfile::tempdir().unwrap(), top, vars: BTreeMap::new(), root: root.clone() };
        scene.write("root.pem", &root.certificate);
        scene.write("nonce.key", &b64::encode(&[7; 32]));
        for (name, value) in [
            ("BASE_URL", "https://ca.test"),
            ("MODE", "production"),
            ("RESOLVER_URL", "https://dns.test/q"),
            ("ROOT_CERTIFICATE", &root.certificate),
        ] {
            scene.set(name, value);
        }
        scene.add(1, &create_intermediate(&root, "Test Issuer", NOW, 5).unwrap());
        scene
    }

    /// Puts an issuer's files and its chain's setting in their places.
    fn add(&mut self, place: u8, issuer: &CertAndKey) {
        let file = |kind| crate::ceremony::issuer_file(place, kind);
        self.write(&file("pem"), &issuer.certificate);
        self.write(&file("key"), &issuer.key);
        self.set(&selvedge::ca::config::issuers::name_of("ISSUER_CHAIN", place), &issuer.certificate);
    }

    /// A second issuer.
    fn with_second(from: Option<&str>) -> Self {
        let mut scene = Self::new();
        scene.add(2, &create_intermediate(&scene.root, "Second", NOW, 6).unwrap());
        from.iter().for_each(|from| scene.set("ISSUER_ACTIVE_FROM_2", from));
        scene
    }

    fn set(&mut self, name: &str, value: &str) {
        self.vars.insert(name.to_owned(), value.to_owned());
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn open(&self, name: &str, mode: u32) {
        fs::set_permissions(self.dir.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.dir.path().join(name)).unwrap();
    }

    fn files(&self) -> CaFiles {
        CaFiles::read(self.dir.path()).unwrap()
    }

    fn at(&self, now: Time) -> Vec<Finding> {
        let vars = toml::to_string(&self.vars).unwrap();
        let config =
            WorkerConfig::parse(Path::new("w.toml"), &format!("name = 'ca'\n{}\n[vars]\n{vars}", self.top)).unwrap();
        deployment(&self.files(), &config, now)
    }

    fn found(&self) -> Vec<Finding> {
        self.at(NOW)
    }
}

#[track_caller]
fn only(found: &[Finding], weight: Weight, says: &[&str]) {
    let [one] = found else { panic!("{found:#?}") };
    let text = one.to_string();
    assert!(one.weight == weight && says.iter().all(|part| text.contains(part)), "{one:#?}");
    assert!(!text.contains("-----"), "something of a file is shown: {text}");
}

/// Checks that a change leads to one finding of weight `Wrong` with these texts.
#[track_caller]
fn wrong(change: impl FnOnce(&mut Scene), says: &[&str]) {
    let mut scene = Scene::new();
    change(&mut scene);
    only(&scene.found(), Weight::Wrong, says);
}

#[test]
fn second_address_and_unknown_settings_are_reported() {
    let mut scene = Scene::new();
    scene.top = "route = '*.test/*'\nworkers_dev = true";
    only(&scene.found(), Weight::Warning, &["workers.dev", "421", "workers_dev = false"]);
    for top in ["", "workers_dev = false"] {
        scene.top = top;
        only(&scene.found(), Weight::Wrong, &["no route in", "nothing would answer there", "custom_domain = true"]);
    }
    scene.set("BASE_URL", "https://ca.team.workers.dev");
    scene.top = "";
    assert_eq!(scene.found(), []);
    scene.top = "workers_dev = false";
    only(&scene.found(), Weight::Wrong, &["nothing would answer there", "Remove workers_dev"]);
    scene.top = TOP.split_once('\n').unwrap().0;
    only(&scene.found(), Weight::Wrong, &["routes, which switch workers.dev off", "workers_dev = true"]);
    scene.top = "";
    scene.set("BASE_URL", "https://other.team.workers.dev");
    only(&scene.found(), Weight::Wrong, &["would answer at another address", "https://ca.SUBDOMAIN.workers.dev"]);
    let mut scene = Scene::new();
    scene.set("RATE_LIMIT", "off");
    only(&scene.found(), Weight::Warning, &["RATE_LIMIT, which the Worker does not read", "RATE_LIMITS"]);
}

#[test]
fn correct_ca_has_no_findings() {
    assert_eq!(Scene::new().found(), []);
    assert_eq!(Scene::with_second(Some("2028-01-01T00:00:00Z")).found(), []);
    // A chain of two, as below a company's root.
    let mut scene = Scene::new();
    let middle = pathless(&scene.root);
    let below = create_intermediate(&middle, "Below", NOW, 5).unwrap();
    let chain = format!("{}{}", below.certificate, middle.certificate);
    scene.add(1, &CertAndKey { certificate: chain, ..below });
    assert_eq!(scene.found(), []);
}

/// A CA between the root and an issuer.
fn pathless(root: &CertAndKey) -> CertAndKey {
    #[derive(der::Sequence)]
    struct Sealed {
        tbs: der::Any,
        algorithm: spki::AlgorithmIdentifierOwned,
        signature: der::asn1::BitString,
    }
    let made = create_intermediate(root, "Middle", NOW, 10).unwrap();
    let der = pem::read_certificates(&made.certificate).unwrap().remove(0);
    let mut tbs = Parts::read(&der).unwrap().tbs.to_vec();
    // cA TRUE, pathLen 0: one with room below it.
    let at = tbs.windows(6).position(|octets| octets == [1, 1, 0xff, 2, 1, 0]).unwrap();
    tbs[at + 5] = 1;
    let key = NativeKey::from_pkcs8_pem(&root.key).unwrap();
    let signature = sigalg::to_x509(key.algorithm(), &key.sign(key.algorithm(), &tbs).unwrap()).unwrap();
    let sealed = Sealed {
        tbs: der::Decode::from_der(&tbs).unwrap(),
        algorithm: sigalg::identifier(key.algorithm()).unwrap(),
        signature: der::asn1::BitString::from_bytes(&signature).unwrap(),
    };
    let certificate = pem::write_certificate(&der::Encode::to_der(&sealed).unwrap()).unwrap();
    CertAndKey { certificate, ..made }
}

#[test]
fn settings_that_are_left_as_they_were_are_wrong() {
    wrong(
        |s| s.set("BASE_URL", "https://ca.example.org"),
        &["BASE_URL in w.toml is the example", "Set it to the address"],
    );
    wrong(|s| drop(s.vars.remove("BASE_URL")), &["no BASE_URL"]);
    wrong(
        |s| drop(s.vars.remove("ISSUER_CHAIN")),
        &["issuer.pem exists, but w.toml has no ISSUER_CHAIN", "selvedge init"],
    );
    wrong(|s| s.set("ISSUER_CHAIN", &s.root.certificate.clone()), &["ISSUER_CHAIN in w.toml differs from", "--ca"]);
    wrong(|s| s.set("ISSUER_CHAIN", "x"), &["differs from"]);
    let other = create_root("Other", NOW, 1).unwrap().certificate;
    wrong(|s| s.set("ROOT_CERTIFICATE", &other), &["ROOT_CERTIFICATE in w.toml differs from"]);
    wrong(|s| s.set("NONCE_KEY", "x"), &["NONCE_KEY is in w.toml", "Remove it"]);
    wrong(
        |s| s.set("WEBSITE", &"x".repeat(5121)),
        &["WEBSITE in w.toml is 5121 bytes long; Cloudflare's limit is 5120"],
    );
    wrong(|s| s.set("MODE", "prod"), &["The Worker would refuse its settings: MODE is \"prod\""]);
    let mut scene = Scene::new();
    scene.vars.remove("ROOT_CERTIFICATE");
    only(&scene.found(), Weight::Warning, &["no ROOT_CERTIFICATE", "Set it under [vars]"]);
    // White space makes no difference. A secret determines whether there are keys for accounts.
    let mut scene = Scene::new();
    scene.set("ISSUER_CHAIN", &scene.vars["ISSUER_CHAIN"].replace('\n', "\r\n"));
    scene.set("EXTERNAL_ACCOUNT_REQUIRED", "true");
    assert_eq!(scene.found(), []);
}

#[test]
fn unreadable_chain_is_an_error() {
    let mut scene = Scene::new();
    scene.write("issuer.pem", "nothing");
    scene.set("ISSUER_CHAIN", "nothing");
    let found = scene.found();
    assert!(found[0].to_string().contains("issuer.pem cannot be used: the issuer chain is unreadable"), "{found:#?}");
}

#[test]
fn chain_that_does_not_lead_to_the_root_is_an_error() {
    let middle = |s: &Scene| pathless(&s.root);
    let chained = |s: &mut Scene, swapped: bool, whole: bool| {
        let middle = middle(s);
        let below = create_intermediate(&middle, "Below", NOW, 5).unwrap();
        let certificate = match (swapped, whole) {
            (true, _) => format!("{}{}", middle.certificate, below.certificate),
            (false, true) => format!("{}{}", below.certificate, middle.certificate),
            (false, false) => below.certificate.clone(),
        };
        s.add(1, &CertAndKey { certificate, ..below });
    };
    wrong(|s| chained(s, true, true), &["certificate 1 of the issuer chain is not issued by certificate 2"]);
    wrong(
        |s| chained(s, false, false),
        &[
            "its last certificate, Below, is issued by Middle, and root.pem is Test Root",
            "Add the missing certificates",
        ],
    );
    let twin = create_root("Test Root", NOW, 20).unwrap();
    let forged = create_intermediate(&twin, "Test Issuer", NOW, 5).unwrap();
    wrong(
        |s| s.add(1, &forged),
        &["cannot be used below root.pem: certificate 1", "the key of the root is", "§4.2.1.1"],
    );
    let rooted = |s: &mut Scene| {
        let issuer = create_intermediate(&s.root, "I", NOW, 5).unwrap();
        let certificate = format!("{}{}", issuer.certificate, s.root.certificate);
        s.add(1, &CertAndKey { certificate, ..issuer });
    };
    wrong(rooted, &["certificate 2 of the issuer chain is self-signed"]);
}

#[test]
fn chain_outside_its_validity_is_an_error() {
    let scene = Scene::new();
    let end = scene.at(NOW.plus(YEAR * 5));
    only(&end, Weight::Wrong, &["issuer.pem cannot be used", "was valid until", "selvedge issuer new"]);
    let early = scene.at(NOW.minus(YEAR));
    assert_eq!(early.len(), 2, "{early:#?}");
    assert!(early[0].to_string().contains("root.pem is valid from"), "{early:#?}");
    assert!(early[1].to_string().contains("is valid from"), "{early:#?}");
    assert!(scene.at(NOW.plus(YEAR * 20))[0].to_string().contains("root.pem was valid until"));
    // An expired issuer with a successor.
    let mut scene = Scene::with_second(Some("2028-01-01T00:00:00Z"));
    let found = scene.at(NOW.plus(YEAR * 5));
    only(&found, Weight::Warning, &["issuer.pem has expired, and another issuer has taken over", "selvedge status"]);
    // One that begins later, before it takes over, and one that begins too late for that.
    let later = create_intermediate(&scene.root, "Later", NOW.plus(YEAR), 5).unwrap();
    scene.add(2, &later);
    assert_eq!(scene.found(), []);
    scene.set("ISSUER_ACTIVE_FROM_2", "2027-01-01T00:00:00Z");
    only(&scene.found(), Weight::Wrong, &["issuer-2.pem cannot be used", "ISSUER_ACTIVE_FROM"]);
}

#[test]
fn key_of_another_certificate_is_an_error() {
    let other = create_root("Other", NOW, 1).unwrap().key;
    wrong(|s| s.write("issuer.key", &other), &["issuer.key is not the key of the first certificate in"]);
    wrong(|s| s.write("issuer.key", &s.root.key), &["issuer.key is the key of the ROOT", "stays offline"]);
    wrong(
        |s| s.write("issuer.key", &s.root.key.replace("PRIVATE", "ENCRYPTED PRIVATE")),
        &["issuer.key is an encrypted key, like the root's", "stays offline"],
    );
    wrong(
        |s| s.write("issuer.key", &s.root.key.replace("PRIVATE", "EC PRIVATE")),
        &["is a PEM \"EC PRIVATE KEY\"", "openssl pkcs8"],
    );
    wrong(|s| s.write("issuer.key", "junk"), &["issuer.key cannot be read as a private key", "Restore"]);
    let ed = NativeKey::generate(SigAlg::Ed25519, &mut |bytes| getrandom::fill(bytes).unwrap()).unwrap();
    wrong(|s| s.write("issuer.key", &ed.to_pkcs8_pem().unwrap()), &["is Ed25519", "selvedge issuer new"]);
    wrong(|s| s.remove("issuer.key"), &["issuer.pem exists, but its key", "Restore"]);
}

#[test]
fn keys_that_others_can_read_are_refused() {
    for mode in [0o640, 0o604, 0o660, 0o610] {
        wrong(|s| s.open("issuer.key", mode), &["issuer.key is accessible to other users", "chmod 600"]);
    }
    wrong(|s| s.open("nonce.key", 0o644), &["nonce.key is accessible to other users", "(mode 644)", "chmod 600"]);
    let scene = Scene::new();
    scene.open("issuer.key", 0o400);
    scene.open("issuer.pem", 0o644);
    assert_eq!(scene.found(), []);
}

#[test]
fn incomplete_issuer_is_an_error_with_the_next_step() {
    let half = |change: &dyn Fn(&Scene)| {
        let scene = Scene::with_second(Some("2028-01-01T00:00:00Z"));
        change(&scene);
        scene.found()
    };
    let found = half(&|s| s.remove("issuer-2.pem"));
    assert!(found[0].to_string().contains("issuer-2.key exists, but its certificate"), "{found:#?}");
    let found = Scene::with_second(None).found();
    only(&found, Weight::Wrong, &["w.toml has no ISSUER_ACTIVE_FROM_2", "like 2027-01-31T00:00:00Z"]);
    only(&Scene::with_second(Some("soon")).found(), Weight::Wrong, &["ISSUER_ACTIVE_FROM_2 in w.toml is \"soon\""]);
    // Requested, and not yet answered: the others can be deployed.
    let mut scene = Scene::with_second(None);
    scene.vars.remove("ISSUER_CHAIN_2");
    scene.remove("issuer-2.pem");
    scene.write("issuer-2.csr", "x");
    only(
        &scene.found(),
        Weight::Warning,
        &["issuer-2.csr is pending, without a certificate", "selvedge issuer import"],
    );
    // Its files are elsewhere.
    let scene = Scene::with_second(Some("2028-01-01T00:00:00Z"));
    scene.remove("issuer-2.pem");
    scene.remove("issuer-2.key");
    only(&scene.found(), Weight::Warning, &["w.toml has ISSUER_CHAIN_2, but"]);
    let mut twice = Scene::new();
    let issuer = CertAndKey {
        certificate: twice.vars["ISSUER_CHAIN"].clone(),
        key: fs::read_to_string(twice.dir.path().join("issuer.key")).unwrap(),
    };
    twice.add(2, &issuer);
    twice.set("ISSUER_ACTIVE_FROM_2", "2028-01-01T00:00:00Z");
    only(&twice.found(), Weight::Wrong, &["The Worker would refuse its settings", "have the same key"]);
}

#[test]
fn root_is_checked_and_its_key_has_to_be_elsewhere() {
    wrong(|s| s.remove("root.pem"), &["root.pem", "does not exist"]);
    wrong(|s| s.write("root.pem", "x"), &["root.pem is not a root certificate"]);
    let two = |s: &Scene| s.write("root.pem", &s.root.certificate.repeat(2));
    wrong(|s| two(s), &["has 2 certificates instead of one"]);
    let leaf = |s: &Scene| create_server_leaf(&s.root, &["a.test"], &[], NOW, 1).unwrap();
    wrong(|s| s.write("root.pem", &leaf(s).certificate), &["is not a root", "is issued by Test Root"]);
    let scene = Scene::new();
    scene.write("root.key", "whatever is in it, it is not read");
    only(&scene.found(), Weight::Warning, &["root.key is in the same folder as the keys", "offline"]);
    scene.open("root.key", 0o644);
    let found = scene.found();
    assert!(found.len() == 2 && found[0].to_string().contains("root.key is accessible to other users"), "{found:#?}");
}

#[test]
fn nonce_key_of_another_length_is_an_error() {
    wrong(|s| s.remove("nonce.key"), &["nonce.key", "does not exist", "openssl rand 32"]);
    for bad in ["", "x", &b64::encode(&[1; 31]), &format!("{}=", b64::encode(&[1; 32]))] {
        wrong(|s| s.write("nonce.key", bad), &["nonce.key is not 32 random bytes", "openssl rand 32"]);
    }
    let scene = Scene::new();
    scene.write("nonce.key", &format!("{}\n", b64::encode(&[1; 32])));
    assert_eq!(scene.found(), []);
}

#[test]
fn empty_folder_is_reported_with_the_first_step() {
    let mut scene = Scene::new();
    for name in ["issuer.pem", "issuer.key"] {
        scene.remove(name);
    }
    scene.vars.remove("ISSUER_CHAIN");
    only(&scene.found(), Weight::Wrong, &["issuer.key does not exist", "selvedge init"]);
}

#[test]
fn one_key_alone_is_checked_as_all_of_them() {
    let scene = Scene::with_second(Some("2028-01-01T00:00:00Z"));
    assert_eq!(key(&scene.files(), 2, NOW), []);
    scene.write("issuer-2.key", &scene.root.key);
    only(&key(&scene.files(), 2, NOW), Weight::Wrong, &["issuer-2.key is the key of the ROOT"]);
    assert_eq!(key(&scene.files(), 1, NOW), [], "of the other nothing is asked");
    only(&key(&scene.files(), 3, NOW), Weight::Wrong, &["issuer-3.key does not exist", "--place"]);
}
