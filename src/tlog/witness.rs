//! Messages between a log and its witnesses (<https://c2sp.org/tlog-witness>).

use super::number::decimal;
use super::tree::Hash;
use core::fmt;

/// Maximum number of hashes in a consistency proof.
pub const MAX_PROOF: usize = 63;

/// Media type of the body of a 409, which is a size.
pub const SIZE: &str = "text/x.tlog.size";

/// The body of add-checkpoint; as text in its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission<'a> {
    /// The size that the log takes for the witness's newest.
    pub old: u64,
    /// The consistency proof from that size.
    pub proof: Vec<Hash>,
    /// The signed checkpoint.
    pub note: &'a str,
}

/// Reason why a body is not one of add-checkpoint; a clause without a full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmissionFault {
    /// It is not UTF-8.
    #[error("it is not UTF-8")]
    Encoding,
    /// It has no empty line.
    #[error("it has no empty line between the proof and the checkpoint")]
    NoCheckpoint,
    /// The first line is not the old size.
    #[error("its first line is not \"old\", a space, and a number without leading zeros")]
    Old,
    /// A line of the proof is not a hash.
    #[error("a line of its proof is not a hash of 32 bytes in base64")]
    Proof,
    /// The proof is too long.
    #[error("its proof has {0} hashes, and at most {MAX_PROOF} are read")]
    TooLong(usize),
}

impl<'a> Submission<'a> {
    /// Reads a body. The checkpoint is not read yet.
    ///
    /// # Errors
    /// A [`SubmissionFault`].
    pub fn parse(body: &'a [u8]) -> Result<Self, SubmissionFault> {
        let text = core::str::from_utf8(body).map_err(|_| SubmissionFault::Encoding)?;
        let (head, note) = text.split_once("\n\n").ok_or(SubmissionFault::NoCheckpoint)?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| decimal(line.strip_prefix("old ")?)).ok_or(SubmissionFault::Old)?;
        let count = lines.clone().count();
        if count > MAX_PROOF {
            return Err(SubmissionFault::TooLong(count));
        }
        let proof: Option<Vec<Hash>> = lines.map(Hash::parse).collect();
        Ok(Self { old, proof: proof.ok_or(SubmissionFault::Proof)?, note })
    }
}

impl fmt::Display for Submission<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.note)
    }
}

/// Reads the body of a 409: the size of the witness's newest checkpoint.
pub fn parse_size(body: &[u8]) -> Option<u64> {
    decimal(core::str::from_utf8(body).ok()?.strip_suffix('\n')?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HASH: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";

    #[test]
    fn a_body_of_add_checkpoint_is_read_and_written_as_the_specification_has_it() {
        let note = format!("example.com/log\n5\n{HASH}\n\n\u{2014} a AAAAAAA=\n");
        let body = format!("old 20852014\n{HASH}\n{HASH}\n\n{note}");
        let read = Submission::parse(body.as_bytes()).unwrap();
        assert_eq!((read.old, read.proof.len(), read.note), (20_852_014, 2, note.as_str()));
        assert_eq!(read.to_string(), body);
        let body = format!("old 0\n\n{note}");
        assert_eq!(Submission::parse(body.as_bytes()).unwrap().proof, []);
        let long = format!("old 1\n{}\nnote", format!("{HASH}\n").repeat(MAX_PROOF));
        assert_eq!(Submission::parse(long.as_bytes()).unwrap().proof.len(), MAX_PROOF);
    }

    #[test]
    fn what_is_not_a_body_of_add_checkpoint_is_refused() {
        use SubmissionFault::{Encoding, NoCheckpoint, Old, Proof, TooLong};
        let too_long = format!("old 1\n{}\nnote", format!("{HASH}\n").repeat(MAX_PROOF + 1));
        let loose = HASH.replace("2I=", "2J=");
        for (body, fault) in [
            ("", NoCheckpoint),
            ("old 0", NoCheckpoint),
            ("old 0\n", NoCheckpoint),
            ("old 1\r\n\r\nnote", NoCheckpoint),
            ("\n\nnote", Old),
            ("old\n\nnote", Old),
            ("old \n\nnote", Old),
            ("old 00\n\nnote", Old),
            ("old 01\n\nnote", Old),
            ("old +1\n\nnote", Old),
            ("old -1\n\nnote", Old),
            ("old  1\n\nnote", Old),
            ("OLD 1\n\nnote", Old),
            ("old 1 \n\nnote", Old),
            ("old 18446744073709551616\n\nnote", Old),
            ("old 1\nAA==\n\nnote", Proof),
            (&format!("old 1\n{}\n\nnote", &HASH[..43]), Proof),
            (&format!("old 1\n{loose}\n\nnote"), Proof),
            (&too_long, TooLong(MAX_PROOF + 1)),
        ] {
            assert_eq!(Submission::parse(body.as_bytes()), Err(fault), "{body:?}");
        }
        assert_eq!(Submission::parse(b"old 1\n\n\xff"), Err(Encoding));
    }

    #[test]
    fn only_a_size_with_its_line_feed_is_a_size() {
        assert_eq!(parse_size(b"20852014\n"), Some(20_852_014));
        for bad in ["", "\n", "1", "01\n", "-1\n", "1\n\n", "1\r\n", " 1\n", "x\n"] {
            assert_eq!(parse_size(bad.as_bytes()), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bodies_are_written_back_or_refused(old in "(old )?[0-9]{0,3}", rest in "(?s).{0,60}") {
            let body = format!("{old}\n{rest}");
            if let Ok(read) = Submission::parse(body.as_bytes()) {
                prop_assert_eq!(read.to_string(), body);
            }
        }
    }
}
