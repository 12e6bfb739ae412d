//! The operator of a request, with its role and permissions.

use super::operator::Operator;
use super::state::shown;
use crate::ca::http::message::Response;
use crate::ca::http::permissions::Permission;
use crate::records::operations::role::Role;
use crate::values::Time;
use serde_json::json;

/// Handles GET of the operator: a page hides what its role may not do.
pub fn show(operator: &Operator) -> Response {
    let may = |permission: &Permission| operator.role.is_some_and(|role| permission.is_of(role));
    let permissions: Vec<&str> = Permission::all().filter(may).map(Permission::name).collect();
    shown(
        200,
        &json!({
            "name": operator.name, "by": operator.by, "role": operator.role.map(Role::name), "permissions": permissions,
            "until": operator.until.map(Time::rfc3339),
        }),
    )
}
