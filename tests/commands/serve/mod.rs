//! `serve` on real workerd, under kills, restarts and renewals.

mod backups;
mod from_dev;
pub mod home;
mod packages;
mod refusals;

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use home::{Home, agent, obtain, wait};
use instant_acme::{Account, RevocationRequest};
use rustix::process::Signal;
use rustls_pki_types::CertificateDer;
use selvedge::pki::crl::read::ReceivedCrl;
use selvedge::pki::pem;
use selvedge::values::x509::Parts;

/// Certificates that the working client has at least to obtain.
const ENOUGH: usize = 12;

/// A client that works until `ends` is set; gives what it obtained, and what failed.
///
/// At most `kills` orders may fail.
fn work(
    account: Arc<Account>,
    ends: Arc<AtomicBool>,
    kills: usize,
) -> tokio::task::JoinHandle<(Vec<String>, Vec<String>)> {
    tokio::spawn(async move {
        let (mut chains, mut failures) = (Vec::new(), Vec::new());
        while !ends.load(Ordering::Relaxed) || chains.len() < ENOUGH {
            // Every name is another's: limits for one name are not what is looked at.
            let name = format!("n{}.test", chains.len() + failures.len());
            match obtain(&account, &name).await {
                Ok(chain) => chains.push(chain),
                Err(error) => failures.push(format!("{name}: {error}")),
            }
            assert!(failures.len() <= kills, "{failures:?}");
        }
        (chains, failures)
    })
}

pub fn leaf(chain: &str) -> Vec<u8> {
    pem::read_certificates(chain).unwrap()[0].clone()
}

/// The serial numbers of all lists at the status address.
pub fn revoked(home: &Home, certificate: &[u8]) -> bool {
    let parts = Parts::read(certificate).unwrap();
    let url = crl_url(certificate);
    assert!(url.starts_with(&format!("http://127.0.0.1:{}/crl/", home.ports[1])), "{url}");
    let der = home.agent().get(&url).call().unwrap().body_mut().read_to_vec().unwrap();
    ReceivedCrl::read(&der).is_ok_and(|list| list.entry(parts.serial).is_some())
}

fn crl_url(certificate: &[u8]) -> String {
    use x509_cert::ext::pkix::CrlDistributionPoints;
    use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
    let points = Parts::read(certificate).unwrap().extension::<CrlDistributionPoints>().unwrap().unwrap();
    match &points.0[0].distribution_point {
        Some(DistributionPointName::FullName(names)) => match &names[0] {
            GeneralName::UniformResourceIdentifier(url) => url.to_string(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_works_through_kills_restarts_and_renewals() {
    disturbed(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "some minutes"]
async fn client_works_through_many_kills_restarts_and_renewals() {
    disturbed(50).await;
}

/// Kills workerd so often under a working client, and starts it again on request.
async fn disturbed(kills: usize) {
    let home = Home::new();
    let serve = home.serve(&["--tls-from-ca", "--endpoint-certificate-use", "2"]);
    assert_eq!(home.get(&format!("{}/health", home.base())).0, 200);
    let first = serve.presented();
    let account = Arc::new(home.account("client").await);
    let ends = Arc::new(AtomicBool::new(false));
    let working = work(Arc::clone(&account), Arc::clone(&ends), kills);
    for _ in 0..kills {
        serve.kill_workerd();
        let old = serve.workerd();
        serve.signal(Signal::HUP);
        wait("workerd with the settings as they are now", || (serve.workerd() != old).then_some(()));
    }
    let renewed = wait("renewed certificate", || Some(serve.presented()).filter(|leaf| *leaf != first));
    ends.store(true, Ordering::Relaxed);
    // A restart and a renewal cost a client nothing, and a kill at most the order that it was in.
    let (chains, failures) = working.await.unwrap();
    eprintln!("{} certificates, failures: {failures:?}", chains.len());
    assert!(chains.len() >= ENOUGH);
    // Both are ordinary certificates of the inventory, and the second is presented.
    assert_ne!(Parts::read(&first).unwrap().serial, Parts::read(&renewed).unwrap().serial);
    assert_eq!(home.get(&format!("{}/health", home.base())).0, 200);
    serve.stop();
    assert!(home.read("log").contains("the certificate for https was renewed"), "{}", home.read("log"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn state_certificate_and_alarms_survive_a_kill_of_everything() {
    let home = Home::new();
    let serve = home.serve(&["--tls-from-ca"]);
    let account = home.account("client").await;
    let chain = obtain(&account, "a.test").await.unwrap();
    let certificate = leaf(&chain);
    assert!(!revoked(&home, &certificate));
    let presented = serve.presented();
    let der = CertificateDer::from(certificate.clone());
    account.revoke(&RevocationRequest { certificate: &der, reason: None }).await.unwrap();
    // The list is signed by an alarm, of this workerd or the next.
    serve.kill();
    let serve = home.serve(&["--tls-from-ca"]);
    assert_eq!(serve.presented(), presented, "a restart orders nothing");
    wait("revocation in the CRL", || revoked(&home, &certificate).then_some(()));
    obtain(&account, "b.test").await.unwrap();
    serve.stop();
    assert!(!home.path("state/serve.json").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_http_and_files_are_served_and_failing_health_is_reported() {
    let home = Home::new();
    let status = format!("http://127.0.0.1:{}", home.ports[1]);
    let serve = home.serve(&["--plain-http"]);
    // The proxy's own connection is plain; for the CA it is https all the same.
    let (code, directory) = home.get(&format!("{}/directory", home.base().replace("https:", "http:")));
    assert_eq!((code, &directory["newOrder"]), (200, &format!("{}/acme/new-order", home.base()).into()));
    assert_eq!(home.get(&format!("{status}/health")).0, 200);
    assert_eq!(home.get(&format!("{status}/admin/v1/policy")).0, 403, "by plain http only what verifiers need");
    let (code, _) = home.get(&format!("{status}/crl/root.crl"));
    assert_eq!(code, 200);
    let container = packages::health_check(home.ports[1]);
    assert!(Command::new("bash").args(["-c", &container]).status().unwrap().success(), "{container}");
    rustix::process::kill_process(serve.workerd(), Signal::STOP).unwrap();
    let (code, failing) =
        wait("failing health", || Some(home.get(&format!("{status}/health"))).filter(|(code, _)| *code == 503));
    assert_eq!((code, failing["status"].as_str()), (503, Some("failing")));
    assert!(!Command::new("bash").args(["-c", &container]).status().unwrap().success(), "{container}");
    rustix::process::kill_process(serve.workerd(), Signal::CONT).unwrap();
    wait("good health", || (home.get(&format!("{status}/health")).0 == 200).then_some(()));
    serve.stop();
    // Now with a certificate in files, which another program replaces.
    let issue = || {
        let now = home::now();
        let root = selvedge::pki::ceremony::create_root("Files", now, 1).unwrap();
        let address = ["127.0.0.1".parse().unwrap()];
        (selvedge::pki::ceremony::create_server_leaf(&root, &[], &address, now, 9).unwrap(), root.certificate)
    };
    let (pair, root) = issue();
    home.write("tls.pem", &pair.certificate, 0o644);
    home.write("tls.key", &pair.key, 0o600);
    let serve = home.serve(&["--tls-cert", "tls.pem", "--tls-key", "tls.key", "--log-file", "serve.log"]);
    let workerd = serve.workerd();
    let directory = format!("{}/directory", home.base());
    assert_eq!(agent(&root).get(&directory).call().unwrap().status(), 200);
    let (pair, root) = issue();
    home.write("tls.key", &pair.key, 0o600);
    home.write("tls.pem", &pair.certificate, 0o644);
    wait("the files' new certificate", || agent(&root).get(&directory).call().ok());
    assert_eq!(serve.workerd(), workerd, "without a restart");
    // logrotate moves the file, and asks for another.
    wait("loaded again in the log", || home.read("serve.log").contains("was loaded again").then_some(()));
    fs::rename(home.path("serve.log"), home.path("serve.log.1")).unwrap();
    serve.signal(Signal::USR1);
    wait("new log", || home.path("serve.log").exists().then_some(()));
    serve.stop();
    assert!(home.read("serve.log").contains("stopping") && !home.read("serve.log.1").contains("stopping"));
}
