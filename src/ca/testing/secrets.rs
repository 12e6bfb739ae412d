//! A search for secrets in every form in which one may leak.

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};
use memchr::memmem::Finder;

/// Secrets that no text may contain.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// A secret's name, and the search for a text that reveals it. Tests search each answer for some 100 of them.
    forms: Vec<(String, Finder<'static>)>,
}

/// Length of a secret's part that is searched for; shorter ones occur by chance.
const ENOUGH: usize = 24;

impl Secrets {
    /// Adds bytes: found as hexadecimal, base64, base64url at any offset, and lists of numbers.
    pub fn add(&mut self, what: &str, bytes: &[u8]) {
        let hex = crate::values::hex::encode(bytes);
        let numbers: Vec<String> = bytes.iter().take(ENOUGH).map(u8::to_string).collect();
        let mut forms = vec![hex.to_uppercase(), hex, numbers.join(","), numbers.join(", ")];
        // Within a longer text, base64 may begin at each of three offsets.
        for skipped in 0..3.min(bytes.len()) {
            let groups = &bytes[skipped..bytes.len() - (bytes.len() - skipped) % 3];
            forms.extend([BASE64_NOPAD.encode(groups), BASE64URL_NOPAD.encode(groups)]);
        }
        self.forms.extend(forms.into_iter().filter(|form| form.len() >= ENOUGH).map(|form| {
            let cut = form.len().min(4 * ENOUGH);
            (what.to_owned(), finder(&form[..cut]))
        }));
    }

    /// Adds a text, plain and within JSON.
    pub fn add_text(&mut self, what: &str, text: &str) {
        assert!(text.len() >= ENOUGH, "{what} is too short to look for");
        self.forms.push((what.to_owned(), finder(text)));
        self.add(what, text.as_bytes());
    }

    /// Adds an unencrypted PKCS#8 key, PEM: its lines, and their bytes.
    ///
    /// # Panics
    /// For invalid PEM.
    pub fn add_key(&mut self, what: &str, pem: &str) {
        let (_, der) = der::pem::decode_vec(pem.trim().as_bytes()).expect("a PEM");
        // After the number, PKCS#8 has the public key, which certificates have too.
        let secret = pem.lines().filter(|line| !line.contains("-----")).take(2);
        for line in secret.filter(|line| line.len() >= ENOUGH) {
            self.forms.push((what.to_owned(), finder(line)));
        }
        self.add(what, &der);
        // PKCS#8 of a P-256 key has its number at a fixed offset.
        if let Some(number) = der.get(36..68) {
            self.add(what, number);
        }
    }

    /// The first secret in this text.
    pub fn found_in(&self, text: &str) -> Option<&str> {
        if text.contains("PRIVATE KEY-----") {
            return Some("a private key");
        }
        self.forms.iter().find(|(_, form)| form.find(text.as_bytes()).is_some()).map(|(what, _)| what.as_str())
    }

    /// # Panics
    /// When the text contains a secret.
    pub fn check(&self, place: &str, text: &str) {
        if let Some(what) = self.found_in(text) {
            panic!("{place} gives away {what}: {text}");
        }
    }
}

fn finder(form: &str) -> Finder<'static> {
    Finder::new(form).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::native_crypto::NativeKey;
    use crate::values::{SigAlg, b64};

    /// Checks that the search finds each form.
    #[test]
    fn s04_a_planted_secret_is_found_in_every_form() {
        let mut counter = 0;
        let mut fill = |bytes: &mut [u8]| {
            bytes.fill_with(|| {
                counter += 37;
                counter as u8
            });
        };
        let key = NativeKey::generate(SigAlg::Es256, &mut fill).unwrap();
        let pem = key.to_pkcs8_pem().unwrap();
        let mac: Vec<u8> = (100..132).collect();
        let mut secrets = Secrets::default();
        secrets.add_key("the issuer's key", &pem);
        secrets.add("the nonce key", &mac);
        secrets.add_text("a request", "eyJhbGciOiJFUzI1NiIsImtpZCI6");
        let (_, der) = der::pem::decode_vec(pem.as_bytes()).unwrap();
        let hex = |bytes: &[u8]| crate::values::hex::encode(bytes).to_uppercase();
        let planted = [
            pem.clone(),
            pem.lines().nth(1).unwrap().to_owned(),
            b64::encode(&der),
            hex(&der),
            b64::encode(&der[36..68]),
            format!("{:?}", &der[36..68]),
            b64::encode(&mac),
            hex(&mac).to_lowercase(),
            format!("{mac:?}"),
            b64::encode(&[b"x", &mac[..]].concat()),
            b64::encode(&[b"xy", &mac[..], b"z"].concat()),
            "eyJhbGciOiJFUzI1NiIsImtpZCI6".to_owned(),
        ];
        for text in planted {
            assert!(secrets.found_in(&format!("a line with {text} in it")).is_some(), "{text}");
        }
        for text in ["", "nothing", &b64::encode(&key.spki_der().unwrap()), &hex(&[7; 32])] {
            assert_eq!(secrets.found_in(text), None, "{text}");
        }
    }

    #[test]
    #[should_panic(expected = "the log gives away the nonce key")]
    fn s04_secret_in_a_log_fails_the_test() {
        use crate::ca::runtime::ports::Ports;
        let world = crate::ca::testing::World::new();
        let ports = crate::ca::testing::WorldPorts::new(&world, None);
        ports.log("an ordinary line");
        ports.log(&format!("settings: {:?}", *world.settings().nonce_key));
    }
}
