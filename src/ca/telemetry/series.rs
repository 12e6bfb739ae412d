//! A metric's series.

use core::fmt::Display;

/// A metric's series with its labels, in Prometheus' notation.
pub struct Series(String);

impl Series {
    /// The series of this metric without labels.
    pub fn new(metric: &'static str) -> Self {
        Self::named(metric.to_owned())
    }

    /// The series of a metric with this name.
    pub(super) fn named(metric: String) -> Self {
        Self(metric)
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Its text.
    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// Adds a label. Backslashes and quotes in its value are escaped.
    pub fn label(mut self, name: &'static str, value: impl Display) -> Self {
        let first = !self.0.ends_with('}');
        if !first {
            self.0.pop();
        }
        let open = if first { '{' } else { ',' };
        let value = value.to_string().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        self.0.push_str(&format!("{open}{name}=\"{value}\"}}"));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_is_written_as_prometheus_reads_it() {
        assert_eq!(Series::new("a_total").0, "a_total");
        assert_eq!(Series::new("a_total").label("b", "c").label("d", 1).0, r#"a_total{b="c",d="1"}"#);
        assert_eq!(Series::new("a_total").label("b", "\"\\\n}").label("c", "").0, r#"a_total{b="\"\\\n}",c=""}"#);
    }
}
