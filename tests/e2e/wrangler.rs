//! `wrangler.toml` as wrangler reads it: the Worker under `wrangler dev`.

use crate::common::companion::companion;
use crate::common::server::free_port;
use crate::common::turns;
use crate::common::wire::Wire;
use selvedge::pki::ceremony::{create_intermediate, create_root};
use selvedge::values::{Time, b64};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

/// `wrangler dev` with its descendants in a process group, ended when dropped.
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

/// A file of secrets for wrangler from a new ceremony.
///
/// With a matching key, or with the root's and a second issuer with another key.
fn write_secrets(file: &Path, fitting: bool) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now = Time::from_secs(now.as_secs());
    let root = create_root("wrangler test root", now, 1).unwrap();
    let issuer = create_intermediate(&root, "wrangler test issuer", now, 1).unwrap();
    let other = create_intermediate(&root, "wrangler test issuer", now, 1).unwrap();
    let key = if fitting { &issuer.key } else { &root.key };
    let line = |name: &str, value: &str| format!("{name}=\"{}\"\n", value.trim_end().replace('\n', "\\n"));
    let mut secrets = vec![
        line("ISSUER_KEY", key),
        line("ISSUER_CHAIN", &issuer.certificate),
        line("NONCE_KEY", &b64::encode(&[9; 32])),
        line("ROOT_CERTIFICATE", &root.certificate),
    ];
    if !fitting {
        secrets.push(line("ISSUER_CHAIN_2", &other.certificate));
        secrets.push(line("ISSUER_KEY_2", &issuer.key));
        secrets.push(line("ISSUER_ACTIVE_FROM_2", "2026-01-01T00:00:00Z"));
    }
    std::fs::write(file, secrets.concat()).unwrap();
}

/// Starts wrangler on a free port and waits for an answer to GET directory. Gives its status and body.
fn run(fitting: bool, act: impl FnOnce(&str, u16, &str)) {
    use std::os::unix::process::CommandExt;
    turns::beside_others();
    let folder = tempfile::tempdir().unwrap();
    let (secrets, log) = (folder.path().join("secrets"), folder.path().join("log"));
    write_secrets(&secrets, fitting);
    let port = free_port();
    let base = format!("http://127.0.0.1:{port}");
    let output = std::fs::File::create(&log).unwrap();
    let child = companion()
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
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    for _ in 0..12_000 {
        if let Ok(mut answer) = agent.get(format!("{base}/directory")).call() {
            let body = answer.body_mut().read_to_string().unwrap();
            return act(&base, answer.status().as_u16(), &body);
        }
        let ended = wrangler.0.try_wait().unwrap();
        assert!(ended.is_none(), "{ended:?}: {}", std::fs::read_to_string(&log).unwrap());
        sleep(Duration::from_millis(100));
    }
    panic!("no answer: {}", std::fs::read_to_string(&log).unwrap());
}

/// In sequence: each wrangler runs the build and opens its own ports.
#[test]
fn wrangler_dev_serves_and_refuses_mismatched_keys() {
    run(true, |base, status, directory| {
        assert_eq!(status, 200, "{directory}");
        assert!(directory.contains(&format!("{base}/acme/new-order")), "{directory}");
        Wire::plain(&format!("{base}/directory")).register();
    });
    run(false, |_, status, problem| {
        assert_eq!(status, 500, "{problem}");
        assert!(problem.contains("ISSUER_KEY is the key of the ROOT. It has to stay offline"), "{problem}");
        assert!(
            problem.contains("ISSUER_KEY_2 is not the key of the first certificate in ISSUER_CHAIN_2"),
            "{problem}"
        );
    });
}
