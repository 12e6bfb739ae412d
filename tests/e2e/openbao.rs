//! End to end: certificates of a real OpenBao are exported as documented, and imported.
//!
//! OpenBao is a fork of Vault with the same PKI engine. One mount issues under this CA's intermediate, another under a
//! root of its own.

use crate::common::packages::openbao::OpenBao;
use crate::common::server::{Server, free_port};
use crate::imports::{answer, revoked_within_a_minute, selvedge, verdict};
use selvedge::values::Time;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Documented commands need no more than this of `jq`: `-r '.[]'`.
const JQ: &str = "#!/usr/bin/env python3\nimport json, sys\nassert sys.argv[1:] == ['-r', '.[]'], sys.argv\n\
                  print(*json.load(sys.stdin), sep='\\n')\n";

/// Lists what was imported.
const ALL: [&str; 6] = ["certs", "list", "--status", "all", "--origin", "imported"];

/// The commands that COMING-FROM.md gives for Vault's certificates.
fn documented() -> String {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/COMING-FROM.md")).unwrap();
    let block = text.split("\n```\n").find(|block| block.contains("pki/certs ")).unwrap();
    assert!(block.contains("vault read") && block.matches("selvedge certs import").count() == 2, "{block}");
    block.to_owned()
}

/// Makes a program of this name for the documented commands.
fn program(folder: &Path, name: &str, script: &str) {
    let file = folder.join(name);
    fs::write(&file, script).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs the documented commands for the engine at this mount, and returns what they printed.
fn run_documented(state: &Path, bao: &OpenBao, mount: &str) -> String {
    let (folder, programs) = (state.join(format!("of-{mount}")), state.join("programs"));
    fs::create_dir_all(&folder).unwrap();
    fs::create_dir_all(&programs).unwrap();
    program(&programs, "jq", JQ);
    program(&programs, "vault", &format!("#!/bin/sh\nexec '{}' \"$@\"\n", bao.program().display()));
    let (companion, ca) = (env!("CARGO_BIN_EXE_selvedge"), state.join("ca"));
    program(&programs, "selvedge", &format!("#!/bin/sh\nexec '{companion}' \"$@\" --state '{}'\n", ca.display()));
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", &documented().replace("pki/", &format!("{mount}/"))]);
    shell.current_dir(folder).envs(bao.variables()).env("PATH", path);
    let output = shell.env_remove("SELVEDGE_URL").env_remove("SELVEDGE_TOKEN").output().unwrap();
    assert!(output.status.success(), "{mount}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

/// Mounts an engine whose certificates name lists at this host.
fn mount(bao: &OpenBao, mount: &str) {
    bao.run(&["secrets", "enable", &format!("-path={mount}"), "-max-lease-ttl=8760h", "pki"]);
    let urls = format!("crl_distribution_points=http://vault.test/v1/{mount}/crl");
    bao.run(&["write", &format!("{mount}/config/urls"), &urls]);
}

/// Mounts two engines: one under this CA's intermediate, one under a root of its own.
fn set_up(state: &Path, bao: &OpenBao) {
    mount(bao, "ours");
    let read = |name: &str| fs::read_to_string(state.join("ca").join(name)).unwrap();
    fs::write(state.join("bundle.pem"), read("intermediate.key") + &read("intermediate.pem")).unwrap();
    bao.run(&["write", "ours/issuers/import/bundle", "pem_bundle=@bundle.pem"]);
    mount(bao, "old");
    bao.write("old/root/generate/internal", &["common_name=Old CA", "ttl=2400h", "key_type=ec"]);
}

/// Has the engine issue a certificate, as `NAME.pem`. Returns its serial number as both programs write it.
fn issue(state: &Path, bao: &OpenBao, mount: &str, name: &str, more: &[&str]) -> (String, String) {
    let role = format!("{mount}/roles/{name}");
    let fixed = ["allow_any_name=true", "allowed_uri_sans=*", "require_cn=false", "max_ttl=720h"];
    let key = if more.contains(&"rsa") { ["key_type=rsa", "key_bits=2048"] } else { ["key_type=ec", "key_bits=256"] };
    bao.run(&[&["write", &role][..], &fixed, &key, &["enforce_hostnames=false", "cn_validations=disabled"]].concat());
    let members: Vec<&str> = more.iter().copied().filter(|word| *word != "rsa").collect();
    let made = bao.write(&format!("{mount}/issue/{name}"), &[&["ttl=24h"], &members[..]].concat());
    fs::write(state.join(format!("{name}.pem")), made["certificate"].as_str().unwrap()).unwrap();
    let theirs = made["serial_number"].as_str().unwrap().to_owned();
    let ours = theirs.replace(':', "");
    // A serial number with its high bit set has a leading zero octet in DER, so here.
    let ours = if ours.as_bytes()[0] >= b'8' { format!("00{ours}") } else { ours };
    (theirs, ours)
}

#[test]
fn certificates_of_openbao_are_imported_as_documented_and_openssl_sees_their_revocation() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path();
    let server = Server::start_with(state, 0, &["--plain-http"]);
    let bao = OpenBao::start(state, free_port());
    set_up(state, &bao);
    let (_, plain) = issue(state, &bao, "ours", "plain", &["common_name=plain.test", "ip_sans=10.0.0.1"]);
    let (_, rsa) = issue(state, &bao, "ours", "rsa", &["rsa", "common_name=*.rsa.test", "alt_names=rsa.test"]);
    let (_, person) = issue(state, &bao, "ours", "person", &["common_name=Ada", "alt_names=ada@old.test"]);
    let (_, uri) = issue(state, &bao, "ours", "uri", &["uri_sans=spiffe://old.test/one"]);
    let (lost, lost_here) = issue(state, &bao, "ours", "lost", &["common_name=lost.test"]);
    let (_, theirs) = issue(state, &bao, "old", "theirs", &["common_name=theirs.test"]);
    let (gone, gone_here) = issue(state, &bao, "old", "gone", &["common_name=gone.test"]);
    let revoked = [("ours", &lost), ("old", &gone)].map(|(mount, serial)| {
        bao.write(&format!("{mount}/revoke"), &[&format!("serial_number={serial}")])["revocation_time"]
            .as_u64()
            .unwrap()
    });

    let told = run_documented(state, &bao, "ours");
    for says in ["5 would be imported, 0 would be marked", "5 imported, 0 marked", "5 are signed by an issuer"] {
        assert!(told.contains(says), "{says}: {told}");
    }
    let told = run_documented(state, &bao, "old");
    for says in ["left out: 1 certificates of CAs", "2 imported", "2 are of other CAs"] {
        assert!(told.contains(says), "{says}: {told}");
    }
    let listed = answer(state, &ALL);
    let of = |serial: &str| {
        let all = listed["certificates"].as_array().unwrap();
        all.iter().find(|one| one["serial"] == serial).unwrap_or_else(|| panic!("{serial}: {listed}")).clone()
    };
    assert_eq!(listed["certificates"].as_array().unwrap().len(), 7, "{listed}");
    for (serial, names) in [
        (&plain, json!(["10.0.0.1", "plain.test"])),
        (&rsa, json!(["*.rsa.test", "rsa.test"])),
        (&person, json!(["ada", "ada@old.test"])),
        (&uri, json!(["spiffe://old.test/one"])),
        (&lost_here, json!(["lost.test"])),
        (&theirs, json!(["theirs.test"])),
    ] {
        assert_eq!(of(serial)["names"], names);
    }
    for (serial, at, foreign) in [(&lost_here, revoked[0], Value::Null), (&gone_here, revoked[1], "Old CA".into())] {
        let shown = of(serial);
        assert_eq!(shown["revoked"]["at"], Time::from_secs(at).rfc3339(), "{shown}");
        assert_eq!((&shown["status"], &shown["imported"]["foreign"]), (&"revoked".into(), &foreign));
    }
    for serial in [&plain, &rsa, &person, &uri, &theirs] {
        assert_eq!(of(serial)["status"], "valid");
    }

    again(state, &listed);
    judged(&server, &plain, &theirs);
    later(state, &bao, &theirs);
}

/// OpenSSL's verdicts, before and after one is revoked here; another CA's is refused.
fn judged(server: &Server, plain: &str, theirs: &str) {
    revoked_within_a_minute(server, "lost");
    for name in ["plain", "rsa", "person", "uri"] {
        assert_eq!(verdict(server, name), "", "{name} is good");
    }
    let revoke =
        |serial: &str| selvedge(&server.state, &["certs", "revoke", serial, "--reason", "superseded", "--yes"]);
    let output = revoke(plain);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    revoked_within_a_minute(server, "plain");
    let refused = revoke(theirs);
    let says = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && says.contains("Old CA"), "{says}");
}

/// A second import of the same files changes nothing.
fn again(state: &Path, listed: &Value) {
    let again = answer(state, &["certs", "import", &format!("{}", state.join("of-ours").display())]);
    assert_eq!((&again["imported"], &again["revoked"], &again["known"]), (&0.into(), &0.into(), &5.into()));
    assert_eq!(answer(state, &ALL), *listed);
}

/// Another certificate is revoked at OpenBao after the import, and its CRL imported.
fn later(state: &Path, bao: &OpenBao, serial: &str) {
    let colons: Vec<String> = serial.trim_start_matches("00").as_bytes().chunks(2).map(text).collect();
    bao.write("old/revoke", &[&format!("serial_number={}", colons.join(":"))]);
    let (list, issuer) = (state.join("old.crl"), state.join("old.pem"));
    fs::write(&list, bao.run(&["read", "-field=certificate", "old/cert/crl"]).stdout).unwrap();
    fs::write(&issuer, bao.run(&["read", "-field=certificate", "old/cert/ca"]).stdout).unwrap();
    let [list, issuer, export] = [list, issuer, state.join("of-old")].map(|path| path.display().to_string());
    let told = answer(state, &["certs", "import", &export, &issuer, "--crl", &list]);
    assert_eq!((&told["imported"], &told["revoked"], &told["known"]), (&0.into(), &1.into(), &1.into()), "{told}");
    let shown = answer(state, &["certs", "show", serial]);
    assert_eq!(shown["status"], "revoked", "{shown}");
}

fn text(two: &[u8]) -> String {
    String::from_utf8(two.to_vec()).unwrap()
}
