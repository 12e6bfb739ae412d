//! torchwood's library as a judge of whole policies and as a client of tiles.
//!
//! Two programs of few lines call it, and nothing of ours takes part in what they find.

use super::go;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The library and what it is built with.
const LIBRARIES: [(&str, &str); 4] = [
    ("golang-filippo-torchwood-dev", "0.9"),
    ("golang-golang-x-mod-dev", "0."),
    ("golang-golang-x-crypto-dev", "1:0."),
    ("golang-golang-x-sync-dev", "0."),
];

/// Runs a program with a policy, which has to have one log.
fn run(folder: &Path, program: (&str, &str), policy: &str, arguments: &[&str], root: Option<&str>) -> Output {
    let built: PathBuf = go::program(program.0, program.1, &LIBRARIES);
    fs::write(folder.join("policy"), policy).unwrap();
    let mut command = Command::new(built);
    command.arg("policy").args(arguments).current_dir(folder).envs(root.map(|root| ("SSL_CERT_FILE", root)));
    for variable in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
        command.env_remove(variable);
    }
    command.output().unwrap()
}

/// Verifies that an entry is in a log of the policy; or says why not.
pub fn verify(folder: &Path, policy: &str, entry: &[u8], proof: &str) -> Result<(), String> {
    fs::write(folder.join("entry"), entry).unwrap();
    fs::write(folder.join("proof"), proof).unwrap();
    let output = run(folder, ("verify", include_str!("torchwood/verify.go")), policy, &["entry", "proof"], None);
    if output.status.success() { Ok(()) } else { Err(String::from_utf8(output.stderr).unwrap()) }
}

/// The hashes of all entries of a log, in base64; or what is wrong.
pub fn walk(folder: &Path, policy: &str, url: &str, root: Option<&str>) -> Result<Vec<String>, String> {
    let output = run(folder, ("walk", include_str!("torchwood/walk.go")), policy, &[url], root);
    if !output.status.success() {
        return Err(String::from_utf8(output.stderr).unwrap());
    }
    Ok(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}
