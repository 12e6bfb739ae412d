//! Lines to paste for common ACME clients.

use super::names;
use crate::ca::config::settings::Settings;
use crate::ca::documents::blocks::{block, label};
use crate::ca::http::html::escaped;
use crate::pki::Issuer;
use crate::policy::Policy;

/// The example name, if the CA issues for it.
const EXAMPLE_NAME: &str = "www.example.org";

/// Values in the lines.
struct Lines<'a> {
    directory: String,
    /// A name that this CA issues for.
    name: String,
    /// Name of this CA's objects and files at the client.
    label: String,
    /// Whether accounts need an external account key.
    external: bool,
    settings: &'a Settings,
}

/// The section with each client's lines, and what to replace in them.
pub(super) fn section(settings: &Settings, issuer: &Issuer, policy: &Policy) -> String {
    let lines = Lines {
        directory: settings.urls.directory(),
        name: names::example(issuer, policy, EXAMPLE_NAME).unwrap_or_else(|| "NAME".to_owned()),
        label: label(&settings.urls),
        external: settings.external.required,
        settings,
    };
    let mut out = format!(
        "<section><h2>Clients</h2><p>Put your own names and address in the place of <code>{}</code> and \
         <code>you@example.org</code>.",
        escaped(&lines.name)
    );
    if lines.external {
        out.push_str(
            " Accounts need an external account key here: the operator gives you its identifier (<code>KID</code>) and \
             the key itself (<code>KEY</code>).",
        );
    }
    out.push_str("</p>");
    let said = names::permitted(issuer, policy);
    let said = said.as_deref().unwrap_or("Any name and address gets one, once you have proven that you control it.");
    out.push_str(&format!("<h3>Permitted names</h3><p>{}</p>", escaped(said)));
    out.push_str(&lines.proof());
    for (client, text) in lines.all() {
        out.push_str(&format!("<h3>{client}</h3>{}", block(&text)));
    }
    out.push_str(
        "<h3>If a client does not trust this server</h3><p>Then this server's own web certificate is below a root that \
         your machine does not know. Tell the client where that root is:</p>",
    );
    out.push_str(&block(
        "certbot        REQUESTS_CA_BUNDLE=root.pem certbot …\nlego           LEGO_CA_CERTIFICATES=root.pem lego …\n\
         acme.sh        acme.sh --ca-bundle root.pem …\nCaddy          trusted_roots root.pem     (beside dir)\n\
         cert-manager   caBundle: …               (beside server; root.pem in base64)\n\
         win-acme       takes what Windows trusts",
    ));
    out.push_str("</section>");
    out
}

impl Lines<'_> {
    /// The sentence about the challenge in the lines.
    fn proof(&self) -> String {
        format!(
            "<p>The lines prove names by http-01: this CA asks at port {} of each name. Where it cannot reach that, use \
             your client's plugin for dns-01. Names that the operator pre-authorised need no proof.</p>",
            self.settings.validation.http01_port
        )
    }

    fn all(&self) -> [(&'static str, String); 6] {
        [
            ("certbot", self.certbot()),
            ("lego 4", self.lego()),
            ("acme.sh", self.acme_sh()),
            ("Caddy (Caddyfile)", self.caddy()),
            ("cert-manager (Kubernetes)", self.cert_manager()),
            ("win-acme (Windows)", self.win_acme()),
        ]
    }

    /// These options, if accounts need an external account key.
    fn bound(&self, options: &'static str) -> &'static str {
        if self.external { options } else { "" }
    }

    fn certbot(&self) -> String {
        format!(
            "certbot certonly --server {} --agree-tos -m you@example.org{} --standalone -d {}",
            self.directory,
            self.bound(" --eab-kid KID --eab-hmac-key KEY"),
            self.name
        )
    }

    fn lego(&self) -> String {
        format!(
            "lego --server {} --accept-tos --email you@example.org{} --http -d {} run",
            self.directory,
            self.bound(" --eab --kid KID --hmac KEY"),
            self.name
        )
    }

    fn acme_sh(&self) -> String {
        let Self { directory, name, .. } = self;
        let bound = self.bound(" --eab-kid KID --eab-hmac-key KEY");
        format!(
            "acme.sh --register-account --server {directory} -m you@example.org{bound}\n\
             acme.sh --issue --server {directory} --standalone -d {name}"
        )
    }

    fn caddy(&self) -> String {
        // In the site, not as the global acme_ca: Caddy uses its own CA for names of private networks (.internal,
        // .local, .home.arpa and others) unless the site names an issuer.
        let bound = self.bound("\t\t\teab KID KEY\n");
        format!(
            "{} {{\n\ttls {{\n\t\tissuer acme {{\n\t\t\tdir {}\n\t\t\temail you@example.org\n{bound}\t\t}}\n\t}}\n\
             \trespond \"hello\"\n}}",
            self.name, self.directory
        )
    }

    fn cert_manager(&self) -> String {
        let Self { directory, label, .. } = self;
        let (secret, binding) = if self.external {
            (
                format!(
                    "# kubectl -n cert-manager create secret generic {label}-eab --from-literal key=KEY\n\
                     # (KEY without = at its end)\n"
                ),
                format!(
                    "    externalAccountBinding:\n      keyID: KID\n      keySecretRef:\n        name: {label}-eab\n        \
                     key: key\n"
                ),
            )
        } else {
            (String::new(), String::new())
        };
        format!(
            "{secret}apiVersion: cert-manager.io/v1\nkind: ClusterIssuer\nmetadata:\n  name: {label}\nspec:\n  acme:\n    \
             server: {directory}\n    email: you@example.org\n    privateKeySecretRef:\n      name: {label}-account\n\
             {binding}    solvers:\n    - http01:\n        ingress:\n          ingressClassName: nginx"
        )
    }

    fn win_acme(&self) -> String {
        format!(
            "wacs.exe --source manual --host {} --baseuri {} --accepttos --emailaddress you@example.org{}",
            self.name,
            self.directory,
            self.bound(" --eab-key-identifier KID --eab-key KEY")
        )
    }
}
