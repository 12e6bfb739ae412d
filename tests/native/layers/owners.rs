//! Finds the file of a method whose type has `impl` blocks in several files.

use super::file::{Call, File, Module};
use std::collections::{BTreeMap, BTreeSet};

/// Methods of a type, with the files that define them.
type Methods = BTreeMap<String, BTreeSet<Module>>;

/// Types of a layer.
#[derive(Default)]
struct Types {
    /// Types with methods in several files.
    spread: BTreeMap<String, Methods>,
    /// Methods of all other types.
    others: BTreeSet<String>,
}

/// Methods by layer: calls are resolved within the layer of the caller.
pub struct Owners(BTreeMap<String, Types>);

fn layer(module: &Module) -> String {
    module.first().cloned().unwrap_or_default()
}

/// `LedgerPartition` as a variable is called: `ledger_partition`.
fn snake(name: &str) -> String {
    let mut words = String::new();
    for (n, c) in name.char_indices() {
        if c.is_uppercase() && n > 0 {
            words.push('_');
        }
        words.extend(c.to_lowercase());
    }
    words
}

impl Owners {
    pub fn of<'a>(files: impl Iterator<Item = &'a File>) -> Self {
        let mut layers: BTreeMap<String, BTreeMap<String, Methods>> = BTreeMap::new();
        for file in files {
            for (subject, method) in &file.methods {
                let types = layers.entry(layer(&file.module)).or_default();
                let methods = types.entry(subject.clone()).or_default();
                methods.entry(method.clone()).or_default().insert(file.module.clone());
            }
        }
        let split = |types: BTreeMap<String, Methods>| {
            let is_spread = |methods: &Methods| methods.values().flatten().collect::<BTreeSet<_>>().len() > 1;
            let (spread, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
                types.into_iter().partition(|(_, methods)| is_spread(methods));
            Types { spread, others: others.into_values().flat_map(BTreeMap::into_keys).collect() }
        };
        Self(layers.into_iter().map(|(layer, types)| (layer, split(types))).collect())
    }

    /// The other file with the method that is called.
    pub fn file_of(&self, module: &Module, call: &Call) -> Option<Module> {
        let Types { spread, others } = self.0.get(&layer(module))?;
        let subject = if ["self", "Self"].contains(&call.receiver.as_str()) { &call.within } else { &call.receiver };
        let own = spread.get(subject).and_then(|methods| methods.get(&call.method));
        // Else a variable that is called like a handle, or a handle that `self` derefs to.
        let is_handle = call.receiver == "clone" || spread.keys().any(|name| snake(name) == call.receiver);
        let by_name = is_handle && !others.contains(&call.method);
        let by_deref = call.receiver == "self" && spread.contains_key(&call.within);
        let files: BTreeSet<&Module> = match own {
            Some(files) => files.iter().collect(),
            None if by_name || by_deref => {
                spread.values().filter_map(|methods| methods.get(&call.method)).flatten().collect()
            }
            None => return None,
        };
        // Several files have methods of that name: of which type it is, only the compiler knows.
        files.first().filter(|_| files.len() == 1 && !files.contains(module)).map(|file| (*file).clone())
    }
}
