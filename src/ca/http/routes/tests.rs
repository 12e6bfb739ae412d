use super::*;
use crate::ca::http::pause_link::Pause;

#[test]
fn every_url_round_trips() {
    let urls = Urls::new("https://ca.test/");
    let (a, b) = (Id::from_random([1; 16]), Id::from_random([2; 16]));
    let serial = Serial::from_random([3; 18]);
    let pause =
        Pause { account: a.clone(), subject: "ip:2001:db8::1".to_owned(), since: Time::from_millis(1_795_521_600_123) };
    for (url, route) in [
        (urls.home(), Route::Public(PublicRoute::Home)),
        (urls.style(), Route::Public(PublicRoute::Style)),
        (urls.root(Encoding::Der), Route::Public(PublicRoute::Root(Encoding::Der))),
        (urls.root(Encoding::Pem), Route::Public(PublicRoute::Root(Encoding::Pem))),
        (urls.directory(), Route::Account(AccountRoute::Directory)),
        (urls.resource("new-nonce"), Route::Account(AccountRoute::NewNonce)),
        (urls.resource("new-account"), Route::NewAccount),
        (urls.resource("new-order"), Route::Account(AccountRoute::NewOrder)),
        (urls.resource("revoke-cert"), Route::Account(AccountRoute::RevokeCert)),
        (urls.resource("key-change"), Route::Account(AccountRoute::KeyChange)),
        (urls.account(&a), Route::Account(AccountRoute::Account(a.clone()))),
        (urls.orders(&a, None), Route::Account(AccountRoute::Orders(a.clone(), None))),
        (urls.orders(&a, Some(&b)), Route::Account(AccountRoute::Orders(a.clone(), Some(b.clone())))),
        (urls.order(&a), Route::Account(AccountRoute::Order(a.clone()))),
        (urls.finalize(&a), Route::Account(AccountRoute::Finalize(a.clone()))),
        (urls.authorization(&a), Route::Account(AccountRoute::Authorization(a.clone()))),
        (urls.challenge(&a, "http-01"), Route::Account(AccountRoute::Challenge(a.clone(), "http-01".into()))),
        (urls.certificate(&serial.hex(), 0), Route::Account(AccountRoute::Certificate(serial.clone(), 0))),
        (urls.certificate(&serial.hex(), 12), Route::Account(AccountRoute::Certificate(serial.clone(), 12))),
        (urls.resource("new-authz"), Route::Account(AccountRoute::NewAuthorization)),
        (urls.resource("renewal-info") + "/a.b", Route::Public(PublicRoute::RenewalInfo("a.b".into()))),
        (urls.agreement(&a, "proof"), Route::Form(FormRoute::Agreement(a.clone(), "proof".into()))),
        (urls.resumption(&pause, "proof"), Route::Form(FormRoute::Resumption(pause.clone(), "proof".into()))),
        (urls.of_path("/metrics"), Route::Public(PublicRoute::Metrics)),
        (urls.issuer("00ff"), Route::Public(PublicRoute::Issuer("00ff".into()))),
        (urls.crl_file(CrlFile::Root), Route::Public(PublicRoute::CrlFile(CrlFile::Root))),
        (urls.crl_file(CrlFile::All), Route::Public(PublicRoute::CrlFile(CrlFile::All))),
    ] {
        assert_eq!(Route::parse(url.strip_prefix("https://ca.test").unwrap()), Some(route), "{url}");
    }
    assert_eq!(urls.account_of(&urls.account(&a)), Some(a));
}

#[test]
fn t27_account_of_accepts_exact_urls_only() {
    let urls = Urls::new("https://ca.test");
    let good = urls.account(&Id::from_random([1; 16]));
    for bad in [
        good.replace("https", "http"),
        good.replace("ca.test", "CA.test"),
        good.replace("ca.test", "ca.test:443"),
        format!("{good}/"),
        format!("{good}?"),
        good.replace("account", "order"),
        good.replace("/acme", "//acme"),
        String::new(),
    ] {
        assert_eq!(urls.account_of(&bad), None, "{bad}");
    }
}

#[test]
fn unknown_paths_are_refused() {
    for bad in [
        "",
        "/x",
        "/directory/",
        "/root",
        "/root.crt/",
        "/page.css?x",
        "/directory?x",
        "/acme",
        "/acme/",
        "/acme/order",
        "/acme/order/short",
        "/acme/new-order/x",
        "/acme/cert",
        "/acme/cert/",
        "/acme/cert/0G",
        "/acme/cert/01AB",
        "/acme/cert/01/",
        "/acme/cert/01/0",
        "/acme/cert/01/01",
        "/acme/cert/01/+1",
        "/acme/cert/01/100",
        "/acme/cert/01/1/",
        "/acme/renewal-info",
        "/acme/renewal-info/a.b/",
        "/issuer/x.crt",
        "/issuer/.crt",
        "/issuer/00",
        "/terms/short/x",
        "/terms/AAAAAAAAAAAAAAAAAAAAAA",
        "//directory",
        "/acme/../directory",
    ] {
        assert_eq!(Route::parse(bad), None, "{bad}");
    }
}

#[test]
fn pebble_paths_round_trip() {
    let urls = Urls::new("https://ca.test").in_style(Style::Pebble);
    let (id, serial) = (Id::from_random([1; 16]), Serial::from_random([3; 18]));
    let hex = serial.hex();
    for (url, path, route) in [
        (urls.directory(), "/dir".to_owned(), Route::Account(AccountRoute::Directory)),
        (urls.resource("new-nonce"), "/nonce-plz".to_owned(), Route::Account(AccountRoute::NewNonce)),
        (urls.resource("new-account"), "/sign-me-up".to_owned(), Route::NewAccount),
        (urls.account(&id), format!("/my-account/{id}"), Route::Account(AccountRoute::Account(id.clone()))),
        (urls.orders(&id, None), format!("/list-orderz/{id}"), Route::Account(AccountRoute::Orders(id.clone(), None))),
        (urls.order(&id), format!("/my-order/{id}"), Route::Account(AccountRoute::Order(id.clone()))),
        (urls.finalize(&id), format!("/finalize-order/{id}"), Route::Account(AccountRoute::Finalize(id.clone()))),
        (
            urls.challenge(&id, "dns-01"),
            format!("/chalZ/{id}/dns-01"),
            Route::Account(AccountRoute::Challenge(id.clone(), "dns-01".into())),
        ),
        (
            urls.certificate(&hex, 0),
            format!("/certZ/{hex}"),
            Route::Account(AccountRoute::Certificate(serial.clone(), 0)),
        ),
        (
            urls.certificate(&hex, 2),
            format!("/certZ/{hex}/alternate/2"),
            Route::Account(AccountRoute::Certificate(serial.clone(), 2)),
        ),
        (
            urls.resource("renewal-info") + "/a.b",
            "/draft-ietf-acme-ari-03/renewalInfo/a.b".to_owned(),
            Route::Public(PublicRoute::RenewalInfo("a.b".into())),
        ),
        (urls.resource("new-authz"), "/acme/new-authz".to_owned(), Route::Account(AccountRoute::NewAuthorization)),
        (urls.issuer("00ff"), "/issuer/00ff.crt".to_owned(), Route::Public(PublicRoute::Issuer("00ff".into()))),
    ] {
        assert_eq!(url, format!("https://ca.test{path}"));
        assert_eq!(urls.route(&path), Some(route), "{path}");
    }
    assert_eq!(urls.route("/authZ"), None);
    assert_eq!(urls.route("/authZx"), None);
    assert_eq!(Urls::new("https://ca.test").route("/dir"), None, "only in that style");
}

#[test]
fn t27_pebble_urls_are_signed_at_any_host() {
    let urls = Urls::new("https://ca.test").in_style(Style::Pebble);
    let account = Id::from_random([1; 16]);
    assert_eq!(urls.to_sign("/dir", Some("https://pebble:14000/dir")), "https://pebble:14000/dir");
    assert_eq!(urls.to_sign("/dir", Some("https://pebble:14000/other")), "https://pebble:14000/dir");
    assert_eq!(urls.to_sign("/dir", Some("dir")), "https://ca.test/dir");
    assert_eq!(urls.resource_to_sign("new-account", Some("https://[::1]:1/x")), "https://[::1]:1/sign-me-up");
    assert_eq!(urls.account_of(&format!("https://pebble/my-account/{account}")), Some(account.clone()));
    let own = Urls::new("https://ca.test");
    assert_eq!(own.to_sign("/directory", Some("https://evil.test/directory")), "https://ca.test/directory");
    assert_eq!(own.account_of(&format!("https://evil.test/acme/account/{account}")), None);
}
