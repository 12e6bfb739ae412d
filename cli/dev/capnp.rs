//! The configuration that workerd is started with, as Cap'n Proto text.
//!
//! The schema is `workerd.capnp` of the workerd package.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::wrangler::{Var, Wrangler};

/// The socket's name, by which workerd is handed the listening socket that is open already.
pub const SOCKET: &str = "acme";
/// The name of the socket of plain HTTP.
pub const PLAIN: &str = "status";

/// A module of the Worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// The name that other modules import it by; the first module is the entry.
    pub name: String,
    /// What it is.
    pub kind: ModuleKind,
    /// Where it lies.
    pub path: PathBuf,
}

/// What a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleKind {
    /// An ES module.
    Es,
    /// Compiled WebAssembly.
    Wasm,
}

/// A value that the Worker finds in its `env`.
#[derive(Clone, Debug, PartialEq)]
pub enum Binding {
    /// A variable.
    Var(Var),
    /// The text of a file, read when workerd starts: secrets stay out of the configuration.
    File(PathBuf),
    /// The private key in a file (PKCS#8 PEM), for this algorithm of WebCrypto (JSON): what a `secret_key` binding is on
    /// Cloudflare. The Worker has it sign, and can never read it.
    Key(PathBuf, String),
}

/// The certificate that the socket presents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keypair {
    /// The PEM file of the private key.
    pub key: PathBuf,
    /// The PEM file of the chain, leaf first.
    pub chain: PathBuf,
}

/// A Worker as it is to be served.
pub struct Served<'a> {
    /// What `wrangler.toml` says.
    pub wrangler: &'a Wrangler,
    /// Its modules, the entry first.
    pub modules: &'a [Module],
    /// Bindings over and above those of `wrangler.toml`; of the same name they replace them.
    pub bindings: &'a BTreeMap<String, Binding>,
    /// The folder of the Durable Objects' databases.
    pub objects: &'a Path,
    /// The certificate; plain HTTP without one.
    pub keypair: Option<&'a Keypair>,
    /// Whether there is a second socket, [`PLAIN`], that speaks plain HTTP.
    pub plain: bool,
}

impl Served<'_> {
    /// The text of the configuration; all paths in it are absolute, for workerd's `--import-path /`.
    ///
    /// # Errors
    /// When a path is not UTF-8, which the configuration cannot express.
    pub fn config(&self) -> Result<String> {
        let mut out = String::from("# Written by `selvedge dev` at each start; changes to it are lost.\n");
        out.push_str("using Workerd = import \"/workerd/workerd.capnp\";\n\n");
        out.push_str("const config :Workerd.Config = (\n  services = [\n    (name = \"worker\", worker = (\n");
        self.worker(&mut out)?;
        out.push_str("    )),\n");
        line(&mut out, &format!("(name = \"objects\", disk = (path = {}, writable = true)),", path(self.objects)?));
        line(
            &mut out,
            "(name = \"internet\", network = (allow = [\"public\", \"private\"], \
             tlsOptions = (trustBrowserCas = true))),",
        );
        let protocol = match self.keypair {
            None => "http = ()".to_owned(),
            Some(pair) => format!(
                "https = (options = (), tlsOptions = (keypair = (privateKey = {}, certificateChain = {})))",
                embed(&pair.key)?,
                embed(&pair.chain)?
            ),
        };
        let plain = if self.plain {
            format!(",\n    (name = \"{PLAIN}\", http = (), service = \"worker\")")
        } else {
            String::new()
        };
        let _ = writeln!(out, "  ],\n  sockets = [(name = \"{SOCKET}\", {protocol}, service = \"worker\"){plain}]\n);");
        Ok(out)
    }

    fn worker(&self, out: &mut String) -> Result<()> {
        let modules = self.modules.iter().map(|module| {
            let kind = match module.kind {
                ModuleKind::Es => "esModule",
                ModuleKind::Wasm => "wasm",
            };
            Ok(format!("(name = {}, {kind} = {})", text(&module.name), embed(&module.path)?))
        });
        list(out, "modules", modules.collect::<Result<_>>()?);
        field(out, "compatibilityDate", &text(&self.wrangler.compatibility_date));
        field(out, "compatibilityFlags", &format!("[{}]", comma(self.wrangler.compatibility_flags.iter().map(text))));
        list(out, "bindings", self.all_bindings()?);
        let namespaces = self.wrangler.classes.iter().map(|class| {
            let key = text(format!("{}-{}", self.wrangler.name, class.storage));
            format!("(className = {}, uniqueKey = {key}, enableSql = {})", text(&class.class), class.sqlite)
        });
        list(out, "durableObjectNamespaces", namespaces.collect());
        field(out, "durableObjectStorage", "(localDisk = \"objects\")");
        Ok(())
    }

    fn all_bindings(&self) -> Result<Vec<String>> {
        let vars = self.wrangler.vars.iter().map(|(name, var)| (name.clone(), Binding::Var(var.clone())));
        let mut all: BTreeMap<String, Binding> = vars.collect();
        all.extend(self.bindings.clone());
        let plain = all.iter().map(|(name, binding)| {
            let value = match binding {
                Binding::Var(Var::Text(value)) => format!("text = {}", text(value)),
                Binding::Var(Var::Json(value)) => format!("json = {}", text(value.to_string())),
                Binding::File(file) => format!("text = {}", embed(file)?),
                Binding::Key(file, algorithm) => format!(
                    "cryptoKey = (pkcs8 = {}, algorithm = (json = {}), usages = [sign])",
                    embed(file)?,
                    text(algorithm)
                ),
            };
            Ok(format!("(name = {}, {value})", text(name)))
        });
        let objects = self.wrangler.objects.iter().map(|binding| {
            let (name, class) = (text(&binding.name), text(&binding.class_name));
            Ok(format!("(name = {name}, durableObjectNamespace = {class})"))
        });
        plain.chain(objects).collect()
    }
}

fn line(out: &mut String, content: &str) {
    let _ = writeln!(out, "    {content}");
}

fn field(out: &mut String, name: &str, value: &str) {
    let _ = writeln!(out, "      {name} = {value},");
}

fn list(out: &mut String, name: &str, items: Vec<String>) {
    let _ = writeln!(out, "      {name} = [");
    for item in items {
        let _ = writeln!(out, "        {item},");
    }
    out.push_str("      ],\n");
}

fn comma(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn embed(file: &Path) -> Result<String> {
    Ok(format!("embed {}", path(file)?))
}

fn path(path: &Path) -> Result<String> {
    let absolute = std::path::absolute(path).with_context(|| format!("cannot make {} absolute", path.display()))?;
    let utf8 = absolute.to_str();
    utf8.map(text).with_context(|| format!("the path {} is not UTF-8, which workerd cannot read", absolute.display()))
}

/// A string literal.
fn text(value: impl AsRef<str>) -> String {
    let mut out = String::from('"');
    for c in value.as_ref().chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_ascii_control() => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
