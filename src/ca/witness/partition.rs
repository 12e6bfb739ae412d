//! The partition of one log: its newest cosigned checkpoint.

use super::decision::decide;
use super::host::WitnessHost;
use super::messages::{AddCheckpoint, Outcome, SHOW};
use crate::ca::runtime::message::{Message, Reply, write_json};
use crate::records::Problem;
use crate::records::witness::WitnessedRecord;
use crate::store::{Kv, Txn};
use crate::tlog::checkpoint::Checkpoint;
use crate::tlog::cosignature;
use crate::values::Time;
use core::time::Duration;
use std::cell::RefCell;

/// How long a cosignature answers the same checkpoint again. So repetitions store no rows.
const REPEATED: Duration = Duration::from_secs(60);

/// A log's partition with its host.
pub struct LogPartition<'a, H, K> {
    /// Host.
    pub host: &'a H,
    /// Storage.
    pub kv: &'a RefCell<K>,
}

impl<H: WitnessHost, K: Kv> LogPartition<'_, H, K> {
    /// Answers a message.
    pub async fn answer(&self, message: &Message) -> Reply {
        let answer = match message.ask.as_str() {
            AddCheckpoint::NAME => match message.read() {
                Ok(ask) => self.add(&ask).await.and_then(|outcome| write_json(&outcome)),
                Err(problem) => Err(problem),
            },
            SHOW => self.newest().and_then(|newest| write_json(&newest)),
            other => Err(Problem::other_release(format!("a witness was asked for {other:?}"))),
        };
        answer.map_or_else(
            |problem| {
                self.host.log(problem.log.as_deref().unwrap_or(&problem.detail));
                Reply::Refused(Box::new(problem))
            },
            Reply::Answer,
        )
    }

    /// Cosigns a checkpoint that continues the newest one, and stores it before the signature leaves.
    ///
    /// The decision is made again in the transaction that stores: another request may have stored a checkpoint while
    /// this one was signed. What was signed in vain is dropped.
    async fn add(&self, ask: &AddCheckpoint) -> Result<Outcome, Problem> {
        let new = Checkpoint::parse(&ask.text).map_err(|fault| Problem::internal(fault.to_string()))?;
        let newest = self.newest()?;
        if let Err(refusal) = decide(newest.as_ref(), ask.old, &ask.proof, &new) {
            return Ok(refusal);
        }
        if let Some(newest) = newest.as_ref().filter(|newest| newest.text == ask.text)
            && newest.at.is_within(REPEATED, self.host.now())
        {
            return Ok(Outcome::Cosigned(newest.cosignature.clone()));
        }
        // Of two trees the larger one is the later one, even where the clock went back.
        let at = newest.map_or(self.host.now(), |newest| newest.at.max(self.host.now()));
        let cosignature = self.cosigned(&new, at).await?;
        let record = WitnessedRecord {
            origin: new.origin.clone(),
            size: new.size,
            root: new.root,
            text: ask.text.clone(),
            signatures: ask.signatures.clone(),
            cosignature: cosignature.clone(),
            at,
        };
        self.transact(|txn| {
            let newest = txn.get::<WitnessedRecord>("")?;
            if let Err(refusal) = decide(newest.as_ref(), ask.old, &ask.proof, &new) {
                return Ok(refusal);
            }
            txn.put("", &record)?;
            Ok(Outcome::Cosigned(cosignature))
        })
    }

    /// Returns the witness's signature line for a checkpoint.
    async fn cosigned(&self, checkpoint: &Checkpoint, at: Time) -> Result<String, Problem> {
        let vkey = &self.host.witness().vkey;
        let message = cosignature::message(vkey, checkpoint, at);
        let message = message.ok_or_else(|| Problem::internal("there is nothing to sign"))?;
        let signature = self.host.cosign(&message).await?;
        Ok(format!("{}\n", cosignature::signature(vkey, at, &signature)))
    }

    fn newest(&self) -> Result<Option<WitnessedRecord>, Problem> {
        self.transact(|txn| Ok(txn.get::<WitnessedRecord>("")?))
    }

    fn transact<T>(&self, act: impl FnOnce(&mut Txn<'_, K>) -> Result<T, Problem>) -> Result<T, Problem> {
        let mut kv = self.kv.try_borrow_mut().map_err(|_| Problem::internal("a transaction within a transaction"))?;
        let mut txn = Txn::begin(&mut *kv);
        txn.at(self.host.now());
        let value = act(&mut txn)?;
        txn.commit()?;
        Ok(value)
    }
}
