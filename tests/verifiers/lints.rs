//! pkilint over the corpus: each certificate by every linter that is for it.

use crate::allowed::ALLOWED;
use crate::corpus::Case;
use crate::hierarchy::IssuerKind;
use crate::questions::Corpus;
use crate::verifiers::python;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A linter of pkilint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Linter {
    /// `lint_pkix_cert`: RFC 5280.
    Pkix,
    /// `lint_cabf_serverauth_cert`: the CA/Browser Forum's Baseline Requirements for TLS servers (BR), and what else
    /// browsers demand. The type of certificate is detected.
    Serverauth,
    /// `lint_pkix_signer_signee_cert_chain`: whether a certificate fits its issuer's.
    Chain,
    /// `lint_crl` with the profile BR.
    Crl,
}

impl Linter {
    fn name(self) -> &'static str {
        match self {
            Self::Pkix => "pkix",
            Self::Serverauth => "serverauth",
            Self::Chain => "chain",
            Self::Crl => "crl",
        }
    }

    /// The severities that count. A private CA follows RFC 5280 to the last notice; the Baseline Requirements' notices
    /// are about what they leave open.
    fn counts(self, severity: &str) -> bool {
        match severity {
            "FATAL" | "ERROR" | "WARNING" => true,
            "NOTICE" => self != Self::Serverauth,
            "INFO" | "DEBUG" => false,
            other => panic!("a severity {other:?}"),
        }
    }
}

/// What a certificate of the corpus is.
#[derive(Clone, Copy)]
pub enum Role<'a> {
    Root,
    Intermediate(&'a IssuerKind),
    Leaf(&'a Case),
}

/// One file for one linter.
pub struct Job<'a> {
    pub linter: Linter,
    pub role: Role<'a>,
    /// In DER; before it the issuer's certificate for [`Linter::Chain`].
    files: Vec<PathBuf>,
}

/// Every certificate of the corpus for every linter. The Baseline Requirements are about servers, so certificates of
/// clients are not held against them.
pub fn jobs(corpus: &Corpus) -> Vec<Job<'_>> {
    let mut jobs = vec![];
    for (kind, _) in &corpus.hierarchies {
        let (root, intermediate) = (corpus.root(kind), corpus.intermediate(kind));
        jobs.extend(of_certificate(Role::Root, &root, &root));
        jobs.extend(of_certificate(Role::Intermediate(kind), &root, &intermediate));
    }
    for leaf in &corpus.leaves {
        let (issuer, file) = (corpus.intermediate(leaf.case.issuer), corpus.leaf(&leaf.case.name));
        let of_leaf = of_certificate(Role::Leaf(&leaf.case), &issuer, &file);
        jobs.extend(of_leaf.into_iter().filter(|job| !leaf.case.is_client() || job.linter != Linter::Serverauth));
    }
    jobs
}

/// The jobs of one certificate, whose files are the DER ones beside these.
pub fn of_certificate<'a>(role: Role<'a>, issuer: &Path, file: &Path) -> [Job<'a>; 3] {
    [Linter::Pkix, Linter::Serverauth, Linter::Chain].map(|linter| {
        let files = if linter == Linter::Chain { vec![issuer, file] } else { vec![file] };
        Job { linter, role, files: files.into_iter().map(|file| file.with_extension("der")).collect() }
    })
}

/// The codes that count of what each job finds.
pub fn lint(jobs: &[Job<'_>]) -> Vec<BTreeSet<String>> {
    let asked = jobs.iter().map(|job| (job.linter, job.files.as_slice())).collect::<Vec<_>>();
    lint_files(&asked)
}

/// As [`lint`], of DER files.
pub fn lint_files(asked: &[(Linter, &[PathBuf])]) -> Vec<BTreeSet<String>> {
    let input = asked.iter().map(|(linter, files)| json!({ "linter": linter.name(), "files": files })).collect();
    let output: Vec<Vec<(String, String)>> = serde_json::from_value(python(include_str!("lint.py"), &input)).unwrap();
    assert_eq!(output.len(), asked.len());
    let counted = |linter: Linter, found: Vec<(String, String)>| {
        found.into_iter().filter(|(severity, _)| linter.counts(severity)).map(|(_, code)| code).collect()
    };
    asked.iter().zip(output).map(|((linter, _), found)| counted(*linter, found)).collect()
}

/// Holds what was found against [`ALLOWED`]: nothing else, and all of it.
pub fn compare(jobs: &[Job<'_>], found: &[BTreeSet<String>]) {
    let mut wrong = vec![];
    for (job, found) in jobs.iter().zip(found) {
        let allowed: Vec<_> = ALLOWED.iter().filter(|entry| entry.is_about(job)).collect();
        let file = job.files.last().and_then(|file| file.file_stem()).unwrap().display();
        for code in found.iter().filter(|code| allowed.iter().all(|entry| entry.code != code.as_str())) {
            wrong.push(format!("{file}: {:?} finds {code}, which is not allowed", job.linter));
        }
        for entry in allowed.iter().filter(|entry| !found.contains(entry.code)) {
            wrong.push(format!("{file}: {:?} does not find {}, allowed because {}", job.linter, entry.code, entry.why));
        }
    }
    let idle = ALLOWED.iter().filter(|entry| jobs.iter().all(|job| !entry.is_about(job)));
    wrong.extend(idle.map(|entry| format!("{} is allowed to nobody: it has to go", entry.code)));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
