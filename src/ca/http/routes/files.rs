//! What files of a resource there are.

/// A file of CRLs that is no shard's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// The root's CRL, DER.
    Root,
    /// All CRLs of all issuers and the root's, PEM: for servers that read a file.
    All,
}

/// How a certificate is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As its octets are.
    Der,
    /// As text.
    Pem,
}
