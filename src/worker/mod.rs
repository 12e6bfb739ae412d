//! The Worker shell.
