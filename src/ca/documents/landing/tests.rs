use super::*;
use crate::ca::config::issuers::Root;
use crate::ca::documents::blocks::label;
use crate::ca::http::message::Request;
use crate::ca::testing::{Answered, START, World};
use crate::pki::ceremony::{create_intermediate, create_root};
use crate::pki::pem;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

const CLIENTS: [&str; 6] =
    ["certbot certonly ", "lego --server ", "acme.sh --issue ", "issuer acme {", "server: ", "wacs.exe "];

fn shown(world: &World, accept: Option<&str>) -> Answered {
    let get = Request { method: "GET".to_owned(), path: "/".to_owned(), body: Some(Vec::new()), ..Request::default() };
    world.send(Request { accept: accept.map(str::to_owned), ..get }).is(200)
}

fn page(world: &World) -> String {
    shown(world, Some(BROWSER)).text().to_owned()
}

#[test]
fn browsers_get_a_page_and_others_text() {
    let world = World::new();
    for accept in [BROWSER, "text/html", "application/xml, Text/HTML;q=0.5", "text/html ; level=1"] {
        let answered = shown(&world, Some(accept));
        assert_eq!(answered.header("Content-Type"), Some("text/html; charset=utf-8"), "{accept}");
        assert!(answered.text().starts_with("<!DOCTYPE html>"));
    }
    for accept in [None, Some("*/*"), Some("text/plain"), Some(""), Some("text/html;q=0, */*"), Some("text/htmlx")] {
        let answered = shown(&world, accept);
        assert_eq!(answered.header("Content-Type"), Some("text/plain; charset=utf-8"), "{accept:?}");
        let root = world.settings().root.as_ref().unwrap();
        for said in [&world.urls().directory(), &world.urls().issuer(world.issuer().id()), &root.fingerprint()] {
            assert!(answered.text().contains(said.as_str()), "{said}: {}", answered.text());
        }
        assert_eq!(answered.header("Vary"), Some("Accept"));
    }
}

#[test]
fn browsers_get_errors_as_pages_and_others_problems() {
    let world = World::new();
    for (path, status) in [("/nothing", 404), ("/acme/new-account", 405), ("/terms/x/y", 404), ("/crl/root.crl", 404)] {
        let ask = |accept: Option<&str>| {
            let (method, path) = ("GET".to_owned(), path.to_owned());
            world.send(Request { method, path, accept: accept.map(str::to_owned), ..Request::default() })
        };
        let page = ask(Some(BROWSER));
        assert_eq!((page.status(), page.header("Content-Type")), (status, Some("text/html; charset=utf-8")), "{path}");
        assert!(page.text().contains("<h1>") && page.text().contains("/page.css"), "{}", page.text());
        assert!(page.header("Content-Security-Policy").unwrap().contains("style-src 'self'"));
        for accept in [None, Some("*/*"), Some("application/json")] {
            let problem = ask(accept);
            assert_eq!(problem.header("Content-Type"), Some("application/problem+json"), "{path}");
            assert_eq!((problem.status(), problem.header("Vary")), (status, Some("Accept")));
        }
    }
}

#[test]
fn a_page_loads_its_style_sheet_and_runs_nothing() {
    let world = World::new();
    let answered = shown(&world, Some(BROWSER));
    let policy = answered.header("Content-Security-Policy").unwrap();
    let directives: Vec<&str> = policy.split(';').map(str::trim).collect();
    assert_eq!(
        directives,
        [
            "default-src 'none'",
            "style-src 'self'",
            "img-src 'self' data:",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ]
    );
    assert_eq!(answered.header("X-Content-Type-Options"), Some("nosniff"));
    assert_eq!(answered.header("Referrer-Policy"), Some("no-referrer"));
    assert_eq!(answered.header("Cache-Control"), Some("public, max-age=60"));
    for banned in ["<script", "<style", "style=", " on", "<form", "<iframe", "<img"] {
        let tags = answered.text().split('<').filter_map(|tag| tag.split_once('>')).map(|(tag, _)| format!("<{tag}"));
        let found: Vec<String> = tags.filter(|tag| tag.contains(banned)).collect();
        assert!(found.is_empty(), "{banned}: {found:?}");
    }
    let style = world.ask("GET", "/page.css").is(200);
    assert_eq!(style.header("Content-Type"), Some("text/css; charset=utf-8"));
    assert_eq!(style.header("Cache-Control"), Some("public, max-age=300"));
    for banned in ["url(", "@import", "//"] {
        assert!(!STYLE.contains(banned), "{banned} in the style sheet");
    }
}

#[test]
fn clients_get_lines_with_external_account_if_required() {
    let world = World::new();
    let open = page(&world);
    for line in CLIENTS {
        let (_, rest) = open.split_once(line).unwrap_or_else(|| panic!("no {line:?} in {open}"));
        let block = rest.split_once("</pre>").unwrap().0;
        assert!(block.contains("https://ca.test/directory"), "{line}: {block}");
    }
    let options = [
        "--eab-kid KID --eab-hmac-key KEY --standalone",
        "--eab --kid KID --hmac KEY",
        "-m you@example.org --eab-kid KID --eab-hmac-key KEY\n",
        "email you@example.org\n\t\t\teab KID KEY\n\t\t}",
        "externalAccountBinding:\n      keyID: KID\n      keySecretRef:\n        name: ca.test-eab\n        key: key\n",
        "--eab-key-identifier KID --eab-key KEY",
    ];
    let bound = page(&world.reconfigured(|settings| settings.external.required = true));
    for option in options {
        assert!(!open.contains(option) && bound.contains(option), "{option}");
    }
    for system in ["Debian, Ubuntu", "Fedora, RHEL", "macOS", "Windows (as administrator)", "Firefox"] {
        assert!(open.contains(&format!("<h3>{system}</h3>")), "{system}");
    }
}

#[test]
fn root_is_served_with_its_fingerprint() {
    let world = World::new();
    let [der] = <[Vec<u8>; 1]>::try_from(pem::read_certificates(world.root()).unwrap()).unwrap();
    let fingerprint = crate::values::hex::fingerprint(&der);
    let text = page(&world);
    assert!(text.contains(&format!("<code>{fingerprint}</code>")), "{text}");
    assert!(text.contains("<strong>Test Root</strong>") && text.contains("<h1>Test Issuer</h1>"), "{text}");
    for (path, media_type, body) in [
        ("/root.crt", "application/pkix-cert", Body::Bytes(der)),
        ("/root.pem", "application/x-pem-file", Body::Text(world.root().to_owned())),
    ] {
        assert!(text.contains(&format!("href=\"https://ca.test{path}\"")), "{path}");
        let answered = world.ask("GET", path).is(200);
        assert_eq!(answered.header("Content-Type"), Some(media_type));
        assert_eq!(answered.response.body, body);
        assert_eq!(world.ask("HEAD", path).is(200).header("Content-Type"), Some(media_type));
    }
}

#[test]
fn page_without_root_refers_to_the_operator() {
    let world = World::new().reconfigured(|settings| settings.root = None);
    let text = page(&world);
    assert!(text.contains("ask the operator of this CA for it and for its SHA-256 fingerprint"), "{text}");
    assert!(text.contains(&world.urls().issuer(world.issuer().id())));
    assert!(!text.contains("href=\"https://ca.test/root."), "{text}");
    assert!(!shown(&world, None).text().contains("root"));
    for path in ["/root.crt", "/root.pem"] {
        let said = world.ask("GET", path).is(404).detail();
        assert!(said.contains("ROOT_CERTIFICATE"), "{said}");
    }
}

#[test]
fn configured_texts_are_escaped() {
    let root = create_root("<b>Root</b> & 'son'", START, 10).unwrap();
    let issuer = create_intermediate(&root, "<script>alert(1)</script>", START, 5).unwrap();
    let world = World::new().with_only(&issuer).reconfigured(|settings| {
        settings.root = Some(Root::read(&root.certificate).unwrap());
        settings.meta.terms_of_service = Some("https://ca.test/terms?a=1&b=\"><script>".to_owned());
        settings.meta.website = Some("https://ca.test/'onload='".to_owned());
    });
    let text = page(&world);
    for escaped in [
        "<title>&lt;script&gt;alert(1)&lt;/script&gt;</title>",
        "<strong>&lt;b&gt;Root&lt;/b&gt; &amp; &#39;son&#39;</strong>",
        "href=\"https://ca.test/terms?a=1&amp;b=&quot;&gt;&lt;script&gt;\"",
        "href=\"https://ca.test/&#39;onload=&#39;\"",
    ] {
        assert!(text.contains(escaped), "{escaped}: {text}");
    }
    for raw in ["<script", "<b>", "'onload", "?a=1&b"] {
        assert!(!text.contains(raw), "{raw}: {text}");
    }
    assert!(!page(&World::new()).contains("Terms of service"), "what is not configured is not there");
}

#[test]
fn operators_page_is_linked_when_operations_are_on() {
    let world = World::new();
    let shown = |operations| match home(
        world.settings(),
        world.issuer(),
        &world.settings().policy,
        Some("text/html"),
        operations,
    )
    .body
    {
        Body::Text(text) => text.contains("href=\"https://ca.test/admin\""),
        Body::Bytes(_) => panic!("no text"),
    };
    assert!(shown(true) && !shown(false));
}

#[test]
fn files_and_objects_are_named_after_the_host() {
    for (base, called) in [
        ("https://ca.example.org", "ca.example.org"),
        ("http://127.0.0.1:14000", "127.0.0.1-14000"),
        ("https://[::1]:14000", "1--14000"),
    ] {
        assert_eq!(label(&Urls::new(base)), called);
    }
}

#[test]
fn page_shows_permitted_names() {
    let open = page(&World::new());
    assert!(
        open.contains("-d www.example.org")
            && open.contains("Any name and address gets one")
            && !open.contains("Not every name"),
        "{open}"
    );
    let (root, permits) =
        (create_root("R", START, 10).unwrap(), [crate::values::identifier::DnsName::parse("corp.test").unwrap()]);
    let root = crate::pki::ceremony::Root::read(
        &root.certificate,
        crate::values::native_crypto::NativeKey::from_pkcs8_pem(&root.key).unwrap(),
        START,
    )
    .unwrap();
    let constraints = crate::pki::ceremony::Constraints::new(&permits, &[]).unwrap();
    let plan = crate::pki::ceremony::IssuerPlan {
        common_name: "I",
        algorithm: crate::values::SigAlg::Es256,
        constraints: &constraints,
        years: 5,
    };
    let narrow = World::new().with_only(&root.create_issuer(plan, START).unwrap());
    for (policy, name, said) in [
        (r#"{}"#, "www.corp.test", "certificate is good for corp.test and what is below, but not 0.0.0.0/0, ::/0."),
        (
            r#"{"allow":["*.a.corp.test","10.0.0.0/8"]}"#,
            "www.a.corp.test",
            "its policy allows *.a.corp.test, 10.0.0.0/8",
        ),
        (r#"{"allow":["corp.test"],"wildcards":false}"#, "corp.test", "there are no wildcards."),
        (r#"{"allow":[]}"#, "NAME", "no names but those that its operator pre-authorised"),
        (r#"{"allow":["other.test"]}"#, "NAME", "its policy allows other.test"),
        (r#"{"deny":["www.corp.test"]}"#, "corp.test", "some names are denied"),
    ] {
        let document = serde_json::from_str(policy).unwrap();
        let policy = crate::ca::config::policy::read_policy("POLICY", &document).unwrap();
        let world = narrow.reconfigured(|settings| settings.policy = policy.clone());
        let shown_page = page(&world);
        for line in ["certbot certonly ", "lego --server ", "acme.sh --issue ", "wacs.exe "] {
            let rest = shown_page.split_once(line).unwrap().1.split_once("</pre>").unwrap().0;
            assert!(rest.contains(&format!(" {name}")), "{line} {name}: {rest}");
        }
        assert!(!shown_page.contains("www.example.org"), "{document}");
        assert!(shown_page.contains(said) && shown(&world, None).text().contains(said), "{said}: {shown_page}");
    }
}
