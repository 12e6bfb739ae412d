//! The verifiers: each answers questions on the corpus in order.

use crate::packages::{debian, venv};
use crate::questions::{Question, Use};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// An answer: accepted, or what the verifier says.
pub type Answer = Result<(), String>;

/// What a program says by its status.
pub fn answer(output: &Output) -> Answer {
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(text.into_owned()) }
}

/// `openssl verify`, strictly.
pub fn openssl(questions: &[Question<'_>]) -> Vec<Answer> {
    let need = "the `openssl` command-line tool has to be installed: this test has it judge what is issued";
    let ask = |question: &Question<'_>| {
        let mut command = Command::new("openssl");
        command.args(["verify", "-x509_strict", "-no-CApath", "-no-CAstore", "-CAfile"]).arg(&question.root);
        command.arg("-untrusted").arg(&question.intermediate);
        command.args(["-attime", &question.at.secs().to_string()]);
        match &question.asked {
            Use::Host(name) => command.args(["-purpose", "sslserver", "-verify_hostname", name]),
            Use::Address(address) => command.args(["-purpose", "sslserver", "-verify_ip", &address.to_string()]),
            Use::Client => command.args(["-purpose", "sslclient"]),
        };
        answer(&command.arg(&question.leaf).output().expect(need))
    };
    questions.iter().map(ask).collect()
}

/// `certtool --verify` of GnuTLS, which uses the system's clock and not the question's time.
pub fn gnutls(questions: &[Question<'_>]) -> Vec<Answer> {
    let ask = |question: &Question<'_>| {
        let chain = [&question.leaf, &question.intermediate].map(|path| fs::read(path).unwrap()).concat();
        let mut command = certtool();
        command.arg("--verify").arg("--load-ca-certificate").arg(&question.root);
        match &question.asked {
            Use::Host(name) => command.args(["--verify-hostname", name, "--verify-purpose", SERVER_AUTH]),
            Use::Address(address) => {
                command.args(["--verify-hostname", &address.to_string(), "--verify-purpose", SERVER_AUTH])
            }
            Use::Client => command.args(["--verify-purpose", CLIENT_AUTH]),
        };
        answer(&with_input(&mut command, &chain))
    };
    questions.iter().map(ask).collect()
}

/// GnuTLS's program for certificates.
pub fn certtool() -> Command {
    let unpacked = debian::native("gnutls-bin").root;
    let libraries = unpacked.join("usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH));
    let mut command = Command::new(unpacked.join("usr/bin/certtool"));
    command.env("LD_LIBRARY_PATH", libraries);
    command
}

const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";

/// rustls-webpki.
pub fn webpki(questions: &[Question<'_>]) -> Vec<Answer> {
    let ask = |question: &Question<'_>| {
        let read = |path: &Path| CertificateDer::from(fs::read(path.with_extension("der")).unwrap());
        let [leaf, intermediate, root] =
            [&question.leaf, &question.intermediate, &question.root].map(|path| read(path));
        let leaf = webpki::EndEntityCert::try_from(&leaf)?;
        let (usage, name) = match &question.asked {
            Use::Client => (webpki::KeyUsage::client_auth(), None),
            Use::Host(name) => (webpki::KeyUsage::server_auth(), Some(ServerName::try_from(name.as_str()).unwrap())),
            Use::Address(address) => (webpki::KeyUsage::server_auth(), Some(ServerName::from(*address))),
        };
        let at = UnixTime::since_unix_epoch(Duration::from_secs(question.at.secs()));
        let anchors = [webpki::anchor_from_trusted_cert(&root)?];
        leaf.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &anchors, &[intermediate], at, usage, None, None)?;
        name.map_or(Ok(()), |name| leaf.verify_is_valid_for_subject_name(&name))
    };
    questions.iter().map(|question| ask(question).map_err(|error: webpki::Error| error.to_string())).collect()
}

/// `x509.verification` of Python's cryptography.
pub fn cryptography(questions: &[Question<'_>]) -> Vec<Answer> {
    let asked = questions.iter().map(|question| {
        let (kind, name) = match &question.asked {
            Use::Host(name) => ("host", name.clone()),
            Use::Address(address) => ("address", address.to_string()),
            Use::Client => ("client", String::new()),
        };
        json!({
            "leaf": question.leaf, "intermediate": question.intermediate, "root": question.root,
            "kind": kind, "name": name, "at": question.at.secs(),
        })
    });
    let answers = python(include_str!("verify.py"), &asked.collect());
    let answers = answers.as_array().unwrap().iter();
    answers.map(|answer| answer.as_str().map_or(Ok(()), |error| Err(error.to_owned()))).collect()
}

/// Runs a Python script where cryptography and pkilint are installed: JSON in, JSON out.
pub fn python(script: &str, input: &Value) -> Value {
    let python = venv::venv("pkilint", include_str!("../fixtures/pkilint.txt")).join("bin/python");
    let output = with_input(Command::new(python).args(["-c", script]), input.to_string().as_bytes());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the script failed:\n{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Runs a program that reads this.
pub fn with_input(command: &mut Command, input: &[u8]) -> Output {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // All of it is read before anything of length is written. A program that ends early shows it by its status.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}
