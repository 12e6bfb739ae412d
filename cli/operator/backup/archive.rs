//! The file of a backup: lines of JSON, compressed, encrypted.
//!
//! The first line has the head, the last one counts and the SHA-256 of all lines before it. The others have pages of rows of
//! a partition, say that a partition starts over, or that it is whole.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use selvedge::ca::runtime::copying::CopiedRow;
use selvedge::values::hex;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::common::age::{self, Key, Lock, Opener, Sealer};

/// The longest line that is read. A page has some megabytes at most.
const MAX_LINE: u64 = 16 * 1024 * 1024;

/// What a backup says of itself.
#[derive(Clone, Debug, Deserialize)]
pub struct Head {
    pub format: u64,
    pub id: String,
    pub at: String,
    pub version: String,
    pub base_url: String,
    pub issuers: Vec<String>,
    pub external_accounts: Vec<String>,
}

/// A line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Line {
    /// The head, as the CA wrote it.
    Head(Box<RawValue>),
    /// Rows of a partition; a later row replaces an earlier one with the same key.
    Rows(Rows),
    /// The rows of a partition so far are void.
    Again(String),
    /// The rows of a partition are complete.
    Whole(String),
    /// The end.
    End(End),
}

/// Rows of a partition.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    pub partition: String,
    pub rows: Vec<CopiedRow>,
}

/// The last line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Number of partitions.
    pub partitions: usize,
    /// Number of lines before this one.
    pub lines: u64,
    /// SHA-256 over them.
    pub sha256: String,
}

/// A backup that is being written.
pub struct Writer {
    to: GzEncoder<Sealer<BufWriter<File>>>,
    digest: Sha256,
    lines: u64,
}

impl Writer {
    /// Begins a backup in a new file.
    ///
    /// # Errors
    /// When the system refuses to write.
    pub fn begin(file: File, lock: &Lock<'_>) -> Result<Self> {
        let sealer = age::seal(BufWriter::new(file), lock)?;
        Ok(Self { to: GzEncoder::new(sealer, Compression::default()), digest: Sha256::new(), lines: 0 })
    }

    /// Writes a line.
    ///
    /// # Errors
    /// When the system refuses to write.
    pub fn line(&mut self, line: &Line) -> Result<()> {
        let mut text = serde_json::to_string(line)?;
        if text.contains('\n') {
            bail!("the CA's answer has JSON over several lines, which a backup cannot hold");
        }
        text.push('\n');
        self.digest.update(text.as_bytes());
        self.lines += 1;
        self.to.write_all(text.as_bytes()).context("cannot write the backup")
    }

    /// Writes the last line, and has the disk store all.
    ///
    /// # Errors
    /// When the system refuses to write.
    pub fn end(mut self, partitions: usize) -> Result<()> {
        let sha256 = hex::encode(&self.digest.clone().finalize());
        let end = End { partitions, lines: self.lines, sha256 };
        self.line(&Line::End(end))?;
        self.close()
    }

    /// Closes the file without a last line, so that it can be gone on from.
    ///
    /// # Errors
    /// When the system refuses to write.
    pub fn close(self) -> Result<()> {
        let ended = || -> std::io::Result<()> {
            let file = self.to.finish()?.finish()?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            file.sync_all()
        };
        ended().context("cannot write the backup")
    }
}

/// A backup that is being read.
pub struct Reader {
    from: BufReader<GzDecoder<Opener<BufReader<File>>>>,
    digest: Sha256,
    /// Number of lines that were read.
    pub lines: u64,
}

impl Reader {
    /// Opens a backup.
    ///
    /// # Errors
    /// When it is not one, or the key is another's.
    pub fn open(file: File, key: &Key<'_>) -> Result<Self> {
        let opener = age::open(BufReader::new(file), key)?;
        Ok(Self { from: BufReader::new(GzDecoder::new(opener)), digest: Sha256::new(), lines: 0 })
    }

    /// Reads the next line; `None` at the end of the file. The last line of a backup is held against those before it.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn next(&mut self) -> Result<Option<Line>> {
        let mut text = Vec::new();
        let read = self.from.by_ref().take(MAX_LINE).read_until(b'\n', &mut text);
        read.with_context(|| format!("it cannot be read after line {}", self.lines))?;
        if text.is_empty() {
            return Ok(None);
        }
        let line: Line =
            serde_json::from_slice(&text).with_context(|| format!("line {} is not of a backup", self.lines + 1))?;
        if let Line::End(end) = &line {
            let sha256 = hex::encode(&self.digest.clone().finalize());
            if (end.lines, &end.sha256) != (self.lines, &sha256) {
                bail!("its lines differ from those that were written: the SHA-256 is {sha256}, and was {}", end.sha256);
            }
        }
        self.digest.update(&text);
        self.lines += 1;
        Ok(Some(line))
    }
}
