//! The operator API below /admin/v1: sign-in, bodies, one file for each resource.

pub mod accounts;
pub mod assertion;
pub mod audit;
pub mod body;
pub mod calendar;
pub mod calendar_url;
pub mod certificates;
pub mod csv;
pub mod dispatch;
pub mod external_keys;
pub mod feed;
pub mod notices;
pub mod operator;
pub mod policies;
pub mod replacements;
pub mod revocations;
pub mod sign_in;
pub mod state;
