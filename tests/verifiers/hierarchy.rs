//! The issuers below which the corpus is: each a root and an intermediate.

use crate::openssl_ca::{KeyOption, OpensslCa, P256};
use selvedge::pki::ceremony::{CertAndKey, create_intermediate, create_root};
use selvedge::values::Time;

/// A kind of issuer.
pub struct IssuerKind {
    pub name: &'static str,
    /// Makes one that is valid from this time on.
    pub make: fn(Time) -> Hierarchy,
    /// Whether the intermediate has name constraints: DNS names in `example.com`, and no IP addresses.
    pub constrained: bool,
}

/// Every kind; the first has the most leaves. A further one is one more row here (of another key as soon as [`Issuer`]
/// takes it): all leaf keys are issued below it, every verifier judges them, and
/// [`ALLOWED`](crate::allowed::ALLOWED) says what linters may find.
///
/// [`Issuer`]: selvedge::pki::Issuer
pub const ISSUERS: &[IssuerKind] = &[
    IssuerKind { name: "p256", make: from_ceremony, constrained: false },
    IssuerKind { name: "openssl", make: |now| from_openssl(now, P256, ""), constrained: false },
    IssuerKind { name: "constrained", make: |now| from_openssl(now, P256, CONSTRAINTS), constrained: true },
];

/// In the words of OpenSSL's configuration.
const CONSTRAINTS: &str = "nameConstraints = critical, permitted;DNS:example.com, \
    excluded;IP:0.0.0.0/0.0.0.0, excluded;IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0\n";

/// A root and an intermediate below it.
pub struct Hierarchy {
    /// The root's certificate in PEM.
    pub root: String,
    pub intermediate: CertAndKey,
}

/// As the companion makes them.
fn from_ceremony(now: Time) -> Hierarchy {
    let root = create_root("Example Root", now, 10).unwrap();
    let intermediate = create_intermediate(&root, "Example Issuing CA", now, 5).unwrap();
    Hierarchy { root: root.certificate, intermediate }
}

/// As the README has people make them who do not use the companion, below a root with a P-384 key; with further
/// extensions of the intermediate.
fn from_openssl(now: Time, key: KeyOption, extensions: &str) -> Hierarchy {
    let root = OpensslCa::root("Example Root", now);
    let intermediate = root.intermediate("Example Issuing CA", key, now, extensions);
    Hierarchy { root: root.certificate(), intermediate }
}
