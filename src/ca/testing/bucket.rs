//! The bucket of a world, as R2 has it.

use super::bookmarks::Bookmarks;
use super::host::WorldPorts;
use super::operations::Injected;
use super::world::World;
use crate::ca::runtime::bucket::{Bucket, Listed};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

/// The objects of a bucket by their keys.
pub type Objects = BTreeMap<String, Vec<u8>>;

/// A bucket. It can be away.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    objects: RefCell<Objects>,
    away: Cell<bool>,
}

/// What the platform has beside partitions.
#[derive(Clone, Debug, Default)]
pub(super) struct Platform {
    pub(super) bookmarks: Bookmarks,
    pub(super) bucket: Stored,
    /// Whether its WebCrypto lacks ML-DSA-44.
    pub(super) lacks_ml_dsa: Cell<bool>,
}

/// Objects in a page of a list: few, so that tests meet several pages.
const PAGE: usize = 3;

impl World {
    /// The objects in the bucket.
    pub fn bucket(&self) -> Objects {
        self.state.platform.bucket.objects.borrow().clone()
    }

    /// Puts these objects into the bucket in place of all others.
    pub fn fill_bucket(&self, objects: Objects) {
        self.state.platform.bucket.objects.replace(objects);
    }

    /// Takes the bucket away, or returns it.
    pub fn bucket_is_away(&self, away: bool) {
        self.state.platform.bucket.away.set(away);
    }
}

impl WorldPorts {
    /// Does something with the objects, as one operation with its faults.
    async fn on_bucket<T>(&self, what: &str, act: impl FnOnce(&mut Objects) -> T) -> Result<T, String> {
        self.world().step().await;
        let underway = self.begin(what).map_err(|Injected(why)| why)?;
        let bucket = &self.world().state.platform.bucket;
        if bucket.away.get() {
            return Err("there is no such bucket".to_owned());
        }
        let done = act(&mut bucket.objects.borrow_mut());
        underway.done();
        Ok(done)
    }
}

impl Bucket for WorldPorts {
    async fn put_object(&self, key: &str, bytes: Vec<u8>) -> Result<(), String> {
        self.on_bucket("put an object", |objects| drop(objects.insert(key.to_owned(), bytes))).await
    }

    async fn object(&self, key: &str) -> Result<Option<Vec<u8>>, String> {
        self.on_bucket("get an object", |objects| objects.get(key).cloned()).await
    }

    async fn objects(&self, prefix: &str, grouped: bool, cursor: Option<String>) -> Result<Listed, String> {
        self.on_bucket("list objects", |objects| {
            let (mut listed, mut groups) = (Listed::default(), BTreeSet::new());
            let after = |key: &&String| cursor.as_ref().is_none_or(|cursor| *key > cursor);
            for key in objects.keys().filter(|key| key.starts_with(prefix)).filter(after) {
                let group =
                    key[prefix.len()..].find('/').filter(|_| grouped).map(|at| key[..=prefix.len() + at].to_owned());
                if listed.objects.len() + groups.len() == PAGE && group.as_ref().is_none_or(|one| !groups.contains(one))
                {
                    return Listed { groups: groups.into_iter().collect(), ..listed };
                }
                listed.cursor = Some(key.clone());
                match group {
                    Some(group) => drop(groups.insert(group)),
                    None => listed.objects.push((key.clone(), objects[key].len() as u64)),
                }
            }
            Listed { groups: groups.into_iter().collect(), cursor: None, ..listed }
        })
        .await
    }

    async fn delete_objects(&self, keys: Vec<String>) -> Result<(), String> {
        self.on_bucket("delete objects", |objects| keys.iter().for_each(|key| drop(objects.remove(key)))).await
    }
}
