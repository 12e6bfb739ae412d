//! The stateless front. It answers requests that need no state and forwards others to their partition.

pub use super::answers::Served;
use super::answers::{complete, log, nonce};
use super::test_cas::FoundCa;
use super::{faults, new_account, pause_page, reported, revoke_by_key, terms_page, test_cas, transport};
use crate::ca::documents::directory::directory;
use crate::ca::http::html;
use crate::ca::http::message::{Answer, Body, Request, Response, unknown_path};
use crate::ca::http::routes::{AccountRoute, CrlFile, FormRoute, PublicRoute, Route, Urls};
use crate::ca::issuance_policy::effective;
use crate::ca::operator_api;
use crate::ca::partitions::{flush, nonce as nonces};
use crate::ca::runtime::apart::apart;
use crate::ca::runtime::jws::{Fresh, Signed};
use crate::ca::runtime::limiter::When;
use crate::ca::runtime::message::PostReply;
use crate::ca::runtime::ports::{Forwarded, Ports};
use crate::ca::runtime::restoring::restoring;
use crate::ca::runtime::{jws, limiter};
use crate::ca::telemetry::events::RequestLogContext;
use crate::ca::telemetry::{counts, events};
use crate::jose::{Jwk, KeyRef, Unverified, Verified};
use crate::records::{Kind, Problem};

/// The front, with its host.
pub struct Front<P> {
    /// Its host.
    pub ports: P,
}

impl<P: Ports> Front<P> {
    /// Answers any request, also to a test CA.
    pub async fn handle(&self, request: Request) -> Served<P::HostResponse> {
        let settings = self.ports.settings();
        let found = if settings.test_cas.are_on() && test_cas::is_for_them(&request.path) {
            apart(test_cas::find(&self.ports, request)).await
        } else if settings.test_machine.clock {
            apart(test_cas::by_clock(&self.ports, request)).await
        } else {
            return self.handle_here(request).await;
        };
        match found {
            FoundCa::Answered(response) => Served::Local(response),
            FoundCa::At(found) => {
                let (ports, request) = *found;
                let front = Self { ports };
                let served = apart(front.handle_here(request)).await;
                if front.flush_is_due() {
                    front.flush().await;
                }
                served
            }
        }
    }

    /// Answers a request to this CA.
    async fn handle_here(&self, request: Request) -> Served<P::HostResponse> {
        let route = self.ports.settings().urls.route(&request.path);
        let mut context = RequestLogContext::at(self.ports.now(), self.request_id());
        let handled = match transport::refusal(&self.ports.settings().urls, &request, route.as_ref()) {
            Some(refusal) => Served::Local(refusal),
            None if self.ports.settings().test_machine.faults => {
                let answer =
                    async |context: &mut RequestLogContext| self.answer(&request, route.as_ref(), context).await;
                apart(faults::around(&self.ports, &request, route.as_ref(), &mut context, answer)).await
            }
            None => self.answer(&request, route.as_ref(), &mut context).await,
        };
        let answer = match &handled {
            Served::Local(response) | Served::Cut(response) => (response.status, Some(response)),
            Served::Forwarded(status, _) => (*status, None),
        };
        counts::tally(&self.ports, route.as_ref(), answer, events::since(&self.ports, context.begun));
        events::answered(&self.ports, &request, route.as_ref(), answer, &context);
        match handled {
            Served::Local(response) => {
                Served::Local(finished(&request, route.as_ref(), response.identified(&context.id)))
            }
            Served::Cut(response) => Served::Cut(finished(&request, route.as_ref(), response)),
            forwarded @ Served::Forwarded(..) => forwarded,
        }
    }

    /// Returns an id for a request; an empty one without randomness.
    fn request_id(&self) -> String {
        self.ports.memory().requests.next(|| self.ports.random()).unwrap_or_default()
    }

    async fn answer(
        &self,
        request: &Request,
        route: Option<&Route>,
        context: &mut RequestLogContext,
    ) -> Served<P::HostResponse> {
        if self.ports.settings().closed && route.is_some_and(Route::needs_state) {
            return Served::Local(Response::problem(&restoring()).indexed(&self.ports.settings().urls));
        }
        Served::Local(match (request.method.as_str(), route) {
            // Also OPTIONS: scripts of other origins have no access to operator resources.
            (_, Some(Route::Operator(route))) => {
                apart(operator_api::answer(&self.ports, request, route, context)).await
            }
            ("OPTIONS", _) => preflight(),
            ("POST", _) => return apart(self.post(request, route, context)).await,
            ("GET" | "HEAD", _) => match apart(self.get(request, route)).await {
                Ok(response) => response,
                Err(problem) => self.refuse(request, &problem),
            },
            (other, _) => self.refuse(request, &route.map_or_else(unknown_path, |_| method_not_allowed(other))),
        })
    }

    /// Whether it is time for [`Front::flush`]. A caller that gets `true` must run it, since later calls return `false`
    /// for a while.
    pub fn flush_is_due(&self) -> bool {
        self.ports.memory().flush_is_due(self.ports.now())
    }

    /// Sends the collected counts and failures to their partitions. Runs outside of any request.
    pub async fn flush(&self) {
        if let Err(problem) = flush::flush(&self.ports).await {
            log(&self.ports, &problem);
        }
    }

    /// Answers a GET or HEAD, without a signature (RFC 8555 §6.3).
    async fn get(&self, request: &Request, route: Option<&Route>) -> Answer {
        let response = self.get_current(request, route).await?;
        Ok(response.conditional(request.if_none_match.as_deref()))
    }

    async fn get_current(&self, request: &Request, route: Option<&Route>) -> Answer {
        // Not limited for verifiers: many of them may share an address. The file of all CRLs is limited; it is for
        // servers, and reads all CRLs of every ledger.
        let for_verifiers = matches!(
            route,
            Some(Route::Public(
                PublicRoute::Crl(..)
                    | PublicRoute::CrlFile(CrlFile::Root)
                    | PublicRoute::Issuer(_)
                    | PublicRoute::Root(_)
            ))
        );
        if !for_verifiers {
            limiter::count_unauthenticated(&self.ports, request.address, When::Now)?;
        }
        let (settings, method) = (self.ports.settings(), request.method.as_str());
        match route {
            None => Err(unknown_path()),
            Some(Route::Public(route)) => apart(super::get(&self.ports, request, route)).await,
            Some(Route::Form(FormRoute::Agreement(account, proof))) => terms_page::page(settings, account, proof),
            Some(Route::Form(FormRoute::Resumption(pause, proof))) => pause_page::page(settings, pause, proof),
            Some(Route::Account(AccountRoute::Directory)) => {
                let in_force = effective::in_force_shown(&self.ports).await?;
                Ok(directory(settings, in_force.policy(settings), self.ports.issuer()))
            }
            Some(Route::Account(AccountRoute::NewNonce)) => {
                // RFC 8555 §7.2: 200 for HEAD, 204 for GET.
                let status = if method == "HEAD" { 200 } else { 204 };
                Ok(Response::empty(status).indexed(&settings.urls).with_nonce(&nonce(&self.ports, Fresh::Retry)?))
            }
            Some(Route::NewAccount | Route::Account(_) | Route::Operator(_)) => Err(method_not_allowed(method)),
        }
    }

    async fn post(
        &self,
        request: &Request,
        route: Option<&Route>,
        context: &mut RequestLogContext,
    ) -> Served<P::HostResponse> {
        let answer = match limiter::count_unauthenticated(&self.ports, request.address, When::Later) {
            Ok(()) => apart(self.post_answer(request, route, context)).await,
            Err(problem) => Err(problem),
        };
        let unsigned = match &answer {
            Ok(PostAnswer::Unsigned(problem)) => problem.status < 500,
            Ok(PostAnswer::Forwarded(..) | PostAnswer::Account(_) | PostAnswer::Local(_)) => false,
            Err(problem) => problem.status < 500,
        };
        context.unsigned = context.account.is_some() && unsigned;
        self.report_unsigned(request, route, context, &answer);
        if unsigned {
            // The request has already failed: nothing is left to refuse.
            let _ = limiter::count_unauthenticated(&self.ports, request.address, When::Happened);
        }
        Served::Local(match answer {
            Ok(PostAnswer::Forwarded(status, passed)) => return Served::Forwarded(status, passed),
            Ok(PostAnswer::Account(response)) => *response,
            // Already logged by the account.
            Ok(PostAnswer::Unsigned(problem)) => {
                complete(&self.ports, Response::problem(&problem), Fresh::after(&problem))
            }
            Ok(PostAnswer::Local(response)) => complete(&self.ports, response, Fresh::Any),
            Err(problem) => {
                log(&self.ports, &problem);
                complete(&self.ports, refusal(request, &problem), Fresh::after(&problem))
            }
        })
    }

    async fn post_answer(
        &self,
        request: &Request,
        route: Option<&Route>,
        context: &mut RequestLogContext,
    ) -> Result<PostAnswer<P::HostResponse>, Problem> {
        match route {
            Some(Route::Form(FormRoute::Agreement(account, proof))) => {
                return apart(terms_page::agree(&self.ports, request, account, proof)).await.map(PostAnswer::Local);
            }
            Some(Route::Form(FormRoute::Resumption(pause, proof))) => {
                return apart(pause_page::resume(&self.ports, request, pause, proof)).await.map(PostAnswer::Local);
            }
            _ => {}
        }
        let jws = jws::read(request)?;
        match (jws.header().key(), route) {
            (_, None | Some(Route::Form(_) | Route::Operator(_) | Route::Public(PublicRoute::Metrics))) => {
                Err(unknown_path())
            }
            (_, Some(Route::Public(_))) => Err(only_get()),
            (KeyRef::Jwk(key), Some(Route::NewAccount)) => {
                let verified = apart(self.authenticate(request, &jws, key)).await?;
                let made = apart(new_account::register(&self.ports, &verified, request.address)).await;
                if let Err(problem) = &made {
                    reported::registration(&self.ports, (request, context), &verified, problem);
                }
                made.map(PostAnswer::Local)
            }
            (KeyRef::Jwk(key), Some(Route::Account(AccountRoute::RevokeCert))) => {
                let verified = apart(self.authenticate(request, &jws, key)).await?;
                apart(revoke_by_key::revoke_by_key(&self.ports, &verified)).await.map(PostAnswer::Local)
            }
            (KeyRef::Jwk(_), Some(Route::Account(_))) => Err(Problem::malformed(
                "The JWS has a jwk header; at this URL it must have a kid header with the account URL instead.",
            )),
            (KeyRef::Kid(_), Some(Route::NewAccount)) => Err(Problem::malformed(
                "The JWS has a kid header; new-account takes the new account's key in a jwk header.",
            )),
            (KeyRef::Kid(kid), Some(Route::Account(_))) => apart(self.forward(request, kid, context)).await,
        }
    }

    /// Reports a request that its account did not sign, or did not answer.
    fn report_unsigned(
        &self,
        request: &Request,
        route: Option<&Route>,
        context: &RequestLogContext,
        answer: &Result<PostAnswer<P::HostResponse>, Problem>,
    ) {
        let problem = match answer {
            Ok(PostAnswer::Unsigned(problem)) | Err(problem) => problem,
            Ok(_) => return,
        };
        let about_account = context.account.is_some() || problem.kind == Kind::AccountDoesNotExist;
        if let (true, Some(Route::Account(route))) = (about_account, route) {
            reported::unsigned(&self.ports, route.resource(), (request, context), problem);
        }
    }

    /// Authenticates a request that carries its key: signature, nonce, URL.
    async fn authenticate(&self, request: &Request, jws: &Unverified, key: &Jwk) -> Result<Verified, Problem> {
        let Signed { jws, nonce, url } = jws::signed(&self.ports, jws, key, &request.path).await?;
        nonces::redeem_remotely(&self.ports, &nonce?).await?;
        url?;
        Ok(jws)
    }

    /// Forwards a request to its account.
    async fn forward(
        &self,
        request: &Request,
        kid: &str,
        context: &mut RequestLogContext,
    ) -> Result<PostAnswer<P::HostResponse>, Problem> {
        let urls = &self.ports.settings().urls;
        let Some(id) = urls.account_of(kid) else { return Err(unknown_account(kid, urls)) };
        context.account = Some(id.clone());
        let body = request.body.as_deref().and_then(|body| core::str::from_utf8(body).ok());
        let Some(body) = body else { return Err(Problem::malformed("The request body is not UTF-8.")) };
        match self.ports.forward(&id, (&request.path, body), &context.id).await? {
            Forwarded::Untouched(status, passed) => Ok(PostAnswer::Forwarded(status, passed)),
            Forwarded::Read(reply) => match *reply {
                PostReply::Response(response) => Ok(PostAnswer::Account(response)),
                PostReply::Unsigned(problem) => Ok(PostAnswer::Unsigned(problem)),
                PostReply::Refused(problem) => Err(problem),
            },
        }
    }

    /// The error response to any request but a POST.
    fn refuse(&self, request: &Request, problem: &Problem) -> Response {
        log(&self.ports, problem);
        refusal(request, problem).with("Vary", "Accept").indexed(&self.ports.settings().urls)
    }
}

/// Returns a problem in the form that the client accepts: a page for browsers.
fn refusal(request: &Request, problem: &Problem) -> Response {
    match html::is_wanted(request.accept.as_deref()) {
        true => html::problem_page(problem),
        false => Response::problem(problem),
    }
}

/// The answer to a POST, by its origin.
enum PostAnswer<R> {
    /// From the front, not yet completed.
    Local(Response),
    /// From the account, forwarded unread, with its status.
    Forwarded(u16, R),
    /// From the account, which completed it.
    Account(Box<Response>),
    /// A problem for a request that its account did not sign. The front completes it.
    Unsigned(Problem),
}

fn method_not_allowed(method: &str) -> Problem {
    let method = crate::values::quote::excerpt(method);
    Problem::malformed(format!(
        "{method} is not allowed here: ACME resources are asked by a signed POST (POST-as-GET, RFC 8555 section 6.3)."
    ))
    .with_status(405)
}

/// The error for a POST to a resource that permits only GET.
fn only_get() -> Problem {
    Problem::malformed("POST is not allowed here. Anybody may GET this resource, without a signature.").with_status(405)
}

/// The error for a kid that cannot be an account URL of this server. A kid below the base URL may be that of a deleted
/// account (e.g. of a disposable CA before its reset). Its client has to register again, and the error type
/// `accountDoesNotExist` makes it do so.
fn unknown_account(kid: &str, urls: &Urls) -> Problem {
    let (shown, base) = (crate::values::quote::quote(kid), urls.of_path("/"));
    if urls.contain(kid) {
        let detail = format!("There is no account at {shown}. Create one with new-account.");
        return Problem::new(Kind::AccountDoesNotExist, detail);
    }
    Problem::malformed(format!("The kid {shown} is no account URL of this server, whose URLs begin with {base}."))
}

/// Adds the headers that every response has, and removes the body for HEAD. Operator responses are not readable for
/// scripts of other origins.
fn finished(request: &Request, route: Option<&Route>, response: Response) -> Response {
    let asks = request.method == "OPTIONS" && response.is_success();
    let mut response = match route {
        Some(Route::Operator(_)) => response,
        // RFC 9110 §10.2.1: a 405 must list the allowed methods, and a response to OPTIONS may.
        Some(route) if response.status == 405 || asks => response.with("Allow", route.allowed_methods()).exposed(),
        _ => response.exposed(),
    };
    if request.method == "HEAD" {
        response.body = Body::Text(String::new());
    }
    transport::strict(response, &request.url_origin)
}

fn preflight() -> Response {
    Response::empty(204)
        .with("Access-Control-Allow-Methods", "GET, HEAD, POST")
        .with("Access-Control-Allow-Headers", "Content-Type")
        .with("Access-Control-Max-Age", "86400")
}
