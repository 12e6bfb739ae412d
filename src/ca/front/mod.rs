//! The stateless front, one file for each public resource.

pub mod crl;
pub mod crl_files;
pub mod external_binding;
pub mod handler;
pub mod issuers;
pub mod metrics_page;
pub mod new_account;
pub mod pause_page;
pub mod renewal_info;
pub mod revoke_by_key;
pub mod terms_page;
pub mod transport;
