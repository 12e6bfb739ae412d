//! Documents made of settings alone: directory, landing page, certificates.

pub mod blocks;
pub mod certificates;
pub mod directory;
pub mod landing;
pub mod log_page;
pub mod operator_page;
