//! The settings of the operator, one file for each.

pub mod access;
pub mod access_roles;
pub mod admin_tokens;
pub mod blocked_keys;
pub mod caa;
pub mod expiry_dates;
pub mod external_accounts;
pub mod four_eyes;
pub mod issuers;
mod jurisdiction;
mod keep_expired;
pub mod key_policy;
pub mod meta;
pub mod metrics_token;
pub mod names;
pub mod policy;
pub mod rate_limits;
pub mod receivers;
pub mod request_log;
pub mod root_list;
pub mod secret;
pub mod settings;
pub mod test_ca_settings;
pub mod test_cas;
pub mod test_machine;
pub mod values;
pub mod webhook;
