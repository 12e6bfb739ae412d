//! The seeds that are text, with their names.

/// Names and inputs.
type Texts = &'static [(&'static str, &'static str)];

pub const HTTP: Texts = &[
    ("length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
    ("close", "HTTP/1.0 200 OK\r\n\r\nabc"),
    ("chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"),
    ("chunk-overflow", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc"),
    ("both", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ("lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
    ("length-overflow", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"),
    ("interim", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"),
    ("redirect", "HTTP/1.1 302 Found\r\nLocation: http://b.test/\r\nContent-Length: 0\r\n\r\n"),
    ("packed", "HTTP/1.1 200 OK\r\nContent-Encoding: identity, br\r\nContent-Length: 3\r\n\r\nabc"),
    ("no-http", "SSH-2.0-OpenSSH_9.6\r\n"),
    ("http2", "\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\u{1}"),
    ("tls", "\x15\x03\x01\0\x02\x02\x16"),
];

pub const IDENTIFIERS: Texts = &[
    ("name", "www.example.org"),
    ("wildcard", "*.Example.ORG"),
    ("idn", "xn--bcher-kva.example"),
    ("idn-false", "xn--a.example"),
    ("idn-overlong", "xn--99999999999999999999999999999999999999999999999999999999999.example"),
    ("u-label", "b\u{fc}cher.example"),
    ("kelvin", "\u{212a}.example"),
    ("dot", "a.example."),
    ("dots", "a..example"),
    ("star", "a.*.example"),
    ("port", "a.example:80"),
    ("nul", "a\0.example"),
    ("v4", "192.0.2.1"),
    ("v4-octal", "0300.0.2.1"),
    ("v6", "2001:db8::1"),
    ("v6-long", "2001:0db8:0:0:0:0:0:1"),
    ("v6-zone", "fe80::1%eth0"),
    ("mapped", "::ffff:192.0.2.1"),
    ("digits", "a.1"),
    ("hex", "0x7f000001"),
    ("hex-last", "127.0.0.0x2"),
    ("hex-none", "foo.0x"),
    ("bidi", "0.xn--0eb"),
    ("hyphens", "a--b.example"),
    ("empty", ""),
];

pub const TIMES: Texts = &[
    ("utc", "2026-11-24T12:00:00Z"),
    ("fraction", "2026-11-24t12:00:00.123456789z"),
    ("fraction-none", "2026-11-24T12:00:00.Z"),
    ("ahead", "2026-11-24T14:00:00.5+02:00"),
    ("behind", "2026-11-24T06:30:00-05:30"),
    ("offset-far", "1970-01-01T00:00:00+23:59"),
    ("leap", "2016-12-31T23:59:60Z"),
    ("unset", "0001-01-01T00:00:00Z"),
    ("unset-fraction", "0001-01-01T00:00:00.0000000-00:00"),
    ("last", "9999-12-31T23:59:59-23:59"),
    ("no-day", "2026-02-30T12:00:00Z"),
    ("digits", "2026-11-24T12:00:00.\u{661}Z"),
];

pub const ROUTES: Texts = &[
    ("directory", "/directory"),
    ("home", "/"),
    ("root", "/root.pem"),
    ("order", "/acme/order/AAAAAAAAAAAAAAAAAAAAAA"),
    ("finalize", "/acme/order/AAAAAAAAAAAAAAAAAAAAAA/finalize"),
    ("challenge", "/acme/challenge/AAAAAAAAAAAAAAAAAAAAAA/http-01"),
    ("challenge-odd", "/acme/challenge/AAAAAAAAAAAAAAAAAAAAAA/%2e%2e"),
    ("orders", "/acme/orders/AAAAAAAAAAAAAAAAAAAAAA/AAAAAAAAAAAAAAAAAAAAAA"),
    ("loose-bits", "/acme/order/AAAAAAAAAAAAAAAAAAAAAB"),
    ("issuer", "/issuer/00ff.crt"),
    ("agreement", "/terms/AAAAAAAAAAAAAAAAAAAAAA/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    ("agreement-odd", "/terms/AAAAAAAAAAAAAAAAAAAAAA/<b>"),
    ("dots", "/acme/../directory"),
    ("query", "/directory?x"),
    ("slashes", "//directory"),
];

pub const REQUESTS: Texts = &[
    ("directory", "GET\n/directory\n\n"),
    ("nonce", "HEAD\n/acme/new-nonce\n\n"),
    ("options", "OPTIONS\n/acme/new-order\n\n"),
    ("agreement", "POST\n/terms/AAAAAAAAAAAAAAAAAAAAAA/AAAA\napplication/x-www-form-urlencoded\nagree=yes"),
    ("agreement-page", "GET\n/terms/AAAAAAAAAAAAAAAAAAAAAA/<script>\n\n"),
    ("put", "PUT\n/acme/new-order\napplication/jose+json\n{}"),
    ("post-empty", "POST\n/acme/new-order\napplication/jose+json\n"),
    ("post-form", "POST\n/acme/new-order\napplication/x-www-form-urlencoded\na=b"),
    (
        "post-object",
        "POST\n/acme/new-account\napplication/jose+json; charset=utf-8\n{\"protected\":\"e30\",\"payload\":\"\",\"signature\":\"\"}",
    ),
    (
        "post-kid",
        "POST\n/acme/new-order\napplication/jose+json\n{\"protected\":\"eyJhbGciOiJFUzI1NiIsImtpZCI6Imh0dHBzOi8vY2EudGVzdC9hY21lL2FjY291bnQvQUFBQUFBQUFBQUFBQUFBQUFBQUFBQSIsIm5vbmNlIjoiQUEiLCJ1cmwiOiJodHRwczovL2NhLnRlc3QvYWNtZS9uZXctb3JkZXIifQ\",\"payload\":\"\",\"signature\":\"\"}",
    ),
    ("unknown", "POST\n/nothing\napplication/jose+json\n{}"),
];

pub const OPERATIONS: Texts = &[
    ("status", "GET\nstatus\n"),
    (
        "certificates",
        "GET\ncertificates?q=a&name=*.a.test&status=all&ends_after=2027-01-31T00:00:00Z&limit=3&format=csv\n",
    ),
    ("cursor", "GET\ncertificates?serial=0a:1b&cursor=001803294999-4a\n"),
    ("query-odd", "GET\ncertificates?name=%EE%80%80%00&q=+%\n"),
    ("lists", "HEAD\naccounts?limit=200&cursor=0001795521600000-x\n"),
    ("audit", "GET\naudit?cursor=3&limit=1\n"),
    (
        "key",
        "POST\nexternal-accounts\n{\"kid\":\"a\",\"uses\":\"many\",\"expires\":\"2027-01-31T00:00:00Z\",\"policy\":{}}",
    ),
    ("key-change", "POST\nexternal-accounts/team\n{\"disabled\":true,\"policy\":null,\"note\":\"\u{fc}\"}"),
    ("kid-dots", "POST\nexternal-accounts\n{\"kid\":\"..\"}"),
    ("revoke", "POST\ncertificates/0a/revoke\n{\"reason\":1}"),
    (
        "revoke-many",
        "POST\nrevocations\n{\"name\":\"*.a.test\",\"reason\":4,\"issued_before\":\"2027-01-31T00:00:00Z\",\"limit\":7}",
    ),
    ("revoke-cursor", "POST\nrevocations\n{\"external_account\":\"team\",\"cursor\":\"00ff.001803294999-4a\"}"),
    ("search-unicode", "GET\ncertificates?q=b%C3%BCch&name=*.b%C3%BCcher.test&external_account=team\n"),
    ("replace", "POST\nreplacements\n{\"name\":\"10.0.0.0/8\",\"explanation\":\"https://a.test/\"}"),
    ("policy", "POST\npolicy?note=x\n{\"allow\":[\"*.a.test\"],\"max_lifetime\":\"48h\"}"),
    ("policy-twice", "POST\npolicy\n{\"allow\":[],\"allow\":[]}"),
    ("restore", "POST\npolicy/restore\n{\"version\":0}"),
    (
        "check",
        "POST\npolicy/check\n{\"identifiers\":[\"*.a.test\",\"::1\"],\"external_account\":\"team\",\"profile\":\"client\",\"document\":{\"deny\":[\"*\"]}}",
    ),
    ("shadow", "POST\npolicy/shadow\nnull"),
    ("array", "POST\npolicy\n[[[[[[[[[[[[[[[["),
    ("options", "OPTIONS\npolicy\n"),
    ("unknown", "POST\nnothing\n{}"),
];

pub const PAYLOADS: Texts = &[
    ("new-order", "/acme/new-order\n{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"}]}"),
    (
        "compound",
        "/acme/new-order\n{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a..b\"},{\"type\":\"x\",\"value\":\"y\"}]}",
    ),
    (
        "not-after",
        "/acme/new-order\n{\"identifiers\":[{\"type\":\"ip\",\"value\":\"::1\"}],\"notAfter\":\"2030-02-30T25:61:61Z\"}",
    ),
    (
        "nulls",
        "/acme/new-order\n{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\",\"x\":null}],\"notAfter\":null,\"profile\":null}",
    ),
    (
        "times",
        "/acme/new-order\n{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"}],\"notBefore\":\"0001-01-01T00:00:00Z\",\"notAfter\":\"2026-12-24T12:00:00.5+02:00\"}",
    ),
    ("read", "/acme/order/{order}\n"),
    ("account", "/acme/account/{account}\n{\"contact\":[\"mailto:a@a.test\"],\"status\":\"deactivated\"}"),
    ("contacts", "/acme/account/{account}\n{\"contact\":[\"mailto:a@a.test?x\",\"tel:1\",\"\",\"mailto:\u{fc}@\"]}"),
    ("orders", "/acme/orders/{account}\n"),
    ("authz", "/acme/authz/{authz}\n{\"status\":\"deactivated\"}"),
    ("challenge", "/acme/challenge/{authz}/http-01\n{}"),
    ("challenge-unknown", "/acme/challenge/{authz}/\u{fc}\n{}"),
    ("revoke", "/acme/revoke-cert\n{\"certificate\":\"MAAA\",\"reason\":99999999999999999999}"),
    ("key-change", "/acme/key-change\n{\"protected\":\"e30\",\"payload\":\"\",\"signature\":\"\"}"),
    ("duplicate", "/acme/new-order\n{\"identifiers\":[],\"identifiers\":[]}"),
    ("array", "/acme/new-order\n[[[[[[[[[[[[[[[["),
];

/// Values of CAA records (RFC 8659 §4.2, RFC 8657).
pub const CAA: &[(&str, &str)] = &[
    ("us", "ca.test"),
    ("nobody", ";"),
    ("empty", ""),
    ("other", "letsencrypt.org"),
    ("account", "ca.test; accounturi=https://ca.test/acme/account/a"),
    ("account_twice", "ca.test; accounturi=https://ca.test/acme/account/a; accounturi=https://ca.test/acme/account/a"),
    ("methods", "ca.test; validationmethods=dns-01,http-01"),
    ("methods_empty", "ca.test; validationmethods="),
    ("methods_other", "ca.test; validationmethods=dns-01"),
    ("persist", "ca.test; accounturi=https://ca.test/acme/account/a; policy=wildcard; persistUntil=1800000000"),
    ("unknown", "ca.test; x=1; y=2"),
    ("semicolons", "ca.test;;;;"),
    ("spaces", " \t ca.test \t ; \t a=b \t "),
    ("equals", "ca.test; a==b; =c; d"),
    ("dots", "ca..test; a=b"),
    ("not_ascii", "c\u{e4}.test; a=\u{1f600}"),
    ("nul", "ca.test\0; a=b"),
];
