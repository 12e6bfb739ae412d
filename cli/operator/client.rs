//! A client of the operations API.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use ureq::Agent;
use url::Url;

use super::access;
use super::target::{ResolvedTarget, Target};
use crate::common::host::{disable_core_dumps, print};
use crate::common::secret::Secret;
use crate::common::web::{Answer, Unreachable, clean, is_invisible, plain};
use crate::common::{files, web};

/// The parameters of a query that are given.
pub fn given<'a>(all: impl IntoIterator<Item = (&'a str, &'a Option<String>)>) -> Vec<(&'a str, String)> {
    all.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
}

/// Largest page of a list.
const MAX_PAGE_SIZE: usize = 200;
/// Default number of listed entries.
pub const DEFAULT_LIMIT: usize = 50;
/// Longest excerpt of a malformed response, in characters.
const MAX_EXCERPT: usize = 200;

/// The operations API of one authority.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    base: Url,
    token: Secret,
    token_from: String,
    /// Headers that pass Cloudflare Access.
    access: Vec<(&'static str, Secret)>,
    /// The root that clients have to trust, unless it is a public one.
    pub root: Option<PathBuf>,
    /// Its address, where known without DNS.
    pub address: Option<SocketAddr>,
}

/// A JSON response.
#[derive(Debug)]
pub struct Document {
    text: String,
    /// The parsed JSON.
    pub value: Value,
}

/// An action that waits for a second person, as an error.
#[derive(Clone, Debug)]
pub struct Waits {
    /// The id of its approval.
    pub id: String,
    /// The end of the time for its confirmation.
    pub until: String,
}

impl std::fmt::Display for Waits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, until } = self;
        write!(
            f,
            "nothing was changed yet: this waits for a second person. Another operator confirms it until {until} with \
             `selvedge approvals confirm {id}`"
        )
    }
}

impl std::error::Error for Waits {}

/// Entries of a list, over one or more pages.
#[derive(Debug)]
pub struct Listed {
    /// The entries.
    pub items: Vec<Value>,
    /// Whether there are more.
    pub more: bool,
    document: Document,
}

/// Options for the number of listed entries.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Paging {
    /// List at most N entries [default: 50].
    #[arg(long, value_name = "N", value_parser = crate::common::number::range::<u32, 1, 4_294_967_295>)]
    limit: Option<u32>,
    /// List all.
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
}

impl Paging {
    /// The maximum; `None` for all.
    pub fn limit(self) -> Option<usize> {
        let limit = self.limit.map_or(DEFAULT_LIMIT, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        (!self.all).then_some(limit)
    }
}

#[derive(Deserialize)]
struct Problem {
    detail: String,
}

impl Client {
    /// A client for the selected authority.
    ///
    /// # Errors
    /// When no authority is known, or no token for it.
    pub fn open(at: &Target) -> Result<Self> {
        disable_core_dumps()?;
        // Nothing was sent yet, so this is not a refusal.
        at.resolve().and_then(Self::new).map_err(|error| Unreachable(format!("{error:#}")).into())
    }

    /// A client for a resolved target.
    ///
    /// # Errors
    /// When the root cannot be read, or the service token is incomplete.
    pub fn new(found: ResolvedTarget) -> Result<Self> {
        let ResolvedTarget { base, token, token_from, root, address } = found;
        let pem =
            root.as_ref().map(|file| files::read(file)?.with_context(|| format!("{} does not exist", file.display())));
        let agent = web::agent(pem.transpose()?.as_deref(), address)?;
        // A server on this machine has nothing before it.
        let local = address.is_some_and(|address| address.ip().is_loopback());
        let access = if local { Vec::new() } else { access::headers()? };
        Ok(Self { agent, base, token, token_from, access, root, address })
    }

    /// The same for a test CA, whose path below the authority's URL has these parts.
    pub fn within(mut self, path: &[&str]) -> Self {
        if let Ok(mut segments) = self.base.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        self
    }

    /// The HTTP client for the authority.
    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// The authority's URL.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The text of a resource.
    ///
    /// # Errors
    /// When the authority refuses, or does not answer.
    pub fn text(&self, path: &[&str], query: &[(&str, String)]) -> Result<String> {
        let url = self.url(path, query)?;
        self.read(&url, web::get_as(&self.agent, &url, &self.token, &self.access))
    }

    /// A document.
    ///
    /// # Errors
    /// When the authority refuses, or does not answer.
    pub fn get(&self, path: &[&str], query: &[(&str, String)]) -> Result<Document> {
        let text = self.text(path, query)?;
        self.document(text)
    }

    /// Sends a document byte for byte.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn send(&self, path: &[&str], query: &[(&str, String)], body: &str) -> Result<Document> {
        let url = self.url(path, query)?;
        let text = self.read(&url, web::post_as(&self.agent, &url, (&self.token, &self.access), body))?;
        self.document(text)
    }

    /// Sends a JSON value.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn post(&self, path: &[&str], body: &Value) -> Result<Document> {
        self.send(path, &[], &body.to_string())
    }

    /// Reads the first `most` entries of a list, or all, over all necessary pages.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn list(&self, path: &str, query: &[(&str, String)], member: &str, most: Option<usize>) -> Result<Listed> {
        let (mut items, mut cursor, mut pages) = (Vec::new(), None::<String>, 0_usize);
        loop {
            let page = self.page(path, query, cursor.as_deref(), most.map(|most| most.saturating_sub(items.len())))?;
            let found = page.value.get(member).and_then(Value::as_array);
            items.extend(found.with_context(|| self.nonsense(&page.text))?.iter().cloned());
            let next = page.value.get("next").and_then(Value::as_str).map(str::to_owned);
            pages = pages.saturating_add(1);
            let full = most.is_some_and(|most| items.len() >= most);
            if next.is_some() && !full {
                if next == cursor {
                    bail!(Unreachable(format!("{} repeats the same page of {path}", self.base)));
                }
                cursor = next;
                continue;
            }
            let document = if pages == 1 { page } else { joined(member, &items, next.as_ref()) };
            return Ok(Listed { items, more: next.is_some(), document });
        }
    }

    /// A page of a list, with at most this many entries.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn page(
        &self,
        path: &str,
        query: &[(&str, String)],
        cursor: Option<&str>,
        most: Option<usize>,
    ) -> Result<Document> {
        self.get(&[path], &paged(query, cursor, most))
    }

    fn url(&self, path: &[&str], query: &[(&str, String)]) -> Result<Url> {
        let mut url = self.base.clone();
        if let Some(dots) = path.iter().find(|part| [".", "..", ""].contains(part)) {
            bail!("{dots:?} cannot be part of a path");
        }
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["admin", "v1"]).extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    fn document(&self, text: String) -> Result<Document> {
        match serde_json::from_str(&text) {
            Ok(value) => Ok(Document { text, value }),
            Err(_) => Err(self.nonsense(&text).into()),
        }
    }

    /// The text of a successful response.
    fn read(&self, url: &Url, answer: Result<Answer>) -> Result<String> {
        let Answer { status, body, retry_after, .. } = answer.map_err(|error| Unreachable(format!("{error:#}")))?;
        // A server may echo the token.
        let sent = std::iter::once(&self.token).chain(self.access.iter().map(|(_, secret)| secret));
        let text = String::from_utf8_lossy(&body).into_owned();
        let text = sent.fold(text, |text, secret| text.replace(secret.reveal(), "…"));
        if let Some(waits) = waits(status, &text) {
            bail!(waits);
        }
        if (200..300).contains(&status) {
            return Ok(text);
        }
        let Ok(problem) = serde_json::from_str::<Problem>(&text) else {
            let hint = match status {
                300..400 | 403 => {
                    "; if it is behind Cloudflare Access, set CF_ACCESS_CLIENT_ID and CF_ACCESS_CLIENT_SECRET to a service \
                     token that it admits"
                }
                404 => "; check the authority's address, and that its version has the operations API",
                _ => "",
            };
            let shown: String = plain(&text).chars().take(MAX_EXCERPT).collect();
            bail!(Unreachable(format!("{url} answers with status {status}: {shown:?}{hint}")));
        };
        let detail = clean(&problem.detail);
        match status {
            401 => bail!("{detail} (the token is from {})", self.token_from),
            429 => bail!(
                "{detail}{}",
                retry_after.map_or_else(String::new, |secs| format!(" (retry in {} s)", plain(&secs)))
            ),
            // A failure, not a refusal.
            500.. => bail!(Unreachable(format!("{url} fails (status {status}): {detail}"))),
            _ => bail!("{detail}"),
        }
    }

    fn nonsense(&self, text: &str) -> Unreachable {
        let shown: String = plain(text).chars().take(MAX_EXCERPT).collect();
        Unreachable(format!("{} is not an operations API: it answered {shown:?}", self.base))
    }
}

impl Document {
    /// Reads the JSON as received. Parts of it can be kept byte for byte.
    ///
    /// # Errors
    /// When it has another shape.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.text)
            .map_err(|error| Unreachable(format!("the answer cannot be read: {error}")).into())
    }

    /// The JSON as received, safe for a terminal.
    pub fn json(&self) -> String {
        format!("{}\n", escaped(self.text.trim_end()))
    }

    /// Prints the JSON with --json, else `text`.
    pub fn show(&self, at: &Target, text: impl FnOnce(&Value) -> String) {
        print(&if at.json { self.json() } else { text(&self.value) });
    }
}

impl Listed {
    /// Prints the JSON with --json, else `text` and whether entries were left out.
    pub fn show(&self, at: &Target, text: impl FnOnce(&[Value]) -> String) {
        print(&if at.json { self.document.json() } else { text(&self.items) });
        if self.more && !at.json {
            crate::common::host::say("there are more: --all lists them, --limit N the first N");
        }
    }
}

/// Reads an answer about an action that waits for a second person.
fn waits(status: u16, text: &str) -> Option<Waits> {
    let body = serde_json::from_str::<Value>(text).ok().filter(|_| status == 202)?;
    let id = plain(body.pointer("/approval/id")?.as_str()?);
    let until = plain(body.pointer("/approval/until").and_then(Value::as_str).unwrap_or_default());
    Some(Waits { id, until })
}

/// The query of a page.
pub fn paged<'a>(query: &[(&'a str, String)], cursor: Option<&str>, most: Option<usize>) -> Vec<(&'a str, String)> {
    let mut query = query.to_vec();
    query.push(("limit", most.unwrap_or(MAX_PAGE_SIZE).clamp(1, MAX_PAGE_SIZE).to_string()));
    query.extend(cursor.map(|cursor| ("cursor", cursor.to_owned())));
    query
}

/// Merges pages into one document.
fn joined(member: &str, items: &[Value], next: Option<&String>) -> Document {
    let mut value = json!({ member: items, "next": next });
    if let (Some(object), "certificates") = (value.as_object_mut(), member) {
        object.insert("complete".to_owned(), json!(true));
    }
    Document { text: value.to_string(), value }
}

/// Escapes control characters and invisible ones in JSON, which a terminal would obey.
pub fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            c if c.is_control() || is_invisible(c) => {
                c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
            }
            c => out.push(c),
        }
    }
    out
}
