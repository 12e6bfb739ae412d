//! What a source names: paths of its crate, methods it defines, methods it calls.

use super::tokens::{Token, after_group, text};
use std::collections::BTreeMap;

/// A path from the root of the crate.
pub type Module = Vec<String>;

/// A call of a method.
pub struct Call {
    pub line: usize,
    /// The type whose `impl` block the call is in.
    pub within: String,
    /// The name before the dot, or the type before `::`.
    pub receiver: String,
    pub method: String,
}

#[derive(Default)]
pub struct File {
    pub module: Module,
    /// Named paths with their lines, without re-exports of the module's own children.
    pub paths: Vec<(usize, Module)>,
    /// What names of the file's scope mean: imports and child modules.
    pub aliases: BTreeMap<String, Module>,
    /// Types and the names of their methods, of inherent `impl` blocks.
    pub methods: Vec<(String, String)>,
    pub calls: Vec<Call>,
}

/// A block that the reader is in: an inline module, or an `impl`.
struct Scope {
    depth: usize,
    module: Option<String>,
    subject: Option<String>,
    inherent: bool,
}

impl File {
    pub fn read(module: &[String], tokens: &[Token]) -> Self {
        let mut file = Self { module: module.to_vec(), ..Self::default() };
        // Imports first: code may precede them in a function.
        for names in [true, false] {
            file.scan(tokens, names);
        }
        file
    }

    /// Goes through the tokens: for imports and child modules, or for all else.
    fn scan(&mut self, tokens: &[Token], imports: bool) {
        let (mut scopes, mut next): (Vec<Scope>, BTreeMap<usize, Scope>) = (Vec::new(), BTreeMap::new());
        let (mut depth, mut at) = (0, 0);
        while at < tokens.len() {
            let before = if at == 0 { "" } else { text(tokens, at - 1) };
            let begins = ["", ";", "}", "]", "{", "pub", ")", "unsafe"].contains(&before);
            let mut module = self.module.clone();
            module.extend(scopes.iter().filter_map(|scope| scope.module.clone()));
            match text(tokens, at) {
                "{" => {
                    scopes.extend(next.remove(&at).map(|scope| Scope { depth, ..scope }));
                    depth += 1;
                }
                "}" => {
                    depth -= 1;
                    scopes.retain(|scope| scope.depth < depth);
                }
                "mod" if text(tokens, at + 2) == "{" => {
                    let module = Some(text(tokens, at + 1).to_owned());
                    next.insert(at + 2, Scope { depth, module, subject: None, inherent: false });
                }
                "mod" if imports && text(tokens, at + 2) == ";" => {
                    let name = text(tokens, at + 1).to_owned();
                    module.push(name.clone());
                    self.aliases.insert(name, module);
                }
                "impl" if begins => {
                    let (open, subject, inherent) = header(tokens, at);
                    next.insert(open, Scope { depth, module: None, subject, inherent });
                }
                "use" if begins => {
                    let end = (at..tokens.len()).find(|n| text(tokens, *n) == ";").unwrap_or(tokens.len());
                    if imports {
                        let public = ["pub", ")"].contains(&before);
                        self.import(&module, &tokens[at + 1..end], public);
                    }
                    at = end;
                }
                "fn" if !imports => {
                    let scope = scopes.last().filter(|scope| scope.inherent && scope.depth + 1 == depth);
                    if let Some(subject) = scope.and_then(|scope| scope.subject.clone()) {
                        self.methods.push((subject, text(tokens, at + 1).to_owned()));
                    }
                }
                _ if !imports => {
                    let within = scopes.iter().rev().find_map(|scope| scope.subject.clone()).unwrap_or_default();
                    at = self.name(&module, &within, tokens, at);
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// Resolves a path of this module to a path from the root of this crate.
    fn resolve(&self, module: &[String], path: &[String]) -> Option<Module> {
        let supers = path.iter().take_while(|name| *name == "super").count();
        let (base, rest) = match path.first()?.as_str() {
            "crate" => (Vec::new(), &path[1..]),
            "self" => (module.to_vec(), &path[1..]),
            "super" => (module[..module.len().saturating_sub(supers)].to_vec(), &path[supers..]),
            name => (self.aliases.get(name)?.clone(), &path[1..]),
        };
        Some([&base, rest].concat())
    }

    /// Notes a statement of `use`, which is `tree`.
    fn import(&mut self, module: &[String], tree: &[Token], public: bool) {
        let mut leaves = Vec::new();
        leaves_of(&[], tree, &mut leaves);
        for (path, name) in leaves {
            let Some(target) = self.resolve(module, &path) else { continue };
            let re_export = public && target.starts_with(module);
            if !re_export {
                self.paths.push((tree[0].line, target.clone()));
            }
            if name != "*" && name != "_" {
                self.aliases.insert(name, target);
            }
        }
    }

    /// Notes a path or a call that begins here, and gives the place after it.
    fn name(&mut self, module: &[String], within: &str, tokens: &[Token], at: usize) -> usize {
        let line = tokens[at].line;
        let is_name = |at: usize| text(tokens, at).starts_with(|c: char| c.is_alphabetic() || c == '_');
        let is_call = |at: usize| ["(", "::"].contains(&text(tokens, at));
        let call = |receiver: &str, method: usize| Call {
            line,
            within: within.to_owned(),
            receiver: receiver.to_owned(),
            method: text(tokens, method).to_owned(),
        };
        if text(tokens, at) == "." && is_name(at + 1) && is_call(at + 2) {
            // `clone().method()` counts as a call of what was cloned.
            let called = at >= 3 && text(tokens, at - 1) == ")" && text(tokens, at - 2) == "(";
            let receiver = at.checked_sub(if called { 3 } else { 1 }).map_or("", |before| text(tokens, before));
            self.calls.push(call(receiver, at + 1));
            return at + 2;
        }
        if !is_name(at) {
            return at + 1;
        }
        let (mut path, mut end) = (vec![text(tokens, at).to_owned()], at + 1);
        while text(tokens, end) == "::" && is_name(end + 1) {
            path.push(text(tokens, end + 1).to_owned());
            end += 2;
        }
        // `pub(in crate::ca)` names no other module.
        let visibility = at > 0 && text(tokens, at - 1) == "in";
        if path.len() > 1 && !visibility {
            if let Some(target) = self.resolve(module, &path) {
                self.paths.push((line, target));
            }
            if text(tokens, end) == "(" {
                self.calls.push(call(&path[path.len() - 2], end - 1));
            }
        }
        end
    }
}

/// Finds the block of an `impl`: its place, its type, whether it is inherent.
fn header(tokens: &[Token], start: usize) -> (usize, Option<String>, bool) {
    let (mut at, mut angles, mut subject, mut inherent) = (start + 1, 0_usize, None, true);
    let mut bounds = false;
    while at < tokens.len() {
        match text(tokens, at) {
            "{" if angles == 0 => break,
            "(" | "[" | "{" => {
                at = after_group(tokens, at);
                continue;
            }
            "<" => angles += 1,
            ">" => angles -= 1,
            "for" if angles == 0 && !bounds => (subject, inherent) = (None, false),
            "where" if angles == 0 => bounds = true,
            name if angles == 0 && !bounds && name.starts_with(char::is_alphabetic) => {
                subject = Some(name.to_owned());
            }
            _ => {}
        }
        at += 1;
    }
    (at, subject, inherent)
}

/// The paths of a tree of `use`, each with the name that it gets.
fn leaves_of(prefix: &[String], tree: &[Token], leaves: &mut Vec<(Module, String)>) {
    let mut path = prefix.to_vec();
    let mut at = 0;
    while at < tree.len() {
        match text(tree, at) {
            "{" => {
                let inner = &tree[at + 1..after_group(tree, at) - 1];
                let mut start = 0;
                for end in 0..=inner.len() {
                    let depth = inner[..end].iter().fold(0_i32, |depth, token| match token.text.as_str() {
                        "{" => depth + 1,
                        "}" => depth - 1,
                        _ => depth,
                    });
                    if end == inner.len() || (depth == 0 && text(inner, end) == ",") {
                        leaves_of(&path, &inner[start..end], leaves);
                        start = end + 1;
                    }
                }
                return;
            }
            "as" => {
                leaves.push((path, text(tree, at + 1).to_owned()));
                return;
            }
            "self" if !path.is_empty() => {}
            "::" => {}
            name => path.push(name.to_owned()),
        }
        at += 1;
    }
    if path.len() > prefix.len() || text(tree, 0) == "self" {
        let name = path.last().cloned().unwrap_or_default();
        leaves.push((path, name));
    }
}
