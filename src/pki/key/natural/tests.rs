use super::*;
use proptest::prelude::*;
use rsa::BoxedUint;

/// Enough for all numbers here.
const BITS: u32 = 8192;

fn other(number: &Natural) -> BoxedUint {
    let bytes: Vec<u8> = number.0.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect();
    BoxedUint::from_be_slice(&bytes, BITS).unwrap()
}

fn of(value: u128) -> Natural {
    Natural::from_bytes(&value.to_be_bytes())
}

#[test]
fn squares_differ_from_their_neighbours() {
    for root in (0..3000_u128).chain([u128::from(u32::MAX), u128::from(u64::MAX), 10_u128.pow(18)]) {
        let square = root * root;
        assert!(of(square).is_square(), "{root}");
        if root > 1 {
            assert!(!of(square - 1).is_square() && !of(square + 1).is_square(), "{root}");
        }
    }
    assert!(of(0).is_zero() && !of(1).is_zero() && !of(1 << 100).is_zero());
    assert!(Natural::from_bytes(&[]).is_zero());
}

proptest! {
    #[test]
    fn root_is_the_largest_with_a_square_that_fits(bytes in prop::collection::vec(any::<u8>(), 0..520)) {
        let number = Natural::from_bytes(&bytes);
        let (root, rest) = number.root();
        let (wide, root, rest) = (other(&number), other(&root), other(&rest));
        prop_assert_eq!(root.wrapping_square().wrapping_add(&rest), wide);
        prop_assert!(rest <= root.wrapping_add(&root));
    }

    #[test]
    fn a_square_is_one(bytes in prop::collection::vec(any::<u8>(), 1..130)) {
        let root = BoxedUint::from_be_slice(&bytes, BITS).unwrap();
        let square = root.wrapping_square().to_be_bytes();
        prop_assert!(Natural::from_bytes(&square[square.len() - 2 * bytes.len()..]).is_square());
    }

    #[test]
    fn residues_sums_and_differences(a: u128, b: u128, divisor in 1..=u32::MAX) {
        let (a, b) = (a >> 1, b >> 1);
        prop_assert_eq!(u128::from(of(a).residue(divisor)), a % u128::from(divisor));
        let mut sum = of(a);
        sum.add(&of(b));
        prop_assert_eq!(other(&sum), other(&of(a + b)));
        sum.subtract(&of(a));
        prop_assert_eq!(other(&sum), other(&of(b)));
        sum.increment();
        prop_assert_eq!(other(&sum), other(&of(b + 1)));
    }
}
