//! The JSON of shared rows.
//!
//! Written by hand, since the members of a newer release are kept: serde's `flatten` would parse every record in a row.

use crate::values::Time;
use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;

/// The members that are not known, in their order.
pub(super) type Others = Vec<(String, Box<RawValue>)>;

/// The member of a row with its records.
const RECORDS: &str = "records";

/// The member of a part with its expiry.
const EXPIRES: &str = "expires";

/// The member of a part with its record.
const RECORD: &str = "record";

/// The records of a shared row, by their keys.
#[derive(Clone, Debug, Default)]
pub struct SharedRow {
    /// The records.
    pub(super) records: BTreeMap<String, Part>,
    /// Members that this release does not know.
    pub(super) others: Others,
}

/// A record within a shared row.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// When it expires; `None` for never.
    pub(super) expires: Option<Time>,
    /// Its JSON.
    pub(super) record: Box<RawValue>,
    /// Members that this release does not know.
    pub(super) others: Others,
}

impl Serialize for SharedRow {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        map.serialize_entry(RECORDS, &self.records)?;
        self.others.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        if let Some(at) = &self.expires {
            map.serialize_entry(EXPIRES, at)?;
        }
        map.serialize_entry(RECORD, &self.record)?;
        self.others.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for SharedRow {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Row)
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(OfRow)
    }
}

/// Reads a row.
struct Row;

impl<'de> Visitor<'de> for Row {
    type Value = SharedRow;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a row with records")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<SharedRow, M::Error> {
        let (mut records, mut others) = (None::<BTreeMap<String, Part>>, Others::new());
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                RECORDS => records = Some(map.next_value()?),
                _ => others.push((name, map.next_value()?)),
            }
        }
        Ok(SharedRow { records: records.ok_or_else(|| M::Error::missing_field(RECORDS))?, others })
    }
}

/// Reads a record of a row.
struct OfRow;

impl<'de> Visitor<'de> for OfRow {
    type Value = Part;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a record with its expiry")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Part, M::Error> {
        let (mut expires, mut record, mut others) = (None::<Time>, None::<Box<RawValue>>, Others::new());
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                EXPIRES => expires = map.next_value()?,
                RECORD => record = Some(map.next_value()?),
                _ => others.push((name, map.next_value()?)),
            }
        }
        Ok(Part { expires, record: record.ok_or_else(|| M::Error::missing_field(RECORD))?, others })
    }
}
