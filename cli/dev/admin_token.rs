//! The admin token of `dev` for operator commands, created once in the state folder.

use anyhow::Result;
use selvedge::values::b64;
use zeroize::Zeroizing;

use crate::ceremony::is_token;
use crate::common::host;
use crate::runtime::state::{Readers, State};

/// The token, alone in its file.
pub const TOKEN: &str = "admin.token";
/// The file with the same token as the secret `ADMIN_TOKENS`. Secrets stay out of the configuration.
pub const TOKENS: &str = "admin.tokens";
/// The name in the audit record.
const NAME: &str = "dev";

/// Creates the token if it is missing, and the file for the Worker.
///
/// # Errors
/// When the system refuses.
pub fn make(state: &State) -> Result<()> {
    let kept = state.read(TOKEN)?.map(|text| Zeroizing::new(text.trim().to_owned()));
    // Written to JSON without escapes.
    let usable = |text: &Zeroizing<String>| is_token(text) && !text.contains(['"', '\\']);
    let token = match kept.filter(usable) {
        Some(token) => token,
        None => {
            let token = Zeroizing::new(b64::encode(&*Zeroizing::new(host::random::<32>()?)));
            state.write(TOKEN, &format!("{}\n", *token), Readers::Owner)?;
            token
        }
    };
    state.write(TOKENS, &format!("{{\"{NAME}\":\"{}\"}}\n", *token), Readers::Owner)
}
