//! Tests of the parts with files of their own.

mod capnp;
mod databases;
mod state;
