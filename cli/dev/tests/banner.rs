//! The lines to paste, run by a shell with scripts as clients.
//!
//! The scripts record their arguments and environment.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::dev::banner::{Names, Ports, Running, text};
use crate::dev::sample::Sample;

/// A folder whose name needs quotes in a shell.
const AWKWARD: &str = "/srv/it's a \"state\" $folder";
const PORTS: Ports = Ports { http01: 6002, tls_alpn: 6001 };

fn running(scheme: &str) -> Running {
    Running {
        directory: format!("{scheme}://127.0.0.1:14000/directory"),
        address: "127.0.0.1:14000".into(),
        root: format!("{AWKWARD}/root.pem"),
        admin_token: format!("{AWKWARD}/admin.token"),
        issued_below: None,
        management: "http://127.0.0.1:14001".into(),
        dns: "127.0.0.1:14001".into(),
        faults: false,
        pid: 1,
        workerd_pid: Some(2),
        status: String::new(),
        workerd_log: String::new(),
    }
}

fn banner(scheme: &str) -> String {
    text(&running(scheme), PORTS, Names::Dev, &Path::new(AWKWARD).join("clients"), &Sample::default())
}

#[test]
fn root_of_issued_certificates_is_shown_if_it_differs() {
    let mut running = running("https");
    assert!(!banner("https").contains("issues"));
    running.issued_below = Some("ca/root.pem".into());
    let text = text(&running, PORTS, Names::Dev, Path::new("clients"), &Sample::default());
    assert!(text.contains("(of this server; issued certificates are below ca/root.pem)"), "{text}");
}

#[test]
fn address_for_faults_is_shown_if_they_are_on() {
    let with = |faults| {
        let running = Running { faults, ..running("https") };
        text(&running, PORTS, Names::Dev, Path::new("clients"), &Sample::default())
    };
    assert!(with(true).contains("http://127.0.0.1:14001/faults"));
    assert!(!with(false).contains("faults"));
}

/// Runs the lines to paste; returns a line of words for each program they start.
fn pasted(banner: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let seen = dir.path().join("seen");
    let script = "#!/bin/sh\n{ printf '%s' \"${0##*/}\"; printf '|%s' \"$@\" \"$REQUESTS_CA_BUNDLE\" \
         \"$LEGO_CA_CERTIFICATES\" \"$HTTPREQ_ENDPOINT\" \"$ACMEPROXY_ENDPOINT\"; echo; } >> \"$SEEN\"\n\
         [ \"${0##*/}\" = caddy ] && cat >> \"$SEEN\"\n\
         while [ $# -gt 0 ]; do case $1 in --manual-*-hook) sh -c \"$2\"; shift;; esac; shift; done\n";
    for client in ["certbot", "lego", "acme.sh", "caddy", "curl"] {
        let file = dir.path().join(client);
        fs::write(&file, script).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let (_, lines) = banner.split_once("To paste:\n").unwrap();
    let lines = lines.strip_suffix("Ctrl-C stops it.\n").unwrap();
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-euc", lines]).env("PATH", path).env("SEEN", &seen);
    for unset in ["REQUESTS_CA_BUNDLE", "LEGO_CA_CERTIFICATES", "HTTPREQ_ENDPOINT", "ACMEPROXY_ENDPOINT"] {
        shell.env_remove(unset);
    }
    assert!(shell.env("CERTBOT_DOMAIN", "wild.test").env("CERTBOT_VALIDATION", "v-_1").status().unwrap().success());
    fs::read_to_string(seen).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn every_line_reaches_its_client_whole() {
    let seen = pasted(&banner("https"));
    let of = |client: &str| seen.iter().filter(|line| line.starts_with(client)).collect::<Vec<_>>();
    let root = format!("|{AWKWARD}/root.pem");
    for client in ["certbot|", "lego|", "acme.sh|", "caddy|"] {
        assert_eq!(of(client).len(), 2, "{client} {seen:?}");
    }
    let plain = ["certbot|", "lego|", "acme.sh|"].map(of).concat();
    assert!(plain.iter().all(|line| line.contains("|--server|https://127.0.0.1:14000/directory|")), "{plain:?}");
    assert!(plain.iter().all(|line| line.contains(&root)), "{plain:?}");
    for (line, ports) in [
        (of("certbot|")[0], "|--http-01-port|6002|-d|www.test|"),
        (of("certbot|")[1], "|-d|wild.test|-d|*.wild.test|"),
        (of("lego|")[0], "|--http.port|:6002|run|"),
        (of("lego|")[1], "|--dns|httpreq|--dns.resolvers|127.0.0.1:14001|--dns.disable-cp|run|"),
        (of("acme.sh|")[0], "|--httpport|6002|"),
        (of("acme.sh|")[1], "|--dns|dns_acmeproxy|--dnssleep|1|"),
    ] {
        assert!(line.contains(ports), "{line}");
    }
    assert!(
        of("lego|")[1].contains("|http://127.0.0.1:14001|") && of("acme.sh|")[1].contains("|http://127.0.0.1:14001")
    );
    let caddy = seen.iter().filter(|line| line.starts_with('\t')).map(|line| line.trim()).collect::<Vec<_>>();
    assert!(caddy.contains(&"http_port 6002") && caddy.contains(&"https_port 6001"), "{caddy:?}");
    assert!(caddy.contains(&"dir https://127.0.0.1:14000/directory"), "{caddy:?}");
}

#[test]
fn commands_have_permitted_names_and_how_to_resolve_them() {
    let of = |name: &str, wild: Option<&str>| {
        let permitted = Some("Not every name gets a certificate here: some.".to_owned());
        let sample = Sample { name: name.to_owned(), wild: wild.map(str::to_owned), permitted };
        text(&running("https"), PORTS, Names::Dev, Path::new("clients"), &sample)
    };
    let elsewhere = of("www.corp.example", None);
    assert!(!elsewhere.contains("www.test") && !elsewhere.contains("'*."), "{elsewhere}");
    assert!(elsewhere.contains("Not every name gets a certificate here: some."), "{elsewhere}");
    let line = r#"curl -d '{"host":"www.corp.example","addresses":["127.0.0.1"]}' http://127.0.0.1:14001/add-a"#;
    assert!(elsewhere.contains(line), "{elsewhere}");
    for line in pasted(&elsewhere) {
        // curl's is a hook's; a tab begins a line of Caddy's file.
        let client = !line.starts_with(['\t', '}', '{']) && !line.starts_with("curl|") && !line.starts_with("caddy|");
        assert!(!client || !line.contains("-d|") || line.contains("|-d|www.corp.example"), "{line}");
    }
    let here = of("www.a.internal", Some("a.internal"));
    assert!(!here.contains("add-a") && here.contains("-d a.internal -d '*.a.internal'"), "{here}");
}

#[test]
fn certbots_hooks_send_the_record_to_the_management_address() {
    let seen = pasted(&banner("https"));
    let sent = seen.iter().filter(|line| line.starts_with("curl|")).collect::<Vec<_>>();
    let record = r#"|{"fqdn":"_acme-challenge.wild.test","value":"v-_1"}|"#;
    assert_eq!(sent.len(), 2, "{seen:?}");
    assert!(sent[0].contains(&format!("{record}http://127.0.0.1:14001/present|")), "{sent:?}");
    assert!(sent[1].contains(&format!("{record}http://127.0.0.1:14001/cleanup|")), "{sent:?}");
}

#[test]
fn over_plain_http_there_is_nothing_to_trust() {
    let banner = banner("http");
    let seen = pasted(&banner);
    assert!(seen.iter().all(|line| !line.contains("root.pem")), "{seen:?}");
    assert!(seen.iter().any(|line| line.starts_with("certbot|")));
    assert!(banner.contains("lego and Caddy refuse"), "{banner}");
}
