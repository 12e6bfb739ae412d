//! What a recovery changes: the rows of before and of then, by families.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use selvedge::ca::runtime::carrying::{carries, rule};
use selvedge::ca::runtime::copying::CopiedRow;
use selvedge::ca::runtime::message::PartitionId;

use crate::common::table::Table;

/// The numbers of a family.
#[derive(Debug, Default, PartialEq, Eq)]
struct Numbers {
    effect: &'static str,
    before: usize,
    then: usize,
    carried: usize,
    lost: usize,
}

/// The table of all families with rows.
///
/// # Errors
/// When the partition has no such name.
pub fn table(partition: &str, before: &[CopiedRow], then: &[CopiedRow]) -> Result<String> {
    let id = PartitionId::parse(partition).with_context(|| format!("{partition:?} is not the name of a partition"))?;
    let mut table = Table::new(&["ROWS", "EFFECT", "BEFORE", "THEN", "CARRIED", "LOST"]);
    for (family, numbers) in families(&id, before, then) {
        let Numbers { effect, before, then, carried, lost } = numbers;
        table.row([
            family,
            effect.to_owned(),
            before.to_string(),
            then.to_string(),
            carried.to_string(),
            lost.to_string(),
        ]);
    }
    Ok(table.text("The partition has no rows."))
}

fn families(id: &PartitionId, before: &[CopiedRow], then: &[CopiedRow]) -> BTreeMap<String, Numbers> {
    let text = |row: &CopiedRow| row.value.as_ref().map(|value| value.get().to_owned());
    // A later row of a copy replaces an earlier one.
    let rows = |rows: &[CopiedRow]| -> BTreeMap<String, Option<String>> {
        rows.iter().map(|row| (row.key.clone(), text(row))).collect()
    };
    let (before, then) = (rows(before), rows(then));
    let mut all: BTreeMap<String, Numbers> = BTreeMap::new();
    let family = |key: &str| key.split('/').next().unwrap_or(key).to_owned();
    for (key, value) in before.iter().filter_map(|(key, value)| Some((key, value.as_deref()?))) {
        let (rule, then) = (rule(id, key), then.get(key).and_then(Option::as_deref));
        let numbers = all.entry(family(key)).or_default();
        numbers.effect = rule.effect();
        numbers.before += 1;
        let carried = carries(rule, then, value);
        numbers.carried += usize::from(carried);
        numbers.lost += usize::from(!carried && then != Some(value));
    }
    for (key, _) in then.iter().filter(|(_, value)| value.is_some()) {
        let numbers = all.entry(family(key)).or_default();
        numbers.effect = rule(id, key).effect();
        numbers.then += 1;
    }
    all.remove("restore");
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, value: &str) -> CopiedRow {
        serde_json::from_str(&format!(r#"{{"t":"kv","k":"{key}","v":{value}}}"#)).unwrap()
    }

    #[test]
    fn rows_are_counted_by_family_and_effect() {
        let before = [row("serial/01", "{}"), row("serial/02", "{}"), row("scan", r#"{"a":2}"#), row("crl/0", "{}")];
        let then = [row("serial/01", "{}"), row("scan", r#"{"a":1}"#)];
        let id = PartitionId::Ledger("a".to_owned());
        let found = families(&id, &before, &then);
        let numbers = |family: &str| {
            let found = &found[family];
            (found.before, found.then, found.carried, found.lost)
        };
        assert_eq!((numbers("serial"), numbers("scan"), numbers("crl")), ((2, 1, 1, 0), (1, 1, 0, 1), (1, 0, 1, 0)));
        let shown = table("ledger/a", &before, &then).unwrap();
        assert!(shown.contains("goes back, nothing newer is lost") && shown.contains("stays"), "{shown}");
        assert!(table("nothing", &before, &then).is_err());
    }
}
