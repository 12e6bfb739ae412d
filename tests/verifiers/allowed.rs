//! What linters find in our certificates and is meant. BR are the CA/Browser Forum's Baseline Requirements for TLS
//! servers: they bind public CAs, and a private one does differently what makes sense to public ones only.

use crate::corpus::{Case, LeafKey};
use crate::hierarchy::IssuerKind;
use crate::lints::{Job, Linter, Role};

/// A finding that is meant.
pub struct Allowed {
    linter: Linter,
    /// The code that pkilint has for it.
    pub code: &'static str,
    /// In which certificates: in each of them, and in no other.
    concerned: Concerned,
    /// Why.
    pub why: &'static str,
}

enum Concerned {
    /// Roots and intermediates.
    Authorities,
    Intermediates(fn(&IssuerKind) -> bool),
    Leaves(fn(&Case) -> bool),
}
use Concerned::{Authorities, Intermediates, Leaves};

impl Allowed {
    /// Whether the linter of this job has to find it in this job's certificate.
    pub fn is_about(&self, job: &Job<'_>) -> bool {
        self.linter == job.linter
            && match (&self.concerned, job.role) {
                (Authorities, Role::Root | Role::Intermediate(_)) => true,
                (Intermediates(which), Role::Intermediate(kind)) => which(kind),
                (Leaves(which), Role::Leaf(case)) => which(case),
                _ => false,
            }
    }
}

/// The whole list.
pub const ALLOWED: &[Allowed] = &[
    Allowed {
        linter: Linter::Pkix,
        code: "pkix.certificate_skid_end_entity_missing",
        concerned: Leaves(|case| !case.profile.subject_key_id),
        why: "RFC 5280 4.2.1.2 only recommends it for leaves; BR 7.1.2.7.6, which servers follow, recommend against it",
    },
    Allowed {
        linter: Linter::Pkix,
        code: "pkix.invalid_domain_name_syntax",
        concerned: Leaves(Case::has_wildcard),
        why: "RFC 5280 4.2.1.6 leaves wildcards to the protocols that use them: RFC 8555 7.1.3 and RFC 9525 6.3 do",
    },
    Allowed {
        linter: Linter::Pkix,
        code: "pkix.invalid_domain_name_syntax",
        concerned: Leaves(|case| case.names == "inner"),
        why: "a name of one label, as private networks have them, is within RFC 5280 4.2.1.6: RFC 1034 3.5 allows it",
    },
    Allowed {
        linter: Linter::Serverauth,
        code: "cabf.internal_domain_name",
        concerned: Leaves(|case| case.names == "inner"),
        why: "BR 4.2.2 forbids names that nobody owns in public; to certify an organisation's own is what a private CA is for",
    },
    Allowed {
        linter: Linter::Serverauth,
        code: "cabf.internal_ip_address",
        concerned: Leaves(Case::has_address),
        why: "BR 4.2.2 forbids reserved addresses; those of private networks are reserved",
    },
    Allowed {
        linter: Linter::Serverauth,
        code: "cabf.serverauth.subscriber.certificate_policies_extension_absent",
        concerned: Leaves(|_| true),
        why: "BR 7.1.2.7.9 wants a policy of the CA/Browser Forum's, which says that these requirements were kept: \
              a private CA must not say so. RFC 5280 4.2.1.4 demands none",
    },
    Allowed {
        linter: Linter::Serverauth,
        code: "cabf.serverauth.prohibited_subject_public_key_algorithm_encoding",
        concerned: Leaves(|case| case.key == LeafKey::Ed25519),
        why: "BR 7.1.3.1 knows RSA and ECDSA only; RFC 8410 has Ed25519, and a private CA's clients may",
    },
    Allowed {
        linter: Linter::Serverauth,
        code: "cabf.serverauth.subscriber_rsa_digitalsignature_and_keyencipherment_present",
        concerned: Leaves(|case| matches!(case.key, LeafKey::Rsa2048 | LeafKey::Rsa3072)),
        why: "BR 7.1.2.7.11 does not recommend both; old devices, which private networks have, exchange keys by RSA \
              (RFC 5246 7.4.2), newer ones sign",
    },
    Allowed {
        linter: Linter::Serverauth,
        code: "cabf.serverauth.subscriber.authority_info_access_extension_absent",
        concerned: Leaves(|case| !case.ca_issuers),
        why: "BR 7.1.2.7.7 demands it; here it is left out where no URL is given. RFC 5280 4.2.2.1 demands none",
    },
    Allowed {
        linter: Linter::Serverauth,
        code: "cabf.serverauth.subscriber.revocation_information_absent",
        concerned: Leaves(|case| !case.has_crl() && case.profile.name != "shortlived"),
        why: "BR 7.1.2.11.2 demands a CRL for all but short-lived certificates; without a CRL's URL there is none",
    },
    Allowed {
        linter: Linter::Serverauth,
        code: "msft.end_entity.revocation_information_absent",
        concerned: Leaves(|case| !case.has_crl()),
        why: "Microsoft's root programme demands it of public CAs even for short-lived certificates, which BR 7.1.2.11.2 \
              excepts",
    },
    Allowed {
        linter: Linter::Serverauth,
        code: "cabf.serverauth.ca.country_attribute_absent",
        concerned: Authorities,
        why: "BR 7.1.2.10.2 wants a public CA's country; RFC 5280 4.1.2.4 wants a name, which the common name is",
    },
    Allowed {
        linter: Linter::Serverauth,
        code: "cabf.serverauth.ca.organization_name_attribute_absent",
        concerned: Authorities,
        why: "BR 7.1.2.10.2 wants the organisation that answers to the public; whose a private CA is, its users know",
    },
    Allowed {
        linter: Linter::Serverauth,
        code: "cabf.serverauth.ca.certificate_policies_extension_absent",
        concerned: Intermediates(|_| true),
        why: "BR 7.1.2.10.5 wants their policies or anyPolicy, as with leaves; RFC 5280 4.2.1.4 demands none",
    },
    Allowed {
        linter: Linter::Serverauth,
        code: "cabf.serverauth.ca.crl_distribution_points_extension_absent",
        concerned: Intermediates(|_| true),
        why: "BR 7.1.2.11.2 demands it; the root is offline and publishes none. Who trusts it is told by other means \
              when an intermediate has to go (docs/THREAT-MODEL.md)",
    },
    Allowed {
        linter: Linter::Serverauth,
        code: "cabf.serverauth.ca.authority_info_access_extension_absent",
        concerned: Intermediates(|_| true),
        why: "BR 7.1.2.10.3 recommends a URL of the root's certificate; who trusts a private root has it already",
    },
    Allowed {
        linter: Linter::Serverauth,
        code: "cabf.serverauth.ca.incomplete_name_constraints",
        concerned: Intermediates(|kind| kind.is_constrained()),
        why: "BR 7.1.2.5.2 wants directoryNames constrained too; the subject of a leaf is empty, or has one of its names",
    },
];
