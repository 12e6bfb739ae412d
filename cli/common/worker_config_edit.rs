//! The Worker's settings in `wrangler.toml`, changed in place: comments and order stay.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use toml_edit::{DocumentMut, Item, Table, TableLike, Value, value};

use super::files::{Readers, Staged};

const VARS: &str = "vars";

/// The file, and what it is to be.
#[derive(Clone, Debug)]
pub struct Settings {
    path: PathBuf,
    document: DocumentMut,
}

impl Settings {
    /// Reads the file.
    ///
    /// # Errors
    /// When it is missing or no TOML.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = fs::read_to_string(path).with_context(|| {
            format!("cannot read the Worker's settings {shown}; run this in the project's folder, or name them with --wrangler")
        })?;
        let document = text.parse().with_context(|| format!("{shown} is no TOML that can be changed"))?;
        // A link is followed: the file is replaced, not the link.
        let path = fs::canonicalize(path).with_context(|| format!("cannot find {shown}"))?;
        let settings = Self { path, document };
        settings.vars()?;
        Ok(settings)
    }

    /// The file's name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn vars(&self) -> Result<Option<&dyn TableLike>> {
        match self.document.get(VARS) {
            None => Ok(None),
            Some(item) => {
                let vars =
                    item.as_table_like().with_context(|| format!("vars is no table in {}", self.path.display()))?;
                Ok(Some(vars))
            }
        }
    }

    /// The text of a setting.
    ///
    /// # Errors
    /// When it is there and no text.
    pub fn get(&self, name: &str) -> Result<Option<&str>> {
        let Some(item) = self.vars()?.and_then(|vars| vars.get(name)) else { return Ok(None) };
        item.as_str().map(Some).with_context(|| format!("{name} is no text in {}", self.path.display()))
    }

    /// Refuses when one of these is set: it is another CA's.
    ///
    /// # Errors
    /// With the first that is.
    pub fn refuse_any(&self, names: &[String]) -> Result<()> {
        let vars = self.vars()?;
        match names.iter().find(|name| vars.is_some_and(|vars| vars.contains_key(name))) {
            None => Ok(()),
            Some(name) => bail!(
                "{} has {name} already, which belongs to a CA that was made before; nothing is overwritten: for another \
                 issuer of that CA use `selvedge issuer new`, for another CA take out {name} or name another file with \
                 --wrangler",
                self.path.display()
            ),
        }
    }

    /// Sets one, with a comment above it where it is new.
    ///
    /// # Errors
    /// When the file has no place for it.
    pub fn set(&mut self, name: &str, text: &str, comment: &str) -> Result<()> {
        let vars = self.document.entry(VARS).or_insert_with(|| Item::Table(Table::new()));
        let vars = vars.as_table_like_mut().context("vars is no table")?;
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

    /// Writes it beside the file, checked once more.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn stage(&self) -> Result<Staged> {
        let text = self.document.to_string();
        let again: DocumentMut = text.parse().context("the changed settings are no TOML")?;
        if again.to_string() != text {
            bail!("the changed settings read otherwise than they were written");
        }
        let mode = fs::metadata(&self.path).map_or(0o644, |found| found.permissions().mode());
        let readers = if mode & 0o077 == 0 { Readers::Owner } else { Readers::Everyone };
        Staged::write(&self.path, &text, readers)
    }
}
