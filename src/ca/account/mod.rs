//! The account partition: one file for each resource, and the dispatch of signed requests.

pub mod activity;
pub mod asks;
pub mod authorization;
pub mod begun_jobs;
pub mod caa;
pub mod certificate;
pub mod challenge;
pub mod challenges_offered;
pub mod failures;
pub mod finalize;
pub mod issuance;
pub mod jobs;
pub mod key_change;
pub mod kind;
pub mod limits;
pub mod listing;
pub mod names;
pub mod new_order;
pub mod operations;
pub mod order;
pub mod order_request;
pub mod pause;
pub mod permits;
pub mod persistent_proof;
pub mod pruning;
pub mod redemption;
pub mod replacement;
pub mod reported;
pub mod request;
pub mod resource;
pub mod restored;
pub mod reuse;
pub mod revocation;
pub mod shadow;
pub mod terms;
pub mod validation_job;

use crate::ca::documents::directory;
use crate::ca::http::message::{Answer, Response};
use crate::ca::http::routes::AccountRoute;
use crate::ca::runtime::apart::apart;
use crate::ca::runtime::jws;
use crate::ca::runtime::jws::Fresh;
use crate::ca::runtime::message::PostReply;
use crate::ca::runtime::ports::PartitionPorts;
use crate::store::Kv;
use kind::Account;
use request::{Admitted, only_read};

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Answers a request signed with the account's key. `request` is its id.
    pub(in crate::ca) async fn post(&self, route: &AccountRoute, path: &str, body: &str, request: &str) -> PostReply {
        let mut signed = false;
        let answer = match apart(self.authenticate(route, path, body, &mut signed)).await {
            Ok(admitted) => self.dispatch(&admitted, route).await.map_err(|problem| (Some(admitted), problem)),
            Err(problem) => Err((None, problem)),
        };
        let response = match answer {
            Ok(response) => self.complete(response, Fresh::Any),
            Err((admitted, problem)) => {
                self.log(&problem);
                if !signed {
                    return PostReply::Unsigned(problem);
                }
                self.report_refusal(route, admitted.as_ref(), &problem, request);
                self.complete(Response::problem(&problem), Fresh::after(&problem))
            }
        };
        PostReply::Response(Box::new(response))
    }

    /// Adds the index link and a nonce of this account to a response.
    fn complete(&self, response: Response, fresh: Fresh) -> Response {
        let response = response.indexed(&self.ports.settings().urls);
        let nonce = jws::fresh_account_nonce(&self.ports, &self.id, fresh);
        match nonce {
            Ok(nonce) => response.with_nonce(&nonce),
            Err(problem) => {
                self.log(&problem);
                response
            }
        }
    }

    /// Answers POST-as-GET of a resource that is also public by GET (RFC 8555 §6.3).
    fn read_only(&self, admitted: &Admitted, response: impl FnOnce() -> Response) -> Answer {
        self.transact_as_account(admitted, |_txn, _account| only_read(admitted).map(|()| response()))
    }

    /// Answers POST-as-GET of the directory and of new-nonce.
    fn post_public(&self, admitted: &Admitted, route: &AccountRoute) -> Answer {
        self.read_only(admitted, || match route {
            AccountRoute::NewNonce => Response::empty(204),
            _ => {
                let settings = self.ports.settings();
                directory::directory(settings, admitted.governing.in_force.policy(settings), self.ports.issuer())
            }
        })
    }

    async fn dispatch(&self, admitted: &Admitted, route: &AccountRoute) -> Answer {
        // An account's resources are in its own partition; those of other accounts are unknown here.
        match route {
            AccountRoute::Account(id) => apart(self.post_account(admitted, id)).await,
            AccountRoute::Orders(id, after) => apart(async { self.post_orders(admitted, id, after.as_ref()) }).await,
            AccountRoute::NewOrder => apart(self.post_new_order(admitted)).await,
            AccountRoute::NewAuthorization => apart(async { self.post_new_authorization(admitted) }).await,
            AccountRoute::Order(id) => apart(async { self.post_order(admitted, id) }).await,
            AccountRoute::Finalize(id) => apart(self.post_finalize(admitted, id)).await,
            AccountRoute::Authorization(id) => apart(async { self.post_authorization(admitted, id) }).await,
            AccountRoute::Challenge(id, kind) => apart(self.post_challenge(admitted, id, kind)).await,
            AccountRoute::Certificate(serial, chain) => {
                apart(async { self.post_certificate(admitted, serial, *chain) }).await
            }
            AccountRoute::RevokeCert => apart(self.post_revoke(admitted)).await,
            AccountRoute::KeyChange => apart(self.post_key_change(admitted)).await,
            AccountRoute::Directory | AccountRoute::NewNonce => {
                apart(async { self.post_public(admitted, route) }).await
            }
        }
    }
}
