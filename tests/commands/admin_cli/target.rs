//! Where the authority is, and with which token it is asked.

use super::double::{Double, TOKEN, status};
use crate::server::unused_address;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn close(double: &Double, name: &str, text: &str) {
    let path = double.path(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A state folder, as a `dev` leaves it that has this process id.
fn dev(double: &Double, pid: u32) {
    dev_at(double, &double.url(), pid);
}

fn dev_at(double: &Double, url: &str, pid: u32) {
    close(double, "state/admin.token", &format!("{TOKEN}\n"));
    close(double, "state/root.pem", &selvedge::pki::ceremony::create_root("R", now(), 5).unwrap().certificate);
    let running = json!({"directory": format!("{url}/directory"), "root": double.path("state/root.pem"),
                         "admin_token": double.path("state/admin.token"), "pid": pid});
    close(double, "state/dev.json", &running.to_string());
    fs::set_permissions(double.path("state"), fs::Permissions::from_mode(0o700)).unwrap();
}

fn now() -> selvedge::values::Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    selvedge::values::Time::from_secs(since.as_secs())
}

fn wrangler(double: &Double, url: &str) {
    close(double, "wrangler.toml", &format!("name = 'x'\n[vars]\nBASE_URL = '{url}'\n"));
}

#[test]
fn file_of_trusted_roots_is_read_from_the_environment() {
    let double = Double::start();
    close(&double, "token", TOKEN);
    let root = selvedge::pki::ceremony::create_root("R", now(), 5).unwrap().certificate;
    let run = |content: Option<&str>| {
        let file = double.path("roots.pem");
        let _ = fs::remove_file(&file);
        content.into_iter().for_each(|content| fs::write(&file, content).unwrap());
        let variables = [("SSL_CERT_FILE", file.to_str().unwrap())];
        double.run_with(&["eab", "list", "--url", &double.url(), "--token-file", "token"], &variables)
    };
    assert_eq!(run(Some(&root)).code, 0);
    for unusable in [None, Some("no certificate")] {
        let refused = run(unusable);
        assert!(refused.code != 0 && refused.err.contains("roots.pem, which SSL_CERT_FILE names"), "{refused:?}");
    }
}

#[test]
fn running_dev_is_found_by_state_folder() {
    let double = Double::start();
    dev(&double, std::process::id());
    let ended = double.run_with(&["eab", "create", "--state", "state"], &[]);
    ended.is(0, &["REQUESTS_CA_BUNDLE=", "LEGO_CA_CERTIFICATES=", "--ca-bundle "]);
    // Whoever names its URL need say no more.
    double.run_with(&["eab", "list", "--url", &double.url(), "--state", "state"], &[]).is(0, &[]);
    // What is said goes before what is found.
    let other = [("SELVEDGE_URL", &*format!("http://{}", unused_address())), ("SELVEDGE_TOKEN", TOKEN)];
    double.run_with(&["eab", "list", "--state", "state"], &other).is(2, &["does not answer"]);
    // One that was killed leaves its file behind; no process has this number.
    dev(&double, i32::MAX as u32);
    double.run_with(&["eab", "list", "--state", "state"], &[]).is(2, &["no authority is known"]);
}

#[test]
fn deployed_ca_is_found_by_settings_and_folder() {
    let double = Double::start();
    wrangler(&double, &double.url());
    double.run_with(&["eab", "list"], &[]).is(2, &["no token is known for", "selvedge token new"]);
    close(&double, "ca/admin.tokens", &format!(r#"{{"operator":"{TOKEN}"}}"#));
    double.run_with(&["eab", "list"], &[]).is(0, &["team"]);
    // Of several, one.
    let wrong = "x".repeat(40);
    close(&double, "ca/admin.tokens", &format!(r#"{{"ada":"{TOKEN}","bob":"{wrong}"}}"#));
    double.run_with(&["eab", "list"], &[]).is(2, &["choose one with --as NAME: ada, bob"]);
    double.run_with(&["eab", "list", "--as", "ada"], &[]).is(0, &[]);
    double.run_with(&["eab", "list", "--as", "bob"], &[]).is(1, &["none of ours", "\"bob\""]);
    double.run_with(&["eab", "list", "--as", "eve"], &[]).is(2, &["has no token \"eve\""]);
    // The CA's tokens are for the CA's own Worker, and sent nowhere else.
    let other = Double::start();
    double.run_with(&["eab", "list", "--as", "ada", "--url", &other.url()], &[]).is(2, &["no token is known for"]);
    assert!(other.server.asked().is_empty());
    // A file that others can read has been read.
    fs::set_permissions(double.path("ca/admin.tokens"), fs::Permissions::from_mode(0o644)).unwrap();
    double.run_with(&["eab", "list", "--as", "ada"], &[]).is(2, &["accessible to other users", "chmod 600"]);
    wrangler(&double, "https://ca.example.org");
    double.run_with(&["eab", "list"], &[]).is(2, &["selvedge dev", "--url URL", "--token-file", "wrangler.toml"]);
}

#[test]
fn token_comes_from_file_or_environment_never_an_option() {
    let double = Double::start();
    close(&double, "token", &format!("{TOKEN}\n"));
    let url = double.url();
    double
        .run_with(&["eab", "list", "--url", &url, "--token-file", "token"], &[("SELVEDGE_TOKEN", "other")])
        .is(0, &[]);
    double.run_with(&["eab", "list", "--url", &url], &[("SELVEDGE_TOKEN", "short")]).is(2, &["is not a token"]);
    double.run_with(&["eab", "list", "--url", &url, "--token", "x"], &[]).is(2, &["unexpected argument"]);
    close(&double, "token", "two words, and they are longer than 32 characters");
    double.run_with(&["eab", "list", "--url", &url, "--token-file", "token"], &[]).is(2, &["has no token"]);
    double.run_with(&["eab", "list", "--url", &url, "--token-file", "no"], &[]).is(2, &["no does not exist"]);
    let with = |url: &str| double.run_with(&["eab", "list", "--url", url], &[("SELVEDGE_TOKEN", TOKEN)]);
    with("http://a.test").is(2, &["write https://"]);
    for no_url in ["a.test", "a.test:443", "//a.test", "ftp://a.test"] {
        let ended = with(no_url);
        ended.is(2, &["https://ca.example.org"]);
    }
    let ended = with("a.test");
    assert!(!ended.err.contains("relative URL"), "{ended:?}");
}

#[test]
fn service_token_of_cloudflare_access_is_sent_whole() {
    let double = Double::start();
    close(&double, "token", TOKEN);
    let url = double.url();
    let run = |env: &[(&str, &str)]| double.run_with(&["eab", "list", "--url", &url, "--token-file", "token"], env);
    let header = |name: &str| double.server.asked().pop().unwrap().header(name).map(str::to_owned);
    run(&[]).is(0, &[]);
    assert_eq!(header("cf-access-client-id"), None);
    run(&[("CF_ACCESS_CLIENT_ID", "x.access"), ("CF_ACCESS_CLIENT_SECRET", "hush")]).is(0, &[]);
    assert_eq!(header("cf-access-client-id").as_deref(), Some("x.access"));
    assert_eq!(header("cf-access-client-secret").as_deref(), Some("hush"));
    run(&[("CF_ACCESS_CLIENT_ID", "x.access")]).is(2, &["CF_ACCESS_CLIENT_SECRET is not set", "both or none"]);
}

/// FS-09: files that another user could have written are ignored, and their paths not followed.
#[test]
fn dev_state_writable_by_others_gets_no_token() {
    let (double, evil) = (Double::start(), Double::start());
    close(&double, "ca/admin.tokens", &format!(r#"{{"operator":"{TOKEN}"}}"#));
    // What was found in the repository of somebody: it runs, and names the victim's own tokens.
    let plant = |folder: u32, file: u32| {
        let running = json!({"directory": format!("{}/directory", evil.url()), "root": double.path("root.pem"),
                             "admin_token": double.path("ca/admin.tokens"), "pid": std::process::id()});
        close(&double, ".selvedge/dev.json", &running.to_string());
        fs::set_permissions(double.path(".selvedge/dev.json"), fs::Permissions::from_mode(file)).unwrap();
        fs::set_permissions(double.path(".selvedge"), fs::Permissions::from_mode(folder)).unwrap();
    };
    for (folder, file) in [(0o777, 0o644), (0o775, 0o600), (0o755, 0o666)] {
        plant(folder, file);
        let says = ["is writable by others", "--url", "--state"];
        double.run_with(&["eab", "list"], &[]).is(2, &says);
        double.run_with(&["status"], &[("SELVEDGE_TOKEN", TOKEN)]).is(2, &says);
        // Who names the authority is not bothered by it.
        let named = [("SELVEDGE_URL", &*double.url()), ("SELVEDGE_TOKEN", TOKEN)];
        double.run_with(&["eab", "list"], &named).is(0, &[]);
    }
    // The user's own, as another program of theirs could have unpacked it: the token beside it is not there.
    plant(0o755, 0o644);
    double.run_with(&["eab", "list"], &[]).is(2, &[".selvedge/admin.token does not exist"]);
    // The environment's token is for an authority that was named with it.
    double.run_with(&["eab", "list"], &[("SELVEDGE_TOKEN", TOKEN)]).is(2, &[".selvedge/admin.token does not exist"]);
    fs::remove_file(double.path(".selvedge/dev.json")).unwrap();
    wrangler(&double, &evil.url());
    fs::remove_file(double.path("ca/admin.tokens")).unwrap();
    double.run_with(&["eab", "list"], &[("SELVEDGE_TOKEN", TOKEN)]).is(2, &["together with SELVEDGE_URL"]);
    double.run_with(&["status"], &[("SELVEDGE_TOKEN", TOKEN)]);
    assert!(evil.server.asked().iter().all(|asked| asked.header("authorization").is_none()), "no token was sent");
}

#[test]
fn status_with_token_has_the_operator_part() {
    let overview = json!({"longest_lifetime": 7_776_000, "problems": [], "issuers": [{
        "place": 1, "id": "i", "name": "I", "active": true,
        "not_after": "2999-01-01T00:00:00Z", "certificate": "http://x", "certificates_until": null, "crls": []}]});
    let (double, api) = (Double::start(), std::sync::Arc::new(std::sync::Mutex::new((200, status(0)))));
    let answers = std::sync::Arc::clone(&api);
    let authority = crate::server::Server::start(move |asked| match asked.line.as_str() {
        "GET /issuers" => (200, overview.to_string().into_bytes()),
        "GET /admin/v1/status" if asked.header("authorization") == Some(&format!("Bearer {TOKEN}")) => {
            let (code, body) = answers.lock().unwrap().clone();
            (code, body.to_string().into_bytes())
        }
        _ => super::problem(401, "The token is none of ours."),
    });
    let url = format!("http://{}", authority.address);
    let run = |env: &[(&str, &str)], args: &[&str]| double.run_with(&[&["status", "--url", &url], args].concat(), env);
    let token = [("SELVEDGE_TOKEN", TOKEN)];
    let ended = run(&[], &["--json"]);
    let told: Value = serde_json::from_str(&ended.is(0, &[]).out).unwrap();
    assert!(told.get("operator").is_none() && authority.asked().len() == 1, "{told}");
    run(&token, &[]).is(0, &["policy    version 7, with a shadow policy", "1 notices waiting", "Nothing is due."]);
    let told: Value = serde_json::from_str(&run(&token, &["--json"]).is(0, &[]).out).unwrap();
    assert_eq!(told["operator"], status(0));
    api.lock().unwrap().1 = status(3);
    run(&token, &[]).is(1, &["due: 3 notices could not be delivered to the webhook"]);
    let wrong = [("SELVEDGE_TOKEN", "wrong-token-0123456789-0123456789-01")];
    run(&wrong, &[]).is(1, &["due: the operator's status is not available", "none of ours"]);
    *api.lock().unwrap() = (200, json!({"other": 1}));
    run(&token, &[]).is(1, &["cannot be read"]);
    *api.lock().unwrap() = (404, json!("no such page"));
    run(&token, &[]).is(1, &["status 404", "its version has the operations API"]);
    // The CA's own token, for BASE_URL only.
    *api.lock().unwrap() = (200, status(3));
    close(&double, "ca/admin.tokens", &format!(r#"{{"operator":"{TOKEN}"}}"#));
    run(&[], &[]).is(0, &["Nothing is due."]);
    wrangler(&double, &url);
    run(&[], &[]).is(1, &["3 notices could not be delivered"]);
    // A `dev` that runs here is found, with its token.
    dev_at(&double, &url, std::process::id());
    double.run_with(&["status", "--state", "state"], &[]).is(1, &[&url, "3 notices could not be delivered"]);
}

#[test]
fn status_with_token_has_the_findings_of_the_authority() {
    let overview = json!({"longest_lifetime": 7_776_000, "problems": ["It is not judged twice."], "issuers": []});
    let found = |id: &str, severity: &str, count: Value| {
        json!({"id": id, "severity": severity, "what": format!("{id} \u{202e}is found"), "todo": "`selvedge failures` lists them",
               "count": count})
    };
    let findings = std::sync::Arc::new(std::sync::Mutex::new(vec![found("registration-open", "note", Value::Null)]));
    let (shown, asked) = (std::sync::Arc::clone(&findings), std::sync::atomic::AtomicUsize::new(0));
    let authority = crate::server::Server::start(move |request| match request.line.as_str() {
        "GET /issuers" => (200, overview.to_string().into_bytes()),
        "GET /admin/v1/status" => (200, status(0).to_string().into_bytes()),
        "GET /admin/v1/health" => {
            let mut health = super::double::health(&shown.lock().unwrap());
            // Each count takes three requests.
            health["counting"] = (asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % 3 < 2).into();
            (200, health.to_string().into_bytes())
        }
        _ => super::problem(404, "There is nothing."),
    });
    let (double, url) = (Double::start(), format!("http://{}", authority.address));
    let run =
        |args: &[&str]| double.run_with(&[&["status", "--url", &url], args].concat(), &[("SELVEDGE_TOKEN", TOKEN)]);
    let ended = run(&[]);
    ended.is(0, &["Nothing is due.", r"note: registration-open \u{202e}is found", "2 certificates, 1 of them renewed"]);
    assert_eq!(authority.asked().iter().filter(|asked| asked.line.ends_with("/health")).count(), 3);
    findings.lock().unwrap().insert(0, found("certificates-unrenewed", "due", json!(11)));
    run(&[]).is(1, &["due: certificates-unrenewed", " failures` lists them"]);
    let told: Value = serde_json::from_str(&run(&["--json"]).is(1, &[]).out).unwrap();
    assert_eq!(
        (&told["findings"][0]["id"], &told["findings"][0]["count"]),
        (&json!("certificates-unrenewed"), &json!(11))
    );
    assert_eq!(told["operator"]["health"]["certificates"]["valid"], 2);
}
