use super::*;

fn identity_at(claims: &Value, now: Time) -> Result<Identity, AccessFault> {
    VerifiedAssertion { claims: claims.as_object().unwrap().clone() }.identity(&expected(), now)
}

fn identity(claims: &Value) -> Result<Identity, AccessFault> {
    identity_at(claims, NOW)
}

/// The good assertion with one claim changed, or without it.
fn with(claim: &str, value: Option<Value>) -> Value {
    let mut claims = good();
    match value {
        Some(value) => claims[claim] = value,
        None => drop(claims.as_object_mut().unwrap().remove(claim)),
    }
    claims
}

#[test]
fn it_is_by_the_team_and_no_other() {
    for bad in ["", "https://team-b.cloudflareaccess.com", "https://team-a.cloudflareaccess.com/", &TEAM.to_uppercase()]
    {
        assert_eq!(identity(&with("iss", Some(bad.into()))), Err(AccessFault::Issuer), "{bad}");
    }
    assert_eq!(identity(&with("iss", None)), Err(AccessFault::Issuer));
    assert_eq!(identity(&with("iss", Some(json!([TEAM])))), Err(AccessFault::Type("iss")));
}

#[test]
fn it_is_for_this_application() {
    for fine in [json!(tag()), json!([tag()]), json!(["other", tag()])] {
        assert!(identity(&with("aud", Some(fine))).is_ok());
    }
    for other in [json!(""), json!("other"), json!([]), json!(["other"]), json!(tag().to_uppercase())] {
        assert_eq!(identity(&with("aud", Some(other))), Err(AccessFault::Audience));
    }
    for bad in [json!(null), json!(1), json!({}), json!([tag(), 1]), json!([[tag()]])] {
        assert_eq!(identity(&with("aud", Some(bad))), Err(AccessFault::Type("aud")));
    }
    assert_eq!(identity(&with("aud", None)), Err(AccessFault::Missing("aud")));
}

#[test]
fn it_is_for_now_give_or_take_a_minute() {
    let now = NOW.secs();
    let end = |exp: u64| identity(&with("exp", Some(exp.into())));
    assert!(end(now + 1).is_ok() && end(now - 59).is_ok() && end(u64::MAX).is_ok());
    assert_eq!(end(now - 60), Err(AccessFault::Expired));
    assert_eq!(end(0), Err(AccessFault::Expired));
    assert_eq!(identity(&with("exp", None)), Err(AccessFault::Missing("exp")));
    for claim in ["nbf", "iat"] {
        let begin = |at: u64| identity(&with(claim, Some(at.into())));
        assert!(begin(now).is_ok() && begin(now + 60).is_ok() && identity(&with(claim, None)).is_ok());
        assert_eq!(begin(now + 61), Err(AccessFault::Early(claim)));
        assert_eq!(begin(u64::MAX), Err(AccessFault::Early(claim)));
    }
}

#[test]
fn a_date_is_a_number() {
    let now = NOW.secs() as f64;
    assert!(identity(&with("exp", Some(json!(now + 0.5)))).is_ok());
    assert!(identity(&with("exp", Some(json!(1e300)))).is_ok());
    for claim in ["exp", "nbf", "iat"] {
        for bad in [json!(null), json!("1795521600"), json!(-1), json!(-0.5), json!([]), json!(true)] {
            assert_eq!(identity(&with(claim, Some(bad.clone()))), Err(AccessFault::Type(claim)), "{bad}");
        }
    }
}

#[test]
fn it_names_a_person_or_a_service_token() {
    let id = "f4c1.access";
    let both = |email: Option<Value>, common_name: Option<Value>| {
        let mut claims = with("email", email);
        if let Some(common_name) = common_name {
            claims["common_name"] = common_name;
        }
        identity(&claims)
    };
    let (person, service) = (Identity::Person("ann@example.org".into()), Identity::Service(id.into()));
    assert_eq!(both(Some("ann@example.org".into()), None), Ok(person.clone()));
    assert_eq!(both(Some("ann@example.org".into()), Some(id.into())), Ok(person));
    for absent in [None, Some(json!("")), Some(json!(null))] {
        assert_eq!(both(absent.clone(), Some(id.into())), Ok(service.clone()));
        assert_eq!(both(absent.clone(), None), Err(AccessFault::Nobody));
        assert_eq!(both(absent, Some("".into())), Err(AccessFault::Nobody));
    }
    assert_eq!(both(Some(json!(1)), None), Err(AccessFault::Type("email")));
    assert_eq!(both(None, Some(json!([id]))), Err(AccessFault::Type("common_name")));
    assert_eq!(service.name(), id);
}

#[test]
fn a_name_is_printable_and_not_too_long() {
    let mail = |local: &str| identity(&with("email", Some(format!("{local}@example.org").into())));
    assert!(mail("jörg").is_ok() && mail(&"a".repeat(242)).is_ok());
    for bad in [" ", "a b", "a\n", "a\u{0}", "a\u{7f}", "a\u{202e}b", "a\u{200b}b", "a\u{a0}b", &"a".repeat(243)] {
        assert_eq!(mail(bad), Err(AccessFault::Name("email")), "{bad:?}");
    }
    let mut service = with("email", None);
    service["common_name"] = "a b".into();
    assert_eq!(identity(&service), Err(AccessFault::Name("common_name")));
}

#[test]
fn it_is_over_after_its_end() {
    let hour = Duration::from_secs(3600);
    assert!(identity_at(&good(), NOW.plus(hour)).is_ok());
    assert_eq!(identity_at(&good(), NOW.plus(hour).plus(LEEWAY)), Err(AccessFault::Expired));
}
