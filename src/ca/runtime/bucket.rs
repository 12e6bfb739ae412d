//! The port of the bucket for backups.

/// The objects of the bucket `BACKUPS`.
///
/// What was stored is seen at once by all later calls, as on R2.
#[allow(async_fn_in_trait, reason = "futures on wasm are not Send; callers are generic, never dyn")]
pub trait Bucket {
    /// Stores an object, or replaces it as a whole.
    ///
    /// # Errors
    /// The platform's reason, or that there is no bucket.
    async fn put_object(&self, key: &str, bytes: Vec<u8>) -> Result<(), String>;

    /// Reads an object; `None` if the key has no object.
    ///
    /// # Errors
    /// As [`Bucket::put_object`].
    async fn object(&self, key: &str) -> Result<Option<Vec<u8>>, String>;

    /// Lists the objects whose keys begin so, at most a thousand. `cursor` is that of the page before.
    ///
    /// With `grouped`, those with a slash in the rest of their key appear as groups.
    ///
    /// # Errors
    /// As [`Bucket::put_object`].
    async fn objects(&self, prefix: &str, grouped: bool, cursor: Option<String>) -> Result<Listed, String>;

    /// Deletes objects, at most a thousand.
    ///
    /// # Errors
    /// As [`Bucket::put_object`].
    async fn delete_objects(&self, keys: Vec<String>) -> Result<(), String>;
}

/// A page of a list of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Their keys and lengths in octets.
    pub objects: Vec<(String, u64)>,
    /// The beginnings that groups of keys have in common, each with its slash.
    pub groups: Vec<String>,
    /// The cursor of the next page; `None` after the last.
    pub cursor: Option<String>,
}
