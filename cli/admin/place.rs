//! Where the authority is, and the token for it: what was said, else a running `dev`, else the CA that is deployed.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, test_kill_process};
use serde::Deserialize;
use url::Url;

use super::client::Unreachable;
use crate::files;
use crate::keys::{ADMIN_TOKENS, Tokens, is_token, quoted};
use crate::operate::files::{SecretFile, is_open};
use crate::operate::secret::Secret;
use crate::operate::web;
use crate::operate::worker::Worker;

/// The variable with the authority's URL.
const URL: &str = "SELVEDGE_URL";
/// The variable with the token.
const TOKEN: &str = "SELVEDGE_TOKEN";
/// What stands in `wrangler.toml` until somebody puts an address there.
const EXAMPLE: &str = "https://ca.example.org";

/// Where the authority is, and who asks.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Where the authority is, and who asks")]
pub struct At {
    /// The authority, as https://ca.example.org; or set SELVEDGE_URL. Without it: a `dev` that runs here, else BASE_URL
    /// in wrangler.toml.
    #[arg(long, value_name = "URL", global = true)]
    url: Option<String>,
    /// A file with the admin token; or set SELVEDGE_TOKEN. Without it: the one of `dev`, or the CA's admin.tokens. There is
    /// no option for the token itself: others on this machine can read command lines.
    #[arg(long, value_name = "FILE", global = true)]
    token_file: Option<PathBuf>,
    /// The name of the token to take, where the file has several. It stands in the audit record.
    #[arg(long = "as", value_name = "NAME", global = true)]
    who: Option<String>,
    /// A root certificate to trust for https, in place of those that browsers trust.
    #[arg(long, value_name = "FILE", global = true)]
    root: Option<PathBuf>,
    /// The state folder of `dev` [default: .selvedge].
    #[arg(long, value_name = "DIR", global = true)]
    state: Option<PathBuf>,
    /// The folder of the CA, where its admin.tokens is [default: ca].
    #[arg(long, value_name = "DIR", global = true)]
    ca: Option<PathBuf>,
    /// The Worker's settings [default: wrangler.toml].
    #[arg(long, value_name = "FILE", global = true)]
    wrangler: Option<PathBuf>,
    /// Print the JSON that the authority answers.
    #[arg(long, global = true)]
    pub json: bool,
}

/// An authority, and what opens it.
#[derive(Debug)]
pub struct Found {
    /// Its URL.
    pub base: Url,
    /// The token.
    pub token: Secret,
    /// Where the token is from.
    pub token_from: String,
    /// The root to trust for https.
    pub root: Option<PathBuf>,
}

/// A `dev` that runs here.
#[derive(Debug)]
pub struct DevHere {
    /// Where.
    pub url: String,
    /// The root to trust for https.
    pub root: PathBuf,
    /// The file with its admin token.
    pub token_file: Option<PathBuf>,
}

/// What a running `dev` says of itself in `dev.json`.
#[derive(Debug, Deserialize)]
struct Dev {
    directory: String,
    root: PathBuf,
    admin_token: Option<PathBuf>,
    pid: i32,
}

impl At {
    /// Finds it.
    ///
    /// # Errors
    /// When it is nowhere, or there is no token; with all the ways to say them.
    pub fn find(&self) -> Result<Found> {
        let dev = Dev::running(self.state.as_deref().unwrap_or(Path::new(".selvedge")))?;
        let deployed = self.deployed();
        let said = Self::said(self.url.as_deref());
        let said = said.or_else(|| dev.as_ref().map(|dev| dev.base().to_owned()));
        let base = said.or_else(|| deployed.clone()).ok_or_else(nowhere)?;
        let base = web::safe_url(&base)?;
        let same = |other: &str| Url::parse(other).is_ok_and(|other| other == base);
        let dev = dev.filter(|dev| same(dev.base()));
        let (token, token_from) = match self.given()? {
            Some(given) => given,
            None => match (&dev, &deployed) {
                (Some(dev), _) => token_of(dev.token_file()?, None)?,
                (None, Some(url)) if same(url) => self.of_ca()?.ok_or_else(|| self.no_token(&base))?,
                _ => return Err(self.no_token(&base)),
            },
        };
        let root = self.root.clone().or_else(|| dev.map(|dev| dev.root));
        Ok(Found { base, token, token_from, root })
    }

    /// The URL that was said, as an option or in the environment.
    pub fn said(url: Option<&str>) -> Option<String> {
        url.map(str::to_owned).or_else(|| set(URL))
    }

    /// The `dev` of this state folder, if it runs: for a command that can do without a token.
    ///
    /// # Errors
    /// When what it says of itself cannot be read.
    pub fn dev(state: &Path) -> Result<Option<DevHere>> {
        let here = |dev: Dev| DevHere { url: dev.base().to_owned(), root: dev.root, token_file: dev.admin_token };
        Ok(Dev::running(state)?.map(here))
    }

    /// The token for the authority at `url`, as far as one is at hand: for a command that can do without.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn token_for(token_file: Option<&Path>, url: &str, ca: &Path, wrangler: &Path) -> Result<Option<Secret>> {
        let at = Self {
            token_file: token_file.map(Path::to_path_buf),
            ca: Some(ca.to_path_buf()),
            wrangler: Some(wrangler.to_path_buf()),
            ..Self::default()
        };
        if let Some((token, _)) = at.given()? {
            return Ok(Some(token));
        }
        // The CA's own tokens are for its own Worker, and sent nowhere else.
        let own = at.deployed().is_some_and(|base| base.trim_end_matches('/') == url.trim_end_matches('/'));
        if own { Ok(at.of_ca()?.map(|(token, _)| token)) } else { Ok(None) }
    }

    /// The token that was said to be taken.
    fn given(&self) -> Result<Option<(Secret, String)>> {
        if let Some(file) = &self.token_file {
            return token_of(file, self.who.as_deref()).map(Some);
        }
        let Some(text) = set(TOKEN).map(Secret::new) else { return Ok(None) };
        if !is_token(text.reveal()) {
            bail!("{TOKEN} is no token: 32 or more ASCII characters without spaces");
        }
        Ok(Some((text, TOKEN.to_owned())))
    }

    /// BASE_URL of the Worker's settings.
    fn deployed(&self) -> Option<String> {
        let worker = Worker::read(self.wrangler.as_deref().unwrap_or(Path::new("wrangler.toml"))).ok()?;
        worker.var("BASE_URL").filter(|url| *url != EXAMPLE).map(str::to_owned)
    }

    fn tokens_file(&self) -> PathBuf {
        self.ca.as_deref().unwrap_or(Path::new("ca")).join(ADMIN_TOKENS)
    }

    fn of_ca(&self) -> Result<Option<(Secret, String)>> {
        let file = self.tokens_file();
        if !file.exists() {
            return Ok(None);
        }
        token_of(&file, self.who.as_deref()).map(Some)
    }

    fn no_token(&self, base: &Url) -> anyhow::Error {
        anyhow!(
            "there is no token for {base}. Name a file that has it with --token-file FILE, or set {TOKEN}; for the CA of \
             wrangler.toml it is looked for in {} (`selvedge token new NAME` makes one)",
            self.tokens_file().display()
        )
    }
}

impl Dev {
    /// The `dev` of this state folder, if it runs.
    fn running(state: &Path) -> Result<Option<Self>> {
        let file = state.join("dev.json");
        let Some(text) = files::read(&file)? else { return Ok(None) };
        let dev: Self = serde_json::from_str(&text).with_context(|| format!("{} cannot be read", file.display()))?;
        // One that was killed leaves its file behind.
        let runs = |pid| match test_kill_process(pid) {
            Ok(()) | Err(rustix::io::Errno::PERM) => true,
            Err(_) => false,
        };
        Ok(Pid::from_raw(dev.pid).is_some_and(runs).then_some(dev))
    }

    fn base(&self) -> &str {
        self.directory.strip_suffix("/directory").unwrap_or(&self.directory)
    }

    fn token_file(&self) -> Result<&Path> {
        self.admin_token.as_deref().context("this `dev` is of a version without an admin token; start the present one")
    }
}

/// The token in a file: alone, or one of several by its name.
fn token_of(path: &Path, who: Option<&str>) -> Result<(Secret, String)> {
    let shown = path.display();
    let Some(file) = SecretFile::read(path.to_path_buf())? else { bail!("there is no {shown}") };
    if is_open(file.mode) && path.is_file() {
        bail!(
            "{shown} is open to others than its owner (mode {:03o}). Close it with `chmod 600 {}`; if others use this \
             machine, take the token for stolen",
            file.mode,
            quoted(path)
        );
    }
    let text = file.text.reveal().trim();
    if !text.starts_with('{') {
        if !is_token(text) {
            bail!("{shown} has no token: 32 or more ASCII characters without spaces, and nothing else");
        }
        return Ok((Secret::new(text.to_owned()), shown.to_string()));
    }
    let tokens = Tokens::read(text).with_context(|| format!("{shown} cannot be used"))?;
    let names = tokens.names();
    let name = match (who, names.as_slice()) {
        (Some(who), _) => who,
        (None, [only]) => only,
        (None, all) if all.contains(&"operator") => "operator",
        _ => bail!("{shown} has several tokens; say with --as NAME which one: {}", names.join(", ")),
    };
    let token = tokens.get(name);
    let token = token.with_context(|| format!("{shown} has no token {name:?}; it has: {}", names.join(", ")))?;
    Ok((Secret::new(token.to_owned()), format!("{shown}, {name:?}")))
}

/// A variable of the environment that is not empty.
fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn nowhere() -> anyhow::Error {
    Unreachable(format!(
        "no authority is known. Start one here with `selvedge dev` (its state folder is looked for in .selvedge, or where \
         --state DIR says); or name one with --url URL or {URL}, and its token with --token-file FILE or {TOKEN}; or run \
         this where the wrangler.toml with your BASE_URL and the CA's folder are (--wrangler FILE, --ca DIR)"
    ))
    .into()
}
