//! TLS servers for tests that answer tls-alpn-01 correctly, and with every fault.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "only tests run this; a failure should end them where it happens"
)]

use super::challenges::tlsalpn01::PROTOCOL;
use super::outbound::{OutboundFault, Reaction};
use crate::values::native_crypto::NativeKey;
use crate::values::{Identifier, SigAlg, ecdsa};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, ServerConfig, ServerConnection, SignatureScheme,
    SupportedProtocolVersion,
};
use sha2::{Digest, Sha256};
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};

/// The object identifier of acmeIdentifier, DER.
const ACME_IDENTIFIER: &[u8] = &[6, 8, 0x2b, 6, 1, 5, 5, 7, 1, 31];

/// The object identifier of subjectAltName, DER.
const SUBJECT_ALT_NAME: &[u8] = &[6, 3, 0x55, 0x1d, 17];

/// The contents of a test certificate. Start from [`Shape::proper`] and change it.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Subject alternative names: number of the kind (2 is dNSName, 7 iPAddress), and value.
    pub names: Vec<(u8, Vec<u8>)>,
    /// acmeIdentifier extensions: whether critical, and value.
    pub proofs: Vec<(bool, Vec<u8>)>,
    /// The issuer's common name; the subject's is `challenge`.
    pub issuer: &'static str,
    /// The content of Validity.
    pub dates: Vec<u8>,
}

impl Shape {
    /// What RFC 8737 §3 and RFC 8738 §6 ask for.
    pub fn proper(identifier: &Identifier, key_authorization: &str) -> Self {
        let name = match identifier {
            Identifier::Dns(name) => (2, name.as_str().as_bytes().to_vec()),
            Identifier::Ip(address) => (7, address.octets()),
        };
        let digest = tlv(4, &[&Sha256::digest(key_authorization)]);
        let dates = [tlv(0x17, &[b"250101000000Z"]), tlv(0x17, &[b"350101000000Z"])].concat();
        Self { names: vec![name], proofs: vec![(true, digest)], issuer: "challenge", dates }
    }

    /// The certificate in DER, for `key`, signed with `signer`.
    pub fn signed_by(&self, key: &NativeKey, signer: &NativeKey) -> Vec<u8> {
        let mut extensions = Vec::new();
        if !self.names.is_empty() {
            let names: Vec<u8> = self.names.iter().flat_map(|(kind, value)| tlv(0x80 | kind, &[value])).collect();
            extensions.push(extension(SUBJECT_ALT_NAME, false, &tlv(0x30, &[&names])));
        }
        extensions.extend(self.proofs.iter().map(|(critical, value)| extension(ACME_IDENTIFIER, *critical, value)));
        let algorithm = algorithm(signer.algorithm());
        let tbs = tlv(
            0x30,
            &[
                &[0xa0, 3, 2, 1, 2, 2, 1, 1],
                algorithm,
                &common_name(self.issuer),
                &tlv(0x30, &[&self.dates]),
                &common_name("challenge"),
                &key.spki_der().expect("a public key"),
                &tlv(0xa3, &[&tlv(0x30, &[&extensions.concat()])]),
            ],
        );
        let signature = signer.sign(signer.algorithm(), &tbs).expect("a signature");
        let signature = ecdsa::to_x509(signer.algorithm(), &signature).expect("a signature in X.509 form");
        tlv(0x30, &[&tbs, algorithm, &tlv(3, &[&[0], &signature])])
    }

    /// The certificate in DER, signed with its own key.
    pub fn certificate(&self, key: &NativeKey) -> Vec<u8> {
        self.signed_by(key, key)
    }
}

/// A DER value with its header.
pub fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len();
    let header = match length {
        0..=0x7f => vec![tag, length as u8],
        0x80..=0xff => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [header, content].concat()
}

fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[1, 1, 0xff] } else { &[] };
    tlv(0x30, &[oid, critical, &tlv(4, &[value])])
}

fn common_name(text: &str) -> Vec<u8> {
    let attribute = tlv(0x30, &[&[6, 3, 0x55, 4, 3], &tlv(12, &[text.as_bytes()])]);
    tlv(0x30, &[&tlv(0x31, &[&attribute])])
}

/// AlgorithmIdentifiers as RFC 5758, RFC 4055 and RFC 8410 write them.
fn algorithm(alg: SigAlg) -> &'static [u8] {
    match alg {
        SigAlg::Es256 => &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2],
        SigAlg::Es384 => &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3],
        SigAlg::Rs256 => &[0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 11, 5, 0],
        SigAlg::Ed25519 => &[0x30, 5, 6, 3, 0x2b, 0x65, 0x70],
        other => panic!("no key has {other:?} as its own algorithm"),
    }
}

/// A TLS server that records the ClientHellos it received.
#[derive(Clone, Debug)]
pub struct TlsServer {
    config: Arc<ServerConfig>,
    hellos: Arc<Mutex<Vec<Hello>>>,
    /// The response to a request.
    page: Vec<u8>,
}

/// The recorded parts of a ClientHello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The host in SNI.
    pub name: Option<String>,
    /// The protocols offered by ALPN.
    pub protocols: Vec<String>,
}

/// Asks for a client's certificate, and takes none.
#[derive(Debug)]
struct Demand;

/// The refusal of every client certificate.
fn refused<T>() -> Result<T, Error> {
    Err(Error::General("no client certificate will do".to_owned()))
}

impl ClientCertVerifier for Demand {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        refused()
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        refused()
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        refused()
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

#[derive(Debug)]
struct Resolver {
    shown: Arc<CertifiedKey>,
    hellos: Arc<Mutex<Vec<Hello>>>,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let protocols = hello.alpn().map(|all| all.map(text).collect()).unwrap_or_default();
        let hello = Hello { name: hello.server_name().map(str::to_owned), protocols };
        self.hellos.lock().expect("a lock").push(hello);
        Some(self.shown.clone())
    }
}

impl TlsServer {
    /// A server with these TLS versions, and these protocols by ALPN.
    ///
    /// It presents `certificate` and signs with `key`, which does not have to be the certificate's.
    pub fn new(
        certificate: Vec<u8>,
        key: &NativeKey,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> Self {
        Self::hardened(certificate, key, versions, protocols, ring::default_provider())
    }

    /// As [`TlsServer::new`], with the suites and groups of `provider` only, which is one of ring's.
    pub fn hardened(
        certificate: Vec<u8>,
        key: &NativeKey,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
        provider: CryptoProvider,
    ) -> Self {
        let clients = WebPkiClientVerifier::no_client_auth();
        Self::with(certificate, key, versions, protocols, clients, provider)
    }

    /// As [`TlsServer::new`], with clients that have a certificate only.
    pub fn demanding(
        certificate: Vec<u8>,
        key: &NativeKey,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> Self {
        Self::with(certificate, key, versions, protocols, Arc::new(Demand), ring::default_provider())
    }

    /// The same, which sends this in answer to a request and closes the connection.
    pub fn answering(self, page: &[u8]) -> Self {
        Self { page: page.to_vec(), ..self }
    }

    fn with(
        certificate: Vec<u8>,
        key: &NativeKey,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
        clients: Arc<dyn ClientCertVerifier>,
        provider: CryptoProvider,
    ) -> Self {
        let (_, pkcs8) = der::pem::decode_vec(key.to_pkcs8_pem().expect("a private key").as_bytes()).expect("PEM");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8));
        let key = ring::sign::any_supported_type(&key).expect("a key that ring signs with");
        let shown = Arc::new(CertifiedKey::new(vec![CertificateDer::from(certificate)], key));
        let hellos = Arc::new(Mutex::new(Vec::new()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .expect("versions that ring has")
            .with_client_cert_verifier(clients)
            .with_cert_resolver(Arc::new(Resolver { shown, hellos: hellos.clone() }));
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Self { config: Arc::new(config), hellos, page: Vec::new() }
    }

    /// A server that answers the challenge for `identifier` correctly.
    pub fn proper(identifier: &Identifier, key_authorization: &str, key: &NativeKey) -> Self {
        let certificate = Shape::proper(identifier, key_authorization).certificate(key);
        Self::new(certificate, key, rustls::ALL_VERSIONS, &[PROTOCOL])
    }

    /// A connection with a new client.
    pub fn connection(&self) -> ServerConnection {
        ServerConnection::new(self.config.clone()).expect("a connection")
    }

    /// The ClientHellos received so far.
    pub fn hellos(&self) -> Vec<Hello> {
        self.hellos.lock().expect("a lock").clone()
    }

    /// The server's first flight in answer to `hello`.
    pub fn flight(&self, hello: &[u8]) -> Vec<u8> {
        let mut flight = Vec::new();
        let mut react = |bytes: &[u8]| {
            flight.extend_from_slice(bytes);
            Reaction::Close(Vec::new())
        };
        self.converse(hello, &mut react).expect("nothing can fail in memory");
        flight
    }

    /// Converses with a client in memory, as [`Outbound::converse`](super::outbound::Outbound::converse) does over a
    /// socket.
    ///
    /// # Errors
    /// None; the type is that of `converse`.
    pub fn converse(&self, opening: &[u8], react: &mut dyn FnMut(&[u8]) -> Reaction) -> Result<(), OutboundFault> {
        let mut connection = self.connection();
        connection.set_buffer_limit(None);
        let mut from_client = opening.to_vec();
        loop {
            let mut unread = from_client.as_slice();
            while !unread.is_empty() {
                let read = connection.read_tls(&mut unread).expect("bytes in memory");
                if connection.process_new_packets().is_err() || read == 0 {
                    break;
                }
            }
            let mut request = Vec::new();
            let _ = connection.reader().read_to_end(&mut request);
            if !request.is_empty() {
                connection.writer().write_all(&self.page).expect("memory takes all");
                connection.send_close_notify();
            }
            let mut to_client = Vec::new();
            while connection.wants_write() {
                connection.write_tls(&mut to_client).expect("memory takes all");
            }
            if to_client.is_empty() {
                return Ok(());
            }
            match react(&to_client) {
                Reaction::Send(bytes) => from_client = bytes,
                Reaction::Close(_) => return Ok(()),
            }
        }
    }
}
