//! The issuers below which the corpus is: each a root and an intermediate.

use crate::openssl_ca::{KeyOption, OpensslCa, P256};
use selvedge::pki::ceremony::{
    CertAndKey, Constraints, IssuerPlan, Root, create_intermediate, create_root, cross_sign,
};
use selvedge::values::identifier::DnsName;
use selvedge::values::{SigAlg, Time};

/// A kind of issuer.
pub struct IssuerKind {
    pub name: &'static str,
    /// Makes one that is valid from this time on.
    pub make: fn(Time) -> Hierarchy,
    /// The kinds of names that its name constraints allow leaves, the usual first.
    pub within: &'static [&'static str],
    /// Those that its name constraints forbid; none where it has no constraints.
    pub outside: &'static [&'static str],
}

impl IssuerKind {
    const fn unconstrained(name: &'static str, make: fn(Time) -> Hierarchy) -> Self {
        Self { name, make, within: &["single"], outside: &[] }
    }

    /// Whether the intermediate has name constraints.
    pub fn is_constrained(&self) -> bool {
        !self.outside.is_empty()
    }
}

/// Every kind; the first has the most leaves. A further one is one more row here: its leaves and its CRLs are made,
/// every verifier verifiers them, and [`ALLOWED`](crate::allowed::ALLOWED) says what linters may find.
pub const ISSUERS: &[IssuerKind] = &[
    IssuerKind::unconstrained("p256", from_ceremony),
    IssuerKind::unconstrained("p384", |now| planned(now, SigAlg::Es384, &[], &[])),
    IssuerKind::unconstrained("rsa-2048", |now| with_key(now, include_str!("../fixtures/keys/rsa-2048.pem"))),
    IssuerKind::unconstrained("rsa-3072", |now| with_key(now, include_str!("../fixtures/keys/rsa-3072.pem"))),
    IssuerKind::unconstrained("openssl", |now| from_openssl(now, P256, "")),
    IssuerKind {
        name: "dns-openssl",
        make: |now| from_openssl(now, P256, CONSTRAINTS),
        within: DNS_WITHIN,
        outside: DNS_OUTSIDE,
    },
    IssuerKind {
        name: "dns",
        make: |now| planned(now, SigAlg::Es256, &["example.com"], &[]),
        within: DNS_WITHIN,
        outside: DNS_OUTSIDE,
    },
    // A range that does not end where an octet does.
    IssuerKind {
        name: "ip",
        make: |now| planned(now, SigAlg::Es256, &[], &["192.0.2.0/25"]),
        within: &["ipv4"],
        outside: &["ipv4-beyond", "ipv6", "single", "wildcard", "mixed"],
    },
    IssuerKind {
        name: "dns-and-ip",
        make: |now| planned(now, SigAlg::Es256, &["example.com"], &["192.0.2.0/25", "2001:db8::/33"]),
        within: &["single", "wildcard", "ipv4", "ipv6", "mixed"],
        outside: &["ipv4-beyond", "ipv6-beyond", "inner"],
    },
];

const DNS_WITHIN: &[&str] = &["single", "wildcard", "long", "hundred"];
const DNS_OUTSIDE: &[&str] = &["ipv4", "ipv6", "mixed", "inner"];

/// In the words of OpenSSL's configuration.
const CONSTRAINTS: &str = "nameConstraints = critical, permitted;DNS:example.com, \
    excluded;IP:0.0.0.0/0.0.0.0, excluded;IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0\n";

/// A root and an intermediate below it.
pub struct Hierarchy {
    /// The root's certificate in PEM.
    pub root: String,
    pub intermediate: CertAndKey,
}

/// As the companion makes them for a CA that is thrown away.
fn from_ceremony(now: Time) -> Hierarchy {
    let root = create_root("Example Root", now, 10).unwrap();
    let intermediate = create_intermediate(&root, "Example Issuing CA", now, 5).unwrap();
    Hierarchy { root: root.certificate, intermediate }
}

/// A root as the companion makes it for a CA that is kept.
fn kept_root(now: Time) -> Root {
    Root::create(SigAlg::Es384, "Example Root", now, 20).unwrap()
}

/// Below such a root, with a new key and these permitted names; empty permits all.
fn planned(now: Time, algorithm: SigAlg, dns: &[&str], ips: &[&str]) -> Hierarchy {
    let dns: Vec<_> = dns.iter().map(|name| DnsName::parse(name).unwrap()).collect();
    let ips: Vec<_> = ips.iter().map(|range| range.parse().unwrap()).collect();
    let constraints = &Constraints::new(&dns, &ips).unwrap();
    let plan = IssuerPlan { common_name: "Example Issuing CA", algorithm, constraints, years: 5 };
    let root = kept_root(now);
    Hierarchy { root: root.certificate().to_owned(), intermediate: root.create_issuer(plan, now).unwrap() }
}

/// Below such a root, with this key: a ceremony certifies RSA keys but creates none.
fn with_key(now: Time, key: &str) -> Hierarchy {
    let root = kept_root(now);
    let root = CertAndKey { certificate: root.certificate().to_owned(), key: root.key().to_pkcs8_pem().unwrap() };
    let of = CertAndKey { certificate: String::new(), key: key.to_owned() };
    let intermediate = cross_sign(&root, &of, "Example Issuing CA", now, 5).unwrap();
    Hierarchy { root: root.certificate, intermediate }
}

/// A hierarchy made by OpenSSL alone, below a P-384 root.
///
/// The intermediate has further `extensions`.
fn from_openssl(now: Time, key: KeyOption, extensions: &str) -> Hierarchy {
    let root = OpensslCa::root("Example Root", now);
    let intermediate = root.intermediate("Example Issuing CA", key, now, extensions);
    Hierarchy { root: root.certificate(), intermediate }
}
