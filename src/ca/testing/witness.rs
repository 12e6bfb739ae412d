//! A witness in this process, with a clock set by hand, steps and faults.

use crate::ca::config::witness::{TrustedLog, WitnessSettings};
use crate::ca::http::message::{Request, Response};
use crate::ca::runtime::message::{Message, Reply};
use crate::ca::witness::answers;
use crate::ca::witness::host::{WitnessAt, WitnessHost};
use crate::ca::witness::partition::LogPartition;
use crate::records::Problem;
use crate::store::MemoryKv;
use crate::tlog::VerifierKey;
use crate::tlog::note::KeyKind;
use crate::values::native_crypto::{NativeCrypto, NativeKey};
use crate::values::{CryptoFailure, SigAlg, Time, Verify};
use core::time::Duration;
use sha2::{Digest, Sha256};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

/// A witness; clones are handles to the same.
#[derive(Clone)]
pub struct TestWitness(Rc<State>);

struct State {
    settings: WitnessSettings,
    key: NativeKey,
    now: Cell<Time>,
    storage: RefCell<BTreeMap<String, Rc<RefCell<MemoryKv>>>>,
    /// Number of steps so far.
    steps: Cell<usize>,
    /// The step that fails.
    fails: Cell<Option<usize>>,
    log: RefCell<Vec<String>>,
    /// Whether its provider has ML-DSA-44.
    modern: Cell<bool>,
}

impl TestWitness {
    /// A witness of this name that knows these logs.
    pub fn new(name: &str, logs: &[VerifierKey], now: Time) -> Self {
        let mut seed = |bytes: &mut [u8]| bytes.copy_from_slice(&Sha256::digest(name));
        let key = NativeKey::generate(SigAlg::Ed25519, &mut seed).expect("a key");
        let spki = key.spki_der().expect("a key");
        let vkey = VerifierKey::new(name, KeyKind::Ed25519Cosignature, &spki[spki.len() - 32..]).expect("a name");
        let mut trusted: Vec<TrustedLog> = Vec::new();
        for key in logs {
            match trusted.iter_mut().find(|log| log.origin == key.name()) {
                Some(log) => log.keys.push(key.clone()),
                None => trusted.push(TrustedLog { origin: key.name().to_owned(), keys: vec![key.clone()] }),
            }
        }
        Self(Rc::new(State {
            settings: WitnessSettings { vkey, logs: trusted },
            key,
            now: Cell::new(now),
            storage: RefCell::default(),
            steps: Cell::new(0),
            fails: Cell::new(None),
            log: RefCell::default(),
            modern: Cell::new(true),
        }))
    }

    /// Its verifier key.
    pub fn vkey(&self) -> &VerifierKey {
        &self.0.settings.vkey
    }

    /// Takes ML-DSA-44 from its provider.
    pub fn without_ml_dsa(&self) {
        self.0.modern.set(false);
    }

    /// Lets time pass.
    pub fn pass(&self, time: Duration) {
        self.0.now.set(self.0.now.get().plus(time));
    }

    /// Sets the clock.
    pub fn set_clock(&self, now: Time) {
        self.0.now.set(now);
    }

    /// Makes the `n`-th step from now fail; the next is 0.
    pub fn fail_at(&self, n: Option<usize>) {
        self.0.steps.set(0);
        self.0.fails.set(n);
    }

    /// Number of steps since [`TestWitness::fail_at`].
    pub fn steps(&self) -> usize {
        self.0.steps.get()
    }

    /// The lines for its operator.
    pub fn log(&self) -> Vec<String> {
        self.0.log.borrow().clone()
    }

    /// The storage of a log's partition.
    pub fn storage(&self, origin: &str) -> Rc<RefCell<MemoryKv>> {
        self.0.storage.borrow_mut().entry(WitnessAt::of(origin).name()).or_default().clone()
    }

    /// Answers a request.
    pub async fn answer(&self, request: &Request) -> Response {
        answers::answer(self, request).await
    }

    /// Answers a GET or a POST at once.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Response {
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            body: Some(body.as_bytes().to_vec()),
            ..Request::default()
        };
        super::executor::poll_some(self.answer(&request), 1_000).expect("it has an end")
    }

    /// Waits once, so that others may run, and fails if that is planned.
    async fn step(&self, what: &str) -> Result<(), String> {
        let mut waited = false;
        poll_fn(|_| match core::mem::replace(&mut waited, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
        let n = self.0.steps.get();
        self.0.steps.set(n + 1);
        if self.0.fails.get() == Some(n) { Err(format!("injected fault at {what}")) } else { Ok(()) }
    }
}

impl Verify for TestWitness {
    async fn verify(&self, alg: SigAlg, spki: &[u8], message: &[u8], signature: &[u8]) -> Result<bool, CryptoFailure> {
        self.step("verify").await.map_err(CryptoFailure)?;
        NativeCrypto.verify(alg, spki, message, signature).await
    }

    async fn verify_ml_dsa_44(
        &self,
        key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<Option<bool>, CryptoFailure> {
        self.step("verify").await.map_err(CryptoFailure)?;
        if !self.0.modern.get() {
            return Ok(None);
        }
        NativeCrypto.verify_ml_dsa_44(key, message, signature).await
    }
}

impl WitnessHost for TestWitness {
    fn witness(&self) -> &WitnessSettings {
        &self.0.settings
    }

    fn now(&self) -> Time {
        self.0.now.get()
    }

    async fn cosign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        self.step("sign").await.map_err(CryptoFailure)?;
        let signature = self.0.key.sign(SigAlg::Ed25519, message);
        self.step("signed").await.map_err(CryptoFailure)?;
        signature
    }

    async fn call(&self, to: &WitnessAt, message: &Message) -> Result<Reply, Problem> {
        self.step("call").await.map_err(Problem::internal)?;
        let kv = self.0.storage.borrow_mut().entry(to.name()).or_default().clone();
        let reply = LogPartition { host: self, kv: &kv }.answer(message).await;
        self.step("reply").await.map_err(Problem::internal)?;
        // As on the wire.
        let json = serde_json::to_string(&reply).expect("it is JSON");
        Ok(serde_json::from_str(&json).expect("it is read back"))
    }

    fn log(&self, line: &str) {
        self.0.log.borrow_mut().push(line.to_owned());
    }
}
