//! The setting REQUEST_LOG.

use super::values::invalid;

/// The lines to write, `REQUEST_LOG`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequestLog {
    /// Requests and other events.
    #[default]
    On,
    /// Refused requests and other events.
    Errors,
    /// None.
    Off,
}

impl RequestLog {
    /// Reads `REQUEST_LOG`.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn read(text: Option<&str>) -> Result<Self, String> {
        match text {
            None | Some("on") => Ok(Self::On),
            Some("errors") => Ok(Self::Errors),
            Some("off") => Ok(Self::Off),
            Some(other) => Err(invalid("REQUEST_LOG", other, "\"on\", \"errors\" or \"off\"")),
        }
    }
}
