//! The configuration of workerd, as Cap'n Proto text.
//!
//! The schema is `workerd.capnp` of the workerd package.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustls_native_certs::load_native_certs;
use selvedge::validation::guard::classify;
use url::{Host, Url};

use crate::common::host::say;
use crate::common::worker_config::{Runtime, Var};

/// The name of the main socket, which workerd inherits.
pub const SOCKET: &str = "acme";
/// The name of the socket of plain HTTP.
pub const PLAIN: &str = "status";

/// A module of the Worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// The name that other modules import it by; the first module is the entry.
    pub name: String,
    /// The kind.
    pub kind: ModuleKind,
    /// The file.
    pub path: PathBuf,
}

/// The kind of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleKind {
    /// An ES module.
    Es,
    /// Compiled WebAssembly.
    Wasm,
}

/// A value in the Worker's `env`.
#[derive(Clone, Debug, PartialEq)]
pub enum Binding {
    /// A variable.
    Var(Var),
    /// The text of a file, read when workerd starts: secrets stay out of the configuration.
    File(PathBuf),
    /// The private key in a file (PKCS#8 PEM) with its WebCrypto algorithm (JSON), non-extractable like Cloudflare's
    /// `secret_key`.
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

/// A Worker to be served.
pub struct Served<'a> {
    /// The Worker of `wrangler.toml`.
    pub worker: &'a Runtime,
    /// Its modules, the entry first.
    pub modules: &'a [Module],
    /// Bindings that add to those of `wrangler.toml` or replace them.
    pub bindings: &'a BTreeMap<String, Binding>,
    /// The folder of the Durable Objects' databases.
    pub objects: &'a Path,
    /// The command that writes the configuration.
    pub written_by: &'a str,
    /// The certificate; plain HTTP without one.
    pub keypair: Option<&'a Keypair>,
    /// The header with the client's scheme, of a server that ends TLS before workerd.
    pub scheme_header: Option<&'a str>,
    /// Whether there is a second socket, [`PLAIN`], that speaks plain HTTP.
    pub plain: bool,
}

/// The variable that permits private addresses, for validation and for the network.
const ALLOW_PRIVATE: &str = "ALLOW_PRIVATE";

/// The variable with the resolver's URL, and the binding for it.
///
/// The binding is for a resolver outside the permitted network.
const RESOLVER: (&str, &str) = ("RESOLVER_URL", "RESOLVER_SERVICE");

/// The TLS options of requests by https: with the system's certificates if there are any.
///
/// workerd looks for them in the same places. With `trustBrowserCas` it does not start on a system without, such as a
/// minimal image.
fn trust() -> &'static str {
    if load_native_certs().certs.is_empty() {
        say(
            "this system has no CA certificates, so requests by https (webhooks, resolvers) fail: install ca-certificates, \
             or name a PEM file in SSL_CERT_FILE",
        );
        return "tlsOptions = ()";
    }
    "tlsOptions = (trustBrowserCas = true)"
}

impl Served<'_> {
    /// The text of the configuration; all paths in it are absolute, for workerd's `--import-path /`.
    ///
    /// # Errors
    /// When a path is not UTF-8, which the configuration cannot express.
    pub fn config(&self) -> Result<String> {
        let mut out = format!("# Written by `selvedge {}` at each start; changes to it are lost.\n", self.written_by);
        out.push_str("using Workerd = import \"/workerd/workerd.capnp\";\n\n");
        out.push_str("const config :Workerd.Config = (\n  services = [\n    (name = \"worker\", worker = (\n");
        self.worker(&mut out)?;
        out.push_str("    )),\n");
        line(&mut out, &format!("(name = \"objects\", disk = (path = {}, writable = true)),", path(self.objects)?));
        let allow = if self.allows_private() { "\"public\", \"private\"" } else { "\"public\"" };
        let trust = trust();
        line(&mut out, &format!("(name = \"internet\", network = (allow = [{allow}], {trust})),"));
        if let Some(resolver) = self.private_resolver() {
            let protocol = match resolver.scheme() {
                "https" => format!("https = (options = (), {trust})"),
                _ => "http = ()".to_owned(),
            };
            let (host, port) = (resolver.host_str().unwrap_or_default(), resolver.port_or_known_default());
            let address = text(format!("{host}:{}", port.unwrap_or_default()));
            line(&mut out, &format!("(name = \"resolver\", external = (address = {address}, {protocol})),"));
        }
        let protocol = match self.keypair {
            None => self.scheme_header.map_or_else(
                || "http = ()".to_owned(),
                |header| format!("http = (forwardedProtoHeader = {})", text(header)),
            ),
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

    /// The text of a variable, as the Worker gets it.
    fn var(&self, name: &str) -> Option<String> {
        let own = self.bindings.get(name).map(|binding| match binding {
            Binding::Var(var) => Some(var),
            Binding::File(_) | Binding::Key(..) => None,
        });
        own.unwrap_or_else(|| self.worker.vars.get(name)).map(|var| var.text().to_owned())
    }

    fn allows_private(&self) -> bool {
        self.var(ALLOW_PRIVATE).as_deref() == Some("true")
    }

    /// The resolver, if its address is outside the permitted network.
    fn private_resolver(&self) -> Option<Url> {
        let url = Url::parse(&self.var(RESOLVER.0)?).ok().filter(|_| !self.allows_private())?;
        let private = match url.host()? {
            Host::Ipv4(address) => classify(address.into()).is_some(),
            Host::Ipv6(address) => classify(address.into()).is_some(),
            Host::Domain(name) => name == "localhost",
        };
        private.then_some(url)
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
        field(out, "compatibilityDate", &text(&self.worker.compatibility_date));
        field(out, "compatibilityFlags", &format!("[{}]", comma(self.worker.compatibility_flags.iter().map(text))));
        list(out, "bindings", self.all_bindings()?);
        let namespaces = self.worker.classes.iter().map(|class| {
            let key = text(format!("{}-{}", self.worker.name, class.storage));
            format!("(className = {}, uniqueKey = {key}, enableSql = {})", text(&class.class), class.sqlite)
        });
        list(out, "durableObjectNamespaces", namespaces.collect());
        field(out, "durableObjectStorage", "(localDisk = \"objects\")");
        Ok(())
    }

    fn all_bindings(&self) -> Result<Vec<String>> {
        let vars = self.worker.vars.iter().map(|(name, var)| (name.clone(), Binding::Var(var.clone())));
        let mut all: BTreeMap<String, Binding> = vars.collect();
        all.extend(self.bindings.clone());
        let plain = all.iter().map(|(name, binding)| {
            let value = match binding {
                Binding::Var(Var::Text(value)) => format!("text = {}", text(value)),
                Binding::Var(Var::Json(value)) => format!("json = {}", text(value)),
                Binding::File(file) => format!("text = {}", embed(file)?),
                Binding::Key(file, algorithm) => format!(
                    "cryptoKey = (pkcs8 = {}, algorithm = (json = {}), usages = [sign])",
                    embed(file)?,
                    text(algorithm)
                ),
            };
            Ok(format!("(name = {}, {value})", text(name)))
        });
        let objects = self.worker.objects.iter().map(|binding| {
            let (name, class) = (text(&binding.name), text(&binding.class_name));
            Ok(format!("(name = {name}, durableObjectNamespace = {class})"))
        });
        let service =
            self.private_resolver().map(|_| Ok(format!("(name = {}, service = \"resolver\")", text(RESOLVER.1))));
        plain.chain(objects).chain(service).collect()
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
