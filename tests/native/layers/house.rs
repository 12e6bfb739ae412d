//! The rules of a folder of rooms, and what breaks them.

use super::file::{File, Module};
use super::owners::Owners;
use super::tokens::{production, tokens};
use std::collections::{BTreeMap, BTreeSet};

/// A room and the rooms that it may use.
pub type Room = (&'static str, &'static [&'static str]);

/// A folder whose folders are rooms.
pub struct House {
    /// The folder, from the root of the package.
    pub folder: &'static str,
    pub rooms: &'static [Room],
    /// Folders that hold test support and may use everything.
    pub support: &'static [&'static str],
    /// Tests beside the code keep to the arrows, too.
    pub with_tests: bool,
}

/// A crate: its root folder and the texts of its sources by path.
pub struct Crate {
    pub root: &'static str,
    pub sources: BTreeMap<String, String>,
}

/// The module of a source at this path below the crate's root.
fn module_of(path: &str) -> Module {
    let mut module: Module = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|name| name == "mod") || ["lib", "main"].contains(&module.join("/").as_str()) {
        module.pop();
    }
    module
}

/// All files of a crate, by module.
pub struct Files {
    files: BTreeMap<Module, (String, File)>,
    owners: Owners,
}

impl Files {
    pub fn read(krate: &Crate, with_tests: bool) -> Self {
        let mut files = BTreeMap::new();
        let mut tests: Vec<Module> = Vec::new();
        for (path, source) in &krate.sources {
            let module = module_of(path);
            let all = tokens(source);
            let (production, of_tests) = production(&all);
            tests.extend(of_tests.into_iter().map(|name| [&module[..], &[name]].concat()));
            let file = File::read(&module, if with_tests { &all } else { &production });
            files.insert(module, (format!("{}/{path}", krate.root), file));
        }
        if !with_tests {
            files.retain(|module, _| !tests.iter().any(|tests| module.starts_with(tests)));
        }
        let owners = Owners::of(files.values().map(|(_, file)| file));
        Self { files, owners }
    }

    /// Finds the file that defines a path, and the rest of the path there.
    fn defined(&self, path: &[String], steps: usize) -> Module {
        let known = (0..=path.len()).rev().find(|n| self.files.contains_key(&path[..*n])).unwrap_or(0);
        let alias = path.get(known).and_then(|name| self.files.get(&path[..known])?.1.aliases.get(name));
        match alias {
            Some(alias) if steps > 0 && *alias != path => {
                self.defined(&[alias, &path[(known + 1).min(path.len())..]].concat(), steps - 1)
            }
            _ => path.to_vec(),
        }
    }

    /// The file that a path leads to.
    fn file_of(&self, path: &[String]) -> Option<Module> {
        let path = self.defined(path, 8);
        (1..=path.len()).rev().map(|n| path[..n].to_vec()).find(|module| self.files.contains_key(module))
    }

    /// The arrows from a file: line, path or method, and target file.
    fn arrows(&self, file: &File) -> Vec<(usize, String, Module)> {
        let paths = file.paths.iter().filter_map(|(line, path)| Some((*line, path.join("::"), self.file_of(path)?)));
        let calls = file.calls.iter().filter_map(|call| {
            Some((call.line, format!("{}.{}()", call.receiver, call.method), self.owners.file_of(&file.module, call)?))
        });
        paths.chain(calls).filter(|(_, _, target)| *target != file.module).collect()
    }
}

impl House {
    /// The room of a module, unless the file is the own `mod.rs` of the house.
    fn room<'a>(&self, base: &[String], module: &'a [String]) -> Option<&'a str> {
        module.strip_prefix(base)?.first().map(String::as_str)
    }

    /// What breaks the rules of this house in its crate.
    pub fn violations(&self, krate: &Crate) -> Vec<String> {
        let base: Module = self
            .folder
            .strip_prefix(krate.root)
            .unwrap()
            .split('/')
            .filter(|n| !n.is_empty())
            .map(str::to_owned)
            .collect();
        let all = Files::read(krate, self.with_tests);
        let mut found = Vec::new();
        for (module, (path, file)) in &all.files {
            let Some(room) = self.room(&base, module).filter(|room| !self.support.contains(room)) else { continue };
            let in_folder = path.trim_start_matches(self.folder).matches('/').count() > 1;
            let Some((_, allowed)) = self.rooms.iter().find(|(name, _)| *name == room && in_folder) else {
                found.push(format!("{path}: is in no room of {}", self.folder));
                continue;
            };
            let literal = file.paths.iter().map(|(line, path)| (*line, path.join("::"), path.clone()));
            for (line, what, target) in all.arrows(file).into_iter().chain(literal) {
                // A re-export of the house's own `mod.rs` is in the room that defines it.
                let target = all.defined(&target, 8);
                let Some(used) = self.room(&base, &target).filter(|used| *used != room && *used != "*") else {
                    continue;
                };
                let is_module = all.files.contains_key(&target[..=base.len()]);
                if is_module && !allowed.contains(&used) {
                    found.push(format!("{path}:{line}: {room} may not use {used}: {what}"));
                }
            }
        }
        found.sort();
        found.dedup();
        found
    }

    /// Arrows of the table that lead to a room which is not below.
    pub fn upward(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (at, (room, allowed)) in self.rooms.iter().enumerate() {
            let below: Vec<&str> = self.rooms[at + 1..].iter().map(|(name, _)| *name).collect();
            found.extend(allowed.iter().filter(|used| !below.contains(used)).map(|used| format!("{room} -> {used}")));
        }
        found
    }
}

/// The arrows of circles between files.
pub fn circles(krate: &Crate) -> Vec<String> {
    let all = Files::read(krate, false);
    let mut arrows: BTreeMap<(Module, Module), String> = BTreeMap::new();
    for (module, (path, file)) in &all.files {
        for (line, what, target) in all.arrows(file) {
            let to = &all.files[&target].0;
            arrows.insert((module.clone(), target), format!("{path}:{line} -> {to}: {what}"));
        }
    }
    let reached: BTreeMap<&Module, BTreeSet<&Module>> =
        all.files.keys().map(|module| (module, reached_from(module, &arrows))).collect();
    let in_circle = |(from, to): &(Module, Module)| reached[to].contains(from);
    arrows.iter().filter(|(ends, _)| in_circle(ends)).map(|(_, text)| text.clone()).collect()
}

/// The modules that arrows lead to from this one, over any number of steps.
fn reached_from<'a>(start: &Module, arrows: &'a BTreeMap<(Module, Module), String>) -> BTreeSet<&'a Module> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![start]);
    while let Some(module) = open.pop() {
        let next = arrows.range((module.clone(), Module::new())..).take_while(|((from, _), _)| from == module);
        for ((_, to), _) in next {
            if reached.insert(to) {
                open.push(to);
            }
        }
    }
    reached
}
