//! The root's CRL.

use super::*;

/// The root's CRL, valid for a duration.
fn root_list(root: &CertAndKey, good: Duration) -> String {
    let key = NativeKey::from_pkcs8_pem(&root.key).unwrap();
    let root = selvedge::pki::ceremony::Root::read(&root.certificate, key, NOW).unwrap();
    root.create_crl(None, None, NOW, NOW.plus(good)).unwrap()
}

#[test]
fn root_crl_is_signed_by_the_root_valid_and_published() {
    let with = |file: Option<&str>, set: Option<&str>| {
        let mut scene = Scene::new();
        file.iter().for_each(|text| scene.write("root.crl", text));
        set.iter().for_each(|text| scene.set("ROOT_CRL", text));
        scene
    };
    let scene = Scene::new();
    let good = |scene: &Scene| root_list(&scene.root, YEAR);
    let mut published = with(None, None);
    let list = good(&published);
    published.write("root.crl", &list);
    published.set("ROOT_CRL", &list);
    assert_eq!(published.found(), []);
    let other = good(&scene);
    let mut missing = with(None, None);
    missing.write("root.crl", &good(&missing));
    only(&missing.found(), Weight::Wrong, &["has no ROOT_CRL", "issuer crl"]);
    missing.set("ROOT_CRL", &other);
    only(&missing.found(), Weight::Wrong, &["has a CRL that differs from"]);
    only(&with(Some(&other), Some(&other)).found(), Weight::Wrong, &["not signed by the root's key"]);
    let mut short = with(None, None);
    let list = root_list(&short.root, Duration::from_secs(89 * 86_400));
    short.write("root.crl", &list);
    short.set("ROOT_CRL", &list);
    only(&short.found(), Weight::Warning, &["is valid until", "issuer crl"]);

    // An issuer's certificate names a CRL.
    let mut named_crl_url = with(None, None);
    let key = NativeKey::from_pkcs8_pem(&named_crl_url.root.key).unwrap();
    let root = selvedge::pki::ceremony::Root::read(&named_crl_url.root.certificate, key, NOW).unwrap();
    let root = root.with_crl_url("http://ca.test/crl/root.crl");
    let constraints = &selvedge::pki::ceremony::Constraints::default();
    let plan =
        selvedge::pki::ceremony::IssuerPlan { common_name: "I", algorithm: SigAlg::Es256, constraints, years: 5 };
    named_crl_url.add(1, &root.create_issuer(plan, NOW).unwrap());
    only(&named_crl_url.found(), Weight::Wrong, &["the root's CRL is at http://ca.test/crl/root.crl", "issuer crl"]);
}
