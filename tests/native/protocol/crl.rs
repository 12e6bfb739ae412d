//! CRLs: when they are signed, their contents, and their delivery (RFC 5280 §5).

use core::time::Duration;
use der::{Decode, Encode};
use selvedge::ca::config::issuers::PublicationUrls;
use selvedge::ca::http::message::{Body, Request};
use selvedge::ca::testing::{Answered, Client, World, new_key};
use selvedge::records::Kind;
use selvedge::records::ledger::crl::{GATHERED, RENEWED, VALIDITY};
use selvedge::values::{SigAlg, Time, Verify, native_crypto::NativeCrypto};
use serde_json::json;
use x509_cert::Certificate;
use x509_cert::crl::CertificateList;
use x509_cert::ext::pkix::CrlDistributionPoints;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};

const DAY: Duration = Duration::from_secs(86_400);

pub fn issue(client: &Client, profile: &str) -> Vec<u8> {
    client.issue_with(&["a.test"], json!({ "profile": profile }), &new_key(SigAlg::Es256))
}

/// The URL in a certificate's CRL distribution point, if it has one.
pub fn pointer(leaf: &[u8]) -> Option<String> {
    let leaf = Certificate::from_der(leaf).unwrap();
    let (critical, points) = leaf.tbs_certificate().get_extension::<CrlDistributionPoints>().unwrap()?;
    assert!(!critical && points.0.len() == 1);
    match points.0[0].distribution_point.as_ref().unwrap() {
        DistributionPointName::FullName(names) => match names.as_slice() {
            [GeneralName::UniformResourceIdentifier(url)] => Some(url.as_str().to_owned()),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

pub fn path(url: &str) -> String {
    url.strip_prefix("http://ca.test").unwrap().to_owned()
}

fn get(path: String) -> Request {
    Request { method: "GET".to_owned(), path, body: Some(vec![]), ..Request::default() }
}

pub fn fetch(world: &World, url: &str) -> Answered {
    // What was kept in memory is for a crowd of the same moment.
    world.pass(Duration::from_secs(1));
    world.ask("GET", &path(url))
}

/// A list as a verifier sees it.
struct List {
    number: u64,
    from: Time,
    until: Time,
    serials: Vec<Vec<u8>>,
    reasons: Vec<Option<u8>>,
}

/// The list at this URL, whose signature by the world's first issuer holds.
fn list(world: &World, url: &str) -> List {
    let answered = fetch(world, url).is(200);
    let Body::Bytes(der) = &answered.response.body else { panic!("a CRL is DER") };
    let list = CertificateList::<x509_cert::certificate::Rfc5280>::from_der(der).unwrap();
    let tbs = list.tbs_cert_list;
    let issuer = world.settings().issuers.slots().map(|slot| &slot.issuer);
    let name = tbs.issuer.to_der().unwrap();
    let issuer = issuer.into_iter().find(|issuer| url.contains(issuer.id())).unwrap();
    assert_eq!(issuer.subject(), name);
    let raw = selvedge::pki::sigalg::from_x509(issuer.algorithm(), list.signature.raw_bytes()).unwrap();
    let signed = tbs.to_der().unwrap();
    let holds = NativeCrypto.verify(issuer.algorithm(), issuer.public_key().spki_der(), &signed, &raw);
    assert!(tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(holds).unwrap());
    let number = tbs.crl_extensions.as_ref().unwrap().iter().find(|e| e.extn_id.to_string() == "2.5.29.20").unwrap();
    let number = der::asn1::UintRef::from_der(number.extn_value.as_bytes()).unwrap();
    let number = number.as_bytes().iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let revoked = tbs.revoked_certificates.unwrap_or_default();
    let time = |time: x509_cert::time::Time| Time::from_secs(time.to_unix_duration().as_secs());
    List {
        number,
        from: time(tbs.this_update),
        until: time(tbs.next_update.unwrap()),
        serials: revoked.iter().map(|entry| entry.serial_number.as_bytes().to_vec()).collect(),
        reasons: revoked
            .iter()
            .map(|entry| entry.crl_entry_extensions.as_ref().map(|all| all[0].extn_value.as_bytes()[2]))
            .collect(),
    }
}

fn serial(leaf: &[u8]) -> Vec<u8> {
    Certificate::from_der(leaf).unwrap().tbs_certificate().serial_number().as_bytes().to_vec()
}

#[test]
fn first_certificate_of_a_shard_creates_its_crl() {
    let world = World::new();
    let client = Client::registered(&world);
    let id = world.issuer().id().to_owned();
    for shard in 0..4 {
        world.ask("GET", &format!("/crl/{id}/{shard}.crl")).refused(404, Kind::Malformed);
    }
    let leaf = issue(&client, "default");
    let url = pointer(&leaf).unwrap();
    assert!(url.starts_with(&format!("http://ca.test/crl/{id}/")), "{url}");
    assert!(world.records("crl/").is_empty());
    world.run_due_alarms();
    assert_eq!(world.records("crl/").len(), 1, "signed by the alarm, whoever asks");
    let first = list(&world, &url);
    assert!(first.serials.is_empty() && first.from < world.now());
    assert!(world.now().until(first.until) > VALIDITY - Duration::from_secs(60));
    for other in (0..4).map(|shard| format!("/crl/{id}/{shard}.crl")).filter(|other| *other != path(&url)) {
        world.ask("GET", &other).refused(404, Kind::Malformed);
    }
    for nothing in ["/crl/00/0.crl", "/crl/00/0", "/crl/00/00.crl", "/crl/00/65536.crl", "/crl/0G/0.crl", "/crl/00"] {
        world.ask("GET", nothing).refused(404, Kind::Malformed);
    }
}

#[test]
fn crl_is_signed_on_request_before_the_alarm() {
    let world = World::new();
    let url = pointer(&issue(&Client::registered(&world), "default")).unwrap();
    assert!(list(&world, &url).serials.is_empty());
}

#[test]
fn revocation_is_on_the_crl_at_once_with_its_reason() {
    let world = World::new();
    let client = Client::registered(&world);
    for (reason, shown) in [(None, None), (Some(0), None), (Some(1), Some(1)), (Some(4), Some(4))] {
        let leaf = issue(&client, "default");
        let url = pointer(&leaf).unwrap();
        let before = list(&world, &url);
        assert!(!before.serials.contains(&serial(&leaf)));
        world.pass(GATHERED);
        client.revoke(&leaf, reason).is(200);
        let after = list(&world, &url);
        let at = after.serials.iter().position(|one| *one == serial(&leaf)).unwrap();
        assert_eq!(after.reasons[at], shown);
        assert!(after.number > before.number);
    }
}

#[test]
fn concurrent_revocations_share_a_crl_within_seconds() {
    let world = World::new().reconfigured(|s| s.published = Some(PublicationUrls::new("http://ca.test", 1)));
    let client = Client::registered(&world);
    let leaves: Vec<_> = (0..5).map(|_| issue(&client, "default")).collect();
    world.run_due_alarms();
    world.pass(GATHERED);
    let signed = world.sign_fault().count();
    client.revoke(&leaves[0], None).is(200);
    world.run_due_alarms();
    world.pass(Duration::from_secs(1));
    for leaf in &leaves[1..] {
        client.revoke(leaf, None).is(200);
        world.run_due_alarms();
    }
    assert_eq!(world.sign_fault().count() - signed, 1, "the others wait");
    world.pass(GATHERED);
    world.run_due_alarms();
    assert_eq!(world.sign_fault().count() - signed, 2);
    let url = pointer(&leaves[0]).unwrap();
    let mut all = list(&world, &url).serials;
    all.sort();
    let mut wanted: Vec<_> = leaves.iter().map(|leaf| serial(leaf)).collect();
    wanted.sort();
    assert_eq!(all, wanted);
}

#[test]
fn crls_are_signed_daily_until_the_last_expiry_with_rising_numbers() {
    let world = World::new().reconfigured(|settings| settings.keep_expired = None);
    let client = Client::registered(&world);
    let leaf = issue(&client, "client");
    let url = pointer(&leaf).unwrap();
    let end = Certificate::from_der(&leaf).unwrap().tbs_certificate().validity().not_after.to_unix_duration();
    let end = Time::from_secs(end.as_secs());
    client.revoke(&leaf, Some(5)).is(200);
    let (mut last, mut stood_after_the_end) = (0, false);
    while world.now() < end.plus(RENEWED) {
        world.run_due_alarms();
        let now = list(&world, &url);
        assert!(now.number > last, "a day later it is another");
        assert!(now.until > world.now().plus(DAY), "long before the last one is over");
        assert_eq!(now.serials, [serial(&leaf)]);
        stood_after_the_end |= now.from > end;
        last = now.number;
        world.pass(DAY);
    }
    assert!(stood_after_the_end, "RFC 5280 3.3: on one list more after its end");
    // What was told of the revocation is kept longest.
    for _ in 0..90 {
        world.run_due_alarms();
        world.pass(DAY);
    }
    let ledger = world.alarms().into_iter().filter(|(name, _)| name.starts_with("ledger/")).count();
    assert_eq!(ledger, 0, "nothing is to be done any more");
    assert!(world.records("revoked/").is_empty());
    // A new certificate in the same shard begins again, with a higher number.
    let client = client.at(&world);
    let again = std::iter::repeat_with(|| pointer(&issue(&client, "client")).unwrap()).find(|again| *again == url);
    assert!(list(&world, &again.unwrap()).number > last);
}

#[test]
fn short_lived_certificates_have_no_crl() {
    let world = World::new();
    let client = Client::registered(&world);
    let leaf = issue(&client, "shortlived");
    assert_eq!(pointer(&leaf), None);
    client.revoke(&leaf, None).is(200);
    assert!(world.records("shard/").is_empty() && world.records("revoked/").is_empty());
    for profile in ["default", "tlsserver", "client"] {
        assert!(pointer(&issue(&client, profile)).is_some(), "{profile}");
    }
    let silent = world.reconfigured(|settings| settings.published = None);
    assert_eq!(pointer(&issue(&client.at(&silent), "default")), None, "where nothing is published");
}

#[test]
fn crl_is_cacheable_with_an_etag() {
    let world = World::new();
    let url = pointer(&issue(&Client::registered(&world), "default")).unwrap();
    let first = fetch(&world, &url).is(200);
    assert_eq!(first.header("Content-Type"), Some("application/pkix-crl"));
    assert_eq!(first.header("Cache-Control"), Some("public, max-age=60"));
    let tag = first.header("ETag").unwrap().to_owned();
    let again = |tag: &str| world.send(Request { if_none_match: Some(tag.to_owned()), ..get(path(&url)) });
    assert_eq!(again(&tag).is(304).response.body, Body::Text(String::new()));
    assert_eq!(again(&format!("\"1\", {tag}")).is(304).header("ETag"), Some(&*tag));
    again("\"1\"").is(200);
    world.ask("HEAD", &path(&url)).is(200);
}

#[test]
fn unsignable_crl_is_retried_and_the_valid_last_one_served() {
    let world = World::new();
    let client = Client::registered(&world);
    let leaf = issue(&client, "default");
    let url = pointer(&leaf).unwrap();
    let first = list(&world, &url);
    world.pass(GATHERED);
    world.sign_fault().from(0);
    client.revoke(&leaf, None).is(200);
    assert_eq!(list(&world, &url).number, first.number);
    world.pass(VALIDITY);
    fetch(&world, &url).refused(500, Kind::ServerInternal);
    world.heal();
    let after = std::iter::repeat_with(|| {
        world.run_due_alarms();
        list(&world, &url)
    });
    let after = after.take(60).find(|list| list.number > first.number).unwrap();
    assert_eq!(after.serials, [serial(&leaf)]);
}

#[test]
fn crl_numbers_rise_after_a_restore() {
    let world = World::new();
    let client = Client::registered(&world);
    let leaf = issue(&client, "default");
    let url = pointer(&leaf).unwrap();
    let before = list(&world, &url);
    let restored = world.fork();
    world.pass(GATHERED);
    client.revoke(&leaf, None).is(200);
    let lost = list(&world, &url);
    assert!(lost.number > before.number);
    // The copy knows nothing of that list. It goes on an hour later.
    restored.pass(Duration::from_secs(3600));
    client.at(&restored).revoke(&leaf, None).is(200);
    assert!(list(&restored, &url).number > lost.number);
}

#[test]
fn verifiers_are_not_limited() {
    let world = World::new().reconfigured(|s| s.limits = selvedge::ca::config::rate_limits::Limits::default());
    let url = pointer(&issue(&Client::registered(&world), "default")).unwrap();
    let address = selvedge::ca::http::address::ClientAddress::from_header("192.0.2.7");
    let status = |path: String| world.send(Request { address, ..get(path) }).status();
    assert!((0..2000).all(|_| status(path(&url)) == 200));
    assert!((0..2000).any(|_| status("/".to_owned()) == 429), "others are");
    // They do not get at the ledger with that, also not where there is nothing.
    let id = world.issuer().id();
    let calls = world.operations().log().len();
    for shard in (0..2000).chain(0..2000) {
        let status = status(format!("/crl/{id}/{shard}.crl"));
        assert!(matches!(status, 200 | 404), "{status}");
    }
    let asked = world.operations().log().split_off(calls);
    let asked = asked.iter().filter(|line| line.ends_with("call CurrentCrl")).count();
    assert!((100..=128).contains(&asked), "{asked}");
}

pub fn names(der: &[u8]) -> Vec<String> {
    selvedge::pki::crl::read::ReceivedCrl::read(der).unwrap().urls
}

pub fn bytes(answered: &Answered) -> Vec<u8> {
    match &answered.response.body {
        Body::Bytes(der) => der.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_crls_are_served_as_one_file() {
    let world = World::new();
    let overview = world.ask("GET", "/issuers").is(200).json();
    assert_eq!((overview["crls"].as_str(), overview["root_crl"].is_null()), (Some("http://ca.test/crl/all.pem"), true));
    world.ask("GET", "/crl/root.crl").refused(404, Kind::Malformed);
    let client = Client::registered(&world);
    let leaves: Vec<_> = (0..12).map(|_| issue(&client, "client")).collect();
    client.revoke(&leaves[0], None).is(200);
    world.pass(GATHERED);
    world.run_due_alarms();
    let root = world.root_list(None);
    let world = world.reconfigured(|settings| settings.root_list = Some(root.clone()));
    let answered = world.ask("GET", "/crl/all.pem").is(200);
    let Body::Text(text) = &answered.response.body else { panic!("PEM") };
    let lists: Vec<_> = text.split_inclusive("-----END X509 CRL-----\n").collect();
    let pointers: std::collections::BTreeSet<_> = leaves.iter().map(|leaf| pointer(leaf).unwrap()).collect();
    assert_eq!(lists.len(), 1 + pointers.len());
    let served = bytes(&world.ask("GET", "/crl/root.crl").is(200));
    assert_eq!(selvedge::pki::pem::read_crl(lists[0]).unwrap(), served);
    let named: Vec<_> =
        lists[1..].iter().flat_map(|list| names(&selvedge::pki::pem::read_crl(list).unwrap())).collect();
    assert_eq!(named.into_iter().collect::<std::collections::BTreeSet<_>>(), pointers);
    let overview = world.ask("GET", "/issuers").is(200).json();
    assert_eq!(overview["root_crl"]["url"], "http://ca.test/crl/root.crl", "{overview}");
    assert!(overview["issuers"][0]["revoked"].is_null());

    // The root revokes the issuer.
    let serial = world.issuer().serial_below_root().unwrap();
    let revoked = world.root_list(Some(serial));
    let world = world.reconfigured(|settings| settings.root_list = Some(revoked.clone()));
    // An overview is kept for a second.
    world.pass(Duration::from_secs(1));
    let overview = world.ask("GET", "/issuers").is(200).json();
    assert!(overview["issuers"][0]["revoked"].is_string(), "{overview}");
}
