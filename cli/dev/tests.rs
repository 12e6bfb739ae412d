//! Tests of the parts with each other, and of the whole as a process.

mod admin_token;
mod banner;
mod harness;
mod kept;
mod management;
mod pki;
mod process;
mod several;
