//! Takes each message to the partition method that answers it.

use crate::ca::runtime::message::{Holding, Message, Reply};
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::PartitionPorts;
use crate::store::Kv;
use std::rc::Rc;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Answers a message.
    pub async fn handle(self: Rc<Self>, message: Message) -> Reply {
        let answer = match message {
            Message::Post { path, body } => Ok(self.post(&path, &body).await),
            Message::Redeem(nonce) => self.redeem_here(&nonce).map(Reply::Redeemed),
            Message::WhoOwns => self.who_owns(),
            Message::Claim(account) => self.claim(account),
            Message::Reassign { from, to } => self.reassign(&from, to),
            Message::Release(account) => self.release(&account),
            Message::Find { thumbprint } => self.find(&thumbprint).map(Reply::Account),
            Message::Yield { thumbprint } => self.give_up(&thumbprint).map(Reply::Account),
            Message::Create(creation) => self.create(*creation).map(|holding| {
                if matches!(holding, Holding::Has { created: true, .. }) {
                    self.tell_list_soon();
                }
                Reply::Account(holding)
            }),
            Message::Agree { terms } => self.agree(terms).map(|()| Reply::Done),
            Message::Resume { subject, since } => self.go_on(&subject, since).map(|()| Reply::Done),
            Message::CountAccount => self.count_address().map(|()| Reply::Done),
            Message::Sum(counts) => self.sum(&counts).map(Reply::Sums),
            Message::Bind { thumbprint, account } => self.bind(&thumbprint, account).map(Reply::Bound),
            Message::Record { serial, entry } => self.record(&serial, &entry),
            Message::RenewalInfo { serial } => self.renewable(&serial),
            Message::Revoke(request) => self.revoke_entry(&request).await,
            Message::Condemn { key, compromised } => self.condemn(&key, &compromised).map(|()| Reply::Done),
            Message::IsCompromised { key } => self.is_compromised(&key).map(Reply::Compromised),
            Message::Crl { shard } => self.current_crl(shard).await.map(Reply::Crl),
            Message::Lists { from } => self.lists(from).await.map(|(lists, next)| Reply::Lists { lists, next }),
            Message::Standing => self.expect_all().and_then(|()| self.standing()).map(Reply::Standing),
            Message::Operate(operation) => self.operate(operation).await.map(Reply::Shown),
        };
        self.flush_if_due();
        answer.unwrap_or_else(|problem| {
            self.log(&problem);
            Reply::Refused(problem)
        })
    }
}
