//! Reader of one HTTP/1.1 response from a growing buffer
//! ([RFC 9112](https://www.rfc-editor.org/rfc/rfc9112)).
//!
//! Hand-written around httparse: hyper needs a runtime and streams. The peer is untrusted, so the work is linear in its
//! bytes, and everything is capped.

use crate::values::quote::quote_octets;
use httparse::Status;

/// Maximum bytes of a body; a key authorization has about 90.
pub const MAX_BODY: usize = 128 * 1024;

/// Maximum bytes of status line and headers, as of common servers.
const MAX_HEAD: usize = 16 * 1024;

/// The beginning of each response.
const BEGINNING: &[u8; 7] = b"HTTP/1.";

/// Maximum octets of empty lines before a response. Some servers send one (RFC 9112 §2.2).
const MAX_BLANK: usize = 16;

/// Maximum number of header lines.
const MAX_HEADERS: usize = 100;

/// Maximum bytes of a chunk size line, or of the trailers.
const MAX_CHUNK_LINE: usize = 1024;

/// Maximum bytes of a response: head, body, and as much again for chunked framing.
pub const MAX_RESPONSE: usize = MAX_HEAD + 2 * MAX_BODY;

/// A response with its decoded body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The first `Location` header, if it is text.
    pub location: Option<String>,
    /// The body; empty for redirects.
    pub body: Vec<u8>,
}

/// Why bytes are not a usable HTTP response. The message follows the name of the peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpFault {
    /// Not HTTP/1; the reason, if it may be shown.
    #[error("sent something that is no HTTP/1.1 response{}", in_brackets(.0))]
    Malformed(String),
    /// A frame of HTTP/2, sent by servers that speak nothing else.
    #[error("answered in HTTP/2, but HTTP/1.1 is asked for and has to be answered")]
    Http2,
    /// A record of TLS instead of plain HTTP.
    #[error("answered in TLS, but plain HTTP/1.1 is asked for at this port")]
    Tls,
    /// An incomplete response.
    #[error("closed the connection before its response was complete")]
    Incomplete,
    /// A body of more than 128 kB.
    #[error("sent a body of more than {max} bytes", max = MAX_BODY)]
    BodyTooLarge,
    /// A head of more than 16 kB.
    #[error("sent headers of more than {max} bytes", max = MAX_HEAD)]
    HeadTooLarge,
    /// A transfer coding other than `chunked`; its name, if it may be shown.
    #[error("{}", transfer_coding(.0))]
    TransferCoding(String),
    /// A content coding, behind which the length of the body is unknown.
    #[error("used the content coding {0}, although Accept-Encoding asks for identity; switch it off there")]
    ContentCoding(String),
}

/// The reason of [`HttpFault::Malformed`], if there is one.
fn in_brackets(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" ({reason})") }
}

/// The text of [`HttpFault::TransferCoding`].
fn transfer_coding(name: &str) -> String {
    match name {
        "" => "used a transfer coding that was not asked for".to_owned(),
        name => format!("used the transfer coding {name}, which was not asked for"),
    }
}

impl HttpFault {
    /// Removes quoted bytes of the peer.
    pub fn unquoted(self) -> Self {
        match self {
            Self::Malformed(_) => Self::Malformed(String::new()),
            Self::TransferCoding(_) => Self::TransferCoding(String::new()),
            Self::ContentCoding(_) => Self::ContentCoding("(not shown)".to_owned()),
            other => other,
        }
    }
}

/// Whether a status is a redirect that is followed: 301, 302, 307 and 308.
///
/// As in the CA/Browser Forum's Baseline Requirements 3.2.2.4.19; 303 points to another resource.
pub fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 307 | 308)
}

/// The framing of the body ([RFC 9112 §6.3](https://www.rfc-editor.org/rfc/rfc9112#section-6.3)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// No body, or an ignored one.
    Empty,
    /// A number of bytes.
    Length(usize),
    /// Chunks, up to one of size 0.
    Chunked,
    /// Up to the end of the connection.
    UntilClose,
}

struct Head {
    status: u16,
    location: Option<String>,
    framing: Framing,
}

/// The state of reading a response; all methods take all bytes received so far.
#[derive(Default)]
pub struct Reader {
    /// Start of the head: 0, or after the last interim response.
    start: usize,
    /// Position up to which the end of the head was searched.
    searched: usize,
    head: Option<Head>,
    /// Start of the body, or of the next chunk.
    at: usize,
    /// The content of the chunks so far.
    body: Vec<u8>,
}

impl Reader {
    /// Reads on; returns whether the response is complete.
    ///
    /// # Errors
    /// An [`HttpFault`] that further bytes cannot change.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<bool, HttpFault> {
        while self.head.is_none() {
            if !self.read_head(bytes)? {
                return Ok(false);
            }
        }
        let received = bytes.len().saturating_sub(self.at);
        match self.framing() {
            Framing::Empty => Ok(true),
            Framing::Length(length) => Ok(received >= length),
            Framing::Chunked => self.read_chunks(bytes),
            Framing::UntilClose if received > MAX_BODY => Err(HttpFault::BodyTooLarge),
            Framing::UntilClose => Ok(false),
        }
    }

    /// The response, at the end of the connection.
    ///
    /// # Errors
    /// [`HttpFault::Incomplete`] for a truncated response, else as [`Reader::advance`].
    pub fn finish(mut self, bytes: &[u8]) -> Result<Response, HttpFault> {
        let complete = self.advance(bytes)?;
        let rest = bytes.get(self.at..).unwrap_or_default();
        let body = match self.framing() {
            Framing::UntilClose => rest.to_vec(),
            _ if !complete => return Err(HttpFault::Incomplete),
            Framing::Empty => Vec::new(),
            Framing::Length(length) => rest.get(..length).unwrap_or_default().to_vec(),
            Framing::Chunked => self.body,
        };
        let head = self.head.ok_or(HttpFault::Incomplete)?;
        Ok(Response { status: head.status, location: head.location, body })
    }

    fn framing(&self) -> Framing {
        // Without a head the response is incomplete, as with any missing length.
        self.head.as_ref().map_or(Framing::Length(usize::MAX), |head| head.framing)
    }

    /// Reads one complete head; interim responses (1xx) are skipped.
    fn read_head(&mut self, bytes: &[u8]) -> Result<bool, HttpFault> {
        let begun = bytes.get(self.start..).unwrap_or_default();
        let blank = begun.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if blank > MAX_BLANK {
            return Err(HttpFault::Malformed("it begins with empty lines".into()));
        }
        // Bytes that cannot become a response fail at once.
        let begun = begun.get(blank..).unwrap_or_default();
        check_beginning(begun)?;
        // No head is shorter than what is checked: so however the bytes are cut, the fault is the same.
        if begun.len() < BEGINNING.len() {
            return Ok(false);
        }
        self.start += blank;
        self.searched = self.searched.max(self.start);
        let Some(end) = find_head_end(bytes, self.searched) else {
            // The end has at most 3 bytes, of which 2 may be present.
            self.searched = bytes.len().saturating_sub(2).max(self.start);
            return if bytes.len() - self.start > MAX_HEAD { Err(HttpFault::HeadTooLarge) } else { Ok(false) };
        };
        let head = parse_head(bytes.get(self.start..end).unwrap_or_default())?;
        (self.start, self.searched, self.at) = (end, end, end);
        if !(100..200).contains(&head.status) {
            self.head = Some(head);
        }
        Ok(true)
    }

    /// Reads all complete chunks; returns whether the last one and its trailers are complete.
    fn read_chunks(&mut self, bytes: &[u8]) -> Result<bool, HttpFault> {
        loop {
            let rest = bytes.get(self.at..).unwrap_or_default();
            let line = httparse::parse_chunk_size(rest.get(..MAX_CHUNK_LINE).unwrap_or(rest));
            let (line, size) = match line {
                Ok(Status::Complete((line, size))) => (line, usize::try_from(size).unwrap_or(usize::MAX)),
                Ok(Status::Partial) if rest.len() < MAX_CHUNK_LINE => return Ok(false),
                Ok(Status::Partial) | Err(_) => return Err(HttpFault::Malformed("invalid chunk size".into())),
            };
            if size > MAX_BODY - self.body.len() {
                return Err(HttpFault::BodyTooLarge);
            }
            let rest = rest.get(line..).unwrap_or_default();
            if size == 0 {
                return trailers_end(rest);
            }
            let Some((data, after)) = rest.split_at_checked(size) else { return Ok(false) };
            match after {
                [b'\r', b'\n', ..] => {}
                [] | [b'\r'] => return Ok(false),
                _ => return Err(HttpFault::Malformed("a chunk is longer than its size".into())),
            }
            self.body.extend_from_slice(data);
            self.at += line + size + 2;
        }
    }
}

/// Whether the trailer section at the start of `rest` is complete; its content is ignored.
fn trailers_end(rest: &[u8]) -> Result<bool, HttpFault> {
    let rest = rest.get(..MAX_CHUNK_LINE).unwrap_or(rest);
    if rest.starts_with(b"\r\n") || find_head_end(rest, 0).is_some() {
        return Ok(true);
    }
    if rest.len() < MAX_CHUNK_LINE { Ok(false) } else { Err(HttpFault::HeadTooLarge) }
}

/// Checks that `bytes` may begin a response: the protocol's name comes first.
fn check_beginning(bytes: &[u8]) -> Result<(), HttpFault> {
    match bytes.first_chunk() {
        None | Some(BEGINNING) => Ok(()),
        // RFC 9113 §3.4: a SETTINGS frame (type 4) of stream 0 comes first, without the flag ACK.
        Some([0, _, _, 4, 0, 0, 0]) => Err(HttpFault::Http2),
        // RFC 8446 §5.1: an alert or a handshake, of any version.
        Some([21 | 22, 3, ..]) => Err(HttpFault::Tls),
        Some(other) => Err(HttpFault::Malformed(format!("it begins {}", quote_octets(other)))),
    }
}

/// The position after the first empty line from `from` on. Lines may end in LF alone (RFC 9112 §2.2).
fn find_head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let tail = bytes.get(from..)?;
    (0..tail.len()).find_map(|at| match tail.get(at..)? {
        [b'\n', b'\n', ..] => Some(from + at + 2),
        [b'\n', b'\r', b'\n', ..] => Some(from + at + 3),
        _ => None,
    })
}

fn parse_head(bytes: &[u8]) -> Result<Head, HttpFault> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(bytes) {
        Ok(Status::Complete(_)) => {}
        Ok(Status::Partial) => return Err(HttpFault::Malformed("its head ends too early".into())),
        Err(error) => {
            let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
            return Err(HttpFault::Malformed(format!("{error}; it begins {}", quote_octets(line.trim_ascii_end()))));
        }
    }
    let status = response.code.ok_or(HttpFault::Incomplete)?;
    let location = find(response.headers, "location").next().and_then(|value| core::str::from_utf8(value).ok());
    Ok(Head { status, location: location.map(str::to_owned), framing: framing(status, response.headers)? })
}

fn find<'h>(headers: &'h [httparse::Header<'_>], name: &'static str) -> impl Iterator<Item = &'h [u8]> {
    headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value.trim_ascii())
}

fn framing(status: u16, headers: &[httparse::Header<'_>]) -> Result<Framing, HttpFault> {
    if matches!(status, 100..200 | 204 | 304) || is_redirect(status) {
        return Ok(Framing::Empty);
    }
    // RFC 9110 §8.4. The body of a failure is not needed.
    if let Some(coding) = find(headers, "content-encoding").find(|coding| !is_identity(coding)) {
        let success = (200..300).contains(&status);
        return if success { Err(HttpFault::ContentCoding(quote_octets(coding))) } else { Ok(Framing::Empty) };
    }
    // A transfer coding overrides a length.
    let mut codings = find(headers, "transfer-encoding");
    if let Some(coding) = codings.next() {
        let chunked = coding.eq_ignore_ascii_case(b"chunked") && codings.next().is_none();
        return if chunked { Ok(Framing::Chunked) } else { Err(HttpFault::TransferCoding(quote_octets(coding))) };
    }
    let mut lengths = find(headers, "content-length");
    let Some(first) = lengths.next() else { return Ok(Framing::UntilClose) };
    if lengths.any(|other| other != first) {
        return Err(HttpFault::Malformed("it has two content lengths".into()));
    }
    let digits = core::str::from_utf8(first).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    let length: u64 = digits
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| HttpFault::Malformed(format!("its content length is {}", quote_octets(first))))?;
    match usize::try_from(length) {
        Ok(length) if length <= MAX_BODY => Ok(Framing::Length(length)),
        _ => Err(HttpFault::BodyTooLarge),
    }
}

/// Whether a `Content-Encoding` is empty or `identity`, which some servers send (RFC 9110 §8.4.1).
pub fn is_identity(coding: &[u8]) -> bool {
    coding
        .split(|b| *b == b',')
        .map(<[u8]>::trim_ascii)
        .all(|one| one.is_empty() || one.eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests;
