//! `wrangler.toml` as wrangler reads it: the Worker under `wrangler dev`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "a test")]

#[path = "common/server.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod server;
#[path = "common/wire.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod wire;

use selvedge::pki::ceremony::{create_intermediate, create_root};
use selvedge::values::{Time, b64};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

/// `wrangler dev` and all that it started, ended when dropped: it has a process group of its own.
struct Wrangler(Child);

impl Drop for Wrangler {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        for signal in ["-TERM", "-KILL"] {
            let _ = Command::new("kill").args([signal, "--", &group]).stderr(Stdio::null()).status();
            for _ in 0..60 {
                if matches!(self.0.try_wait(), Ok(Some(_)) | Err(_)) {
                    break;
                }
                sleep(Duration::from_millis(50));
            }
        }
    }
}

/// Secrets as wrangler reads them from a file, from a ceremony of this moment.
fn write_secrets(file: &Path) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now = Time::from_secs(now.as_secs());
    let root = create_root("wrangler test root", now, 1).unwrap();
    let issuer = create_intermediate(&root, "wrangler test issuer", now, 1).unwrap();
    let line = |name: &str, value: &str| format!("{name}=\"{}\"\n", value.trim_end().replace('\n', "\\n"));
    let secrets = [
        line("ISSUER_KEY", &issuer.key),
        line("ISSUER_CHAIN", &issuer.certificate),
        line("NONCE_KEY", &b64::encode(&[9; 32])),
    ];
    std::fs::write(file, secrets.concat()).unwrap();
}

#[test]
fn the_worker_serves_under_wrangler_dev() {
    use std::os::unix::process::CommandExt;
    let folder = tempfile::tempdir().unwrap();
    let (secrets, log) = (folder.path().join("secrets"), folder.path().join("log"));
    write_secrets(&secrets);
    let port = server::free_port();
    let base = format!("http://127.0.0.1:{port}");
    let output = std::fs::File::create(&log).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_selvedge"))
        .args(["tool", "wrangler", "dev", "--ip", "127.0.0.1", "--port", &port.to_string(), "--inspector-port", "0"])
        .args(["--var", &format!("BASE_URL:{base}"), "--var", "MODE:dev", "--env-file"])
        .arg(&secrets)
        .arg("--persist-to")
        .arg(folder.path().join("state"))
        .env("CI", "true")
        .env("WRANGLER_SEND_METRICS", "false")
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .process_group(0)
        .spawn()
        .unwrap();
    let mut wrangler = Wrangler(child);
    let mut answered = String::new();
    for _ in 0..12_000 {
        match ureq::get(format!("{base}/directory")).call() {
            Ok(mut answer) => {
                answered = answer.body_mut().read_to_string().unwrap();
                break;
            }
            Err(_) => sleep(Duration::from_millis(100)),
        }
        let ended = wrangler.0.try_wait().unwrap();
        assert!(ended.is_none(), "{ended:?}: {}", std::fs::read_to_string(&log).unwrap());
    }
    assert!(answered.contains(&format!("{base}/acme/new-order")), "{answered}");
    let mut client = wire::Wire::plain(&format!("{base}/directory"));
    client.register();
}
