//! The CA in the state folder: made once, checked each time, never silently replaced.

use std::fs;

use selvedge::values::Time;
use selvedge::values::identifier::DnsName;
use tempfile::TempDir;

use crate::dev::pki::{Authority, ServerNames};
use crate::runtime::base;
use crate::runtime::base::Base;
use crate::runtime::listen::Host;
use crate::runtime::state::{Readers, State};

/// 2026-11-24.
const NOW: Time = Time::from_secs(1_795_478_400);
const DAY: u64 = 24 * 60 * 60;
const FILES: [&str; 5] = ["root.pem", "root.key", "intermediate.pem", "intermediate.key", "nonce.key"];

fn authority(state: &State, listen: &str, now: Time) -> Result<Authority, String> {
    let listen = listen.parse().unwrap();
    let base = Base::of(None, &listen, false).unwrap();
    Authority::of(state, ServerNames { base: &base, listen: &listen, further: &[] }, None, now)
        .map_err(|error| format!("{error:#}"))
}

fn made() -> (TempDir, State) {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(dir.path()).unwrap();
    authority(&state, "127.0.0.1:1", NOW).unwrap();
    (dir, state)
}

fn contents(state: &State) -> Vec<String> {
    FILES.iter().map(|name| state.read(name).unwrap().unwrap()).collect()
}

fn openssl(state: &State, args: &[&str]) -> String {
    let output = std::process::Command::new("openssl").args(args).current_dir(state.dir()).output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn it_is_made_once_and_kept() {
    let (_dir, state) = made();
    let first = contents(&state);
    let again = authority(&state, "127.0.0.1:1", NOW).unwrap();
    assert_eq!(contents(&state), first);
    assert_eq!(again.root.certificate, first[0]);
    let (_other_dir, other) = made();
    assert!(contents(&other).iter().zip(&first).all(|(one, two)| one != two));
}

#[test]
fn others_verify_what_was_made() {
    let (_dir, state) = made();
    let listen = ["203.0.113.9:1", "ca.test:1"].map(|listen| authority(&state, listen, NOW).unwrap());
    assert_eq!(listen[0].keypair, listen[1].keypair);
    let at = NOW.secs().to_string();
    let strict = ["verify", "-x509_strict", "-attime", &at, "-CAfile", "root.pem"];
    openssl(&state, &[&strict[..], &["intermediate.pem"]].concat());
    for host in ["localhost", "ca.test"] {
        openssl(&state, &[&strict[..], &["-untrusted", "server.pem", "-verify_hostname", host, "server.pem"]].concat());
    }
    authority(&state, "203.0.113.9:1", NOW).unwrap();
    for ip in ["127.0.0.1", "::1", "203.0.113.9"] {
        openssl(&state, &[&strict[..], &["-untrusted", "server.pem", "-verify_ip", ip, "server.pem"]].concat());
    }
    let root = openssl(&state, &["x509", "-in", "root.pem", "-noout", "-subject", "-ext", "basicConstraints"]);
    assert!(root.contains("NOT TRUSTED") && root.contains("CA:TRUE"), "{root}");
    let issuer = openssl(&state, &["x509", "-in", "intermediate.pem", "-noout", "-ext", "basicConstraints,keyUsage"]);
    assert!(issuer.contains("CA:TRUE, pathlen:0") && issuer.contains("Certificate Sign, CRL Sign"), "{issuer}");
    let server = openssl(&state, &["x509", "-in", "server.pem", "-noout", "-issuer"]);
    assert!(server.contains("server CA"), "{server}");
}

#[test]
fn server_certificate_names_its_url_at_each_start() {
    let (_dir, state) = made();
    let (base, listen) = (base::parse("https://ca.lan:8443").unwrap(), "0.0.0.0:14000".parse().unwrap());
    let further = [Host::Ip("198.51.100.7".parse().unwrap()), Host::Name(DnsName::parse("pebble").unwrap())];
    let names = ServerNames { base: &base, listen: &listen, further: &further };
    let authority = Authority::of(&state, names, None, NOW).unwrap();
    let first = state.read("server.pem").unwrap();
    let later = Time::from_secs(NOW.secs() + 60 * DAY);
    authority.certify_server(&state, names, later).unwrap();
    assert_ne!(state.read("server.pem").unwrap(), first);
    // Past the end of the first one.
    let at = (NOW.secs() + 100 * DAY).to_string();
    let strict = ["verify", "-x509_strict", "-attime", &at, "-CAfile", "root.pem", "-untrusted", "server.pem"];
    for name in [
        ["-verify_hostname", "ca.lan"],
        ["-verify_hostname", "pebble"],
        ["-verify_ip", "198.51.100.7"],
        ["-verify_hostname", "localhost"],
        ["-verify_ip", "127.0.0.1"],
    ] {
        openssl(&state, &[&strict[..], &name, &["server.pem"]].concat());
    }
    let names = openssl(&state, &["x509", "-in", "server.pem", "-noout", "-ext", "subjectAltName"]);
    assert!(!names.contains("0.0.0.0"), "{names}");
}

#[test]
fn root_of_a_folder_is_shared_by_states() {
    let (roots, other_roots) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let listen = "127.0.0.1:1".parse().unwrap();
    let base = Base::of(None, &listen, false).unwrap();
    let names = ServerNames { base: &base, listen: &listen, further: &[] };
    let below = |state: &State, roots: &TempDir| Authority::of(state, names, Some(roots.path()), NOW);
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let states = [State::open(dirs[0].path()).unwrap(), State::open(dirs[1].path()).unwrap()];
    let made = [below(&states[0], &roots).unwrap(), below(&states[1], &roots).unwrap()];
    assert_eq!(made[0].root.certificate, made[1].root.certificate);
    assert_eq!(made[0].root.certificate, fs::read_to_string(roots.path().join("root-0.pem")).unwrap());
    assert_ne!(states[0].read("intermediate.pem").unwrap(), states[1].read("intermediate.pem").unwrap());
    below(&states[0], &roots).unwrap();
    let said = below(&states[0], &other_roots).unwrap_err().to_string();
    assert!(said.contains("not below the root of --root-dir"), "{said}");
}

#[test]
fn missing_file_is_named_and_nothing_is_replaced() {
    for name in FILES {
        let (_dir, state) = made();
        state.remove(name).unwrap();
        let said = authority(&state, "127.0.0.1:1", NOW).unwrap_err();
        assert!(said.contains(&format!("{name} is missing")) && said.contains("Restore"), "{said}");
        assert_eq!(state.read(name).unwrap(), None);
    }
}

#[test]
fn damaged_file_is_named_and_nothing_is_replaced() {
    let (_other_dir, other) = made();
    for name in FILES {
        let (_dir, state) = made();
        let good = state.read(name).unwrap().unwrap();
        let half = &good[..good.len() / 2];
        let foreign = other.read(name).unwrap().unwrap();
        for bad in ["", "garbage\n", half, foreign.as_str()] {
            // Any other nonce key is as good.
            if name == "nonce.key" && bad == foreign {
                continue;
            }
            fs::write(state.path(name), bad).unwrap();
            let said = authority(&state, "127.0.0.1:1", NOW).unwrap_err();
            assert!(said.contains(name) && said.contains("delete"), "{name} {bad:?}: {said}");
            assert_eq!(state.read(name).unwrap().as_deref(), Some(bad));
        }
        fs::write(state.path(name), [0xff, 0xfe]).unwrap();
        assert!(authority(&state, "127.0.0.1:1", NOW).unwrap_err().contains(name));
    }
}

#[test]
fn intermediate_of_another_root_is_refused() {
    let (_dir, state) = made();
    let (_other_dir, other) = made();
    for (name, readers) in [("intermediate.pem", Readers::Everyone), ("intermediate.key", Readers::Owner)] {
        state.write(name, &other.read(name).unwrap().unwrap(), readers).unwrap();
    }
    let said = authority(&state, "127.0.0.1:1", NOW).unwrap_err();
    assert!(said.contains("intermediate.pem is not signed by root.pem"), "{said}");
}

#[test]
fn expired_ca_is_reported() {
    let (_dir, state) = made();
    let later = Time::from_secs(NOW.secs() + 6 * 365 * DAY);
    let said = authority(&state, "127.0.0.1:1", later).unwrap_err();
    assert!(said.contains("intermediate.pem") && said.contains("was valid until"), "{said}");
}

#[test]
fn interrupted_creation_of_a_ca_is_completed_or_repeated() {
    let (_dir, state) = made();
    let whole = contents(&state);
    // Killed while the files were moved to their places.
    fs::create_dir(state.path("new-ca")).unwrap();
    for name in &FILES[2..] {
        fs::rename(state.path(name), state.path("new-ca").join(name)).unwrap();
    }
    authority(&state, "127.0.0.1:1", NOW).unwrap();
    assert_eq!(contents(&state), whole);
    // Killed while they were written: that CA was never in use, so another is created.
    let (_dir, state) = made();
    fs::rename(state.path("root.pem"), state.path("kept")).unwrap();
    fs::create_dir(state.path("new-ca.part")).unwrap();
    for name in &FILES[1..] {
        fs::rename(state.path(name), state.path("new-ca.part").join(name)).unwrap();
    }
    authority(&state, "127.0.0.1:1", NOW).unwrap();
    assert_ne!(state.read("root.pem").unwrap(), state.read("kept").unwrap());
}
