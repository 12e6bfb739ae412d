//! The Worker's configuration that a new folder gets: `wrangler.toml` of the repository without its build.

use anyhow::{Context, Result};
use toml_edit::{DocumentMut, Item, Table, value};

/// The file in the repository.
const REPOSITORY: &str = include_str!("../../wrangler.toml");

/// The Worker's name in the repository's file.
pub const WORKER: &str = "selvedge";

/// The text of a new `wrangler.toml` for a Worker of this name.
///
/// It names no module: `deploy` and `dev` have one. So an update of the companion updates the Worker, too.
///
/// # Errors
/// When the repository's file is not TOML.
pub fn wrangler_toml(worker: &str) -> Result<String> {
    // By paragraphs: the comments before a table would go with it.
    let kept: Vec<&str> = REPOSITORY.split("\n\n").filter(|part| !part.contains("\n[build]\n")).collect();
    let text = kept.join("\n\n");
    let mut document: DocumentMut = text.parse().context("the companion's own wrangler.toml is malformed")?;
    document.remove("main");
    let text = document.to_string().replace("cargo run -- ", "selvedge ");
    Ok(text
        .replace(&format!("name = \"{WORKER}\""), &format!("name = \"{worker}\""))
        .replace(&format!("https://{WORKER}."), &format!("https://{worker}.")))
}

/// The text of a `wrangler.toml` for a witness with this name and these variables.
///
/// # Errors
/// When the repository's file is not TOML.
pub fn witness_toml(worker: &str, vars: &[(&str, &str)]) -> Result<String> {
    let document: DocumentMut = REPOSITORY.parse().context("the companion's own wrangler.toml is malformed")?;
    let mut out = DocumentMut::new();
    out.insert("name", value(worker));
    for name in ["compatibility_date", "compatibility_flags", "durable_objects", "migrations", "observability"] {
        let mut item =
            document.get(name).with_context(|| format!("the companion's own wrangler.toml has no {name}"))?.clone();
        if let Some(value) = item.as_value_mut() {
            value.decor_mut().clear();
        }
        out.insert(name, item);
    }
    let mut table = Table::new();
    for (name, text) in vars {
        table.insert(name, value(*text));
    }
    out.insert("vars", Item::Table(table));
    Ok(out.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::worker_config::WorkerConfig;
    use std::path::Path;

    #[test]
    fn new_configuration_is_the_repositorys_without_its_build() {
        let text = wrangler_toml(WORKER).unwrap();
        let read = |text: &str| WorkerConfig::parse(Path::new("wrangler.toml"), text).unwrap();
        let (new, repository) = (read(&text), read(REPOSITORY));
        assert_eq!((new.main.as_deref(), repository.main.as_deref()), (None, Some("build/index.js")));
        assert_eq!(new.runtime().unwrap(), repository.runtime().unwrap());
        for absent in ["[build]", "cargo", "build/", "Wrangler runs this"] {
            assert!(!text.contains(absent), "{absent}: {text}");
        }
        assert!(text.contains("# routes = [") && text.contains("[observability.logs]"), "{text}");
        let named = wrangler_toml("ca-staging").unwrap();
        assert_eq!(read(&named).name().unwrap(), "ca-staging");
        assert!(named.contains("https://ca-staging.<your-subdomain>.workers.dev"), "{named}");
        assert!(text.contains("`selvedge init` makes the authority's keys"), "{text}");
    }
}
