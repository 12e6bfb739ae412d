//! JSON as Go's `encoding/json` reads it: the case of a member's name does not matter.

use serde_json::Value;

/// Renames the members of an object to these names, where only the case differs.
///
/// Of several the exact one counts. Other members stay.
pub fn fold(value: &mut Value, names: &[&str]) {
    let Some(members) = value.as_object_mut() else { return };
    let known = |key: &str| names.iter().find(|name| name.eq_ignore_ascii_case(key));
    let others: Vec<(String, &str)> =
        members.keys().filter_map(|key| Some((key.clone(), *known(key)?))).filter(|(key, name)| key != name).collect();
    for (key, name) in others {
        if let Some(value) = members.shift_remove(&key)
            && !members.contains_key(name)
        {
            members.insert(name.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn case_of_known_members_is_ignored() {
        let mut value = json!({ "HOST": "a", "targeturl": "b", "Other": 1, "Value": "late", "value": "exact" });
        fold(&mut value, &["host", "targetURL", "value"]);
        assert_eq!(value, json!({ "host": "a", "targetURL": "b", "Other": 1, "value": "exact" }));
        let mut list = json!(["Host"]);
        fold(&mut list, &["host"]);
        assert_eq!(list, json!(["Host"]));
    }
}
