//! What another release leaves behind, in a world.

use super::world::World;

impl World {
    /// Replaces the values of all rows, as another release would have written them.
    ///
    /// `change` gets the partition, the key and the JSON of a row.
    pub fn alter_rows(&self, change: impl Fn(&str, &str, &str) -> String) {
        for (name, kv) in self.state.partitions.borrow().iter() {
            kv.alter(|key, json| change(name, key, json));
        }
    }

    /// The rows that were replaced without being read before: partitions and keys.
    pub fn unseen_rows(&self) -> Vec<(String, String)> {
        let partitions = self.state.partitions.borrow();
        let rows = partitions.iter().flat_map(|(name, kv)| {
            let unseen = kv.copy().unseen().to_vec();
            unseen.into_iter().map(move |key| (name.clone(), key))
        });
        rows.collect()
    }
}
