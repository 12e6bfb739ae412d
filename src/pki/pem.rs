//! PEM files of certificates: strict when written, forgiving in white space only when read.

use core::fmt;
use der::pem::LineEnding;

/// The label of a certificate ([RFC 7468 §5](https://www.rfc-editor.org/rfc/rfc7468#section-5)).
const CERTIFICATE: &str = "CERTIFICATE";
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// Why a text is no PEM file of certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PemFault {
    /// No certificate in it.
    Empty,
    /// Something that is neither a certificate nor white space; the first few characters of it.
    Stray(String),
    /// A block of another kind, a private key for example; its label.
    Label(String),
    /// A block that cannot be decoded; which one, counted from 1, and the decoder's reason.
    Block(usize, String),
}

impl fmt::Display for PemFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there is no \"BEGIN CERTIFICATE\" in it"),
            Self::Stray(text) => write!(f, "there is text outside the certificates, beginning with {text:?}"),
            Self::Label(label) => write!(f, "it contains a {label:?}, where only certificates belong"),
            Self::Block(nth, reason) => write!(f, "certificate {nth} in it cannot be decoded: {reason}"),
        }
    }
}

impl std::error::Error for PemFault {}

/// The DER of each certificate in a PEM text, in order.
///
/// # Errors
/// [`PemFault`] when there is none, or anything else than certificates and white space.
pub fn read_certificates(text: &str) -> Result<Vec<Vec<u8>>, PemFault> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let Some(after) = rest.strip_prefix(BEGIN) else {
            return Err(PemFault::Stray(rest.chars().take(20).collect()));
        };
        let nth = found.len() + 1;
        let label = after.split("-----").next().unwrap_or_default();
        if label != CERTIFICATE {
            return Err(PemFault::Label(label.chars().take(40).collect()));
        }
        let (block, beyond) =
            split_block(rest).ok_or_else(|| PemFault::Block(nth, "it has no \"END CERTIFICATE\"".to_owned()))?;
        let (_, der) = der::pem::decode_vec(block.as_bytes()).map_err(|e| PemFault::Block(nth, e.to_string()))?;
        found.push(der);
        rest = beyond.trim_start();
    }
    if found.is_empty() { Err(PemFault::Empty) } else { Ok(found) }
}

/// The text up to and with the first END line, and what follows.
fn split_block(text: &str) -> Option<(&str, &str)> {
    let tail = format!("{END}{CERTIFICATE}-----");
    let end = text.find(&tail)? + tail.len();
    text.split_at_checked(end)
}

/// One certificate as strict RFC 7468 text: lines of 64 characters, LF, one at the end.
///
/// # Errors
/// When `der` is too long to be encoded, which no certificate is.
pub fn write_certificate(der: &[u8]) -> Result<String, der::Error> {
    der::pem::encode_string(CERTIFICATE, LineEnding::LF, der).map_err(der::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r01_what_is_written_is_strict_and_read_back() {
        let one = write_certificate(&[1; 100]).unwrap();
        let two = write_certificate(&[2; 48]).unwrap();
        assert!(one.ends_with("\n-----END CERTIFICATE-----\n"), "{one}");
        assert!(one.lines().skip(1).take(2).all(|line| line.len() == 64), "{one}");
        let both = format!("{one}{two}");
        assert!(!both.contains("\n\n") && !both.contains('\r'));
        assert_eq!(read_certificates(&both), Ok(vec![vec![1; 100], vec![2; 48]]));
        let windows = format!("\r\n{}\r\n\r\n", both.replace('\n', "\r\n"));
        assert_eq!(read_certificates(&windows), Ok(vec![vec![1; 100], vec![2; 48]]));
    }

    #[test]
    fn anything_but_certificates_is_refused_with_what_it_is() {
        let good = write_certificate(&[1; 10]).unwrap();
        let key = good.replace("CERTIFICATE", "PRIVATE KEY");
        assert_eq!(read_certificates(" \n"), Err(PemFault::Empty));
        assert_eq!(read_certificates(&format!("{good}{key}")), Err(PemFault::Label("PRIVATE KEY".to_owned())));
        assert_eq!(
            read_certificates(&format!("Subject: x\n{good}")),
            Err(PemFault::Stray("Subject: x\n-----BEGI".to_owned()))
        );
        assert!(matches!(read_certificates(&good.replace("END", "DNE")), Err(PemFault::Block(1, _))));
        assert!(matches!(read_certificates(&good.replace("AQ", "?!")), Err(PemFault::Block(1, _))));
    }
}
