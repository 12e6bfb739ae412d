use super::*;
use crate::records::operations::notice::NoticeKind;

const URL: &str = "https://hooks.example.org/in?team=a";

fn secret(octets: usize) -> String {
    format!("whsec_{}", BASE64.encode(&vec![7; octets]))
}

fn read_as(dev: bool, url: Option<&str>, secret: Option<&str>) -> Result<Option<Webhook>, String> {
    let value = |name: &str| match name {
        "WEBHOOK_URL" => url.map(str::to_owned),
        "WEBHOOK_SECRET" => secret.map(str::to_owned),
        _ => None,
    };
    Webhook::read(&value, dev)
}

fn read(url: Option<&str>, secret: Option<&str>) -> Result<Option<Webhook>, String> {
    read_as(false, url, secret)
}

/// The example in the tests of Standard Webhooks' libraries.
#[test]
fn signature_matches_the_specification() {
    let secret = WebhookSecret::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", r#"{"test": 2432232314}"#);
    assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[test]
fn notice_request_is_signed_with_the_time_of_the_attempt() {
    let at = Time::from_secs(1_795_521_600);
    let data = json!({ "names": ["example.test", "bücher.test"] });
    let notice = NoticeRecord::new(NoticeKind::CertificateEnding, data, true, at);
    let webhook = read(Some(URL), Some(&secret(32))).unwrap().unwrap();
    let id = "AQEBAQEBAQEBAQEBAQEBAQ";
    let request = webhook.request(id, &notice, Time::from_millis(1_795_521_605_900));
    assert_eq!(request.url, URL);
    let body = r#"{"type":"certificate.ending","timestamp":"2026-11-24T12:00:00Z","data":{"names":["example.test","bücher.test"]}}"#;
    assert_eq!(request.body, body);
    let wanted = [
        ("content-type", "application/json"),
        ("webhook-id", "AQEBAQEBAQEBAQEBAQEBAQ"),
        ("webhook-timestamp", "1795521605"),
        // Computed by Python's hmac.
        ("webhook-signature", "v1,N3jJLnlpAyvyWxhzM4PIepa/a0DzoE+YvcBCW3039NQ="),
    ];
    assert_eq!(request.headers, wanted.map(|(name, value)| (name, value.to_owned())));
    let later = webhook.request(id, &notice, at.plus(core::time::Duration::from_secs(60)));
    assert_eq!((later.body, &later.headers[1]), (request.body, &request.headers[1]));
    assert!(later.headers[2] != request.headers[2] && later.headers[3] != request.headers[3]);
}

#[test]
fn webhook_needs_url_and_secret() {
    assert!(read(None, None).unwrap().is_none());
    assert!(read(None, Some(&secret(32))).unwrap().is_none(), "the secret is set first");
    let refusal = read(Some(URL), None).unwrap_err();
    assert!(refusal.contains("WEBHOOK_SECRET is not") && refusal.contains("wrangler secret put"), "{refusal}");
    assert!(read(Some(URL), Some(&secret(32))).unwrap().is_some());
}

#[test]
fn webhook_url_has_to_be_https_without_user() {
    let secret = secret(32);
    for bad in [
        "",
        "hooks.example.org",
        "http://hooks.example.org/in",
        "ftp://hooks.example.org/in",
        "https://",
        "https://user@hooks.example.org/hush",
        "https://user:hush@hooks.example.org/",
        "https://:hush@hooks.example.org/",
        "https://hooks.example.org/hush#part",
    ] {
        let refusal = read(Some(bad), Some(&secret)).unwrap_err();
        assert!(refusal.starts_with("WEBHOOK_URL ") && !refusal.contains("hush"), "{bad}: {refusal}");
    }
    assert!(read_as(true, Some("http://127.0.0.1:8080/in"), Some(&secret)).unwrap().is_some());
    assert!(read_as(true, Some("ftp://127.0.0.1/in"), Some(&secret)).is_err());
}

#[test]
fn webhook_secret_has_to_be_whsec_and_base64() {
    for good in [24, 32, 64] {
        assert!(read(Some(URL), Some(&format!("{}\n", secret(good)))).is_ok(), "{good}");
    }
    let long = secret(32);
    for bad in [
        String::new(),
        "whsec_".to_owned(),
        secret(23),
        secret(65),
        long.trim_start_matches("whsec_").to_owned(),
        long.trim_end_matches('=').to_owned(),
        long.replace("whsec_", "WHSEC_"),
        long.replace("BwcHBwcH", "BwcH\nBwc"),
        "whsec_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_".to_owned(),
    ] {
        let refusal = read(Some(URL), Some(&bad)).unwrap_err();
        assert!(refusal.starts_with("WEBHOOK_SECRET has to be whsec_ and then 24 to 64 octets"), "{refusal}");
        assert!(!refusal.contains("BwcHBw") && !refusal.contains("-_-_"), "{refusal}");
    }
}

#[test]
fn webhook_debug_shows_no_secret() {
    let webhook = read(Some("https://hooks.example.org/services/hush"), Some(&secret(32))).unwrap().unwrap();
    assert_eq!(format!("{webhook:?}"), "Webhook(https://hooks.example.org, secret)");
    assert_eq!(format!("{:?}", webhook.secret), "WebhookSecret(secret)");
    let notice = NoticeRecord::new(NoticeKind::Test, json!({}), true, Time::from_secs(1));
    let request = webhook.request("an-id", &notice, Time::from_secs(1));
    assert!(!format!("{request:?}").contains("hush"));
}
