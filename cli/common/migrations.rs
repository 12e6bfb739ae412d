//! The `[[migrations]]` of `wrangler.toml`: which Durable Object classes exist, and whose stores they have.

use serde::Deserialize;

/// A Durable Object class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectClass {
    /// Its name in the code.
    pub class: String,
    /// The name it was created under, which names its storage. A renamed class keeps its objects.
    pub storage: String,
    /// Whether it has the SQL interface.
    pub sqlite: bool,
}

/// A step of the Durable Object classes of a Worker.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Migration {
    #[serde(default)]
    new_sqlite_classes: Vec<String>,
    #[serde(default)]
    new_classes: Vec<String>,
    #[serde(default)]
    renamed_classes: Vec<Rename>,
    #[serde(default)]
    deleted_classes: Vec<String>,
    #[serde(default)]
    transferred_classes: Vec<Transfer>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Rename {
    from: String,
    to: String,
}

/// A class that takes over the stores of another Worker's class, in the same account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Transfer {
    /// The class of the other Worker.
    pub from: String,
    /// The other Worker.
    pub from_script: String,
    /// The class here.
    pub to: String,
}

impl Migration {
    /// The transfers of this step.
    pub fn transfers(&self) -> impl Iterator<Item = &Transfer> {
        self.transferred_classes.iter()
    }

    /// Whether this step creates or renames a class to this name.
    pub fn creates(&self, class: &str) -> bool {
        let renamed = self.renamed_classes.iter().any(|rename| rename.to == class);
        renamed || self.new_sqlite_classes.iter().chain(&self.new_classes).any(|one| one == class)
    }

    /// Applies all migrations in their order; returns the remaining classes.
    pub fn apply(migrations: &[Self]) -> Vec<ObjectClass> {
        let mut classes: Vec<ObjectClass> = Vec::new();
        for step in migrations {
            let created = |class: &String, sqlite| ObjectClass { class: class.clone(), storage: class.clone(), sqlite };
            classes.extend(step.new_sqlite_classes.iter().map(|class| created(class, true)));
            classes.extend(step.new_classes.iter().map(|class| created(class, false)));
            classes.extend(step.transferred_classes.iter().map(|transfer| created(&transfer.to, true)));
            for Rename { from, to } in &step.renamed_classes {
                classes.iter_mut().filter(|one| one.class == *from).for_each(|one| one.class.clone_from(to));
            }
            classes.retain(|one| !step.deleted_classes.contains(&one.class));
        }
        classes
    }
}
