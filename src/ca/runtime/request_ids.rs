//! Ids of requests.
//!
//! They join a client's problem, its log line and its failure in the operators' list.

use std::cell::RefCell;

/// The ids of an isolate: a random part, and a number.
#[derive(Clone, Debug, Default)]
pub struct RequestIds(RefCell<Option<([u8; 6], u64)>>);

impl RequestIds {
    /// Returns the next id, such as `9f86d081884c-17`. `random` draws the random part, once.
    ///
    /// # Errors
    /// That of `random`.
    pub fn next<E>(&self, random: impl FnOnce() -> Result<[u8; 6], E>) -> Result<String, E> {
        let mut known = self.0.borrow_mut();
        let (part, number) = match *known {
            Some((part, number)) => (part, number.wrapping_add(1)),
            None => (random()?, 1),
        };
        *known = Some((part, number));
        let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(format!("{hex}-{number}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_an_isolate_differ_in_their_number() {
        let ids = RequestIds::default();
        assert_eq!(ids.next(|| Err(())), Err(()));
        let next = || ids.next(|| Ok::<_, ()>([1, 2, 3, 4, 5, 255])).unwrap();
        assert_eq!([next(), next()], ["0102030405ff-1", "0102030405ff-2"]);
    }
}
