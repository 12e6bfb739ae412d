//! Where the files of a log are: below a URL, or in a folder.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use selvedge::tlog::tile::Resource;
use serde::{Deserialize, Serialize};
use ureq::Agent;
use url::Url;

use super::alarm::{Alarm, Kind};
use crate::common::files::read_pem;
use crate::common::host::say;
use crate::common::secret::{Secret, SecretFile, is_open};
use crate::common::web::{self, Answer, Unreachable, plain};

/// The file of a folder with what the CA said of the log.
pub const ABOUT: &str = "log.json";

/// Number of requests for one file, where the answer asks to wait.
const TRIES: u32 = 6;
/// Longest wait that an answer may ask for, in seconds.
const LONGEST_WAIT: u64 = 120;

/// Options of all commands about a log: requests and output.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Access {
    /// A root certificate to trust for https, in place of those that browsers trust.
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// A file with an operator's token, for entries that are not public.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

impl Access {
    /// Access to what is public, by this root certificate if there is one.
    pub fn public(root: Option<PathBuf>) -> Self {
        Self { root, ..Self::default() }
    }
}

/// What a CA says of a log.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct About {
    /// Its origin.
    #[serde(default)]
    pub origin: String,
    /// Its URL.
    #[serde(default)]
    pub url: String,
    /// Its keys.
    #[serde(default)]
    pub keys: Vec<String>,
    /// The first entry that is still served.
    #[serde(default)]
    pub least: u64,
}

/// The list of an issuer's logs.
#[derive(Deserialize)]
struct Logs {
    logs: Vec<About>,
}

/// A file of a log, as far as it can be read.
pub enum File {
    /// Its content.
    Found(Vec<u8>),
    /// It is not there.
    Missing,
    /// Only operators may read it.
    Refused,
}

/// The files of a log.
pub enum Source {
    /// Those in a folder.
    Folder(PathBuf),
    /// Those below a URL.
    Web {
        /// The client.
        agent: Agent,
        /// The prefix.
        prefix: Url,
        /// The token for entries.
        token: Option<Secret>,
    },
}

impl Source {
    /// Opens a log by a URL or a path.
    ///
    /// # Errors
    /// When it is a URL that is not https, or neither a URL nor a folder.
    pub fn open(text: &str, access: &Access) -> Result<Self> {
        if !text.contains("://") {
            let folder = PathBuf::from(text);
            if !folder.is_dir() {
                bail!(
                    "{text:?} is neither the URL of a log, as https://ca.example.org/log/ISSUER/ID, nor a folder of one"
                );
            }
            // `copy/` and `./copy` are `copy`, also in the file of what was seen.
            let shorter = folder.strip_prefix(".").unwrap_or(&folder).components().collect::<PathBuf>();
            return Ok(Self::Folder(if shorter.as_os_str().is_empty() { folder } else { shorter }));
        }
        let prefix = web::safe_url(text.trim_end_matches('/'))?;
        let root = access.root.as_deref().map(read_pem).transpose()?;
        let token = access.token_file.clone().map(token).transpose()?;
        Ok(Self::Web { agent: web::agent(root.as_deref(), None)?, prefix, token })
    }

    /// Its name in messages.
    pub fn name(&self) -> String {
        match self {
            Self::Folder(folder) => folder.display().to_string(),
            Self::Web { prefix, .. } => prefix.to_string(),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When the server does not answer, or the folder cannot be read.
    pub fn read(&self, resource: Resource) -> Result<File> {
        let (agent, prefix, token) = match self {
            Self::Folder(folder) => return read_file(folder.join(resource.to_string())),
            Self::Web { agent, prefix, token } => (agent, prefix, token),
        };
        let url = below(prefix, &resource.to_string())?;
        let answer = patiently(|| match (resource, token) {
            (Resource::Entries(_), Some(token)) => web::get_as(agent, &url, token, &[]),
            _ => web::get(agent, &url),
        });
        match answer? {
            Answer { status: 200, body, .. } => Ok(File::Found(body)),
            Answer { status: 404 | 410, .. } => Ok(File::Missing),
            Answer { status: 401 | 403, .. } if matches!(resource, Resource::Entries(_)) => Ok(File::Refused),
            Answer { status, body, .. } => bail!(unexpected(&url, status, &body)),
        }
    }

    /// What the CA says of the log; `None` when it says nothing.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn about(&self) -> Result<Option<About>> {
        let (agent, prefix) = match self {
            Self::Folder(folder) => return about_of(folder.join(ABOUT)),
            Self::Web { agent, prefix, .. } => (agent, prefix),
        };
        let same = |about: &About| Url::parse(&about.url).is_ok_and(|url| url.path() == prefix.path());
        Ok(listed(agent, &parent(prefix)?)?.into_iter().find(same))
    }

    /// What the CA says of the log, or of each log of an issuer.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn all_about(&self) -> Result<Vec<About>> {
        match (self.about()?, self) {
            (Some(about), _) => Ok(vec![about]),
            (None, Self::Web { agent, prefix, .. }) => listed(agent, prefix),
            (None, Self::Folder(_)) => Ok(Vec::new()),
        }
    }

    /// The fault of a place without a log.
    ///
    /// For an issuer it has the URLs of its logs.
    pub fn no_log(&self) -> String {
        let name = self.name();
        match self {
            Self::Folder(_) => format!("{name} has no checkpoint: it is not a folder of a whole `log download`"),
            Self::Web { agent, prefix, .. } => match listed(agent, prefix).unwrap_or_default().as_slice() {
                [] => format!("{name} has no log; give the URL of a log, as https://ca.example.org/log/ISSUER/ID"),
                logs => {
                    let urls: Vec<_> = logs.iter().map(|about| plain(&about.url)).collect();
                    format!("{name} is the URL of an issuer; give that of one of its logs: {}", urls.join(", "))
                }
            },
        }
    }
}

/// The logs that an issuer's list has.
fn listed(agent: &Agent, url: &Url) -> Result<Vec<About>> {
    let Answer { status: 200, body, .. } = patiently(|| web::get(agent, url))? else { return Ok(Vec::new()) };
    Ok(serde_json::from_slice(&body).map_or_else(|_| Vec::new(), |Logs { logs }| logs))
}

/// Fetches the proof of a certificate, which the issuer's logs have by its serial number.
///
/// # Errors
/// When the server does not answer, or has none.
pub fn fetch_proof(text: &str, serial: &str, access: &Access) -> Result<String> {
    let source = Source::open(text, access)?;
    let Source::Web { agent, prefix, .. } = &source else {
        bail!("{text:?} is a folder; a proof is fetched from the URL of a log, or read with --proof FILE");
    };
    let url = below(&parent(prefix)?, &format!("proof/{serial}"))?;
    let Answer { status, body, .. } = patiently(|| web::get(agent, &url))?;
    if status == 404 {
        // Another place than a log has no proof either, which is no alarm.
        if source.about()?.is_none() {
            bail!(source.no_log());
        }
        bail!(Alarm::new(
            Kind::Proof,
            format!("the logs of {url} have no certificate with the serial number {serial}")
        ));
    }
    if status != 200 {
        bail!(unexpected(&url, status, &body));
    }
    String::from_utf8(body).with_context(|| format!("{url} did not answer with a text"))
}

/// Sends a request again when the answer says when.
///
/// A log of many tiles exceeds the limit of requests.
fn patiently(ask: impl Fn() -> Result<Answer>) -> Result<Answer> {
    let mut tries = TRIES;
    loop {
        let answer = ask().map_err(|error| Unreachable(format!("{error:#}")))?;
        let secs = answer.retry_after.as_ref().and_then(|text| text.parse().ok());
        let wait = secs.filter(|secs| matches!(answer.status, 429 | 503) && *secs <= LONGEST_WAIT);
        tries = u32::saturating_sub(tries, 1);
        let Some(secs) = wait.filter(|_| tries > 0) else { return Ok(answer) };
        say(format!("the log's server asks to wait: going on in {secs} s"));
        thread::sleep(Duration::from_secs(secs));
    }
}

fn read_file(path: PathBuf) -> Result<File> {
    match fs::read(&path) {
        Ok(octets) => Ok(File::Found(octets)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(File::Missing),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn about_of(path: PathBuf) -> Result<Option<About>> {
    let name = path.display().to_string();
    match read_file(path)? {
        File::Found(octets) => {
            serde_json::from_slice(&octets).map(Some).with_context(|| format!("{name} is not JSON of a log"))
        }
        _ => Ok(None),
    }
}

/// The URL of a path below another.
fn below(prefix: &Url, path: &str) -> Result<Url> {
    let url = format!("{}/{path}", prefix.as_str().trim_end_matches('/'));
    Url::parse(&url).with_context(|| format!("{url} is not a URL"))
}

/// The URL without the last part of its path: that of an issuer's logs.
fn parent(prefix: &Url) -> Result<Url> {
    let shorter = prefix.as_str().trim_end_matches('/').rsplit_once('/').map(|(parent, _)| parent);
    let shorter = shorter.with_context(|| format!("{prefix} is not the URL of a log, as …/log/ISSUER/ID"))?;
    Url::parse(shorter).with_context(|| format!("{prefix} is not the URL of a log, as …/log/ISSUER/ID"))
}

fn unexpected(url: &Url, status: u16, body: &[u8]) -> Unreachable {
    let shown: String = plain(&String::from_utf8_lossy(body)).chars().take(200).collect();
    Unreachable(format!("{url} answers with status {status}: {shown:?}; check the URL of the log"))
}

/// The only token of a file.
fn token(path: PathBuf) -> Result<Secret> {
    let shown = path.display().to_string();
    let file = SecretFile::read(path)?.with_context(|| format!("{shown} does not exist"))?;
    if is_open(file.mode) {
        bail!("{shown} is accessible to other users (mode {:03o}); run chmod 600 on it", file.mode);
    }
    let text = file.text.reveal().trim();
    if text.is_empty() || text.contains(char::is_whitespace) || text.starts_with('{') {
        bail!("{shown} is not a file with one token and nothing else");
    }
    Ok(Secret::new(text.to_owned()))
}
