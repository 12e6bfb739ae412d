//! Headers, directory, nonces: RFC 8555 §6.1, §6.3, §6.5, §7.1, §7.2. Names begin with the checklist's ids.

use core::time::Duration;
use selvedge::ca::http::message::{Body, Request};
use selvedge::ca::testing::{BASE, Client, World, new_key};
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use serde_json::json;
use std::collections::BTreeSet;

#[test]
fn d01_d03_directory_lists_exactly_the_working_resources() {
    let answered = World::new().ask("GET", "/directory").is(200);
    let directory = answered.json();
    let members: Vec<&str> = directory.as_object().unwrap().keys().map(String::as_str).collect();
    let resources =
        ["newNonce", "newAccount", "newOrder", "newAuthz", "revokeCert", "keyChange", "renewalInfo", "meta"];
    assert_eq!(members, resources);
    let mut urls: BTreeSet<&str> = directory.as_object().unwrap().values().filter_map(|url| url.as_str()).collect();
    assert!(urls.iter().all(|url| url.starts_with(&format!("{BASE}/"))));
    assert!(urls.insert("https://ca.test/directory"), "D-05: the directory's URL is no other resource's");
    assert_eq!(urls.len(), 8);
}

#[test]
fn d02_meta_shows_the_configuration() {
    let world = World::new().reconfigured(|settings| {
        settings.meta.terms_of_service = Some("https://ca.test/terms".to_owned());
        settings.meta.website = Some("https://ca.test/about".to_owned());
    });
    let meta = world.ask("GET", "/directory").json()["meta"].clone();
    assert_eq!(meta["termsOfService"], "https://ca.test/terms");
    assert_eq!(meta["website"], "https://ca.test/about");
    assert_eq!(meta["caaIdentities"], json!(["ca.test"]));
    let world = world.reconfigured(|settings| settings.caa.checked = false);
    let meta = world.ask("GET", "/directory").json()["meta"].clone();
    assert!(meta.get("caaIdentities").is_none(), "what is not checked is not advertised: {meta}");
}

#[test]
fn dns_persist_meta_has_the_values_of_records() {
    let meta = World::new().ask("GET", "/directory").json()["meta"].clone();
    assert_eq!(meta["issuerDomainNames"], json!(["ca.test"]));
    assert_eq!(meta["accountHashPrefix"], "https://ca.test/acme/account-hash/");
}

#[test]
fn d05_the_directory_is_json_and_cached_for_minutes_only() {
    let answered = World::new().ask("GET", "/directory");
    assert_eq!(answered.header("Content-Type"), Some("application/json"));
    assert_eq!(answered.header("Cache-Control"), Some("public, max-age=60"));
}

#[test]
fn n01_new_nonce_answers_head_with_200_and_get_with_204() {
    let world = World::new();
    for (method, status) in [("HEAD", 200), ("GET", 204)] {
        let answered = world.ask(method, "/acme/new-nonce").is(status);
        assert!(answered.header("Replay-Nonce").is_some());
        assert_eq!(answered.text(), "");
    }
    assert!(world.rows().is_empty(), "issuing a nonce writes nothing");
}

#[test]
fn h09_directory_and_new_nonce_answer_post_as_get() {
    let world = World::new();
    let client = Client::registered(&world);
    let directory = client.get("https://ca.test/directory").is(200).json();
    assert_eq!(directory, world.ask("GET", "/directory").json());
    let answered = client.get(&client.url("new-nonce")).is(204);
    assert_eq!(answered.text(), "");
    client.post("https://ca.test/directory", json!({})).refused(400, Kind::Malformed);
    client.post(&client.url("new-nonce"), json!({})).refused(400, Kind::Malformed);
}

#[test]
fn h08_other_gets_are_refused_with_405() {
    let world = World::new();
    let client = Client::registered(&world);
    let order = client.new_order(&["a.test"]).is(201);
    let urls = [client.url("new-account"), client.url("new-order"), client.account().to_owned(), order.location()];
    for url in urls {
        let answered = world.ask("GET", url.strip_prefix(BASE).unwrap()).refused(405, Kind::Malformed);
        assert_eq!(answered.header("Allow"), Some("POST"));
        world.ask("HEAD", url.strip_prefix(BASE).unwrap()).is(405);
    }
    for method in ["PUT", "DELETE", "PATCH", "TRACE", "get", ""] {
        world.ask(method, "/acme/new-order").refused(405, Kind::Malformed);
        world.ask(method, "/nothing").refused(404, Kind::Malformed);
    }
}

#[test]
fn h08_h03_allow_lists_the_methods() {
    let world = World::new();
    let issuer = world.urls().issuer(world.issuer().id());
    for (path, allowed) in [
        ("/directory", "GET, HEAD, POST"),
        ("/acme/new-nonce", "GET, HEAD, POST"),
        ("/acme/new-account", "POST"),
        ("/acme/order/AAAAAAAAAAAAAAAAAAAAAA/finalize", "POST"),
        ("/", "GET, HEAD"),
        (issuer.strip_prefix(BASE).unwrap(), "GET, HEAD"),
    ] {
        assert_eq!(world.ask("DELETE", path).refused(405, Kind::Malformed).header("Allow"), Some(allowed), "{path}");
        assert_eq!(world.ask("OPTIONS", path).is(204).header("Allow"), Some(allowed), "{path}");
        let client = Client::new(&world);
        let posted = client.get(&format!("{BASE}{path}"));
        assert_eq!(posted.status() == 405, !allowed.contains("POST"), "{path}: {}", posted.text());
    }
    assert_eq!(world.ask("OPTIONS", "/nothing").is(204).header("Allow"), None);
}

#[test]
fn h13_foreign_resources_are_unknown() {
    let world = World::new();
    let (owner, other) = (Client::registered(&world), Client::registered(&world));
    let placed = owner.new_order(&["a.test"]).is(201);
    let order = placed.json();
    let (authorization_url, authorization) = owner.authorizations(&order).remove(0);
    let unknown = format!("{BASE}/acme/order/AAAAAAAAAAAAAAAAAAAAAA");
    let urls = [
        placed.location(),
        authorization_url,
        authorization["challenges"][0]["url"].as_str().unwrap().to_owned(),
        owner.account().to_owned(),
        unknown,
    ];
    let details: Vec<String> = urls.iter().map(|url| other.get(url).refused(404, Kind::Malformed).detail()).collect();
    assert_eq!(details[0], details[4], "another's order and an unknown one are answered alike");
    other.post(order["finalize"].as_str().unwrap(), json!({ "csr": "AA" })).refused(404, Kind::Malformed);
    let orders = owner.get(owner.account()).json()["orders"].as_str().unwrap().to_owned();
    other.get(&orders).refused(404, Kind::Malformed);
}

#[test]
fn h03_cors_allows_reads_from_browsers() {
    let world = World::new();
    let answered = world.ask("OPTIONS", "/acme/new-order").is(204);
    assert_eq!(answered.header("Access-Control-Allow-Headers"), Some("Content-Type"));
    assert_eq!(answered.header("Access-Control-Max-Age"), Some("86400"));
    assert_eq!(
        answered.header("Access-Control-Expose-Headers"),
        Some("Link, Replay-Nonce, Location, Retry-After, X-Request-Id")
    );
}

fn with_type(request: Request, content_type: Option<&str>) -> Request {
    Request { content_type: content_type.map(str::to_owned), ..request }
}

#[test]
fn h04_bodies_of_another_media_type_get_415() {
    let client = Client::registered(&World::new());
    for bad in
        [None, Some(""), Some("application/json"), Some("application/jose"), Some("text/plain; application/jose+json")]
    {
        client.send(with_type(client.sign(client.account(), None), bad)).refused(415, Kind::Malformed);
    }
    for good in ["application/jose+json; charset=utf-8", "Application/JOSE+JSON", " application/jose+json "] {
        client.send(with_type(client.sign(client.account(), None), Some(good))).is(200);
    }
}

#[test]
fn h12_oversized_bodies_get_413() {
    let client = Client::registered(&World::new());
    let request = Request { body: None, ..client.sign(client.account(), None) };
    client.send(request).refused(413, Kind::Malformed);
}

#[test]
fn h11_relations_have_separate_link_headers() {
    let world = World::new();
    let client = Client::registered(&world);
    let order = client.new_order(&["a.test"]).json();
    let (_, authorization) = client.authorizations(&order).remove(0);
    let challenge = authorization["challenges"][0]["url"].as_str().unwrap().to_owned();
    let answer = client.get(&challenge).is(200);
    let links = answer.headers("Link");
    assert_eq!(links.len(), 2, "{links:?}");
    for relation in ["index", "up"] {
        let ending = format!(">;rel=\"{relation}\"");
        assert_eq!(links.iter().filter(|link| link.ends_with(&ending)).count(), 1, "{relation}: {links:?}");
    }
}

/// A new member of a request has a place here. That no others are read: `n07_h10_worker_reads_named_headers_only`.
#[test]
fn n07_h10_other_headers_of_a_signed_request_change_nothing() {
    let client = Client::registered(&World::new());
    let sent = |other: &Request| {
        let Request {
            method,
            url_origin,
            path,
            content_type,
            address,
            body,
            authorization: _,
            access: _,
            accept: _,
            origin: _,
            fetch_site: _,
            if_none_match: _,
            exempt: _,
            ray: _,
            endpoint_until: _,
        } = client.sign(client.account(), None);
        client.send(Request { method, url_origin, path, content_type, address, body, ..other.clone() })
    };
    let plain = sent(&Request::default()).is(200);
    let text = |value: &str| Some(value.to_owned());
    for headers in [
        Request { authorization: text("Bearer nonsense"), ..Request::default() },
        Request { access: text("a.b.c"), ..Request::default() },
        Request { exempt: true, ..Request::default() },
        Request { accept: text("text/html"), ray: text("8a1b2c3d4e5f-FRA"), ..Request::default() },
        Request { origin: text("https://other.test"), ..Request::default() },
        Request { fetch_site: text("cross-site"), ..Request::default() },
        Request { if_none_match: text("*"), ..Request::default() },
    ] {
        let answer = sent(&headers).is(200);
        assert_eq!(answer.json(), plain.json(), "{headers:?}");
        assert_eq!(answer.headers("Content-Type"), plain.headers("Content-Type"), "{headers:?}");
    }
}

#[test]
fn h01_every_url_is_https_and_json_is_utf_8() {
    let client = Client::registered(&World::new());
    let order = client.new_order(&["a.test"]).is(201).json();
    let authorizations = client.authorizations(&order);
    let account = client.get(client.account()).json();
    let directory = client.world.ask("GET", "/directory").json();
    for object in [&order, &authorizations[0].1, &account, &directory] {
        for url in object.to_string().split('"').filter(|text| text.contains("://")) {
            assert!(url.starts_with("https://"), "{url}");
        }
    }
    // A body that is not UTF-8 is refused.
    let latin = [b"{\"protected\":\"\xfc\"}".as_slice(), &[0xff]].concat();
    client.send(client.request(client.account(), latin)).refused(400, Kind::Malformed);
}

#[test]
fn the_issuer_certificate_is_served() {
    let world = World::new();
    let path = world.urls().issuer(world.issuer().id());
    let answered = world.ask("GET", path.strip_prefix(BASE).unwrap()).is(200);
    assert_eq!(answered.header("Content-Type"), Some("application/pkix-cert"));
    assert_eq!(answered.response.body, Body::Bytes(world.issuer().certificate_der().to_vec()));
    world.ask("GET", "/issuer/00.crt").refused(404, Kind::Malformed);
    world.ask("GET", "/").is(200);
    world.ask("GET", "/nothing").refused(404, Kind::Malformed);
}

#[test]
fn n03_bad_nonces_are_refused_with_a_usable_fresh_one() {
    let world = World::new();
    let client = Client::registered(&world);
    let url = client.account().to_owned();
    let other_key = World::new().reconfigured(|settings| settings.nonce_key = [8; 32].into());
    let foreign = Client::new(&other_key).fresh_nonce();
    let long_ago = client.fresh_nonce();
    world.pass(Duration::from_secs(2 * 3600 + 1));
    for (nonce, kind) in [
        (Some(foreign.as_str()), Kind::BadNonce),
        (Some(long_ago.as_str()), Kind::BadNonce),
        (Some("AAAA"), Kind::BadNonce),
        (None, Kind::BadNonce),
        (Some("not base64url!"), Kind::Malformed),
        (Some("AAAA=="), Kind::Malformed),
        (Some(""), Kind::Malformed),
    ] {
        let mut protected = json!({ "kid": client.account(), "url": url });
        if let Some(nonce) = nonce {
            protected["nonce"] = nonce.into();
        }
        let answered = client.send(client.request(&url, client.key.sign_jws(protected, None))).refused(400, kind);
        if kind == Kind::BadNonce && nonce.is_some() {
            // N-05: acme.sh looks for these words.
            assert!(answered.detail().contains("JWS has an invalid anti-replay nonce"), "{}", answered.detail());
        }
        client.get(&url).is(200);
    }
}

#[test]
fn n04_nonce_is_redeemed_by_a_failed_request() {
    let world = World::new();
    let client = Client::registered(&world);
    let missing = format!("{BASE}/acme/order/AAAAAAAAAAAAAAAAAAAAAA");
    for nonce in [client.fresh_nonce(), client.nonce()] {
        let send = |url: &str| {
            let protected = json!({ "kid": client.account(), "nonce": nonce, "url": url });
            client.send(client.request(url, client.key.sign_jws(protected, None)))
        };
        send(&missing).refused(404, Kind::Malformed);
        send(client.account()).refused(400, Kind::BadNonce);
    }
    let nobody = Client::new(&world);
    let request = nobody.sign(&nobody.url("new-account"), Some(json!({ "onlyReturnExisting": true })));
    nobody.send(request.clone()).refused(400, Kind::AccountDoesNotExist);
    nobody.send(request).refused(400, Kind::BadNonce);
}

#[test]
fn n04_unsigned_request_does_not_redeem_a_nonce() {
    let world = World::new();
    let (client, stranger) = (Client::registered(&world), Client::new(&world));
    let nonce = client.nonce();
    let protected = json!({ "kid": client.account(), "nonce": nonce, "url": client.account() });
    let forged = client.request(client.account(), stranger.key.sign_jws(protected.clone(), None));
    stranger.send(forged).refused(400, Kind::Malformed);
    client.send(client.request(client.account(), client.key.sign_jws(protected, None))).is(200);
}

#[test]
fn n06_nonce_is_valid_for_over_an_hour_and_for_any_account() {
    let world = World::new();
    let (client, other) = (Client::registered(&world), Client::registered(&world));
    let nonce = other.nonce();
    world.pass(Duration::from_secs(3600));
    let protected = json!({ "kid": client.account(), "nonce": nonce, "url": client.account() });
    let request = client.request(client.account(), client.key.sign_jws(protected, None));
    client.send(request.clone()).is(200);
    client.send(request).refused(400, Kind::BadNonce);
}

#[test]
fn redeemed_nonces_are_deleted_after_expiry() {
    let world = World::new();
    let client = Client::registered(&world);
    for _ in 0..5 {
        client.get(client.account()).is(200);
    }
    assert!(world.redeemed_nonces() >= 5);
    world.pass(Duration::from_secs(3 * 3600 + 60));
    world.run_due_alarms();
    // A partition that is in memory anew begins a new series.
    world.restart();
    let client = client.at(&world);
    for _ in 0..2 {
        client.get(client.account()).is(200);
    }
    assert_eq!(world.redeemed_in("account/"), 1, "after that of a shard");
}

/// What caches may store has an `ETag` (RFC 9110 §13.1.2).
#[test]
fn cacheable_documents_are_revalidated_by_their_tags() {
    let world = World::new();
    let client = Client::registered(&world);
    let leaf = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    world.live(Duration::from_secs(30));
    let issuer = world.issuer().id().to_owned();
    let shard = world.rows().into_keys().find_map(|(_, key)| key.strip_prefix("crl/").map(str::to_owned)).unwrap();
    let renewal = format!("{}/{}", client.url("renewal-info"), client.cert_id(&leaf));
    let paths = ["/directory", "/", &format!("/issuer/{issuer}.crt"), &format!("/crl/{issuer}/{shard}.crl"), &renewal];
    for path in paths.map(|path| path.strip_prefix("https://ca.test").unwrap_or(path).to_owned()) {
        let ask = |tag: Option<&str>, method: &str| {
            let (method, if_none_match) = (method.to_owned(), tag.map(str::to_owned));
            world.send(Request {
                method,
                path: path.clone(),
                if_none_match,
                body: Some(Vec::new()),
                ..Request::default()
            })
        };
        let first = ask(None, "GET").is(200);
        let control = first.header("Cache-Control").unwrap().to_owned();
        assert!(control.starts_with("public, max-age="), "{path}: {control}");
        let tag = first.header("ETag").unwrap().to_owned();
        assert!(tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'), "{path}: {tag}");
        assert_eq!(ask(None, "HEAD").is(200).header("ETag"), Some(&*tag), "{path}");
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let again = ask(Some(&known), "GET").is(304);
            assert_eq!(again.response.body.octets(), b"", "{path}");
            assert_eq!((again.header("ETag"), again.header("Cache-Control")), (Some(&*tag), Some(&*control)), "{path}");
            assert_eq!(again.header("Retry-After"), first.header("Retry-After"), "{path}");
            assert_eq!((again.header("Vary"), again.header("Content-Type")), (first.header("Vary"), None), "{path}");
        }
        let other = ask(Some("\"x\""), "GET").is(200);
        assert_eq!(other.response.body, first.response.body, "{path}");
    }
    for (path, status) in [("/acme/new-nonce", 204), ("/issuers", 200)] {
        let answered = world.send(Request {
            method: "GET".to_owned(),
            path: path.to_owned(),
            if_none_match: Some("*".to_owned()),
            body: Some(Vec::new()),
            ..Request::default()
        });
        let answered = answered.is(status);
        assert_eq!((answered.header("Cache-Control"), answered.header("ETag")), (Some("no-store"), None));
    }
}
