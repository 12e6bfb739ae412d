//! The banner of a running server: its addresses, and commands to paste for common clients.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;

use super::sample::Sample;
use crate::challtestsrv::zone::OWN_DOMAINS;
use crate::common::shell::quoted;

/// The addresses and files of a running server; the content of `DIR/dev.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Running {
    /// The directory URL for clients.
    pub directory: String,
    /// Its address on this machine: `ADDRESS:PORT`.
    pub address: String,
    /// The root certificate that clients have to trust.
    pub root: String,
    /// The file with the admin token.
    pub admin_token: String,
    /// The root of issued certificates, if it differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_below: Option<String>,
    /// The origin of CRLs and issuer certificates, by plain http.
    pub status: String,
    /// The origin of the management address, where DNS records are set.
    pub management: String,
    /// The address of plain DNS over UDP: `ADDRESS:PORT`.
    pub dns: String,
    /// Whether it fails on purpose where asked to.
    pub faults: bool,
    /// The process id of `dev`.
    pub pid: u32,
    /// The process id of workerd.
    pub workerd_pid: Option<u32>,
    /// The log of workerd.
    pub workerd_log: String,
}

/// The ports for challenges.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// http-01's.
    pub http01: u16,
    /// tls-alpn-01's.
    pub tls_alpn: u16,
}

/// The resolver of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names<'a> {
    /// `dev` itself; records are set at its management address.
    Dev,
    /// The resolver at this URL.
    Resolver(&'a str),
}

/// The text for the terminal.
///
/// `clients` is the folder for the state of clients, `sample` has the names in the commands.
pub fn text(running: &Running, ports: Ports, names: Names<'_>, clients: &Path, sample: &Sample) -> String {
    let mut out = String::from("Selvedge is ready.\n\n");
    let _ = writeln!(out, "  directory   {}", running.directory);
    let _ = writeln!(out, "  root        {}", running.root);
    if let Some(root) = &running.issued_below {
        let _ = writeln!(out, "              (of this server; issued certificates are below {root})");
    }
    let _ = writeln!(
        out,
        "  admin token {}  (`selvedge eab`, `certs`, `policy`, … find it by themselves)",
        running.admin_token
    );
    let _ = writeln!(out, "  status      {}  (CRLs and issuer certificates, by plain http)", running.status);
    let _ = writeln!(
        out,
        "  management  {}  (DNS records are set here; plain DNS on UDP {})",
        running.management, running.dns
    );
    if running.faults {
        let _ = writeln!(
            out,
            "  faults      {}/faults  (it fails on purpose, as `selvedge faults add …` or a POST there asks)",
            running.management
        );
    }
    match names {
        Names::Dev => out.push_str(
            "\nNames under .test, .localhost and .internal resolve to 127.0.0.1; other names are resolved by this \
             machine's resolver.\n",
        ),
        Names::Resolver(url) => {
            let _ = writeln!(out, "\nNames are resolved by {url}; records set at the management address are ignored.");
        }
    }
    let _ = writeln!(
        out,
        "http-01 is validated at port {}, tls-alpn-01 at port {} of a name's address.",
        ports.http01, ports.tls_alpn
    );
    if let Some(permitted) = &sample.permitted {
        let _ = writeln!(out, "\n{permitted}");
    }
    if names == Names::Dev && !resolves_here(&sample.name) {
        let _ = writeln!(
            out,
            "\n{name} does not resolve to this machine. For http-01, set it:\n  curl -d \
             '{{\"host\":\"{name}\",\"addresses\":[\"127.0.0.1\"]}}' {}/add-a",
            running.management,
            name = sample.name
        );
    }
    out.push_str("\nTo paste:\n");
    let lines = Lines { running, ports, clients, sample, tls: running.directory.starts_with("https:") };
    for (client, command) in lines.all() {
        let _ = writeln!(out, "\n# {client}\n{command}");
    }
    out.push_str("\nCtrl-C stops it.\n");
    out
}

/// The lines about another CA of the process.
pub fn of_another(name: &str, running: &Running) -> String {
    format!(
        "Another CA is ready: {name}\n\n  directory   {}\n  root        {}\n  admin token {}\n  management  {}\n\n",
        running.directory, running.root, running.admin_token, running.management
    )
}

/// The parts of the commands.
struct Lines<'a> {
    running: &'a Running,
    ports: Ports,
    clients: &'a Path,
    sample: &'a Sample,
    tls: bool,
}

/// Whether a name resolves to this machine by default.
fn resolves_here(name: &str) -> bool {
    let last = name.rsplit('.').next();
    OWN_DOMAINS.iter().any(|own| last == Some(*own))
}

impl Lines<'_> {
    /// Each client and challenge with its command.
    fn all(&self) -> Vec<(&'static str, String)> {
        let name = &self.sample.name;
        let mut all = vec![
            ("certbot, http-01", self.certbot(&format!("--standalone --http-01-port {} -d {name}", self.ports.http01))),
            ("certbot, dns-01", self.certbot(&self.certbot_dns())),
        ];
        if self.tls {
            all.push((
                "lego 4, http-01",
                self.lego("", &format!("-d {name} --http --http.port :{}", self.ports.http01)),
            ));
            all.push(("lego 4, dns-01", self.lego_dns()));
        }
        let http = self.acme_sh("", &format!("--standalone --httpport {} -d {name}", self.ports.http01));
        all.push(("acme.sh, http-01 (it needs socat)", http));
        let endpoint = format!("ACMEPROXY_ENDPOINT={} ", self.running.management);
        let dns = self.acme_sh(&endpoint, &format!("--dns dns_acmeproxy --dnssleep 1 {}", self.names()));
        all.push(("acme.sh, dns-01", dns));
        if self.tls {
            all.push(("Caddy, http-01 and tls-alpn-01", self.caddy("", name)));
            let dns = format!("\t\t\tdns acmeproxy {{\n\t\t\t\tendpoint {}\n\t\t\t}}\n", self.running.management);
            all.push(("Caddy, dns-01 (built with github.com/caddy-dns/acmeproxy)", self.caddy(&dns, &self.widest())));
        } else {
            all.push((
                "lego and Caddy refuse a directory over plain http; start without --plain-http for them",
                String::new(),
            ));
        }
        all
    }

    /// The names of a certificate by dns-01, with a wildcard where permitted.
    fn names(&self) -> String {
        match &self.sample.wild {
            Some(wild) => format!("-d {wild} -d '*.{wild}'"),
            None => format!("-d {}", self.sample.name),
        }
    }

    /// The last of these names.
    fn widest(&self) -> String {
        self.sample.wild.as_ref().map_or_else(|| self.sample.name.clone(), |wild| format!("*.{wild}"))
    }

    fn certbot(&self, challenge: &str) -> String {
        let folder = quoted(&self.clients.join("certbot"));
        format!(
            "{}certbot certonly --server {} --agree-tos --register-unsafely-without-email -n \
             --config-dir {folder} --work-dir {folder} --logs-dir {folder} {challenge}",
            self.trust("REQUESTS_CA_BUNDLE"),
            self.running.directory
        )
    }

    fn certbot_dns(&self) -> String {
        let hook = |operation| {
            format!(
                r#"'curl -sfo /dev/null -d "{{\"fqdn\":\"_acme-challenge.$CERTBOT_DOMAIN\",\"value\":\"$CERTBOT_VALIDATION\"}}" {}/{operation}'"#,
                self.running.management
            )
        };
        format!(
            "--manual --preferred-challenges dns --manual-auth-hook {} --manual-cleanup-hook {} {}",
            hook("present"),
            hook("cleanup"),
            self.names()
        )
    }

    fn lego(&self, variables: &str, challenge: &str) -> String {
        format!(
            "{}{variables}lego --server {} --accept-tos --email you@example.test --path {} {challenge} run",
            self.trust("LEGO_CA_CERTIFICATES"),
            self.running.directory,
            quoted(&self.clients.join("lego"))
        )
    }

    fn lego_dns(&self) -> String {
        let endpoint = format!("HTTPREQ_ENDPOINT={} ", self.running.management);
        let resolver = &self.running.dns;
        self.lego(&endpoint, &format!("{} --dns httpreq --dns.resolvers {resolver} --dns.disable-cp", self.names()))
    }

    fn acme_sh(&self, variables: &str, challenge: &str) -> String {
        let bundle =
            if self.tls { format!(" --ca-bundle {}", quoted(Path::new(&self.running.root))) } else { String::new() };
        format!("{variables}acme.sh --issue --server {}{bundle} {challenge}", self.running.directory)
    }

    fn caddy(&self, dns: &str, site: &str) -> String {
        let Running { directory, root, .. } = self.running;
        let Ports { http01, tls_alpn } = self.ports;
        // With a global acme_ca Caddy would ask its own CA for names of private networks, .internal among them.
        format!(
            "caddy run --adapter caddyfile --config - <<'EOF'\n{{\n\thttp_port {http01}\n\thttps_port {tls_alpn}\n}}\n\
             {site} {{\n\ttls {{\n\t\tissuer acme {{\n\t\t\tdir {directory}\n\t\t\ttrusted_roots {root:?}\n{dns}\t\t}}\n\
             \t}}\n\trespond \"hello\"\n}}\nEOF"
        )
    }

    /// The variable that makes a client trust the root.
    fn trust(&self, variable: &str) -> String {
        if self.tls { format!("{variable}={} ", quoted(Path::new(&self.running.root))) } else { String::new() }
    }
}
