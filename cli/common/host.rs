//! What only the machine has: the time, bytes that nobody can guess, and a terminal.

use std::io::Write;

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, setrlimit};
use selvedge::values::Time;

/// The machine's clock, read now.
///
/// # Errors
/// When it stands before 1970: certificates could not be dated.
#[allow(clippy::disallowed_methods, reason = "the companion is where the clock is read; the library is passed a Time")]
pub fn now() -> Result<Time> {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .context("this machine's clock stands before 1970; set it")?;
    Ok(Time::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)))
}

/// `N` bytes from the machine's CSPRNG.
///
/// # Errors
/// When the machine has none.
#[allow(clippy::disallowed_methods, reason = "the companion is where randomness is drawn; the library is passed bytes")]
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("this machine gives no random bytes")?;
    Ok(bytes)
}

/// Prints for the user. A terminal that has gone away is no reason to stop.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Tells the user something, on stderr: stdout is for what a command was asked for.
pub fn say(text: impl AsRef<str>) {
    // One write, so that lines of several processes do not mix.
    let _ = std::io::stderr().write_all(format!("selvedge: {}\n", text.as_ref()).as_bytes());
}

/// From now on neither this process nor one that it starts leaves its memory on a disk when it crashes: keys are in it.
///
/// # Errors
/// When the system refuses, which it does not.
pub fn disable_core_dumps() -> Result<()> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).context("cannot switch core dumps off")
}
