//! Sample names for the commands to paste, which the CA does not refuse.

use std::collections::BTreeMap;
use std::fs;

use selvedge::ca::config::policy::read_policy;
use selvedge::ca::documents::landing::names;
use selvedge::pki::Issuer;
use selvedge::policy::Policy;

use super::kept::KeptCa;
use crate::common::worker_config::Runtime;
use crate::runtime::capnp::Binding;

/// The default name.
const USUAL: &str = "www.test";
/// The default name for a wildcard certificate.
const WILD: &str = "wild.test";

/// Names that the CA issues for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// A name.
    pub name: String,
    /// A name that is permitted with its wildcard, by dns-01.
    pub wild: Option<String>,
    /// A description of the permitted names, unless all are.
    pub permitted: Option<String>,
}

impl Default for Sample {
    fn default() -> Self {
        Self { name: USUAL.to_owned(), wild: Some(WILD.to_owned()), permitted: None }
    }
}

impl Sample {
    /// Sample names for these settings; unreadable settings are reported by the Worker.
    pub fn of(bindings: &BTreeMap<String, Binding>, worker: &Runtime, kept: Option<&KeptCa>) -> Self {
        let chain = kept.map(|kept| kept.active.clone()).or_else(|| text_of(bindings.get("ISSUER_CHAIN")?));
        let set = bindings.get("POLICY").and_then(text_of);
        let policy = set.or_else(|| worker.vars.get("POLICY").map(|var| var.text().to_owned()));
        let policy = policy.map_or(Some(Policy::default()), |text| {
            serde_json::from_str(&text).ok().and_then(|document| read_policy("POLICY", &document).ok())
        });
        let issuer = chain.and_then(|chain| Issuer::from_pem_chain(&chain).ok());
        let (Some(issuer), Some(policy)) = (issuer, policy) else { return Self::default() };
        Self::under(&issuer, &policy)
    }

    fn under(issuer: &Issuer, policy: &Policy) -> Self {
        let name = names::example(issuer, policy, USUAL).unwrap_or_else(|| "NAME".to_owned());
        let bare = name.strip_prefix("www.").unwrap_or(&name);
        let both = |name: &&str| {
            [(*name).to_owned(), format!("*.{name}")].iter().all(|one| names::is_permitted(issuer, policy, one))
        };
        let wild = [WILD, &name, bare].into_iter().find(both).map(str::to_owned);
        Self { wild, permitted: names::permitted(issuer, policy), name }
    }
}

fn text_of(binding: &Binding) -> Option<String> {
    match binding {
        Binding::Var(var) => Some(var.text().to_owned()),
        Binding::File(file) => fs::read_to_string(file).ok(),
        Binding::Key(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::worker_config::Var;
    use crate::common::worker_config::WorkerConfig;
    use selvedge::pki::ceremony::{Constraints, IssuerPlan, Root};
    use selvedge::values::SigAlg;
    use selvedge::values::identifier::DnsName;
    use std::path::Path;

    #[test]
    fn sample_names_are_permitted() {
        let now = crate::common::host::now().unwrap();
        let root = Root::create(SigAlg::Es256, "R", now, 10).unwrap();
        let issuer = |suffixes: &[&str]| {
            let suffixes: Vec<_> = suffixes.iter().map(|one| DnsName::parse(one).unwrap()).collect();
            let constraints = Constraints::new(&suffixes, &[]).unwrap();
            let plan = IssuerPlan { common_name: "I", algorithm: SigAlg::Es256, constraints: &constraints, years: 1 };
            root.create_issuer(plan, now).unwrap().certificate
        };
        let sample = |suffixes: &[&str], policy: &str| {
            let var = |text: String| Binding::Var(Var::Text(text));
            let bindings = BTreeMap::from([
                ("ISSUER_CHAIN".to_owned(), var(issuer(suffixes))),
                ("POLICY".to_owned(), var(policy.to_owned())),
            ]);
            let worker = WorkerConfig::parse(Path::new("w"), "name='a'\nmain='b'\ncompatibility_date='c'\n")
                .unwrap()
                .runtime()
                .unwrap();
            let Sample { name, wild, permitted } = Sample::of(&bindings, &worker, None);
            (name, wild, permitted.is_some())
        };
        let of = |name: &str, wild: Option<&str>, said| (name.to_owned(), wild.map(str::to_owned), said);
        assert_eq!(sample(&[], "{}"), of("www.test", Some("wild.test"), false));
        assert_eq!(sample(&["corp.example"], "{}"), of("www.corp.example", Some("www.corp.example"), true));
        assert_eq!(sample(&["test"], "{}"), of("www.test", Some("wild.test"), true));
        assert_eq!(sample(&[], r#"{"wildcards":false}"#), of("www.test", None, true));
        assert_eq!(sample(&[], r#"{"allow":["db.corp.example"]}"#), of("db.corp.example", None, true));
        assert_eq!(sample(&["corp.example"], r#"{"allow":["other.example"]}"#), of("NAME", None, true));
        // The Worker says what is wrong with it.
        assert_eq!(sample(&[], "nonsense"), of("www.test", Some("wild.test"), false));
    }
}
