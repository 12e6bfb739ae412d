//! The interface of the CA to its host.

use super::ask::{Address, Ask};
use super::bucket::Bucket;
use super::hosted::{HostedCa, HostedCas};
use super::memory::Memory;
use super::message::{Message, PartitionId, PostReply, Reply, read_json};
use super::migrations::{Migration, migrations_of};
use crate::ca::config::log::LogKey;
use crate::ca::config::receivers::Mail;
use crate::ca::config::settings::Settings;
use crate::ca::config::webhook::WebhookRequest;
use crate::pki::Issuer;
use crate::records::Problem;
use crate::records::acme::nonce::NonceNumber;
use crate::validation::outbound::{FetchAnswer, Limits, Outbound, OutboundFault};
use crate::values::{CryptoFailure, Id, Time, Verify};
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use std::rc::Rc;

/// An account's answer to a forwarded POST.
#[derive(Debug)]
pub enum Forwarded<R> {
    /// A success with its status, passed unread to the client.
    Untouched(u16, R),
    /// Any other answer.
    Read(Box<PostReply>),
}

/// A new key pair.
pub struct NewKey {
    /// The private key, DER PKCS#8.
    pub pkcs8: Vec<u8>,
    /// The public key, DER SubjectPublicKeyInfo.
    pub spki: Vec<u8>,
}

/// A future that runs alongside the request that started it.
pub type Task = Pin<Box<dyn Future<Output = ()>>>;

/// The host of the stateless front and of partitions.
#[allow(async_fn_in_trait, reason = "futures on wasm are not Send; callers are generic, never dyn")]
pub trait Ports: Verify + Outbound {
    /// A successful response in the host's own type.
    type HostResponse;

    /// Returns the configuration.
    fn settings(&self) -> &Settings;

    /// Fills `bytes` from a CSPRNG.
    ///
    /// # Errors
    /// When the host has no randomness.
    fn fill_random(&self, bytes: &mut [u8]) -> Result<(), CryptoFailure>;

    /// Signs with the key of this configured issuer; ECDSA as raw `r || s`.
    ///
    /// # Errors
    /// When the crypto provider fails.
    async fn sign(&self, issuer: &Issuer, message: &[u8]) -> Result<Vec<u8>, CryptoFailure>;

    /// Sends a message to another partition; [`Ports::ask`] is the typed form.
    ///
    /// # Errors
    /// `serverInternal` when it cannot be reached or does not answer in time. It may still have processed the message.
    async fn call(&self, to: &PartitionId, message: &Message) -> Result<Reply, Problem>;

    /// Forwards a POST to its account: the requested path and the JWS. `request` is its id.
    ///
    /// # Errors
    /// As [`Ports::call`].
    async fn forward(
        &self,
        to: &Id,
        path_and_body: (&str, &str),
        request: &str,
    ) -> Result<Forwarded<Self::HostResponse>, Problem>;

    /// Returns the CA that this host works for, if it has a clock.
    fn hosted(&self) -> Option<&Rc<HostedCa>>;

    /// Returns this host for another CA.
    #[must_use]
    fn at_hosted(&self, hosted: Rc<HostedCa>) -> Self
    where
        Self: Sized;

    /// Returns the hosted CAs that this isolate knows.
    fn hosted_cas(&self) -> &HostedCas;

    /// Waits for this time.
    async fn sleep(&self, time: Duration);

    /// Returns the memory cache that all code in the isolate shares.
    fn memory(&self) -> &Memory;

    /// Writes a log line for the operator.
    fn log(&self, line: &str);

    /// Writes an event for programs, as a JSON line: see [`crate::ca::telemetry::events`].
    fn note(&self, line: &str);

    /// Sends an ask to a partition and returns its reply.
    ///
    /// # Errors
    /// The refusal of the partition; as [`Ports::call`].
    async fn ask<A: Ask>(&self, at: &A::At, ask: &A) -> Result<A::Reply, Problem> {
        match self.call(&at.partition(), &ask.message()?).await? {
            Reply::Answer(json) => read_json(&json),
            Reply::Refused(problem) => Err(*problem),
        }
    }

    /// Returns the issuer that signs new leaves at present.
    fn issuer(&self) -> &Issuer {
        self.settings().issuers.active(self.now())
    }

    /// Returns random bytes.
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
pub trait PartitionPorts: Ports + Bucket {
    /// Sets the partition's alarm for `at`, unless an earlier one is set.
    fn wake_at(&self, at: Time);

    /// Cancels the partition's alarm.
    fn cancel_alarm(&self);

    /// Sets the alarm for the end of the test CA, if it is one.
    fn wake_at_end(&self) {
        if let Some(ends) = self.hosted().and_then(|hosted| hosted.ends) {
            self.wake_at_real(ends);
        }
    }

    /// As [`PartitionPorts::wake_at`], in real time.
    fn wake_at_real(&self, at: Time);

    /// Makes a key pair for ECDSA on P-256.
    ///
    /// # Errors
    /// When the crypto provider fails.
    async fn new_key(&self) -> Result<NewKey, CryptoFailure>;

    /// Signs with a key of [`PartitionPorts::new_key`], as raw `r || s`.
    ///
    /// # Errors
    /// When the crypto provider fails.
    async fn sign_with(&self, pkcs8: &[u8], message: &[u8]) -> Result<Vec<u8>, CryptoFailure>;

    /// Returns the public octets of a log's key. `None` where the provider does not have its algorithm.
    ///
    /// # Errors
    /// When the crypto provider fails, or there is no `LOG_KEY`.
    async fn log_key(&self, key: &LogKey) -> Result<Option<Vec<u8>>, CryptoFailure>;

    /// Signs with a log's key.
    ///
    /// # Errors
    /// As [`PartitionPorts::log_key`], and where the provider does not have its algorithm.
    async fn sign_log(&self, key: &LogKey, message: &[u8]) -> Result<Vec<u8>, CryptoFailure>;

    /// Returns the migrations of a partition, the oldest first.
    fn migrations(&self, of: &PartitionId) -> &'static [Migration] {
        migrations_of(of)
    }

    /// Returns the number of the next nonce of this partition, unique in all its time.
    ///
    /// # Errors
    /// As [`Ports::fill_random`].
    fn next_nonce(&self) -> Result<NonceNumber, CryptoFailure>;

    /// Returns the bookmark of this partition at a time; `None` for the present.
    ///
    /// # Errors
    /// The platform's reason, or that it has no bookmarks.
    async fn bookmark(&self, at: Option<Time>) -> Result<String, String>;

    /// Has this partition begin anew at a bookmark. Its memory ends, and most often the reply is lost.
    ///
    /// # Errors
    /// The platform's reason; nothing was changed then.
    async fn go_to(&self, bookmark: &str) -> Result<(), String>;

    /// Runs a task to completion, independently of the request that started it.
    fn spawn(&self, task: Task);

    /// Sends a notice to the webhook, with a timeout of about ten seconds. Returns the response's status and ignores
    /// the rest; redirects are not followed.
    ///
    /// # Errors
    /// The platform's reason when there is no answer.
    async fn deliver(&self, request: &WebhookRequest) -> Result<u16, String>;

    /// Submits a checkpoint to a witness of the transparency log. Redirects are not followed.
    ///
    /// # Errors
    /// As [`Outbound::fetch`].
    async fn submit(&self, url: &str, body: &str, limits: Limits) -> Result<FetchAnswer, OutboundFault>;

    /// Sends an e-mail by the platform's binding `EMAIL`.
    ///
    /// # Errors
    /// The platform's reason, or that there is no binding.
    async fn mail(&self, mail: &Mail) -> Result<(), String>;
}
