use super::*;
use proptest::prelude::*;

/// The result of `bytes` received in pieces of `step`, and the number of bytes consumed.
fn receive(bytes: &[u8], step: usize) -> (Result<Response, HttpFault>, usize) {
    let mut reader = Reader::default();
    let mut length = 0;
    while length < bytes.len() {
        length = bytes.len().min(length + step);
        if !matches!(reader.advance(&bytes[..length]), Ok(false)) {
            break;
        }
    }
    (reader.finish(&bytes[..length]), length)
}

fn body_of(text: &str) -> Result<String, HttpFault> {
    let whole = receive(text.as_bytes(), usize::MAX / 2).0;
    assert_eq!(receive(text.as_bytes(), 1).0, whole, "byte by byte: {text:?}");
    whole.map(|response| String::from_utf8(response.body).unwrap())
}

#[test]
fn z10_bodies_end_as_their_framing_says() {
    for (text, body) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef", "abc"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\nCONTENT-LENGTH: 3\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
        ("HTTP/1.0 200 OK\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200\r\n\r\nabc", "abc"),
        ("\r\n\r\nHTTP/1.1 200\r\n\r\nabc", "abc"),
        ("\n\nHTTP/1.1 200\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200 OK\n\nabc", "abc"),
        ("HTTP/1.1 204 No Content\r\n\r\n", ""),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", "a"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nX: y\r\n\r\nmore", "abc"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc"),
    ] {
        assert_eq!(body_of(text), Ok(body.to_owned()), "{text:?}");
    }
}

#[test]
fn z10_encoded_bodies_are_refused_and_of_failures_ignored() {
    for coding in ["gzip", "br", "deflate", "zstd", "identity, gzip", "GZIP", "x"] {
        let text = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: 3\r\n\r\nabc");
        let fault = body_of(&text).unwrap_err();
        assert_eq!(fault, HttpFault::ContentCoding(format!("{coding:?}")));
        assert!(fault.to_string().contains("Accept-Encoding asks for identity"), "{fault}");
        let failure = text.replace("200 OK", "404 Not Found");
        assert_eq!(body_of(&failure), Ok(String::new()), "its status says enough");
    }
    for coding in ["identity", "Identity", ""] {
        let text = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: 3\r\n\r\nabc");
        assert_eq!(body_of(&text), Ok("abc".to_owned()), "{coding:?}");
    }
    let both = "HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Encoding: br\r\n\r\nabc";
    assert_eq!(body_of(both), Err(HttpFault::ContentCoding("\"br\"".to_owned())));
}

#[test]
fn z10_garbage_is_distinguished_from_http() {
    for text in [
        "SSH-2.0-OpenSSH_9.9\r\n\r\n",
        "hello\n\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\na",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
        "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n",
    ] {
        assert!(matches!(body_of(text), Err(HttpFault::Malformed(_))), "{text:?}: {:?}", body_of(text));
    }
    let gzip = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n";
    assert_eq!(body_of(gzip), Err(HttpFault::TransferCoding("\"gzip, chunked\"".into())));
}

#[test]
fn z10_bytes_that_cannot_become_a_response_fail_at_once() {
    // The SETTINGS frames of servers that speak HTTP/2 only, empty and as one has it; an alert and a ServerHello.
    let settings = b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80\x00\x04\x00\x01\x00\x00";
    for (bytes, fault) in [
        (&b"\0\0\0\x04\0\0\0\0\0"[..], HttpFault::Http2),
        (settings, HttpFault::Http2),
        (b"\x15\x03\x01\x00\x02\x02\x16", HttpFault::Tls),
        (b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76", HttpFault::Tls),
        (b"SSH-2.0-OpenSSH_9.9", HttpFault::Malformed("it begins \"SSH-2.0\"".into())),
        (b"220 mail.test ESMTP", HttpFault::Malformed("it begins \"220 mai\"".into())),
        (b"\0\0\0\x04\x01\0\0\0\0", HttpFault::Malformed("it begins \"\\x00\\x00\\x00\\x04\\x01\\x00\\x00\"".into())),
        (b"\r\n\r\nhello, world", HttpFault::Malformed("it begins \"hello, \"".into())),
        (b"\n\nhello, world", HttpFault::Malformed("it begins \"hello, \"".into())),
        (&[b'\n'; 17], HttpFault::Malformed("it begins with empty lines".into())),
    ] {
        for step in [1, 3, 100] {
            let mut reader = Reader::default();
            let mut came = (1..=bytes.len()).step_by(step).chain([bytes.len()]).map(|length| &bytes[..length]);
            assert!(came.any(|so_far| reader.advance(so_far) == Err(fault.clone())), "{fault:?} in steps of {step}");
        }
    }
    assert!(HttpFault::Http2.to_string().contains("HTTP/1.1 is asked for"));
    let mut slow = Reader::default();
    assert!((1..15).all(|length| slow.advance(&b"\r\nHTTP/1.1 200 OK"[..length]) == Ok(false)), "what may is");
    for quoting in [HttpFault::Malformed("secret".into()), HttpFault::TransferCoding("secret".into())] {
        assert!(!quoting.unquoted().to_string().contains("secret"));
    }
}

#[test]
fn z10_truncated_response_is_incomplete() {
    for text in [
        "",
        "HTTP/1.1 200 OK\r\nContent-Len",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        assert_eq!(body_of(text), Err(HttpFault::Incomplete), "{text:?}");
    }
}

#[test]
fn z10_a_redirect_needs_no_body() {
    let text = b"HTTP/1.1 302 Found\r\nLocation:  /there \r\nContent-Length: 999999\r\n\r\nnever";
    let (response, taken) = receive(text, 1);
    assert_eq!(response, Ok(Response { status: 302, location: Some("/there".into()), body: vec![] }));
    assert_eq!(taken, text.len() - "never".len());
}

#[test]
fn z10_response_is_capped_while_read() {
    let long = |head: &str, unit: &str, times| format!("HTTP/1.1 200 OK\r\n{head}{}", unit.repeat(times));
    for (text, fault) in [
        (long("\r\n", "x", MAX_BODY + 1), HttpFault::BodyTooLarge),
        (long("Content-Length: 131073\r\n\r\n", "", 0), HttpFault::BodyTooLarge),
        (long("Content-Length: 99999999999\r\n\r\n", "", 0), HttpFault::BodyTooLarge),
        (long("Transfer-Encoding: chunked\r\n\r\n", "4000\r\n", 1) + &"x".repeat(0x4000), HttpFault::Incomplete),
        (long("Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n", "", 0), HttpFault::BodyTooLarge),
        (long("Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n", MAX_BODY + 1), HttpFault::BodyTooLarge),
        (long("", "a: b\r\n", 5_000), HttpFault::HeadTooLarge),
        (long("Transfer-Encoding: chunked\r\n\r\n0\r\n", "a: b\r\n", 1_000), HttpFault::HeadTooLarge),
    ] {
        let (outcome, _) = receive(text.as_bytes(), 1000);
        assert_eq!(outcome, Err(fault), "{}", &text[..60]);
    }
    assert!(body_of(&long("Content-Length: 131072\r\n\r\n", "x", MAX_BODY)).is_ok());
    assert!(matches!(body_of(&(long("", "a: b\r\n", 101) + "\r\n")), Err(HttpFault::Malformed(_))));
    let extension = long("Transfer-Encoding: chunked\r\n\r\n1;", "x", 2_000);
    assert!(matches!(receive(extension.as_bytes(), 7), (Err(HttpFault::Malformed(_)), ..1_200)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn z10_no_bytes_cause_a_panic_and_no_cut_matters(
        tail: Vec<u8>,
        head in prop::sample::select(vec![
            "",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n",
        ]),
        step in 1usize..40,
    ) {
        let bytes = [head.as_bytes(), &tail].concat();
        prop_assert_eq!(receive(&bytes, step).0, receive(&bytes, 1).0);
    }

    #[test]
    fn z10_chunks_give_back_what_was_cut_up(body: Vec<u8>, size in 1usize..30, step in 1usize..40) {
        let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for chunk in body.chunks(size) {
            bytes.extend(format!("{:X}\r\n", chunk.len()).bytes().chain(chunk.iter().copied()).chain(*b"\r\n"));
        }
        bytes.extend(b"0\r\n\r\n");
        prop_assert_eq!(receive(&bytes, step).0.unwrap().body, body);
    }
}
