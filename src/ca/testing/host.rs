//! The ports of `ca`, filled with what a world has.

use super::world::{World, authority};
use crate::acme::Problem;
use crate::ca::http::Response;
use crate::ca::memory::Memory;
use crate::ca::message::{Message, Partition, Reply};
use crate::ca::ports::{Handed, PartitionPorts, Ports, Task};
use crate::ca::settings::Settings;
use crate::validation::outbound::{FetchAnswer, Limits, Outbound, OutboundFault, Reaction};
use crate::values::crypto::Sign;
use crate::values::native_crypto::{NativeCrypto, NativeSigner};
use crate::values::{CryptoFailure, Id, SigAlg, Time, Verify};
use core::net::SocketAddr;
use core::time::Duration;
use sha2::{Digest, Sha256};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// The host of the front, or of a partition, in a world.
pub struct WorldPorts {
    world: World,
    partition: Option<String>,
}

impl WorldPorts {
    /// The host of the partition of this name; of the front for `None`.
    pub fn new(world: &World, partition: Option<&str>) -> Self {
        Self { world: world.clone(), partition: partition.map(str::to_owned) }
    }

    /// Boxed, because a partition may call another, whose host this is too.
    fn dispatch(&self, to: &Partition, message: &Message) -> Pin<Box<dyn Future<Output = Reply>>> {
        // As on the wire: what cannot be written and read back gets lost.
        let json = serde_json::to_string(message).expect("a message is JSON");
        let cell = self.world.cell(&to.name());
        Box::pin(async move {
            let reply = cell.handle(serde_json::from_str(&json).expect("a message is read back")).await;
            let json = serde_json::to_string(&reply).expect("a reply is JSON");
            serde_json::from_str(&json).expect("a reply is read back")
        })
    }
}

impl Verify for WorldPorts {
    async fn verify(&self, alg: SigAlg, spki: &[u8], message: &[u8], signature: &[u8]) -> Result<bool, CryptoFailure> {
        self.world.step().await;
        NativeCrypto.verify(alg, spki, message, signature).await
    }
}

impl Outbound for WorldPorts {
    fn now(&self) -> Time {
        self.world.now()
    }

    async fn doh(&self, query: &[u8], _limits: Limits) -> Result<Vec<u8>, OutboundFault> {
        self.world.step().await;
        self.world.network().resolve(query)
    }

    async fn converse(
        &self,
        _addr: SocketAddr,
        opening: &[u8],
        limits: Limits,
        react: &mut dyn FnMut(&[u8]) -> Reaction,
    ) -> Result<(), OutboundFault> {
        self.world.step().await;
        if self.world.network().hangs() {
            self.sleep(limits.timeout).await;
            return Err(OutboundFault::Timeout);
        }
        self.world.network().converse(opening, react)
    }

    async fn fetch(&self, _url: &str, _limits: Limits) -> Result<FetchAnswer, OutboundFault> {
        Err(OutboundFault::Unreachable("worlds have no HTTP client of their own".to_owned()))
    }
}

impl Ports for WorldPorts {
    type Passed = Response;

    fn settings(&self) -> &Settings {
        self.world.settings()
    }

    /// Never the same bytes twice in a world and its forks, and the same in each run.
    fn fill_random(&self, bytes: &mut [u8]) -> Result<(), CryptoFailure> {
        let count = &self.world.state.random;
        for chunk in bytes.chunks_mut(32) {
            count.set(count.get() + 1);
            let block = Sha256::digest(count.get().to_be_bytes());
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        Ok(())
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        self.world.step().await;
        if self.world.sign_fault().strikes() {
            return Err(CryptoFailure("injected fault at sign".to_owned()));
        }
        let signer = NativeSigner::from_pkcs8_pem(&authority().1.key)?;
        let signature = signer.sign(message).await;
        self.world.step().await;
        signature
    }

    async fn call(&self, to: &Partition, message: &Message) -> Result<Reply, Problem> {
        self.world.step().await;
        if self.world.call_fault().strikes() {
            return Err(Problem::internal("injected fault: the call did not arrive"));
        }
        let reply = self.dispatch(to, message).await;
        self.world.step().await;
        if self.world.reply_fault().strikes() {
            return Err(Problem::internal("injected fault: the reply was lost"));
        }
        Ok(reply)
    }

    /// As a host does it: a success goes to the client as it is.
    async fn pass(&self, to: &Id, path: &str, body: &str) -> Result<Handed<Response>, Problem> {
        let message = Message::Post { path: path.to_owned(), body: body.to_owned() };
        Ok(match self.call(&Partition::Account(to.clone()), &message).await? {
            Reply::Response(response) if response.is_success() => Handed::Done(response.status, response.exposed()),
            reply => Handed::Answered(Box::new(reply)),
        })
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
        &self.world.state.memory
    }

    fn log(&self, line: &str) {
        self.world.secrets().check("the log", line);
        self.world.state.log.borrow_mut().push(line.to_owned());
    }
}

impl PartitionPorts for WorldPorts {
    fn wake_at(&self, at: Time) {
        if let Some(name) = &self.partition {
            let mut alarms = self.world.state.alarms.borrow_mut();
            alarms.entry(name.clone()).and_modify(|set| *set = at.min(*set)).or_insert(at);
        }
    }

    fn spawn(&self, task: Task) {
        self.world.state.tasks.borrow_mut().push(task);
    }
}
