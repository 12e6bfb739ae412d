//! tls-alpn-01: handshakes of the CA with a TLS server, in one process.

use core::time::Duration;
use selvedge::ca::testing::{Answered, Client, CsrShape, World, challenge, new_key};
use selvedge::jose::key_authorization;
use selvedge::validation::testing::TlsServer;
use selvedge::values::{Identifier, SigAlg};
use serde_json::{Value, json};

fn client() -> Client {
    let world = World::new();
    world.network().address("a.test", &["192.168.0.1"]);
    Client::registered(&world)
}

fn order(client: &Client) -> (Answered, Value) {
    let order = client.new_order(&["a.test"]).is(201);
    let challenge = challenge(&client.authorizations(&order.json()).remove(0).1, "tls-alpn-01");
    (order, challenge)
}

/// A server that shows the proof for `name` that `challenge` asks for.
fn server(client: &Client, name: &str, challenge: &Value) -> TlsServer {
    let proof = key_authorization(challenge["token"].as_str().unwrap(), &client.key.thumbprint());
    TlsServer::proper(&Identifier::dns(name).unwrap(), &proof, &new_key(SigAlg::Es256))
}

fn answer(client: &Client, challenge: &Value) -> Answered {
    client.post(challenge["url"].as_str().unwrap(), json!({})).is(200)
}

#[test]
fn rfc8737_tls_alpn_01_is_issued() {
    let client = client();
    let (order, challenge) = order(&client);
    let server = server(&client, "a.test", &challenge);
    client.world.network().tls(server.clone());
    client.world.network().asked();
    let seen = answer(&client, &challenge).json();
    assert_eq!(seen["status"], "valid", "{seen}");
    assert!(client.world.network().asked().contains(&"TLS".to_owned()));
    assert_eq!(server.hellos().len(), 1, "one handshake");
    let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    assert_eq!(client.finalize(&order.json(), &csr).is(200).json()["status"], "valid");
}

#[test]
fn rfc8737_certificate_for_another_name_fails_the_challenge() {
    let client = client();
    let (order, challenge) = order(&client);
    client.world.network().tls(server(&client, "b.test", &challenge));
    let seen = answer(&client, &challenge).json();
    assert_eq!(seen["status"], "invalid", "{seen}");
    assert_eq!(seen["error"]["type"], "urn:ietf:params:acme:error:unauthorized");
    let detail = seen["error"]["detail"].as_str().unwrap();
    assert!(detail.contains("its certificate is for \"b.test\"; it has to have one"), "{detail}");
    assert_eq!(client.get(&order.location()).json()["status"], "invalid");
}

#[test]
fn z06_rfc8737_late_server_is_retried_by_the_alarm() {
    let client = client();
    let (_, challenge) = order(&client);
    let seen = answer(&client, &challenge).json();
    assert_eq!(seen["status"], "processing", "{seen}");
    client.world.network().tls(server(&client, "a.test", &challenge));
    client.world.pass(Duration::from_secs(6));
    client.world.run_due_alarms();
    let seen = client.get(challenge["url"].as_str().unwrap()).json();
    assert_eq!(seen["status"], "valid", "{seen}");
}
