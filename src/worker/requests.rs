//! Parts of requests from outside.

use super::{js, reading};
use worker::{Result, web_sys};

/// The scheme and authority of a URL.
pub fn origin_of(url: &str) -> &str {
    let end = url.match_indices('/').nth(2).map_or(url.len(), |(at, _)| at);
    url.get(..end).unwrap_or_default()
}

/// The path and query of a URL.
pub fn path_of(url: &str) -> String {
    url.splitn(4, '/').nth(3).map_or_else(|| "/".to_owned(), |path| format!("/{path}"))
}

/// Reads a body of at most `most` octets; `None` for a longer one.
///
/// # Errors
/// It does not arrive.
pub async fn read_body(request: &web_sys::Request, length: Option<String>, most: usize) -> Result<Option<Vec<u8>>> {
    match length.and_then(|length| length.parse::<usize>().ok()) {
        // The runtime enforces the length that the sender declared.
        Some(length) if length <= most => Ok(Some(js::buffer(request.array_buffer()).await?)),
        Some(_) => Ok(None),
        None => match request.body() {
            Some(stream) => Ok(reading::read_stream(&stream, most).await?),
            None => Ok(Some(Vec::new())),
        },
    }
}
