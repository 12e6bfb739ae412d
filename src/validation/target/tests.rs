use super::*;
use proptest::prelude::*;

/// What has http-01 at this port.
fn at(http01_port: u16) -> Config {
    Config { http01_port, ..Config::default() }
}

fn first(port: u16) -> Target {
    Target::first(&Identifier::dns("a.example.test").unwrap(), "tok-en_1", &at(port)).unwrap()
}

#[test]
fn z10_the_request_is_that_of_rfc_8555() {
    assert_eq!(first(80).url(), "http://a.example.test/.well-known/acme-challenge/tok-en_1");
    let request = String::from_utf8(first(80).request()).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        request,
        format!(
            "GET /.well-known/acme-challenge/tok-en_1 HTTP/1.1\r\nHost: a.example.test\r\n\
             User-Agent: selvedge/{version} (ACME http-01 validation)\r\nAccept: */*\r\n\
             Accept-Encoding: identity\r\nConnection: close\r\n\r\n"
        )
    );
    let request = String::from_utf8(first(5002).request()).unwrap();
    assert!(request.contains("\r\nHost: a.example.test:5002\r\n"), "{request}");
}

#[test]
fn rfc8738_an_address_is_the_host_of_the_request() {
    for (address, host) in [("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "[2001:db8::1]")] {
        let target = Target::first(&Identifier::ip(address).unwrap(), "t", &at(80)).unwrap();
        assert_eq!(target.host(), &Host::Address(address.parse().unwrap()));
        let request = String::from_utf8(target.request()).unwrap();
        assert!(request.contains(&format!("\r\nHost: {host}\r\n")), "{request}");
    }
}

#[test]
fn t25_challenge_url_is_shown_whole_and_redirects_shortened() {
    let name = Identifier::dns(&format!("{}test1", "abcdefg.".repeat(31))).unwrap();
    let own = Target::first(&name, &"t".repeat(43), &at(65_535)).unwrap();
    assert_eq!((name.value().len(), own.to_string().as_str()), (253, own.url()));
    let foreign = own.redirected(&format!("/?{}", "x".repeat(1_000)), &at(65_535)).unwrap();
    assert_eq!(foreign.to_string().chars().count(), 341);
    assert_eq!(
        foreign.with_hidden_path().to_string(),
        format!("{}/…", own.url().split_at(own.url().find("/.well").unwrap()).0)
    );
}

#[test]
fn z10_redirects_within_rules_are_followed() {
    for (location, url, port) in [
        ("/x?y=1#z", "http://a.example.test/x?y=1", 80),
        ("other", "http://a.example.test/.well-known/acme-challenge/other", 80),
        ("//B.test/x", "http://b.test/x", 80),
        ("https://b.test/x", "https://b.test/x", 443),
        ("http://b.test:443/", "http://b.test:443/", 443),
        ("https://b.test:80/", "https://b.test:80/", 80),
        ("http://b.test./", "http://b.test./", 80),
        ("http://0x7f.1/", "http://127.0.0.1/", 80),
        ("http://[::1]/", "http://[::1]/", 80),
    ] {
        let target = first(80).redirected(location, &at(80)).unwrap();
        assert_eq!((target.url(), target.port()), (url, port), "{location}");
    }
    let tests = Config { http01_port: 5002, tls_alpn_port: 5001, ..Config::default() };
    assert_eq!(first(5002).redirected("https://b.test:5001/", &tests).unwrap().port(), 5001, "what stands for 443");
    let target = first(5002).redirected("http://b.test:5002/", &at(5002)).unwrap();
    assert_eq!(target.port(), 5002);
    let absolute = first(80).redirected("http://b.test./", &at(80)).unwrap();
    assert_eq!(absolute.host(), &Host::Name(DnsName::parse("b.test").unwrap()));
}

#[test]
fn z10_redirects_outside_rules_are_refused() {
    for (location, fault) in [
        ("ftp://b.test/", TargetFault::Scheme),
        ("file:///etc/passwd", TargetFault::Scheme),
        ("data:text/plain,x", TargetFault::Scheme),
        ("javascript:1", TargetFault::Scheme),
        ("http://u@b.test/", TargetFault::Credentials),
        ("http://:p@b.test/", TargetFault::Credentials),
        ("http://b.test:8080/", TargetFault::Port(8080, vec![80, 443])),
        ("https://b.test:22/", TargetFault::Port(22, vec![80, 443])),
        ("http://b_c.test/", TargetFault::Host(NameFault::Character)),
    ] {
        assert_eq!(first(80).redirected(location, &at(80)), Err(fault), "{location}");
    }
    for location in ["http://", "http://[::1", "http://b.test:99999/", "http:// /", "http://1.2.3.4.5/"] {
        assert!(matches!(first(80).redirected(location, &at(80)), Err(TargetFault::Invalid(_))), "{location}");
    }
    let long = format!("/{}", "x".repeat(2_000));
    assert_eq!(first(80).redirected(&long, &at(80)), Err(TargetFault::TooLong));
    let port = first(5002).redirected("http://b.test:8080/", &at(5002)).unwrap_err();
    assert_eq!(port.to_string(), "whose port 8080 is none of 80, 443, 5002");
}

/// Each spelling of a host is a guarded address, a looked-up DNS name, or refused.
#[test]
fn z10_redirect_host_in_other_spelling_is_its_address() {
    for (host, address) in [
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0X7F.0.0.1", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("127.0.1", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("%31%32%37.0.0.1", "127.0.0.1"),
        ("\u{ff11}\u{ff12}\u{ff17}.0.0.1", "127.0.0.1"),
        ("127\u{3002}0\u{3002}0\u{3002}1", "127.0.0.1"),
        ("\u{2460}27.0.0.1", "127.0.0.1"),
        ("0", "0.0.0.0"),
        ("0x0", "0.0.0.0"),
        ("2852039166", "169.254.169.254"),
        ("0xa9fea9fe", "169.254.169.254"),
        ("0251.0376.0251.0376", "169.254.169.254"),
        ("169.254.43518", "169.254.169.254"),
        ("0xa.0", "10.0.0.0"),
        ("[::1]", "::1"),
        ("[0:0:0:0:0:0:0:1]", "::1"),
        ("[::ffff:7f00:1]", "::ffff:127.0.0.1"),
        ("[::ffff:127.0.0.1]", "::ffff:127.0.0.1"),
        ("[64:ff9b::a9fe:a9fe]", "64:ff9b::169.254.169.254"),
        ("[2002:7f00:1::]", "2002:7f00:1::"),
        ("[fd00::1]", "fd00::1"),
        ("[fe80::1]", "fe80::1"),
    ] {
        for scheme in ["http", "https", "HTTP"] {
            let target = first(80).redirected(&format!("{scheme}://{host}/"), &at(80)).unwrap();
            assert_eq!(target.host(), &Host::Address(address.parse().unwrap()), "{scheme}://{host}/");
            let strict = crate::validation::guard::AddressPolicy::default();
            assert!(strict.check(address.parse().unwrap()).is_err(), "{address}");
        }
    }
    for host in ["256.0.0.1", "1.2.3.4.5", "0x7f.0.0.0x100", "127.0.0.1:80:80", "[::1%25eth0]", "[::1%eth0]", "[1]", ""]
    {
        let refused = first(80).redirected(&format!("http://{host}/"), &at(80));
        assert!(refused.is_err(), "{host}: {refused:?}");
    }
}

#[test]
fn z10_schemes_user_names_and_ports_of_all_kinds() {
    for scheme in ["ftp", "file", "gopher", "dict", "ldap", "ws", "wss", "data", "jar", "blob", "tftp", "unix"] {
        let location = format!("{scheme}://b.test/");
        assert_eq!(first(80).redirected(&location, &at(80)), Err(TargetFault::Scheme), "{location}");
    }
    for user in ["u@", "u:p@", ":p@", "a.test@", "a.test%40@", "a.test:80@", "%00@"] {
        for host in ["b.test", "127.0.0.1", "[::1]"] {
            let location = format!("http://{user}{host}/");
            assert_eq!(first(80).redirected(&location, &at(80)), Err(TargetFault::Credentials), "{location}");
        }
    }
    for port in [0, 1, 21, 22, 25, 53, 79, 81, 442, 444, 2375, 3306, 5432, 6379, 8080, 8443, 9200, 11211, 65_535] {
        let location = format!("http://b.test:{port}/");
        let refused = TargetFault::Port(port, vec![80, 443]);
        assert_eq!(first(80).redirected(&location, &at(80)), Err(refused), "{location}");
    }
    // Hosts are parsed as browsers parse them, and are always looked up.
    for (location, host) in [
        ("//b.test/", "b.test"),
        ("\\\\b.test\\", "b.test"),
        ("http:\\\\b.test\\", "b.test"),
        ("http:/b.test/x", "a.example.test"),
        ("http://b.test\\@a.test/", "b.test"),
        ("http://b.test#@a.test/", "b.test"),
        ("http://b.test?@a.test/", "b.test"),
        ("\thttp://b\n.test/", "b.test"),
    ] {
        let target = first(80).redirected(location, &at(80)).unwrap();
        assert_eq!(target.host(), &Host::Name(DnsName::parse(host).unwrap()), "{location:?}");
    }
}

proptest! {
    /// Whatever is in a Location or a token, a request stays one request.
    #[test]
    fn z10_nothing_can_be_smuggled_into_the_request(location in "(?s).{0,60}", token in "(?s).{0,20}") {
        let name = Identifier::dns("a.test").unwrap();
        let targets = [Target::first(&name, &token, &at(80)), first(80).redirected(&location, &at(80))];
        for target in targets.into_iter().flatten() {
            let request = String::from_utf8(target.request()).unwrap();
            prop_assert_eq!(request.matches('\n').count(), 7);
            prop_assert_eq!(request.lines().next().unwrap().split(' ').count(), 3);
        }
    }
}
