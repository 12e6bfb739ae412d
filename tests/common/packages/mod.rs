//! Programs of others that tests run: Debian packages and Python environments, fetched once into the target folder.
#![allow(dead_code, reason = "each binary uses a part")]

pub mod debian;
pub mod postgres;
pub mod venv;
