//! The file of a backup: lines of JSON, compressed, encrypted.
//!
//! A file that the Worker wrote has several compressed parts, one after the other.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};

use anyhow::{Context, Result, anyhow, bail};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use selvedge::ca::runtime::archive::Tally;
pub use selvedge::ca::runtime::archive::{Line, Rows};
use serde::Deserialize;

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

/// A backup that is being written.
pub struct Writer {
    to: GzEncoder<Sealer<BufWriter<File>>>,
    tally: Tally,
}

impl Writer {
    /// Begins a backup in a new file.
    ///
    /// # Errors
    /// When the system refuses to write.
    pub fn begin(file: File, lock: &Lock<'_>) -> Result<Self> {
        let sealer = age::seal(BufWriter::new(file), lock)?;
        Ok(Self { to: GzEncoder::new(sealer, Compression::default()), tally: Tally::default() })
    }

    /// Writes a line.
    ///
    /// # Errors
    /// When the system refuses to write.
    pub fn line(&mut self, line: &Line) -> Result<()> {
        let text = self.tally.write(line).map_err(|fault| anyhow!("the CA's answer cannot be kept: {fault}"))?;
        self.to.write_all(text.as_bytes()).context("cannot write the backup")
    }

    /// Writes the last line, and has the disk store all.
    ///
    /// # Errors
    /// When the system refuses to write.
    pub fn end(mut self, partitions: usize) -> Result<()> {
        self.line(&Line::End(self.tally.end(partitions)))?;
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
    from: BufReader<MultiGzDecoder<Opener<BufReader<File>>>>,
    tally: Tally,
}

impl Reader {
    /// Opens a backup.
    ///
    /// # Errors
    /// When it is not one, or the key is another's.
    pub fn open(file: File, key: &Key<'_>) -> Result<Self> {
        let opener = age::open(BufReader::new(file), key)?;
        Ok(Self { from: BufReader::new(MultiGzDecoder::new(opener)), tally: Tally::default() })
    }

    /// The number of lines that were read.
    pub fn lines(&self) -> u64 {
        self.tally.lines()
    }

    /// Reads the next line; `None` at the end of the file. The last line of a backup is held against those before it.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn next(&mut self) -> Result<Option<Line>> {
        let mut text = Vec::new();
        let read = self.from.by_ref().take(MAX_LINE).read_until(b'\n', &mut text);
        read.with_context(|| format!("it cannot be read after line {}", self.lines()))?;
        if text.is_empty() {
            return Ok(None);
        }
        let line: Line =
            serde_json::from_slice(&text).with_context(|| format!("line {} is not of a backup", self.lines() + 1))?;
        if let Line::End(end) = &line {
            let sha256 = self.tally.sha256();
            if (end.lines, &end.sha256) != (self.lines(), &sha256) {
                bail!("its lines differ from those that were written: the SHA-256 is {sha256}, and was {}", end.sha256);
            }
        }
        self.tally.add(&text);
        Ok(Some(line))
    }
}
