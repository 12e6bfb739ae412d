//! Checkpoints: size and root of a log's tree, as a note's text.

use super::number::decimal;
use super::tree::{Hash, MAX_SIZE, empty_root};
use crate::values::quote;
use core::fmt;

/// A checkpoint; as text the text of its note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's identity.
    pub origin: String,
    /// Number of leaves.
    pub size: u64,
    /// The root of the tree.
    pub root: Hash,
    /// Further lines, whose meaning is the log's.
    pub extensions: Vec<String>,
}

/// Reason why a text is not a checkpoint; a clause without a full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointFault {
    /// It has fewer than three lines, or an empty one.
    #[error("a checkpoint has at least three lines, none of them empty: origin, size, root")]
    Lines,
    /// The second line is not a size.
    #[error("its second line is {0}, not a number of leaves")]
    Size(String),
    /// The third line is not a hash.
    #[error("its third line is {0}, not a hash in base64")]
    Root(String),
    /// The tree is empty and the root is not.
    #[error("its size is 0, and its root is not that of an empty tree")]
    Empty,
}

impl Checkpoint {
    /// A checkpoint without further lines.
    pub fn new(origin: &str, size: u64, root: Hash) -> Self {
        Self { origin: origin.to_owned(), size, root, extensions: Vec::new() }
    }

    /// Reads the text of a note.
    ///
    /// # Errors
    /// A [`CheckpointFault`].
    pub fn parse(text: &str) -> Result<Self, CheckpointFault> {
        let lines: Vec<&str> = text.strip_suffix('\n').ok_or(CheckpointFault::Lines)?.split('\n').collect();
        let [origin, size, root, extensions @ ..] = &lines[..] else { return Err(CheckpointFault::Lines) };
        if lines.iter().any(|line| line.is_empty()) {
            return Err(CheckpointFault::Lines);
        }
        let number = decimal(size).filter(|size| *size <= MAX_SIZE);
        let size = number.ok_or_else(|| CheckpointFault::Size(quote::quote(size)))?;
        let root = Hash::parse(root).ok_or_else(|| CheckpointFault::Root(quote::quote(root)))?;
        if size == 0 && root != empty_root() {
            return Err(CheckpointFault::Empty);
        }
        let extensions = extensions.iter().map(|line| (*line).to_owned()).collect();
        Ok(Self { origin: (*origin).to_owned(), size, root, extensions })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, self.root)?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ROOT: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";

    #[test]
    fn the_example_of_the_specification_is_read() {
        let text = format!("example.com/behind-the-sofa\n20852163\n{ROOT}\n");
        let checkpoint = Checkpoint::new("example.com/behind-the-sofa", 20_852_163, Hash::parse(ROOT).unwrap());
        assert_eq!(Checkpoint::parse(&text), Ok(checkpoint.clone()));
        assert_eq!(checkpoint.to_string(), text);
        let extended = format!("{text}one\ntwo\n");
        let read = Checkpoint::parse(&extended).unwrap();
        assert_eq!(
            (read.extensions.as_slice(), read.to_string()),
            (&["one".to_owned(), "two".to_owned()][..], extended)
        );
    }

    #[test]
    fn what_is_not_a_checkpoint_is_refused() {
        let empty = empty_root();
        for bad in [
            String::new(),
            "\n".to_owned(),
            "o\n1\n".to_owned(),
            format!("o\n1\n{ROOT}"),
            format!("\n1\n{ROOT}\n"),
            format!("o\n1\n{ROOT}\n\n"),
            format!("o\n1\n{ROOT}\n\nx\n"),
        ] {
            assert_eq!(Checkpoint::parse(&bad), Err(CheckpointFault::Lines), "{bad:?}");
        }
        for size in ["01", "-1", "+1", " 1", "1 ", "x", "18446744073709551616", "9223372036854775807"] {
            let fault = Checkpoint::parse(&format!("o\n{size}\n{ROOT}\n"));
            assert_eq!(fault, Err(CheckpointFault::Size(format!("{size:?}"))));
        }
        for root in ["x", &ROOT[1..], &format!("{ROOT} ")] {
            let fault = Checkpoint::parse(&format!("o\n1\n{root}\n"));
            assert_eq!(fault, Err(CheckpointFault::Root(format!("{root:?}"))));
        }
        assert_eq!(Checkpoint::parse(&format!("o\n0\n{ROOT}\n")), Err(CheckpointFault::Empty));
        assert!(Checkpoint::parse(&format!("o\n0\n{empty}\n")).is_ok());
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_read_back_or_refused(text in "(?s).{0,90}", size in "[0-9]{0,21}", line in "\\PC{0,4}") {
            for text in [text, format!("o\n{size}\n{ROOT}\n{line}\n")] {
                if let Ok(checkpoint) = Checkpoint::parse(&text) {
                    prop_assert_eq!(checkpoint.to_string(), text);
                }
            }
        }
    }
}
