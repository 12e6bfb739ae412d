//! The ports of `ca`, filled with what a world has.

use super::operations::{Injected, Underway, catch_loss};
use super::world::World;
use crate::ca::config::settings::Settings;
use crate::ca::config::webhook::WebhookRequest;
use crate::ca::front::transport;
use crate::ca::http::message::Response;
use crate::ca::runtime::memory::Memory;
use crate::ca::runtime::message::{Message, PartitionId, Reply};
use crate::ca::runtime::ports::{Handed, PartitionPorts, Ports, Task};
use crate::pki::Issuer;
use crate::records::Problem;
use crate::validation::outbound::{FetchAnswer, Limits, Outbound, OutboundFault, Reaction};
use crate::values::crypto::Sign;
use crate::values::native_crypto::NativeCrypto;
use crate::values::{CryptoFailure, Id, SigAlg, Time, Verify};
use core::net::SocketAddr;
use core::time::Duration;
use sha2::{Digest, Sha256};
use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
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

    fn begin(&self, what: &str) -> Result<Underway, Injected> {
        self.world.operations().begin(what, self.partition.as_deref())
    }

    /// Boxed, because a partition may call another, whose host this is too.
    fn dispatch(&self, to: &PartitionId, message: &Message) -> Pin<Box<dyn Future<Output = Result<Reply, Problem>>>> {
        // As on the wire: what cannot be written and read back gets lost.
        let json = serde_json::to_string(message).expect("a message is JSON");
        let (world, name) = (self.world.clone(), to.name());
        Box::pin(async move {
            let cell = world.woken(&name)?;
            let mut work = pin!(cell.handle(serde_json::from_str(&json).expect("a message is read back")));
            let reply = poll_fn(|context| match catch_loss(|| work.as_mut().poll(context)) {
                Ok(poll) => poll.map(Ok),
                Err(loss) if loss.partition.as_deref() == Some(&*name) => {
                    world.lose(&loss);
                    Poll::Ready(Err(Problem::internal("injected fault: the partition was lost")))
                }
                Err(loss) => resume_unwind(Box::new(loss)),
            });
            let json = serde_json::to_string(&reply.await?).expect("a reply is JSON");
            Ok(serde_json::from_str(&json).expect("a reply is read back"))
        })
    }
}

/// What a message is called: its JSON's only member, or all of it.
fn label(message: &Message) -> String {
    let json = serde_json::to_value(message).expect("a message is JSON");
    let member = json.as_object().and_then(|members| members.keys().next().cloned());
    member.or_else(|| json.as_str().map(str::to_owned)).expect("a name")
}

impl Verify for WorldPorts {
    async fn verify(&self, alg: SigAlg, spki: &[u8], message: &[u8], signature: &[u8]) -> Result<bool, CryptoFailure> {
        self.world.step().await;
        let underway = self.begin("verify").map_err(|Injected(why)| CryptoFailure(why))?;
        let verified = NativeCrypto.verify(alg, spki, message, signature).await;
        underway.done();
        verified
    }
}

impl Outbound for WorldPorts {
    fn now(&self) -> Time {
        self.world.now()
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

    async fn sign(&self, issuer: &Issuer, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
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
        self.world.step().await;
        if self.world.call_fault().strikes() {
            return Err(Problem::internal("injected fault: the call did not arrive"));
        }
        let label = label(message);
        let arrives = self.begin(&format!("call {label}")).map_err(|Injected(why)| Problem::internal(why))?;
        let reply = self.dispatch(to, message).await?;
        arrives.done();
        self.world.step().await;
        if self.world.reply_fault().strikes() {
            return Err(Problem::internal("injected fault: the reply was lost"));
        }
        let heard = self.begin(&format!("reply {label}")).map_err(|Injected(why)| Problem::internal(why))?;
        heard.done();
        Ok(reply)
    }

    /// As a host does it: a success goes to the client as it is.
    async fn pass(&self, to: &Id, path: &str, body: &str) -> Result<Handed<Response>, Problem> {
        let message = Message::Post { path: path.to_owned(), body: body.to_owned() };
        Ok(match self.call(&PartitionId::Account(to.clone()), &message).await? {
            Reply::Response(response) if response.is_success() => {
                let base = self.settings().urls.of_path("");
                Handed::Done(response.status, transport::strict(response.exposed(), &base))
            }
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

    fn note(&self, line: &str) {
        self.world.secrets().check("a line of what happened", line);
        self.world.state.lines.borrow_mut().push(line.to_owned());
    }
}

impl PartitionPorts for WorldPorts {
    fn wake_at(&self, at: Time) {
        if let Some(name) = &self.partition {
            let mut alarms = self.world.state.alarms.borrow_mut();
            alarms.entry(name.clone()).and_modify(|set| *set = at.min(*set)).or_insert(at);
        }
    }

    fn cancel_alarm(&self) {
        if let Some(name) = &self.partition {
            self.world.state.alarms.borrow_mut().remove(name);
        }
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
}
