//! docs/openapi.json as a judge: of what is asked, and of what is answered.
#![allow(dead_code, reason = "each binary uses a part")]

use serde_json::{Value, json};
use std::fs;
use std::path::Path;

pub struct Contract(Value);

/// A request that the contract knows.
#[derive(Debug)]
pub struct Request {
    pub operation: String,
    /// The last part of the path that the request chose.
    pub chosen: String,
    pub query: Vec<(String, String)>,
}

/// An operation, what the path chooses, and the query.
type Found<'a> = (&'a Value, String, Vec<(String, String)>);

impl Request {
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }
}

impl Contract {
    pub fn read() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
        Self(serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap())
    }

    /// All operations.
    pub fn operations(&self) -> Vec<String> {
        let methods = self.0["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
        methods.map(|operation| operation["operationId"].as_str().unwrap().to_owned()).collect()
    }

    /// Holds a request against the contract: method and target in `line`, query, content type, body.
    pub fn request(&self, line: &str, content_type: Option<&str>, body: &str) -> Result<Request, String> {
        let (operation, chosen, query) = self.find(line)?;
        self.query(operation, &query)?;
        match operation.pointer("/requestBody/content/application~1json/schema") {
            None if body.is_empty() => {}
            None => return Err(format!("{line} has a body")),
            Some(schema) => {
                if content_type != Some("application/json") {
                    return Err(format!("content type {content_type:?}"));
                }
                let value = serde_json::from_str(body).map_err(|error| format!("{body}: {error}"))?;
                self.holds(schema, &value)?;
            }
        }
        Ok(Request { operation: operation["operationId"].as_str().unwrap().to_owned(), chosen, query })
    }

    /// The operation at a method and target, what its path chooses, and the query.
    fn find(&self, line: &str) -> Result<Found<'_>, String> {
        let (method, target) = line.split_once(' ').ok_or("no method")?;
        let url = url::Url::parse(&format!("http://x{target}")).map_err(|error| error.to_string())?;
        // Below the URL of a test CA is the same.
        let within = url.path().strip_prefix("/ca/").and_then(|path| path.find('/').map(|end| &path[end..]));
        let parts: Vec<&str> = within.unwrap_or(url.path()).split('/').collect();
        let fits = |template: &str| {
            let wanted: Vec<&str> = template.split('/').collect();
            wanted.len() == parts.len() && wanted.iter().zip(&parts).all(|(a, b)| a == b || a.starts_with('{'))
        };
        let paths = self.0["paths"].as_object().unwrap();
        // A path without a choice goes before one with: `policy/check` is no name.
        let mut found: Vec<_> = paths.iter().filter(|(template, _)| fits(template)).collect();
        found.sort_by_key(|(template, _)| template.matches('{').count());
        let (template, path) = found.first().ok_or_else(|| format!("no path fits {line}"))?;
        let operation = path.get(method.to_lowercase()).ok_or_else(|| format!("{template} has no {method}"))?;
        let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let chosen = template.split('/').zip(&parts).filter(|(part, _)| part.starts_with('{')).map(|(_, part)| *part);
        Ok((operation, chosen.last().unwrap_or_default().to_owned(), query))
    }

    fn query(&self, operation: &Value, query: &[(String, String)]) -> Result<(), String> {
        let known = operation["parameters"].as_array().into_iter().flatten();
        let known: Vec<&Value> = known.filter(|one| one["in"] == "query").collect();
        for (name, text) in query {
            let parameter = known.iter().find(|one| one["name"] == name.as_str());
            let schema = &parameter.ok_or_else(|| format!("no parameter {name}"))?["schema"];
            let value = match schema["type"].as_str() {
                Some("integer") => json!(text.parse::<i64>().map_err(|_| format!("{name}={text}"))?),
                _ => json!(text),
            };
            self.holds(schema, &value)?;
        }
        Ok(())
    }

    /// The id of the operation at a method and target.
    pub fn operation(&self, line: &str) -> Result<String, String> {
        self.find(line).map(|(operation, ..)| operation["operationId"].as_str().unwrap().to_owned())
    }

    /// Checks an answer against the contract; a text body is not JSON.
    #[track_caller]
    pub fn answer(&self, operation: &str, status: u16, media_type: Option<&str>, body: &Value) {
        let paths = self.0["paths"].as_object().unwrap().values();
        let mut methods = paths.flat_map(|path| path.as_object().unwrap().values());
        let found = methods.find(|one| one["operationId"] == operation).unwrap();
        let exact = found["responses"].get(status.to_string());
        let response = exact.unwrap_or(&found["responses"][format!("{}XX", status / 100)]);
        let response = match response["$ref"].as_str() {
            Some(at) => self.0.pointer(at.trim_start_matches('#')).unwrap(),
            None => response,
        };
        let content = response["content"].as_object().unwrap_or_else(|| panic!("{operation} has no {status}"));
        let content = match media_type.and_then(|found| found.split(';').next()) {
            Some(found) => content.get(found).unwrap_or_else(|| panic!("{operation}: no {found} with {status}")),
            None => content.values().next().unwrap(),
        };
        if let (Err(wrong), false) = (self.holds(&content["schema"], body), body.is_string()) {
            panic!("{operation}: {wrong}: {body:#}");
        }
    }

    fn holds(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let whole = json!({"components": self.0["components"], "allOf": [schema]});
        let validator = jsonschema::options().should_validate_formats(true).build(&whole).unwrap();
        let wrong: Vec<String> =
            validator.iter_errors(value).map(|wrong| format!("{wrong} at {}", wrong.instance_path())).collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
    }
}

#[test]
fn contract_check_refuses_undocumented_answers() {
    let contract = Contract::read();
    let judged = |line: &str, body: &str| contract.request(line, Some("application/json"), body);
    assert_eq!(judged("GET /admin/v1/certificates/0a/pem", "").unwrap().operation, "downloadCertificate");
    assert_eq!(contract.operation("GET /admin/v1/status").unwrap(), "status");
    assert_eq!(judged("POST /admin/v1/policy/check", r#"{"identifiers":["a"]}"#).unwrap().operation, "checkPolicy");
    for (line, body) in [
        ("GET /admin/v1/nothing", ""),
        ("PUT /admin/v1/policy", "{}"),
        ("GET /admin/v1/audit?page=2", ""),
        ("GET /admin/v1/audit?limit=201", ""),
        ("GET /admin/v1/certificates?status=odd", ""),
        ("GET /admin/v1/status", "{}"),
        ("POST /admin/v1/policy", ""),
        ("POST /admin/v1/policy", r#"{"alow":[]}"#),
        ("POST /admin/v1/policy/check", "{}"),
        ("POST /admin/v1/external-accounts", r#"{"uses":"twice"}"#),
    ] {
        assert!(judged(line, body).is_err(), "{line} {body}");
    }
}
