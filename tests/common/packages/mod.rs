//! Third-party programs for tests: Debian packages and Python environments in the target folder.
#![allow(dead_code, reason = "each binary uses a part")]

pub mod debian;
pub mod go;
pub mod openbao;
pub mod postgres;
pub mod torchwood;
pub mod venv;
