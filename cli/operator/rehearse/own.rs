//! Names, constraints and settings of the operator's own CA, for a rehearsal. Its keys are not read.

use std::net::IpAddr;

use anyhow::{Context, Result};
use selvedge::pki::pem;
use selvedge::values::x509::Parts;
use x509_cert::ext::pkix::constraints::name::NameConstraints;
use x509_cert::ext::pkix::name::GeneralName;

use crate::ceremony::issuer_file;
use crate::common::ca_paths::CaPaths;
use crate::common::files;
use crate::common::worker_config::WorkerConfig;
use crate::common::x509::display_name;

/// Settings that are taken over. Others are of the place, or lead out of this machine.
pub const SETTINGS: [&str; 5] =
    ["CRL_SHARDS", "EXTERNAL_ACCOUNT_REQUIRED", "KEEP_EXPIRED_DAYS", "POLICY", "TERMS_OF_SERVICE"];
/// The name where no issuer says otherwise.
const NAME: &str = "rehearsal.test";
/// The ending of an issuer's name by `init`.
const ENDING: &str = " Issuing CA";

/// What is taken over.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// The name of certificates.
    pub name: String,
    /// Options of `init`.
    pub init: Vec<String>,
    /// Settings.
    pub settings: Vec<(&'static str, String)>,
    /// What is said about it.
    pub notice: String,
}

impl Own {
    /// Reads the CA's folder and settings, where they exist.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn read(place: &CaPaths) -> Result<Self> {
        let mut own = Self { name: NAME.to_owned(), ..Self::default() };
        let certificate = place.ca.join(issuer_file(1, "pem"));
        match files::read(&certificate)? {
            Some(text) => own.take(&text).with_context(|| certificate.display().to_string())?,
            None => own.permit(NAME),
        }
        let shown = place.ca.display();
        own.notice = match own.init.first().map(String::as_str) {
            Some("--name") => format!("A rehearsal with the names of {shown}, and throw-away keys.\n"),
            _ => "A rehearsal with a CA of its own, since there is no CA here.\n".to_owned(),
        };
        if files::read(&place.wrangler)?.is_some() {
            let config = WorkerConfig::read(&place.wrangler)?;
            let set = SETTINGS.into_iter().filter_map(|name| Some((name, config.var(name)?.to_owned())));
            own.settings = set.collect();
        }
        Ok(own)
    }

    /// Takes over the name and the constraints of an issuer's certificate (PEM).
    fn take(&mut self, text: &str) -> Result<()> {
        let ders = pem::read_certificates(text)?;
        let parts = Parts::read(ders.first().context("there is no certificate")?)?;
        let called = display_name(parts.subject);
        let called = called.split(ENDING).next().filter(|name| !name.is_empty()).unwrap_or("Rehearsal");
        self.init = vec!["--name".to_owned(), called.to_owned()];
        let trees =
            parts.extension::<NameConstraints>()?.and_then(|found| found.permitted_subtrees).unwrap_or_default();
        let (mut names, mut ranges) = (Vec::new(), Vec::new());
        for tree in &trees {
            match &tree.base {
                GeneralName::DnsName(name) => names.push(name.as_str().trim_start_matches('.').to_owned()),
                GeneralName::IpAddress(range) => ranges.extend(cidr(range.as_bytes())),
                _ => {}
            }
        }
        if let Some(first) = names.first() {
            self.name = format!("rehearsal.{first}");
        }
        for (option, values) in [("--permit-dns", names), ("--permit-ip", ranges)] {
            self.init.extend(values.into_iter().flat_map(|value| [option.to_owned(), value]));
        }
        Ok(())
    }

    fn permit(&mut self, name: &str) {
        self.init = vec!["--permit-dns".to_owned(), name.to_owned()];
    }
}

/// A range of addresses in a constraint (RFC 5280 §4.2.1.10), as in `10.0.0.0/8`.
fn cidr(octets: &[u8]) -> Option<String> {
    let (address, mask) = octets.split_at_checked(octets.len() / 2)?;
    let length: u32 = mask.iter().map(|octet| octet.count_ones()).sum();
    let address = match address.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(address).ok()?),
        _ => IpAddr::from(<[u8; 16]>::try_from(address).ok()?),
    };
    Some(format!("{address}/{length}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::host;
    use selvedge::pki::ceremony::create_root;

    fn of(text: &str) -> Own {
        let mut own = Own { name: NAME.to_owned(), ..Own::default() };
        own.take(text).unwrap();
        own
    }

    #[test]
    fn name_is_the_issuers_without_its_ending() {
        let root = create_root("Example Issuing CA 3", host::now().unwrap(), 1).unwrap();
        let own = of(&root.certificate);
        assert_eq!((own.init, own.name.as_str()), (vec!["--name".to_owned(), "Example".to_owned()], NAME));
    }

    #[test]
    fn ranges_are_written_as_init_reads_them() {
        assert_eq!(cidr(&[10, 0, 0, 0, 255, 0, 0, 0]).as_deref(), Some("10.0.0.0/8"));
        let all = [[0xfd; 1].as_slice(), &[0; 15], &[0xff; 1], &[0; 15]].concat();
        assert_eq!(cidr(&all).as_deref(), Some("fd00::/8"));
        assert_eq!(cidr(&[1, 2, 3]), None);
    }
}
