//! Each kind of violation is found, and what resembles one is not.

use super::house::{Crate, House, circles};
use super::{CA, COMPANION, LAYERS, RECORDS, shell_only, too_long};

/// A crate of these sources, by path below its root.
fn of(root: &'static str, sources: &[(&str, &str)]) -> Crate {
    // Rooms that paths lead to exist in each test.
    let rooms: &[&str] = match root {
        "cli" => {
            &["common/web.rs", "tools/mod.rs", "ceremony/mod.rs", "operator/mod.rs", "status/mod.rs", "dev/mod.rs"]
        }
        _ => &[
            "ca/mod.rs",
            "ca/http/mod.rs",
            "ca/config/mod.rs",
            "ca/runtime/mod.rs",
            "ca/account/mod.rs",
            "ca/account/order.rs",
            "ca/front/mod.rs",
            "ca/ledger/mod.rs",
            "records/mod.rs",
            "records/acme/mod.rs",
            "records/ledger/mod.rs",
            "records/operations/mod.rs",
            "values/mod.rs",
            "jose/mod.rs",
            "validation/mod.rs",
            "store/mod.rs",
        ],
    };
    let empty = rooms.iter().map(|path| ((*path).to_owned(), String::new()));
    let given = sources.iter().map(|(path, source)| ((*path).to_owned(), (*source).to_owned()));
    Crate { root, sources: empty.chain(given).collect() }
}

fn one(house: &House, root: &'static str, path: &str, source: &str) -> Vec<String> {
    house.violations(&of(root, &[(path, source)]))
}

#[test]
fn forbidden_arrows_are_found() {
    for (house, root, path, source) in [
        (LAYERS, "src", "values/pem.rs", "use crate::ca::runtime::jobs::Work;"),
        (LAYERS, "src", "pki/key.rs", "use crate::jose::Jwk;"),
        (LAYERS, "src", "policy/read.rs", "fn f() { let x = crate::validation::Method::Http01; }"),
        (LAYERS, "src", "store/txn.rs", "fn f() { crate::records::acme::nonce::check() }"),
        (LAYERS, "src", "pki/csr.rs", "#[cfg(test)]\nmod tests { use crate::jose::testing::Key; }"),
        (CA, "src", "ca/http/address.rs", "use crate::ca::config::settings::Settings;"),
        (CA, "src", "ca/http/address.rs", "use super::super::config::settings::Settings;"),
        (CA, "src", "ca/http/page/style.rs", "use super::super::super::front::crl;"),
        (CA, "src", "ca/config/mod.rs", "use super::runtime::jobs::Work;"),
        (CA, "src", "ca/config/caa.rs", "use crate::{ca::{http::routes, runtime::{jobs::Work}}, values::Id};"),
        (CA, "src", "ca/config/caa.rs", "use crate::{\n    ca::{\n        runtime::jobs,\n    },\n};"),
        (CA, "src", "ca/config/caa.rs", "fn f() -> crate::ca::account::order::Order { x() }"),
        (CA, "src", "ca/config/caa.rs", "mod inner { fn f() { super::super::super::account::order::x(); } }"),
        (CA, "src", "ca/config/caa.rs", "use crate::ca as c;\nfn f() { c::account::order::x() }"),
        (CA, "src", "ca/runtime/memory.rs", "impl From<crate::ca::front::crl::X> for Y {}"),
        (CA, "src", "ca/ledger/index.rs", "fn f() { let url = \"//\"; crate::ca::account::order::x() }"),
        (CA, "src", "ca/documents/page.rs", "pub use crate::ca::runtime::jobs::Work;"),
        (RECORDS, "src", "records/acme/order.rs", "use crate::records::ledger::Entry;"),
        (RECORDS, "src", "records/operations/audit.rs", "use super::super::ledger;"),
        (COMPANION, "cli", "common/host.rs", "use crate::tools::Toolbox;"),
        (COMPANION, "cli", "common/host.rs", "fn f() { crate::dev::run() }"),
        (COMPANION, "cli", "common/host.rs", "    let x = super::super::status::run();"),
        (COMPANION, "cli", "tools/step.rs", "use crate::{common::web, ceremony};"),
        (COMPANION, "cli", "ceremony/init.rs", "use crate::{\n    common::web::{self, say},\n    operator,\n};"),
        (COMPANION, "cli", "operator/certs/list.rs", "use super::super::super::status::run;"),
        (COMPANION, "cli", "status/judge.rs", "use crate::dev::state; // crate::common is allowed"),
    ] {
        let found = one(&house, root, path, source);
        assert_eq!(found.len(), 1, "{path}: {source}: {found:?}");
    }
}

#[test]
fn re_exports_do_not_hide_an_arrow() {
    let house_file = ("records/mod.rs", "pub mod ledger;\npub use self::ledger::Entry;");
    let found = RECORDS.violations(&of("src", &[house_file, ("records/acme/order.rs", "use crate::records::Entry;")]));
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn allowed_arrows_pass() {
    for (house, root, path, source) in [
        (LAYERS, "src", "records/acme/order.rs", "use crate::store::Record;\n// crate::ca is not code"),
        (LAYERS, "src", "values/hex.rs", "/* crate::ca */ const A: &str = r#\"crate::ca::x\"#; const B: char = '\"';"),
        (
            CA,
            "src",
            "ca/account/finalize.rs",
            "use crate::ca::http::routes;\nuse super::order;\nuse crate::values::Id;",
        ),
        (CA, "src", "ca/account/finalize.rs", "pub(in crate::ca) fn f<'a>() -> &'a str { \"crate::ca::front::x\" }"),
        (CA, "src", "ca/http/page.rs", "#[cfg(test)]\nmod tests { use crate::ca::front::crl; }"),
        (CA, "src", "ca/http/page.rs", "#[cfg(test)]\n#[allow(x)]\nuse crate::ca::front::crl::{A, B};\nfn f() {}"),
        (CA, "src", "ca/testing/world.rs", "use crate::ca::front::crl;"),
        (COMPANION, "cli", "dev/pki.rs", "mod tests {\n    use super::*;\n}"),
        (COMPANION, "cli", "main.rs", "use crate::dev;\nmod dev;"),
    ] {
        let found = one(&house, root, path, source);
        assert!(found.is_empty(), "{path}: {source}: {found:?}");
    }
}

#[test]
fn files_outside_of_rooms_are_found() {
    for (house, root, path) in [
        (LAYERS, "src", "metrics.rs"),
        (LAYERS, "src", "policy.rs"),
        (LAYERS, "src", "acme/mod.rs"),
        (CA, "src", "ca/metrics.rs"),
        (CA, "src", "ca/telemetry.rs"),
        (CA, "src", "ca/admin/mod.rs"),
        (CA, "src", "ca/admin/deep/file.rs"),
        (RECORDS, "src", "records/order.rs"),
        (COMPANION, "cli", "web.rs"),
        (COMPANION, "cli", "admin/mod.rs"),
    ] {
        let found = one(&house, root, path, "");
        assert!(found.len() == 1 && found[0].contains("in no room"), "{path}: {found:?}");
    }
}

#[test]
fn upward_arrows_of_a_table_are_found() {
    let house =
        House { folder: "x", rooms: &[("a", &["b"]), ("b", &["a"]), ("c", &["d"])], support: &[], with_tests: true };
    assert_eq!(house.upward(), ["b -> a", "c -> d"]);
}

/// A handle with methods in two files, which call these.
fn handle(first: &str, second: &str) -> Vec<String> {
    let file = |body: &str| format!("impl<P: Ports, K> Cell<P, K> {{ {body} }}");
    let (first, second) = (file(first), file(second));
    circles(&of("src", &[("ca/account/a.rs", &first), ("ca/account/b.rs", &second)]))
}

#[test]
fn circles_by_paths_are_found() {
    for (first, second) in [
        ("use super::b::B;", "use crate::ca::account::a::A;"),
        ("use crate::ca::account::{b::{B, C}, order};", "fn f() { super::a::x() }"),
        ("use super::b;\nfn f() { b::x() }", "impl crate::ca::account::a::A {}"),
    ] {
        let found = circles(&of("src", &[("ca/account/a.rs", first), ("ca/account/b.rs", second)]));
        assert!(found.len() >= 2, "{first} {second}: {found:?}");
    }
    let by_parent = [
        ("pki/mod.rs", "mod a;\nmod b;\npub use a::A;\npub use b::B;"),
        ("pki/a.rs", "use super::B;"),
        ("pki/b.rs", "use crate::pki::A;"),
    ];
    assert_eq!(circles(&of("src", &by_parent)).len(), 2);
    // A parent's re-export of its children is no use of them.
    assert!(circles(&of("src", &by_parent[..2])).is_empty());
    let three = [("jose/a.rs", "use super::b;"), ("jose/b.rs", "use super::c;"), ("jose/c.rs", "use super::a;")];
    assert_eq!(circles(&of("src", &three)).len(), 3);
    assert!(circles(&of("src", &three[..2])).is_empty());
}

#[test]
fn circles_by_methods_are_found() {
    for (first, second) in [
        ("fn a(&self) { self.b() }", "async fn b(&self) { self.a().await }"),
        ("pub fn a(&self) { self.clone().b::<u8>() }", "fn b(&self) { run(|cell: Cell| cell.a()) }"),
        ("fn a(&self) { Self::b(self) }", "fn b(&self) { Cell::a(self) }"),
    ] {
        assert_eq!(handle(first, second).len(), 2, "{first} {second}");
    }
    assert!(handle("fn a(&self) { self.b() }", "fn b(&self) { other.a() }").is_empty());
    assert!(handle("fn a(&self) { self.b() }", "#[cfg(test)] fn c(&self) { self.a() } fn b(&self) {}").is_empty());
    // A kind of partition that derefs to the handle.
    let kinds = [
        ("ca/account/a.rs", "impl Account { fn a(&self) { self.log() } }\nimpl Deref for Account { fn x() {} }"),
        ("ca/account/b.rs", "impl Account { fn b(&self) {} }"),
        ("ca/runtime/jobs.rs", "impl Partition { fn log(&self) { account.a() } }"),
        ("ca/runtime/memory.rs", "impl Partition { fn other(&self) {} }"),
    ];
    assert_eq!(circles(&of("src", &kinds)).len(), 2);
}

#[test]
fn clocks_and_the_host_are_found_outside_of_the_shell() {
    for source in ["use worker::Env;", "let now = std::time::SystemTime::now();", "let now = Instant::now();"] {
        assert_eq!(shell_only(&of("src", &[("ca/runtime/clock.rs", source)])).len(), 1, "{source}");
        assert!(shell_only(&of("src", &[("worker/clock.rs", source)])).is_empty(), "{source}");
    }
    assert!(shell_only(&of("src", &[("jose/jws.rs", "// SystemTime::now\nlet a = \"worker::\";")])).is_empty());
}

#[test]
fn long_files_are_found() {
    assert_eq!(too_long(&of("src", &[("jose/jws.rs", &"\n".repeat(401))])).len(), 1);
    assert!(too_long(&of("src", &[("jose/jws.rs", &"\n".repeat(400))])).is_empty());
}
