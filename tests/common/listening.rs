//! A host for tests that answers connections until it is dropped.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// A port of this machine that is listened at. Its thread has ended when the drop returns.
pub struct Listening {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listening {
    /// Hands each connection to `serve` in sequence; failures are left for clients to notice.
    pub fn start(port: u16, serve: impl Fn(TcpStream) + Send + 'static) -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], port)), serve)
    }

    /// As [`Listening::start`], at another address of this machine.
    pub fn at(address: SocketAddr, serve: impl Fn(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind(address).unwrap();
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
        Self { address, stop, thread: Some(thread) }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || thread::panicking(), "a host of the test panicked");
    }
}
