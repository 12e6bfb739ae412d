//! Clients of a CA that is restored from a backup: each renews without a change.

use super::fixture::Fixture;
use super::{acme_sh, caddy, certbot, dehydrated, lego};
use std::thread;

#[test]
fn five_clients_go_on_after_a_restore() {
    let mut fixture = Fixture::start("certbot, lego, acme.sh, dehydrated, Caddy", &[]);
    fixture.serve_webroot();
    // Mostly they wait, so they do so side by side.
    let (lego, acme_sh, dehydrated) = thread::scope(|scope| {
        let lego = scope.spawn(|| lego::before_a_restore(&fixture));
        let acme_sh = scope.spawn(|| acme_sh::before_a_restore(&fixture));
        let dehydrated = scope.spawn(|| dehydrated::before_a_restore(&fixture));
        scope.spawn(|| certbot::before_a_restore(&fixture));
        scope.spawn(|| caddy::before_a_restore(&fixture));
        (lego.join().unwrap(), acme_sh.join().unwrap(), dehydrated.join().unwrap())
    });
    let fixture = fixture.restored();
    thread::scope(|scope| {
        scope.spawn(|| lego::after_a_restore(&fixture, &lego));
        scope.spawn(|| acme_sh::after_a_restore(&fixture, &acme_sh));
        scope.spawn(|| dehydrated::after_a_restore(&fixture, &dehydrated));
        scope.spawn(|| certbot::after_a_restore(&fixture));
        scope.spawn(|| caddy::after_a_restore(&fixture));
    });
    fixture.did("renewal, revocation");
    fixture.report("restored");
}
