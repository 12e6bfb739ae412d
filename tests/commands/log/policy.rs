//! `log policy`, and policies with the logs of two issuers of one CA.

use super::{Ended, Place};
use crate::server::Server;
use crate::transparency::{Book, Ca, ORIGIN, SECOND, Signer};
use selvedge::pki::pem;
use selvedge::tlog::entry::Kind;
use serde_json::json;

/// A log of one certificate, `{name}.pem`.
fn book(place: &Place, origin: &'static str, n: u8, name: &str) -> Book {
    let ca = Ca::new();
    let leaf = ca.leaf(n, &format!("{name}.example.org"));
    let mut book = Book { origin, ..Book::default() };
    book.add(Kind::Issuer, &ca.der());
    book.add(Kind::Certificate, &leaf.tbs);
    place.write(&format!("{name}.pem"), pem::write_certificate(&leaf.der).unwrap());
    book
}

/// The logs of two issuers, with the key of each.
struct Both {
    books: [Book; 2],
    keys: [Signer; 2],
}

impl Both {
    fn new(place: &Place) -> Self {
        let books = [book(place, ORIGIN, 1, "one"), book(place, SECOND, 2, "two")];
        let both = Self { books, keys: [Signer::log(), Signer::second()] };
        for (n, (name, book)) in ["one", "two"].into_iter().zip(&both.books).enumerate() {
            let proof = book.proof(1, &[&both.keys[n], &Signer::witness(1)]).to_string();
            place.write(&format!("{name}.tlog-proof"), proof);
            book.write(&place.path(name), &[&both.keys[n], &Signer::witness(1)]);
        }
        both
    }

    /// Serves what the CA says of its logs.
    fn serve(&self) -> Server {
        let keys = self.keys.each_ref().map(|key| key.public.to_string());
        let other = Signer::post_quantum().public.to_string();
        Server::start(move |asked| {
            let host = asked.header("host").unwrap();
            let log = |n: usize, origin: &str, keys: &[&String]| {
                let url = format!("http://{host}/log/{n}/{}", origin.rsplit('/').next().unwrap());
                json!({ "logs": [{ "origin": origin, "url": url, "keys": keys, "least": 0 }] })
            };
            match asked.line.split(' ').nth(1).unwrap() {
                "/log/1" => (200, log(1, ORIGIN, &[&keys[0], &other]).to_string().into_bytes()),
                "/log/2" => (200, log(2, SECOND, &[&keys[1]]).to_string().into_bytes()),
                _ => (404, b"{}".to_vec()),
            }
        })
    }
}

fn fine(ended: &Ended) {
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
}

/// The lines of `LOG_POLICY`.
fn witnesses() -> String {
    let [a, b] = [1, 2].map(|n| Signer::witness(n).public);
    format!("# Ours\nwitness A {a} https://w1.example/\nwitness B {b}\ngroup G any A B\nquorum G\n")
}

/// The CA's operator makes the policy of the running CA. A stranger checks a certificate of each issuer by it.
#[test]
fn policy_of_a_running_ca_checks_the_certificates_of_both_issuers() {
    let place = Place::new();
    let both = Both::new(&place);
    let server = both.serve();
    let log_line =
        format!("log {} https://elsewhere.example\n", Signer::new("else", both.keys[0].public.kind(), 9).public);
    place.write("wrangler.toml", format!("name = 'x'\n[vars]\nLOG_POLICY = '''\n{log_line}{}'''\n", witnesses()));
    let url = |path: &str| format!("http://{}/log/{path}", server.address);
    let made = place.run(&["policy", &url("1"), &url("2/1b2c3d4e"), "--wrangler", "wrangler.toml"]);
    fine(&made);
    let lines: Vec<&str> = made.out.lines().collect();
    let log = |n: usize, path: &str| format!("log {} {}", both.keys[n].public, url(path));
    assert_eq!(lines[1..3], [log(0, "1/0a1b2c3d"), log(1, "2/1b2c3d4e")], "{}", made.out);
    assert_eq!(lines[3..].join("\n") + "\n", witnesses(), "the setting's own logs are replaced");
    assert!(made.err.contains("a policy for each log"), "{}", made.err);
    place.write("policy", &made.out);
    drop(server);
    for (name, origin) in [("one", ORIGIN), ("two", SECOND)] {
        let proof = |other: &str| {
            let (certificate, proof) = (format!("{name}.pem"), format!("{other}.tlog-proof"));
            place.run(&["proof", &certificate, "--proof", &proof, "--policy", "policy", "--json"])
        };
        fine(&proof(name));
        assert_eq!(proof(name).json()["origin"], origin);
        let other = if name == "one" { "two" } else { "one" };
        assert_eq!(proof(other).alarms(), ["proof"], "the proof of another certificate");
        let verified = place.run(&["verify", name, "--policy", "policy", "--json"]);
        fine(&verified);
        assert_eq!((&verified.json()["origin"], &verified.json()["witnesses"]), (&json!(origin), &json!(["A"])));
    }
    // Neither key vouches for the other log.
    let swapped = both.books[1].proof(1, &[&both.keys[0], &Signer::witness(1)]).to_string();
    place.write("swapped", swapped.replace(&format!("\u{2014} {ORIGIN}"), &format!("\u{2014} {SECOND}")));
    let ended = place.run(&["proof", "two.pem", "--proof", "swapped", "--policy", "policy", "--json"]);
    assert_eq!(ended.alarms(), ["checkpoint"], "{}", ended.out);
    // The same without a quorum.
    place.write("alone", both.books[1].proof(1, &[&both.keys[1]]).to_string());
    assert_eq!(
        place.run(&["proof", "two.pem", "--proof", "alone", "--policy", "policy", "--json"]).alarms(),
        ["quorum"]
    );
}

#[test]
fn policy_has_the_keys_of_the_asked_algorithm_and_no_witness_without_a_setting() {
    let place = Place::new();
    let server = Both::new(&place).serve();
    let url = |path: &str| format!("http://{}/log/{path}", server.address);
    let one = place.run(&["policy", &url("1")]);
    fine(&one);
    assert!(one.out.ends_with("/log/1/0a1b2c3d\nquorum none\n") && one.err.is_empty(), "{}{}", one.out, one.err);
    let other = place.run(&["policy", &url("1"), &url("2"), "--keys", "ml-dsa-44"]);
    fine(&other);
    assert!(other.out.contains(&format!("log {} ", Signer::post_quantum().public)), "{}", other.out);
    assert!(
        !other.out.contains(SECOND) && other.err.contains(&format!("the log {SECOND} has no key")),
        "{}",
        other.err
    );
    for (arguments, says) in [
        (vec!["policy", &url("2"), "--keys", "ml-dsa-44"], "no log has a key of this algorithm"),
        (vec!["policy", &url("3")], "says nothing of a log"),
        (vec!["policy", "one"], "says nothing of a log"),
        (vec!["policy", &url("1"), &url("1")], "another log has this key"),
        (vec!["policy", &url("1"), "--wrangler", "wrangler.toml"], "has no LOG_POLICY"),
    ] {
        place.write("wrangler.toml", "name = 'x'\n");
        let refused = place.run(&arguments);
        assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{}", refused.err);
        assert!(refused.err.contains(says), "{says}: {}", refused.err);
    }
}
