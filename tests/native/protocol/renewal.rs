//! Renewal information and replacement (RFC 9773), alternate chains (RFC 8555 §7.4.2). Names begin with the checklist's
//! ids, or with `ari_` for its section 2.4.

use core::time::Duration;
use selvedge::ca::testing::{Answered, BASE, Client, CsrShape, Race, START, World, new_key};
use selvedge::pki::{Issuer, Issuers, pem};
use selvedge::records::Kind;
use selvedge::values::{SigAlg, Time};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

fn issue(client: &Client, names: &[&str], members: Value) -> Vec<u8> {
    client.issue_with(names, members, &new_key(SigAlg::Es256))
}

fn renewal_info(world: &World, cert_id: &str) -> Answered {
    let base = world.ask("GET", "/directory").json()["renewalInfo"].as_str().unwrap().to_owned();
    world.ask("GET", &format!("{}/{cert_id}", base.strip_prefix(BASE).unwrap()))
}

fn window(answered: &Answered) -> (Time, Time) {
    let window = &answered.json()["suggestedWindow"];
    let time = |name: &str| Time::parse_rfc3339(window[name].as_str().unwrap()).unwrap();
    (time("start"), time("end"))
}

fn seconds(answered: &Answered) -> u64 {
    answered.header("Retry-After").unwrap().parse().unwrap()
}

#[test]
fn ari_t20_renewal_info_is_public() {
    let world = World::new();
    let client = Client::registered(&world);
    let mut windows = Vec::new();
    for n in 0..6 {
        let certificate = issue(&client, &[format!("n{n}.test").as_str()], json!({}));
        let answered = renewal_info(&world, &client.cert_id(&certificate)).is(200);
        let (start, end) = window(&answered);
        let two_thirds = START.minus(HOUR).plus(DAY * 60);
        let near = DAY * 90 / 50;
        assert!(start < end && start > two_thirds.minus(near) && end < two_thirds.plus(near), "{start:?} {end:?}");
        assert_eq!(answered.header("Content-Type"), Some("application/json"));
        assert_eq!(answered.header("Cache-Control"), Some("public, max-age=300"));
        assert!(answered.header("Replay-Nonce").is_none());
        assert!((5 * 3600..=7 * 3600).contains(&seconds(&answered)));
        assert!(answered.json().get("explanationURL").is_none());
        let again = renewal_info(&world, &client.cert_id(&certificate)).is(200);
        assert_eq!((again.json(), seconds(&again)), (answered.json(), seconds(&answered)), "the same each time");
        windows.push((start, end));
    }
    assert_eq!(windows.iter().collect::<BTreeSet<_>>().len(), 6, "spread");
    let short = issue(&client, &["n0.test"], json!({ "profile": "shortlived" }));
    let (start, end) = window(&renewal_info(&world, &client.cert_id(&short)));
    let half = START.minus(HOUR).plus(HOUR * 80);
    assert!(start > half.minus(HOUR * 4) && end < half.plus(HOUR * 4));
    let head = world.ask("HEAD", &format!("/acme/renewal-info/{}", client.cert_id(&short))).is(200);
    assert_eq!((head.text(), head.header("Retry-After").is_some()), ("", true));
}

#[test]
fn ari_unknown_certificate_is_refused() {
    let world = World::new();
    let client = Client::registered(&world);
    let certificate = issue(&client, &["a.test"], json!({}));
    let id = client.cert_id(&certificate);
    let (key_id, serial) = id.split_once('.').unwrap();
    for malformed in ["x", "x.y", &format!("{id}="), &format!("{id}.{id}"), key_id, "a%2Eb", ".."] {
        renewal_info(&world, malformed).refused(400, Kind::Malformed);
    }
    for unknown in [format!("{key_id}.AIdlQyE"), format!("aYhba4dGQEHhs3uEe6CuLN4ByNQ.{serial}")] {
        renewal_info(&world, &unknown).refused(404, Kind::Malformed);
    }
    renewal_info(&world, "").refused(400, Kind::Malformed);
    renewal_info(&world, &format!("{id}/")).refused(404, Kind::Malformed);
    let url = format!("{BASE}/acme/renewal-info/{id}");
    let posted = client.get(&url).refused(405, Kind::Malformed);
    assert_eq!(posted.header("Allow"), Some("GET, HEAD"));
    assert_eq!(world.ask("PUT", &format!("/acme/renewal-info/{id}")).status(), 405);
}

#[test]
fn ari_revoked_certificate_has_a_past_window() {
    let world = World::new().reconfigured(|settings| settings.revocation_page = Some(format!("{BASE}/why")));
    let client = Client::registered(&world);
    let certificate = issue(&client, &["a.test"], json!({}));
    let id = client.cert_id(&certificate);
    assert!(renewal_info(&world, &id).json().get("explanationURL").is_none());
    client.revoke(&certificate, Some(4)).is(200);
    let answered = renewal_info(&world, &id).is(200);
    assert_eq!(window(&answered), (world.now().minus(HOUR), world.now().minus(HOUR / 2)));
    assert_eq!(answered.json()["explanationURL"], format!("{BASE}/why"));
}

#[test]
fn ari_t13_an_order_that_replaces_a_certificate_is_the_only_one() {
    let world = World::new();
    let client = Client::registered(&world);
    let old = client.cert_id(&issue(&client, &["a.test", "b.test"], json!({})));
    let placed = client.new_order_with(&["a.test", "c.test"], json!({ "replaces": old })).is(201);
    assert_eq!(placed.json()["replaces"], old);
    assert_eq!(client.get(&placed.location()).is(200).json()["replaces"], old);
    // The same again is the same order; another one is refused, with nothing stored.
    let again = client.new_order_with(&["c.test", "a.test"], json!({ "replaces": old })).is(201);
    assert_eq!(again.location(), placed.location());
    let before = world.rows_but_nonces();
    let refused = client.new_order_with(&["a.test"], json!({ "replaces": old })).refused(409, Kind::AlreadyReplaced);
    assert!(refused.header("Location").is_none());
    assert_eq!(world.rows_but_nonces(), before);
    assert!(client.new_order(&["a.test"]).is(201).json().get("replaces").is_none(), "without it, it goes on");
    // An order that fails lets go of it.
    let pending = client.authorizations(&placed.json()).into_iter().find(|(_, a)| a["status"] == "pending").unwrap().0;
    client.post(&pending, json!({ "status": "deactivated" })).is(200);
    assert_eq!(client.get(&placed.location()).json()["status"], "invalid");
    let second = client.new_order_with(&["b.test"], json!({ "replaces": old })).is(201);
    // One that expires too.
    world.pass(DAY);
    let client = client.at(&world);
    assert_eq!(client.get(&second.location()).json()["status"], "invalid");
    let new = issue(&client, &["a.test", "b.test"], json!({ "replaces": old }));
    // One that is valid holds it for good, also when it is forgotten.
    for days in [0, 1, 5] {
        world.pass(DAY * days);
        world.run_due_alarms();
        let client = client.at(&world);
        let refused = client.new_order_with(&["a.test"], json!({ "replaces": old }));
        refused.refused(409, Kind::AlreadyReplaced);
    }
    assert_eq!(world.records("order/").len(), 0, "forgotten");
    client.at(&world).new_order_with(&["a.test"], json!({ "replaces": client.cert_id(&new) })).is(201);
}

#[test]
fn ari_expired_order_releases_its_replacement() {
    let world = World::new();
    let client = Client::registered(&world);
    let old = client.cert_id(&issue(&client, &["a.test"], json!({})));
    client.new_order_with(&["a.test", "b.test"], json!({ "replaces": old })).is(201);
    world.pass(DAY * 5);
    world.run_due_alarms();
    assert_eq!(world.records("order/").len(), 0);
    client.at(&world).new_order_with(&["a.test"], json!({ "replaces": old })).is(201);
}

#[test]
fn ari_replaces_of_foreign_certificate_is_echoed_without_effect() {
    let world = World::new();
    let (client, other) = (Client::registered(&world), Client::registered(&world));
    let theirs = client.cert_id(&issue(&client, &["a.test"], json!({})));
    let elsewhere = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE";
    let unknown = format!("{}.AIdlQyE", theirs.split_once('.').unwrap().0);
    for id in [theirs.as_str(), elsewhere, &unknown] {
        let order = other.new_order_with(&["a.test"], json!({ "replaces": id })).is(201).json();
        assert_eq!(order["replaces"], id);
    }
    client.new_order_with(&["a.test", "b.test"], json!({ "replaces": theirs })).is(201);
    for bad in [json!("x"), json!(""), json!(7), json!(format!("{theirs}="))] {
        client.new_order_with(&["a.test"], json!({ "replaces": bad })).refused(400, Kind::Malformed);
    }
    let own = client.cert_id(&issue(&client, &["c.test"], json!({})));
    client.new_order_with(&["d.test"], json!({ "replaces": own })).refused(400, Kind::Malformed);
    client.new_order_with(&["d.test", "c.test"], json!({ "replaces": own })).is(201);
}

#[test]
fn ari_s01_of_two_orders_that_replace_one_certificate_one_wins() {
    let world = World::cooperative();
    let client = Client::registered(&world);
    let old = client.cert_id(&issue(&client, &["a.test"], json!({})));
    for seed in 0..40 {
        let world = world.fork();
        let client = client.at(&world);
        let mut race = Race::new(&world);
        for n in 0..4 {
            let names = json!([{ "type": "dns", "value": "a.test" }, { "type": "dns", "value": format!("n{n}.test") }]);
            let url = client.url("new-order");
            let protected = json!({ "kid": client.account(), "nonce": client.fresh_nonce(), "url": url });
            let payload = json!({ "identifiers": names, "replaces": old });
            race.enter(world.serve(client.request(&url, client.key.sign_jws(protected, Some(payload)))));
        }
        let statuses: Vec<u16> = race.run_seeded(seed).iter().map(|response| response.status).collect();
        let count = |status| statuses.iter().filter(|found| **found == status).count();
        assert_eq!((count(201), count(409)), (1, 3), "seed {seed}: {statuses:?}");
    }
}

/// A world with two alternate chains: to another root, and to both with the root.
fn world_with_alternates() -> (World, Vec<String>) {
    let world = World::new();
    let (root, cross) = world.cross_signed();
    let all = format!("{cross}{cross}{root}");
    let issuer = world.issuer().clone().with_alternates(&all).unwrap();
    let world = world.reconfigured(|settings| settings.issuers = Issuers::one(issuer));
    (world, vec![cross.clone(), format!("{cross}{root}")])
}

/// The URL of a certificate of a new order.
fn certificate_url(client: &Client) -> String {
    let (_, order) = client.ready_order(&["a.test"]);
    let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    client.finalize(&order, &csr).is(200).json()["certificate"].as_str().unwrap().to_owned()
}

fn alternates(answered: &Answered) -> Vec<String> {
    let links = answered.headers("Link");
    let found = links.iter().filter_map(|link| link.strip_suffix(">;rel=\"alternate\""));
    found.map(|link| link.trim_start_matches('<').to_owned()).collect()
}

#[test]
fn r02_r03_alternate_chains_are_announced_on_each_and_begin_with_the_same_leaf() {
    let (world, chains) = world_with_alternates();
    let client = Client::registered(&world);
    let url = certificate_url(&client);
    let usual = client.get(&url).is(200);
    assert_eq!(alternates(&usual), [format!("{url}/1"), format!("{url}/2")]);
    let leaf = pem::write_certificate(&pem::read_certificates(usual.text()).unwrap()[0]).unwrap();
    assert_eq!(usual.text(), format!("{leaf}{}", world.issuer().chain_pem()));
    for (n, chain) in chains.iter().enumerate() {
        let answered = client.get(&format!("{url}/{}", n + 1)).is(200);
        assert_eq!(answered.text(), format!("{leaf}{chain}"));
        assert_eq!(answered.header("Content-Type"), Some("application/pem-certificate-chain"));
        assert_eq!(alternates(&answered), [url.clone(), format!("{url}/{}", 2 - n)]);
        assert_eq!(answered.header("Cache-Control"), Some("no-store"));
    }
    client.get(&format!("{url}/3")).refused(404, Kind::Malformed);
    client.post(&format!("{url}/1"), json!({})).refused(400, Kind::Malformed);
    let stranger = Client::registered(&world);
    stranger.get(&url).refused(404, Kind::Malformed);
    stranger.get(&format!("{url}/1")).refused(404, Kind::Malformed);
    let plain = client.at(&World::reconfigured(&world, |s| {
        s.issuers = Issuers::one(Issuer::from_pem_chain(world.issuer().chain_pem()).unwrap());
    }));
    assert_eq!(alternates(&plain.get(&url).is(200)), Vec::<String>::new());
    plain.get(&format!("{url}/1")).refused(404, Kind::Malformed);
}

/// workerd merges headers of one name into one line, and clients still parse it.
#[test]
fn r02_h11_t10_clients_find_alternates_in_a_merged_link_header() {
    let (world, _) = world_with_alternates();
    let client = Client::registered(&world);
    let url = certificate_url(&client);
    let answered = client.get(&url).is(200);
    let line = answered.headers("Link").join(", ");
    let wanted = [format!("{url}/1"), format!("{url}/2")];
    // acme.sh: the line without blanks and brackets, up to the first semicolon.
    let acme_sh = line.replace([' ', '<', '>'], "");
    assert_eq!(acme_sh.split(';').next(), Some(wanted[0].as_str()));
    // certbot (requests' parse_header_links): cut before each "<", then at semicolons.
    let certbot = line.split(", <").filter_map(|link| {
        let (target, parameters) = link.split_once(';')?;
        (parameters.trim() == "rel=\"alternate\"").then(|| target.trim_matches(['<', '>', ' ']).to_owned())
    });
    assert_eq!(certbot.collect::<Vec<_>>(), wanted);
    // lego: each shortest `<target>; … rel="relation"`, in order.
    let mut lego = Vec::new();
    let mut rest = line.as_str();
    while let Some((target, after)) = rest.split_once('<').and_then(|(_, rest)| rest.split_once('>')) {
        let (relation, after) = after.split_once("rel=\"").and_then(|(_, rest)| rest.split_once('"')).unwrap();
        lego.extend((relation == "alternate").then(|| target.to_owned()));
        rest = after;
    }
    assert_eq!(lego, wanted);
}
