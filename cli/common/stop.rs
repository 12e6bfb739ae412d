//! The signals that ask a server to stop.

use std::future::pending;

use tokio::signal::unix::{SignalKind, signal};

/// Waits for a signal to stop: Ctrl-C, a termination, or the end of the terminal.
pub async fn stopped() {
    let wait = async |kind| match signal(kind) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => pending().await,
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => {}
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::hangup()) => {}
    }
}
