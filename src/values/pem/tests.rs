use super::*;
use der::pem::LineEnding;
use proptest::prelude::*;

fn strict(label: &str, der: &[u8]) -> String {
    der::pem::encode_string(label, LineEnding::LF, der).unwrap()
}

fn read(text: &str) -> Vec<(String, Vec<u8>)> {
    blocks(text).map(|block| block.map(|block| (block.label().to_owned(), block.der().unwrap())).unwrap()).collect()
}

fn fault(text: &str) -> BlockFault {
    blocks(text).map(|block| block.and_then(|block| block.der())).find_map(Result::err).unwrap()
}

#[test]
fn text_around_blocks_is_passed_over() {
    let (one, two) = (strict("CERTIFICATE", &[1; 70]), strict("X509 CRL", &[2; 3]));
    let text = format!("\u{feff}Certificate:\n    Data: é-----\n{one}subject=CN = x\n-----\n{two}\n# the end");
    assert_eq!(read(&text), [("CERTIFICATE".to_owned(), vec![1; 70]), ("X509 CRL".to_owned(), vec![2; 3])]);
    assert_eq!(read("no block, -----END CERTIFICATE-----"), []);
    assert_eq!(read(&one.replace('\n', " ")), [("CERTIFICATE".to_owned(), vec![1; 70])], "on one line");
}

#[test]
fn what_is_no_block_is_refused_with_what_it_is() {
    let good = strict("CERTIFICATE", &[1; 10]);
    assert_eq!(fault("-----BEGIN CERTIFICATE----\nAQID\n"), BlockFault::Boundary);
    assert_eq!(fault("-----BEGIN \n-----\n"), BlockFault::Boundary);
    let end = BlockFault::End("CERTIFICATE".to_owned());
    assert_eq!(fault(&good.replace("END", "DNE")), end);
    assert_eq!(fault(&good.replace("END CERT", "END SERT")), end);
    assert_eq!(fault(&format!("{}{good}", good.split("-----END").next().unwrap())), end, "two with one end");
    let headers = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAQID\n-----END RSA PRIVATE KEY-----\n";
    assert_eq!(fault(headers), BlockFault::Headers("RSA PRIVATE KEY".to_owned()));
    for body in ["", "A", "AQ", "AQ=", "AR==", "AQ==AQ==", "AQ==\nAQID", "AQ?D", "AQ\u{a0}ID", "-AQI"] {
        // Private keys have a decoder of their own.
        for label in ["X", "PRIVATE KEY"] {
            let text = format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
            assert!(matches!(fault(&text), BlockFault::Base64(..)), "{label} {body:?}: {}", fault(&text));
        }
    }
}

#[test]
fn a_private_key_is_found_among_what_goes_with_it() {
    let key = strict("PRIVATE KEY", &[7; 48]);
    let parameters = strict("EC PARAMETERS", &[6, 1, 1]);
    let text = format!("Private-Key: (256 bit)\n{parameters}{key}{}", strict("CERTIFICATE", &[1]));
    assert_eq!(private_key(&text).unwrap().der(), Ok(vec![7; 48]));
    assert_eq!(
        private_key(&format!("{parameters}{}", strict("EC PRIVATE KEY", &[7]))).unwrap().label(),
        "EC PRIVATE KEY"
    );
    assert_eq!(private_key("hello"), Err(KeyBlockFault::None(None)));
    assert_eq!(private_key(&parameters), Err(KeyBlockFault::None(Some("EC PARAMETERS".to_owned()))));
    assert_eq!(private_key(&format!("{key}{key}")), Err(KeyBlockFault::Several));
    assert!(!format!("{:?}", private_key(&key)).contains("BwcH"));
}

proptest! {
    #[test]
    fn a_block_is_read_however_its_lines_are_broken(
        der in proptest::collection::vec(any::<u8>(), 1..200),
        before in "[^-]{0,40}",
        after in "[^-]{0,40}",
        width in 1_usize..100,
        label in prop_oneof![Just("SOME-THING 2"), Just("PRIVATE KEY")],
        eol in prop_oneof![Just("\n"), Just("\r\n"), Just("\r"), Just(" \t\n"), Just("\n\n"), Just("\x0c\n \x0b")],
    ) {
        let text = data_encoding::BASE64.encode(&der);
        let lines: Vec<String> = text.as_bytes().chunks(width).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
        let body = lines.join(eol);
        let text = format!("{before}\n-----BEGIN {label}-----{eol}{body}{eol}-----END {label}-----{eol}{after}");
        prop_assert_eq!(read(&text), vec![(label.to_owned(), der)]);
    }

    #[test]
    fn any_text_ends_well(text in ".{0,200}", cut in 0_usize..200) {
        let spoiled: String = strict("CERTIFICATE", &[1; 90]).chars().take(cut).chain(text.chars()).collect();
        for block in blocks(&spoiled).flatten() {
            let _ = block.der();
        }
        let _ = private_key(&spoiled);
    }
}
