//! Examples of records beside their schemas.

use super::members::each;
use serde_json::Value;

/// Copies of an example, each without one optional member, by that member's name.
pub fn without_each_optional(schema: &Value, example: &Value) -> Vec<(String, Value)> {
    if let Some(branches) = schema["oneOf"].as_array() {
        let branch = branches.iter().find(|branch| jsonschema::is_valid(branch, example));
        return branch.map_or_else(Vec::new, |branch| without_each_optional(branch, example));
    }
    let mut all = Vec::new();
    match example {
        Value::Object(members) => {
            for (name, value) in members {
                if !schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name))
                    && schema["properties"][name].is_object()
                {
                    let mut without = members.clone();
                    without.shift_remove(name);
                    all.push((name.clone(), Value::Object(without)));
                }
                for (below, changed) in without_each_optional(&schema["properties"][name], value) {
                    let mut without = members.clone();
                    without.insert(name.clone(), changed);
                    all.push((format!("{name}.{below}"), Value::Object(without)));
                }
            }
        }
        Value::Array(elements) => {
            for (at, element) in elements.iter().enumerate() {
                for (below, changed) in without_each_optional(&schema["items"], element) {
                    let mut without = elements.clone();
                    without[at] = changed;
                    all.push((below, Value::Array(without)));
                }
            }
        }
        _ => {}
    }
    all
}

/// The members of a schema that no example has.
pub fn without_example(prefix: &str, schema: &Value, examples: &[Value]) -> Vec<String> {
    let mut missing = Vec::new();
    each(schema, prefix, &mut |path, _, _| {
        if !examples.iter().any(|example| has(example, &path[prefix.len()..])) {
            missing.push(path.to_owned());
        }
    });
    missing
}

/// Whether a value has something at a path such as `.names[].value`.
fn has(value: &Value, path: &str) -> bool {
    if let Some(rest) = path.strip_prefix("[]") {
        return value.as_array().is_some_and(|all| all.iter().any(|one| has(one, rest)));
    }
    if let Some(rest) = path.strip_prefix("{}") {
        return value.as_object().is_some_and(|all| all.values().any(|one| has(one, rest)));
    }
    let Some(rest) = path.strip_prefix('.') else { return path.is_empty() };
    let end = rest.find(['.', '[', '{']).unwrap_or(rest.len());
    value.get(&rest[..end]).is_some_and(|value| has(value, &rest[end..]))
}
