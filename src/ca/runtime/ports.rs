//! What the CA needs from its host.

use super::ask::{Address, Ask};
use super::memory::Memory;
use super::message::{Message, PartitionId, PostReply, Reply, read_json};
use crate::ca::config::settings::Settings;
use crate::ca::config::webhook::WebhookRequest;
use crate::pki::Issuer;
use crate::records::Problem;
use crate::validation::outbound::Outbound;
use crate::values::{CryptoFailure, Id, Time, Verify};
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;

/// An account's answer to a POST that was passed to it.
#[derive(Debug)]
pub enum Forwarded<R> {
    /// A success with its status, unread, on its way to the client as the host has it.
    Untouched(u16, R),
    /// Any other answer.
    Read(Box<PostReply>),
}

/// A future that is run beside the request that started it.
pub type Task = Pin<Box<dyn Future<Output = ()>>>;

/// The host of the stateless front and of partitions.
#[allow(async_fn_in_trait, reason = "futures on wasm are not Send; callers are generic, never dyn")]
pub trait Ports: Verify + Outbound {
    /// A successful response as the host has it.
    type Passed;

    /// The configuration.
    fn settings(&self) -> &Settings;

    /// Fills `bytes` from a CSPRNG.
    ///
    /// # Errors
    /// When the host has no randomness to give.
    fn fill_random(&self, bytes: &mut [u8]) -> Result<(), CryptoFailure>;

    /// Signs with the key of this issuer, one of those that are configured; ECDSA as raw `r || s`.
    ///
    /// # Errors
    /// When the provider fails.
    async fn sign(&self, issuer: &Issuer, message: &[u8]) -> Result<Vec<u8>, CryptoFailure>;

    /// Sends a message to another partition; [`Ports::ask`] is the typed form.
    ///
    /// # Errors
    /// `serverInternal` when it cannot be reached or does not answer in time. It may have done what it was asked.
    async fn call(&self, to: &PartitionId, message: &Message) -> Result<Reply, Problem>;

    /// Passes a POST to its account: the path that was asked, and the JWS.
    ///
    /// # Errors
    /// As [`Ports::call`].
    async fn pass(&self, to: &Id, path: &str, body: &str) -> Result<Forwarded<Self::Passed>, Problem>;

    /// Waits.
    async fn sleep(&self, time: Duration);

    /// What is counted in memory, of all that runs in the same isolate.
    fn memory(&self) -> &Memory;

    /// Writes a line for the operator.
    fn log(&self, line: &str);

    /// Writes a line of what happened, for programs: JSON, see [`crate::ca::telemetry::events`].
    fn note(&self, line: &str);

    /// Asks a partition, and takes its refusal as one's own.
    ///
    /// # Errors
    /// The refusal of the partition; as [`Ports::call`].
    async fn ask<A: Ask>(&self, at: &A::At, ask: &A) -> Result<A::Reply, Problem> {
        match self.call(&at.partition(), &ask.message()?).await? {
            Reply::Answer(json) => read_json(&json),
            Reply::Refused(problem) => Err(*problem),
        }
    }

    /// The issuer that signs new leaves at present.
    fn issuer(&self) -> &Issuer {
        self.settings().issuers.active(self.now())
    }

    /// Random bytes.
    ///
    /// # Errors
    /// As [`Ports::fill_random`].
    fn random<const N: usize>(&self) -> Result<[u8; N], CryptoFailure> {
        let mut bytes = [0; N];
        self.fill_random(&mut bytes)?;
        Ok(bytes)
    }
}

/// The host of a partition.
#[allow(async_fn_in_trait, reason = "as above")]
pub trait PartitionPorts: Ports {
    /// Has the partition's alarm go off at `at` or earlier.
    fn wake_at(&self, at: Time);

    /// Has the partition's alarm not go off any more: there is nothing for which it could.
    fn cancel_alarm(&self);

    /// Runs a task to its end, whatever becomes of the request that started it.
    fn spawn(&self, task: Task);

    /// Sends a notice to the webhook, within ten seconds or so. Gives the status of the answer, of which nothing else is
    /// read; a redirection is an answer like any other.
    ///
    /// # Errors
    /// When there is no answer: why, as the platform has it.
    async fn deliver(&self, request: &WebhookRequest) -> Result<u16, String>;
}
