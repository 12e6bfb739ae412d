//! A key whose certificate was revoked as compromised is refused everywhere (R-07, C-02).

use core::time::Duration;
use selvedge::ca::http::message::Request;
use selvedge::ca::partitions::compromised_keys::fingerprint;
use selvedge::ca::testing::{Answered, Client, CsrShape, OperationFault, World, check_all, new_key};
use selvedge::jose::testing::ClientKey;
use selvedge::pki::ceremony::{create_intermediate, create_root};
use selvedge::records::Kind;
use selvedge::records::ledger::compromise::CompromisedKey;
use selvedge::values::SigAlg;
use serde_json::json;

/// A CA with an account that has a certificate for a.test.
struct Fixture {
    client: Client,
    /// The certificate's key, which has no account.
    holder: Client,
    certificate: Vec<u8>,
}

fn scene_with(alg: SigAlg) -> Fixture {
    let world = World::new();
    let (client, key) = (Client::registered(&world), ClientKey::generate(alg));
    let certificate = client.issue(&["a.test"], key.native());
    Fixture { holder: Client::with_key(&world, key), client, certificate }
}

fn fixture() -> Fixture {
    scene_with(SigAlg::Es256)
}

impl Fixture {
    fn fork(&self) -> Self {
        let world = self.client.world.fork();
        let (client, holder) = (self.client.at(&world), self.holder.at(&world));
        Self { client, holder, certificate: self.certificate.clone() }
    }

    /// Another account, which holds an authorization for the name.
    fn other(&self) -> Client {
        let other = Client::registered(&self.client.world);
        other.ready_order(&["a.test"]);
        other
    }

    /// Checks that the key is refused for accounts, key changes and CSRs, and nothing changes.
    #[track_caller]
    fn is_blocked(&self) {
        // Somebody who has nothing to do with the certificate.
        let client = Client::registered(&self.client.world);
        let (url, order) = client.ready_order(&["b.test"]);
        let csr = CsrShape::dns(&["b.test"]).build(self.holder.key.native());
        let new_account = self.holder.sign(&self.holder.url("new-account"), Some(json!({})));
        refused(&self.holder, new_account, "the account key");
        refused(&client, client.key_change_request(&self.holder.key), "the new key");
        refused(&client, client.finalize_request(&order, &csr), "the CSR's key");
        assert_eq!(client.get(&url).is(200).json()["status"], "ready");
        let csr = CsrShape::dns(&["b.test"]).build(&new_key(SigAlg::Es256));
        assert_eq!(
            client.finalize(&order, &csr).is(200).json()["status"],
            "valid",
            "the order is good for another key"
        );
        check_all(&client.world, "at the end");
    }

    /// The key is taken everywhere.
    #[track_caller]
    fn is_not_blocked(&self) {
        let tried = self.fork();
        let world = &tried.client.world;
        assert!(world.records("compromised/").is_empty());
        Client::registered(world).issue(&["b.test"], self.holder.key.native());
        let changing = Client::registered(world);
        changing.key_change(&self.holder.key).is(200);
        changing.rekeyed(&self.holder.key).key_change(&ClientKey::generate(SigAlg::Es256)).is(200);
        tried.holder.new_account(json!({})).is(201);
        check_all(world, "at the end");
    }
}

#[track_caller]
fn refused(client: &Client, request: Request, whose: &str) {
    // The first request to a ledger makes it copy the blocked keys.
    let rows = |world: &World| {
        let mut rows = world.rows_but_nonces();
        rows.retain(|(_, key), _| !["subscriber", "subscription", "blocked"].contains(&key.split('/').next().unwrap()));
        rows
    };
    let before = rows(&client.world);
    let kind = if whose == "the CSR's key" { Kind::BadCsr } else { Kind::BadPublicKey };
    let detail = client.send(request).refused(400, kind).detail().to_owned();
    assert!(detail.contains(&format!("a certificate with {whose} was revoked for keyCompromise")), "{detail}");
    assert!(detail.contains("make a new key"), "{detail}");
    assert_eq!(rows(&client.world), before, "{whose}");
}

#[test]
fn r07_c02_key_that_revoked_its_certificate_is_blocked() {
    for alg in [SigAlg::Es256, SigAlg::Es384, SigAlg::Rs256, SigAlg::Ed25519] {
        let fixture = scene_with(alg);
        fixture.is_not_blocked();
        // Whatever the reason that is given, this is a compromise.
        fixture.holder.revoke(&fixture.certificate, Some(4)).is(200);
        fixture.is_blocked();
        let rows = fixture.client.world.records("compromised/");
        let rows: Vec<_> = rows.iter().map(|(partition, row)| (partition.as_str(), row["since"].clone())).collect();
        assert_eq!(rows, [("compromised/keys", json!(fixture.client.world.now()))], "{alg:?}: one key");
        let key = format!("compromised/{}", fingerprint(&fixture.holder.key.native().spki_der().unwrap()));
        assert!(fixture.client.world.rows().contains_key(&("compromised/keys".to_owned(), key)), "{alg:?}");
        // For good: nothing of it ends.
        fixture.client.world.live(Duration::from_secs(120));
        fixture.client.world.pass(Duration::from_secs(900 * 86_400));
        fixture.client.world.run_due_alarms();
        assert_eq!(fixture.client.world.records("compromised/").len(), 1, "{alg:?}");
    }
}

#[test]
fn r07_c02_revocation_by_the_account_blocks_the_key() {
    let fixture = fixture();
    fixture.client.revoke(&fixture.certificate, Some(1)).is(200);
    fixture.is_blocked();
    fixture.client.revoke(&fixture.certificate, Some(1)).refused(400, Kind::AlreadyRevoked);
    fixture.holder.revoke(&fixture.certificate, None).refused(400, Kind::AlreadyRevoked);
    fixture.is_blocked();
}

#[test]
fn r07_c02_other_reason_blocks_no_key() {
    let start = fixture();
    for reason in [None, Some(0), Some(3), Some(4), Some(5)] {
        let fixture = start.fork();
        fixture.client.revoke(&fixture.certificate, reason).is(200);
        fixture.is_not_blocked();
        // One that comes too late changes nothing either; the key itself does.
        fixture.client.revoke(&fixture.certificate, Some(1)).refused(400, Kind::AlreadyRevoked);
        fixture.is_not_blocked();
        fixture.holder.revoke(&fixture.certificate, None).is(200);
        fixture.is_blocked();
    }
}

/// Authorizations allow revocation (RFC 8555 §7.6), and are not a proof of the key.
#[test]
fn r07_c02_revocation_by_authorizations_blocks_no_key() {
    let start = fixture();
    start.other().revoke(&start.certificate, Some(1)).is(200);
    assert_eq!(start.client.world.records("serial/")[0].1["revoked"]["reason"], 1);
    start.is_not_blocked();
    for by_key in [true, false] {
        let fixture = start.fork();
        // Who may block it is not kept from it.
        fixture.client.revoke(&fixture.certificate, Some(4)).refused(400, Kind::AlreadyRevoked);
        let holder = if by_key { &fixture.holder } else { &fixture.client };
        holder.revoke(&fixture.certificate, Some(1)).is(200);
        fixture.is_blocked();
    }
}

#[test]
fn r07_c02_refused_revocation_blocks_no_key() {
    let start = fixture();
    let stranger = Client::registered(&start.client.world);
    stranger.revoke(&start.certificate, Some(1)).refused(403, Kind::Unauthorized);
    Client::new(&start.client.world).revoke(&start.certificate, Some(1)).refused(403, Kind::Unauthorized);
    start.client.revoke(&start.certificate, Some(2)).refused(400, Kind::BadRevocationReason);
    // One that was not issued here with this key, although all else is right: a bit of the signed part is another.
    let mut forged = start.certificate.clone();
    let at = forged.windows(6).position(|found| found == b"a.test").unwrap();
    forged[at] = b'b';
    start.client.revoke(&forged, Some(1)).refused(404, Kind::Malformed);
    start.holder.revoke(&forged, Some(1)).refused(404, Kind::Malformed);
    start.is_not_blocked();
    start.client.world.pass(Duration::from_secs(100 * 86_400));
    let late = start.fork();
    late.client.revoke(&start.certificate, Some(1)).refused(403, Kind::Unauthorized);
    late.holder.revoke(&start.certificate, Some(1)).refused(403, Kind::Unauthorized);
    assert!(late.client.world.records("compromised/").is_empty());
}

#[test]
fn r07_c02_key_stays_blocked_under_another_issuer() {
    let before = fixture();
    let root = create_root("Next Root", before.client.world.now(), 10).unwrap();
    let next = create_intermediate(&root, "Next Issuer", before.client.world.now(), 5).unwrap();
    let first = before.client.world.issuer().id();
    before.holder.revoke(&before.certificate, None).is(200);
    let world = before.client.world.with_issuer(&next, before.client.world.now());
    assert_ne!(world.issuer().id(), first);
    let after = Fixture { client: before.client.at(&world), holder: before.holder.at(&world), ..before };
    after.is_blocked();
    // A certificate of the former issuer that is revoked only now blocks its key for the present one.
    let late = fixture();
    let world = late.client.world.with_issuer(&next, late.client.world.now());
    let late = Fixture { client: late.client.at(&world), holder: late.holder.at(&world), ..late };
    late.client.revoke(&late.certificate, Some(1)).is(200);
    late.is_blocked();
    assert!(world.records("serial/").iter().any(|(ledger, _)| *ledger == format!("ledger/{}", world.issuer().id())));
}

/// A finalize request that is answered already is answered so again. An account with the key goes on, and so does another
/// certificate with it, until it is revoked itself.
#[test]
fn r07_a02_o12_existing_accounts_and_certificates_stay() {
    let world = World::new();
    let mut holder = Client::new(&world);
    let client = Client::registered(&world);
    let (url, order) = client.ready_order(&["a.test"]);
    let csr = CsrShape::dns(&["a.test"]).build(holder.key.native());
    let finished = client.finalize(&order, &csr).is(200).json();
    let second = client.issue(&["b.test"], holder.key.native());
    holder.register();
    let nameless = Client::with_key(&world, holder.key.clone());
    nameless.revoke(&second, None).is(200);
    assert_eq!(client.finalize(&order, &csr).is(200).json(), finished);
    assert_eq!(client.get(&url).is(200).json()["status"], "valid");
    assert!(world.records("serial/").iter().any(|(_, entry)| entry.get("revoked").is_none()), "the other certificate");
    // RFC 8555 §7.3.1: the key finds its account, which can change it, and not change back.
    for payload in [json!({}), json!({ "onlyReturnExisting": true })] {
        assert_eq!(nameless.new_account(payload).is(200).location(), holder.account());
    }
    let sound = ClientKey::generate(SigAlg::Es256);
    holder.key_change(&sound).is(200);
    let changed = holder.rekeyed(&sound);
    refused(&changed, changed.key_change_request(&holder.key), "the new key");
    nameless.new_account(json!({ "onlyReturnExisting": true })).refused(400, Kind::AccountDoesNotExist);
    check_all(&world, "at the end");
}

/// Sends a request, whose call with this message is lost.
fn send_without(world: &World, request: Request, message: &str) -> Answered {
    let dry = world.fork();
    dry.send(request.clone());
    let call = format!("call {message}");
    let n = dry.operations().log().iter().position(|line| line.ends_with(&call)).unwrap();
    world.operations().plan(&[(n, OperationFault::Fails)]);
    let answered = world.send(request);
    assert_eq!(world.operations().struck(), 1, "{message}");
    world.heal();
    answered
}

/// While compromised keys are unreachable, revocation is not acknowledged, and is completed later.
#[test]
fn r07_s01_key_is_blocked_before_acknowledgement_or_soon_after() {
    let start = fixture();
    for (by_key, asks_again) in [(true, true), (true, false), (false, true), (false, false)] {
        let fixture = start.fork();
        let world = &fixture.client.world;
        let who = if by_key { &fixture.holder } else { &fixture.client };
        let request = who.revoke_request(&fixture.certificate, Some(1));
        assert_eq!(send_without(world, request, "BlockKey").status(), 500);
        check_all(world, "after the fault");
        assert!(world.records("serial/")[0].1["revoked"].is_object());
        assert_eq!((world.records("compromised/").len(), world.works().len()), (0, 1));
        if asks_again {
            who.revoke(&fixture.certificate, Some(1)).refused(400, Kind::AlreadyRevoked);
        } else {
            world.live(Duration::from_secs(10));
        }
        assert_eq!(world.works(), [""; 0]);
        fixture.is_blocked();
    }
}

/// While a key cannot be checked, its requests fail; existing accounts are still found.
#[test]
fn s01_new_account_keys_are_refused_while_compromised_keys_are_unavailable() {
    let client = Client::registered(&World::new());
    let fresh = Client::new(&client.world);
    let requests = [client.key_change_request(&fresh.key), fresh.sign(&fresh.url("new-account"), Some(json!({})))];
    for request in requests {
        let world = client.world.fork();
        let before = world.rows_but_nonces();
        assert_eq!(send_without(&world, request, "IsBlocked").status(), 500);
        assert_eq!(world.rows_but_nonces(), before);
    }
    let known = Client::with_key(&client.world, client.key.clone());
    let request = known.sign(&known.url("new-account"), Some(json!({})));
    assert_eq!(send_without(&client.world, request, "IsBlocked").is(200).location(), client.account());
}

/// A ledger records no certificate before it has the blocked keys.
///
/// After that it asks no other partition.
#[test]
fn s01_first_issuance_waits_for_compromised_keys() {
    let client = Client::registered(&World::new());
    let world = &client.world;
    let (url, order) = client.ready_order(&["a.test"]);
    let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    let answered = send_without(world, client.finalize_request(&order, &csr), "SubscribeToKeys");
    assert_eq!(answered.is(200).json()["status"], "processing");
    assert!(world.records("serial/").is_empty(), "nothing is recorded");
    check_all(world, "while they are unavailable");
    world.live(Duration::from_secs(10));
    assert_eq!(client.get(&url).is(200).json()["status"], "valid");
    let calls = |world: &World| world.cost("compromised/").1;
    let before = calls(world);
    client.issue(&["b.test"], &new_key(SigAlg::Es256));
    assert_eq!(calls(world), before);
}

/// The world with a second issuer, which signs from now on, and has signed.
fn with_two_ledgers(fixture: &Fixture) -> Fixture {
    let world = &fixture.client.world;
    let root = create_root("Next Root", world.now(), 10).unwrap();
    let next = create_intermediate(&root, "Next Issuer", world.now(), 5).unwrap();
    let world = world.with_issuer(&next, world.now());
    let two = Fixture {
        client: fixture.client.at(&world),
        holder: fixture.holder.at(&world),
        certificate: fixture.certificate.clone(),
    };
    two.client.issue(&["next.test"], &new_key(SigAlg::Es256));
    assert_eq!(world.records("subscription").len(), 2);
    two
}

/// Every ledger has the key before the revocation is acknowledged, or soon after.
#[test]
fn r07_s01_other_ledgers_learn_of_a_blocked_key() {
    let two = with_two_ledgers(&fixture());
    let world = &two.client.world;
    let request = two.holder.revoke_request(&two.certificate, Some(1));
    assert_eq!(send_without(world, request, "LearnKey").status(), 500);
    check_all(world, "after the fault");
    assert_eq!((world.records("blocked/").len(), world.works().len()), (1, 1));
    world.live(Duration::from_secs(10));
    assert_eq!((world.records("blocked/").len(), world.works().len()), (2, 0));
    two.is_blocked();
    check_all(world, "after the retry");
}

/// A new ledger copies all keys in parts, and goes on where it stopped.
#[test]
fn r07_thousands_of_blocked_keys_are_copied_in_parts() {
    let client = Client::registered(&World::new());
    let world = &client.world;
    let blocked = |n: u32| format!("{n:064x}");
    for n in 0..1_300 {
        let compromised = CompromisedKey { issuer: "x".to_owned(), serial: "01".to_owned(), since: world.now() };
        world.put("compromised/keys", &blocked(n), &compromised);
    }
    let (url, order) = client.ready_order(&["a.test"]);
    let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    let request = client.finalize_request(&order, &csr);
    let dry = world.fork();
    dry.send(request.clone());
    let log = dry.operations().log();
    let calls: Vec<usize> = (0..log.len()).filter(|n| log[*n].ends_with("call SubscribeToKeys")).collect();
    assert_eq!(calls.len(), 3);
    // The second is lost.
    world.operations().plan(&[(calls[1], OperationFault::Fails)]);
    client.send(request).is(200);
    world.heal();
    assert_eq!(world.records("blocked/").len(), 500);
    world.live(Duration::from_secs(10));
    assert_eq!(client.get(&url).is(200).json()["status"], "valid");
    assert_eq!(world.records("blocked/").len(), 1_300);
}
