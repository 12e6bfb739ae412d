//! The Worker as its `wrangler.toml` describes it, as far as a deployment has to know.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

/// What stands in `wrangler.toml` until somebody puts an address there.
pub const EXAMPLE: &str = "https://ca.example.org";

/// The Worker's settings.
#[derive(Clone, Debug)]
pub struct Worker {
    file: PathBuf,
    /// The Worker's name.
    pub name: String,
    /// The Cloudflare account, where the file names it.
    pub account: Option<String>,
    /// Whether it is reached at its address below workers.dev too, where the file says so or not.
    pub workers_dev: Option<bool>,
    vars: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct File {
    name: String,
    account_id: Option<String>,
    workers_dev: Option<bool>,
    #[serde(default)]
    vars: BTreeMap<String, toml::Value>,
}

impl Worker {
    /// Reads a `wrangler.toml`.
    ///
    /// # Errors
    /// When it is not there, or none.
    pub fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| {
            format!(
                "cannot read {}, the Worker's settings; run this where it is, or name it with --wrangler",
                file.display()
            )
        })?;
        Self::parse(file, &text)
    }

    /// Reads the text of a `wrangler.toml`.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(file: &Path, text: &str) -> Result<Self> {
        let read: File = toml::from_str(text).with_context(|| format!("{} cannot be read", file.display()))?;
        let vars = read.vars.into_iter().map(|(name, value)| Ok((name, as_text(value)?)));
        let vars = vars.collect::<Result<BTreeMap<_, _>>>()?;
        let (name, account, workers_dev) = (read.name, read.account_id, read.workers_dev);
        Ok(Self { file: file.to_path_buf(), name, account, workers_dev, vars })
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// All variables that are set.
    pub fn vars(&self) -> impl Iterator<Item = (&str, &str)> {
        self.vars.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// A variable, as the Worker reads it: `None` where it is not set, or empty.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }
}

/// A variable that is no text reaches the Worker as JSON.
fn as_text(value: toml::Value) -> Result<String> {
    match value {
        toml::Value::String(text) => Ok(text),
        other => serde_json::to_string(&other).context("a variable of wrangler.toml has no JSON form"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_as_the_worker_reads_them() {
        let text = "name = 'ca'\naccount_id = 'abc'\n[vars]\nA = 'x'\nB = { c = [1, true] }\nD = ''\n";
        let worker = Worker::parse(Path::new("w.toml"), text).unwrap();
        assert_eq!((worker.name.as_str(), worker.account.as_deref()), ("ca", Some("abc")));
        assert_eq!([worker.var("A"), worker.var("B"), worker.var("D")], [Some("x"), Some(r#"{"c":[1,true]}"#), None]);
    }

    #[test]
    fn a_file_that_is_not_there_is_named_with_what_to_do() {
        let said = format!("{:#}", Worker::read(Path::new("/nowhere/w.toml")).unwrap_err());
        assert!(said.contains("/nowhere/w.toml") && said.contains("--wrangler"), "{said}");
    }
}
