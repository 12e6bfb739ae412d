//! The bucket `BACKUPS` of the platform.

use super::ports::HostPorts;
use super::timer::within;
use crate::ca::runtime::bucket::{Bucket, Listed};
use core::future::Future;
use core::time::Duration;

/// The binding.
const NAME: &str = "BACKUPS";

/// Timeout of a call.
const LIMIT: Duration = Duration::from_secs(60);

/// Waits for the bucket.
async fn answered<T>(call: impl Future<Output = worker::Result<T>>) -> Result<T, String> {
    let done = within(LIMIT, call).await.ok_or("no answer in time")?;
    done.map_err(|error| error.to_string())
}

impl HostPorts {
    fn bucket(&self) -> Result<worker::Bucket, String> {
        self.env().bucket(NAME).map_err(|_| {
            "the Worker has no such binding; add [[r2_buckets]] with binding = \"BACKUPS\" to wrangler.toml, and deploy it"
                .to_owned()
        })
    }
}

impl Bucket for HostPorts {
    async fn put_object(&self, key: &str, bytes: Vec<u8>) -> Result<(), String> {
        let bucket = self.bucket()?;
        answered(bucket.put(key, bytes).execute()).await.map(drop)
    }

    async fn object(&self, key: &str) -> Result<Option<Vec<u8>>, String> {
        let bucket = self.bucket()?;
        let read = async {
            let Some(object) = bucket.get(key).execute().await? else { return Ok(None) };
            match object.body() {
                Some(body) => body.bytes().await.map(Some),
                None => Ok(None),
            }
        };
        answered(read).await
    }

    async fn objects(&self, prefix: &str, grouped: bool, cursor: Option<String>) -> Result<Listed, String> {
        let bucket = self.bucket()?;
        let mut list = bucket.list().prefix(prefix);
        if grouped {
            list = list.delimiter("/");
        }
        if let Some(cursor) = cursor {
            list = list.cursor(cursor);
        }
        let page = answered(list.execute()).await?;
        Ok(Listed {
            objects: page.objects().iter().map(|object| (object.key(), object.size())).collect(),
            groups: page.delimited_prefixes(),
            cursor: page.cursor().filter(|_| page.truncated()),
        })
    }

    async fn delete_objects(&self, keys: Vec<String>) -> Result<(), String> {
        let bucket = self.bucket()?;
        answered(bucket.delete_multiple(keys)).await
    }
}
