//! The payload: chunks of 64 KiB, each sealed with its number. The last one is marked.

use std::io::{Error, ErrorKind, Read, Result, Write};

use ring::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};

/// Octets of a chunk.
const CHUNK: usize = 64 * 1024;
/// Octets of its tag.
const TAG: usize = 16;

/// The nonce of a chunk.
fn nonce(number: u64, last: bool) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    for (to, from) in bytes.iter_mut().skip(3).zip(number.to_be_bytes()) {
        *to = from;
    }
    bytes[NONCE_LEN - 1] = u8::from(last);
    Nonce::assume_unique_for_key(bytes)
}

/// Seals what is written.
pub struct Sealer<W> {
    to: W,
    key: LessSafeKey,
    number: u64,
    chunk: Vec<u8>,
}

impl<W: Write> Sealer<W> {
    pub(super) fn new(to: W, key: LessSafeKey) -> Self {
        Self { to, key, number: 0, chunk: Vec::with_capacity(CHUNK + TAG) }
    }

    fn seal(&mut self, last: bool) -> Result<()> {
        let done = self.key.seal_in_place_append_tag(nonce(self.number, last), Aad::empty(), &mut self.chunk);
        done.map_err(|_| Error::other("a chunk cannot be sealed"))?;
        self.number = self.number.checked_add(1).ok_or_else(|| Error::other("it has too many chunks"))?;
        self.to.write_all(&self.chunk)?;
        self.chunk.clear();
        Ok(())
    }

    /// Seals the last chunk.
    ///
    /// # Errors
    /// When the system refuses to write.
    pub fn finish(mut self) -> Result<W> {
        self.seal(true)?;
        self.to.flush()?;
        Ok(self.to)
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        // The last chunk is known only when nothing follows.
        if self.chunk.len() == CHUNK {
            self.seal(false)?;
        }
        let taken = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        Ok(taken)
    }

    fn flush(&mut self) -> Result<()> {
        self.to.flush()
    }
}

/// Opens what is read.
pub struct Opener<R> {
    from: R,
    key: LessSafeKey,
    number: u64,
    /// The open chunk, and how much of it was read.
    chunk: Vec<u8>,
    read: usize,
    last: bool,
    /// The first octet of the chunk after it.
    ahead: Option<u8>,
}

impl<R: Read> Opener<R> {
    pub(super) fn new(from: R, key: LessSafeKey) -> Self {
        Self { from, key, number: 0, chunk: Vec::new(), read: 0, last: false, ahead: None }
    }

    /// Opens the next chunk.
    fn next(&mut self) -> Result<()> {
        let damaged = |what: &str| Error::new(ErrorKind::InvalidData, what.to_owned());
        let mut sealed: Vec<u8> = self.ahead.take().into_iter().collect();
        let room = u64::try_from(CHUNK + TAG - sealed.len()).unwrap_or_default();
        self.from.by_ref().take(room).read_to_end(&mut sealed)?;
        let mut ahead = [0];
        // Fewer octets than a whole chunk, or none after it: it has to be the last.
        let more = sealed.len() == CHUNK + TAG && self.from.read(&mut ahead)? == 1;
        self.ahead = more.then_some(ahead[0]);
        self.last = !more;
        let opened = self.key.open_in_place(nonce(self.number, self.last), Aad::empty(), &mut sealed);
        let length = opened.map_err(|_| damaged("it was cut short or changed"))?.len();
        if self.last && length == 0 && self.number > 0 {
            return Err(damaged("it has an empty chunk at its end"));
        }
        sealed.truncate(length);
        (self.chunk, self.read) = (sealed, 0);
        self.number = self.number.checked_add(1).ok_or_else(|| damaged("it has too many chunks"))?;
        Ok(())
    }
}

impl<R: Read> Read for Opener<R> {
    fn read(&mut self, to: &mut [u8]) -> Result<usize> {
        while self.read == self.chunk.len() {
            if self.last {
                return Ok(0);
            }
            self.next()?;
        }
        let left = self.chunk.get(self.read..).unwrap_or_default();
        let taken = left.len().min(to.len());
        to.iter_mut().zip(left).for_each(|(to, from)| *to = *from);
        self.read += taken;
        Ok(taken)
    }
}
