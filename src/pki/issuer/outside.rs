//! Names outside of name constraints.

/// Maximum number of subtrees in a refusal.
const MAX_LISTED: usize = 5;

/// A name outside an issuer's name constraints. The message is a sentence without its full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameConstraintFault {
    /// The name, and the permitted subtrees of its kind, none of which contains it.
    #[error(
        "\"{0}\" is outside of what this CA's own certificate lets it issue for (name constraints: {list}{more})",
        list = .1.iter().take(MAX_LISTED).map(String::as_str).collect::<Vec<_>>().join(", "),
        more = if .1.len() > MAX_LISTED { ", …" } else { "" }
    )]
    NotPermitted(String, Vec<String>),
    /// The name, and an excluded subtree that contains it or may contain it.
    #[error("\"{0}\" is among what this CA's own certificate excludes (name constraints: {1})")]
    Excluded(String, String),
}
