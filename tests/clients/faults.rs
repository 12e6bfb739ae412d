//! The faults of a test CA, each met by a real client.

use super::acme_sh::AcmeSh;
use super::certbot;
use super::fixture::Fixture;
use super::instant_acme::{Client, identifier, problem, start};
use super::lego::Lego;
use instant_acme::{AuthorizationStatus, ChallengeType, Error, NewOrder, OrderStatus, RetryPolicy};
use selvedge::pki::pem;
use selvedge::values::x509::Parts;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// Sets a fault at the management address of `dev`.
fn add(fixture: &Fixture, fault: &Value) {
    let url = format!("{}/faults", fixture.server.fact("management"));
    ureq::post(url).send(fault.to_string()).unwrap_or_else(|error| panic!("{fault}: {error}"));
}

/// How often each fault that is on has acted.
fn acted(fixture: &Fixture) -> Vec<u64> {
    let url = format!("{}/faults", fixture.server.fact("management"));
    let all: Value =
        serde_json::from_str(&ureq::get(url).call().unwrap().body_mut().read_to_string().unwrap()).unwrap();
    all["faults"].as_array().unwrap().iter().map(|fault| fault["acted"].as_u64().unwrap()).collect()
}

/// All faults are used up, so the last client met its own.
fn all_met(fixture: &Fixture, what: &str) {
    assert_eq!(acted(fixture), [0; 0], "{what}: not met");
}

#[tokio::test]
async fn instant_acme_meets_every_fault() {
    let fixture = start(&["--faults"]);
    let client = Client::new(&fixture, None).await;
    refused(&fixture, &client).await;
    broken(&fixture, &client).await;
    undecided(&fixture, &client).await;
    unproven(&fixture, &client).await;
    wrong_chains(&fixture, &client).await;
    narrowed(&fixture, &client).await;
    client.obtain(&["fine.test"], ChallengeType::Http01).await;
    fixture.report("faults on purpose");
}

/// Statuses, and nonces that are refused more often than it retries.
async fn refused(fixture: &Fixture, client: &Client<'_>) {
    let names = [identifier("a.test")];
    for (fault, status, kind) in [
        (json!({ "fault": 429, "retry_after": 1 }), 429, "rateLimited"),
        (json!({ "fault": 429 }), 429, "rateLimited"),
        (json!({ "fault": 503, "retry_after": 1 }), 503, "serverInternal"),
        (json!({ "fault": 503 }), 503, "serverInternal"),
        (json!({ "fault": 500 }), 500, "serverInternal"),
        (json!({ "fault": 500, "after": true }), 500, "serverInternal"),
    ] {
        let mut fault = fault;
        (fault["endpoints"], fault["count"]) = (json!(["newOrder"]), json!(1));
        add(fixture, &fault);
        let found = problem(client.account.new_order(&NewOrder::new(&names)).await);
        let wanted = format!("urn:ietf:params:acme:error:{kind}");
        assert_eq!((found.status, found.r#type.as_deref()), (Some(status), Some(&*wanted)), "{fault}");
        all_met(fixture, &fault.to_string());
    }
    add(fixture, &json!({ "fault": "badNonce", "endpoints": ["newOrder"], "count": 2 }));
    client.account.new_order(&NewOrder::new(&names)).await.unwrap();
    all_met(fixture, "two refused nonces, which it retries");
    add(fixture, &json!({ "fault": "badNonce", "endpoints": ["newOrder"] }));
    let found = problem(client.account.new_order(&NewOrder::new(&names)).await);
    assert_eq!(found.r#type.as_deref(), Some("urn:ietf:params:acme:error:badNonce"));
    assert_eq!(acted(fixture), [3], "it gives up after three");
    let cleared = ureq::post(format!("{}/clear-faults", fixture.server.fact("management"))).send("");
    assert_eq!(cleared.unwrap().status(), 200);
    fixture.did("429, 503, 500, badNonce");
}

/// Answers without their content, and a slow one.
async fn broken(fixture: &Fixture, client: &Client<'_>) {
    let names = [identifier("a.test")];
    for fault in ["empty", "malformedJson", "cut"] {
        add(fixture, &json!({ "fault": fault, "endpoints": ["newOrder"], "count": 1 }));
        let error = client.account.new_order(&NewOrder::new(&names)).await.map(drop).unwrap_err();
        let fits = match fault {
            "cut" => !matches!(error, Error::Api(_) | Error::Json(_)),
            _ => !matches!(error, Error::Api(_) | Error::Hyper(_) | Error::Http(_)),
        };
        assert!(fits, "{fault}: {error:?}");
        all_met(fixture, fault);
    }
    add(fixture, &json!({ "fault": "slow", "delay": 2, "endpoints": ["newOrder"], "count": 1 }));
    let begun = Instant::now();
    client.account.new_order(&NewOrder::new(&names)).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(2), "it waits");
    all_met(fixture, "slow");
    fixture.did("empty, malformedJson, cut, slow");
}

/// `processing` that lasts as many polls as asked.
async fn undecided(fixture: &Fixture, client: &Client<'_>) {
    for (endpoints, count) in [(json!(["finalize", "order"]), 3), (json!(["challenge", "authorization"]), 2)] {
        add(fixture, &json!({ "fault": "processing", "endpoints": endpoints, "count": count }));
    }
    let names = [identifier("slow.test")];
    let mut order = client.account.new_order(&NewOrder::new(&names)).await.unwrap();
    client.prove(&mut order, &ChallengeType::Http01).await;
    let mut authorizations = order.authorizations();
    let mut authorization = authorizations.next().await.unwrap().unwrap();
    for status in [AuthorizationStatus::Pending, AuthorizationStatus::Valid] {
        assert_eq!(authorization.refresh().await.unwrap().status, status, "it is valid since the challenge");
    }
    let quick = RetryPolicy::default().initial_delay(Duration::from_millis(20)).timeout(Duration::from_secs(60));
    assert_eq!(order.poll_ready(&quick).await.unwrap(), OrderStatus::Ready);
    order.finalize_csr(&super::instant_acme::csr(&["slow.test".to_owned()])).await.unwrap();
    assert_eq!(order.state().status, OrderStatus::Processing);
    order.poll_certificate(&quick).await.unwrap();
    all_met(fixture, "processing");
    fixture.did("processing");
}

/// One name of two fails, for the reason that was given.
async fn unproven(fixture: &Fixture, client: &Client<'_>) {
    add(fixture, &json!({ "fault": "failedValidation", "name": "*.bad.test", "reason": "dns", "count": 1 }));
    let names = [identifier("x.bad.test"), identifier("good.test")];
    let mut order = client.account.new_order(&NewOrder::new(&names)).await.unwrap();
    let (mut authorizations, mut errors) = (order.authorizations(), Vec::new());
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.unwrap();
        let mut challenge = authorization.challenge(ChallengeType::Http01).unwrap();
        let proof = challenge.key_authorization();
        fs::write(fixture.challenges().join(&challenge.token), proof.as_str()).unwrap();
        errors.push(challenge.set_ready().await.err().map(|error| problem::<()>(Err(error)).r#type.unwrap()));
    }
    assert_eq!(errors, [Some("urn:ietf:params:acme:error:dns".to_owned()), None]);
    let (mut authorizations, mut found) = (order.authorizations(), Vec::new());
    while let Some(authorization) = authorizations.next().await {
        found.push(authorization.unwrap().refresh().await.unwrap().status);
    }
    assert_eq!(found, [AuthorizationStatus::Invalid, AuthorizationStatus::Valid]);
    let patience = RetryPolicy::default().timeout(Duration::from_secs(60));
    let refused = problem(order.poll_ready(&patience).await);
    assert_eq!(refused.subproblems[0].identifier, Some(identifier("x.bad.test")));
    all_met(fixture, "failedValidation");
    fixture.did("failedValidation");
}

/// Chains that a client installs without a look, and OpenSSL's verdict on them.
async fn wrong_chains(fixture: &Fixture, client: &Client<'_>) {
    let names = [identifier("chain.test")];
    for (fault, verdict) in [("chainOrder", None), ("expiredIntermediate", Some("certificate has expired"))] {
        add(fixture, &json!({ "fault": fault, "count": 1 }));
        let chain = client.issue(&NewOrder::new(&names), ChallengeType::Http01).await;
        all_met(fixture, fault);
        let path: PathBuf = fixture.path("chain.pem");
        fs::write(&path, &chain).unwrap();
        let ders = pem::read_certificates(&chain).unwrap();
        let [first, second] = [&ders[0], &ders[1]].map(|der| Parts::read(der).unwrap());
        let mut command = Command::new("openssl");
        command.args(["verify", "-CAfile", fixture.server.fact("root"), "-untrusted"]).args([&path, &path]);
        match verdict {
            // The issuer is the first, so a server would present it as its own.
            None => assert_eq!(second.issuer, first.subject),
            Some(text) => {
                assert_eq!(first.issuer, second.subject);
                let said = fixture.run_until(&mut command, 2);
                assert!(said.contains(text), "{said}");
            }
        }
    }
    fixture.did("chainOrder, expiredIntermediate");
}

/// Faults are met by their account only, and shown. The header exempts.
async fn narrowed(fixture: &Fixture, client: &Client<'_>) {
    add(fixture, &json!({ "fault": "503", "retry_after": 9, "account": client.account.id() }));
    add(fixture, &json!({ "fault": "429", "retry_after": 8, "endpoints": ["directory"] }));
    let other = ureq_of(fixture);
    let status = |exempt: &str| {
        let answer = other.get(fixture.server.fact("directory")).header("Selvedge-Faults", exempt).call().unwrap();
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), header("Retry-After"), header("Selvedge-Fault"))
    };
    assert_eq!(status("off"), (200, None, None));
    assert_eq!(status("on"), (429, Some("8".to_owned()), Some("2 429".to_owned())));
    let found = problem(client.account.new_order(&NewOrder::new(&[identifier("a.test")])).await);
    assert_eq!(found.status, Some(503));
    let companion = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
        command.args(arguments).arg("--state").arg(fixture.server.state.join("ca"));
        fixture.run(&mut command)
    };
    let shown = companion(&["faults", "list"]);
    assert!(shown.contains("503 with Retry-After 9 of account") && shown.contains("429 with"), "{shown}");
    let page = other.get(fixture.server.fact("directory").replace("/directory", "/")).call();
    assert!(page.unwrap().body_mut().read_to_string().unwrap().contains("429 with Retry-After 8 at directory"));
    companion(&["faults", "clear"]);
    all_met(fixture, "cleared");
    assert!(
        companion(&["faults", "add", "500", "--endpoint", "keyChange"]).contains("Fault 1 is on: 500 at keyChange")
    );
    companion(&["faults", "clear", "1"]);
    fixture.did("by account, exempt, shown, by command");
}

/// A client that trusts the server's root and takes every status.
fn ureq_of(fixture: &Fixture) -> ureq::Agent {
    let root = fs::read(fixture.server.fact("root")).unwrap();
    let roots = ureq::tls::RootCerts::new_with_certs(&[ureq::tls::Certificate::from_pem(&root).unwrap()]);
    let tls = ureq::tls::TlsConfig::builder().root_certs(roots).build();
    let config = ureq::Agent::config_builder().tls_config(tls).proxy(None).http_status_as_error(false);
    config.timeout_global(Some(Duration::from_secs(60))).build().into()
}

#[test]
fn certbot_lego_and_acme_sh_meet_faults() {
    let mut fixture = Fixture::start("certbot, lego, acme.sh", &["--faults"]);
    with_certbot(&fixture);
    with_lego(&fixture);
    fixture.serve_webroot();
    with_acme_sh(&fixture);
    fixture.report("faults on purpose");
}

/// Runs a client that fails by its fault, with one of these texts.
fn fails(fixture: &Fixture, fault: &Value, command: &mut Command, says: &[&str]) {
    add(fixture, fault);
    let said = fixture.run_until(command, 1);
    assert!(says.iter().any(|text| said.contains(text)), "{fault}: {said}");
    all_met(fixture, &fault.to_string());
}

/// A fault of the next newOrder.
fn of_order(fault: &str) -> Value {
    json!({ "fault": fault, "endpoints": ["newOrder"], "count": 1 })
}

fn with_certbot(fixture: &Fixture) {
    let certbot = || certbot::http_command(fixture, "certbot", &["-d", "c.test"]);
    fails(fixture, &of_order("503"), &mut certbot(), &["fails this request on purpose"]);
    fails(fixture, &of_order("empty"), &mut certbot(), &["JSONDecodeError"]);
    fails(fixture, &of_order("cut"), &mut certbot(), &["Connection aborted", "Connection broken"]);
    add(fixture, &of_order("badNonce"));
    fixture.run(&mut certbot());
    all_met(fixture, "badNonce, which it retries");
    fixture.judge(&certbot::live(fixture, "certbot", "c.test", "fullchain.pem"), &["c.test"]);
    fixture.did("certbot: 503, empty, cut, badNonce");
}

fn with_lego(fixture: &Fixture) {
    let client = Lego::new(fixture, "lego", "ec256");
    let lego = || client.http_command(fixture, &["-d", "l.test"], &[]);
    fails(fixture, &of_order("malformedJson"), &mut lego(), &["unexpected end of JSON", "unexpected EOF"]);
    add(fixture, &of_order("429"));
    add(fixture, &of_order("cut"));
    add(fixture, &json!({ "fault": "badNonce", "endpoints": ["challenge"], "count": 1 }));
    add(fixture, &json!({ "fault": "processing", "endpoints": ["finalize", "order"], "count": 2 }));
    fixture.run(&mut lego());
    all_met(fixture, "429, cut, badNonce and processing, which it retries or waits for");
    fixture.judge(&client.chain(fixture, "l.test"), &["l.test"]);
    fixture.did("lego: 429, malformedJson, cut, badNonce, processing");
}

fn with_acme_sh(fixture: &Fixture) {
    let client = AcmeSh::new(fixture, "acme.sh", "ec-256");
    client.register(fixture, &[]);
    let webroot = fixture.webroot.to_str().unwrap().to_owned();
    let acme_sh = || client.command(fixture, &["--issue", "--webroot", &webroot, "-d", "s.test"]);
    fails(fixture, &of_order("empty"), &mut acme_sh(), &["Error creating new order"]);
    fails(fixture, &of_order("cut"), &mut acme_sh(), &["curl.haxx.se", "Create new order error"]);
    add(fixture, &json!({ "fault": "503", "endpoints": ["newOrder"], "retry_after": 1, "count": 1 }));
    add(fixture, &json!({ "fault": "failedValidation", "name": "s.test", "reason": "connection", "count": 1 }));
    let said = fixture.run_until(&mut acme_sh(), 1);
    assert!(said.contains("fails this validation on purpose"), "{said}");
    all_met(fixture, "503, which it waits for, and failedValidation");
    fixture.run(&mut acme_sh());
    fixture.judge(&client.chain("s.test"), &["s.test"]);
    fixture.did("acme.sh: empty, cut, 503, failedValidation");
}
