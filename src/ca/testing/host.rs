//! The ports of `ca`, implemented by a world.

use super::faults::SharedKv;
use super::log;
use super::operations::{Injected, Underway, catch_loss};
use super::releases;
use super::world::World;
use crate::ca::config::log::LogKey;
use crate::ca::config::receivers::Mail;
use crate::ca::config::settings::Settings;
use crate::ca::config::webhook::WebhookRequest;
use crate::ca::dispatch::member::{enter, needs_hosted};
use crate::ca::front::transport;
use crate::ca::http::message::Response;
use crate::ca::partitions::test_ca;
use crate::ca::runtime::apart::apart;
use crate::ca::runtime::hosted::{HostedCa, HostedCas};
use crate::ca::runtime::memory::Memory;
use crate::ca::runtime::message::{Message, PartitionId, PostReply, Reply};
use crate::ca::runtime::migrations::{Migration, migrations_of};
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::{Forwarded, NewKey, PartitionPorts, Ports, Task};
use crate::ca::runtime::problems::ended;
use crate::pki::Issuer;
use crate::pki::test_hierarchy::ALGORITHM;
use crate::records::Problem;
use crate::records::acme::nonce::NonceNumber;
use crate::validation::outbound::{FetchAnswer, Limits, Outbound, OutboundFault, Reaction};
use crate::values::crypto::Sign;
use crate::values::native_crypto::{NativeCrypto, NativeKey};
use crate::values::{CryptoFailure, Id, SigAlg, Time, Verify, pem};
use core::net::SocketAddr;
use core::time::Duration;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::rc::Rc;
use std::task::Poll;

/// The label of a client's POST among calls.
pub const POST: &str = "Post";

/// The host of the front, or of a partition, in a world.
pub struct WorldPorts {
    world: World,
    partition: Option<String>,
    hosted: Option<Rc<HostedCa>>,
}

impl WorldPorts {
    /// The host of this partition; of the front for `None`.
    pub fn new(world: &World, partition: Option<&str>) -> Self {
        Self { world: world.clone(), partition: partition.map(str::to_owned), hosted: None }
    }

    /// The partition of this id in this host's CA.
    fn addressed(&self, to: &PartitionId) -> PartitionId {
        let ca = self.hosted.as_ref().and_then(|hosted| hosted.ca.as_ref());
        ca.map_or_else(|| to.clone(), |ca| to.clone().within(ca))
    }

    /// Its world.
    pub(super) fn world(&self) -> &World {
        &self.world
    }

    pub(super) fn begin(&self, what: &str) -> Result<Underway, Injected> {
        self.world.operations().begin(what, self.partition.as_deref())
    }

    /// Runs a partition's answer; its loss is a fault of the call.
    async fn at<T>(
        &self,
        to: &PartitionId,
        needs_hosted: bool,
        answer: impl AsyncFnOnce(Rc<Partition<WorldPorts, SharedKv>>) -> T,
    ) -> Result<T, Problem> {
        let (world, name) = (self.world.clone(), to.name());
        *world.state.requests.borrow_mut().entry(name.clone()).or_default() += 1;
        let ports = WorldPorts::new(&world, Some(&name));
        let entered = if needs_hosted { apart(enter(ports, to)).await? } else { Some(ports) };
        let partition = world.woken_with(&name, entered.ok_or_else(|| ended(None))?)?;
        let mut work = Box::pin(answer(partition));
        poll_fn(|context| match catch_loss(|| work.as_mut().poll(context)) {
            Ok(poll) => poll.map(Ok),
            Err(loss) if loss.partition.as_deref() == Some(&*name) => {
                world.lose(&loss);
                Poll::Ready(Err(Problem::internal("injected fault: the partition was lost")))
            }
            Err(loss) => resume_unwind(Box::new(loss)),
        })
        .await
    }

    /// Makes a call with its faults: a lost call and a lost reply.
    async fn make<T>(&self, label: &str, call: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
        self.world.step().await;
        if self.world.call_fault().strikes() {
            return Err(Problem::internal("injected fault: the call did not arrive"));
        }
        let arrives = self.begin(&format!("call {label}")).map_err(|Injected(why)| Problem::internal(why))?;
        let reply = call.await?;
        arrives.done();
        self.world.step().await;
        if self.world.reply_fault().strikes() {
            return Err(Problem::internal("injected fault: the reply was lost"));
        }
        let heard = self.begin(&format!("reply {label}")).map_err(|Injected(why)| Problem::internal(why))?;
        heard.done();
        Ok(reply)
    }
}

/// A value as on the wire: serialised and parsed. If `extended`, with members of the next release.
fn crossed<T: Serialize + DeserializeOwned>(value: &T, extended: bool) -> T {
    let json = serde_json::to_string(value).expect("it is JSON");
    let json = if extended { releases::extended(&json) } else { json };
    serde_json::from_str(&json).expect("it is read back")
}

impl Verify for WorldPorts {
    async fn verify(&self, alg: SigAlg, spki: &[u8], message: &[u8], signature: &[u8]) -> Result<bool, CryptoFailure> {
        self.world.step().await;
        let underway = self.begin("verify").map_err(|Injected(why)| CryptoFailure(why))?;
        let verified = NativeCrypto.verify(alg, spki, message, signature).await;
        underway.done();
        verified
    }

    async fn verify_ml_dsa_44(
        &self,
        key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<Option<bool>, CryptoFailure> {
        NativeCrypto.verify_ml_dsa_44(key, message, signature).await
    }
}

impl Outbound for WorldPorts {
    fn now(&self) -> Time {
        self.hosted.as_ref().map_or(self.world.now(), |hosted| hosted.clock.at(self.world.now()))
    }

    async fn doh(&self, query: &[u8], _limits: Limits) -> Result<Vec<u8>, OutboundFault> {
        self.world.step().await;
        let underway = self.begin("look up").map_err(|Injected(why)| OutboundFault::Resolver(why))?;
        let answer = self.world.network().resolve(query);
        underway.done();
        answer
    }

    async fn converse(
        &self,
        _addr: SocketAddr,
        opening: &[u8],
        limits: Limits,
        react: &mut dyn FnMut(&[u8]) -> Reaction,
    ) -> Result<(), OutboundFault> {
        self.world.step().await;
        let underway = self.begin("converse").map_err(|Injected(why)| OutboundFault::Unreachable(why))?;
        if self.world.network().hangs() {
            self.sleep(limits.timeout).await;
            return Err(OutboundFault::Timeout);
        }
        let talked = self.world.network().converse(opening, react);
        underway.done();
        talked
    }

    async fn fetch(&self, url: &str, _limits: Limits) -> Result<FetchAnswer, OutboundFault> {
        self.world.step().await;
        let underway = self.begin("fetch").map_err(|Injected(why)| OutboundFault::Unreachable(why))?;
        let answer = self.world.network().fetch(url);
        underway.done();
        answer
    }
}

impl Ports for WorldPorts {
    type HostResponse = Response;

    fn settings(&self) -> &Settings {
        self.hosted.as_ref().map_or(self.world.settings(), |hosted| &hosted.settings)
    }

    /// Deterministic bytes, never the same twice in a world and its forks.
    fn fill_random(&self, bytes: &mut [u8]) -> Result<(), CryptoFailure> {
        let count = &self.world.state.random;
        for chunk in bytes.chunks_mut(32) {
            count.set(count.get() + 1);
            let block = Sha256::digest(count.get().to_be_bytes());
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        Ok(())
    }

    async fn sign(&self, issuer: &Issuer, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        if let Some(ca) = self.hosted.as_ref().and_then(|hosted| hosted.ca.as_ref()) {
            return apart(test_ca::sign(self, ca, message)).await;
        }
        self.world.step().await;
        if self.world.sign_fault().strikes() {
            return Err(CryptoFailure("injected fault at sign".to_owned()));
        }
        let underway = self.begin("sign").map_err(|Injected(why)| CryptoFailure(why))?;
        let signer = self.world.signer(issuer)?;
        let signature = signer.sign(message).await;
        self.world.step().await;
        underway.done();
        signature
    }

    async fn call(&self, to: &PartitionId, message: &Message) -> Result<Reply, Problem> {
        let extended = self.world.state.release.extends.get();
        let (sent, to) = (crossed(message, extended), self.addressed(to));
        let answer =
            self.at(&to, needs_hosted(message), async |partition| crossed(&partition.handle(sent).await, extended));
        self.make(&message.ask, answer).await
    }

    async fn forward(
        &self,
        to: &Id,
        (path, body): (&str, &str),
        request: &str,
    ) -> Result<Forwarded<Response>, Problem> {
        let to = self.addressed(&PartitionId::Account(to.clone()));
        let extended = self.world.state.release.extends.get();
        let answer =
            self.at(&to, true, async |partition| crossed(&partition.post(path, body, request).await, extended));
        Ok(match self.make(POST, answer).await? {
            PostReply::Response(response) if response.is_success() && !self.settings().test_machine.faults => {
                let base = self.settings().urls.of_path("");
                let response = transport::strict(response.exposed().identified(request), &base);
                Forwarded::Untouched(response.status, response)
            }
            reply => Forwarded::Read(Box::new(reply)),
        })
    }

    fn hosted(&self) -> Option<&Rc<HostedCa>> {
        self.hosted.as_ref()
    }

    fn at_hosted(&self, hosted: Rc<HostedCa>) -> Self {
        Self { world: self.world.clone(), partition: self.partition.clone(), hosted: Some(hosted) }
    }

    fn hosted_cas(&self) -> &HostedCas {
        &self.world.state.hosted_cas
    }

    async fn sleep(&self, time: Duration) {
        let until = self.world.now().plus(time);
        poll_fn(|_| {
            if self.world.now() >= until {
                return Poll::Ready(());
            }
            self.world.state.timers.borrow_mut().insert(until);
            Poll::Pending
        })
        .await;
    }

    fn memory(&self) -> &Memory {
        self.hosted.as_ref().map_or(&self.world.state.memory, |hosted| &hosted.memory)
    }

    fn log(&self, line: &str) {
        self.world.secrets().check("the log", line);
        self.world.state.log.borrow_mut().push(line.to_owned());
    }

    fn note(&self, line: &str) {
        self.world.secrets().check("a line of what happened", line);
        self.world.state.lines.borrow_mut().push(line.to_owned());
    }
}

impl PartitionPorts for WorldPorts {
    fn wake_at(&self, at: Time) {
        let real = self.hosted.as_ref().map_or(Some(at), |hosted| hosted.alarm_for(at));
        real.into_iter().for_each(|at| self.wake_at_real(at));
    }

    async fn new_key(&self) -> Result<NewKey, CryptoFailure> {
        let mut failed = Ok(());
        let key = NativeKey::generate(ALGORITHM, &mut |bytes| failed = self.fill_random(bytes))?;
        failed?;
        let pem = key.to_pkcs8_pem()?;
        let der = pem::private_key(&pem).expect("a key").der().expect("DER");
        Ok(NewKey { pkcs8: der, spki: key.spki_der()? })
    }

    async fn sign_with(&self, pkcs8: &[u8], message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        self.world.step().await;
        let underway = self.begin("sign").map_err(|Injected(why)| CryptoFailure(why))?;
        let pem = crate::pki::pem::write("PRIVATE KEY", pkcs8).expect("PEM");
        let signature = NativeKey::from_pkcs8_pem(&pem)?.sign(ALGORITHM, message);
        underway.done();
        signature
    }

    async fn log_key(&self, key: &LogKey) -> Result<Option<Vec<u8>>, CryptoFailure> {
        log::public(&self.world, key)
    }

    async fn sign_log(&self, key: &LogKey, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        self.world.step().await;
        let underway = self.begin("sign log").map_err(|Injected(why)| CryptoFailure(why))?;
        let signature = log::sign(key, message);
        self.world.step().await;
        underway.done();
        signature
    }

    fn wake_at_real(&self, at: Time) {
        if let Some(name) = &self.partition {
            let mut alarms = self.world.state.alarms.borrow_mut();
            if alarms.get(name).is_none_or(|set| at < *set) {
                alarms.insert(name.clone(), at);
                *self.world.state.alarms_set.borrow_mut().entry(name.clone()).or_default() += 1;
            }
        }
    }

    fn migrations(&self, of: &PartitionId) -> &'static [Migration] {
        self.world.state.release.migrations.get().map_or_else(|| migrations_of(of), |migrations| migrations(of))
    }

    fn cancel_alarm(&self) {
        if let Some(name) = &self.partition {
            self.world.state.alarms.borrow_mut().remove(name);
        }
    }

    fn next_nonce(&self) -> Result<NonceNumber, CryptoFailure> {
        let mut all = self.world.state.series.borrow_mut();
        all.entry(self.partition.clone().unwrap_or_default()).or_default().next(|| self.random())
    }

    async fn bookmark(&self, at: Option<Time>) -> Result<String, String> {
        self.world.step().await;
        let underway = self.begin("bookmark").map_err(|Injected(why)| why)?;
        let found = self.world.bookmark(self.partition.as_deref().unwrap_or_default(), at);
        underway.done();
        found
    }

    async fn go_to(&self, bookmark: &str) -> Result<(), String> {
        self.world.step().await;
        let underway = self.begin("go to a bookmark").map_err(|Injected(why)| why)?;
        let went = self.world.go_to(self.partition.as_deref().unwrap_or_default(), bookmark);
        underway.done();
        went
    }

    fn spawn(&self, task: Task) {
        self.world.state.tasks.borrow_mut().push((self.partition.clone(), task));
    }

    async fn deliver(&self, request: &WebhookRequest) -> Result<u16, String> {
        self.world.step().await;
        let underway = self.begin("deliver").map_err(|Injected(why)| why)?;
        let answer = self.world.receiver().take(request);
        underway.done();
        answer
    }

    async fn submit(&self, url: &str, body: &str, limits: Limits) -> Result<FetchAnswer, OutboundFault> {
        self.world.step().await;
        let underway = self.begin("submit").map_err(|Injected(why)| OutboundFault::Unreachable(why))?;
        let answer = self.world.network().post(url, body);
        if answer == Err(OutboundFault::Timeout) {
            self.sleep(limits.timeout).await;
        }
        underway.done();
        answer
    }

    async fn mail(&self, mail: &Mail) -> Result<(), String> {
        self.world.step().await;
        let underway = self.begin("mail").map_err(|Injected(why)| why)?;
        let answer = self.world.receiver().take_mail(mail);
        underway.done();
        answer
    }
}
