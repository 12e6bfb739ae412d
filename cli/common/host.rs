//! What the machine provides: the time, random bytes, a terminal, a process without core dumps.

use std::io::Write;

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, setrlimit};
use selvedge::values::Time;

/// Reads the machine's clock.
///
/// # Errors
/// When the clock is set before 1970: certificates could not be dated.
#[allow(clippy::disallowed_methods, reason = "the companion is where the clock is read; the library is passed a Time")]
pub fn now() -> Result<Time> {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .context("this machine's clock is set before 1970; set it")?;
    Ok(Time::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)))
}

/// Draws `N` bytes from the machine's CSPRNG.
///
/// # Errors
/// When the machine has no CSPRNG.
#[allow(clippy::disallowed_methods, reason = "the companion is where randomness is drawn; the library is passed bytes")]
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("cannot read random bytes from the system")?;
    Ok(bytes)
}

/// Prints to stdout; a closed terminal is ignored.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints a message to stderr; stdout is for a command's output.
pub fn say(text: impl AsRef<str>) {
    // One write, so that lines of several processes do not mix.
    let _ = std::io::stderr().write_all(format!("selvedge: {}\n", text.as_ref()).as_bytes());
}

/// Disables core dumps for this process and its children, whose memory holds keys.
///
/// # Errors
/// When the system refuses.
pub fn disable_core_dumps() -> Result<()> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).context("cannot switch core dumps off")
}
