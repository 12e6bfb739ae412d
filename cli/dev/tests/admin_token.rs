//! The admin token of a state folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::ceremony::Tokens;
use crate::dev::admin_token::{TOKEN, TOKENS, make};
use crate::runtime::state::{Readers, State};

#[test]
fn admin_token_is_created_once_and_private() {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(dir.path()).unwrap();
    let made = || {
        make(&state).unwrap();
        let token = state.read(TOKEN).unwrap().unwrap().trim().to_owned();
        let told = Tokens::read(&state.read(TOKENS).unwrap().unwrap()).unwrap();
        assert_eq!((told.names(), told.get("dev")), (vec!["dev"], Some(token.as_str())));
        token
    };
    let token = made();
    assert_eq!((made(), token.len()), (token.clone(), 43));
    for file in [TOKEN, TOKENS] {
        assert_eq!(fs::metadata(state.path(file)).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
    // One that the Worker would refuse, and one that would end the JSON.
    for bad in ["short".to_owned(), "x\"".repeat(20)] {
        state.write(TOKEN, &bad, Readers::Owner).unwrap();
        assert_ne!(made(), token, "{bad}");
    }
}
