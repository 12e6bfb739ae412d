//! What `serve` refuses: one sentence with the next step, and nothing is changed.

use std::fs;
use std::net::TcpListener;

use super::home::Home;

/// Every file below a folder, with its size.
fn files(home: &Home, folder: &str) -> Vec<(String, u64)> {
    let Ok(entries) = fs::read_dir(home.path(folder)) else { return Vec::new() };
    let entries = entries.map(|entry| entry.unwrap());
    let mut found: Vec<_> =
        entries.map(|e| (e.file_name().into_string().unwrap(), e.metadata().unwrap().len())).collect();
    found.sort();
    found
}

#[test]
fn unusable_settings_folders_and_ports_are_refused_with_the_next_step() {
    let home = Home::new();
    let settings = home.read("wrangler.toml");
    let refused = |arguments: &[&str], says: &[&str]| {
        let before = files(&home, "state");
        let said = home.refused(&[&["--tls-from-ca"], arguments].concat());
        says.iter().for_each(|part| assert!(said.contains(part), "{part}: {said}"));
        assert_eq!(files(&home, "state"), before, "{said}");
    };
    for (from, to, says) in [
        ("\"production\"", "\"dev\"", ["MODE", "selvedge dev"]),
        ("MODE = \"production\"\n", "", ["no MODE", "write MODE"]),
        ("CAA_INTERNAL", "REFUSE_NONCES = 5\nCAA_INTERNAL", ["REFUSE_NONCES", "for tests"]),
        ("CRL_GATHERING_SECONDS = 0", "CRL_GATHERING_SECONDS = \"x\"", ["CRL_GATHERING_SECONDS", "nothing was done"]),
        ("STATUS_URL", "# STATUS_URL", ["set STATUS_URL", "verifiers"]),
    ] {
        assert!(settings.contains(from), "{from}");
        home.write("wrangler.toml", &settings.replace(from, to), 0o644);
        refused(&[], &says);
    }
    home.write("wrangler.toml", &settings, 0o644);
    // Keys.
    let key = home.read("ca/issuer.key");
    home.write("ca/issuer.key", &key, 0o644);
    refused(&[], &["issuer.key is accessible to other users", "chmod 600"]);
    fs::remove_file(home.path("ca/issuer.key")).unwrap();
    refused(&[], &["its key ca/issuer.key does not", "Restore the key", "nothing was done"]);
    home.write("ca/issuer.key", &key, 0o600);
    fs::rename(home.path("ca/nonce.key"), home.path("nonce.key")).unwrap();
    refused(&[], &["nonce.key", "does not exist", "nothing was done"]);
    fs::rename(home.path("nonce.key"), home.path("ca/nonce.key")).unwrap();
    home.write("metrics", "0123456789abcdef\n", 0o640);
    refused(&["--secret", "METRICS_TOKEN=metrics"], &["metrics is accessible", "chmod 600"]);
    refused(&["--secret", "METRICS_TOKEN=none"], &["none does not exist", "--secret METRICS_TOKEN=FILE"]);
    refused(&["--secret", "NONCE_KEY=metrics"], &["NONCE_KEY", "set already"]);
    // Folders of others.
    for (file, says) in [("dev.json", "disposable `dev`"), ("letter", "foreign files (letter is one)")] {
        fs::create_dir(home.path("state")).unwrap();
        home.write(&format!("state/{file}"), "{}", 0o600);
        refused(&[], &[says, "--state"]);
        fs::remove_dir_all(home.path("state")).unwrap();
    }
    let mark = r#"{"base_url":"https://other.test","worker":"selvedge"}"#;
    fs::create_dir(home.path("state")).unwrap();
    home.write("state/authority.json", mark, 0o600);
    refused(&[], &["that of the CA at https://other.test", "--state"]);
    let dev = home.dev(&["--state", "state"]);
    assert!(dev.contains("is that of a CA in production") && dev.contains("--state"), "{dev}");
    fs::remove_dir_all(home.path("state")).unwrap();
    // A port that is taken, and a path that is too long; afterwards nothing is left.
    let taken = TcpListener::bind(("127.0.0.1", home.ports[0])).unwrap();
    refused(&[], &["is in use", "--listen"]);
    drop(taken);
    let taken = TcpListener::bind(("127.0.0.1", home.ports[1])).unwrap();
    refused(&[], &["is in use", "--status-listen"]);
    drop(taken);
    home.write("tls.pem", "", 0o644);
    let said = home.refused(&["--tls-cert", "tls.pem", "--tls-key", "tls.key"]);
    assert!(said.contains("tls.key does not exist"), "{said}");
    // After all of that it starts, and another one on the same folder does not.
    let serve = home.serve(&["--tls-from-ca"]);
    let second = home.refused_elsewhere();
    assert!(second.contains("another `serve`") && second.contains(&serve.child.id().to_string()), "{second}");
    serve.stop();
}
