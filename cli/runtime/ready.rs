//! Waits until the server answers its directory, as a client would request it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, bail};
use selvedge::ca::http::message::EXEMPTING;
use serde::Deserialize;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::transport::DefaultConnector;

use crate::common::web::FixedAddress;

/// Timeout of one attempt, mostly for compiling the wasm the first time.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
/// Timeout of all attempts.
const START_TIMEOUT: Duration = Duration::from_secs(30);
const ATTEMPT_PAUSE: Duration = Duration::from_millis(50);
/// Largest response body.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;
/// Longest excerpt of a malformed response, in characters.
const MAX_EXCERPT: usize = 300;

/// The member that identifies a directory.
#[derive(Deserialize)]
struct Directory {
    #[serde(rename = "newNonce")]
    _new_nonce: String,
}

/// The parts of a problem document (RFC 7807) that are shown.
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

/// Waits until `url` answers an ACME directory ([RFC 8555 §7.1.1](https://www.rfc-editor.org/rfc/rfc8555#section-7.1.1)).
///
/// Connects to `address`, whatever the URL's host; trusts only `root` (PEM).
///
/// # Errors
/// When the Worker answers anything else (a problem document says why), or not within half a minute.
pub async fn wait(url: &str, address: SocketAddr, root: &str) -> Result<()> {
    let agent = agent(root, address)?;
    let mut last = anyhow!("no attempt was made");
    let tries = async {
        loop {
            let (agent, url) = (agent.clone(), url.to_owned());
            match tokio::task::spawn_blocking(move || ask(&agent, &url)).await? {
                Ok(answer) => return judge(&answer),
                Err(error) => last = error,
            }
            tokio::time::sleep(ATTEMPT_PAUSE).await;
        }
    };
    match tokio::time::timeout(START_TIMEOUT, tries).await {
        Ok(judged) => judged,
        Err(_) => Err(last.context(format!("{url} did not answer within {} s", START_TIMEOUT.as_secs()))),
    }
}

fn agent(root: &str, address: SocketAddr) -> Result<Agent> {
    let root = Certificate::from_pem(root.as_bytes()).context("the root certificate cannot be read")?;
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[root])).build();
    let config =
        Agent::config_builder().tls_config(tls).timeout_global(Some(ATTEMPT_TIMEOUT)).http_status_as_error(false);
    // No proxy for an address on this machine.
    let config = config.proxy(None).max_redirects(0).build();
    Ok(Agent::with_parts(config, DefaultConnector::default(), FixedAddress(address)))
}

/// A response of the Worker.
struct Answer {
    status: u16,
    body: String,
}

fn ask(agent: &Agent, url: &str) -> Result<Answer> {
    // The faults of a test CA outlast its restart.
    let mut response = agent.get(url).header(EXEMPTING, "off").call()?;
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string()?;
    Ok(Answer { status, body })
}

fn judge(answer: &Answer) -> Result<()> {
    if answer.status == 200 {
        return match serde_json::from_str::<Directory>(&answer.body) {
            Ok(_) => Ok(()),
            Err(error) => {
                Err(Error::from(error).context(format!("the Worker's directory is malformed: {}", shown(answer))))
            }
        };
    }
    match serde_json::from_str::<Problem>(&answer.body) {
        Ok(problem) => bail!("the Worker does not start: {}", problem.detail),
        Err(_) => bail!("the Worker answers its directory with status {}: {}", answer.status, shown(answer)),
    }
}

fn shown(answer: &Answer) -> String {
    answer.body.chars().take(MAX_EXCERPT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str) -> Result<(), String> {
        judge(&Answer { status, body: body.to_owned() }).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn only_a_directory_is_taken_for_one() {
        assert_eq!(judged(200, r#"{"newNonce":"https://x/n","x":1}"#), Ok(()));
        assert!(judged(200, "{}").unwrap_err().contains("newNonce"));
        assert!(judged(200, "<html>").unwrap_err().contains("<html>"));
        assert!(judged(404, "nothing").unwrap_err().contains("status 404: nothing"));
    }

    #[test]
    fn problem_of_the_worker_is_shown() {
        let problem = r#"{"type":"x","status":500,"detail":"ISSUER_KEY does not match ISSUER_CHAIN"}"#;
        assert_eq!(
            judged(500, problem),
            Err("the Worker does not start: ISSUER_KEY does not match ISSUER_CHAIN".into())
        );
    }
}
