//! What is between the companion and the CA: at chosen requests, something is killed.

use crate::common::listening::Listening;
use crate::common::server::free_port;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

/// When a strike happens: before a request arrives, or before its answer does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum When {
    Asked,
    Answered,
}

/// A proxy. It ends when dropped.
pub struct Proxy {
    pub url: String,
    /// Gets the number of each request that was struck. The next request is passed on when that is received.
    pub struck: Receiver<usize>,
    _listening: Listening,
}

impl Proxy {
    /// Passes requests on to this port. At these numbers of requests, from 1 on, it runs `strike`, and the companion gets no answer.
    pub fn start(to: u16, strikes: &'static [(usize, When)], strike: impl Fn() + Send + Sync + 'static) -> Self {
        let port = free_port();
        let (sender, struck) = channel();
        let (count, strike, sender) = (AtomicUsize::new(0), Arc::new(strike), Mutex::new(sender));
        let listening = Listening::start(port, move |stream: TcpStream| {
            let Ok(request) = message(&stream, &format!("Host: 127.0.0.1:{to}\r\n")) else { return };
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            let when = strikes.iter().find(|(n, _)| *n == number).map(|(_, when)| *when);
            let answer = (when != Some(When::Asked)).then(|| pass_on(to, &request));
            if when.is_some() {
                strike();
                sender.lock().unwrap().send(number).unwrap();
            } else if let Some(Ok(answer)) = answer {
                let _ = (&stream).write_all(&answer);
            }
            let _ = stream.shutdown(Shutdown::Both);
        });
        Self { url: format!("http://127.0.0.1:{port}"), struck, _listening: listening }
    }
}

/// The answer to a request. The CA may be down.
fn pass_on(to: u16, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut upstream = TcpStream::connect(("127.0.0.1", to))?;
    upstream.write_all(request)?;
    message(&upstream, "")
}

/// Reads a request or an answer. Returns it with these headers in place of its own, for a connection that ends after it.
fn message(stream: &TcpStream, headers: &str) -> std::io::Result<Vec<u8>> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length, mut chunked) = (String::new(), 0, false);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let lower = line.to_lowercase();
        match lower.split_once(':') {
            _ if line == "\r\n" => break,
            Some(("content-length", value)) => length = value.trim().parse().unwrap_or(0),
            Some(("transfer-encoding", _)) => chunked = true,
            Some(("connection", _)) => continue,
            Some(("host", _)) if !headers.is_empty() => continue,
            _ => {}
        }
        head.push_str(&line);
    }
    let mut whole = format!("{head}{headers}Connection: close\r\n\r\n").into_bytes();
    if chunked {
        // The CA closes the connection after it.
        reader.read_to_end(&mut whole)?;
    } else {
        reader.take(length).read_to_end(&mut whole)?;
    }
    Ok(whole)
}
