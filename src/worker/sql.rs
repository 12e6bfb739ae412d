//! A partition's storage: three tables in the Durable Object's SQLite database.
//!
//! `kept` and `sorted` hold permanent records and grow without bound, `kv` all others. `kv` stays small, so a purge scans
//! it without an index, which would cost a written row for each of its rows. The one row of a fourth table, `purge`, has
//! the time of the next purge.

use super::js;
use super::ports::Object;
use super::row_cache::RowCache;
use super::sql_schema;
use super::sql_values::{failure, id_of, name_of, text, time};
use crate::store::{FIRST_SCHEMA, Key, Kv, StoreFailure, StoredRow, Table, Write};
use crate::values::Time;
use core::time::Duration;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::ScopedClosure;
use worker::{SqlCursor, SqlStorage, SqlStorageValue, wasm_bindgen};

/// Rows per statement.
///
/// Durable Objects bind at most 100 parameters, and a row has three.
const ROWS_PER_STATEMENT: usize = 33;

/// Selects the next expiry and the keys of expired rows as one text.
const SCAN: &str = "SELECT MIN(expires) FILTER (WHERE expires > ?1), group_concat(key, char(10)) FILTER (WHERE expires <= ?1) \
                    FROM kv WHERE expires IS NOT NULL";

/// The time of the next purge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// Not read yet.
    Unread,
    /// All rows are permanent.
    Never,
    /// At this time; the epoch if unknown.
    At(Time),
}

/// The storage of a Durable Object; clones are handles to the same storage.
#[derive(Clone)]
pub struct SqlKv {
    sql: SqlStorage,
    /// Counts rows written.
    object: Rc<Object>,
    /// Whether the tables exist. The first write creates them: a request for an unknown account must not create a
    /// database.
    created: Rc<Cell<bool>>,
    /// The schema number; `None` if the database does not say it.
    schema: Rc<Cell<Option<u32>>>,
    /// A cache of rows.
    ///
    /// An account is read several times in each request, an order in all that follow its creation. Only this object
    /// writes to the storage, and if a write does not reach the disk, the platform evicts the object with its memory.
    cache: Rc<RefCell<RowCache>>,
    due: Rc<Cell<Due>>,
}

impl SqlKv {
    /// Opens the storage of a Durable Object.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn new(object: &Rc<Object>) -> Result<Self, StoreFailure> {
        let sql = object.state.storage().sql();
        let found = sql.exec("SELECT sql FROM sqlite_master WHERE name = 'purge'", None).map_err(failure)?;
        let found = found.raw().next().transpose().map_err(failure)?;
        let definition = found.map(|row| text(&mut row.into_iter())).transpose()?;
        let (created, due) = (Rc::new(Cell::new(definition.is_some())), Rc::new(Cell::new(Due::Unread)));
        let schema = Rc::new(Cell::new(definition.as_deref().and_then(sql_schema::number_in)));
        Ok(Self { sql, object: object.clone(), created, schema, cache: Rc::default(), due })
    }

    fn query(&self, statement: &str, bindings: Vec<SqlStorageValue>) -> Result<SqlCursor, StoreFailure> {
        self.sql.exec(statement, bindings).map_err(failure)
    }

    fn put(&self, rows: &[&Row]) -> Result<(), StoreFailure> {
        let Some((first, ..)) = rows.first() else { return Ok(()) };
        let table = name_of(first.table);
        if first.table == Table::Permanent {
            return self.put_by_id(rows);
        }
        let places = vec!["(?,?,?)"; rows.len()].join(",");
        let bindings = rows.iter().flat_map(|(key, value, expires)| {
            let expires = expires.and_then(|at| i64::try_from(at.millis()).ok());
            let expires = expires.map_or(SqlStorageValue::Null, SqlStorageValue::Integer);
            [key.name.as_str().into(), value.as_str().into(), expires]
        });
        let statement = format!("INSERT OR REPLACE INTO {table} (key, value, expires) VALUES {places}");
        self.change(&statement, bindings.collect())
    }

    /// Stores permanent rows by the hashes of their keys. A row of another key with the same hash makes it fail.
    fn put_by_id(&self, rows: &[&Row]) -> Result<(), StoreFailure> {
        let places = vec!["(CAST(? AS INTEGER),?,?)"; rows.len()].join(",");
        let bindings = rows
            .iter()
            .flat_map(|(key, value, _)| [id_of(&key.name).into(), key.name.as_str().into(), value.as_str().into()]);
        let statement = format!(
            "INSERT INTO kept (id, key, value) VALUES {places} \
             ON CONFLICT (id) DO UPDATE SET value = CASE key WHEN excluded.key THEN excluded.value END"
        );
        self.change(&statement, bindings.collect())
    }

    /// Runs a writing statement and counts its rows.
    fn change(&self, statement: &str, bindings: Vec<SqlStorageValue>) -> Result<(), StoreFailure> {
        let cursor = self.query(statement, bindings)?;
        let rows = u32::try_from(cursor.rows_written()).unwrap_or(u32::MAX);
        self.object.rows.set(self.object.rows.get().saturating_add(rows));
        Ok(())
    }

    fn delete(&self, keys: &[&Key]) -> Result<(), StoreFailure> {
        let Some(first) = keys.first() else { return Ok(()) };
        if first.table == Table::Permanent {
            let delete = |key: &&Key| {
                let bindings = vec![id_of(&key.name).into(), key.name.as_str().into()];
                self.change("DELETE FROM kept WHERE id = CAST(? AS INTEGER) AND key = ?", bindings)
            };
            return keys.iter().try_for_each(delete);
        }
        let places = vec!["?"; keys.len()].join(",");
        let bindings = keys.iter().map(|key| key.name.as_str().into()).collect();
        self.change(&format!("DELETE FROM {} WHERE key IN ({places})", name_of(first.table)), bindings)
    }

    /// Reads the time of the next purge.
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

    /// Stores the time of the next purge.
    fn put_due(&self, at: Time) -> Result<(), StoreFailure> {
        let at = SqlStorageValue::Integer(i64::try_from(at.millis()).map_err(failure)?);
        self.change("INSERT OR REPLACE INTO purge (one, at) VALUES (0, ?)", vec![at])
    }

    /// Reads rows of a table as they are stored. They end with the first that makes them longer than `octets`.
    fn stored(
        &self,
        table: Table,
        condition: &str,
        bindings: Vec<SqlStorageValue>,
        octets: usize,
    ) -> Result<Vec<StoredRow>, StoreFailure> {
        if !self.created.get() {
            return Ok(Vec::new());
        }
        let statement = format!("SELECT key, value, expires FROM {} WHERE {condition}", name_of(table));
        let (mut found, mut size) = (Vec::new(), 0_usize);
        for row in self.query(&statement, bindings)?.raw() {
            let mut row = row.map_err(failure)?.into_iter();
            let (name, value, expires) = (text(&mut row)?, text(&mut row)?, time(row.next()));
            size = size.saturating_add(value.len());
            found.push(StoredRow { key: Key { table, name }, value, expires });
            if size > octets {
                break;
            }
        }
        Ok(found)
    }

    /// Finds the keys of expired rows and the next expiry.
    fn scan(&self, now: i64) -> Result<(Vec<String>, Option<Time>), StoreFailure> {
        let cursor = self.query(SCAN, vec![SqlStorageValue::Integer(now)])?;
        let mut row = cursor.raw().next().transpose().map_err(failure)?.unwrap_or_default().into_iter();
        let next = time(row.next());
        let keys = match row.next() {
            Some(SqlStorageValue::String(keys)) => keys.lines().map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        Ok((keys, next))
    }

    fn write(&self, puts: &[Vec<&Row>], deletes: &[Vec<&Key>], due: Option<Time>) -> Result<(), StoreFailure> {
        if !self.created.get() {
            self.query(&sql_schema::create(self.schema.get().unwrap_or(FIRST_SCHEMA)), Vec::new())?;
        }
        due.map_or(Ok(()), |due| self.put_due(due))?;
        puts.iter().try_for_each(|rows| self.put(rows))?;
        deletes.iter().try_for_each(|keys| self.delete(keys))
    }

    /// Runs several statements in one transaction.
    fn atomically(&self, act: impl FnOnce() -> Result<(), StoreFailure>) -> Result<(), StoreFailure> {
        let mut act = Some(act);
        let mut run = || -> Result<(), JsValue> {
            let Some(act) = act.take() else { return Ok(()) };
            act().map_err(|failure| JsValue::from_str(&failure.to_string()))
        };
        // Borrowed by JavaScript for this call only.
        let closure = ScopedClosure::borrow_mut(&mut run);
        self.object
            .storage()
            .transaction_sync(closure.as_ref())
            .map(drop)
            .map_err(|error| StoreFailure::Failed(js::text(&error)))
    }
}

/// A row to be written: key, value, expiry.
type Row = (Key, String, Option<Time>);

/// Groups rows into statements: of one table, and up to [`ROWS_PER_STATEMENT`].
fn in_statements<T>(all: &[T], key: impl Fn(&T) -> &Key + Copy) -> Vec<Vec<&T>> {
    let of_table = |table: Table| all.iter().filter(move |one| key(one).table == table).collect::<Vec<_>>();
    let mut statements = Vec::new();
    for rows in Table::ALL.map(of_table) {
        statements.extend(rows.chunks(ROWS_PER_STATEMENT).map(<[&T]>::to_vec));
    }
    statements
}

impl Kv for SqlKv {
    fn get(&self, table: Table, key: &str) -> Result<Option<String>, StoreFailure> {
        if !self.created.get() {
            return Ok(None);
        }
        if let Some(value) = self.cache.borrow().get(key) {
            return Ok(Some(value.clone()));
        }
        let cursor = match table {
            Table::Permanent => {
                let statement = "SELECT value FROM kept WHERE id = CAST(? AS INTEGER) AND key = ?";
                self.query(statement, vec![id_of(key).into(), key.into()])?
            }
            _ => self.query(&format!("SELECT value FROM {} WHERE key = ?", name_of(table)), vec![key.into()])?,
        };
        let row = cursor.raw().next().transpose().map_err(failure)?;
        let value = row.map(|row| text(&mut row.into_iter())).transpose()?;
        if let Some(value) = &value {
            self.cache.borrow_mut().insert(key.to_owned(), value.clone());
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

    fn row(&self, key: &Key) -> Result<Option<StoredRow>, StoreFailure> {
        let name = key.name.as_str();
        let found = match key.table {
            Table::Permanent => {
                let bindings = vec![id_of(name).into(), name.into()];
                self.stored(key.table, "id = CAST(? AS INTEGER) AND key = ?", bindings, 0)
            }
            Table::Expiring | Table::Sorted => self.stored(key.table, "key = ?", vec![name.into()], 0),
        };
        Ok(found?.pop())
    }

    fn scan(
        &self,
        table: Table,
        after: Option<&str>,
        rows: usize,
        octets: usize,
    ) -> Result<Vec<StoredRow>, StoreFailure> {
        let limit = SqlStorageValue::Integer(i64::try_from(rows).unwrap_or(i64::MAX).min(1 << 30));
        let (order, after) = match table {
            Table::Permanent => ("id > CAST(? AS INTEGER) ORDER BY id", after.map_or_else(|| "-1".to_owned(), id_of)),
            Table::Expiring | Table::Sorted => ("key > ? ORDER BY key", after.unwrap_or_default().to_owned()),
        };
        self.stored(table, &format!("{order} LIMIT ?"), vec![after.as_str().into(), limit], octets)
    }

    fn apply(&mut self, writes: Vec<(Key, Write)>, purge: Option<Time>) -> Result<(), StoreFailure> {
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
        // One statement is atomic; several need a transaction.
        let known = self.due()?;
        let due = purge.filter(|purge| match known {
            Due::Never | Due::Unread => true,
            Due::At(at) => *purge < at,
        });
        let one = self.created.get() && put.len() + delete.len() <= 1 && due.is_none();
        let write = || self.write(&put, &delete, due);
        let written = if one { write() } else { self.atomically(write) };
        let mut cache = self.cache.borrow_mut();
        match &written {
            Ok(()) => {
                self.due.set(due.map_or(known, Due::At));
                deletes.iter().for_each(|key| cache.forget(&key.name));
                puts.into_iter().for_each(|(key, value, _)| cache.insert(key.name, value));
            }
            Err(_) => *cache = RowCache::default(),
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
        *self.cache.borrow_mut() = RowCache::default();
        let (expired, next) = match self.scan(millis) {
            Ok(found) => found,
            // The keys do not fit into one text.
            Err(_) => {
                self.change("DELETE FROM kv WHERE expires <= ?", vec![SqlStorageValue::Integer(millis)])?;
                self.scan(millis)?
            }
        };
        let expired: Vec<Key> = expired.into_iter().map(|name| Key { table: Table::Expiring, name }).collect();
        let delete = in_statements(&expired, |key| key);
        // Without one, the stored time is past, and the next purge scans.
        let due = next.map(|at| at.plus(slack));
        self.atomically(|| self.write(&[], &delete, due))?;
        self.due.set(due.map_or(Due::Never, Due::At));
        Ok(due)
    }

    fn size(&self) -> u64 {
        u64::try_from(self.sql.database_size()).unwrap_or(u64::MAX)
    }

    fn schema(&self) -> Result<Option<u32>, StoreFailure> {
        Ok(self.created.get().then(|| self.schema.get().unwrap_or(FIRST_SCHEMA)))
    }

    fn set_schema(&mut self, number: u32) -> Result<(), StoreFailure> {
        if self.created.get()
            && let Some(statement) = sql_schema::renumber(self.schema.get(), number)
        {
            self.change(&statement, Vec::new())?;
        }
        self.schema.set(Some(number));
        Ok(())
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
            self.object.delete_all().map_err(|error| StoreFailure::Failed(js::text(&error)))?;
            *self.cache.borrow_mut() = RowCache::default();
            self.created.set(false);
            self.due.set(Due::Unread);
        }
        Ok(())
    }
}
