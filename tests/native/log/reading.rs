//! The readers of a log: everybody for hashes, operators for entries.

use super::{TOKEN, enter, file, ids, logged, logs, read};
use selvedge::ca::config::log::EntryReaders;
use selvedge::ca::http::message::Request;
use selvedge::records::Kind;
use selvedge::tlog::Tile;
use selvedge::tlog::tile::Resource;
use std::time::Duration;

#[test]
fn entries_are_for_operators_and_hashes_for_everybody() {
    let world = logged();
    enter(&world, 1..4);
    let log = ids(&world).remove(0);
    world.ask("GET", &file(&world, &log, Resource::Checkpoint)).is(200);
    let tile = Tile::new(0, 0, 3).unwrap();
    let (hashes, entries) = (Resource::Hashes(tile), Resource::Entries(tile));
    world.ask("GET", &file(&world, &log, hashes)).is(200);
    let path = file(&world, &log, entries);
    let refused = world.ask("GET", &path).refused(401, Kind::Unauthorized);
    assert_eq!(refused.header("WWW-Authenticate"), Some("Bearer realm=\"operations\""));
    assert_eq!(refused.header("Cache-Control"), Some("no-store"));
    let wrong = Some(format!("Bearer {}x", TOKEN));
    let request = Request { method: "GET".to_owned(), path: path.clone(), authorization: wrong, ..Request::default() };
    world.send(request).refused(401, Kind::Unauthorized);
    read(&world, &path).is(200);
    let public = world.reconfigured(|settings| settings.log.as_mut().unwrap().entries = EntryReaders::Public);
    let answered = public.ask("GET", &path).is(200);
    assert_eq!(answered.header("Cache-Control"), Some("public, max-age=31536000, immutable"));
}

#[test]
fn browser_gets_a_page_that_the_landing_page_links() {
    let world = logged();
    enter(&world, 1..4);
    let log = ids(&world).remove(0);
    let page = |path: &str| {
        let (method, path, accept) = ("GET".to_owned(), path.to_owned(), Some("text/html".to_owned()));
        world.send(Request { method, path, accept, ..Request::default() }).is(200)
    };
    let list = format!("https://ca.test{}", logs(&world));
    assert!(page("/").text().contains(&format!("<a href=\"{list}\">")));
    let shown = page(&logs(&world));
    assert_eq!(shown.header("Content-Type"), Some("text/html; charset=utf-8"));
    let key = world.ask("GET", &logs(&world)).json()["logs"][0]["keys"][0].as_str().unwrap().to_owned();
    for part in [key.as_str(), &format!("{list}/{log}/checkpoint"), &format!("{list}/proof/SERIAL"), "openssl x509"] {
        assert!(shown.text().contains(part), "{part}");
    }
    let plain = selvedge::ca::testing::World::new();
    let request = Request {
        method: "GET".to_owned(),
        path: "/".to_owned(),
        accept: Some("text/html".to_owned()),
        ..Request::default()
    };
    assert!(!plain.send(request).is(200).text().contains("/log/"));
}

#[test]
fn checkpoints_are_signed_at_most_once_a_second_and_only_for_new_leaves() {
    let world = logged();
    enter(&world, 1..4);
    let log = ids(&world).remove(0);
    let signed = || world.operations().log().iter().filter(|line| line.contains("sign log")).count();
    let read = || world.ask("GET", &file(&world, &log, Resource::Checkpoint)).is(200).text().to_owned();
    let first = read();
    assert_eq!(signed(), 2, "by each of two keys");
    assert_eq!(read(), first);
    enter(&world, 4..6);
    assert_eq!(read(), first, "it is less than a second old");
    world.pass(Duration::from_secs(2));
    assert_ne!(read(), first);
    world.pass(Duration::from_secs(2));
    read();
    assert_eq!(signed(), 4, "nothing is new");
    assert_eq!(world.records("checkpoint/").len(), 1);
}

#[test]
fn log_of_another_address_or_key_is_another_log() {
    let world = logged();
    enter(&world, 1..4);
    let first = ids(&world).remove(0);
    let moved = world.reconfigured(|settings| {
        let urls = selvedge::ca::http::routes::Urls::new("https://elsewhere.test");
        settings.urls = urls;
    });
    enter(&moved, 4..6);
    let both = super::stored(&moved).logs;
    assert_eq!(both.len(), 2);
    assert_eq!((both[0].id.as_str(), both[0].closed.as_ref().map(|closed| closed.size)), (first.as_str(), Some(4)));
    assert!(both[1].origin.starts_with("elsewhere.test/log/") && both[1].closed.is_none());
    let back = world;
    enter(&back, 6..7);
    assert_eq!(super::stored(&back).logs.len(), 3, "a closed log takes no more leaves");
}
