//! Natural numbers as large as an RSA modulus, with the operations of [`super::weak`].
//!
//! The numbers are public, so nothing here runs in constant time. Hand-written: the linked crates
//! lack a square root with remainder ([`Natural::root`]), and this takes a few kilobytes.

use core::cmp::Ordering;

/// A natural number of a fixed width: 64 bits in each limb, the lowest first. Leading zeros are allowed.
#[derive(Clone, Debug)]
pub(super) struct Natural(Vec<u64>);

/// Modulus of the quick test for squares.
///
/// Modulo each of [`FILTERS`] less than half of all residues are squares; one of 119 random numbers passes.
const FILTER: u32 = 64 * 63 * 65 * 11;

/// The pairwise coprime factors of [`FILTER`].
const FILTERS: [u32; 4] = [64, 63, 65, 11];

impl Natural {
    /// Reads big-endian bytes.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let limb = |chunk: &[u8]| chunk.iter().fold(0, |limb, byte| limb << 8 | u64::from(*byte));
        Self(bytes.rchunks(8).map(limb).collect())
    }

    /// The remainder of a division by `divisor`, which must not be 0.
    pub(super) fn residue(&self, divisor: u32) -> u32 {
        let divisor = u64::from(divisor);
        let halves = self.0.iter().rev().flat_map(|limb| [limb >> 32, limb & 0xffff_ffff]);
        // Both halves and the remainder are below 2^32.
        halves.fold(0, |rest, half| (rest << 32 | half) % divisor) as u32
    }

    /// The integer square root and its remainder.
    ///
    /// Digit by digit: one bit of the root from two bits of the number, without division.
    pub(super) fn root(&self) -> (Self, Self) {
        // The remainder is at most twice the root; while a step is made, it and the root have two bits more.
        let width = self.0.len().div_ceil(2) + 1;
        let mut root = Self(vec![0; width]);
        let mut rest = Self(vec![0; width]);
        for limb in self.0.iter().rev() {
            for pair in (0..32).rev() {
                rest.shift_left_two(limb >> (2 * pair) & 3);
                // What the next bit of the root would take away: 4 * root + 1.
                root.shift_left_two(1);
                let fits = rest.compare(&root) != Ordering::Less;
                if fits {
                    rest.subtract(&root);
                }
                root.shift_right_one();
                root.set_lowest_bit(fits);
            }
        }
        (root, rest)
    }

    /// Whether it is the square of a natural number.
    pub(super) fn is_square(&self) -> bool {
        let residue = self.residue(FILTER);
        let may_be = |modulus: &u32| (0..*modulus).any(|x| x * x % modulus == residue % modulus);
        FILTERS.iter().all(may_be) && self.root().1.is_zero()
    }

    /// Whether it is 0.
    pub(super) fn is_zero(&self) -> bool {
        self.0.iter().all(|limb| *limb == 0)
    }

    /// Adds `other`, which must not be wider; the sum must fit the width.
    pub(super) fn add(&mut self, other: &Self) {
        let mut carry = false;
        for (limb, more) in self.0.iter_mut().zip(other.0.iter().copied().chain(core::iter::repeat(0))) {
            let (sum, first) = limb.overflowing_add(more);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            (*limb, carry) = (sum, first || second);
        }
    }

    /// Subtracts `other`, which is not larger and of the same width.
    pub(super) fn subtract(&mut self, other: &Self) {
        let mut borrow = false;
        for (limb, less) in self.0.iter_mut().zip(&other.0) {
            let (rest, first) = limb.overflowing_sub(*less);
            let (rest, second) = rest.overflowing_sub(u64::from(borrow));
            (*limb, borrow) = (rest, first || second);
        }
    }

    /// Adds 1.
    pub(super) fn increment(&mut self) {
        self.add(&Self(vec![1]));
    }

    /// Which of two numbers of the same width is larger.
    fn compare(&self, other: &Self) -> Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }

    /// Four times the number, plus `low`, which is below 4.
    fn shift_left_two(&mut self, low: u64) {
        let mut low = low;
        for limb in &mut self.0 {
            (*limb, low) = (*limb << 2 | low, *limb >> 62);
        }
    }

    /// Half the number.
    fn shift_right_one(&mut self) {
        let mut high = 0;
        for limb in self.0.iter_mut().rev() {
            (*limb, high) = (*limb >> 1 | high, *limb << 63);
        }
    }

    fn set_lowest_bit(&mut self, bit: bool) {
        if let Some(limb) = self.0.first_mut() {
            *limb = *limb & !1 | u64::from(bit);
        }
    }
}

#[cfg(test)]
mod tests;
