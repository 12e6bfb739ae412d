//! The issuers of a world: the common one, and those that tests add or substitute.

use super::world::{START, World};
use crate::ca::config::root_list::RootList;
use crate::pki::ceremony::{CertAndKey, Root, create_intermediate, create_root, cross_sign, expired_twin};
use crate::pki::crl::read::ReceivedCrlEntry;
use crate::pki::{Issuer, IssuerSlot, Issuers, pem};
use crate::values::native_crypto::{NativeKey, NativeSigner};
use crate::values::{CryptoFailure, Time};
use std::rc::Rc;
use std::sync::LazyLock;

/// The root and issuer of all tests.
pub(super) fn authority() -> &'static (CertAndKey, CertAndKey) {
    static AUTHORITY: LazyLock<(CertAndKey, CertAndKey)> = LazyLock::new(|| {
        let root = create_root("Test Root", START, 10).expect("a root");
        let issuer = create_intermediate(&root, "Test Issuer", START, 5).expect("an issuer");
        (root, issuer)
    });
    &AUTHORITY
}

impl World {
    /// The root certificate, PEM.
    pub fn root(&self) -> &'static str {
        &authority().0.certificate
    }

    /// An expired certificate of the issuer, DER.
    pub fn expired_issuer(&self) -> Vec<u8> {
        let (root, issuer) = authority();
        let twin = expired_twin(root, &issuer.certificate, START).expect("a certificate");
        pem::read_certificates(&twin).expect("PEM").remove(0)
    }

    /// Another root, and the issuer's certificate signed by it, both PEM.
    pub fn cross_signed(&self) -> (String, String) {
        let root = create_root("Other Root", START, 10).expect("a root");
        let cross = cross_sign(&root, &authority().1, "Test Issuer", START, 5).expect("a certificate");
        (root.certificate, cross.certificate)
    }

    /// The same CA with another issuer that becomes active at this time.
    pub fn with_issuer(&self, issuer: &CertAndKey, active_from: Time) -> Self {
        let added = Issuer::from_pem_chain(&issuer.certificate).expect("an issuer");
        let mut world = self.reconfigured(|settings| {
            let mut slots: Vec<IssuerSlot> = settings.issuers.slots().cloned().collect();
            slots.push(IssuerSlot { number: slots.len() as u8 + 1, issuer: added, active_from });
            settings.issuers = Issuers::new(slots, self.now()).expect("issuers that go together");
        });
        world.keys = Rc::new(world.keys.iter().chain([&issuer.key]).cloned().collect());
        world
    }

    /// The same CA with this issuer alone.
    pub fn with_only(&self, issuer: &CertAndKey) -> Self {
        let only = Issuer::from_pem_chain(&issuer.certificate).expect("an issuer");
        let mut world = self.reconfigured(|settings| settings.issuers = Issuers::one(only));
        world.keys = Rc::new(vec![issuer.key.clone()]);
        world
    }

    /// The active issuer.
    pub fn issuer(&self) -> &Issuer {
        self.settings.issuers.active(self.now())
    }

    /// The signer of this issuer.
    ///
    /// # Errors
    /// When it has no key.
    pub fn signer(&self, issuer: &Issuer) -> Result<NativeSigner, CryptoFailure> {
        for key in self.keys.iter() {
            let signer = NativeSigner::from_pkcs8_pem(key)?;
            if issuer.matches_public_key(&signer.spki_der()?) {
                return Ok(signer);
            }
        }
        Err(CryptoFailure("there is no key for this issuer".to_owned()))
    }
}

impl World {
    /// The root's CRL, with this serial number if any.
    pub fn root_list(&self, serial: Option<Vec<u8>>) -> RootList {
        let pair = &authority().0;
        let key = NativeKey::from_pkcs8_pem(&pair.key).expect("the root's key");
        let root = Root::read(&pair.certificate, key, self.now()).expect("the root");
        let listed = serial.map(|serial| ReceivedCrlEntry { serial, at: self.now(), reason: Some(2) });
        let until = self.now().plus(core::time::Duration::from_secs(86_400 * 365));
        let list = root.create_crl(None, listed, self.now(), until).expect("a list");
        RootList::parse(&list, self.settings.root.as_ref()).expect("the root's list")
    }
}
