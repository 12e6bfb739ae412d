//! Responses, checked for the invariants of every response.

use super::secrets::Secrets;
use super::world::World;
use crate::ca::config::test_cas::{PATH, inner_path, split};
use crate::ca::http::html;
use crate::ca::http::message::{Body, Request, Response};
use crate::ca::http::routes::{AccountRoute, PublicRoute, Route, Urls};
use crate::records::Kind;
use serde_json::Value;

/// Number of recent log lines to search for signed parts. One request, or a crowd of them, writes several.
const LINES: usize = 32;

/// A response that passed [`Answered::checked`].
#[derive(Clone, Debug)]
pub struct Answered {
    /// Method and path of the request, for messages.
    pub asked: String,
    /// The response.
    pub response: Response,
}

impl Answered {
    /// Checks the invariants of responses to `request`.
    ///
    /// They are H-03, H-05, H-06, H-07, H-11, H-14, H-15, N-01, N-02 and T-32.
    pub fn checked(world: &World, request: &Request, response: Response) -> Self {
        let answered = Self { asked: format!("{} {}", request.method, request.path), response };
        answered.check_headers(world, request);
        answered.check_nonce(world, request);
        answered.check_secrets(world, request);
        if request.method != "HEAD" {
            answered.check_body(request);
        }
        answered
    }

    fn check_headers(&self, world: &World, request: &Request) {
        let asked = &self.asked;
        let lone = ["Location", "Retry-After", "Content-Type", "Replay-Nonce", "Cache-Control", "Allow"];
        for name in lone {
            assert!(self.headers(name).len() <= 1, "{asked}: {name} more than once: {:?}", self.response.headers);
        }
        let links = self.headers("Link");
        for link in &links {
            let relations = link.matches("rel=").count();
            assert!(
                relations == 1 && link.starts_with('<') && !link.contains(','),
                "{asked}: one relation a line: {link}"
            );
        }
        let is_directory = Route::parse(inner_path(&request.path)) == Some(Route::Account(AccountRoute::Directory));
        let index = format!("<{}>;rel=\"index\"", self.urls(world, request).directory());
        let indexed = links.iter().filter(|link| **link == index).count();
        if !is_directory && (request.method != "OPTIONS" || for_operators(request)) {
            assert_eq!(indexed, 1, "{asked}: the index link: {links:?}");
        }
        if let Some(seconds) = self.header("Retry-After") {
            let seconds: u64 = seconds.parse().expect("Retry-After is whole seconds");
            // RFC 9773 §4.3.2: clients take up to a day from renewalInfo; elsewhere acme.sh takes ten minutes.
            let renewal =
                matches!(Route::parse(inner_path(&request.path)), Some(Route::Public(PublicRoute::RenewalInfo(_))));
            // A limit says when it allows the next one, which may be days.
            let most = match self.status() {
                429 => 366 * 86_400,
                _ if renewal => 86_400,
                _ => 600,
            };
            assert!((1..=most).contains(&seconds), "{asked}: Retry-After {seconds}");
        }
        if let Some(location) = self.header("Location") {
            assert!(location.starts_with("https://ca.test/"), "{asked}: Location {location}");
        }
        // Scripts of other origins may not read operators' answers.
        let open = (!for_operators(request)).then_some("*");
        assert_eq!(self.header("Access-Control-Allow-Origin"), open, "{asked}");
    }

    /// Whether the answer is of no test CA, though the path is that of one.
    fn is_nowhere(&self, world: &World, request: &Request) -> bool {
        let below = split(&request.path).is_some() && matches!(self.status(), 404 | 410 | 500..);
        below && self.header("Link").is_some_and(|link| link.contains(&world.settings().urls.directory()))
    }

    /// The URLs of the CA that has answered.
    fn urls(&self, world: &World, request: &Request) -> Urls {
        let main = &world.settings().urls;
        match split(&request.path) {
            Some((id, _)) if !self.is_nowhere(world, request) && world.settings().test_cas.are_on() => {
                Urls::new(&format!("{}{PATH}/{id}", main.of_path("")))
            }
            _ => main.clone(),
        }
    }

    fn check_nonce(&self, world: &World, request: &Request) {
        let asked = &self.asked;
        let nonce = self.header("Replay-Nonce");
        // A request to another host is refused without a nonce.
        let astray = !request.url_origin.is_empty() && request.url_origin != world.urls().of_path("");
        let at_main = request.path == PATH || self.is_nowhere(world, request);
        if request.method == "POST" && !for_operators(request) && !astray && !at_main {
            assert!(nonce.is_some(), "{asked}: no Replay-Nonce, status {}", self.status());
        }
        if let Some(nonce) = nonce {
            assert!(nonce.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{asked}: {nonce}");
            assert!(nonce.len() >= 22, "{asked}: 128 bits and more");
            assert!(world.note_nonce(nonce), "{asked}: nonce issued twice");
            assert_eq!(self.header("Cache-Control"), Some("no-store"), "{asked}");
        }
    }

    /// S-04: answers contain no secret, and answers and logs nothing that was signed.
    fn check_secrets(&self, world: &World, request: &Request) {
        world.secrets().check(&self.asked, &format!("{:?} {}", self.response.headers, self.text()));
        let body = request.body.as_deref().and_then(|body| serde_json::from_slice::<Value>(body).ok());
        let mut signed = Secrets::default();
        for part in ["protected", "payload", "signature"] {
            let text = body.as_ref().and_then(|body| body[part].as_str()).unwrap_or_default();
            // Shorter texts occur by chance.
            if text.len() >= 40 {
                signed.add_text(&format!("the request's {part}"), text);
            }
        }
        signed.check(&self.asked, self.text());
        world.log().iter().for_each(|line| signed.check("the log", line));
        // Each request writes one; older lines are irrelevant.
        let lines = world.lines();
        lines.iter().rev().take(LINES).for_each(|line| signed.check("a line of what happened", line));
    }

    fn check_body(&self, request: &Request) {
        let (asked, text, for_operators) = (&self.asked, self.text(), for_operators(request));
        let page = !for_operators && html::is_wanted(request.accept.as_deref());
        if self.status() >= 400 && page {
            assert_eq!(self.header("Content-Type"), Some("text/html; charset=utf-8"), "{asked}");
            assert_eq!(self.header("Content-Language"), Some("en"), "{asked}");
        } else if self.status() >= 400 {
            assert_eq!(self.header("Content-Type"), Some("application/problem+json"), "{asked}");
            assert_eq!(self.header("Content-Language"), Some("en"), "{asked}");
            check_problem(asked, &self.json(), true);
            assert_eq!(self.json()["status"], self.status(), "{asked}: status in the problem and of the response");
            assert_eq!(self.status() == 405, self.header("Allow").is_some(), "{asked}: Allow");
            // T-03: certbot reads the Location of any 409 to newAccount or keyChange. Operators' answers are not
            // ACME.
            let conflict =
                !for_operators && self.status() == 409 && self.json()["type"] == "urn:ietf:params:acme:error:malformed";
            assert!(!conflict || self.header("Location").is_some(), "{asked}: 409 without a Location");
            assert!(self.status() < 500 || self.header("Retry-After").is_some(), "{asked}: Retry-After with 5xx");
        } else if self.header("Content-Type").is_some_and(|kind| kind.contains("json")) {
            assert_eq!(self.header("Content-Type"), Some("application/json"), "{asked}");
            let value = self.json();
            assert!(value.is_object(), "{asked}: {value}");
            assert!(!text.contains("\\/"), "{asked}: {text}");
            // The directory has lines (D-01); other answers are compact.
            let form = if asked.ends_with("/directory") { format!("{value:#}\n") } else { value.to_string() };
            assert_eq!(form, text, "{asked}: its form");
        }
    }

    /// HTTP status.
    pub fn status(&self) -> u16 {
        self.response.status
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.header(name)
    }

    /// All values of a header.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let found = self.response.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).collect()
    }

    /// The `Location` header.
    pub fn location(&self) -> String {
        self.header("Location").unwrap_or_else(|| panic!("{}: no Location", self.asked)).to_owned()
    }

    /// The URL of the `Link` of this relation.
    pub fn link(&self, relation: &str) -> Option<String> {
        let end = format!(">;rel=\"{relation}\"");
        self.headers("Link").iter().find_map(|link| Some(link.strip_prefix('<')?.strip_suffix(&end)?.to_owned()))
    }

    /// The body's text.
    pub fn text(&self) -> &str {
        match &self.response.body {
            Body::Text(text) => text,
            Body::Bytes(_) => "",
        }
    }

    /// The response without the id of its request.
    pub fn anonymous(&self) -> Response {
        let mut response = self.response.clone();
        response.headers.retain(|(name, _)| name != "X-Request-Id");
        if let (Body::Text(text), Some(id)) = (&mut response.body, self.header("X-Request-Id")) {
            *text = text.replace(&format!(",\"request\":\"{id}\""), "");
        }
        response
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(self.text()).unwrap_or_else(|e| panic!("{}: {e} in {:?}", self.asked, self.text()))
    }

    /// Asserts this status.
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status(), status, "{}: {}", self.asked, self.text());
        self
    }

    /// Asserts a problem of this kind and status.
    pub fn refused(self, status: u16, kind: Kind) -> Self {
        let found = self.json()["type"].as_str().unwrap_or_default().to_owned();
        let wanted = format!("urn:ietf:params:acme:error:{}", kind.token());
        assert_eq!((self.status(), found), (status, wanted), "{}: {}", self.asked, self.text());
        self
    }

    /// The `detail` of a problem.
    pub fn detail(&self) -> String {
        self.json()["detail"].as_str().unwrap_or_default().to_owned()
    }
}

/// Checks a problem document, or one within another.
pub fn check_problem(asked: &str, problem: &Value, top: bool) {
    let kind = problem["type"].as_str().unwrap_or_default();
    let token = kind.strip_prefix("urn:ietf:params:acme:error:").unwrap_or_default();
    assert!(Kind::ALL.iter().any(|kind| kind.token() == token), "{asked}: type {kind:?}");
    assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{asked}: a detail: {problem}");
    // A detail has to cut what it quotes.
    assert!(
        problem["detail"].as_str().is_some_and(|detail| detail.len() <= 1_000),
        "{asked}: a detail too long: {problem}"
    );
    assert!(!top || problem.get("identifier").is_none(), "{asked}: identifier at the top: {problem}");
    let subproblems = problem.get("subproblems").and_then(Value::as_array).cloned().unwrap_or_default();
    assert!(token != "compound" || !subproblems.is_empty(), "{asked}: compound of nothing: {problem}");
    for subproblem in &subproblems {
        check_problem(asked, subproblem, false);
    }
    let listed = problem.get("algorithms").is_some();
    assert_eq!(token == "badSignatureAlgorithm", listed, "{asked}: algorithms: {problem}");
}

/// Whether a request is an operator's.
fn for_operators(request: &Request) -> bool {
    matches!(Route::parse(inner_path(&request.path)), Some(Route::Operator(_)))
}
