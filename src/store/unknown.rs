//! Unknown members of stored records, kept when a record is rewritten.
//!
//! A newer release adds members. The release before it, which runs beside it for minutes and again after a rollback,
//! must not lose them. A member is unknown if the record's type drops it when it reads and writes the record. So an
//! optional member that was removed is known, and stays removed.

use super::{Record, StoreFailure};
use serde_json::Value;

/// Adds the unknown members of a stored record to its replacement; `None` without any.
///
/// # Errors
/// When JSON cannot be written.
pub fn keep_unknown<R: Record>(stored: &str, json: &str) -> Result<Option<String>, StoreFailure> {
    if stored == json {
        return Ok(None);
    }
    // What cannot be read is replaced as a whole.
    let Ok(record) = serde_json::from_str::<R>(stored) else { return Ok(None) };
    let known = serde_json::to_string(&record).map_err(failed)?;
    // It is written as it is stored: the usual case ends here.
    if known == stored { Ok(None) } else { merged(stored, &known, json).map(Some) }
}

/// Returns `json` with what `stored` has and `known` has not.
fn merged(stored: &str, known: &str, json: &str) -> Result<String, StoreFailure> {
    let read = |text: &str| serde_json::from_str::<Value>(text).map_err(failed);
    let mut new = read(json)?;
    add_unknown(&mut new, &read(stored)?, &read(known)?);
    serde_json::to_string(&new).map_err(failed)
}

fn failed(error: serde_json::Error) -> StoreFailure {
    StoreFailure::Failed(format!("keeping what is unknown of a record: {error}"))
}

/// Adds to `new` what `stored` has and `known` has not, at every depth.
///
/// An element of an array is found again if it is unchanged, or if it has the place and the first member that it had.
fn add_unknown(new: &mut Value, stored: &Value, known: &Value) {
    match (new, stored, known) {
        (Value::Object(new), Value::Object(stored), Value::Object(known)) => {
            for (name, value) in stored {
                match (new.get_mut(name), known.get(name)) {
                    (Some(new), Some(known)) => add_unknown(new, value, known),
                    (None, None) => drop(new.insert(name.clone(), value.clone())),
                    // It was removed, or it came to be known.
                    (None, Some(_)) | (Some(_), None) => {}
                }
            }
        }
        (Value::Array(new), Value::Array(stored), Value::Array(known)) if stored.len() == known.len() => {
            let before: Vec<(&Value, &Value)> = stored.iter().zip(known).collect();
            let mut places: Vec<_> = new.iter().map(|element| known.iter().position(|one| one == element)).collect();
            for (at, element) in new.iter().enumerate() {
                if let (None, Some(one)) = (places.get(at).copied().flatten(), known.get(at))
                    && !places.contains(&Some(at))
                    && is_same(element, one)
                    && let Some(place) = places.get_mut(at)
                {
                    *place = Some(at);
                }
            }
            for (element, place) in new.iter_mut().zip(places) {
                if let Some((stored, known)) = place.and_then(|at| before.get(at)) {
                    add_unknown(element, stored, known);
                }
            }
        }
        _ => {}
    }
}

/// Whether two elements of an array are the same thing, by their first members.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => one.iter().next() == other.iter().next(),
        (Value::Array(one), Value::Array(other)) => one.first() == other.first(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Table;
    use crate::values::Time;
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    #[derive(Clone, Serialize, Deserialize)]
    struct Thing {
        id: u8,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        parts: Vec<Part>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        state: Option<State>,
    }

    #[derive(Clone, Serialize, Deserialize)]
    struct Part {
        name: String,
        count: u8,
    }

    #[derive(Clone, Serialize, Deserialize)]
    #[serde(tag = "state", rename_all = "lowercase")]
    enum State {
        Waiting { since: u8 },
        Done { at: u8 },
    }

    impl Record for Thing {
        const PREFIX: &'static str = "thing";
        const TABLE: Table = Table::Expiring;

        fn expires(&self) -> Option<Time> {
            None
        }
    }

    /// Replaces a stored record by a new one.
    fn replaced(stored: &Value, new: &Value) -> Value {
        let kept = keep_unknown::<Thing>(&stored.to_string(), &new.to_string()).unwrap();
        kept.map_or_else(|| new.clone(), |kept| serde_json::from_str(&kept).unwrap())
    }

    #[test]
    fn unknown_members_are_kept_and_removed_ones_stay_removed() {
        let stored = json!({ "id": 1, "note": "a", "new": { "x": [1] }, "newer": null });
        let kept = replaced(&stored, &json!({ "id": 2 }));
        assert_eq!(kept, json!({ "id": 2, "new": { "x": [1] }, "newer": null }));
        assert_eq!(kept.as_object().unwrap().keys().next().unwrap(), "id", "in their order");
        let without = json!({ "id": 1, "note": "a", "parts": [{ "name": "p", "count": 1 }] });
        assert_eq!(replaced(&without, &json!({ "id": 2 })), json!({ "id": 2 }), "nothing is unknown");
        assert_eq!(replaced(&json!({ "other": 1 }), &json!({ "id": 2 })), json!({ "id": 2 }), "not such a record");
    }

    #[test]
    fn elements_keep_their_unknown_members() {
        let part = |name: &str, count: u8, new: Option<u8>| match new {
            Some(new) => json!({ "name": name, "count": count, "new": new }),
            None => json!({ "name": name, "count": count }),
        };
        let stored = json!({ "id": 1, "parts": [part("a", 1, Some(1)), part("b", 1, Some(2)), part("c", 1, Some(3))] });
        for (new, kept) in [
            // One changes.
            (
                vec![part("a", 1, None), part("b", 9, None), part("c", 1, None)],
                vec![part("a", 1, Some(1)), part("b", 9, Some(2)), part("c", 1, Some(3))],
            ),
            // The first goes, and another is added: it has nothing of the one whose place it takes.
            (
                vec![part("b", 1, None), part("c", 1, None), part("d", 1, None)],
                vec![part("b", 1, Some(2)), part("c", 1, Some(3)), part("d", 1, None)],
            ),
            (vec![part("c", 1, None)], vec![part("c", 1, Some(3))]),
            (vec![part("x", 1, None), part("b", 1, None)], vec![part("x", 1, None), part("b", 1, Some(2))]),
            (vec![], vec![]),
        ] {
            let found = replaced(&stored, &json!({ "id": 1, "parts": new }));
            assert_eq!(found["parts"], json!(kept), "{new:?}");
        }
    }

    #[test]
    fn another_variant_has_no_known_members_of_the_former() {
        let stored = json!({ "id": 1, "state": { "state": "waiting", "since": 3, "new": true } });
        let new = json!({ "id": 1, "state": { "state": "done", "at": 4 } });
        let kept = replaced(&stored, &new);
        assert_eq!(kept["state"], json!({ "state": "done", "at": 4, "new": true }));
    }
}
