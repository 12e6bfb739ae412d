use super::*;
use crate::pki::issuer::chain::{Chain, ChainEnd};
use crate::pki::testing::{NOW, block_on, key};
use crate::pki::{Serial, pem, sigalg, tbs};
use crate::values::native_crypto::{NativeCrypto, NativeKey};
use crate::values::{SigAlg, Time};
use core::time::Duration;
use der::Encode;
use der::asn1::{Ia5String, Null, OctetString};
use std::str::FromStr;
use x509_cert::ext::pkix::constraints::name::GeneralSubtree;
use x509_cert::ext::pkix::name::GeneralNames;
use x509_cert::ext::pkix::{CertificatePolicies, NameConstraints};
use x509_cert::ext::{Extension, Extensions};
use x509_cert::serial_number::SerialNumber;

/// A CA of these tests: its certificate is made of this.
#[derive(Clone)]
struct Ca {
    subject: &'static str,
    issuer: &'static str,
    key: NativeKey,
    signer: NativeKey,
    extensions: Extensions,
    until: Time,
}

fn spki_id(key: &NativeKey) -> Vec<u8> {
    tbs::key_id(&key.spki_der().unwrap()).unwrap()
}

impl Ca {
    fn new(subject: &'static str, issuer: &'static str, [key, signer]: [&NativeKey; 2]) -> Self {
        let extensions = vec![
            tbs::authority_key_id(&spki_id(signer)).unwrap(),
            tbs::subject_key_id(&spki_id(key)).unwrap(),
            tbs::ca_key_usage().unwrap(),
            tbs::ca_constraints(None).unwrap(),
        ];
        let until = NOW.plus(Duration::from_secs(1_000_000));
        Self { subject, issuer, key: key.clone(), signer: signer.clone(), extensions, until }
    }

    fn der(&self) -> Vec<u8> {
        let name = |text: &str| match text {
            "" => Name::default().to_der().unwrap(),
            text => Name::from_str(text).unwrap().to_der().unwrap(),
        };
        let alg = self.signer.algorithm();
        let fields = tbs::Fields {
            serial: &Serial::from_random([7; 18]),
            algorithm: sigalg::identifier(alg).unwrap(),
            issuer: &name(self.issuer),
            not_before: NOW,
            not_after: self.until,
            subject: &name(self.subject),
            spki: &self.key.spki_der().unwrap(),
            extensions: self.extensions.clone(),
        };
        let tbs = fields.encode().unwrap();
        let signature = sigalg::to_x509(alg, &self.signer.sign(alg, &tbs).unwrap()).unwrap();
        tbs::seal(&tbs, sigalg::identifier(alg).unwrap(), &signature).unwrap()
    }

    /// Puts an extension in the place of that of its kind.
    fn set(&mut self, extension: Extension) {
        self.extensions.retain(|one| one.extn_id != extension.extn_id);
        self.extensions.push(extension);
    }
}

/// A root, a CA below it, and an issuer below that. The extensions of each can be changed.
#[derive(Clone)]
struct Path {
    root: Ca,
    above: Ca,
    issuer: Ca,
}

const COMPANY: &str = "CN=Company CA,O=Company";

fn path() -> Path {
    let [root, above, issuer] = [SigAlg::Es384, SigAlg::Rs256, SigAlg::Es256].map(key);
    Path {
        root: Ca::new("CN=Root,O=Company", "CN=Root,O=Company", [root, root]),
        above: Ca::new(COMPANY, "CN=Root,O=Company", [above, root]),
        issuer: Ca::new("CN=Issuer,O=Company", COMPANY, [issuer, above]),
    }
}

impl Path {
    fn read(&self) -> Result<Chain, IssuerFault> {
        let root = self.root.der();
        let chain = Chain::read(&[self.issuer.der(), self.above.der()], ChainEnd::Below(&root))?;
        block_on(chain.check_signatures(&NativeCrypto))?;
        Ok(chain)
    }

    fn fault(&self) -> PathFault {
        match self.read() {
            Err(IssuerFault::Path(fault)) => fault,
            other => panic!("{other:?}"),
        }
    }
}

/// What comes of a change to a path that is good without it.
fn broken(change: impl FnOnce(&mut Path)) -> PathFault {
    let mut path = path();
    path.read().unwrap();
    change(&mut path);
    path.fault()
}

fn directory(text: &str) -> GeneralName {
    GeneralName::DirectoryName(Name::from_str(text).unwrap())
}

fn dns(text: &str) -> GeneralName {
    GeneralName::DnsName(Ia5String::new(text).unwrap())
}

fn trees(names: &[GeneralName]) -> Option<Vec<GeneralSubtree>> {
    let tree = |base: &GeneralName| GeneralSubtree { base: base.clone(), minimum: 0, maximum: None };
    (!names.is_empty()).then(|| names.iter().map(tree).collect())
}

fn constraints(permitted: &[GeneralName], excluded: &[GeneralName]) -> Extension {
    let value = NameConstraints { permitted_subtrees: trees(permitted), excluded_subtrees: trees(excluded) };
    tbs::name_constraints(&value).unwrap()
}

fn authority(key_id: Option<&[u8]>, issuer: Option<&str>, serial: Option<&[u8]>) -> Extension {
    let value = AuthorityKeyIdentifier {
        key_identifier: key_id.map(|id| OctetString::new(id).unwrap()),
        authority_cert_issuer: issuer.map(|name| GeneralNames::from([directory(name)])),
        authority_cert_serial_number: serial.map(|octets| SerialNumber::new(octets).unwrap()),
    };
    tbs::extension(false, &value).unwrap()
}

#[test]
fn path_with_other_key_identifiers_is_refused() {
    let other = authority(Some(&[9; 20]), None, None);
    let fault = broken(|path| path.issuer.set(other.clone()));
    assert!(
        matches!(&fault, PathFault { at: PathPosition::Chain(1), rule: PathRule::KeyId(_, _, PathPosition::Chain(2)) }),
        "{fault}"
    );
    let fault = broken(|path| path.above.set(other));
    assert!(
        matches!(&fault, PathFault { at: PathPosition::Chain(2), rule: PathRule::KeyId(wanted, _, PathPosition::Root) } if *wanted == "09".repeat(20))
    );
    assert!(fault.to_string().contains("certificate 2 of the issuer chain") && fault.to_string().contains("the root"));
    assert!(fault.to_string().contains("RFC 5280 §4.2.1.1"), "{fault}");

    let serial = Serial::from_random([7; 18]);
    let right = authority(None, Some("CN=Root,O=Company"), Some(serial.octets()));
    let mut good = path();
    good.issuer.set(right.clone());
    good.above.set(right);
    good.read().unwrap();
    for (issuer, number) in [(COMPANY, serial.octets()), ("CN=Root,O=Company", &[8][..])] {
        let fault = broken(|path| path.issuer.set(authority(None, Some(issuer), Some(number))));
        assert_eq!(
            fault,
            PathFault { at: PathPosition::Chain(1), rule: PathRule::IssuerSerial(PathPosition::Chain(2)) }
        );
        let fault = broken(|path| path.above.set(authority(None, Some(issuer), Some(number))));
        assert_eq!(fault, PathFault { at: PathPosition::Chain(2), rule: PathRule::IssuerSerial(PathPosition::Root) });
    }
}

#[test]
fn path_with_ca_name_outside_constraints_is_refused() {
    for (permitted, excluded) in [
        (&[directory("O=Other")][..], &[][..]),
        (&[], &[directory("O=Company")]),
        (&[], &[directory("CN=Issuer,O=company")]),
    ] {
        for (at, of) in [(true, PathPosition::Root), (false, PathPosition::Chain(2))] {
            let mut path = path();
            let ca = if at { &mut path.root } else { &mut path.above };
            ca.set(constraints(permitted, excluded));
            let fault = path.fault();
            assert!(matches!(&fault.rule, PathRule::Outside(found, _) if *found == of), "{fault}");
            assert!(fault.to_string().contains("§4.2.1.10"), "{fault}");
        }
    }
    let mut within = path();
    within.root.set(constraints(&[directory("O=Company"), dns("example.org")], &[directory("O=Other")]));
    within.read().unwrap();
    // What a CA is called otherwise counts too.
    let fault = broken(|path| {
        path.root.set(constraints(&[dns("example.org")], &[]));
        path.issuer.set(tbs::extension(false, &SubjectAltName(vec![dns("example.net")])).unwrap());
    });
    assert!(
        matches!(&fault, PathFault { at: PathPosition::Chain(1), rule: PathRule::Outside(PathPosition::Root, _) }),
        "{fault}"
    );
    // Its own constraints do not bind its own name.
    let mut own = path();
    own.issuer.set(constraints(&[], &[directory("O=Company")]));
    own.read().unwrap();
}

#[test]
fn path_with_unusable_constraints_is_refused() {
    let empty = GeneralName::IpAddress(OctetString::new([]).unwrap());
    for place in 0..3 {
        let fault = broken(|path| {
            [&mut path.root, &mut path.above, &mut path.issuer][place]
                .set(constraints(&[], std::slice::from_ref(&empty)));
        });
        assert!(matches!(&fault.rule, PathRule::Constraint(what) if what.contains("0 octets")), "{fault}");
        assert_eq!(fault.at, [PathPosition::Root, PathPosition::Chain(2), PathPosition::Chain(1)][place]);
    }
    let everything: Vec<_> = [[0; 8].as_slice(), &[0; 32]]
        .map(|octets| GeneralName::IpAddress(OctetString::new(octets).unwrap()))
        .into_iter()
        .collect();
    let fault = broken(|path| {
        path.above.set(constraints(&[dns("example.net")], &[]));
        path.issuer.set(constraints(&[dns("example.org")], &everything));
    });
    assert_eq!(fault, PathFault { at: PathPosition::Chain(1), rule: PathRule::NoNames });
    let mut meet = path();
    meet.above.set(constraints(&[dns("org")], &[]));
    meet.issuer.set(constraints(&[dns(".example.org")], &everything));
    meet.read().unwrap();
}

#[test]
fn path_longer_than_path_length_is_refused() {
    let length = |length| tbs::ca_constraints(Some(length)).unwrap();
    for (root, above) in [(2, 1), (5, 9)] {
        let mut good = path();
        good.root.set(length(root));
        good.above.set(length(above));
        good.issuer.set(length(0));
        good.read().unwrap();
    }
    // As long as there are numbers: BouncyCastle writes Integer.MAX_VALUE for any.
    for octets in [&[0x7f, 0xff, 0xff, 0xff][..], &[1, 0], &[1; 9]] {
        let (all, one) = (octets.len() as u8 + 5, octets.len() as u8);
        let der = [&[0x30, all, 1, 1, 0xff, 2, one], octets].concat();
        let mut long = path();
        long.root.set(Extension {
            extn_id: ID_CE_BASIC_CONSTRAINTS,
            critical: true,
            extn_value: OctetString::new(der).unwrap(),
        });
        long.read().unwrap();
    }
    let fault = broken(|path| path.root.set(length(1)));
    assert_eq!(fault, PathFault { at: PathPosition::Root, rule: PathRule::PathLength(1, 2) });
    let fault = broken(|path| path.above.set(length(0)));
    assert_eq!(fault, PathFault { at: PathPosition::Chain(2), rule: PathRule::PathLength(0, 1) });
    assert!(fault.to_string().contains("§4.2.1.9"), "{fault}");
}

#[test]
fn path_with_unknown_critical_extension_is_refused() {
    let odd = |critical| Extension {
        extn_id: ObjectIdentifier::new_unwrap("1.3.6.1.4.1.99999.1"),
        critical,
        extn_value: OctetString::new(Null.to_der().unwrap()).unwrap(),
    };
    for place in 0..3 {
        let put =
            |path: &mut Path, critical| [&mut path.root, &mut path.above, &mut path.issuer][place].set(odd(critical));
        let mut good = path();
        put(&mut good, false);
        good.read().unwrap();
        let fault = broken(|path| put(path, true));
        assert!(matches!(fault.rule, PathRule::Critical(_)) && fault.to_string().contains("§4.2"), "{fault}");
    }
    let fault = broken(|path| path.above.extensions.extend([odd(false), odd(false)]));
    assert!(matches!(fault, PathFault { at: PathPosition::Chain(2), rule: PathRule::Twice(_) }), "{fault}");
}

#[test]
fn path_requiring_policies_is_refused() {
    let require = |skip| {
        let value = PolicyConstraints { require_explicit_policy: Some(skip), inhibit_policy_mapping: None };
        tbs::extension(true, &value).unwrap()
    };
    for (place, skip, refused) in [(1, 0, true), (1, 2, true), (1, 3, false), (2, 0, true), (2, 1, true), (2, 2, false)]
    {
        let mut path = path();
        [&mut path.root, &mut path.above, &mut path.issuer][place].set(require(skip));
        match refused {
            true => assert_eq!(path.fault().rule, PathRule::Policy, "{place} {skip}"),
            false => drop(path.read().unwrap()),
        }
    }
    let mut named = path();
    named.above.set(tbs::extension(true, &CertificatePolicies(vec![])).unwrap());
    named.read().unwrap();
}

#[test]
fn path_signature_by_root_is_checked_and_the_roots_own_ignored() {
    let mut odd = path();
    odd.root.signer = key(SigAlg::Ed25519).clone();
    odd.read().unwrap();
    let mut forged = path();
    forged.above.signer = NativeKey::generate(SigAlg::Es384, &mut crate::pki::testing::random).unwrap();
    assert_eq!(forged.read().unwrap_err(), IssuerFault::NotByRoot(2));
    let mut stranger = path();
    stranger.root.subject = "CN=Another";
    assert_eq!(stranger.read().unwrap_err(), IssuerFault::NotByRoot(2));
    let mut nameless = path();
    nameless.above.subject = "";
    nameless.issuer.issuer = "";
    assert_eq!(nameless.fault(), PathFault { at: PathPosition::Chain(2), rule: PathRule::NoSubject });
}

#[test]
fn path_in_use_is_accepted_with_all_faults() {
    let mut path = path();
    path.root.set(tbs::ca_constraints(Some(0)).unwrap());
    path.above.set(constraints(&[], &[directory("CN=Issuer,O=Company")]));
    let root = path.root.der();
    let ders = [path.issuer.der(), path.above.der()];
    let chain = Chain::read_in_use(&ders, ChainEnd::Below(&root)).unwrap();
    let [length, outside] = chain.faults() else { panic!("{:?}", chain.faults()) };
    assert_eq!(*length, IssuerFault::Path(PathFault { at: PathPosition::Root, rule: PathRule::PathLength(0, 2) }));
    assert!(outside.to_string().contains("among what certificate 2"), "{outside}");
    assert_eq!(Chain::read(&ders, ChainEnd::Below(&root)).unwrap_err(), *length);
    // A key identifier of another key breaks the chain, in use or not.
    path.above.set(authority(Some(&[9; 20]), None, None));
    let ders = [path.issuer.der(), path.above.der()];
    assert!(matches!(Chain::read_in_use(&ders, ChainEnd::Below(&root)), Err(IssuerFault::Path(_))));
    assert!(Chain::read_in_use(&ders, ChainEnd::NoRoot).is_ok());
}

#[test]
fn path_validity_ends_with_the_root() {
    let mut short = path();
    short.root.until = NOW.plus(Duration::from_secs(60));
    let chain = short.read().unwrap();
    assert_eq!(chain.not_after(), short.root.until);
    assert_eq!(chain.check_root_time(NOW), Ok(()));
    let after = NOW.plus(Duration::from_secs(61));
    assert!(matches!(chain.check_root_time(after), Err(IssuerFault::RootTime(..))));
    assert_eq!(chain.check_time(after), Ok(()), "its certificates have to be looked after all the same");
    let text =
        pem::write_certificate(&short.issuer.der()).unwrap() + &pem::write_certificate(&short.above.der()).unwrap();
    let issuer = crate::pki::Issuer::from_pem_chain(&text).unwrap();
    assert!(
        issuer.not_after() > short.root.until
            && issuer.leads_to(&Name::from_str("CN=Root,O=Company").unwrap().to_der().unwrap())
    );
    assert_eq!(issuer.below(&short.root.der()).unwrap().not_after(), short.root.until);
}
