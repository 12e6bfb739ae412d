//! WebDriver: <https://www.w3.org/TR/webdriver2/>, over plain http to chromedriver, and what a test asks of a page.

use super::{Browser, PATIENCE, STEP, artifacts};
use serde_json::{Value, json};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;
use ureq::Agent;

/// The name of an element's id in answers, as the standard has it.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// The connection to chromedriver.
#[derive(Default)]
pub struct Wire {
    /// The URL of the session.
    session: Option<String>,
}

impl Wire {
    /// Has a browser started.
    pub fn start(&mut self, port: u16, capabilities: &Value) -> Result<(), String> {
        let sessions = format!("http://127.0.0.1:{port}/session");
        let session = send("POST", &sessions, Some(capabilities), PATIENCE)?;
        self.session = Some(format!("{sessions}/{}", session["sessionId"].as_str().unwrap()));
        Ok(())
    }

    /// Has it ended; this is waited for, but not for long.
    pub fn end(&mut self) {
        if let Some(session) = self.session.take() {
            let _ = send("DELETE", &session, None, Duration::from_secs(10));
        }
    }

    fn command(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
        // A little more than what chromedriver gives a page, so that its own words about the delay are heard.
        send(method, &format!("{}/{path}", self.session.as_ref().unwrap()), body, PATIENCE + Duration::from_secs(30))
    }
}

/// The `value` of the answer, or its error in words.
fn send(method: &str, url: &str, body: Option<&Value>, limit: Duration) -> Result<Value, String> {
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(limit))
        // A page of a test is never behind one, and chromedriver neither.
        .proxy(None)
        .build()
        .new_agent();
    let answer = match (method, body) {
        ("GET", _) => agent.get(url).call(),
        ("DELETE", _) => agent.delete(url).call(),
        (_, body) => agent.post(url).content_type("application/json").send(body.unwrap_or(&json!({})).to_string()),
    };
    let mut answer = answer.map_err(|error| error.to_string())?;
    // Screenshots are long.
    let text =
        answer.body_mut().with_config().limit(200_000_000).read_to_string().map_err(|error| error.to_string())?;
    let mut parsed: Value = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
    let value = parsed["value"].take();
    if answer.status().is_success() {
        return Ok(value);
    }
    let words = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    Err(format!("{}: {}", words("error"), words("message")))
}

/// Messages of a page or browser: the console, script errors, policy violations, failed requests.
#[derive(Debug, Clone)]
pub struct Message {
    /// `SEVERE`, `WARNING`, `INFO` or `DEBUG`.
    pub level: String,
    /// `javascript`, `security`, `network`, `console-api`, …
    pub source: String,
    /// Begins with a URL and a place in it.
    pub text: String,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.level, self.source, self.text)
    }
}

impl Browser {
    /// A command; what fails is a failure of the test.
    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        self.wire.command(method, path, Some(body)).unwrap_or_else(|error| panic!("{method} {path} {body}: {error}"))
    }

    /// Opens a page and waits until it is loaded.
    pub fn open(&self, url: &str) {
        self.try_open(url).unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// Like [`Browser::open`], with the error: an untrusted certificate, an unreachable server.
    pub fn try_open(&self, url: &str) -> Result<(), String> {
        self.wire.command("POST", "url", Some(&json!({ "url": url })))?;
        // To chromedriver the warning of a certificate is a page like others.
        let shown = self.execute("return [location.href, document.documentElement.innerText]", &[]);
        let words = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if words(&shown[0]).starts_with("chrome-error:") { Err(words(&shown[1])) } else { Ok(()) }
    }

    /// The URL that the browser shows.
    pub fn url(&self) -> String {
        self.command("GET", "url", &Value::Null).as_str().unwrap().to_owned()
    }

    /// The first element that a CSS selector finds.
    pub fn find(&self, css: &str) -> Element<'_> {
        self.find_all(css).into_iter().next().unwrap_or_else(|| panic!("{css} is not in {}", self.url()))
    }

    /// All elements that a CSS selector finds.
    pub fn find_all(&self, css: &str) -> Vec<Element<'_>> {
        let found = self.command("POST", "elements", &json!({ "using": "css selector", "value": css }));
        let ids = found.as_array().unwrap().iter().map(|element| element[ELEMENT].as_str().unwrap().to_owned());
        ids.map(|id| Element { browser: self, id }).collect()
    }

    /// As [`Browser::find`], of an element that a script may bring only later.
    pub fn wait_for(&self, css: &str) -> Element<'_> {
        self.wait_until(css, || !self.find_all(css).is_empty());
        self.find(css)
    }

    /// Waits until it is so; `what` is for the words of the failure. An element that a script may replace is asked
    /// for by [`Browser::execute`], in one step.
    pub fn wait_until(&self, what: &str, so: impl Fn() -> bool) {
        for _ in 0..PATIENCE.as_millis() / STEP.as_millis() {
            if so() {
                return;
            }
            sleep(STEP);
        }
        let log: Vec<String> = self.messages().iter().map(Message::to_string).collect();
        panic!("waited in vain for {what} in {}\n{}", self.url(), log.join("\n"));
    }

    /// Runs a function body in the page with `arguments` and gives its awaited result.
    ///
    /// A page's policy does not apply to it.
    pub fn execute(&self, script: &str, arguments: &[Value]) -> Value {
        self.command("POST", "execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// Keeps what the window shows as a PNG below [`artifacts`], and gives its path.
    pub fn screenshot(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = artifacts().join(name);
        let picture = self.command("GET", "screenshot", &Value::Null);
        let picture = data_encoding::BASE64.decode(picture.as_str().unwrap().as_bytes()).unwrap();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, picture).unwrap();
        path
    }

    /// Sets the size of the viewport, as of a phone or a desktop.
    ///
    /// A real window cannot be as narrow as a phone.
    pub fn set_window(&self, width: u32, height: u32) {
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.protocol("Emulation.setDeviceMetricsOverride", &screen);
    }

    /// Has pages see a wish for a dark colour scheme, or for a light one.
    pub fn set_dark(&self, dark: bool) {
        let scheme = json!({ "name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" } });
        self.protocol("Emulation.setEmulatedMedia", &json!({ "features": [scheme] }));
    }

    /// A command of Chromium's own protocol.
    pub fn protocol(&self, name: &str, parameters: &Value) -> Value {
        self.command("POST", "goog/cdp/execute", &json!({ "cmd": name, "params": parameters }))
    }

    /// Loads the page anew.
    pub fn refresh(&self) {
        self.command("POST", "refresh", &json!({}));
    }

    /// Types into whatever has the focus. `\u{e007}` is Enter, `\u{e004}` Tab.
    pub fn press(&self, keys: &str) {
        let actions: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key.to_string() })))
            .collect();
        self.command("POST", "actions", &json!({ "actions": [{ "type": "key", "id": "keys", "actions": actions }] }));
    }

    /// What was said since this was asked last.
    pub fn messages(&self) -> Vec<Message> {
        let log = self.command("POST", "se/log", &json!({ "type": "browser" }));
        let word = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let message = |entry| Message {
            level: word(entry, "level"),
            source: word(entry, "source"),
            text: word(entry, "message"),
        };
        log.as_array().unwrap().iter().map(message).collect()
    }
}

/// An element of a page, until the page replaces it.
pub struct Element<'a> {
    browser: &'a Browser,
    id: String,
}

impl Element<'_> {
    fn command(&self, method: &str, what: &str, body: &Value) -> Value {
        self.browser.command(method, &format!("element/{}/{what}", self.id), body)
    }

    /// Clicks it, which fails when something is in front of it.
    pub fn click(&self) {
        self.command("POST", "click", &json!({}));
    }

    /// Types into it, key by key. `\u{e007}` is Enter, `\u{e004}` Tab.
    pub fn type_text(&self, text: &str) {
        self.command("POST", "value", &json!({ "text": text }));
    }

    /// Empties a field.
    pub fn clear(&self) {
        self.command("POST", "clear", &json!({}));
    }

    /// Its text, as it is seen.
    pub fn text(&self) -> String {
        self.command("GET", "text", &Value::Null).as_str().unwrap().to_owned()
    }

    /// An attribute as written in the page.
    pub fn attribute(&self, name: &str) -> Option<String> {
        self.command("GET", &format!("attribute/{name}"), &Value::Null).as_str().map(str::to_owned)
    }

    /// What a script finds there, like the `value` of a field that was typed into.
    pub fn property(&self, name: &str) -> Value {
        self.command("GET", &format!("property/{name}"), &Value::Null)
    }
}
