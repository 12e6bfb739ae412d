//! Values in requests: identifiers and times.

use super::shown;
use crate::validation::Config;
use crate::validation::target::Target;
use crate::values::{Identifier, Time, unicode};
use url::{Host, Url};

/// An identifier's value, as either type.
pub fn identifiers(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let _ = (unicode::for_search(text), unicode::both(text));
    match Identifier::dns(text) {
        Ok(name) => {
            assert!(name.value().eq_ignore_ascii_case(text) && name.value().len() <= 253);
            assert!(Identifier::ip(text).is_err(), "{text:?} is a name and an address");
            assert!(!name.base().is_wildcard());
            // A validation of this name contacts no other host.
            let url = Url::parse(&format!("http://{}/", name.base())).expect("a URL");
            assert_eq!(url.host(), Some(Host::Domain(&*name.base().value())));
            assert!(Target::first(&name.base(), "token", &Config::default()).is_ok());
            read_back(&name);
            let (ascii, read) = (name.value().into_owned(), unicode::shown(&name.value()));
            assert_eq!(unicode::with_a_labels(&read).as_ref(), Some(&ascii), "{read:?}");
            assert!(read.contains(&unicode::for_search(&ascii)), "{read:?}");
        }
        Err(fault) => drop(shown(&fault)),
    }
    match Identifier::ip(text) {
        Ok(address) => {
            assert_eq!(address.value(), text);
            read_back(&address);
        }
        Err(fault) => drop(shown(&fault)),
    }
}

/// Checks that an identifier round-trips in its wire form.
pub(super) fn read_back(identifier: &Identifier) {
    let json = serde_json::to_string(identifier).expect("JSON");
    assert_eq!(serde_json::from_str::<Identifier>(&json).as_ref().ok(), Some(identifier), "{json}");
}

/// A time of an order (RFC 3339 §5.6).
pub fn times(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let read = Time::parse_rfc3339(text);
    assert!(read.is_none() || !Time::is_unset(text), "{text:?} is set and is not");
    let Some(time) = read else { return };
    // Cut to the second and written in UTC, it round-trips.
    assert_eq!(time.millis() % 1000, 0);
    if time.secs() < 253_402_300_800 {
        assert_eq!(Time::parse_rfc3339(&time.rfc3339()), Some(time), "{text:?}");
    }
}
