//! Tests of the parts with each other.

mod dns;
