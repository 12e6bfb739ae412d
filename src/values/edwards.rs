//! Ed25519 keys that prove nothing: verifiers differ in which of them they accept.

/// The `y` of the points of order 1, 2, 4 and 8 on edwards25519, little-endian.
const SMALL_ORDER: [[u8; 32]; 5] = [
    numbers(1, 0, 0),
    [0; 32],
    numbers(0xec, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

/// 32 bytes: the first, the last, and those between.
const fn numbers(first: u8, between: u8, last: u8) -> [u8; 32] {
    let m = between;
    [first, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, last]
}

/// The prime of the field, 2^255 - 19, little-endian.
const PRIME: [u8; 32] = numbers(0xed, 0xff, 0x7f);

/// Checks that a key is its point's canonical encoding: `y` below the field's prime
/// ([RFC 8032 §5.1.3](https://www.rfc-editor.org/rfc/rfc8032#section-5.1.3)).
///
/// Whether a point has this `y` is left to the verifiers.
pub fn is_canonical(key: &[u8; 32]) -> bool {
    // Little-endian, so compared from the end.
    y_of(key).iter().rev().lt(PRIME.iter().rev())
}

/// Checks whether a canonically encoded key is a point of small order. Its signatures can be forged.
pub fn has_small_order(key: &[u8; 32]) -> bool {
    SMALL_ORDER.contains(&y_of(key))
}

/// Clears the top bit of a key, the sign of `x`.
fn y_of(key: &[u8; 32]) -> [u8; 32] {
    let mut y = *key;
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    y
}
