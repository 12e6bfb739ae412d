//! The check of Cloudflare's cache.

use super::*;

#[test]
fn cloudflares_cache_is_before_public_resources_alone() {
    const ON: &str = "[cache]\nenabled = true\n";
    const NOT_DEFAULT: &str = "[exports.default]\ntype = 'worker'\ncache = { enabled = false }\n";
    const CACHED: &str = "[exports.Cached]\ntype = 'worker'\ncache = { enabled = true }\n";
    let found = |tables: &str, var: Option<&str>| {
        let mut scene = Scene::new();
        scene.top = String::leak(format!("{TOP}\n{tables}"));
        if let Some(var) = var {
            scene.set("WORKERS_CACHE", var);
        }
        scene.found().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let all = format!("{ON}{NOT_DEFAULT}{CACHED}");
    assert_eq!(found(&all, Some("true")), "");
    assert_eq!(found("", None), "");
    assert_eq!(found("", Some("false")), "");
    let for_all = found(ON, Some("true"));
    assert!(for_all.contains("on for all requests") && for_all.contains("HEAD of new-nonce"), "{for_all}");
    assert!(found(&all, None).contains("WORKERS_CACHE is not on and Cloudflare's cache is on"));
    assert!(found("", Some("true")).contains("WORKERS_CACHE is on and Cloudflare's cache is not on"));
    assert!(found("", Some("yes")).contains("WORKERS_CACHE"), "the Worker's reader");
}
