//! The key ceremony as a process, with OpenSSL as the verifier of its results.

mod company;
mod fixture;
mod lists;
mod terminal;

use fixture::{CeremonyFixture, PASSPHRASE, WRANGLER};
use selvedge::ca::config::settings::Settings;
use selvedge::values::Time;
use std::collections::BTreeMap;
use std::fs;

#[test]
fn new_ca_is_complete_and_openssl_reads_its_root_key() {
    let fixture = CeremonyFixture::new();
    let said =
        fixture.init(&["--name", "Example", "--permit-dns", "example.org", "example.net", "--permit-ip", "10.0.0.0/8"]);
    for (file, mode) in [("root.pem", 0o644), ("root.key", 0o600), ("issuer.pem", 0o644), ("issuer.key", 0o600)] {
        assert_eq!(fixture.mode(&format!("ca/{file}")), mode, "{file}");
    }
    assert_eq!(
        ["ca", "ca/nonce.key", "ca/log.key", "ca/admin.tokens"].map(|file| fixture.mode(file)),
        [0o700, 0o600, 0o600, 0o600]
    );
    assert_eq!(
        fixture.files("ca"),
        ["admin.tokens", "issuer.key", "issuer.pem", "log.key", "nonce.key", "root.crl", "root.key", "root.pem"]
    );
    fixture.openssl("verify -x509_strict -purpose any -CAfile ca/root.pem ca/issuer.pem").unwrap();
    fixture.openssl("pkey -in ca/root.key -passin file:passphrase -noout").unwrap();
    fixture.openssl("pkey -in ca/root.key -passin pass:another -noout").unwrap_err();
    let scheme = fixture.openssl("asn1parse -in ca/root.key").unwrap();
    for part in ["PBES2", "PBKDF2", "hmacWithSHA256", "aes-256-cbc", ":0927C0"] {
        assert!(scheme.contains(part), "{part}: {scheme}");
    }
    let same = |command: &str| fixture.openssl(command).unwrap();
    assert_eq!(same("pkey -in ca/issuer.key -pubout"), same("x509 -in ca/issuer.pem -noout -pubkey"));
    let root = same("x509 -in ca/root.pem -noout -text");
    assert!(root.contains("384 bit") && root.contains("CN = Example Root") && !root.contains("pathlen"), "{root}");
    let issuer = same("x509 -in ca/issuer.pem -noout -text");
    for part in ["256 bit", "CN = Example Issuing CA", "CA:TRUE, pathlen:0", "Name Constraints: critical"] {
        assert!(issuer.contains(part), "{part}: {issuer}");
    }
    let fingerprint = same("x509 -in ca/root.pem -noout -fingerprint -sha256");
    assert!(said.contains(fingerprint.trim().rsplit('=').next().unwrap()), "{said}");
    for line in [
        "cargo run -- dev --ca ca\n",
        "cargo run -- tool wrangler login\n  cargo run -- deploy\n",
        "Everyone who reaches the CA may make an account",
        "For hosts of a private network",
    ] {
        assert!(said.contains(line), "{said}");
    }
    let tokens: BTreeMap<String, String> = serde_json::from_str(&fixture.read("ca/admin.tokens")).unwrap();
    assert!(tokens.len() == 1 && tokens["operator"].len() == 43 && !said.contains(&tokens["operator"]), "{said}");
    assert!(said.contains("ca/admin.tokens: one token, operator"), "{said}");
    assert!(!said.contains(PASSPHRASE) && !said.contains("PRIVATE"), "{said}");
}

#[test]
fn settings_are_edited_in_place() {
    let fixture = CeremonyFixture::new();
    fixture.init(&["--root-algorithm", "p256", "--root-years", "10", "--issuer-years", "3"]);
    let text = fixture.read("wrangler.toml");
    let lines: Vec<_> = text.lines().collect();
    let kept = WRANGLER.lines().filter(|line| !line.starts_with("BASE_URL"));
    let mut at = 0;
    for line in kept {
        at += lines[at..].iter().position(|found| *found == line).unwrap_or_else(|| panic!("{line:?} is gone: {text}"))
            + 1;
    }
    assert!(text.contains("BASE_URL = \"https://ca.corp.example\" # changed before"), "{text}");
    let vars = fixture.vars();
    assert_eq!(vars["ISSUER_CHAIN"].as_str().unwrap(), fixture.read("ca/issuer.pem"));
    assert_eq!(vars["ROOT_CERTIFICATE"].as_str().unwrap(), fixture.read("ca/root.pem"));
    assert_eq!(vars["MODE"].as_str().unwrap(), "production");
    let issuer = fixture.openssl("x509 -in ca/issuer.pem -noout -text").unwrap();
    assert!(issuer.contains("CN = ca.corp.example Issuing CA") && !issuer.contains("Name Constraints"), "{issuer}");
}

#[test]
fn openssl_enforces_name_constraints() {
    for (permits, good, bad) in [
        (
            &["--permit-dns", "corp.example"][..],
            &["DNS:corp.example", "DNS:*.a.corp.example"][..],
            &["DNS:corp.test", "IP:10.0.0.1", "IP:fd00::1"][..],
        ),
        (&["--permit-ip", "10.0.0.0/8"], &["IP:10.1.2.3"], &["IP:11.0.0.1", "IP:fd00::1", "DNS:corp.example"]),
        (
            &["--permit-dns", "corp.example", "--permit-ip", "fd00::/8"],
            &["DNS:corp.example", "IP:fd00::1"],
            &["IP:10.0.0.1", "DNS:example"],
        ),
        (&[], &["DNS:anything.test", "IP:192.0.2.1"], &[]),
    ] {
        let fixture = CeremonyFixture::new();
        fixture.init(permits);
        for (names, verified) in good.iter().map(|name| (name, true)).chain(bad.iter().map(|name| (name, false))) {
            fixture.leaf(names);
            let said = fixture.openssl("verify -x509_strict -CAfile ca/root.pem -untrusted ca/issuer.pem leaf.pem");
            let right =
                said.is_ok() == verified && (verified || said.as_ref().is_err_and(|e| e.contains("subtree violation")));
            assert!(right, "{permits:?} {names}: {said:?}");
        }
    }
}

#[test]
fn existing_files_are_kept_and_late_failure_leaves_nothing() {
    let fixture = CeremonyFixture::new();
    // Late: the keys are made, and their folder cannot be.
    fixture.write("ca/new-keys.part", "in the way");
    fixture.chmod("ca", 0o700);
    let said = fixture.refused(&fixture.init_line(&[]));
    assert!(said.contains("cannot write the new files"), "{said}");
    assert_eq!(fixture.files("ca"), ["new-keys.part"]);
    assert_eq!(fixture.read("wrangler.toml"), WRANGLER);
    assert_eq!(fixture.files("."), ["ca", "passphrase", "wrangler.toml"]);
    fs::remove_file(fixture.path("ca/new-keys.part")).unwrap();
    // Before it: the settings cannot be written, and there is no folder.
    fs::create_dir(fixture.path("wrangler.toml.part")).unwrap();
    fs::remove_dir(fixture.path("ca")).unwrap();
    let said = fixture.refused(&fixture.init_line(&[]));
    assert!(said.contains("wrangler.toml"), "{said}");
    assert!(!fixture.path("ca").exists());
    fs::remove_dir(fixture.path("wrangler.toml.part")).unwrap();

    fixture.init(&[]);
    let before = (fixture.read("ca/root.pem"), fixture.read("wrangler.toml"));
    let said = fixture.refused(&fixture.init_line(&[]));
    assert!(said.contains("already has ISSUER_CHAIN") && said.contains("selvedge issuer new"), "{said}");
    fixture.write("wrangler.toml", WRANGLER);
    let said = fixture.refused(&fixture.init_line(&[]));
    assert!(said.contains("ca/root.pem already exists and is not overwritten"), "{said}");
    assert_eq!((fixture.read("ca/root.pem"), fixture.read("wrangler.toml").as_str()), (before.0, WRANGLER));
}

#[test]
fn folder_readable_by_others_is_refused() {
    let fixture = CeremonyFixture::new();
    fixture.write("ca/notes", "");
    fixture.chmod("ca", 0o755);
    let said = fixture.refused(&fixture.init_line(&[]));
    assert!(said.contains("accessible to other users (mode 755)") && said.contains("chmod 700"), "{said}");
    fixture.chmod("ca", 0o700);
    fixture.init(&[]);
}

#[test]
fn weak_passphrase_and_bad_options_are_refused_with_what_to_do() {
    let fixture = CeremonyFixture::new();
    for (passphrase, says) in [
        ("", "the passphrase has 0 characters, but needs 12 or more"),
        ("elevenchars\n", "has 11 characters"),
        ("twelve chars and more\nanother line\n", "more than one line"),
    ] {
        fixture.write("passphrase", passphrase);
        let said = fixture.refused(&fixture.init_line(&[]));
        assert!(said.contains(says) && !said.contains("twelve chars"), "{said}");
    }
    fs::remove_file(fixture.path("passphrase")).unwrap();
    assert!(fixture.refused(&fixture.init_line(&[])).contains("cannot read the passphrase file"));
    let long = "e".repeat(60);
    let without = ["init", "--base-url", "https://ca.corp.example"];
    assert!(fixture.refused(&without.map(str::to_owned)).contains("--passphrase-file"), "not a terminal");
    fixture.write("passphrase", PASSPHRASE);
    for (options, says) in [
        (&["--permit-dns", "*.example.org"][..], "write example.org"),
        (&["--permit-ip", "10.0.0.1/8"], "write 10.0.0.0/8"),
        (&["--name", ""], "expected a name"),
        (&["--name", &long], "1 to 64 characters"),
        (&["--root-years", "4"], "longer than its issuer"),
        (&["--wrangler", "nowhere.toml"], "--wrangler"),
    ] {
        let said = fixture.refused(&fixture.init_line(options));
        assert!(said.contains(says), "{options:?}: {said}");
    }
    for (url, says) in [("http://a.test", "https"), ("https://a.test/", "write https://a.test"), ("a.test", "https://")]
    {
        let said = fixture.refused(&["init", "--base-url", url].map(str::to_owned));
        assert!(said.contains(says), "{url}: {said}");
    }
    assert_eq!(
        (fixture.files("."), fixture.read("wrangler.toml").as_str()),
        (vec!["passphrase".into(), "wrangler.toml".into()], WRANGLER)
    );
}

#[test]
fn existing_root_signs_the_first_issuer() {
    let fixture = CeremonyFixture::new();
    fixture.openssl_root("own", "rsa:2048", 3000, "critical,CA:TRUE");
    fixture.openssl("pkcs8 -topk8 -v2 aes-256-cbc -in own.key -passout file:passphrase -out own.enc").unwrap();
    let with =
        |certificate: &str, key: &str| fixture.init_line(&["--root-certificate", certificate, "--root-key", key]);
    fixture.openssl_root("other", "ec", 3000, "critical,CA:TRUE");
    fixture.openssl_root("flat", "ec", 3000, "critical,CA:TRUE,pathlen:0");
    fixture.openssl_root("leaf", "ec", 3000, "critical,CA:FALSE");
    fixture.openssl_root_at("over", "20200101000000Z", "20210101000000Z");
    fixture.openssl_root_at("soon", "20900101000000Z", "20910101000000Z");
    for (certificate, key, says) in [
        ("other.pem", "own.enc", "does not belong to the certificate"),
        ("flat.pem", "flat.key", "allows 0 CAs below it"),
        ("leaf.pem", "leaf.key", "not a CA certificate"),
        ("over.pem", "over.key", "was valid until 2021-01-01T00:00:00Z"),
        ("soon.pem", "soon.key", "is valid from 2090-01-01T00:00:00Z only"),
        ("own.pem", "own.pem", "own.pem is a PEM of type \"CERTIFICATE\", not PKCS#8"),
        ("own.pem", "none.key", "cannot read the root's key"),
        ("wrangler.toml", "own.enc", "there is no \"BEGIN CERTIFICATE\" in it"),
    ] {
        let said = fixture.refused(&with(certificate, key));
        assert!(said.contains(says), "{certificate} {key}: {said}");
    }
    fixture.write("passphrase", "this is another one");
    let said = fixture.refused(&with("own.pem", "own.enc"));
    assert!(said.contains("the passphrase is wrong, or the file is damaged"), "{said}");
    assert!(!fixture.path("ca").exists());
    fixture.write("passphrase", PASSPHRASE);
    fixture.ok(&[with("own.pem", "own.enc"), vec!["--no-log".to_owned()]].concat());
    assert_eq!(fixture.files("ca"), ["admin.tokens", "issuer.key", "issuer.pem", "nonce.key", "root.crl", "root.pem"]);
    fixture.openssl("verify -x509_strict -purpose any -CAfile own.pem ca/issuer.pem").unwrap();
    // A key that is not encrypted is taken, too.
    fixture.ok(&fixture.line(&["issuer", "new"], &["--takes-over", &fixture.in_days(400), "--root-key", "own.key"]));
    fixture.openssl("verify -x509_strict -purpose any -CAfile own.pem ca/issuer-2.pem").unwrap();
}

#[test]
fn successive_issuers_share_a_root() {
    let fixture = CeremonyFixture::new();
    fixture.init(&["--name", "Example", "--permit-dns", "corp.example"]);
    let next = |options: &[&str]| fixture.line(&["issuer", "new"], options);
    let (second, third) = (fixture.in_days(430), fixture.in_days(800));
    let said = fixture.ok(&next(&["--takes-over", &second]));
    assert!(said.contains("Deploy before then, which stores its key, too"), "{said}");
    // The root's key is offline by now, and comes back under another name.
    fs::rename(fixture.path("ca/root.key"), fixture.path("stick.key")).unwrap();
    let other = ["--takes-over", &third, "--permit-ip", "10.0.0.0/8"];
    let said = fixture.refused(&next(&other));
    assert!(said.contains("ca/root.key") && said.contains("--root-key"), "{said}");
    fixture.ok(&next(&[&other[..], &["--root-key", "stick.key", "--name", "Renamed", "--years", "9"]].concat()));
    let vars = fixture.vars();
    for (n, name, from, constraint) in [
        (2, "Example Issuing CA 2", &second, "DNS:corp.example"),
        (3, "Renamed Issuing CA 3", &third, "IP:10.0.0.0/255.0.0.0"),
    ] {
        let chain = fixture.read(&format!("ca/issuer-{n}.pem"));
        assert_eq!(vars[&format!("ISSUER_CHAIN_{n}")].as_str().unwrap(), chain);
        assert_eq!(vars[&format!("ISSUER_ACTIVE_FROM_{n}")].as_str().unwrap(), *from);
        assert_eq!(fixture.read(&format!("ca/issuer-{n}.from")).trim(), *from);
        assert_eq!(fixture.mode(&format!("ca/issuer-{n}.key")), 0o600);
        let text = fixture.openssl(&format!("x509 -in ca/issuer-{n}.pem -noout -text")).unwrap();
        assert!(text.contains(&format!("CN = {name}\n")) && text.contains(constraint), "{text}");
        fixture.openssl(&format!("verify -x509_strict -purpose any -CAfile ca/root.pem ca/issuer-{n}.pem")).unwrap();
    }
    let before = fixture.files("ca");
    for (options, says) in [
        (&["--takes-over", "2020-01-01T00:00:00Z"][..], "choose a time"),
        (&["--takes-over", &third], "issuer 3 already takes over at"),
        (&["--takes-over", &fixture.in_days(15 * 365)], "nothing could be issued in between"),
        (&["--takes-over", &fixture.in_days(1200), "--years", "2"], "not valid at its takeover"),
        (&["--takes-over", "tomorrow"], "not a time"),
    ] {
        let said = fixture.refused(&next(&[options, &["--root-key", "stick.key"]].concat()));
        assert!(said.contains(says), "{options:?}: {said}");
    }
    assert_eq!(fixture.files("ca"), before);

    // The Worker takes them as they are, now and when they take over.
    let mut values: BTreeMap<_, _> =
        vars.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect();
    values.insert("RESOLVER_URL".to_owned(), "https://dns.example.org/dns-query".to_owned());
    values.insert("NONCE_KEY".to_owned(), fixture.read("ca/nonce.key"));
    for days in [0, 500, 900] {
        let now = Time::from_secs(fixture.now().secs() + days * 86_400);
        let settings = Settings::read(&|name| values.get(name).cloned(), now).unwrap();
        assert_eq!((settings.problems, settings.issuers.slots().count()), (vec![], 3));
    }
}

/// Runs a program on a pseudo-terminal, answers each prompt with a line, prints the output.
const TERMINAL: &str = r#"
import os, pty, sys, termios, time
answers, command = sys.argv[1].split("|"), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
seen = b""
while True:
    try:
        some = os.read(terminal, 1024)
    except OSError:
        break
    if not some:
        break
    seen += some
    if seen.endswith(b": ") and answers:
        # As a person would: not in the very moment in which the prompt appears.
        while termios.tcgetattr(terminal)[3] & termios.ECHO:
            time.sleep(0.01)
        os.write(terminal, answers.pop(0).encode() + b"\n")
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

#[test]
fn terminal_passphrase_is_asked_twice_without_echo() {
    let fixture = CeremonyFixture::new();
    let on_terminal = |answers: &str, line: &str| {
        let mut command = std::process::Command::new("python3");
        command.args(["-c", TERMINAL, answers, env!("CARGO_BIN_EXE_selvedge")]).args(line.split(' '));
        let out = command.current_dir(fixture.path(".")).output().unwrap();
        let seen = String::from_utf8(out.stdout).unwrap();
        assert!(!seen.contains(PASSPHRASE) && !seen.contains("something else"), "{seen}");
        (out.status.success(), seen)
    };
    let init = "init --base-url https://ca.corp.example --accounts anyone";
    let (good, seen) = on_terminal(&format!("{PASSPHRASE}|something else"), init);
    assert!(!good && seen.contains("the two passphrases differ"), "{seen}");
    let (good, seen) = on_terminal("short", init);
    assert!(!good && seen.contains("has 5 characters") && !seen.contains("Repeat"), "{seen}");
    assert!(!fixture.path("ca").exists());
    let (good, seen) = on_terminal(&format!("{PASSPHRASE}|{PASSPHRASE}"), init);
    assert!(good && seen.contains("Repeat the passphrase: "), "{seen}");
    fixture.openssl("pkey -in ca/root.key -passin file:passphrase -noout").unwrap();
    let next = format!("issuer new --takes-over {}", fixture.in_days(400));
    let (good, seen) = on_terminal("something else", &next);
    assert!(!good && seen.contains("the passphrase is wrong, or the file is damaged"), "{seen}");
    let (good, seen) = on_terminal(PASSPHRASE, &next);
    assert!(good && seen.contains("Passphrase of ca/root.key: "), "{seen}");
}

#[test]
fn offline_root_signs_a_carried_request() {
    let (vault, fixture) = (CeremonyFixture::new(), CeremonyFixture::new());
    vault.init(&["--permit-dns", "corp.example"]);
    let request = ["issuer", "request", "--name", "Example", "--permit-dns", "corp.example"].map(str::to_owned);
    fixture.ok(&request);
    vault.write("issuer.csr", &fixture.read("ca/issuer.csr"));
    let sign = |options: &[&str]| {
        let root = ["--root-certificate", "ca/root.pem", "--root-key", "ca/root.key", "--request", "issuer.csr"];
        vault.line(&["issuer", "sign"], &[&root[..], options].concat())
    };
    assert!(vault.refused(&sign(&["--out", "ca/root.pem"])).contains("is not overwritten"));
    assert!(vault.refused(&sign(&["--out", "signed.pem", "--years", "25"])).contains("choose a shorter life"));
    vault.ok(&sign(&["--out", "signed.pem", "--years", "2"]));
    fixture.write("signed.pem", &vault.read("signed.pem"));
    fixture.write("root.pem", &vault.read("ca/root.pem"));
    fixture.ok(&["issuer", "import", "--certificate", "signed.pem", "--root", "root.pem"].map(str::to_owned));
    fixture.openssl("verify -x509_strict -purpose any -CAfile ca/root.pem ca/issuer.pem").unwrap();
    // Changed on its way, or no request at all.
    vault.write("issuer.csr", &vault.read("ca/root.pem"));
    assert!(vault.refused(&sign(&["--out", "other.pem"])).contains("not a request that can be signed"));
    assert!(!vault.path("other.pem").exists());
}
