//! AES-GCM in TLS records.
//!
//! [RFC 8446 §5.2](https://www.rfc-editor.org/rfc/rfc8446#section-5.2) for TLS 1.3,
//! [RFC 5288 §3](https://www.rfc-editor.org/rfc/rfc5288#section-3) for TLS 1.2.

use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::{AeadInOut, KeyInit};
use core::marker::PhantomData;
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, KeyBlockShape, MessageDecrypter, MessageEncrypter, Nonce,
    OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload, Tls12AeadAlgorithm, Tls13AeadAlgorithm,
    UnsupportedOperationError, make_tls12_aad, make_tls13_aad,
};
use rustls::{ConnectionTrafficSecrets, ContentType, Error, ProtocolVersion};

/// Bytes of a tag.
const TAG: usize = 16;

/// Bytes of the explicit nonce in TLS 1.2 records.
const EXPLICIT: usize = 8;

/// Maximum bytes in a record ([RFC 8446 §5.1](https://www.rfc-editor.org/rfc/rfc8446#section-5.1)).
const MAX_PLAIN: usize = 1 << 14;

/// AES-GCM with keys of one length, as [RFC 5116 §5](https://www.rfc-editor.org/rfc/rfc5116#section-5) has it.
pub trait Cipher: AeadInOut<NonceSize = U12, TagSize = U16> + KeyInit + Send + Sync + 'static {}

impl<C: AeadInOut<NonceSize = U12, TagSize = U16> + KeyInit + Send + Sync + 'static> Cipher for C {}

/// The algorithm, for both versions.
pub struct Gcm<C>(pub PhantomData<fn() -> C>);

impl<C: Cipher> Tls13AeadAlgorithm for Gcm<C> {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(Records13 { cipher: cipher::<C>(&key), iv })
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        Box::new(Records13 { cipher: cipher::<C>(&key), iv })
    }

    fn key_len(&self) -> usize {
        C::key_size()
    }

    fn extract_keys(&self, _: AeadKey, _: Iv) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

impl<C: Cipher> Tls12AeadAlgorithm for Gcm<C> {
    fn encrypter(&self, key: AeadKey, iv: &[u8], _: &[u8]) -> Box<dyn MessageEncrypter> {
        Box::new(Records12 { cipher: cipher::<C>(&key), salt: salt(iv) })
    }

    fn decrypter(&self, key: AeadKey, iv: &[u8]) -> Box<dyn MessageDecrypter> {
        Box::new(Records12 { cipher: cipher::<C>(&key), salt: salt(iv) })
    }

    /// Derives no explicit part of nonces. It is the record's number, as RFC 5288 §3 allows.
    fn key_block_shape(&self) -> KeyBlockShape {
        KeyBlockShape { enc_key_len: C::key_size(), fixed_iv_len: 4, explicit_nonce_len: 0 }
    }

    fn extract_keys(
        &self,
        _: AeadKey,
        _: &[u8],
        _: &[u8],
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

/// `None` for a key of another length, which rustls never passes.
fn cipher<C: Cipher>(key: &AeadKey) -> Option<C> {
    C::new_from_slice(key.as_ref()).ok()
}

fn salt(iv: &[u8]) -> [u8; 4] {
    iv.try_into().unwrap_or_default()
}

/// Encrypts `bytes` in place; returns the tag.
fn seal<C: Cipher>(cipher: &Option<C>, nonce: [u8; 12], aad: &[u8], bytes: &mut [u8]) -> Result<[u8; TAG], Error> {
    let cipher = cipher.as_ref().ok_or(Error::EncryptError)?;
    let tag = cipher.encrypt_inout_detached(&nonce.into(), aad, bytes.into());
    tag.map(Into::into).map_err(|_| Error::EncryptError)
}

/// Decrypts `bytes` in place, with the tag at their end. Returns the length of the plaintext.
fn open<C: Cipher>(cipher: &Option<C>, nonce: [u8; 12], aad: &[u8], bytes: &mut [u8]) -> Result<usize, Error> {
    let cipher = cipher.as_ref().ok_or(Error::DecryptError)?;
    let (text, tag) = bytes.split_last_chunk_mut::<TAG>().ok_or(Error::DecryptError)?;
    let opened = cipher.decrypt_inout_detached(&nonce.into(), aad, (&mut *text).into(), &(*tag).into());
    opened.map(|()| text.len()).map_err(|_| Error::DecryptError)
}

/// One direction of a TLS 1.3 connection.
struct Records13<C> {
    cipher: Option<C>,
    iv: Iv,
}

impl<C: Cipher> MessageEncrypter for Records13<C> {
    fn encrypt(&mut self, message: OutboundPlainMessage<'_>, seq: u64) -> Result<OutboundOpaqueMessage, Error> {
        let length = self.encrypted_payload_len(message.payload.len());
        let mut payload = PrefixedPayload::with_capacity(length);
        payload.extend_from_chunks(&message.payload);
        payload.extend_from_slice(&[message.typ.into()]);
        let nonce = Nonce::new(&self.iv, seq).0;
        let tag = seal(&self.cipher, nonce, &make_tls13_aad(length), payload.as_mut())?;
        payload.extend_from_slice(&tag);
        Ok(OutboundOpaqueMessage::new(ContentType::ApplicationData, ProtocolVersion::TLSv1_2, payload))
    }

    /// Includes one byte for the encrypted content type.
    fn encrypted_payload_len(&self, length: usize) -> usize {
        length + 1 + TAG
    }
}

impl<C: Cipher> MessageDecrypter for Records13<C> {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        seq: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let aad = make_tls13_aad(message.payload.len());
        let length = open(&self.cipher, Nonce::new(&self.iv, seq).0, &aad, &mut message.payload)?;
        message.payload.truncate(length);
        message.into_tls13_unpadded_message()
    }
}

/// One direction of a TLS 1.2 connection.
struct Records12<C> {
    cipher: Option<C>,
    salt: [u8; 4],
}

impl<C> Records12<C> {
    fn nonce(&self, explicit: [u8; EXPLICIT]) -> [u8; 12] {
        let mut nonce = [0; 12];
        for (to, from) in nonce.iter_mut().zip(self.salt.iter().chain(&explicit)) {
            *to = *from;
        }
        nonce
    }
}

impl<C: Cipher> MessageEncrypter for Records12<C> {
    fn encrypt(&mut self, message: OutboundPlainMessage<'_>, seq: u64) -> Result<OutboundOpaqueMessage, Error> {
        let plain = message.payload.len();
        let mut payload = PrefixedPayload::with_capacity(self.encrypted_payload_len(plain));
        let explicit = seq.to_be_bytes();
        payload.extend_from_slice(&explicit);
        payload.extend_from_chunks(&message.payload);
        let text = payload.as_mut().get_mut(EXPLICIT..).ok_or(Error::EncryptError)?;
        let aad = make_tls12_aad(seq, message.typ, message.version, plain);
        let tag = seal(&self.cipher, self.nonce(explicit), &aad, text)?;
        payload.extend_from_slice(&tag);
        Ok(OutboundOpaqueMessage::new(message.typ, message.version, payload))
    }

    fn encrypted_payload_len(&self, length: usize) -> usize {
        EXPLICIT + length + TAG
    }
}

impl<C: Cipher> MessageDecrypter for Records12<C> {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        seq: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let plain = message.payload.len().checked_sub(EXPLICIT + TAG).ok_or(Error::DecryptError)?;
        if plain > MAX_PLAIN {
            return Err(Error::PeerSentOversizedRecord);
        }
        let aad = make_tls12_aad(seq, message.typ, message.version, plain);
        let (explicit, text) = message.payload.split_first_chunk_mut::<EXPLICIT>().ok_or(Error::DecryptError)?;
        open(&self.cipher, self.nonce(*explicit), &aad, text)?;
        Ok(message.into_plain_message_range(EXPLICIT..EXPLICIT + plain))
    }
}
