//! The authority that a command addresses, and its token.
//!
//! Explicit options come first, then a running `dev`, then the deployed CA.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use url::Url;

use super::running_dev::RunningDev;
use crate::ceremony::{ADMIN_TOKENS, Tokens, is_token};
use crate::common::ca_paths::CaPaths;
use crate::common::secret::{Secret, SecretFile, is_open};
use crate::common::shell::quoted;
use crate::common::web;
use crate::common::web::Unreachable;
use crate::common::worker_config::{EXAMPLE_BASE_URL, WorkerConfig};

/// The variable with the authority's URL.
const URL: &str = "SELVEDGE_URL";
/// The variable with the token.
const TOKEN: &str = "SELVEDGE_TOKEN";
/// The options that select the authority and the token.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Authority and token")]
pub struct Target {
    /// The authority's URL, as https://ca.example.org, or the variable SELVEDGE_URL. [default: a running `dev`, else
    /// BASE_URL in wrangler.toml]
    #[arg(long, value_name = "URL", global = true)]
    url: Option<String>,
    /// A file with the admin token, or the variable SELVEDGE_TOKEN. [default: that of `dev`, or the CA's admin.tokens]
    /// Tokens are not options: other users of this machine can read command lines.
    #[arg(long, value_name = "FILE", global = true, hide_short_help = true)]
    token_file: Option<PathBuf>,
    /// The name of the token, where the file has several. The audit record has this name.
    #[arg(long = "as", value_name = "NAME", global = true, hide_short_help = true)]
    who: Option<String>,
    /// A root certificate to trust for https, in place of those that browsers trust.
    #[arg(long, value_name = "FILE", global = true, hide_short_help = true)]
    root: Option<PathBuf>,
    /// Connect to this address, whatever DNS says of the URL's host. For a CA whose DNS record leads elsewhere yet.
    #[arg(long, value_name = "ADDRESS:PORT", global = true, hide_short_help = true)]
    connect: Option<SocketAddr>,
    /// The state folder of `dev` [default: .selvedge].
    #[arg(long, value_name = "DIR", global = true, hide_short_help = true)]
    state: Option<PathBuf>,
    /// The folder of the CA, where its admin.tokens is [default: ca].
    #[arg(long, value_name = "DIR", global = true, hide_short_help = true)]
    ca: Option<PathBuf>,
    /// The Worker's settings [default: wrangler.toml].
    #[arg(long, value_name = "FILE", global = true, hide_short_help = true)]
    wrangler: Option<PathBuf>,
    /// Print the authority's JSON response.
    #[arg(long, global = true)]
    pub json: bool,
}

/// An authority with a token for it.
#[derive(Debug)]
pub struct ResolvedTarget {
    /// Its URL.
    pub base: Url,
    /// The token.
    pub token: Secret,
    /// The source of the token, for messages.
    pub token_from: String,
    /// The root to trust for https.
    pub root: Option<PathBuf>,
    /// The address to connect to, where known without DNS.
    pub address: Option<SocketAddr>,
}

/// An authority whose URL is known, with the sources of a token for it.
#[derive(Clone, Copy, Debug)]
pub struct KnownTarget<'a> {
    /// The authority's URL.
    pub url: &'a str,
    /// Whether the URL was given explicitly, not found.
    pub explicit_url: bool,
    /// The file of `--token-file`.
    pub token_file: Option<&'a Path>,
    /// The CA's folder and the Worker's settings.
    pub paths: &'a CaPaths,
}

impl Target {
    /// Resolves the options to an authority and a token.
    ///
    /// # Errors
    /// When no authority or no token is known; the message lists all ways to give them.
    pub fn resolve(&self) -> Result<ResolvedTarget> {
        let said = Self::given_url(self.url.as_deref());
        let dev = match RunningDev::running(self.state.as_deref().unwrap_or(Path::new(".selvedge"))) {
            // An explicit URL takes precedence.
            Err(_) if said.is_some() => None,
            found => found?,
        };
        let (deployed, given) = (self.deployed(), self.explicit_token(said.is_some())?);
        let base = said.or_else(|| dev.as_ref().map(|dev| dev.url.clone()));
        let base = base.or_else(|| deployed.clone()).ok_or_else(no_target)?;
        let base = web::safe_url(&base)?;
        let same = |other: &str| Url::parse(other).is_ok_and(|other| other == base);
        let dev = dev.filter(|dev| same(&dev.url));
        let (token, token_from) = match given {
            Some(given) => given,
            None => match (&dev, &deployed) {
                (Some(dev), _) => token_of(&dev.token_file, None)?,
                (None, Some(url)) if same(url) => self.of_ca()?.ok_or_else(|| self.no_token(&base))?,
                _ => return Err(self.no_token(&base)),
            },
        };
        let address = self.connect.or_else(|| dev.as_ref().and_then(|dev| dev.address));
        let root = self.root.clone().or_else(|| dev.map(|dev| dev.root));
        Ok(ResolvedTarget { base, token, token_from, root, address })
    }

    /// The explicit URL, from the option or the environment.
    pub fn given_url(url: Option<&str>) -> Option<String> {
        url.map(str::to_owned).or_else(|| set(URL))
    }

    /// The token for a known authority. `None` without one, for commands that need no token.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn token_for(known: &KnownTarget<'_>) -> Result<Option<Secret>> {
        let at = Self {
            token_file: known.token_file.map(Path::to_path_buf),
            ca: Some(known.paths.ca.clone()),
            wrangler: Some(known.paths.wrangler.clone()),
            ..Self::default()
        };
        if let Some((token, _)) = at.explicit_token(known.explicit_url)? {
            return Ok(Some(token));
        }
        // The CA's own tokens are for its own Worker, and sent nowhere else.
        let own = at.deployed().is_some_and(|base| base.trim_end_matches('/') == known.url.trim_end_matches('/'));
        if own { Ok(at.of_ca()?.map(|(token, _)| token)) } else { Ok(None) }
    }

    /// The explicit token. The environment's is sent only to an `explicit_url`, never to an authority that was found.
    fn explicit_token(&self, explicit_url: bool) -> Result<Option<(Secret, String)>> {
        if let Some(file) = &self.token_file {
            return token_of(file, self.who.as_deref()).map(Some);
        }
        let Some(text) = set(TOKEN).filter(|_| explicit_url).map(Secret::new) else { return Ok(None) };
        if !is_token(text.reveal()) {
            bail!("{TOKEN} is not a token: 32 or more ASCII characters without spaces");
        }
        Ok(Some((text, TOKEN.to_owned())))
    }

    /// BASE_URL of the Worker's settings.
    fn deployed(&self) -> Option<String> {
        let config = WorkerConfig::read(self.wrangler.as_deref().unwrap_or(Path::new("wrangler.toml"))).ok()?;
        config.var("BASE_URL").filter(|url| *url != EXAMPLE_BASE_URL).map(str::to_owned)
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
            "no token is known for {base}. Pass its file with --token-file FILE, or set {TOKEN} together with {URL} \
             (or --url); for the CA of wrangler.toml it is read from {} (`selvedge token new NAME` creates one)",
            self.tokens_file().display()
        )
    }
}

/// The token in a file: the only content, or one of several by its name.
pub fn token_of(path: &Path, who: Option<&str>) -> Result<(Secret, String)> {
    let shown = path.display();
    let Some(file) = SecretFile::read(path.to_path_buf())? else { bail!("{shown} does not exist") };
    if is_open(file.mode) && path.is_file() {
        bail!(
            "{shown} is accessible to other users (mode {:03o}). Run `chmod 600 {}`; if others use this machine, consider \
             the token stolen",
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
        _ => bail!("{shown} has several tokens; choose one with --as NAME: {}", names.join(", ")),
    };
    let token = tokens.get(name);
    let token = token.with_context(|| format!("{shown} has no token {name:?}; it has: {}", names.join(", ")))?;
    Ok((Secret::new(token.to_owned()), format!("{shown}, {name:?}")))
}

/// A variable of the environment that is not empty.
fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// The error that no authority is known, with all ways to give one.
pub fn no_target() -> anyhow::Error {
    Unreachable(format!(
        "no authority is known. Start one here with `selvedge dev` (its state folder is .selvedge, or --state DIR); or \
         select one with --url URL or {URL}, and its token with --token-file FILE or {TOKEN}; or run this in the \
         folder of the \
         wrangler.toml with your BASE_URL and of the CA (--wrangler FILE, --ca DIR)"
    ))
    .into()
}
