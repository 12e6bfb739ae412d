//! A signed POST: authentication, dispatch, and the response with its nonce.

use super::kind::Account;
use crate::ca::http::message::Response;
use crate::ca::http::routes::AccountRoute;
use crate::ca::runtime::jws;
use crate::ca::runtime::jws::Fresh;
use crate::ca::runtime::message::PostReply;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Home;
use crate::store::Kv;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Answers a request signed with the account's key.
    pub(in crate::ca) async fn post(&self, route: &AccountRoute, path: &str, body: &str) -> PostReply {
        let mut signed = false;
        let answer = match self.authenticate(route, path, body, &mut signed).await {
            Ok(admitted) => self.dispatch(&admitted, route).await,
            Err(problem) => Err(problem),
        };
        let response = match answer {
            Ok(response) => self.complete(response, Fresh::Any),
            Err(problem) => {
                self.log(&problem);
                if !signed {
                    return PostReply::Unsigned(problem);
                }
                self.complete(Response::problem(&problem), Fresh::after(&problem))
            }
        };
        PostReply::Response(Box::new(response))
    }

    /// Adds the index link and a nonce of this account to a response.
    fn complete(&self, response: Response, fresh: Fresh) -> Response {
        let response = response.indexed(&self.ports.settings().urls);
        let nonce = jws::fresh_nonce(&self.ports, &Home::Account(self.id.clone()), fresh);
        match nonce {
            Ok(nonce) => response.with_nonce(&nonce),
            Err(problem) => {
                self.log(&problem);
                response
            }
        }
    }
}
