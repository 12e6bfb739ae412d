//! Contact URLs of an account ([RFC 8555 §7.3](https://www.rfc-editor.org/rfc/rfc8555#section-7.3)).

use crate::records::{Kind, Problem};
use crate::values::quote::quote;

/// Maximum number of contacts.
const MAX_CONTACTS: usize = 10;

/// Maximum address length: RFC 5321 §4.5.3.1.3 allows a path of 256 octets with its brackets.
const MAX_ADDRESS: usize = 254;

/// Checks a `contact` list: any number of `mailto:` URLs with one address each.
///
/// # Errors
/// `unsupportedContact` for another scheme. `invalidContact` for an invalid address, for `hfields` (`?…`) or several
/// addresses in one URL (RFC 8555 §7.3), or for more than ten contacts.
pub fn check(contacts: &[String]) -> Result<(), Problem> {
    if contacts.len() > MAX_CONTACTS {
        let detail = format!("The request has {} contacts; at most {MAX_CONTACTS} are accepted.", contacts.len());
        return Err(Problem::new(Kind::InvalidContact, detail));
    }
    contacts.iter().try_for_each(|contact| check_one(contact))
}

fn check_one(contact: &str) -> Result<(), Problem> {
    let (scheme, address) = contact.split_once(':').unwrap_or(("", contact));
    if !scheme.eq_ignore_ascii_case("mailto") {
        let detail = format!("Contact {} is not supported; only mailto: URLs are.", quote(contact));
        return Err(Problem::new(Kind::UnsupportedContact, detail));
    }
    let fault = if address.contains('?') {
        "has header fields (?…), which are not allowed"
    } else if address.contains(',') {
        "names more than one address; give each its own contact URL"
    } else if !is_address(address) {
        "is not a mail address"
    } else {
        return Ok(());
    };
    Err(Problem::new(Kind::InvalidContact, format!("Contact {} {fault}.", quote(contact))))
}

/// Whether a text is a plain `local@domain`: catches mistakes, not a full RFC 5322 parser.
fn is_address(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b'@');
    address.len() <= MAX_ADDRESS
        && plain(local)
        && plain(domain)
        && domain.split('.').all(|label| !label.is_empty())
        && domain.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
}

#[cfg(test)]
mod tests {
    use crate::records::acme::contact::*;

    #[test]
    fn a05_mail_addresses_and_empty_lists_are_accepted() {
        for good in [vec![], vec!["mailto:ops@example.org"], vec!["MAILTO:a+b@x.test", "mailto:c@localhost"]] {
            let contacts: Vec<String> = good.into_iter().map(str::to_owned).collect();
            assert_eq!(check(&contacts), Ok(()));
        }
    }

    #[test]
    fn a05_other_contacts_are_refused_by_kind() {
        for (bad, kind) in [
            ("tel:+491234", Kind::UnsupportedContact),
            ("ops@example.org", Kind::UnsupportedContact),
            ("mailto:ops@example.org?subject=x", Kind::InvalidContact),
            ("mailto:a@x.test,b@x.test", Kind::InvalidContact),
            ("mailto:", Kind::InvalidContact),
            ("mailto:ops", Kind::InvalidContact),
            ("mailto:ops@", Kind::InvalidContact),
            ("mailto:ö@x.test", Kind::InvalidContact),
            ("mailto:a@x..test", Kind::InvalidContact),
            ("mailto:a b@x.test", Kind::InvalidContact),
        ] {
            assert_eq!(check(&[bad.to_owned()]).map_err(|p| p.kind), Err(kind), "{bad}");
        }
        assert!(check(&vec!["mailto:a@x.test".to_owned(); 11]).is_err());
    }
}
