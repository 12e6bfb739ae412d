//! PEM files of certificates, CSRs and CRLs.
//!
//! Written strictly, read leniently as in RFC 7468 §2 ([`values::pem`](crate::values::pem)).

use crate::values::pem::{Block, BlockFault, blocks};
use der::pem::LineEnding;

/// The label of a certificate ([RFC 7468 §5](https://www.rfc-editor.org/rfc/rfc7468#section-5)).
pub const CERTIFICATE: &str = "CERTIFICATE";
/// The label of a CRL ([RFC 7468 §6](https://www.rfc-editor.org/rfc/rfc7468#section-6)).
pub const CRL: &str = "X509 CRL";
/// The label of a CSR ([RFC 7468 §7](https://www.rfc-editor.org/rfc/rfc7468#section-7)).
pub const REQUEST: &str = "CERTIFICATE REQUEST";
/// Netscape's label of a CSR, which RFC 7468 §7 also accepts.
const NEW_REQUEST: &str = "NEW CERTIFICATE REQUEST";

/// Why a text is not the expected PEM file. The message is a clause about the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemFault {
    /// No block; the expected label.
    #[error("there is no \"BEGIN {0}\" in it")]
    Empty(&'static str),
    /// A block of another kind, such as a private key. Its label, and the expected one.
    #[error("it contains a {0:?}; expected {expected}", expected = expected(.1))]
    Label(String, &'static str),
    /// More than one block where one is expected; the label.
    #[error("there is more than one {0:?} in it")]
    Several(&'static str),
    /// A block that cannot be decoded: its number, counted from 1, and the reason.
    #[error("block {0} of it cannot be decoded: {1}")]
    Block(usize, BlockFault),
}

/// The blocks that [`PemFault::Label`] expects.
fn expected(label: &str) -> String {
    if label == CERTIFICATE { "only certificates".to_owned() } else { format!("only a {label:?}") }
}

/// The DER of each certificate in a PEM text, in order.
///
/// # Errors
/// [`PemFault`] for a file without one, or with a block of another kind.
pub fn read_certificates(text: &str) -> Result<Vec<Vec<u8>>, PemFault> {
    read_all(text, &[CERTIFICATE])
}

/// The DER of the only CRL in a PEM text.
///
/// # Errors
/// [`PemFault`] for a file without one, or with other blocks.
pub fn read_crl(text: &str) -> Result<Vec<u8>, PemFault> {
    read_one(text, &[CRL])
}

/// The DER of the only CSR in a PEM text.
///
/// # Errors
/// [`PemFault`] for a file without one, or with other blocks.
pub fn read_request(text: &str) -> Result<Vec<u8>, PemFault> {
    read_one(text, &[REQUEST, NEW_REQUEST])
}

fn read_one(text: &str, labels: &[&'static str]) -> Result<Vec<u8>, PemFault> {
    let wanted = labels.first().copied().unwrap_or_default();
    <[Vec<u8>; 1]>::try_from(read_all(text, labels)?).map(|[one]| one).map_err(|_| PemFault::Several(wanted))
}

/// The DER of all blocks; each must have one of these labels.
fn read_all(text: &str, labels: &[&'static str]) -> Result<Vec<Vec<u8>>, PemFault> {
    let wanted = labels.first().copied().unwrap_or_default();
    let read = |(at, block): (usize, Result<Block<'_>, BlockFault>)| {
        let broken = |fault| PemFault::Block(at + 1, fault);
        let block = block.map_err(broken)?;
        if !labels.contains(&block.label()) {
            return Err(PemFault::Label(block.label().to_owned(), wanted));
        }
        block.der().map_err(broken)
    };
    let found = blocks(text).enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
    if found.is_empty() { Err(PemFault::Empty(wanted)) } else { Ok(found) }
}

/// Writes one certificate as strict RFC 7468 text.
///
/// Lines have 64 characters and end in LF, the last one too.
///
/// # Errors
/// If `der` is too long to be encoded, which does not happen with certificates.
pub fn write_certificate(der: &[u8]) -> Result<String, der::Error> {
    write(CERTIFICATE, der)
}

/// As [`write_certificate`], under another label.
///
/// # Errors
/// As [`write_certificate`].
pub fn write(label: &str, der: &[u8]) -> Result<String, der::Error> {
    der::pem::encode_string(label, LineEnding::LF, der).map_err(der::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r01_pem_is_written_strictly_and_round_trips() {
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
    fn pem_text_around_blocks_is_ignored() {
        let good = write_certificate(&[1; 100]).unwrap();
        let text =
            format!("Certificate:\n    Data:\n        Version: 3 (0x2)\n{good}\nsubject=CN = x\nissuer=CN = y\n{good}");
        assert_eq!(read_certificates(&text), Ok(vec![vec![1; 100]; 2]));
        let blanks = good.replace('\n', "  \t\n");
        assert_eq!(read_certificates(&blanks), Ok(vec![vec![1; 100]]));
    }

    #[test]
    fn pem_of_another_kind_is_refused_with_its_label() {
        let good = write_certificate(&[1; 10]).unwrap();
        let key = good.replace("CERTIFICATE", "PRIVATE KEY");
        assert_eq!(read_certificates(" \n"), Err(PemFault::Empty(CERTIFICATE)));
        let label = |label: &str, wanted| Err(PemFault::Label(label.to_owned(), wanted));
        assert_eq!(read_certificates(&format!("{good}{key}")), label("PRIVATE KEY", CERTIFICATE));
        assert!(matches!(read_certificates(&good.replace("END", "DNE")), Err(PemFault::Block(1, _))));
        assert!(matches!(read_certificates(&good.replace("AQ", "?!")), Err(PemFault::Block(1, _))));
        assert_eq!(read_crl(&good).map(|_| vec![]), label("CERTIFICATE", CRL));
        let crl = write(CRL, &[1; 10]).unwrap();
        assert_eq!(read_crl(&crl), Ok(vec![1; 10]));
        assert_eq!(read_crl(&format!("{crl}{crl}")), Err(PemFault::Several(CRL)));
        for label in [REQUEST, NEW_REQUEST] {
            assert_eq!(read_request(&write(label, &[2; 10]).unwrap()), Ok(vec![2; 10]));
        }
    }
}
