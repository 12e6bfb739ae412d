//! `pebble`, `dev --ephemeral` and Debian's Pebble, in turns: their start, their memory, and issuances.
//!
//! All keep their state in memory and speak https. The two Pebbles ask the same DNS server, and get the same pair and
//! configuration; `dev` answers its own queries.

use crate::common::load::Load;
use crate::common::load::client::{OWN_PATHS, Paths};
use crate::common::load::http::{Connection, Endpoint};
use crate::common::load::process::Process;
use crate::common::packages::debian;
use crate::common::server::free_port;
use crate::options::{CLIENTS, Options};
use crate::units::ms;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Pebble's paths.
const PATHS: Paths = Paths { new_nonce: "/nonce-plz", new_account: "/sign-me-up", new_order: "/order-plz" };
/// The same for both: no waits, no refused nonces, no reused authorizations.
const ENVIRONMENT: [(&str, &str); 3] =
    [("PEBBLE_VA_NOSLEEP", "1"), ("PEBBLE_WFE_NONCEREJECT", "0"), ("PEBBLE_AUTHZREUSE", "0")];
/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What one run of a server came to.
struct Run {
    directory: Duration,
    certificate: Duration,
    memory_at_start: u64,
    peak_memory: u64,
    per_second: f64,
    cpu_each: Duration,
    failed: usize,
}

/// Measures both in two rounds and prints the table.
pub async fn all(options: &Options) {
    let folder = tempfile::tempdir().unwrap();
    let theirs = debian::release("pebble", "2.10").root.join("usr/bin/pebble");
    let own = Path::new(env!("CARGO_BIN_EXE_selvedge"));
    let companion = options.companion.as_deref().unwrap_or(own).canonicalize().unwrap();
    let [ours, responders] = ["pebble", "pebble-challtestsrv"].map(|name| folder.path().join(name));
    symlink(&companion, &ours).unwrap();
    symlink(&companion, &responders).unwrap();
    let dns = free_port();
    let mut names = Command::new(&responders);
    names.args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "", "-defaultIPv6", ""]);
    names.args(["-dnsserver", &format!("127.0.0.1:{dns}"), "-management", "127.0.0.1:0"]);
    let _names = Server::spawn(&mut names, &folder.path().join("names.log"));
    println!(
        "| server | directory after | certificate after | MiB at start | peak MiB | issuances/s | CPU each | failed |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for round in 1..=2 {
        for (at, (name, program)) in
            [("Selvedge's pebble", &ours), ("dev --ephemeral", &companion), ("Debian's Pebble", &theirs)]
                .into_iter()
                .enumerate()
        {
            let place = folder.path().join(format!("{round}-{at}"));
            fs::create_dir(&place).unwrap();
            let subject = if program == &companion { dev(program, &place) } else { pebble(program, &place, dns) };
            let run = measure(subject, &place, options).await;
            let mib = |bytes: u64| bytes / (1024 * 1024);
            println!(
                "| {name} | {:.0} ms | {:.0} ms | {} | {} | {:.0} | {:.1} ms | {} |",
                ms(run.directory),
                ms(run.certificate),
                mib(run.memory_at_start),
                mib(run.peak_memory),
                run.per_second,
                ms(run.cpu_each),
                run.failed
            );
        }
    }
}

/// A server to be measured.
struct Subject {
    command: Command,
    host: &'static str,
    acme: u16,
    http01: u16,
    paths: Paths,
    directory: &'static str,
    /// The certificate that clients trust, PEM; written at its start at the latest.
    trusted: PathBuf,
}

fn pebble(program: &Path, place: &Path, dns: u16) -> Subject {
    let (acme, http01) = (free_port(), free_port());
    let mut command = Command::new(program);
    command.args(["-config", "config.json", "-strict", "-dnsserver", &format!("127.0.0.1:{dns}")]);
    command.envs(ENVIRONMENT).current_dir(place);
    Subject {
        command,
        host: "localhost",
        acme,
        http01,
        paths: PATHS,
        directory: "/dir",
        trusted: configure(place, acme, http01),
    }
}

fn dev(program: &Path, place: &Path) -> Subject {
    // The address of plain http is two ports after that of the CA.
    let (tls_alpn, http01, acme) = (free_port(), free_port(), free_port());
    let mut command = Command::new(program);
    command.args([
        "dev",
        "--ephemeral",
        "--listen",
        &format!("127.0.0.1:{acme}"),
        "--http01-port",
        &http01.to_string(),
    ]);
    command.args(["--tls-alpn-port", &tls_alpn.to_string(), "--root-dir", place.to_str().unwrap()]);
    Subject {
        command,
        host: "127.0.0.1",
        acme,
        http01,
        paths: OWN_PATHS,
        directory: "/directory",
        trusted: place.join("root-0.pem"),
    }
}

async fn measure(mut subject: Subject, place: &Path, options: &Options) -> Run {
    let mut load = Load::new(subject.http01).await.at_paths(subject.paths);
    let begun = Instant::now();
    let server = Server::spawn(&mut subject.command, &place.join("log"));
    let endpoint = loop {
        if let Some(tls) = trust(&subject.trusted) {
            let endpoint = Endpoint { authority: format!("{}:{}", subject.host, subject.acme), tls: Some(tls) };
            if answers(&endpoint, subject.directory).await {
                break endpoint;
            }
        }
        assert!(begun.elapsed() < PATIENCE, "{}", fs::read_to_string(place.join("log")).unwrap());
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let directory = begun.elapsed();
    load.register(&endpoint, 1).await;
    load.first().issue("n0.c0.test").await.unwrap();
    let certificate = begun.elapsed();
    let all = server.processes();
    let memory_at_start = all.iter().map(|process| process.resident_memory()).sum();
    load.register(&endpoint, CLIENTS).await;
    load.run(options.number(1500, 200), drop).await;
    let cpu = || all.iter().map(|process| process.cpu()).sum::<Duration>();
    let before = cpu();
    let outcome = load.run(options.issuances.unwrap_or(options.number(1200, 200)), drop).await;
    let issued = u32::try_from(outcome.steps.len()).unwrap().max(1);
    Run {
        directory,
        certificate,
        memory_at_start,
        peak_memory: all.iter().map(|process| process.peak_memory()).sum(),
        per_second: outcome.per_second(),
        cpu_each: cpu().saturating_sub(before) / issued,
        failed: outcome.failures.len(),
    }
}

async fn answers(endpoint: &Endpoint, directory: &str) -> bool {
    Connection::to(endpoint).send("GET", directory, b"").await.is_ok_and(|answer| answer.status == 200)
}

/// The client's side of https; `None` until the file is there.
fn trust(pem: &Path) -> Option<Arc<rustls::ClientConfig>> {
    let certificate = CertificateDer::from_pem_file(pem).ok()?;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Some(Arc::new(versions.with_root_certificates(roots).with_no_client_auth()))
}

/// Writes the configuration with a pair for https; gives the file of its certificate.
fn configure(place: &Path, acme: u16, http01: u16) -> PathBuf {
    let key = rcgen::KeyPair::generate().unwrap();
    let pair = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    fs::write(place.join("server.pem"), pair.pem()).unwrap();
    fs::write(place.join("server.key"), key.serialize_pem()).unwrap();
    let config = json!({ "pebble": {
        "listenAddress": format!("127.0.0.1:{acme}"),
        "managementListenAddress": "",
        "certificate": "server.pem",
        "privateKey": "server.key",
        "httpPort": http01,
        "tlsPort": free_port(),
        "keyAlgorithm": "ecdsa",
        "profiles": { "default": { "description": "", "validityPeriod": 7_776_000 } },
    } });
    fs::write(place.join("config.json"), config.to_string()).unwrap();
    place.join("server.pem")
}

/// A server; killed with the value, with what it started.
struct Server(Child);

impl Server {
    fn spawn(command: &mut Command, log: &PathBuf) -> Self {
        let log = fs::File::create(log).unwrap();
        let command = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Self(command.spawn().unwrap())
    }

    /// Its process and those that it started.
    fn processes(&self) -> Vec<Process> {
        let own = u64::from(self.0.id());
        let tasks = fs::read_dir(format!("/proc/{own}/task")).into_iter().flatten().flatten();
        let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        let children = children.flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        std::iter::once(own).chain(children.filter_map(|pid| pid.parse().ok())).map(Process).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        }
        let began = Instant::now();
        while self.0.try_wait().is_ok_and(|ended| ended.is_none()) && began.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
