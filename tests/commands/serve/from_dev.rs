//! A CA that begins as `dev --ca`, moves to `serve` at the same URL, and back.

use super::backups::{close, revoke, run};
use super::home::{Home, Serve, companion, obtain, wait};
use super::{leaf, revoked};
use instant_acme::{Account, ExternalAccountKey, Identifier, NewAccount, NewOrder, OrderStatus, RetryPolicy};
use rustix::process::{Pid, Signal, kill_process};
use selvedge::values::b64;
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::process::{Child, Stdio};

/// The root of the endpoint, wherever the CA runs.
const ROOT: &str = "endpoint/root-0.pem";

/// A running `dev --ca`; killed with the value, should it still run.
struct Dev(Child);

impl Dev {
    /// Starts it with a state folder, and waits until its directory answers.
    fn start(home: &Home, state: &str, arguments: &[&str]) -> Self {
        let listen = format!("127.0.0.1:{}", home.ports[0]);
        let mut command = companion();
        command.args(["dev", "--ca", "ca", "--sign-with-real-keys", "--listen", &listen, "--state", state]);
        command.args(["--root-dir", "endpoint"]).args(arguments).current_dir(home.path("."));
        let log = fs::File::create(home.path("dev.log")).unwrap();
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut dev = Self(child);
        wait("dev", || {
            let ended = dev.0.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", home.read("dev.log"));
            let facts: Value = serde_json::from_str(&home.read(&format!("{state}/dev.json"))).ok()?;
            (facts["pid"] == dev.0.id()).then_some(())
        });
        dev
    }

    fn stop(mut self) {
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(Some(_))) {
            return;
        }
        // workerd ends with it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts `serve` with the certificate that `dev` had for https.
fn serve(home: &Home) -> Serve<'_> {
    home.serve(&["--tls-cert", "began/server.pem", "--tls-key", "began/server.key"])
}

/// Two ports for a `dev`: the second one is its address for verifiers.
fn ports() -> [u16; 2] {
    wait("two ports", || {
        let one = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let other = one.checked_add(2)?;
        TcpListener::bind(("127.0.0.1", other)).ok().map(|_| [one, other])
    })
}

/// Runs a command that finds the running `dev` of a state folder by itself.
fn at_dev(home: &Home, state: &str, arguments: &[&str]) -> String {
    let mut command = companion();
    let output = command.args(arguments).args(["--state", state]).current_dir(home.path(".")).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    said
}

/// What `audit verify` says to keep.
fn known(said: &str) -> String {
    said.lines().find_map(|line| line.trim().strip_prefix("selvedge audit verify --known ")).unwrap().to_owned()
}

/// An account of a client that trusts the endpoint's root.
async fn account(home: &Home) -> Account {
    let made = at_dev(home, "began", &["eab", "create", "client", "--preauthorize", "*.test", "--json"]);
    let made: Value = serde_json::from_str(made.lines().find(|line| line.starts_with('{')).unwrap()).unwrap();
    let key = ExternalAccountKey::new("client".to_owned(), &b64::decode(made["key"].as_str().unwrap()).unwrap());
    let new = NewAccount { contact: &[], terms_of_service_agreed: true, only_return_existing: false };
    let builder = Account::builder_with_root(home.path(ROOT)).unwrap();
    builder.create(&new, format!("{}/directory", home.base()), Some(&key)).await.unwrap().0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ca_of_dev_moves_to_serve_and_back_and_its_client_goes_on() {
    let home = Home::at(ports());
    let with_key = |step, file| vec![step, file, "--passphrase-file", "passphrase"];
    let restore = |file| [with_key("restore", file), vec!["--yes"]].concat();

    let dev = Dev::start(&home, "began", &[]);
    let account = account(&home).await;
    let (kept, revoked_at_dev) = (obtain(&account, "a.test").await.unwrap(), obtain(&account, "b.test").await.unwrap());
    revoke(&account, &revoked_at_dev).await.unwrap();
    wait("revocation", || revoked(&home, &leaf(&revoked_at_dev)).then_some(()));
    let names = [Identifier::Dns("open.test".to_owned())];
    let open = account.new_order(&NewOrder::new(&names)).await.unwrap().url().to_owned();
    let before = known(&at_dev(&home, "began", &["audit", "verify"]));
    dev.stop();
    let dev = Dev::start(&home, "began", &["--set", "CLOSED=true"]);
    assert!(obtain(&account, "c.test").await.is_err(), "nothing is issued after the backup");
    at_dev(&home, "began", &with_key("backup", "house.age"));
    dev.stop();

    close(&home, true);
    let closed = serve(&home);
    run(&home, ROOT, &restore("house.age"), 0);
    closed.stop();
    close(&home, false);
    let opened = serve(&home);
    run(&home, ROOT, &["audit", "verify", "--known", &before], 0);
    let mut order = account.order(open).await.unwrap();
    assert_eq!(order.poll_ready(&RetryPolicy::default()).await.unwrap(), OrderStatus::Ready);
    order.finalize().await.unwrap();
    order.poll_certificate(&RetryPolicy::default()).await.unwrap();
    wait("revocation of before", || revoked(&home, &leaf(&revoked_at_dev)).then_some(()));
    let renewed = obtain(&account, "a.test").await.unwrap();
    revoke(&account, &kept).await.unwrap();
    let before = known(&run(&home, ROOT, &["audit", "verify"], 0));
    opened.stop();
    close(&home, true);
    let closed = serve(&home);
    run(&home, ROOT, &with_key("backup", "back.age"), 0);
    closed.stop();

    let dev = Dev::start(&home, "back", &[]);
    at_dev(&home, "back", &restore("back.age"));
    dev.stop();
    close(&home, false);
    let dev = Dev::start(&home, "back", &[]);
    at_dev(&home, "back", &["audit", "verify", "--known", &before]);
    for certificate in [&kept, &revoked_at_dev] {
        wait("both revocations", || revoked(&home, &leaf(certificate)).then_some(()));
    }
    assert!(!revoked(&home, &leaf(&renewed)));
    revoke(&account, &renewed).await.unwrap();
    obtain(&account, "a.test").await.unwrap();
    dev.stop();
}
