//! `dev --ca`: the bindings of the Worker for a persistent CA.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use clap::Parser;
use selvedge::pki::ceremony::{CertAndKey, check_pair, create_intermediate, create_root};
use selvedge::values::{Time, b64};
use tempfile::TempDir;

use super::harness::Line;
use crate::ceremony;
use crate::common::host;
use crate::common::worker_config::{Var, WorkerConfig};
use crate::dev::kept::{KeptCa, Keys};
use crate::dev::pki;
use crate::dev::serving::{Origins, bindings};
use crate::runtime::capnp::Binding;
use crate::runtime::state::State;

fn now() -> Time {
    host::now().unwrap()
}

/// A CA of two issuers, in a folder.
fn folder() -> (TempDir, CertAndKey, [CertAndKey; 2]) {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let root = create_root("Root", now(), 10).unwrap();
    let issuers = ["First", "Second"].map(|name| create_intermediate(&root, name, now(), 5).unwrap());
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write("root.pem", &root.certificate);
    write("issuer.pem", &issuers[0].certificate);
    write("issuer.key", &issuers[0].key);
    write("issuer-2.pem", &issuers[1].certificate);
    write("issuer-2.key", &issuers[1].key);
    write("issuer-2.from", "2999-01-31T01:00:00+01:00\n");
    write("nonce.key", &b64::encode(&[7; 32]));
    (dir, root, issuers)
}

fn text(value: &str) -> Binding {
    Binding::Var(Var::Text(value.to_owned()))
}

#[test]
fn every_issuer_of_the_folder_is_bound() {
    let (dir, root, issuers) = folder();
    let file = |name: &str| Binding::File(dir.path().join(name));
    let kept = KeptCa::read(dir.path(), now()).unwrap();
    let wanted = [
        ("ISSUER_CHAIN", text(&issuers[0].certificate)),
        ("ISSUER_CHAIN_2", text(&issuers[1].certificate)),
        ("ISSUER_ACTIVE_FROM_2", text("2999-01-31T00:00:00Z")),
        ("ISSUER_KEY", file("issuer.key")),
        ("ISSUER_KEY_2", file("issuer-2.key")),
        ("NONCE_KEY", file("nonce.key")),
        ("ROOT_CERTIFICATE", text(&root.certificate)),
    ];
    assert_eq!(kept.bindings, wanted.map(|(name, value)| (name.to_owned(), value)).into());

    let state_dir = tempfile::tempdir().unwrap();
    let state = State::open(state_dir.path()).unwrap();
    let options = |line: &[&str]| Line::try_parse_from([&["dev"], line].concat()).unwrap().options;
    let origins = Origins { base: "https://x".into(), status: "http://s".into(), management: "http://y".into() };
    let told = |kept, line: &[&str]| bindings(&options(line), &state, kept, &origins).unwrap();
    let mine = told(Some(&kept), &["--ca", "ca"]);
    assert!(kept.bindings.iter().all(|binding| mine.get(binding.0) == Some(binding.1)));
    assert_eq!((&mine["MODE"], &mine["BASE_URL"]), (&text("dev"), &text("https://x")));
    let disposable = told(None, &[]);
    assert_eq!(disposable["ISSUER_KEY"], Binding::File(state.path(pki::ISSUER_KEY)));
    assert_eq!(disposable["ROOT_CERTIFICATE"], Binding::File(state.path(pki::ROOT)));
    assert!(!disposable.contains_key("ISSUER_CHAIN_2"));
    assert_eq!(told(Some(&kept), &["--set", "ISSUER_ACTIVE_FROM_2=x"])["ISSUER_ACTIVE_FROM_2"], text("x"));
}

#[test]
fn real_keys_sign_only_on_request() {
    let (dir, _, issuers) = folder();
    let state_dir = tempfile::tempdir().unwrap();
    let state = State::open(state_dir.path()).unwrap();
    let throw_away = create_root("Throw-away", now(), 10).unwrap();
    let made = || KeptCa::read(dir.path(), now()).unwrap().stand_in(&state, &throw_away).unwrap();
    let kept = made();
    assert_eq!(kept.keys, Keys::StandIn);
    assert_eq!(kept.bindings["ROOT_CERTIFICATE"], Binding::File(state.path(pki::ROOT)));
    assert_eq!(kept.bindings["NONCE_KEY"], Binding::File(state.path(pki::NONCE_KEY)));
    assert_eq!(kept.bindings["ISSUER_ACTIVE_FROM_2"], text("2999-01-31T00:00:00Z"));
    for (place, real) in [("", &issuers[0]), ("_2", &issuers[1])] {
        let Binding::Var(Var::Text(chain)) = &kept.bindings[&format!("ISSUER_CHAIN{place}")] else { panic!() };
        let Binding::File(key) = &kept.bindings[&format!("ISSUER_KEY{place}")] else { panic!() };
        assert!(key.starts_with(state_dir.path()) && fs::metadata(key).unwrap().permissions().mode() & 0o077 == 0);
        let key = fs::read_to_string(key).unwrap();
        assert!(key != real.key && check_pair(chain, &key).is_ok() && check_pair(&real.certificate, &key).is_err());
    }
    let Binding::Var(Var::Text(chain)) = &kept.bindings["ISSUER_CHAIN"] else { panic!() };
    assert_eq!(&kept.active, chain);
    // What was issued is below the same issuer after a restart.
    assert_eq!(made().bindings, kept.bindings);
    assert!(kept.notice().contains("throw-away keys"), "{}", kept.notice());
    let real = KeptCa::read(dir.path(), now()).unwrap();
    assert!(real.keys == Keys::Real && real.notice().starts_with("WARNING: the keys of "), "{}", real.notice());
    assert!(Line::try_parse_from(["dev", "--sign-with-real-keys"]).is_err(), "it is about --ca");
}

#[test]
fn settings_of_the_deployed_ca_are_not_used() {
    let text = "name='a'\nmain='b'\ncompatibility_date='c'\n[vars]\nISSUER_CHAIN='1'\nISSUER_ACTIVE_FROM_9='2'\nMODE='3'\n\
                ROOT_CERTIFICATE='4'\nALTERNATE_CHAINS_2='5'\n";
    let left =
        WorkerConfig::parse(Path::new("wrangler.toml"), text).unwrap().without(&ceremony::public_settings()).vars;
    assert_eq!(left, BTreeMap::from([("MODE".to_owned(), Var::Text("3".into()))]));
}

#[test]
fn mismatched_folder_is_refused_with_the_file() {
    let refused = |change: &dyn Fn(&Path), at: Time| {
        let (dir, ..) = folder();
        change(dir.path());
        format!("{:#}", KeptCa::read(dir.path(), at).unwrap_err())
    };
    let change = |name: &'static str, text: &'static str| move |dir: &Path| fs::write(dir.join(name), text).unwrap();
    let swap = |dir: &Path| fs::rename(dir.join("issuer-2.key"), dir.join("issuer.key")).unwrap();
    let remove = |name: &'static str| move |dir: &Path| fs::remove_file(dir.join(name)).unwrap();
    let swapped = |dir: &Path| {
        swap(dir);
        fs::copy(dir.join("issuer.key"), dir.join("issuer-2.key")).unwrap();
    };
    let a_root = |dir: &Path| {
        let root = create_root("Root", now(), 10).unwrap();
        fs::write(dir.join("issuer.pem"), &root.certificate).unwrap();
        fs::write(dir.join("issuer.key"), &root.key).unwrap();
    };
    let late = Time::from_secs(now().secs() + 6 * 365 * 86_400);
    for (said, wanted) in [
        (refused(&swapped, now()), "issuer.key: the private key does not belong to the certificate"),
        (refused(&swap, now()), "issuer-2.key is missing"),
        (refused(&remove("issuer.pem"), now()), "no active issuer"),
        (refused(&remove("nonce.key"), now()), "nonce.key is missing"),
        (refused(&remove("root.pem"), now()), "root.pem is missing"),
        (refused(&remove("issuer-2.from"), now()), "issuer-2.from is missing"),
        (refused(&change("issuer-2.from", "soon"), now()), "issuer-2.from does not contain a time"),
        (refused(&change("nonce.key", "short"), now()), "nonce.key is not 32 bytes"),
        (refused(&a_root, now()), "self-signed"),
        (refused(&|_| (), late), "was valid until"),
        (refused(&|_| (), Time::from_secs(now().secs() - 86_400)), "is valid from"),
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    // The second issuer has taken over: the expired first one no longer prevents the start.
    let (dir, root, _) = folder();
    let after = Time::from_secs(now().secs() + 4 * 365 * 86_400);
    let second = create_intermediate(&root, "Second", after, 5).unwrap();
    fs::write(dir.path().join("issuer-2.pem"), &second.certificate).unwrap();
    fs::write(dir.path().join("issuer-2.key"), &second.key).unwrap();
    fs::write(dir.path().join("issuer-2.from"), after.rfc3339()).unwrap();
    KeptCa::read(dir.path(), late).unwrap();

    let said = format!("{:#}", KeptCa::read(Path::new("/no/such/folder"), now()).unwrap_err());
    assert!(said.contains("selvedge init"), "{said}");
}
