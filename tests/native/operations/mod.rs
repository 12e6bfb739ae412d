//! The operations API over a whole CA in one process, every answer held against docs/openapi.json.

mod access;
mod accounts;
mod approvals;
mod audit;
mod auth;
mod backups;
mod bodies;
mod calendar;
mod certificates;
mod decisions;
mod document;
mod failures;
mod faults;
mod health;
mod inventory;
mod keys;
mod logs;
mod notices;
pub mod operating;
pub mod operator;
mod orders;
mod overview;
mod policies;
mod replacements;
mod restores;
mod revocations;
mod roles;
