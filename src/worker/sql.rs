//! A partition's storage: three tables in the Durable Object's SQLite database. `kept` and `sorted` hold the kinds that are
//! there for good and grow without end, `kv` everything else: it stays small, so what is over is found by looking through
//! it, and none of its rows needs an entry in an index, which would be as many rows written again. A fourth, `purge`, says
//! in its one row from when on looking may find something.

use super::js;
use super::ports::Object;
use crate::store::{Key, Kv, StoreFailure, Table, Write};
use crate::values::Time;
use core::time::Duration;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::ScopedClosure;
use worker::{SqlCursor, SqlStorage, SqlStorageValue, wasm_bindgen};

/// How many bytes of a partition's rows are kept in memory. An isolate may host thousands of partitions.
const KNOWN: usize = 24 * 1024;

/// SQLite in Durable Objects takes at most 100 bound parameters; a row has three.
const ROWS_PER_STATEMENT: usize = 33;

/// `expires` comes before `value`: whoever looks for what is over need not read on. Without a rowid there is no second row
/// for each, but what is longer than a kilobyte takes a page of its own: too much for certificates, which stay.
const CREATE: &str = "CREATE TABLE IF NOT EXISTS kv (key TEXT PRIMARY KEY, expires INTEGER, value TEXT NOT NULL) WITHOUT ROWID; \
                      CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, expires INTEGER, value TEXT NOT NULL); \
                      CREATE TABLE IF NOT EXISTS sorted (key TEXT PRIMARY KEY, expires INTEGER, value TEXT NOT NULL) WITHOUT ROWID; \
                      CREATE TABLE IF NOT EXISTS purge (one INTEGER PRIMARY KEY, at INTEGER);";

/// What is over, as far as its keys fit into one text, and when the first of the rest will be: in one look through the table.
const LOOK: &str = "SELECT MIN(expires) FILTER (WHERE expires > ?1), group_concat(key, char(10)) FILTER (WHERE expires <= ?1) \
                    FROM kv WHERE expires IS NOT NULL";

/// When what is over is to be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// It has not been read yet.
    Unread,
    /// There is nothing that is ever over.
    Never,
    /// Then, at the beginning of time where it is not known.
    At(Time),
}

/// The storage of the Durable Object that it is made in. Clones are handles to the same storage.
#[derive(Clone)]
pub struct SqlKv {
    sql: SqlStorage,
    /// Counts rows written.
    object: Rc<Object>,
    /// Whether the table is there. It is made by the first write: a request for an account that does not exist must
    /// not make a database.
    created: Rc<Cell<bool>>,
    /// Rows as they are: an account is read several times for each of its requests, an order in all that follow the one
    /// that made it. Nobody else writes to this storage, and when a write turns out not to be on the disk, the platform
    /// throws the object away, memory and all.
    known: Rc<RefCell<Known>>,
    due: Rc<Cell<Due>>,
}

/// Rows of a partition that are in memory.
#[derive(Default)]
struct Known {
    rows: HashMap<String, String>,
    /// Bytes of their keys and values together.
    length: usize,
}

impl Known {
    /// Remembers a row as it is now. Who has too much forgets all of it, and begins again with what is asked for.
    fn learn(&mut self, key: String, value: String) {
        self.forget(&key);
        let length = key.len() + value.len();
        if self.length + length > KNOWN {
            *self = Self::default();
        }
        if length <= KNOWN {
            self.length += length;
            self.rows.insert(key, value);
        }
    }

    fn forget(&mut self, key: &str) {
        if let Some(value) = self.rows.remove(key) {
            self.length -= key.len() + value.len();
        }
    }
}

/// The name of a table in SQL.
const fn name_of(table: Table) -> &'static str {
    match table {
        Table::Expiring => "kv",
        Table::Permanent => "kept",
        Table::Sorted => "sorted",
    }
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
        let sql = object.state.storage().sql();
        let statement = "SELECT name FROM sqlite_master WHERE name IN ('kv', 'purge')";
        let found = sql.exec(statement, None).map_err(failure)?.raw().count();
        if found == 1 {
            // It was made before there was `purge`.
            sql.exec(CREATE, None).map_err(failure)?;
        }
        let (created, due) = (Rc::new(Cell::new(found > 0)), Rc::new(Cell::new(Due::Unread)));
        Ok(Self { sql, object: object.clone(), created, known: Rc::default(), due })
    }

    fn query(&self, statement: &str, bindings: Vec<SqlStorageValue>) -> Result<SqlCursor, StoreFailure> {
        self.sql.exec(statement, bindings).map_err(failure)
    }

    fn put(&self, rows: &[&Row]) -> Result<(), StoreFailure> {
        let Some((first, ..)) = rows.first() else { return Ok(()) };
        let table = name_of(first.table);
        let places = vec!["(?,?,?)"; rows.len()].join(",");
        let bindings = rows.iter().flat_map(|(key, value, expires)| {
            let expires = expires.and_then(|at| i64::try_from(at.millis()).ok());
            let expires = expires.map_or(SqlStorageValue::Null, SqlStorageValue::Integer);
            [key.name.as_str().into(), value.as_str().into(), expires]
        });
        let statement = format!("INSERT OR REPLACE INTO {table} (key, value, expires) VALUES {places}");
        self.change(&statement, bindings.collect())
    }

    /// Runs a statement that writes.
    fn change(&self, statement: &str, bindings: Vec<SqlStorageValue>) -> Result<(), StoreFailure> {
        let cursor = self.query(statement, bindings)?;
        let rows = u32::try_from(cursor.rows_written()).unwrap_or(u32::MAX);
        self.object.rows.set(self.object.rows.get().saturating_add(rows));
        Ok(())
    }

    fn delete(&self, keys: &[&Key]) -> Result<(), StoreFailure> {
        let Some(first) = keys.first() else { return Ok(()) };
        let places = vec!["?"; keys.len()].join(",");
        let bindings = keys.iter().map(|key| key.name.as_str().into()).collect();
        self.change(&format!("DELETE FROM {} WHERE key IN ({places})", name_of(first.table)), bindings)
    }

    /// When what is over is to be looked for.
    fn due(&self) -> Result<Due, StoreFailure> {
        let due = match self.due.get() {
            Due::Unread if !self.created.get() => Due::Never,
            Due::Unread => {
                let row = self.query("SELECT at FROM purge", Vec::new())?.raw().next().transpose().map_err(failure)?;
                let at = |row: Vec<SqlStorageValue>| time(row.into_iter().next()).map_or(Due::Never, Due::At);
                row.map_or(Due::At(Time::from_millis(0)), at)
            }
            known => known,
        };
        self.due.set(due);
        Ok(due)
    }

    /// Stores when what is over is to be looked for.
    fn put_due(&self, due: Due) -> Result<(), StoreFailure> {
        let at = match due {
            Due::At(at) => SqlStorageValue::Integer(i64::try_from(at.millis()).map_err(failure)?),
            Due::Never | Due::Unread => SqlStorageValue::Null,
        };
        self.change("INSERT OR REPLACE INTO purge (one, at) VALUES (0, ?)", vec![at])
    }

    /// What is over, by its key, and when the first of the rest will be.
    fn look(&self, now: i64) -> Result<(Vec<String>, Option<Time>), StoreFailure> {
        let cursor = self.query(LOOK, vec![SqlStorageValue::Integer(now)])?;
        let mut row = cursor.raw().next().transpose().map_err(failure)?.unwrap_or_default().into_iter();
        let next = time(row.next());
        let keys = match row.next() {
            Some(SqlStorageValue::String(keys)) => keys.lines().map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        Ok((keys, next))
    }

    fn write(&self, puts: &[Vec<&Row>], deletes: &[Vec<&Key>], due: Option<Due>) -> Result<(), StoreFailure> {
        if !self.created.get() {
            self.query(CREATE, Vec::new())?;
        }
        due.map_or(Ok(()), |due| self.put_due(due))?;
        puts.iter().try_for_each(|rows| self.put(rows))?;
        deletes.iter().try_for_each(|keys| self.delete(keys))
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
        self.object
            .storage()
            .transaction_sync(closure.as_ref())
            .map(drop)
            .map_err(|error| StoreFailure(js::text(&error)))
    }
}

/// A row to be written: key, value, when it is over.
type Row = (Key, String, Option<Time>);

/// What goes into one statement each: of one table, and not more than fits.
fn in_statements<T>(all: &[T], key: impl Fn(&T) -> &Key + Copy) -> Vec<Vec<&T>> {
    let of_table = |table: Table| all.iter().filter(move |one| key(one).table == table).collect::<Vec<_>>();
    let mut statements = Vec::new();
    for rows in Table::ALL.map(of_table) {
        statements.extend(rows.chunks(ROWS_PER_STATEMENT).map(<[&T]>::to_vec));
    }
    statements
}

fn text(row: &mut impl Iterator<Item = SqlStorageValue>) -> Result<String, StoreFailure> {
    match row.next() {
        Some(SqlStorageValue::String(text)) => Ok(text),
        _ => Err(StoreFailure("a row holds something else where text belongs".to_owned())),
    }
}

impl Kv for SqlKv {
    fn get(&self, table: Table, key: &str) -> Result<Option<String>, StoreFailure> {
        if !self.created.get() {
            return Ok(None);
        }
        if let Some(value) = self.known.borrow().rows.get(key) {
            return Ok(Some(value.clone()));
        }
        let cursor = self.query(&format!("SELECT value FROM {} WHERE key = ?", name_of(table)), vec![key.into()])?;
        let row = cursor.raw().next().transpose().map_err(failure)?;
        let value = row.map(|row| text(&mut row.into_iter())).transpose()?;
        if let Some(value) = &value {
            self.known.borrow_mut().learn(key.to_owned(), value.clone());
        }
        Ok(value)
    }

    fn list(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreFailure> {
        if !self.created.get() {
            return Ok(Vec::new());
        }
        // Keys are ASCII, so every key with this prefix is below prefix + DEL.
        let end = format!("{prefix}\u{7f}");
        let start = after.unwrap_or(prefix);
        let statement =
            format!("SELECT key, value FROM {} WHERE key > ? AND key < ? ORDER BY key LIMIT ?", name_of(table));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX).min(1 << 30);
        let cursor = self.query(&statement, vec![start.into(), end.into(), SqlStorageValue::Integer(limit)])?;
        let rows = cursor.raw().map(|row| {
            let mut row = row.map_err(failure)?.into_iter();
            Ok((text(&mut row)?, text(&mut row)?))
        });
        rows.collect()
    }

    fn apply(&mut self, writes: Vec<(Key, Write)>) -> Result<(), StoreFailure> {
        let mut puts = Vec::new();
        let mut deletes = Vec::new();
        for (key, write) in writes {
            match write {
                Write::Put { value, expires } => puts.push((key, value, expires)),
                Write::Delete => deletes.push(key),
            }
        }
        let put = in_statements(&puts, |(key, ..)| key);
        let delete = in_statements(&deletes, |key| key);
        // One statement happens or does not; only several need more.
        let first = puts.iter().filter_map(|(_, _, expires)| *expires).min();
        let due = match (first, self.due()?) {
            (Some(first), Due::Never) => Some(Due::At(first)),
            (Some(first), Due::At(at)) if first < at => Some(Due::At(first)),
            _ => None,
        };
        let one = self.created.get() && put.len() + delete.len() <= 1 && due.is_none();
        let write = || self.write(&put, &delete, due);
        let written = if one { write() } else { self.atomically(write) };
        let mut known = self.known.borrow_mut();
        match &written {
            Ok(()) => {
                self.due.set(due.unwrap_or(self.due.get()));
                deletes.iter().for_each(|key| known.forget(&key.name));
                puts.into_iter().for_each(|(key, value, _)| known.learn(key.name, value));
            }
            Err(_) => *known = Known::default(),
        }
        self.created.set(self.created.get() || written.is_ok());
        written
    }

    fn purge(&mut self, now: Time, slack: Duration) -> Result<Option<Time>, StoreFailure> {
        if !self.created.get() {
            return Ok(None);
        }
        match self.due()? {
            Due::Never => return Ok(None),
            Due::At(at) if at > now => return Ok(Some(at)),
            Due::At(_) | Due::Unread => {}
        }
        let millis = i64::try_from(now.millis()).map_err(failure)?;
        *self.known.borrow_mut() = Known::default();
        let (over, next) = match self.look(millis) {
            Ok(found) => found,
            // More than fits into one text.
            Err(_) => {
                self.change("DELETE FROM kv WHERE expires <= ?", vec![SqlStorageValue::Integer(millis)])?;
                self.look(millis)?
            }
        };
        let over: Vec<Key> = over.into_iter().map(|name| Key { table: Table::Expiring, name }).collect();
        let delete = in_statements(&over, |key| key);
        let due = next.map_or(Due::Never, |at| Due::At(at.plus(slack)));
        self.atomically(|| self.write(&[], &delete, Some(due)))?;
        self.due.set(due);
        Ok(next.map(|at| at.plus(slack)))
    }

    fn is_empty(&self) -> Result<bool, StoreFailure> {
        if !self.created.get() {
            return Ok(true);
        }
        let cursor = self.query(
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM kv) OR EXISTS (SELECT 1 FROM kept) OR EXISTS (SELECT 1 FROM sorted)",
            Vec::new(),
        )?;
        Ok(cursor.raw().next().transpose().map_err(failure)?.is_none())
    }

    fn clear(&mut self) -> Result<(), StoreFailure> {
        if self.created.get() {
            self.object.delete_all().map_err(|error| StoreFailure(js::text(&error)))?;
            *self.known.borrow_mut() = Known::default();
            self.created.set(false);
            self.due.set(Due::Unread);
        }
        Ok(())
    }
}

/// A time in a row; `None` where there is none.
fn time(value: Option<SqlStorageValue>) -> Option<Time> {
    match value {
        Some(SqlStorageValue::Integer(at)) => u64::try_from(at).ok().map(Time::from_millis),
        Some(SqlStorageValue::Float(at)) if at >= 0.0 => Some(Time::from_millis(at as u64)),
        _ => None,
    }
}
