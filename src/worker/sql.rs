//! A partition's storage: one table in the Durable Object's SQLite database.

use super::js;
use super::ports::Object;
use crate::store::{Kv, StoreFailure, Write};
use crate::values::Time;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::ScopedClosure;
use worker::{SqlCursor, SqlStorage, SqlStorageValue, wasm_bindgen};

/// How many rows of a partition are kept in memory, and how long one may be, in bytes. An isolate may host thousands of
/// partitions.
const KEPT: usize = 24;
const KEPT_LENGTH: usize = 4096;

/// SQLite in Durable Objects takes at most 100 bound parameters; a row has three.
const ROWS_PER_STATEMENT: usize = 33;

const CREATE: &str = "CREATE TABLE IF NOT EXISTS kv (key TEXT PRIMARY KEY, value TEXT NOT NULL, expires INTEGER) WITHOUT ROWID; \
                      CREATE INDEX IF NOT EXISTS kv_expires ON kv (expires) WHERE expires IS NOT NULL;";

/// The storage of the Durable Object that it is made in. Clones are handles to the same storage.
#[derive(Clone)]
pub struct SqlKv {
    sql: SqlStorage,
    storage: JsValue,
    /// Counts rows written.
    object: Rc<Object>,
    /// Whether the table is there. It is made by the first write: a request for an account that does not exist must
    /// not make a database.
    created: Rc<Cell<bool>>,
    /// Rows that were read, as they are now: an account is read several times for each of its requests. Nobody else
    /// writes to this storage, and when a write turns out not to be on the disk, the platform throws the object away,
    /// memory and all.
    known: Rc<RefCell<HashMap<String, String>>>,
}

fn failure(error: impl std::fmt::Display) -> StoreFailure {
    StoreFailure(error.to_string())
}

impl SqlKv {
    /// The storage of this Durable Object.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn new(object: &Rc<Object>) -> Result<Self, StoreFailure> {
        let storage = object.state.storage();
        let sql = storage.sql();
        let found = sql.exec("SELECT name FROM sqlite_master WHERE name = 'kv'", None).map_err(failure)?;
        let created = Rc::new(Cell::new(found.raw().next().is_some()));
        Ok(Self { sql, storage: storage.as_raw().into(), object: object.clone(), created, known: Rc::default() })
    }

    fn query(&self, statement: &str, bindings: Vec<SqlStorageValue>) -> Result<SqlCursor, StoreFailure> {
        self.sql.exec(statement, bindings).map_err(failure)
    }

    fn put(&self, rows: &[(String, String, Option<Time>)]) -> Result<(), StoreFailure> {
        let places = vec!["(?,?,?)"; rows.len()].join(",");
        let bindings = rows.iter().flat_map(|(key, value, expires)| {
            let expires = expires.and_then(|at| i64::try_from(at.millis()).ok());
            let expires = expires.map_or(SqlStorageValue::Null, SqlStorageValue::Integer);
            [key.as_str().into(), value.as_str().into(), expires]
        });
        let statement = format!("INSERT OR REPLACE INTO kv (key, value, expires) VALUES {places}");
        self.change(&statement, bindings.collect())
    }

    /// Runs a statement that writes.
    fn change(&self, statement: &str, bindings: Vec<SqlStorageValue>) -> Result<(), StoreFailure> {
        let cursor = self.query(statement, bindings)?;
        let rows = u32::try_from(cursor.rows_written()).unwrap_or(u32::MAX);
        self.object.rows.set(self.object.rows.get().saturating_add(rows));
        Ok(())
    }

    fn delete(&self, keys: &[String]) -> Result<(), StoreFailure> {
        let places = vec!["?"; keys.len()].join(",");
        let bindings = keys.iter().map(|key| key.as_str().into()).collect();
        self.change(&format!("DELETE FROM kv WHERE key IN ({places})"), bindings)
    }

    fn write(&self, puts: &[(String, String, Option<Time>)], deletes: &[String]) -> Result<(), StoreFailure> {
        if !self.created.get() {
            self.query(CREATE, Vec::new())?;
        }
        puts.chunks(ROWS_PER_STATEMENT).try_for_each(|rows| self.put(rows))?;
        deletes.chunks(ROWS_PER_STATEMENT).try_for_each(|keys| self.delete(keys))
    }

    fn keep(&self, key: &str, value: &str) {
        let mut known = self.known.borrow_mut();
        if known.len() >= KEPT {
            known.clear();
        }
        if value.len() <= KEPT_LENGTH {
            known.insert(key.to_owned(), value.to_owned());
        }
    }

    /// Brings the rows that are known up to date. What was never read, most of it redeemed nonces, is not kept.
    fn learn(&self, puts: Vec<(String, String, Option<Time>)>, deletes: &[String]) {
        let mut known = self.known.borrow_mut();
        for (key, value, _) in puts {
            if value.len() > KEPT_LENGTH {
                known.remove(&key);
            } else if let Some(row) = known.get_mut(&key) {
                *row = value;
            }
        }
        for key in deletes {
            known.remove(key);
        }
    }

    /// Runs several statements as one: when one fails, none has happened.
    fn atomically(&self, act: impl FnOnce() -> Result<(), StoreFailure>) -> Result<(), StoreFailure> {
        let mut act = Some(act);
        let mut run = || -> Result<(), JsValue> {
            let Some(act) = act.take() else { return Ok(()) };
            act().map_err(|failure| JsValue::from_str(&failure.0))
        };
        // Lent to JavaScript for the time of this one call.
        let closure = ScopedClosure::borrow_mut(&mut run);
        js::call(&self.storage, "transactionSync", &[closure.as_ref().clone()])
            .map(drop)
            .map_err(|error| StoreFailure(js::text(&error)))
    }
}

fn text(row: &mut impl Iterator<Item = SqlStorageValue>) -> Result<String, StoreFailure> {
    match row.next() {
        Some(SqlStorageValue::String(text)) => Ok(text),
        other => Err(StoreFailure(format!("a row holds {other:?} where text belongs"))),
    }
}

impl Kv for SqlKv {
    fn get(&self, key: &str) -> Result<Option<String>, StoreFailure> {
        if !self.created.get() {
            return Ok(None);
        }
        if let Some(value) = self.known.borrow().get(key) {
            return Ok(Some(value.clone()));
        }
        let cursor = self.query("SELECT value FROM kv WHERE key = ?", vec![key.into()])?;
        let row = cursor.raw().next().transpose().map_err(failure)?;
        let value = row.map(|row| text(&mut row.into_iter())).transpose()?;
        if let Some(value) = &value {
            self.keep(key, value);
        }
        Ok(value)
    }

    fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<(String, String)>, StoreFailure> {
        if !self.created.get() {
            return Ok(Vec::new());
        }
        // Keys are ASCII, so every key with this prefix is below prefix + DEL.
        let end = format!("{prefix}\u{7f}");
        let start = after.unwrap_or(prefix);
        let statement = "SELECT key, value FROM kv WHERE key > ? AND key < ? ORDER BY key LIMIT ?";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX).min(1 << 30);
        let cursor = self.query(statement, vec![start.into(), end.into(), SqlStorageValue::Integer(limit)])?;
        let rows = cursor.raw().map(|row| {
            let mut row = row.map_err(failure)?.into_iter();
            Ok((text(&mut row)?, text(&mut row)?))
        });
        rows.collect()
    }

    fn apply(&mut self, writes: Vec<(String, Write)>) -> Result<(), StoreFailure> {
        let mut puts = Vec::new();
        let mut deletes = Vec::new();
        for (key, write) in writes {
            match write {
                Write::Put { value, expires } => puts.push((key, value, expires)),
                Write::Delete => deletes.push(key),
            }
        }
        let one_statement = self.created.get()
            && (puts.len() <= ROWS_PER_STATEMENT && deletes.is_empty()
                || puts.is_empty() && deletes.len() <= ROWS_PER_STATEMENT);
        let written =
            if one_statement { self.write(&puts, &deletes) } else { self.atomically(|| self.write(&puts, &deletes)) };
        match &written {
            Ok(()) => self.learn(puts, &deletes),
            Err(_) => self.known.borrow_mut().clear(),
        }
        self.created.set(self.created.get() || written.is_ok());
        written
    }

    fn purge(&mut self, now: Time) -> Result<Option<Time>, StoreFailure> {
        if !self.created.get() {
            return Ok(None);
        }
        let now = i64::try_from(now.millis()).map_err(failure)?;
        self.known.borrow_mut().clear();
        self.query("DELETE FROM kv WHERE expires <= ?", vec![SqlStorageValue::Integer(now)])?;
        let cursor = self.query("SELECT MIN(expires) FROM kv WHERE expires IS NOT NULL", Vec::new())?;
        let row = cursor.raw().next().transpose().map_err(failure)?;
        Ok(match row.and_then(|row| row.into_iter().next()) {
            Some(SqlStorageValue::Integer(at)) => u64::try_from(at).ok().map(Time::from_millis),
            Some(SqlStorageValue::Float(at)) if at >= 0.0 => Some(Time::from_millis(at as u64)),
            _ => None,
        })
    }
}
