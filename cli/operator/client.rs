//! The operations API as its client sees it: documents asked for and sent, refusals told in the authority's own words.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::Agent;
use url::Url;

use super::target::{ResolvedTarget, Target};
use crate::common::host::{disable_core_dumps, print};
use crate::common::secret::Secret;
use crate::common::web::{Answer, Unreachable, clean, plain};
use crate::common::{files, web};

/// The most entries of a page.
const MAX_PAGE_SIZE: usize = 200;
/// How many entries are listed when nothing else was said.
pub const DEFAULT_LIMIT: usize = 50;
/// How much of an answer that makes no sense is shown.
const MAX_EXCERPT: usize = 200;

/// The API of an authority.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    base: Url,
    token: Secret,
    token_from: String,
    /// The root that clients have to be told to trust, where it is not a public one.
    pub root: Option<PathBuf>,
}

/// A document that was answered.
#[derive(Debug)]
pub struct Document {
    text: String,
    /// What it says.
    pub value: Value,
}

/// Entries of a list.
#[derive(Debug)]
pub struct Listed {
    /// The entries.
    pub items: Vec<Value>,
    /// Whether there are more.
    pub more: bool,
    document: Document,
}

/// How much of a list is wanted.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Paging {
    /// The most entries to list [default: 50].
    #[arg(long, value_name = "N", value_parser = crate::common::number::range::<u32, 1, 4_294_967_295>)]
    limit: Option<u32>,
    /// List all.
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
}

impl Paging {
    /// How many; `None` for all.
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
    /// The client for the authority that is meant.
    ///
    /// # Errors
    /// When it is no_target, or there is no token for it.
    pub fn open(at: &Target) -> Result<Self> {
        disable_core_dumps()?;
        // Nothing was asked yet, so nothing was refused.
        at.resolve().and_then(Self::new).map_err(|error| Unreachable(format!("{error:#}")).into())
    }

    /// The client for this authority, with this token.
    ///
    /// # Errors
    /// When the root cannot be read.
    pub fn new(found: ResolvedTarget) -> Result<Self> {
        let ResolvedTarget { base, token, token_from, root, address } = found;
        let pem =
            root.as_ref().map(|file| files::read(file)?.with_context(|| format!("there is no {}", file.display())));
        let agent = web::agent(pem.transpose()?.as_deref(), address)?;
        Ok(Self { agent, base, token, token_from, root })
    }

    /// The text of what is there, in this format.
    ///
    /// # Errors
    /// When the authority refuses, or does not answer.
    pub fn text(&self, path: &[&str], query: &[(&str, String)]) -> Result<String> {
        let url = self.url(path, query)?;
        self.read(&url, web::get_as(&self.agent, &url, &self.token))
    }

    /// A document.
    ///
    /// # Errors
    /// When the authority refuses, or does not answer.
    pub fn get(&self, path: &[&str], query: &[(&str, String)]) -> Result<Document> {
        let text = self.text(path, query)?;
        self.document(text)
    }

    /// Sends a document, byte for byte, and gives what is answered.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn send(&self, path: &[&str], query: &[(&str, String)], body: &str) -> Result<Document> {
        let url = self.url(path, query)?;
        let text = self.read(&url, web::post_as(&self.agent, &url, &self.token, body))?;
        self.document(text)
    }

    /// Has something done.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn post(&self, path: &[&str], body: &Value) -> Result<Document> {
        self.send(path, &[], &body.to_string())
    }

    /// The first entries of a list, or all of them, over as many pages as it takes.
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
                    bail!(Unreachable(format!("{} answers with the same page of {path} for ever", self.base)));
                }
                cursor = next;
                continue;
            }
            let document = if pages == 1 { page } else { joined(member, &items, next.as_ref()) };
            return Ok(Listed { items, more: next.is_some(), document });
        }
    }

    /// A page of a list, with this many entries at the most.
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
            bail!("{dots:?} is no name that can be asked for");
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

    /// The text of an answer, if it is what was asked for.
    fn read(&self, url: &Url, answer: Result<Answer>) -> Result<String> {
        let Answer { status, body, retry_after } = answer.map_err(|error| Unreachable(format!("{error:#}")))?;
        // Whoever answers may repeat what was sent.
        let text = String::from_utf8_lossy(&body).replace(self.token.reveal(), "…");
        if (200..300).contains(&status) {
            return Ok(text);
        }
        let Ok(problem) = serde_json::from_str::<Problem>(&text) else {
            let hint = match status {
                300..400 | 403 => {
                    "; if Cloudflare Access stands before it, have that let /admin/v1 pass: a token opens it"
                }
                404 => "; is that the authority's address, and its version one with the operations API?",
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
                retry_after.map_or_else(String::new, |secs| format!(" (again in {} s)", plain(&secs)))
            ),
            // It failed, which is no refusal.
            500.. => bail!(Unreachable(format!("{url} fails (status {status}): {detail}"))),
            _ => bail!("{detail}"),
        }
    }

    fn nonsense(&self, text: &str) -> Unreachable {
        let shown: String = plain(text).chars().take(MAX_EXCERPT).collect();
        Unreachable(format!("{} answers, but not as the operations API does: {shown:?}", self.base))
    }
}

impl Document {
    /// The JSON as it was answered, for a terminal or a program.
    pub fn json(&self) -> String {
        format!("{}\n", escaped(self.text.trim_end()))
    }

    /// Prints the JSON, or a text for people.
    pub fn show(&self, at: &Target, text: impl FnOnce(&Value) -> String) {
        print(&if at.json { self.json() } else { text(&self.value) });
    }
}

impl Listed {
    /// Prints the JSON, or a text for people; says where more was left out.
    pub fn show(&self, at: &Target, text: impl FnOnce(&[Value]) -> String) {
        print(&if at.json { self.document.json() } else { text(&self.items) });
        if self.more && !at.json {
            crate::common::host::say("there are more: --all lists them, --limit N the first N");
        }
    }
}

/// A query for a page.
pub fn paged<'a>(query: &[(&'a str, String)], cursor: Option<&str>, most: Option<usize>) -> Vec<(&'a str, String)> {
    let mut query = query.to_vec();
    query.push(("limit", most.unwrap_or(MAX_PAGE_SIZE).clamp(1, MAX_PAGE_SIZE).to_string()));
    query.extend(cursor.map(|cursor| ("cursor", cursor.to_owned())));
    query
}

/// Several pages as one.
fn joined(member: &str, items: &[Value], next: Option<&String>) -> Document {
    let mut value = json!({ member: items, "next": next });
    if let (Some(object), "certificates") = (value.as_object_mut(), member) {
        object.insert("complete".to_owned(), json!(true));
    }
    Document { text: value.to_string(), value }
}

/// JSON in which no control character stands as itself: a terminal would obey it.
pub fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}
