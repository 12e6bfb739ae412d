//! The one reader of `wrangler.toml`, the Worker's configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::migrations::Migration;
pub use super::migrations::ObjectClass;
use super::route::Route;

/// The BASE_URL of the `wrangler.toml` in the repository: a placeholder.
pub const EXAMPLE_BASE_URL: &str = "https://ca.example.org";

/// The binding and the class that every `wrangler.toml` of a CA has.
const BINDING: &str = "PARTITION";
const CLASS: &str = "Partition";

/// The Worker's configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerConfig {
    file: PathBuf,
    name: Option<String>,
    /// The Cloudflare account; `None` where the file has none.
    pub account: Option<String>,
    /// Whether the Worker also has an address below workers.dev. `None` without such a line.
    pub workers_dev: Option<bool>,
    /// The plain variables by name.
    pub vars: BTreeMap<String, Var>,
    /// The hosts at which Cloudflare runs the Worker, besides workers.dev.
    pub routes: Vec<Route>,
    /// The entry module, relative to the file. Without one `deploy` passes that of the companion.
    pub main: Option<String>,
    /// Whether wrangler runs a command that builds the module.
    pub built: bool,
    /// Cloudflare's cache in front of the Worker.
    pub cache: CacheConfig,
    /// The names of bindings that send e-mails.
    pub mailers: Vec<String>,
    /// The names of bindings to R2 buckets.
    pub buckets: Vec<String>,
    compatibility_date: Option<String>,
    compatibility_flags: Vec<String>,
    objects: Vec<ObjectBinding>,
    classes: Vec<ObjectClass>,
    migrations: Vec<Migration>,
}

/// Cloudflare's cache in front of the Worker's entrypoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheConfig {
    /// Whether it is on for entrypoints without an entry of their own.
    pub enabled: bool,
    /// Whether it is on, by entrypoint.
    pub entrypoints: BTreeMap<String, bool>,
}

impl CacheConfig {
    /// Whether the cache is in front of this entrypoint.
    pub fn before(&self, entrypoint: &str) -> bool {
        self.entrypoints.get(entrypoint).copied().unwrap_or(self.enabled)
    }
}

/// The Worker as workerd runs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Runtime {
    /// The Worker's name.
    pub name: String,
    /// The date whose behaviour of the platform the Worker expects.
    pub compatibility_date: String,
    /// Behaviours of the platform beyond that date.
    pub compatibility_flags: Vec<String>,
    /// The bindings to Durable Object classes.
    pub objects: Vec<ObjectBinding>,
    /// The Durable Object classes that exist after all migrations.
    pub classes: Vec<ObjectClass>,
    /// The plain variables by name.
    pub vars: BTreeMap<String, Var>,
}

/// A binding to a Durable Object class.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ObjectBinding {
    /// The binding's name in `env`.
    pub name: String,
    /// The class.
    pub class_name: String,
}

/// A plain variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Var {
    /// A string.
    Text(String),
    /// Any other TOML value, as the JSON text that the Worker gets.
    Json(String),
}

#[derive(Deserialize)]
struct File {
    name: Option<String>,
    account_id: Option<String>,
    workers_dev: Option<bool>,
    route: Option<Route>,
    #[serde(default)]
    routes: Vec<Route>,
    main: Option<String>,
    build: Option<toml::Value>,
    #[serde(default)]
    cache: CacheTable,
    #[serde(default)]
    exports: BTreeMap<String, Export>,
    compatibility_date: Option<String>,
    #[serde(default)]
    compatibility_flags: Vec<String>,
    #[serde(default)]
    send_email: Vec<Mailer>,
    #[serde(default)]
    r2_buckets: Vec<BucketBinding>,
    #[serde(default)]
    durable_objects: DurableObjects,
    #[serde(default)]
    migrations: Vec<Migration>,
    #[serde(default)]
    vars: BTreeMap<String, toml::Value>,
}

#[derive(Default, Deserialize)]
struct CacheTable {
    #[serde(default)]
    enabled: bool,
}

#[derive(Deserialize)]
struct Export {
    cache: Option<CacheTable>,
}

#[derive(Deserialize)]
struct Mailer {
    name: String,
}

#[derive(Deserialize)]
struct BucketBinding {
    binding: String,
}

#[derive(Default, Deserialize)]
struct DurableObjects {
    #[serde(default)]
    bindings: Vec<ObjectBinding>,
}

impl WorkerConfig {
    /// Reads a `wrangler.toml`.
    ///
    /// # Errors
    /// When the file is missing or malformed.
    pub fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| {
            format!(
                "cannot read {}, the Worker's settings; run this in the folder that has it, pass it with --wrangler, or \
                 start a folder with `selvedge new DIR`",
                file.display()
            )
        })?;
        Self::parse(file, &text)
    }

    /// Parses the text of a `wrangler.toml`.
    ///
    /// # Errors
    /// When the text is malformed.
    pub fn parse(file: &Path, text: &str) -> Result<Self> {
        let read: File = toml::from_str(text).with_context(|| format!("cannot parse {}", file.display()))?;
        let entrypoints = read.exports.into_iter().filter_map(|(name, export)| Some((name, export.cache?.enabled)));
        let vars = read.vars.into_iter().map(|(name, value)| Ok((name, Var::read(value)?)));
        Ok(Self {
            file: file.to_path_buf(),
            name: read.name,
            account: read.account_id,
            workers_dev: read.workers_dev,
            vars: vars.collect::<Result<_>>()?,
            routes: read.route.into_iter().chain(read.routes).collect(),
            main: read.main,
            built: read.build.is_some(),
            cache: CacheConfig { enabled: read.cache.enabled, entrypoints: entrypoints.collect() },
            buckets: read.r2_buckets.into_iter().map(|bucket| bucket.binding).collect(),
            mailers: read.send_email.into_iter().map(|binding| binding.name).collect(),
            compatibility_date: read.compatibility_date,
            compatibility_flags: read.compatibility_flags,
            objects: read.durable_objects.bindings,
            classes: Migration::apply(&read.migrations),
            migrations: read.migrations,
        })
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The Worker's name.
    ///
    /// # Errors
    /// When the file has none.
    pub fn name(&self) -> Result<&str> {
        self.required("name", self.name.as_deref())
    }

    /// Whether it runs this CA's module, by the class that the module exports.
    pub fn is_selvedge(&self) -> bool {
        self.objects.iter().any(|binding| binding.name == BINDING && binding.class_name == CLASS)
    }

    /// Whether its migrations take over the stores of this Worker, and create none.
    pub fn takes_over(&self, worker: &str) -> bool {
        let transfers = |step: &Migration| step.transfers().any(|one| one.to == CLASS && one.from_script == worker);
        self.migrations.iter().any(transfers) && !self.migrations.iter().any(|step| step.creates(CLASS))
    }

    /// Whether its migrations take over the stores of some Worker.
    pub fn is_transferred(&self) -> bool {
        let mut transfers = self.migrations.iter().flat_map(Migration::transfers);
        transfers.any(|one| self.takes_over(&one.from_script))
    }

    /// The migration that takes over the stores of this Worker.
    pub fn transfer(worker: &str) -> String {
        format!(
            "[[migrations]]\ntag = \"v1\"\ntransferred_classes = [{{ from = \"{CLASS}\", from_script = \"{worker}\", to = \
             \"{CLASS}\" }}]"
        )
    }

    /// Whether this compatibility flag is set.
    pub fn has_flag(&self, name: &str) -> bool {
        self.compatibility_flags.iter().any(|flag| flag == name)
    }

    /// A variable as the Worker reads it; `None` where it is unset or empty.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(Var::text).filter(|text| !text.is_empty())
    }

    /// The same configuration without these variables.
    pub fn without(mut self, names: &[String]) -> Self {
        self.vars.retain(|name, _| !names.contains(name));
        self
    }

    /// The Worker as workerd runs it.
    ///
    /// # Errors
    /// When a required member is missing, or a binding names a class that no migration creates.
    pub fn runtime(self) -> Result<Runtime> {
        let known: BTreeSet<&str> = self.classes.iter().map(|class| class.class.as_str()).collect();
        if let Some(binding) = self.objects.iter().find(|binding| !known.contains(binding.class_name.as_str())) {
            bail!(
                "{} binds {} to the Durable Object class {}, which none of its [[migrations]] creates",
                self.file.display(),
                binding.name,
                binding.class_name
            );
        }
        Ok(Runtime {
            name: self.name()?.to_owned(),
            compatibility_date: self.required("compatibility_date", self.compatibility_date.as_deref())?.to_owned(),
            compatibility_flags: self.compatibility_flags,
            objects: self.objects,
            classes: self.classes,
            vars: self.vars,
        })
    }

    fn required<'a>(&self, name: &str, value: Option<&'a str>) -> Result<&'a str> {
        value.with_context(|| format!("{} has no {name}", self.file.display()))
    }
}

impl Var {
    fn read(value: toml::Value) -> Result<Self> {
        Ok(match value {
            toml::Value::String(text) => Self::Text(text),
            other => Self::Json(serde_json::to_string(&other).context("a variable of wrangler.toml has no JSON form")?),
        })
    }

    /// The text that the Worker gets.
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Json(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKER: &str = r#"
name = "selvedge"
main = "build/index.js"
compatibility_date = "2026-10-01"
compatibility_flags = ["global_fetch_strictly_public"]
[build]
command = "cargo run -- build"
[[durable_objects.bindings]]
name = "PARTITION"
class_name = "Partition"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Old", "Gone"]
[[migrations]]
tag = "v2"
renamed_classes = [{ from = "Old", to = "Partition" }]
deleted_classes = ["Gone"]
[vars]
MODE = "production"
LIMITS = { orders = 3, names = ["a"] }
"#;

    fn parse(text: &str) -> WorkerConfig {
        WorkerConfig::parse(Path::new("wrangler.toml"), text).unwrap()
    }

    #[test]
    fn everything_that_the_runtime_needs_is_read() {
        let config = parse(WORKER);
        let read = config.clone().runtime().unwrap();
        assert_eq!((read.name.as_str(), config.main.as_deref()), ("selvedge", Some("build/index.js")));
        assert_eq!(read.compatibility_date, "2026-10-01");
        assert_eq!(read.compatibility_flags, ["global_fetch_strictly_public"]);
        assert_eq!(read.objects, [ObjectBinding { name: "PARTITION".into(), class_name: "Partition".into() }]);
        assert_eq!(config.vars["MODE"], Var::Text("production".into()));
        assert_eq!(config.vars["LIMITS"], Var::Json(r#"{"names":["a"],"orders":3}"#.into()));
    }

    #[test]
    fn renamed_class_keeps_its_storage_and_deleted_one_is_gone() {
        let classes = parse(WORKER).runtime().unwrap().classes;
        assert_eq!(classes, [ObjectClass { class: "Partition".into(), storage: "Old".into(), sqlite: true }]);
    }

    #[test]
    fn transferred_class_is_one_of_another_worker() {
        let created = parse(WORKER);
        assert!(!created.takes_over("old"));
        let (start, end) = (WORKER.find("[[migrations]]").unwrap(), WORKER.find("[vars]").unwrap());
        let block = WorkerConfig::transfer("old");
        let moved = parse(&format!("{}{block}\n{}", &WORKER[..start], &WORKER[end..]));
        assert!(moved.takes_over("old") && !moved.takes_over("other"));
        let classes = moved.runtime().unwrap().classes;
        assert_eq!(classes, [ObjectClass { class: "Partition".into(), storage: "Partition".into(), sqlite: true }]);
        // Cloudflare refuses a transfer to a class that was created before.
        let both = format!("{}{}\n{}", &WORKER[..end], block.replace("v1", "v3"), &WORKER[end..]);
        assert!(!parse(&both).takes_over("old"));
    }

    #[test]
    fn invalid_runtime_is_refused_by_name() {
        let unmade = WORKER.replace("to = \"Partition\"", "to = \"Other\"");
        let said = parse(&unmade).runtime().unwrap_err().to_string();
        assert!(said.contains("binds PARTITION to the Durable Object class Partition"), "{said}");
        let dateless = WORKER.replace("compatibility_date", "other_date");
        let said = format!("{:#}", parse(&dateless).runtime().unwrap_err());
        assert!(said.contains("wrangler.toml") && said.contains("compatibility_date"), "{said}");
        assert_eq!(parse("[vars]\n").name().unwrap_err().to_string(), "wrangler.toml has no name");
    }

    #[test]
    fn variables_are_read_as_the_worker_reads_them() {
        let text = "name = 'ca'\naccount_id = 'abc'\n[vars]\nA = 'x'\nB = { c = [1, true] }\nD = ''\n";
        let config = parse(text);
        assert_eq!((config.name().unwrap(), config.account.as_deref()), ("ca", Some("abc")));
        assert_eq!([config.var("A"), config.var("B"), config.var("D")], [Some("x"), Some(r#"{"c":[1,true]}"#), None]);
    }

    #[test]
    fn missing_file_is_named_with_what_to_do() {
        let said = format!("{:#}", WorkerConfig::read(Path::new("/nowhere/w.toml")).unwrap_err());
        assert!(said.contains("/nowhere/w.toml") && said.contains("--wrangler"), "{said}");
    }
}
