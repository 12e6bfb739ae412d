//! Code that all commands share. It uses no other room of the companion.

pub mod age;
pub mod ca_paths;
pub mod config_edit;
pub mod files;
pub mod go_flags;
pub mod go_json;
pub mod go_log;
pub mod host;
pub mod invocation;
pub mod migrations;
pub mod moment;
pub mod number;
pub mod peer;
pub mod received;
pub mod route;
pub mod secret;
pub mod shell;
pub mod sockets;
pub mod stop;
pub mod table;
pub mod template;
pub mod terminal;
pub mod tls;
pub mod web;
pub mod worker_config;
pub mod x509;
