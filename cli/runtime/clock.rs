//! Waiting by the machine's clock, which goes on while the machine is suspended.

use std::time::Duration;

use selvedge::values::Time;

use crate::common::host;

/// How often the clock is read: a suspended machine wakes up later.
const CLOCK_INTERVAL: Duration = Duration::from_secs(30);

/// Sleeps by the machine's clock; gives the time, or `None` when the clock is unreadable.
pub async fn sleep(time: Duration) -> Option<Time> {
    let end = host::now().ok()?.plus(time);
    loop {
        let now = host::now().ok()?;
        if now >= end {
            return Some(now);
        }
        tokio::time::sleep(now.until(end).min(CLOCK_INTERVAL)).await;
    }
}
