//! Variants of files in routes.

/// A CRL file other than a shard's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrlFile {
    /// The root's CRL, DER.
    Root,
    /// All CRLs of all issuers and the root's, PEM, for servers that read a file.
    All,
}

/// Encoding of a certificate file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Binary.
    Der,
    /// Text.
    Pem,
}
