//! A key that is blocked while in use: every answer holds, then it is refused.

use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{Answered, Client, CsrShape, World, check_all, new_key};
use selvedge::jose::testing::ClientKey;
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use serde_json::{Value, json};

/// More steps than any request has.
const STEPS: usize = 60;

struct Fixture {
    world: World,
    client: Client,
    /// Has a certificate's key, and no account.
    holder: Client,
    certificate: Vec<u8>,
    /// A ready order of the account with its URL, and a CSR with the key.
    order: (String, Value),
    csr: Vec<u8>,
}

impl Fixture {
    fn new() -> Self {
        let world = World::cooperative();
        let (client, key) = (Client::registered(&world), ClientKey::generate(SigAlg::Es256));
        let certificate = client.issue(&["a.test"], key.native());
        let order = client.ready_order(&["b.test"]);
        let csr = CsrShape::dns(&["b.test"]).build(key.native());
        Self { holder: Client::with_key(&world, key), client, certificate, order, csr, world }
    }

    /// By the certificate's key, or by its account.
    fn revocation(&self, world: &World, by_key: bool) -> Request {
        let who = if by_key { &self.holder } else { &self.client };
        who.at(world).revoke_request(&self.certificate, Some(1))
    }

    /// Runs the revocation and the other request, each delayed by the whole of the other.
    fn interleave(&self, other: impl Fn(&World) -> Request, after: impl Fn(&World, &Answered, &str)) {
        for (by_key, revoked_first) in [(true, true), (true, false), (false, true), (false, false)] {
            for k in 0..STEPS {
                let world = self.world.fork();
                let (revocation, other) = (self.revocation(&world, by_key), other(&world));
                let pair = if revoked_first { [revocation, other] } else { [other, revocation] };
                let responses = world.interrupt(world.serve(pair[0].clone()), k, world.serve(pair[1].clone()));
                let mut answers: Vec<Answered> = pair
                    .iter()
                    .zip(responses)
                    .map(|(request, response)| Answered::checked(&world, request, response))
                    .collect();
                if !revoked_first {
                    answers.swap(0, 1);
                }
                let what = format!("by key: {by_key}, revoked first: {revoked_first}, {k} steps");
                assert_eq!(answers[0].status(), 200, "{what}: {}", answers[0].text());
                check_all(&world, &what);
                if !revoked_first && k == 0 {
                    assert_eq!(answers[1].status(), 400, "{what}: it was revoked before the other had begun");
                }
                if answers[1].status() == 400 {
                    let refused = answers[1].clone();
                    let kind = if refused.asked.ends_with("/finalize") { Kind::BadCsr } else { Kind::BadPublicKey };
                    refused.refused(400, kind);
                }
                after(&world, &answers[1], &what);
                self.is_blocked(&world);
            }
        }
    }

    fn is_blocked(&self, world: &World) {
        let client = Client::registered(world);
        let (_, order) = client.ready_order(&["c.test"]);
        let csr = CsrShape::dns(&["c.test"]).build(self.holder.key.native());
        client.finalize(&order, &csr).refused(400, Kind::BadCsr);
        assert_eq!(world.records("compromised/").len(), 1);
        assert_eq!(world.works(), [""; 0]);
    }
}

#[test]
fn r07_o12_a_revocation_against_finalize_with_the_same_key() {
    let fixture = Fixture::new();
    let finalize = |world: &World| fixture.client.at(world).finalize_request(&fixture.order.1, &fixture.csr);
    fixture.interleave(finalize, |world, answer, what| {
        let client = fixture.client.at(world);
        let order = client.get(&fixture.order.0).is(200).json();
        if answer.status() == 200 {
            assert_eq!(order["status"], "valid", "{what}");
        } else {
            assert_eq!(order["status"], "ready", "{what}");
            let csr = CsrShape::dns(&["b.test"]).build(&new_key(SigAlg::Es256));
            assert_eq!(client.finalize(&order, &csr).is(200).json()["status"], "valid", "{what}");
        }
    });
}

#[test]
fn r07_s01_a_revocation_against_new_account_with_the_same_key() {
    let fixture = Fixture::new();
    let new_account = |world: &World| {
        let holder = fixture.holder.at(world);
        holder.sign(&holder.url("new-account"), Some(json!({})))
    };
    fixture.interleave(new_account, |world, answer, what| {
        let again = fixture.holder.at(world).new_account(json!({}));
        let wanted = if answer.status() == 201 { 200 } else { 400 };
        assert_eq!(again.status(), wanted, "{what}");
    });
}

#[test]
fn r07_s01_a_revocation_against_a_key_change_to_the_same_key() {
    let fixture = Fixture::new();
    // The account that revokes has to keep its key.
    let other = Client::registered(&fixture.world);
    let change = |world: &World| other.at(world).key_change_request(&fixture.holder.key);
    fixture.interleave(change, |world, answer, what| {
        let now = if answer.status() == 200 { other.rekeyed(&fixture.holder.key) } else { other.clone() };
        now.at(world).get(other.account()).is(200);
        assert_eq!(
            fixture.holder.at(world).new_account(json!({})).status(),
            if answer.status() == 200 { 200 } else { 400 },
            "{what}"
        );
    });
}

#[test]
fn r07_concurrent_revocations_block_the_key_once() {
    let fixture = Fixture::new();
    for k in 0..STEPS {
        let world = fixture.world.fork();
        let pair = [fixture.revocation(&world, true), fixture.revocation(&world, false)];
        let responses = world.interrupt(world.serve(pair[0].clone()), k, world.serve(pair[1].clone()));
        let mut statuses: Vec<u16> = responses.iter().map(|response| response.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400], "{k} steps");
        check_all(&world, "two revocations");
        fixture.is_blocked(&world);
    }
}
