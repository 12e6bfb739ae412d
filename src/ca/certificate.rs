//! Certificates as they are downloaded ([RFC 8555 §7.4.2](https://www.rfc-editor.org/rfc/rfc8555#section-7.4.2)).

use super::cell::{Admitted, Cell};
use super::http::{Answer, Response};
use super::order::only_read;
use super::ports::PartitionPorts;
use crate::acme::{CertificateRecord, Problem};
use crate::store::Kv;
use crate::values::Id;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Cell<P, K> {
    /// POST-as-GET of a certificate: the chain, leaf first, without the root (RFC 8555 §7.4.2).
    ///
    /// # Errors
    /// 404 for an unknown one, `malformed` with a payload.
    pub fn post_certificate(&self, admitted: &Admitted, id: &Id) -> Answer {
        self.enter(admitted, |txn, _account| {
            only_read(admitted)?;
            let found = txn.get::<CertificateRecord>(id.as_str())?;
            let certificate = found.ok_or_else(|| Problem::not_found("certificate"))?;
            Ok(Response::text(200, "application/pem-certificate-chain", certificate.pem))
        })
    }
}
