//! Seeds of what operators bring: PEM files, CRLs, chains.

use selvedge::ca::testing::World;
use selvedge::pki::ceremony::{CertAndKey, Constraints, IssuerPlan, Root, create_intermediate, create_root};
use selvedge::pki::pem;
use selvedge::values::identifier::DnsName;
use selvedge::values::{SigAlg, Time};

const NOW: Time = Time::from_secs(1_795_521_600);

fn pair() -> (CertAndKey, CertAndKey) {
    let root = create_root("Example Root", NOW, 10).unwrap();
    let issuer = create_intermediate(&root, "Example Issuing CA", NOW, 5).unwrap();
    (root, issuer)
}

pub fn pems() -> Vec<(&'static str, Vec<u8>)> {
    let (root, issuer) = pair();
    let text = format!("Certificate:\n    Data:\n{}subject=CN = x\n{}", issuer.certificate, root.certificate);
    let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    let list = World::new().root_list(None);
    let texts = [
        ("strict", issuer.certificate.clone()),
        ("text-around", text),
        ("blanks", issuer.certificate.replace('\n', " \t\r\n")),
        ("one-line", issuer.certificate.replace('\n', " ")),
        ("parameters-and-key", format!("{parameters}{}", issuer.key)),
        ("two-keys", format!("{}{}", issuer.key, root.key)),
        ("crl", pem::write(pem::CRL, &list.list().der).unwrap()),
        ("no-end", issuer.certificate.replace("END", "DNE")),
        ("headers", issuer.key.replace("-----\nM", "-----\nProc-Type: 4,ENCRYPTED\n\nM")),
    ];
    texts.into_iter().map(|(name, text)| (name, text.into_bytes())).collect()
}

pub fn crls() -> Vec<(&'static str, Vec<u8>)> {
    let world = World::new();
    let empty = world.root_list(None).list().der.clone();
    let one = world.root_list(Some(vec![1, 2, 3])).list().der.clone();
    let mut longer = one.clone();
    longer.push(0);
    let inner = empty.get(4..).unwrap_or_default().to_vec();
    vec![("empty", empty), ("one", one), ("longer", longer), ("inner", inner), ("nothing", vec![0x30, 0])]
}

pub fn chains() -> Vec<(&'static str, Vec<u8>)> {
    let (root, issuer) = pair();
    let bound =
        Root::create(SigAlg::Es384, "Example Root", NOW, 10).unwrap().with_crl_url("http://ca.test/crl/root.crl");
    let permitted = [DnsName::parse("example.org").unwrap()];
    let constraints = &Constraints::new(&permitted, &["10.0.0.0/8".parse().unwrap()]).unwrap();
    let plan = IssuerPlan { common_name: "Bound", algorithm: SigAlg::Es256, constraints, years: 5 };
    let narrow = bound.create_issuer(plan, NOW).unwrap();
    let texts = [
        ("issuer", issuer.certificate.clone()),
        ("with-root", format!("{}{}", issuer.certificate, root.certificate)),
        ("root", root.certificate.clone()),
        ("constrained", format!("{}{}", narrow.certificate, bound.certificate())),
        ("another-root", format!("{}{}", issuer.certificate, bound.certificate())),
        ("twice", issuer.certificate.repeat(2)),
    ];
    texts.into_iter().map(|(name, text)| (name, text.into_bytes())).collect()
}
