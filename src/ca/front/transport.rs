//! Scheme and host checks: a request must use https and the host of `BASE_URL`.
//!
//! CRLs and issuer certificates are exempt: verifiers fetch them by plain http, at any host name that certificates
//! contain ([RFC 5280 §8](https://www.rfc-editor.org/rfc/rfc5280#section-8)).

use crate::ca::http::message::{Request, Response};
use crate::ca::http::routes::{AccountRoute, FormRoute, PublicRoute, Route, Urls};
use crate::records::Problem;
use url::{Host, Url};

/// How long browsers use only https after the last response, in seconds: a year.
const HSTS: &str = "max-age=31536000";

/// The path prefixes that are readable by any scheme and host: CRLs and issuer certificates.
const PUBLIC_PREFIXES: [&str; 2] = ["/crl/", "/issuer/"];

/// The response to a request with a wrong scheme, host or port. `None` if all are correct. Only the method and the URL
/// are examined.
pub fn refusal(urls: &Urls, request: &Request, route: Option<&Route>) -> Option<Response> {
    let reads = matches!(request.method.as_str(), "GET" | "HEAD");
    if reads && PUBLIC_PREFIXES.iter().any(|prefix| request.path.starts_with(prefix)) {
        return None;
    }
    if urls.at_any_host() {
        return None;
    }
    let base = Url::parse(&urls.of_path("/")).ok()?;
    let asked = Url::parse(&request.url_origin).ok();
    let Some(asked) = asked.filter(|asked| asked.host() == base.host()) else {
        return Some(misdirected(urls, request));
    };
    if asked.origin() == base.origin() {
        return None;
    }
    // Plain http always has another port.
    if !(asked.scheme() == "http" && base.scheme() == "https") {
        return Some(misdirected(urls, request));
    }
    let page = reads && route.is_some_and(is_page);
    Some(if page { moved(urls, request) } else { forbidden(urls, route) })
}

/// Whether plain http to this route is redirected. These are pages that a person may type without a scheme, and
/// resources that lead to them.
fn is_page(route: &Route) -> bool {
    matches!(
        route,
        Route::Public(PublicRoute::Home)
            | Route::Public(PublicRoute::Style)
            | Route::Public(PublicRoute::Root(_))
            | Route::Account(AccountRoute::Directory)
            | Route::Public(PublicRoute::Issuers)
            | Route::Public(PublicRoute::Inventory(_))
            | Route::Form(FormRoute::Agreement(..))
            | Route::Form(FormRoute::Resumption(..))
    )
}

/// Redirects to https (RFC 9110 §15.4.9).
fn moved(urls: &Urls, request: &Request) -> Response {
    Response::empty(308).located(&urls.of_path(&request.path)).with("Cache-Control", "public, max-age=60").indexed(urls)
}

/// Refuses plain http: ACME requires https (RFC 8555 §6.1), and so do requests with a token.
fn forbidden(urls: &Urls, route: Option<&Route>) -> Response {
    let lost = match route {
        Some(Route::Operator(_) | Route::Public(PublicRoute::Metrics)) => {
            " A token in this request may have been read by others: replace it."
        }
        _ => "",
    };
    let detail = format!(
        "The request used plain http, which serves only CRLs and issuer certificates. Use https at {}, with the URLs of \
         the directory, {}.{lost}",
        host_of(urls),
        urls.directory()
    );
    Response::problem(&Problem::malformed(detail).with_status(403)).indexed(urls)
}

/// Refuses a wrong scheme, host or port (RFC 9110 §15.5.20).
fn misdirected(urls: &Urls, request: &Request) -> Response {
    let asked = crate::values::quote::quote(&request.url_origin);
    let detail = format!(
        "The request was sent to {asked}, but this CA serves only {}: use the URLs of its directory, {}. (For its operator: \
         set BASE_URL, or `dev --base-url`.)",
        urls.of_path(""),
        urls.directory()
    );
    Response::problem(&Problem::malformed(detail).with_status(421)).indexed(urls)
}

fn host_of(urls: &Urls) -> String {
    let base = urls.of_path("");
    base.split_once("://").map_or(base.clone(), |(_, host)| host.to_owned())
}

/// Adds HSTS to a response if the request to `origin` used https
/// ([RFC 6797 §7](https://www.rfc-editor.org/rfc/rfc6797#section-7)).
///
/// Omitted under `localhost`, where a browser would apply it to all other servers of the machine.
pub fn strict(response: Response, origin: &str) -> Response {
    let local = |url: &Url| matches!(url.host(), Some(Host::Domain(name)) if name == "localhost" || name.ends_with(".localhost"));
    let strict = Url::parse(origin).is_ok_and(|url| url.scheme() == "https" && !local(&url));
    if strict { response.with("Strict-Transport-Security", HSTS) } else { response }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ca::testing::{Answered, Client, World, form};
    use crate::records::Kind;

    fn ask(world: &World, method: &str, origin: &str, path: &str) -> Answered {
        let (method, url_origin, path) = (method.to_owned(), origin.to_owned(), path.to_owned());
        let authorization = Some("Bearer anything".to_owned());
        world.send(Request { method, url_origin, path, authorization, body: Some(Vec::new()), ..Request::default() })
    }

    /// One path per route, with the exempt ones last.
    const PATHS: [&str; 16] = [
        "/",
        "/page.css",
        "/root.crt",
        "/directory",
        "/issuers",
        "/admin",
        "/acme/new-nonce",
        "/acme/new-account",
        "/acme/renewal-info/x.y",
        "/calendar/AAAAAAAAAAAAAAAAAAAAAA.ics",
        "/metrics",
        "/admin/v1/certificates",
        "/nothing",
        "/crl/00/0.crl",
        "/issuer/00.crt",
        "/crl/nothing",
    ];

    #[test]
    fn over_plain_http_pages_lead_to_https_and_the_rest_is_refused_unlooked() {
        let world = World::new();
        for origin in ["http://ca.test", "http://CA.test:80", "http://ca.test:14002"] {
            for (at, path) in PATHS.into_iter().enumerate() {
                let answered = ask(&world, "GET", origin, path);
                match at {
                    0..=5 => {
                        let location = format!("https://ca.test{path}");
                        assert_eq!((answered.status(), answered.location()), (308, location), "{origin}{path}");
                    }
                    6..=12 => assert!(answered.refused(403, Kind::Malformed).detail().contains("plain http"), "{path}"),
                    _ => assert!(answered.refused(404, Kind::Malformed).detail().len() > 10, "{path}"),
                }
                for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
                    ask(&world, method, origin, path).refused(403, Kind::Malformed);
                }
            }
        }
        assert!(world.rows().is_empty(), "nothing is stored");
        let client = Client::new(&world);
        let signed = client.sign(&client.url("new-account"), Some(serde_json::json!({})));
        let answered = client.send(Request { url_origin: "http://ca.test".to_owned(), ..signed });
        assert!(answered.header("Replay-Nonce").is_none());
        answered.refused(403, Kind::Malformed);
        assert!(world.rows_but_nonces().is_empty());
    }

    #[test]
    fn another_host_or_port_is_misdirected() {
        let world = World::new();
        let others = [
            "https://other.test",
            "http://other.test",
            "https://ca.test:8443",
            "https://ca.test.evil.test",
            "nonsense",
            "",
        ];
        for origin in &others[..5] {
            for path in &PATHS[..13] {
                let said = ask(&world, "GET", origin, path).refused(421, Kind::Malformed).detail();
                assert!(said.contains("https://ca.test/directory"), "{said}");
            }
            ask(&world, "GET", origin, "/crl/00/0.crl").refused(404, Kind::Malformed);
            ask(&world, "HEAD", origin, "/issuer/00.crt").is(404);
            world
                .send(Request { url_origin: (*origin).to_owned(), ..form("/crl/00/0.crl", "") })
                .refused(421, Kind::Malformed);
        }
        let request =
            |asked: &str| Request { url_origin: asked.to_owned(), path: "/".to_owned(), ..Request::default() };
        let refused = |asked: &str| {
            refusal(world.urls(), &request(asked), Some(&Route::Public(PublicRoute::Home))).map(|a| a.status)
        };
        assert_eq!(others.map(&refused), [Some(421); 6]);
        assert_eq!(["https://ca.test", "https://CA.TEST:443/"].map(refused), [None; 2]);
    }

    #[test]
    fn where_base_url_is_http_http_is_served() {
        let world = World::new().reconfigured(|settings| settings.urls = Urls::new("http://ca.test:8080"));
        let request =
            |asked: &str| Request { url_origin: asked.to_owned(), path: "/".to_owned(), ..Request::default() };
        let refused = |asked: &str| refusal(world.urls(), &request(asked), None).map(|a| a.status);
        assert_eq!(refused("http://ca.test:8080"), None);
        assert_eq!(["https://ca.test:8080", "http://ca.test", "http://b.test:8080"].map(refused), [Some(421); 3]);
    }

    #[test]
    fn https_answers_and_no_others_are_strict() {
        let world = World::new();
        let strict = |origin: &str, path: &str| {
            ask(&world, "GET", origin, path).header("Strict-Transport-Security").map(str::to_owned)
        };
        for path in PATHS {
            assert_eq!(strict("https://ca.test", path).as_deref(), Some("max-age=31536000"), "{path}");
            assert_eq!(strict("https://other.test", path).as_deref(), Some("max-age=31536000"), "{path}");
            assert_eq!(strict("http://ca.test", path), None, "{path}");
        }
        assert_eq!(strict("https://localhost:14000", "/"), None);
        let client = Client::registered(&world);
        let answered = client.get(client.account());
        assert_eq!(answered.is(200).header("Strict-Transport-Security"), Some("max-age=31536000"), "an account's too");
    }
}
