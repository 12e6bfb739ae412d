//! Key exchange on P-256 ([RFC 8446 §4.2.8.2](https://www.rfc-editor.org/rfc/rfc8446#section-4.2.8.2)).

use super::provider::Platform;
use p256::elliptic_curve::point::AffineCoordinates;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::{ProjectivePoint, PublicKey, SecretKey};
use rustls::crypto::{ActiveKeyExchange, GetRandomFailed, SecureRandom, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, PeerMisbehaved, ProtocolVersion};

/// How often random bytes may miss the range of private keys, which they do once in 2^32 times.
const TRIES: usize = 4;

/// The group secp256r1.
#[derive(Debug)]
pub struct P256;

impl SupportedKxGroup for P256 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        for _ in 0..TRIES {
            let mut bytes = [0; 32];
            Platform.fill(&mut bytes)?;
            if let Ok(secret) = SecretKey::from_slice(&bytes) {
                let public = secret.public_key().to_sec1_point(false).as_bytes().to_vec();
                return Ok(Box::new(Started { secret, public }));
            }
        }
        Err(GetRandomFailed.into())
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::secp256r1
    }

    fn usable_for_version(&self, _: ProtocolVersion) -> bool {
        true
    }
}

struct Started {
    secret: SecretKey,
    public: Vec<u8>,
}

impl ActiveKeyExchange for Started {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        // Only an uncompressed point of the curve itself, as RFC 8446 §4.2.8.2 has it.
        let uncompressed = peer.first() == Some(&4);
        let peer = PublicKey::from_sec1_bytes(peer).ok().filter(|_| uncompressed);
        let peer = peer.ok_or(Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare))?;
        let shared = ProjectivePoint::from(*peer.as_affine()) * *self.secret.to_nonzero_scalar();
        let x = shared.to_affine().x();
        Ok(SharedSecret::from(AsRef::<[u8]>::as_ref(&x)))
    }

    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::secp256r1
    }
}
