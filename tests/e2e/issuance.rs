//! End to end: the companion, the wasm on workerd, and a strict client over https.

use crate::common::server::{Server, signal};
use crate::common::wire::{Wire, body, header};
use selvedge::ca::testing::CsrShape;
use selvedge::jose::testing::ClientKey;
use selvedge::pki::pem;
use selvedge::values::{SigAlg, b64};
use serde_json::json;
use std::process::Command;

fn start() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), 0);
    (folder, server)
}

fn client(server: &Server) -> Wire {
    let mut wire = Wire::new(server.fact("directory"), server.fact("root"));
    wire.register();
    wire
}

#[test]
fn issuance_takes_few_calls_and_openssl_accepts_it() {
    let (folder, server) = start();
    let wire = client(&server);
    // The first one writes what a ledger has once.
    let (_, first) = wire.ready_order("zero.test", server.http01);
    wire.post(first["finalize"].as_str().unwrap(), Some(wire.csr("zero.test")));
    *wire.calls.borrow_mut() = 0;
    *wire.rows.borrow_mut() = 0;
    let (url, order) = wire.ready_order("one.test", server.http01);
    let finalized = wire.post(order["finalize"].as_str().unwrap(), Some(wire.csr("one.test")));
    assert_eq!(body(&finalized)["status"], "valid", "{}", finalized.body());
    assert_eq!(header(&finalized, "location"), url, "t01");
    let pem = wire.post(body(&finalized)["certificate"].as_str().unwrap(), None);
    assert_eq!(header(&pem, "content-type"), "application/pem-certificate-chain");
    let calls = *wire.calls.borrow();
    println!("Durable Object calls per issuance: {calls}");
    assert!((1..=12).contains(&calls), "{calls}");
    let rows = *wire.rows.borrow();
    println!("rows written by the requests of an issuance: {rows}");
    // Each poll on a busy machine writes one more, and the first certificate of a CRL's shard two.
    assert!((10..=22).contains(&rows), "{rows}");
    let file = folder.path().join("chain.pem");
    std::fs::write(&file, pem.body()).unwrap();
    let verified = Command::new("openssl")
        .args(["verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "one.test", "-CAfile"])
        .args([server.fact("root"), "-untrusted", file.to_str().unwrap(), file.to_str().unwrap()])
        .output()
        .expect("openssl has to be installed");
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn h05_h12_n01_headers_on_the_wire() {
    let (_folder, server) = start();
    let wire = client(&server);
    let (_, order) = wire.ready_order("links.test", server.http01);
    let authorization = body(&wire.post(order["authorizations"][0].as_str().unwrap(), None));
    let challenge = wire.post(authorization["challenges"][0]["url"].as_str().unwrap(), None);
    // workerd writes repeated headers as one line (docs/DIVERGENCES.md), so relations are counted, not lines.
    let lines = challenge.headers().get_all("link").iter().map(|line| line.to_str().unwrap());
    let links: Vec<&str> = lines.flat_map(|line| line.split(", ")).collect();
    assert_eq!(links.len(), 2, "{links:?}");
    for relation in ["index", "up"] {
        let ending = format!(">;rel=\"{relation}\"");
        assert_eq!(
            links.iter().filter(|link| link.starts_with('<') && link.ends_with(&ending)).count(),
            1,
            "{links:?}"
        );
    }
    let nonce = wire.get(&wire.url("/acme/new-nonce"));
    assert_eq!((nonce.status().as_u16(), header(&nonce, "cache-control").as_str()), (204, "no-store"));
    // workerd answers before it has read all of a body that is too long, and closes the connection soon after. A client
    // that still writes then may miss the answer.
    let (url, body) = (wire.url("/acme/new-order"), vec![b'x'; 70_000]);
    let long = (0..20).find_map(|_| wire.try_to_send(&url, "application/jose+json", &body).ok());
    let long = long.expect("an answer in one of twenty tries");
    assert_eq!(long.status(), 413, "h12: {}", long.body());
    header(&long, "replay-nonce");
}

#[test]
fn n04_one_of_fifty_identical_requests_succeeds() {
    let (_folder, server) = start();
    let wire = client(&server);
    let url = wire.url("/acme/new-order");
    let request = wire.sign(&url, Some(json!({ "identifiers": [{ "type": "dns", "value": "race.test" }] })));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..50)
            .map(|_| {
                let (url, request) = (url.clone(), request.clone());
                let (directory, root) = (server.fact("directory"), server.fact("root"));
                scope.spawn(move || {
                    let racer = Wire::new(directory, root);
                    racer.send(&url, "application/jose+json", &request).status().as_u16()
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), 49, "{statuses:?}");
}

#[test]
fn killed_workerd_loses_no_certificate_and_no_order_is_stuck() {
    let (_folder, mut server) = start();
    let wire = client(&server);
    for round in 0..5 {
        let name = format!("kill{round}.test");
        let (url, order) = wire.ready_order(&name, server.http01);
        let csr = wire.csr(&name);
        let finalized = wire.post(order["finalize"].as_str().unwrap(), Some(csr.clone()));
        assert_eq!(body(&finalized)["status"], "valid");
        let certificate = body(&finalized)["certificate"].as_str().unwrap().to_owned();
        let before = wire.post(&certificate, None).body().clone();
        let (ready, open) = wire.ready_order(&format!("open{round}.test"), server.http01);
        server = server.crash();
        assert_eq!(body(&wire.post(&url, None))["status"], "valid");
        assert_eq!(wire.post(&certificate, None).body(), &before, "the same certificate");
        assert_eq!(body(&wire.post(&ready, None))["status"], "ready");
        let late = wire.csr(&format!("open{round}.test"));
        let late = wire.post(open["finalize"].as_str().unwrap(), Some(late));
        assert_eq!(body(&late)["status"], "valid", "{}", late.body());
    }
}

#[test]
fn workerd_killed_during_finalize_leaves_a_resumable_order() {
    let (_folder, mut server) = start();
    let wire = client(&server);
    for round in 0..10_u64 {
        let name = format!("mid{round}.test");
        let (url, order) = wire.ready_order(&name, server.http01);
        let csr = wire.csr(&name);
        let finalize = order["finalize"].as_str().unwrap();
        let request = wire.sign(finalize, Some(csr.clone()));
        let racer = Wire::new(server.fact("directory"), server.fact("root"));
        let (target, workerd) = (finalize.to_owned(), server.facts["workerd_pid"].as_u64().unwrap());
        let sender = std::thread::spawn(move || racer.try_send(&target, &request).is_some());
        // From before the request arrives to after it is answered, which takes some ten milliseconds.
        std::thread::sleep(std::time::Duration::from_millis(round * 2));
        signal("KILL", workerd);
        let answered = sender.join().unwrap();
        server = server.restart();
        wire.forget_nonce();
        let mut seen = body(&wire.post(&url, None));
        assert!(!answered || seen["status"] == "valid", "what was answered is kept: {seen}");
        while seen["status"] != "valid" {
            match seen["status"].as_str() {
                Some("ready") => drop(wire.post(finalize, Some(csr.clone()))),
                Some("processing") => std::thread::sleep(std::time::Duration::from_millis(200)),
                _ => panic!("stuck: {seen}"),
            }
            seen = body(&wire.post(&url, None));
        }
        let chain = wire.post(seen["certificate"].as_str().unwrap(), None);
        assert!(chain.body().starts_with("-----BEGIN CERTIFICATE-----\n"));
    }
}

#[test]
fn j05_c02_r04_every_key_type_works_with_webcrypto() {
    let (_folder, server) = start();
    for (round, account) in [SigAlg::Es256, SigAlg::Es384, SigAlg::Rs256, SigAlg::Ed25519].into_iter().enumerate() {
        let mut wire = Wire::new(server.fact("directory"), server.fact("root"));
        wire.key = ClientKey::generate(account);
        wire.register();
        let name = format!("key{round}.test");
        for certificate in [SigAlg::Es256, SigAlg::Es384, SigAlg::Rs256, SigAlg::Ed25519] {
            let key = ClientKey::generate(certificate);
            let (_, order) = wire.ready_order(&name, server.http01);
            let csr = CsrShape::dns(&[&name]).build(key.native());
            let csr = json!({ "csr": b64::encode(&csr) });
            let finalized = body(&wire.post(order["finalize"].as_str().unwrap(), Some(csr)));
            assert_eq!(finalized["status"], "valid", "{account:?} {certificate:?}: {finalized}");
            let chain = wire.post(finalized["certificate"].as_str().unwrap(), None);
            let leaf = pem::read_certificates(chain.body()).unwrap().remove(0);
            // Revoked by the certificate's own key.
            let mut holder = Wire::new(server.fact("directory"), server.fact("root"));
            holder.key = key;
            let revoked =
                holder.post(&holder.url("/acme/revoke-cert"), Some(json!({ "certificate": b64::encode(&leaf) })));
            assert_eq!(revoked.status(), 200, "{certificate:?}: {}", revoked.body());
        }
    }
}

#[test]
fn c06_every_digest_of_an_ecdsa_csr_is_checked_by_webcrypto() {
    let (_folder, server) = start();
    let wire = client(&server);
    for alg in [SigAlg::EcP256Sha384, SigAlg::EcP256Sha512, SigAlg::EcP384Sha256, SigAlg::EcP384Sha512] {
        let (_, order) = wire.ready_order("digest.test", server.http01);
        let key = ClientKey::generate(alg);
        let finalize = order["finalize"].as_str().unwrap();
        let post = |spoiled| {
            let csr = CsrShape { alg: Some(alg), spoiled, ..CsrShape::dns(&["digest.test"]) }.build(key.native());
            wire.post(finalize, Some(json!({ "csr": b64::encode(&csr) })))
        };
        let refused = post(true);
        assert_eq!(body(&refused)["type"], "urn:ietf:params:acme:error:badCSR", "{alg:?}: {}", refused.body());
        let finished = post(false);
        assert_eq!(body(&finished)["status"], "valid", "{alg:?}: {}", finished.body());
    }
}

/// FP-07: the longest that newOrder takes fits in requests, storage and answers.
#[test]
fn o09_hundred_full_length_names_are_issued() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), 0, &["--set", r#"POLICY={"preauthorized":["*.corp.test"]}"#]);
    let mut wire = client(&server);
    wire.key = ClientKey::generate(SigAlg::Rs256);
    wire.kid = None;
    wire.register();
    let label = |length| "x".repeat(length);
    let names: Vec<String> =
        (0..100).map(|n| format!("{n:02}{}.{}.{}.{}.corp.test", label(61), label(63), label(63), label(51))).collect();
    assert!(names.iter().all(|name| name.len() == 253));
    let identifiers: Vec<_> = names.iter().map(|name| json!({ "type": "dns", "value": name })).collect();
    let order = body(&wire.post(&wire.url("/acme/new-order"), Some(json!({ "identifiers": identifiers }))));
    assert_eq!(order["status"], "ready", "{order}");
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let csr = CsrShape::dns(&names).build(ClientKey::generate(SigAlg::Rs256).native());
    let finished = body(&wire.post(order["finalize"].as_str().unwrap(), Some(json!({ "csr": b64::encode(&csr) }))));
    assert_eq!(finished["status"], "valid", "{finished}");
    let chain = wire.post(finished["certificate"].as_str().unwrap(), None);
    let leaf = pem::read_certificates(chain.body()).unwrap().remove(0);
    let revoked = wire.post(&wire.url("/acme/revoke-cert"), Some(json!({ "certificate": b64::encode(&leaf) })));
    assert_eq!(revoked.status(), 200, "{}", revoked.body());
}

#[test]
fn z06_alarm_retries_a_failed_validation() {
    let (_folder, server) = start();
    let wire = client(&server);
    let wanted = json!({ "identifiers": [{ "type": "dns", "value": "late.test" }] });
    let order = body(&wire.post(&wire.url("/acme/new-order"), Some(wanted)));
    let authorization = order["authorizations"][0].as_str().unwrap();
    let challenge = wire.challenge(authorization);
    let url = challenge["url"].as_str().unwrap();
    // Nobody listens yet.
    let first = wire.post(url, Some(json!({})));
    assert_eq!(body(&first)["status"], "processing", "{}", first.body());
    header(&first, "retry-after");
    let responder = wire.serve(server.http01, &challenge);
    let mut seen = body(&wire.post(url, None));
    assert_eq!(seen["error"]["type"], "urn:ietf:params:acme:error:connection", "{seen}");
    while seen["status"] == "processing" {
        std::thread::sleep(std::time::Duration::from_millis(200));
        seen = body(&wire.post(url, None));
    }
    assert_eq!(seen["status"], "valid", "{seen}");
    drop(responder);
}
