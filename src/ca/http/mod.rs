//! Requests, responses, routes and URLs.

pub mod address;
pub mod cert_id;
pub mod html;
pub mod message;
pub mod operator_files;
pub mod operator_routes;
pub mod pause_link;
pub mod permissions;
pub mod routes;
