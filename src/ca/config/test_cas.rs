//! The setting TEST_CAS, and the paths of test CAs.

use super::values::{Values, invalid};

/// The path of test CAs; an id follows.
pub const PATH: &str = "/ca";

/// The makers of test CAs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TestCas {
    /// No sender: there are no test CAs.
    #[default]
    Off,
    /// Operators.
    Operators,
    /// Every sender, within a quota.
    On,
}

impl TestCas {
    /// Reads `TEST_CAS`. In production it is allowed: a test CA has nothing of the main one.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn read(value: Values<'_>) -> Result<Self, String> {
        match value("TEST_CAS").as_deref() {
            None | Some("off") => Ok(Self::Off),
            Some("operators") => Ok(Self::Operators),
            Some("on") => Ok(Self::On),
            Some(other) => Err(invalid("TEST_CAS", other, "\"off\", \"operators\" or \"on\"")),
        }
    }

    /// Whether there are test CAs.
    pub fn are_on(self) -> bool {
        self != Self::Off
    }
}

/// Splits the path of a test CA into its id and the path within it.
///
/// `None` for other paths. The id is not checked.
pub fn split(path: &str) -> Option<(&str, &str)> {
    let below = path.strip_prefix(PATH)?.strip_prefix('/')?;
    let end = below.find(['/', '?']).unwrap_or(below.len());
    below.split_at_checked(end)
}

/// The path within its CA, of the main one or a test CA.
pub fn inner_path(path: &str) -> &str {
    split(path).map_or(path, |(_, inner)| inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_test_cas_are_split() {
        assert_eq!(split("/ca/x/directory"), Some(("x", "/directory")));
        assert_eq!(split("/ca/x"), Some(("x", "")));
        assert_eq!(split("/ca/x/admin/v1/audit?limit=1"), Some(("x", "/admin/v1/audit?limit=1")));
        assert_eq!(split("/ca/"), Some(("", "")));
        for other in ["/ca", "/cast", "/", "/directory", "ca/x"] {
            assert_eq!(split(other), None, "{other}");
        }
        assert_eq!(inner_path("/ca/x/admin/v1/faults"), "/admin/v1/faults");
        assert_eq!(inner_path("/admin/v1/faults"), "/admin/v1/faults");
    }

    #[test]
    fn setting_has_three_values() {
        let read = |text: &'static str| TestCas::read(&move |_| Some(text.to_owned()));
        assert_eq!(["off", "operators", "on"].map(read), [TestCas::Off, TestCas::Operators, TestCas::On].map(Ok));
        assert!(read("true").unwrap_err().contains("TEST_CAS is \"true\""));
        assert_eq!(TestCas::read(&|_| None), Ok(TestCas::Off));
    }
}
