//! Tests of the parts with each other, and of the whole as a process.

mod capnp;
mod databases;
mod dns;
mod management;
mod state;
