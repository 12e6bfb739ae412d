//! The tables of a partition's database, and where its schema number is.

/// Returns the statements that create the tables, with a schema number.
///
/// `expires` comes before `value`, so that a purge need not read values. Without a rowid each row is written once, but a
/// row longer than a kilobyte takes a page of its own: too much for certificates, which are permanent. Their rowid is a
/// hash of the key, so that they need no index, which would be a second written row.
///
/// The schema number is the name of a column without values: so it costs no row of its own, and the platform has no
/// `PRAGMA user_version`.
pub fn create(schema: u32) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS kv (key TEXT PRIMARY KEY, expires INTEGER, value TEXT NOT NULL) WITHOUT ROWID; \
         CREATE TABLE IF NOT EXISTS kept (id INTEGER PRIMARY KEY, key TEXT NOT NULL, expires INTEGER, value TEXT NOT NULL); \
         CREATE TABLE IF NOT EXISTS sorted (key TEXT PRIMARY KEY, expires INTEGER, value TEXT NOT NULL) WITHOUT ROWID; \
         CREATE TABLE IF NOT EXISTS purge (one INTEGER PRIMARY KEY, at INTEGER, {SCHEMA}{schema} INTEGER);"
    )
}

/// The beginning of the name of the column whose name ends in the schema number.
const SCHEMA: &str = "schema_";

/// Reads the schema number in the definition of the table `purge`, if any.
pub fn number_in(definition: &str) -> Option<u32> {
    let (_, rest) = definition.split_once(SCHEMA)?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Returns the statement that changes the schema number; `None` if it stays.
pub fn renumber(stored: Option<u32>, number: u32) -> Option<String> {
    match stored {
        Some(stored) if stored == number => None,
        Some(stored) => Some(format!("ALTER TABLE purge RENAME COLUMN {SCHEMA}{stored} TO {SCHEMA}{number}")),
        None => Some(format!("ALTER TABLE purge ADD COLUMN {SCHEMA}{number} INTEGER")),
    }
}
