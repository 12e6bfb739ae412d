//! Writing of policy documents.

#[cfg(test)]
mod tests;

use super::{Pattern, Policy};
use core::time::Duration;
use serde_json::{Map, Value};

impl Policy {
    /// Writes the document of a policy; members at their default are omitted.
    pub fn document(&self) -> Value {
        // Without `..`: a new member does not compile until it is written.
        let Self {
            allow,
            deny,
            preauthorized,
            wildcards,
            single_label_names,
            internal_names,
            challenges,
            profiles,
            max_lifetime,
            common_name,
        } = self;
        let patterns = |list: &[Pattern]| -> Value { list.iter().map(ToString::to_string).collect() };
        let filled = |list: &Vec<Pattern>| (!list.is_empty()).then(|| patterns(list));
        let flag = |flag: &bool| (!flag).then_some(Value::Bool(false));
        let names = |list: &Option<Vec<String>>| list.clone().map(Value::from);
        let members = [
            ("allow", allow.as_deref().map(patterns)),
            ("deny", filled(deny)),
            ("preauthorized", filled(preauthorized)),
            ("wildcards", flag(wildcards)),
            ("single_label_names", flag(single_label_names)),
            ("internal_names", flag(internal_names)),
            ("challenges", names(challenges)),
            ("profiles", names(profiles)),
            ("max_lifetime", max_lifetime.map(|longest| lifetime_text(longest).into())),
            ("common_name", common_name.map(Value::Bool)),
        ];
        let written = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(written.collect::<Map<_, _>>())
    }
}

/// Formats a lifetime of whole hours: in days where possible.
pub(super) fn lifetime_text(lifetime: Duration) -> String {
    let hours = lifetime.as_secs() / 3600;
    if hours.is_multiple_of(24) { format!("{}d", hours / 24) } else { format!("{hours}h") }
}
