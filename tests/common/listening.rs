//! A host of the tests: answers whoever connects, until it is dropped.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// A port of this machine that is listened at. Its thread has ended when the drop returns.
pub struct Listening {
    place: (String, u16),
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listening {
    /// Hands each connection to `serve`, one after the other; what fails there is for those to notice who connected.
    pub fn start(port: u16, serve: impl Fn(TcpStream) + Send + 'static) -> Self {
        Self::start_at("127.0.0.1", port, serve)
    }

    /// As [`Listening::start`], at another address of this machine.
    #[allow(dead_code, reason = "shared by several tests")]
    pub fn start_at(address: &str, port: u16, serve: impl Fn(TcpStream) + Send + 'static) -> Self {
        let place = (address.to_owned(), port);
        let listener = TcpListener::bind((address, port)).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                // A connection that is gone before it was taken is nobody's any more.
                if let Ok(stream) = stream {
                    serve(stream);
                }
            }
        });
        Self { place, stop, thread: Some(thread) }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect((self.place.0.as_str(), self.place.1));
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || thread::panicking(), "a host of the test panicked");
    }
}
