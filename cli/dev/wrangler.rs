//! What `dev` takes from `wrangler.toml`, so that there is one place that says what the Worker is.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The Worker as its `wrangler.toml` describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Wrangler {
    /// The Worker's name.
    pub name: String,
    /// The compiled entry module, relative to the project.
    pub main: String,
    /// The date whose behaviour of the platform the Worker expects.
    pub compatibility_date: String,
    /// Behaviours of the platform beyond that date.
    pub compatibility_flags: Vec<String>,
    /// The bindings to Durable Object classes.
    pub objects: Vec<ObjectBinding>,
    /// The Durable Object classes that exist once all migrations are made.
    pub classes: Vec<ObjectClass>,
    /// Plain variables.
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

/// A Durable Object class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectClass {
    /// Its name in the code.
    pub class: String,
    /// The name it was created under, by which its storage is found: a renamed class keeps its objects.
    pub storage: String,
    /// Whether it has the SQL interface.
    pub sqlite: bool,
}

/// A plain variable.
#[derive(Clone, Debug, PartialEq)]
pub enum Var {
    /// A string.
    Text(String),
    /// Anything else that TOML can write, which the Worker sees as a value of JSON.
    Json(serde_json::Value),
}

#[derive(Deserialize)]
struct File {
    name: String,
    main: String,
    compatibility_date: String,
    #[serde(default)]
    compatibility_flags: Vec<String>,
    #[serde(default)]
    durable_objects: DurableObjects,
    #[serde(default)]
    migrations: Vec<Migration>,
    #[serde(default)]
    vars: BTreeMap<String, toml::Value>,
}

#[derive(Default, Deserialize)]
struct DurableObjects {
    #[serde(default)]
    bindings: Vec<ObjectBinding>,
}

#[derive(Deserialize)]
struct Migration {
    #[serde(default)]
    new_sqlite_classes: Vec<String>,
    #[serde(default)]
    new_classes: Vec<String>,
    #[serde(default)]
    renamed_classes: Vec<Rename>,
    #[serde(default)]
    deleted_classes: Vec<String>,
}

#[derive(Deserialize)]
struct Rename {
    from: String,
    to: String,
}

impl Wrangler {
    /// Reads the text of a `wrangler.toml`.
    ///
    /// # Errors
    /// When it is no TOML, lacks what every Worker has, or binds a class that no migration creates.
    pub fn parse(text: &str) -> Result<Self> {
        let file: File = toml::from_str(text).context("wrangler.toml cannot be read")?;
        let classes = migrate(&file.migrations);
        let known: BTreeSet<&str> = classes.iter().map(|class| class.class.as_str()).collect();
        for binding in &file.durable_objects.bindings {
            if !known.contains(binding.class_name.as_str()) {
                bail!(
                    "wrangler.toml binds {} to the Durable Object class {}, which none of its [[migrations]] creates",
                    binding.name,
                    binding.class_name
                );
            }
        }
        let vars = file.vars.into_iter().map(|(name, value)| Ok((name, Var::read(value)?)));
        Ok(Self {
            name: file.name,
            main: file.main,
            compatibility_date: file.compatibility_date,
            compatibility_flags: file.compatibility_flags,
            objects: file.durable_objects.bindings,
            classes,
            vars: vars.collect::<Result<_>>()?,
        })
    }
}

impl Wrangler {
    /// The same Worker without these variables.
    pub fn without(mut self, names: &[String]) -> Self {
        self.vars.retain(|name, _| !names.contains(name));
        self
    }
}

impl Var {
    fn read(value: toml::Value) -> Result<Self> {
        Ok(match value {
            toml::Value::String(text) => Self::Text(text),
            other => Self::Json(serde_json::to_value(other).context("a variable of wrangler.toml has no JSON form")?),
        })
    }
}

/// The classes that are left when all migrations are made in their order.
fn migrate(migrations: &[Migration]) -> Vec<ObjectClass> {
    let mut classes: Vec<ObjectClass> = Vec::new();
    for step in migrations {
        let created = |class: &String, sqlite| ObjectClass { class: class.clone(), storage: class.clone(), sqlite };
        classes.extend(step.new_sqlite_classes.iter().map(|class| created(class, true)));
        classes.extend(step.new_classes.iter().map(|class| created(class, false)));
        for Rename { from, to } in &step.renamed_classes {
            classes.iter_mut().filter(|one| one.class == *from).for_each(|one| one.class.clone_from(to));
        }
        classes.retain(|one| !step.deleted_classes.contains(&one.class));
    }
    classes
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

    #[test]
    fn everything_that_the_runtime_needs_is_read() {
        let read = Wrangler::parse(WORKER).unwrap();
        assert_eq!((read.name.as_str(), read.main.as_str()), ("selvedge", "build/index.js"));
        assert_eq!(read.compatibility_date, "2026-10-01");
        assert_eq!(read.compatibility_flags, ["global_fetch_strictly_public"]);
        assert_eq!(read.objects, [ObjectBinding { name: "PARTITION".into(), class_name: "Partition".into() }]);
        assert_eq!(read.vars["MODE"], Var::Text("production".into()));
        assert_eq!(read.vars["LIMITS"], Var::Json(serde_json::json!({"orders": 3, "names": ["a"]})));
    }

    #[test]
    fn a_renamed_class_keeps_its_storage_and_a_deleted_one_is_gone() {
        let classes = Wrangler::parse(WORKER).unwrap().classes;
        assert_eq!(classes, [ObjectClass { class: "Partition".into(), storage: "Old".into(), sqlite: true }]);
    }

    #[test]
    fn what_cannot_run_is_refused_by_name() {
        let unmade = WORKER.replace("to = \"Partition\"", "to = \"Other\"");
        let said = Wrangler::parse(&unmade).unwrap_err().to_string();
        assert!(said.contains("binds PARTITION to the Durable Object class Partition"), "{said}");
        let dateless = WORKER.replace("compatibility_date", "other_date");
        let said = format!("{:#}", Wrangler::parse(&dateless).unwrap_err());
        assert!(said.contains("wrangler.toml") && said.contains("compatibility_date"), "{said}");
    }
}
