use super::*;
use crate::ca::http::message::Body;
use crate::ca::testing::World;

fn shown(file: File) -> Response {
    asset(file, World::new().issuer())
}

fn text(response: &Response) -> &str {
    match &response.body {
        Body::Text(text) => text,
        Body::Bytes(_) => panic!("no text"),
    }
}

/// The tags of a document: the text between `<` and `>`.
fn tags(document: &str) -> impl Iterator<Item = &str> {
    document.split('<').skip(1).filter_map(|tag| tag.split_once('>')).map(|(tag, _)| tag)
}

/// The values of an attribute in all tags.
fn values<'a>(document: &'a str, attribute: &str) -> Vec<&'a str> {
    let begin = format!(" {attribute}=\"");
    tags(document).filter_map(|tag| tag.split_once(&begin)?.1.split('"').next()).collect()
}

#[test]
fn page_uses_its_own_origin_only() {
    let page = shown(File::Index);
    let policy = page.header("Content-Security-Policy").unwrap();
    let directives: Vec<&str> = policy.split(';').map(str::trim).collect();
    assert_eq!(
        directives,
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ]
    );
    for (name, value) in [
        ("Content-Type", "text/html; charset=utf-8"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-store"),
    ] {
        assert_eq!(page.header(name), Some(value));
    }
    for (path, media_type) in [("/admin/page.css", "text/css"), ("/admin/page.js", "text/javascript")] {
        let file = shown(File::at(path).unwrap());
        assert_eq!(file.header("Content-Type"), Some(format!("{media_type}; charset=utf-8").as_str()));
        assert_eq!(file.header("X-Content-Type-Options"), Some("nosniff"));
        assert_eq!(file.header("Cache-Control"), Some("public, max-age=300"));
    }
    for path in ["/admin/", "/admin/page.html", "/admin/v1/status", "/page.js", ""] {
        assert!(File::at(path).is_none(), "{path}");
    }
}

#[test]
fn files_have_nothing_inline_or_foreign() {
    let index = text(&shown(File::Index)).to_owned();
    for tag in tags(&index) {
        let name = tag.split_whitespace().next().unwrap_or_default();
        assert!(!["style", "iframe", "object", "embed", "base"].contains(&name), "<{tag}>");
        assert!(!tag.contains(" style=") && !tag.contains(" on"), "<{tag}>");
        assert!(name != "script" || tag.contains(" src=\"/admin/page.js\""), "<{tag}>");
    }
    assert_eq!(index.matches("<script").count(), 1);
    for link in [values(&index, "src"), values(&index, "href")].concat() {
        let local = link.starts_with('#') || link == "data:," || link == "/page.css" || File::at(link).is_some();
        assert!(local, "{link}");
    }
    for (file, banned) in [
        (&index, &["http:", "https:", "\"//"][..]),
        (&STYLE.to_owned(), &["url(", "@import", "http:", "https:"]),
        (
            &SCRIPT.to_owned(),
            &[
                "http:",
                "https:",
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "Function(",
                "import(",
                "style.",
                "setAttribute(\"on",
                "localStorage",
            ],
        ),
    ] {
        for text in banned {
            assert!(!file.contains(text), "{text}");
        }
    }
}

#[test]
fn fields_have_labels_and_ids_are_unique() {
    let labelled = values(INDEX, "for");
    let fields = tags(INDEX).filter(|tag| tag.starts_with("input") || tag.starts_with("select"));
    for field in fields {
        let id = field.split_once("id=\"").unwrap().1.split('"').next().unwrap();
        assert!(labelled.contains(&id), "{field}");
    }
    let mut ids = values(INDEX, "id");
    for named in [values(INDEX, "aria-labelledby"), values(INDEX, "aria-describedby"), labelled].concat() {
        assert!(ids.contains(&named), "{named}");
    }
    ids.sort_unstable();
    assert!(ids.windows(2).all(|two| two[0] != two[1]), "an id stands twice: {ids:?}");
}

#[test]
fn script_finds_its_elements_and_every_link_has_a_view() {
    let ids = values(INDEX, "id");
    let asked = SCRIPT.split(" id(\"").skip(1).filter_map(|rest| rest.split('"').next());
    for name in asked.chain(["view", "who", "views", "who-text"]) {
        assert!(ids.contains(&name), "{name}");
    }
    let views = SCRIPT.split_once("const VIEWS = {").unwrap().1.split_once("};").unwrap().0;
    let links: Vec<&str> = values(INDEX, "href").into_iter().filter_map(|link| link.strip_prefix("#/")).collect();
    assert!(links.len() > 9);
    for link in links {
        let quoted = format!("\"{link}\": [");
        assert!(views.contains(&quoted) || views.contains(&format!(" {link}: [")), "{link} in {views}");
    }
}

#[test]
fn title_has_the_name_of_the_ca() {
    let index = text(&shown(File::Index)).to_owned();
    assert!(
        index.contains(&format!("<title>{}: operations</title>", html::escaped(World::new().issuer().name()))),
        "{index}"
    );
    assert!(!index.contains(NAME));
}
