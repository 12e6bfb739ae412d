//! Edits of `wrangler.toml` in place: comments and order stay.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value, value};
use url::Url;

use super::files::{Readers, Staged};
use super::route::Route;
use super::worker_config::{Var, WorkerConfig};

const VARS: &str = "vars";

/// The configuration with its text, to be changed.
#[derive(Clone, Debug)]
pub struct ConfigEdit {
    config: WorkerConfig,
    document: DocumentMut,
}

impl ConfigEdit {
    /// Reads the file.
    ///
    /// # Errors
    /// When it is missing or not TOML.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = fs::read_to_string(path).with_context(|| {
            format!(
                "cannot read the Worker's settings {shown}; run this in the project's folder, pass them with \
                 --wrangler, or start a folder with `selvedge new DIR`"
            )
        })?;
        let document: DocumentMut = text.parse().with_context(|| format!("{shown} is not valid TOML"))?;
        if document.get(VARS).is_some_and(|vars| vars.as_table_like().is_none()) {
            bail!("vars is not a table in {shown}");
        }
        // A link is followed: the file is replaced, not the link.
        let path = fs::canonicalize(path).with_context(|| format!("cannot find {shown}"))?;
        Ok(Self { config: WorkerConfig::parse(&path, &text)?, document })
    }

    /// The file's name.
    pub fn path(&self) -> &Path {
        self.config.file()
    }

    /// The text of a setting.
    ///
    /// # Errors
    /// When it is set to something else than a text.
    pub fn get(&self, name: &str) -> Result<Option<&str>> {
        match self.config.vars.get(name) {
            None => Ok(None),
            Some(Var::Text(text)) => Ok(Some(text)),
            Some(Var::Json(_)) => bail!("{name} is not a string in {}", self.path().display()),
        }
    }

    /// Refuses when one of these is set: it belongs to another CA.
    ///
    /// # Errors
    /// With the first that is set.
    pub fn refuse_any(&self, names: &[String]) -> Result<()> {
        match names.iter().find(|name| self.config.vars.contains_key(*name)) {
            None => Ok(()),
            Some(name) => bail!(
                "{} already has {name}, from an earlier CA, and nothing was overwritten: for another issuer of that CA \
                 use `selvedge issuer new`, for another CA remove {name} or choose another file with --wrangler",
                self.path().display()
            ),
        }
    }

    /// Sets a setting, with a comment above it where it is new.
    ///
    /// # Errors
    /// When `vars` is not a table.
    pub fn set(&mut self, name: &str, text: &str, comment: &str) -> Result<()> {
        let vars = self.document.entry(VARS).or_insert_with(|| Item::Table(Table::new()));
        let vars = vars.as_table_like_mut().context("vars is not a table")?;
        self.config.vars.insert(name.to_owned(), Var::Text(text.to_owned()));
        if let Some(old) = vars.get_mut(name).and_then(Item::as_value_mut) {
            let decor = old.decor().clone();
            *old = Value::from(text);
            *old.decor_mut() = decor;
            return Ok(());
        }
        vars.insert(name, value(text));
        if let Some(mut key) = vars.key_mut(name) {
            key.leaf_decor_mut().set_prefix(format!("# {comment}\n"));
        }
        Ok(())
    }

    /// Leads the host of `base` to the Worker, by a custom domain.
    ///
    /// A route that does so stays. An address below workers.dev is Cloudflare's own and needs none.
    ///
    /// # Errors
    /// When `base` is not a URL, or `routes` not a list.
    pub fn lead_to_worker(&mut self, base: &str) -> Result<()> {
        let url = Url::parse(base).with_context(|| format!("{base:?} is not a URL"))?;
        let host = url.host_str().unwrap_or_default();
        if host.ends_with(".workers.dev") || self.config.routes.iter().any(|route| route.covers(host)) {
            return Ok(());
        }
        let mut domain = InlineTable::new();
        domain.insert("pattern", host.into());
        domain.insert("custom_domain", true.into());
        let shown = self.config.file().display().to_string();
        let routes = self.document.entry("routes").or_insert_with(|| value(Array::new()));
        let routes = routes.as_array_mut().with_context(|| format!("routes is not a list in {shown}"))?;
        routes.push(domain);
        self.comment(
            "routes",
            "Where the Worker answers: the host of BASE_URL, in a domain of the Cloudflare account.",
        );
        self.config.routes.push(Route { pattern: host.to_owned(), custom_domain: true });
        // Other addresses would answer 421, and are billed.
        for name in ["workers_dev", "preview_urls"] {
            if self.document.get(name).is_none() {
                self.document.insert(name, value(false));
            }
        }
        if self.config.workers_dev.is_none() {
            self.config.workers_dev = Some(false);
        }
        Ok(())
    }

    /// Puts a comment above a new member of the file.
    fn comment(&mut self, name: &str, comment: &str) {
        if let Some(mut key) = self.document.key_mut(name)
            && key.leaf_decor().prefix().is_none()
        {
            key.leaf_decor_mut().set_prefix(format!("# {comment}\n"));
        }
    }

    /// Writes the new text beside the file, after reading it back.
    ///
    /// # Errors
    /// When the text does not read back as what was set, or the system refuses.
    pub fn stage(&self) -> Result<Staged> {
        let text = self.document.to_string();
        if WorkerConfig::parse(self.path(), &text)? != self.config {
            bail!("the changed settings read back with other values");
        }
        let mode = fs::metadata(self.path()).map_or(0o644, |found| found.permissions().mode());
        let readers = if mode & 0o077 == 0 { Readers::Owner } else { Readers::Everyone };
        Staged::write(self.path(), &text, readers)
    }
}
