//! The section about trusting the root on machines and in browsers.

use crate::ca::config::settings::Settings;
use crate::ca::documents::blocks::{block, label};
use crate::ca::http::html::escaped;

pub(super) fn section(settings: &Settings) -> String {
    let name = label(&settings.urls);
    let systems = [
        (
            "Debian, Ubuntu",
            format!("sudo cp root.pem /usr/local/share/ca-certificates/{name}.crt\nsudo update-ca-certificates"),
        ),
        ("Fedora, RHEL", format!("sudo cp root.pem /etc/pki/ca-trust/source/anchors/{name}.pem\nsudo update-ca-trust")),
        (
            "macOS",
            "sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain root.pem".to_owned(),
        ),
        ("Windows (as administrator)", "certutil -addstore -f Root root.crt".to_owned()),
    ];
    let systems = systems.map(|(system, lines)| format!("<h3>{system}</h3>{}", block(&lines))).concat();
    format!(
        "<section><h2>Trusting the root</h2><p>Compare the fingerprint first. From then on the machine trusts \
         certificates of {} for whatever name.</p>{systems}\
         <h3>Firefox</h3><p>On Windows and macOS Firefox takes the roots that were added to the system. Elsewhere: \
         Settings, Privacy &amp; Security, Certificates, View Certificates, Authorities, Import; choose \
         <code>root.pem</code> and tick “Trust this CA to identify websites”.</p></section>",
        settings.root.as_ref().map_or_else(|| "this CA".to_owned(), |root| escaped(root.name())),
    )
}
