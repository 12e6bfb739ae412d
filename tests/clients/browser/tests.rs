//! Tests of the page harness (`tests/clients/browser/mod.rs`): each of its checks can fail.

use super::Browser;
use super::axe::axe;
use axum::Router;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::Html;
use axum::routing::get;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::json;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

/// The page of most tests: only its own script runs, by the nonce of [`POLICY`].
const PAGE: &str = r##"<!doctype html><html lang="en"><head><title>Greeting</title><link rel="icon" href="data:,"></head>
<body><main><h1>Greeting</h1><form><label>Name <input id="name"></label> <button id="greet">Greet</button></form>
<p id="answer" data-asked="no">Nobody yet.</p></main><script nonce="n">
document.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  setTimeout(() => {
    const answer = document.querySelector("#answer");
    answer.dataset.asked = "yes";
    answer.textContent = `Good day, ${document.querySelector("#name").value}!`;
    answer.insertAdjacentHTML("afterend", "<p id=later>Later.</p>");
  }, 300);
});
</script></body></html>"##;
const POLICY: &str = "default-src 'none'; img-src data:; script-src 'nonce-n'";

/// A page that does what it may not, and one that is broken.
const INLINE: &str = r#"<!doctype html><link rel="icon" href="data:,"><script>document.title = "ran"</script>"#;
const BROKEN: &str = r#"<!doctype html><link rel="icon" href="data:,"><script nonce="n">notDefinedAnywhere()</script>"#;
/// The image has no words.
const BAD: &str = r#"<!doctype html><html lang="en"><head><title>Bad</title><link rel="icon" href="data:,"></head>
<body><main><h1>Bad</h1><img src="data:,"></main></body></html>"#;

/// A server of these pages over https with its own root, until dropped.
struct Pages {
    address: SocketAddr,
    root: PathBuf,
    _folder: TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl Pages {
    fn serve() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "a root of the test");
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &root).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("root.pem");
        std::fs::write(&file, root.pem()).unwrap();
        let key = rustls_pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![leaf.into()], key).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let page = |html: &'static str| get(move || async move { ([(CONTENT_SECURITY_POLICY, POLICY)], Html(html)) });
        let pages = Router::new().route("/", page(PAGE)).route("/inline", page(INLINE));
        let pages = pages.route("/broken", page(BROKEN)).route("/bad", page(BAD));
        let tls = Tls { listener, acceptor: TlsAcceptor::from(Arc::new(config)) };
        runtime.spawn(async { axum::serve(tls, pages).await });
        Self { address, root: file, _folder: folder, _runtime: runtime }
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }
}

/// https for axum.
struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            // A browser that does not trust the root hangs up; the next connection is another matter.
            let Ok((stream, address)) = self.listener.accept().await else { continue };
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

#[test]
fn page_fixture_uses_and_photographs_a_page() {
    let pages = Pages::serve();
    let browser = Browser::start(&[&pages.root]);
    browser.set_window(390, 700);
    browser.open(&pages.url("/"));
    assert_eq!(browser.url(), pages.url("/"));
    assert_eq!(browser.find("#answer").text(), "Nobody yet.");
    assert_eq!(browser.find("#answer").attribute("data-asked").as_deref(), Some("no"));
    assert_eq!(browser.find("#answer").attribute("title"), None);
    let field = browser.find("#name");
    field.type_text("nobody");
    field.clear();
    field.type_text("Ada ü");
    assert_eq!(field.property("value"), "Ada ü");
    assert!(browser.find_all("#later").is_empty(), "it comes with the click");
    browser.find("#greet").click();
    assert_eq!(browser.wait_for("#later").text(), "Later.");
    assert_eq!(browser.find("#answer").text(), "Good day, Ada ü!");
    browser.wait_until("the answer", || browser.find("#answer").attribute("data-asked").as_deref() == Some("yes"));
    assert_eq!(browser.execute("return Promise.resolve(arguments[0] + 1)", &[json!(41)]), 42);

    for (width, height) in [(390_u32, 700_u32), (1280, 800)] {
        browser.set_window(width, height);
        let png = std::fs::read(browser.screenshot(format!("browser/greeting-{width}.png"))).unwrap();
        assert_eq!(&png[..16], b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
        assert_eq!(png[16..24], [width.to_be_bytes(), height.to_be_bytes()].concat());
        assert_eq!(browser.execute("return [innerWidth, innerHeight]", &[]), json!([width, height]));
    }
    // The names of kinds of fonts mean fonts of that kind.
    let script = "const pen = document.createElement('canvas').getContext('2d');
        pen.font = `40px ${arguments[0]}`;
        return ['iiii', 'WWWW'].map((word) => pen.measureText(word).width);";
    let widths = |font: &str| browser.execute(script, &[json!(font)]);
    let (sans, mono) = (widths("sans-serif"), widths("monospace"));
    assert!(sans[0].as_f64() < sans[1].as_f64() && mono[0] == mono[1] && mono[0].as_f64() > Some(1.0), "{sans} {mono}");
    assert!(browser.messages().is_empty(), "nothing went wrong");
}

#[test]
fn page_errors_are_reported() {
    let pages = Pages::serve();
    let browser = Browser::start(&[&pages.root]);
    browser.open(&pages.url("/"));
    assert!(browser.messages().is_empty(), "a page that is right");
    assert_eq!(axe(&browser), [""; 0], "a page that is right");
    assert!(browser.messages().is_empty(), "axe-core keeps to the policy");

    browser.open(&pages.url("/inline"));
    let found = browser.messages();
    assert!(found.iter().any(|m| m.source == "security" && m.text.contains("Content Security Policy")), "{found:?}");
    assert!(browser.messages().is_empty(), "each is given once");

    browser.open(&pages.url("/broken"));
    let found = browser.messages();
    let error = |m: &super::Message| m.source == "javascript" && m.text.contains("notDefinedAnywhere is not defined");
    assert!(found.iter().any(error), "{found:?}");

    browser.open(&pages.url("/bad"));
    let found = axe(&browser);
    assert!(found.len() == 1 && found[0].starts_with("image-alt (critical): "), "{found:?}");

    // What is not there fails, with the words of the log.
    let missing = catch_unwind(AssertUnwindSafe(|| browser.find("#nowhere").click()));
    assert!(missing.unwrap_err().downcast_ref::<String>().unwrap().contains("#nowhere is not in"));
    browser.execute("console.warn('look here')", &[]);
    let found = browser.messages();
    assert!(found.iter().any(|m| m.level == "WARNING" && m.text.contains("look here")), "{found:?}");
}

#[test]
fn untrusted_root_is_refused() {
    let (pages, others) = (Pages::serve(), Pages::serve());
    let browser = Browser::start(&[&others.root]);
    browser.open(&others.url("/"));
    let refused = browser.try_open(&pages.url("/")).unwrap_err();
    assert!(refused.contains("ERR_CERT_AUTHORITY_INVALID"), "{refused}");
    let away = browser.try_open("http://selvedge.example/").unwrap_err();
    assert!(away.contains("ERR_NAME_NOT_RESOLVED"), "{away}");
}

#[test]
fn browser_panic_leaves_no_processes_or_files() {
    let (mut processes, mut home) = (Vec::new(), PathBuf::new());
    let panicked = AtomicBool::new(false);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let browser = Browser::start(&[]);
        (processes, home) = (browser.processes(), browser.home().to_owned());
        panicked.store(true, Ordering::Relaxed);
        std::panic::resume_unwind(Box::new("as a failed assertion"));
    }));
    assert!(result.is_err() && panicked.load(Ordering::Relaxed));
    assert!(processes.len() > 3, "chromedriver, chromium, its zygotes: {processes:?}");
    let left: Vec<_> = processes.iter().filter(|process| process.runs()).collect();
    assert!(left.is_empty() && !home.exists(), "{left:?} {}", home.display());
}
