//! A client of a load: an account that obtains certificates in sequence, with timed steps.

use super::http::{Answer, Connection, Endpoint};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use selvedge::values::b64;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};

/// The steps of an issuance, each one POST where nothing has to be waited for.
pub const STEPS: [&str; 5] = ["newOrder", "authorization", "challenge", "finalize", "certificate"];

/// How long a client waits before it looks again, and how often it looks.
const POLL: (Duration, u32) = (Duration::from_millis(10), 3000);

/// How an issuance ended otherwise than with a certificate.
#[derive(Debug)]
pub struct Failure {
    /// Which step.
    pub step: &'static str,
    /// What happened.
    pub what: String,
    /// The order, if there is one.
    pub order: Option<String>,
    /// Whether the connection broke before there was an answer.
    pub lost: bool,
}

/// A signed request as it was sent.
#[derive(Clone)]
pub struct Sent {
    /// The path.
    pub path: String,
    /// The JWS.
    pub body: String,
    /// Whether it was answered, so that its nonce is used up.
    pub answered: bool,
}

/// A certificate that was obtained.
pub struct Issued {
    /// Its URL.
    pub url: String,
    /// The PEM chain.
    pub pem: Vec<u8>,
    /// How long each of [`STEPS`] took.
    pub steps: [Duration; 5],
}

/// What the server says that the answers so far cost it.
#[derive(Clone, Copy, Default)]
pub struct Cost {
    /// POSTs sent.
    pub posts: u64,
    /// Durable Object calls.
    pub calls: u64,
    /// Rows written.
    pub rows: u64,
}

/// The paths at which a client begins.
#[derive(Clone, Copy)]
pub struct Paths {
    pub new_nonce: &'static str,
    pub new_account: &'static str,
    pub new_order: &'static str,
}

/// The module's own paths.
pub const OWN_PATHS: Paths =
    Paths { new_nonce: "/acme/new-nonce", new_account: "/acme/new-account", new_order: "/acme/new-order" };

/// A client.
pub struct Client {
    number: usize,
    paths: Paths,
    connection: Connection,
    key: EcdsaKeyPair,
    random: SystemRandom,
    base: String,
    kid: Option<String>,
    nonce: Option<String>,
    /// What it cost so far.
    pub cost: Cost,
    /// The last signed request.
    pub sent: Option<Sent>,
}

impl Client {
    /// The `number`-th client of the server at `endpoint`, without an account.
    pub fn new(number: usize, endpoint: &Endpoint) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        let scheme = if endpoint.tls.is_some() { "https" } else { "http" };
        Self {
            number,
            paths: OWN_PATHS,
            connection: Connection::to(endpoint),
            key,
            random,
            base: format!("{scheme}://{}", endpoint.authority),
            kid: None,
            nonce: None,
            cost: Cost::default(),
            sent: None,
        }
    }

    /// Begins at other paths.
    pub fn at_paths(mut self, paths: Paths) -> Self {
        self.paths = paths;
        self
    }

    /// Begins with a new connection, and no cost so far.
    pub fn refresh(&mut self) {
        self.connection.reopen();
        self.cost = Cost::default();
    }

    fn jwk(&self) -> String {
        let point = self.key.public_key().as_ref();
        let (x, y) = (b64::encode(&point[1..33]), b64::encode(&point[33..]));
        // The members and the order of RFC 7638.
        format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
    }

    /// The thumbprint of its account key (RFC 7638).
    pub fn thumbprint(&self) -> String {
        b64::encode(&Sha256::digest(self.jwk()))
    }

    /// The URL of a path of the server.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A name that only this client asks for.
    pub fn name(&self, n: u64) -> String {
        format!("n{n}.c{}.test", self.number)
    }

    /// Creates the account, or finds it.
    pub async fn register(&mut self) -> Result<(), Failure> {
        let url = self.url(self.paths.new_account);
        let agreed = json!({ "termsOfServiceAgreed": true }).to_string();
        let answer = self.post("newAccount", &url, &agreed).await?;
        let kid = answer.header("location").map(str::to_owned);
        self.kid = Some(kid.ok_or_else(|| unexpected("newAccount", &answer))?);
        Ok(())
    }

    /// Obtains a certificate for `name`.
    pub async fn issue(&mut self, name: &str) -> Result<Issued, Failure> {
        let mut order_url = None;
        let issued = self.walk(name, &mut order_url).await;
        issued.map_err(|failure| Failure { order: order_url, ..failure })
    }

    async fn walk(&mut self, name: &str, order_url: &mut Option<String>) -> Result<Issued, Failure> {
        let mut steps = [Duration::ZERO; 5];
        let mut at = Instant::now();
        let mut lap = |n: usize| {
            steps[n] = at.elapsed();
            at = Instant::now();
        };
        let url = self.url(self.paths.new_order);
        let wanted = json!({ "identifiers": [{ "type": "dns", "value": name }] }).to_string();
        let answer = self.post(STEPS[0], &url, &wanted).await?;
        *order_url = answer.header("location").map(str::to_owned);
        let order = object(STEPS[0], &answer)?;
        lap(0);
        let authorization = self.post(STEPS[1], text(&order["authorizations"][0]), "").await?;
        let challenge = http01(&object(STEPS[1], &authorization)?);
        lap(1);
        self.prove(&challenge).await?;
        lap(2);
        let finished = self.finalize(name, &order, order_url.as_deref().unwrap_or_default()).await?;
        lap(3);
        let url = text(&finished["certificate"]).to_owned();
        let pem = self.post(STEPS[4], &url, "").await?.body;
        lap(4);
        Ok(Issued { url, pem, steps })
    }

    /// Answers a challenge, and looks until it is valid.
    async fn prove(&mut self, challenge: &str) -> Result<(), Failure> {
        let answer = self.post(STEPS[2], challenge, "{}").await?;
        self.settled(STEPS[2], challenge, answer, &["valid"]).await.map(drop)
    }

    /// Asks for the certificate, and looks until the order has it.
    pub async fn finalize(&mut self, name: &str, order: &Value, url: &str) -> Result<Value, Failure> {
        let answer = self.post(STEPS[3], text(&order["finalize"]), &Self::request(name)).await?;
        self.settled(STEPS[3], url, answer, &["valid"]).await
    }

    /// Looks at `url` until its status is one of `wanted`.
    pub async fn settled(
        &mut self,
        step: &'static str,
        url: &str,
        first: Answer,
        wanted: &[&str],
    ) -> Result<Value, Failure> {
        let mut answer = first;
        for _ in 0..POLL.1 {
            let found = object(step, &answer)?;
            match text(&found["status"]) {
                status if wanted.contains(&status) => return Ok(found),
                "processing" | "pending" => tokio::time::sleep(POLL.0).await,
                _ => return Err(unexpected(step, &answer)),
            }
            answer = self.post(step, url, "").await?;
        }
        Err(unexpected(step, &answer))
    }

    /// The payload of finalize, with a key of its own.
    pub fn request(name: &str) -> String {
        json!({ "csr": b64::encode(&Self::csr(name)) }).to_string()
    }

    fn csr(name: &str) -> Vec<u8> {
        let mut wanted = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        wanted.distinguished_name = rcgen::DistinguishedName::new();
        wanted.serialize_request(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    /// A signed POST that is answered with success; `""` is the payload of a POST-as-GET. A nonce that the server does
    /// not know, after a restart say, is tried again with the one that it gave (RFC 8555 §6.5).
    pub async fn post(&mut self, step: &'static str, url: &str, payload: &str) -> Result<Answer, Failure> {
        let mut answer = self.try_post(step, url, payload).await?;
        if answer.status == 400 && answer.text().contains("badNonce") {
            answer = self.try_post(step, url, payload).await?;
        }
        if answer.status >= 300 { Err(unexpected(step, &answer)) } else { Ok(answer) }
    }

    /// Sends a signed request once more as it was, nonce and all.
    pub async fn replay(&mut self, sent: &Sent) -> std::io::Result<Answer> {
        self.connection.send("POST", &sent.path, sent.body.as_bytes()).await
    }

    async fn try_post(&mut self, step: &'static str, url: &str, payload: &str) -> Result<Answer, Failure> {
        let lost = |error: std::io::Error| Failure { step, what: error.to_string(), order: None, lost: true };
        if self.nonce.is_none() {
            let answer = self.connection.send("HEAD", self.paths.new_nonce, b"").await.map_err(lost)?;
            self.nonce = answer.header("replay-nonce").map(str::to_owned);
        }
        let body = self.sign(url, payload);
        let path = url.strip_prefix(&self.base).unwrap_or(url).to_owned();
        let sent = self.sent.insert(Sent { path, body, answered: false });
        let answer = self.connection.send("POST", &sent.path, sent.body.as_bytes()).await.map_err(lost)?;
        sent.answered = true;
        self.nonce = answer.header("replay-nonce").map(str::to_owned);
        self.cost.posts += 1;
        self.cost.calls += answer.count("selvedge-calls");
        self.cost.rows += answer.count("selvedge-rows");
        Ok(answer)
    }

    fn sign(&mut self, url: &str, payload: &str) -> String {
        let nonce = self.nonce.take().unwrap_or_default();
        let who = match &self.kid {
            Some(kid) => format!(r#""kid":"{kid}""#),
            None => format!(r#""jwk":{}"#, self.jwk()),
        };
        let protected = format!(r#"{{"alg":"ES256",{who},"nonce":"{nonce}","url":"{url}"}}"#);
        let (protected, payload) = (b64::encode(protected.as_bytes()), b64::encode(payload.as_bytes()));
        let signature = self.key.sign(&self.random, format!("{protected}.{payload}").as_bytes()).unwrap();
        let signature = b64::encode(signature.as_ref());
        format!(r#"{{"protected":"{protected}","payload":"{payload}","signature":"{signature}"}}"#)
    }
}

/// The body as JSON.
pub fn object(step: &'static str, answer: &Answer) -> Result<Value, Failure> {
    serde_json::from_slice(&answer.body).map_err(|_| unexpected(step, answer))
}

/// The text of a member; empty if absent.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The URL of the http-01 challenge; empty if absent.
pub fn http01(authorization: &Value) -> String {
    let challenges = authorization["challenges"].as_array().into_iter().flatten();
    let mut found = challenges.filter(|challenge| challenge["type"] == "http-01");
    found.next().map(|challenge| text(&challenge["url"]).to_owned()).unwrap_or_default()
}

/// An answer that was not the one wanted.
pub fn unexpected(step: &'static str, answer: &Answer) -> Failure {
    Failure { step, what: format!("{} {}", answer.status, answer.text()), order: None, lost: false }
}
