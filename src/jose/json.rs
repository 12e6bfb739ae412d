//! JSON objects whose member names are unique at every depth.
//!
//! By hand: `serde_json` keeps the last of two members of one name, and has no option to refuse them. Two parsers could
//! then read one signed header differently; [RFC 7515 §4](https://www.rfc-editor.org/rfc/rfc7515#section-4) lets a
//! parser refuse it.

use crate::values::members::type_name;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::fmt;

/// Fault of bytes that have to be a JSON object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum JsonFault {
    /// Not JSON; the parser's reason, with line and column.
    Syntax(String),
    /// A member name that occurs twice in one object.
    Duplicate(String),
    /// JSON of another type than an object: the type.
    NotAnObject(&'static str),
}

/// Reads a JSON object.
pub(super) fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, JsonFault> {
    let duplicate = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { duplicate: &duplicate }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| match duplicate.take() {
            Some(name) => JsonFault::Duplicate(name),
            None => JsonFault::Syntax(error.to_string()),
        })?;
    match value {
        Value::Object(members) => Ok(members),
        other => Err(JsonFault::NotAnObject(type_name(&other))),
    }
}

/// As [`parse_object`], for what ACME clients send: drops members that are `null`, at every depth.
///
/// RFC 8555 does not mention `null`, which client libraries write for unset values. A required member that is `null` is
/// refused as missing; elements of arrays are kept.
pub(super) fn parse_members(bytes: &[u8]) -> Result<Map<String, Value>, JsonFault> {
    let mut members = parse_object(bytes)?;
    drop_nulls(&mut members);
    Ok(members)
}

/// Recurses as deep as [`parse_object`] reads: 128 levels.
fn drop_nulls(members: &mut Map<String, Value>) {
    members.retain(|_, value| !value.is_null());
    members.values_mut().for_each(drop_nulls_within);
}

fn drop_nulls_within(value: &mut Value) {
    match value {
        Value::Object(members) => drop_nulls(members),
        Value::Array(items) => items.iter_mut().for_each(drop_nulls_within),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Builds a [`Value`]; stops at the first repeated member name and stores it in `duplicate`.
#[derive(Clone, Copy)]
struct Strict<'a> {
    duplicate: &'a RefCell<Option<String>>,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if members.contains_key(&name) {
                self.duplicate.replace(Some(name));
                return Err(A::Error::custom("duplicate member"));
            }
            members.insert(name, map.next_value_seed(self)?);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_serde_json_reads() {
        let text = r#" {"a":[1,-2,3.5,"x\u0041",null,true,{}],"b":{"a":1}} "#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parse_object(text.as_bytes()).map(Value::Object), Ok(expected));
    }

    #[test]
    fn j02_a_member_name_may_occur_once_per_object() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"b":[{"a":1,"c":2,"a":3}]}"#, r#"{"a":1,"\u0061":2}"#] {
            assert_eq!(parse_object(text.as_bytes()), Err(JsonFault::Duplicate("a".to_owned())), "{text}");
        }
    }

    #[test]
    fn h05_a_member_of_clients_that_is_null_is_absent() {
        let text = br#"{"a":null,"b":{"c":null,"d":[null,{"e":null,"f":1}]},"g":[],"h":{}}"#;
        let expected = serde_json::json!({ "b": { "d": [null, { "f": 1 }] }, "g": [], "h": {} });
        assert_eq!(parse_members(text).map(Value::Object), Ok(expected));
        for text in [r#"{"a":null,"a":1}"#, r#"{"a":1,"a":null}"#, r#"{"a":null,"a":null}"#] {
            assert_eq!(parse_members(text.as_bytes()), Err(JsonFault::Duplicate("a".to_owned())), "{text}");
        }
        assert_eq!(parse_members(b"null"), Err(JsonFault::NotAnObject("null")));
    }

    #[test]
    fn other_json_and_no_json() {
        assert_eq!(parse_object(b"[]"), Err(JsonFault::NotAnObject("an array")));
        assert_eq!(parse_object(b"\"{}\""), Err(JsonFault::NotAnObject("a string")));
        let deep = "[".repeat(5000);
        for text in ["", "{", "{}{}", "{} x", "{\"a\":}", "{a:1}", "\u{feff}{}", "{\"a\":1e999}", deep.as_str()] {
            assert!(matches!(parse_object(text.as_bytes()), Err(JsonFault::Syntax(_))), "{text:.20}");
        }
        assert!(matches!(parse_object(b"{\"\xff\":1}"), Err(JsonFault::Syntax(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_object(&bytes);
        }

        #[test]
        fn json_like_text_agrees_with_serde_json(text in r#"[\[\]{}",:a-c0-2\\ ]{0,40}"#) {
            match parse_object(text.as_bytes()) {
                Ok(members) => {
                    let other: Value = serde_json::from_str(&text).unwrap();
                    prop_assert_eq!(Value::Object(members), other);
                }
                Err(JsonFault::Syntax(_)) => prop_assert!(serde_json::from_str::<Value>(&text).is_err()),
                Err(JsonFault::Duplicate(_)) => {}
                Err(JsonFault::NotAnObject(_)) => prop_assert!(serde_json::from_str::<Value>(&text).is_ok()),
            }
        }
    }
}
