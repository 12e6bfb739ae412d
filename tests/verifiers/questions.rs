//! The questions to verifiers about the corpus, with the expected answers.
//!
//! Every question to refuse differs in one thing from one to accept: the name, the use, the time or the root. So a
//! verifier that ignores one of them cannot pass.

use crate::corpus::{Case, Leaf, cases};
use crate::hierarchy::{Hierarchy, ISSUERS, IssuerKind};
use selvedge::pki::{Issuer, pem};
use selvedge::values::native_crypto::NativeKey;
use selvedge::values::{Identifier, Time};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// Leaves and what is above them, as files: `NAME.der` and `NAME.pem` each.
pub struct Corpus {
    pub now: Time,
    pub leaves: Vec<Leaf>,
    pub hierarchies: Vec<(&'static IssuerKind, Hierarchy)>,
    folder: tempfile::TempDir,
}

impl Corpus {
    /// All cases, issued at `now`. Issuers are a day older, so that a leaf's time is its own.
    pub fn make(now: Time) -> Self {
        Self::of(cases(), now)
    }

    /// These cases.
    pub fn of(cases: Vec<Case>, now: Time) -> Self {
        let hierarchies: Vec<_> = ISSUERS.iter().map(|kind| (kind, (kind.make)(now.minus(DAY)))).collect();
        let folder = tempfile::tempdir().unwrap();
        let mut corpus = Self { now, leaves: vec![], hierarchies, folder };
        for (kind, hierarchy) in &corpus.hierarchies {
            corpus.write_pem(&corpus.root(kind), &hierarchy.root);
            corpus.write_pem(&corpus.intermediate(kind), &hierarchy.intermediate.certificate);
        }
        // As like the first root as can be, but for its key.
        corpus.write_pem(&corpus.stranger(), &(ISSUERS[0].make)(now.minus(DAY)).root);
        for case in cases {
            let intermediate = &corpus.hierarchy(case.issuer).intermediate;
            let issuer = Issuer::from_pem_chain(&intermediate.certificate).unwrap();
            let signer = NativeKey::from_pkcs8_pem(&intermediate.key).unwrap();
            let leaf = Leaf::issue(case, &issuer, &signer, now);
            corpus.write_pem(&corpus.leaf(&leaf.case.name), &pem::write_certificate(&leaf.der).unwrap());
            corpus.leaves.push(leaf);
        }
        corpus
    }

    fn write_pem(&self, path: &Path, text: &str) {
        fs::write(path, text).unwrap();
        let ders = pem::read_certificates(text).unwrap();
        fs::write(path.with_extension("der"), ders.first().unwrap()).unwrap();
    }

    /// The root and the intermediate of a kind.
    pub fn hierarchy(&self, kind: &IssuerKind) -> &Hierarchy {
        let found = self.hierarchies.iter().find(|(other, _)| other.name == kind.name);
        &found.unwrap().1
    }

    /// The root's certificate in PEM, with DER beside it, as for the others.
    pub fn root(&self, kind: &IssuerKind) -> PathBuf {
        self.folder.path().join(format!("{}.root.pem", kind.name))
    }

    pub fn intermediate(&self, kind: &IssuerKind) -> PathBuf {
        self.folder.path().join(format!("{}.intermediate.pem", kind.name))
    }

    /// A root outside of the corpus.
    pub fn stranger(&self) -> PathBuf {
        self.folder.path().join("stranger.pem")
    }

    /// A leaf, without what is above it.
    pub fn leaf(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.pem"))
    }
}

/// What a leaf is asked to be good for.
#[derive(Clone, Debug)]
pub enum Use {
    /// A TLS server that is called by this name.
    Host(String),
    /// A TLS server that is called by its address.
    Address(IpAddr),
    /// A TLS client.
    Client,
}

/// One question to a verifier.
pub struct Question<'a> {
    pub case: &'a Case,
    pub leaf: PathBuf,
    pub intermediate: PathBuf,
    pub root: PathBuf,
    pub asked: Use,
    pub at: Time,
    /// What has to come out.
    pub accept: bool,
    /// The defect of a question to refuse, or the time of one to accept.
    pub about: &'static str,
}

/// Everything that is asked of a corpus.
pub fn questions(corpus: &Corpus) -> Vec<Question<'_>> {
    corpus.leaves.iter().flat_map(|leaf| of_leaf(corpus, leaf)).collect()
}

fn of_leaf<'a>(corpus: &Corpus, leaf: &'a Leaf) -> Vec<Question<'a>> {
    let question = |asked: &Use, about: &'static str| Question {
        case: &leaf.case,
        leaf: corpus.leaf(&leaf.case.name),
        intermediate: corpus.intermediate(leaf.case.issuer),
        root: corpus.root(leaf.case.issuer),
        asked: asked.clone(),
        at: corpus.now,
        accept: false,
        about,
    };
    let good = good_uses(leaf);
    if leaf.case.outside {
        // Of several names some may be within the constraints: that does not make it better.
        return good.iter().map(|asked| question(asked, "the issuer's constraints")).collect();
    }
    let accepted = |asked: &Use, at, about| Question { at, accept: true, ..question(asked, about) };
    let mut all: Vec<_> = good.iter().map(|asked| accepted(asked, corpus.now, "now")).collect();
    let (first, period) = (&good[0], leaf.period);
    all.push(accepted(first, period.not_before, "its first second"));
    // The last second itself counts by RFC 5280 4.1.2.5, but not for OpenSSL.
    all.push(accepted(first, period.not_after.minus(SECOND), "its last second but one"));
    all.push(Question { at: period.not_before.minus(SECOND), ..question(first, "not valid yet") });
    all.push(Question { at: period.not_after.plus(SECOND), ..question(first, "expired") });
    all.push(Question { root: corpus.stranger(), ..question(first, "another root") });
    all.extend(bad_uses(leaf).iter().map(|asked| question(asked, "another use")));
    all
}

/// All for which the leaf is good, or of many names three.
fn good_uses(leaf: &Leaf) -> Vec<Use> {
    if leaf.case.is_client() {
        return vec![Use::Client];
    }
    let names: Vec<_> = leaf.names.iter().collect();
    let some = match names.len() {
        0..=4 => names,
        many => vec![names[0], names[many / 2], names[many - 1]],
    };
    some.into_iter().map(as_use).collect()
}

fn as_use(name: &Identifier) -> Use {
    match name {
        Identifier::Ip(name) => Use::Address(name.address()),
        Identifier::Dns(name) if name.is_wildcard() => Use::Host(format!("any.{}", name.base())),
        Identifier::Dns(name) => Use::Host(name.to_string()),
    }
}

/// Wrong names: others, deeper ones than the wildcard, neighboring addresses, the other side.
fn bad_uses(leaf: &Leaf) -> Vec<Use> {
    if leaf.case.is_client() {
        return leaf.names.iter().take(2).map(as_use).collect();
    }
    let mut bad = vec![Use::Client, Use::Host("other.example.org".to_owned())];
    bad.extend(["192.0.2.2", "2001:db8::2"].map(|text| Use::Address(text.parse().unwrap())));
    if leaf.case.has_wildcard() {
        bad.push(Use::Host("too.deep.example.com".to_owned()));
    }
    bad
}

/// Holds a verifier's answers, one for each question, against what has to come out.
pub fn compare(questions: &[Question<'_>], answers: &[Result<(), String>]) {
    assert_eq!(questions.len(), answers.len());
    let mut wrong = vec![];
    for (question, answer) in questions.iter().zip(answers) {
        if answer.is_ok() != question.accept {
            let Question { case, asked, about, accept, .. } = question;
            wrong.push(format!("{}, {asked:?} ({about}), to be accepted: {accept}; {answer:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), questions.len(), wrong.join("\n"));
    for accept in [true, false] {
        assert!(questions.iter().any(|question| question.accept == accept), "nothing to decide");
    }
}
