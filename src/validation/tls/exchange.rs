//! Key exchange on NIST's curves ([RFC 8446 §4.2.8.2](https://www.rfc-editor.org/rfc/rfc8446#section-4.2.8.2)).

use super::random::Platform;
use core::marker::PhantomData;
use p256::NistP256;
use p256::elliptic_curve::point::AffineCoordinates;
use p256::elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use p256::elliptic_curve::{AffinePoint, CurveArithmetic, FieldBytes, FieldBytesSize, PublicKey, SecretKey};
use p384::NistP384;
use rustls::crypto::{ActiveKeyExchange, GetRandomFailed, SecureRandom, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, PeerMisbehaved, ProtocolVersion};

/// Maximum attempts for a private key. Random bytes are out of range once in 2^32 on P-256.
const TRIES: usize = 4;

/// The offered groups; the ClientHello has a key share of the first.
pub const GROUPS: [&dyn SupportedKxGroup; 2] = [
    &Group { name: NamedGroup::secp256r1, curve: PhantomData::<NistP256> },
    &Group { name: NamedGroup::secp384r1, curve: PhantomData::<NistP384> },
];

/// A named group and its curve.
#[derive(Debug)]
struct Group<C> {
    name: NamedGroup,
    curve: PhantomData<C>,
}

impl<C: CurveArithmetic> SupportedKxGroup for Group<C>
where
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        for _ in 0..TRIES {
            let mut bytes = FieldBytes::<C>::default();
            Platform.fill(&mut bytes)?;
            if let Ok(secret) = SecretKey::<C>::from_bytes(&bytes) {
                let public = secret.public_key().to_sec1_point(false).as_bytes().to_vec();
                return Ok(Box::new(Started { name: self.name, secret, public }));
            }
        }
        Err(GetRandomFailed.into())
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        self.name
    }

    fn usable_for_version(&self, _: ProtocolVersion) -> bool {
        true
    }
}

struct Started<C: CurveArithmetic> {
    name: NamedGroup,
    secret: SecretKey<C>,
    public: Vec<u8>,
}

impl<C: CurveArithmetic> ActiveKeyExchange for Started<C>
where
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        // Only an uncompressed point of the curve itself, as RFC 8446 §4.2.8.2 has it.
        let uncompressed = peer.first() == Some(&4);
        let peer = PublicKey::<C>::from_sec1_bytes(peer).ok().filter(|_| uncompressed);
        let peer = peer.ok_or(Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare))?;
        let shared = peer.to_projective() * *self.secret.to_nonzero_scalar();
        let shared: AffinePoint<C> = shared.into();
        Ok(SharedSecret::from(AsRef::<[u8]>::as_ref(&shared.x())))
    }

    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        self.name
    }
}
