//! The CRL of the root, which the ceremony signed.

use super::{NOW, good, read};
use selvedge::pki::ceremony::{Constraints, IssuerPlan, Root};
use selvedge::pki::crl::read::ReceivedCrlEntry;
use selvedge::pki::pem;
use selvedge::values::SigAlg;
use std::collections::BTreeMap;
use std::time::Duration;

/// The root of these settings with its key, for signing CRLs.
fn with_root() -> (BTreeMap<&'static str, String>, Root) {
    let root = Root::create(SigAlg::Es256, "root", NOW, 10).unwrap();
    let constraints = &Constraints::default();
    let plan = IssuerPlan { common_name: "issuer", algorithm: SigAlg::Es256, constraints, years: 5 };
    let mut values = good();
    values.insert("ISSUER_CHAIN", root.create_issuer(plan, NOW).unwrap().certificate);
    values.insert("ROOT_CERTIFICATE", root.certificate().to_owned());
    (values, root)
}

#[test]
fn root_crl_is_used_or_reported_without_stopping() {
    let (mut values, root) = with_root();
    let day = Duration::from_secs(86_400);
    let list = root.create_crl(None, None, NOW, NOW.plus(day)).unwrap();
    values.insert("ROOT_CRL", format!("some text\n{list}"));
    let settings = read(&values, NOW).unwrap();
    assert!(settings.problems.is_empty() && settings.root_list.is_some(), "{:?}", settings.problems);
    let later = read(&values, NOW.plus(day)).unwrap();
    assert!(later.problems[0].contains("ROOT_CRL expired at") && later.root_list.is_some(), "{:?}", later.problems);

    let serial = settings.issuers.active(NOW).serial_below_root().unwrap();
    let listed = ReceivedCrlEntry { serial, at: NOW, reason: Some(2) };
    values.insert("ROOT_CRL", root.create_crl(None, Some(listed), NOW, NOW.plus(day)).unwrap());
    let revoked = read(&values, NOW).unwrap();
    assert!(revoked.problems[0].contains("The active issuer 1 was revoked"), "{:?}", revoked.problems);

    let other = Root::create(SigAlg::Es256, "another", NOW, 10).unwrap();
    for (text, says) in [
        (other.create_crl(None, None, NOW, NOW.plus(day)).unwrap(), "its issuer is not ROOT_CERTIFICATE"),
        (root.certificate().to_owned(), "expected only a \"X509 CRL\""),
        ("nothing".to_owned(), "no \"BEGIN X509 CRL\""),
        (pem::write(pem::CRL, &[0x30, 0]).unwrap(), "not a CRL in DER"),
    ] {
        values.insert("ROOT_CRL", text);
        let settings = read(&values, NOW).unwrap();
        assert!(settings.root_list.is_none());
        assert!(
            settings.problems[0].starts_with("ROOT_CRL cannot be used: ") && settings.problems[0].contains(says),
            "{:?}",
            settings.problems
        );
    }
    values.insert("ROOT_CRL", list);
    values.remove("ROOT_CERTIFICATE");
    assert!(read(&values, NOW).unwrap().problems[0].contains("ROOT_CERTIFICATE, is not set"));
}
