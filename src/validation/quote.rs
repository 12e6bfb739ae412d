//! Lists of foreign values in a problem's detail: short, each value quoted.

use crate::values::quote::quote_octets;

/// How many foreign values (TXT records, addresses) a detail lists.
pub const MAX_LISTED: usize = 3;

/// Quotes the first [`MAX_LISTED`] of `values` and says how many more there are.
pub fn quote_some<T: AsRef<[u8]>>(values: &[T]) -> String {
    list_some(values.iter().map(|value| quote_octets(value.as_ref())))
}

/// The first [`MAX_LISTED`] of `texts`, separated by commas, and how many more there are.
pub fn list_some(texts: impl Iterator<Item = String>) -> String {
    let mut shown = Vec::new();
    let mut more = 0;
    for text in texts {
        if shown.len() < MAX_LISTED {
            shown.push(text);
        } else {
            more += 1;
        }
    }
    let listed = shown.join(", ");
    if more > 0 { format!("{listed} and {more} more") } else { listed }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn t25_lists_are_short() {
        assert_eq!(quote_some(&["a", "b"]), r#""a", "b""#);
        assert_eq!(quote_some(&["a", "b", "c", "d", "e"]), r#""a", "b", "c" and 2 more"#);
    }
}
