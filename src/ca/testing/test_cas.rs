//! The test CAs of a world.

use super::answered::Answered;
use super::world::{BASE, World};
use crate::ca::config::test_cas::TestCas;
use crate::ca::http::message::Request;
use crate::ca::http::routes::Urls;
use crate::records::operations::test_ca::TestAuthority;
use crate::values::{Id, Time};
use serde_json::Value;
use std::rc::Rc;

/// A test CA as its maker got it.
pub struct MadeTestCa {
    /// The world, whose clients use it.
    pub world: World,
    /// Its id.
    pub id: Id,
    /// Its token for operations.
    pub token: String,
    /// The answer of its making.
    pub answer: Value,
}

impl World {
    /// The URLs.
    pub fn urls(&self) -> &Urls {
        &self.seen.as_ref().unwrap_or(&self.settings).urls
    }

    /// The same CA with test CAs, which every sender may make.
    pub fn with_test_cas(&self) -> Self {
        self.reconfigured(|settings| settings.test_cas = TestCas::On)
    }

    /// Makes a test CA by a plain POST.
    pub fn make_test_ca(&self) -> MadeTestCa {
        let answer = self.ask("POST", "/ca").is(201).json();
        self.made_test_ca(answer)
    }

    /// The test CA of this answer.
    pub fn made_test_ca(&self, answer: Value) -> MadeTestCa {
        let text = |name: &str| answer[name].as_str().expect("a text").to_owned();
        let id = Id::parse(&text("id")).expect("an id");
        let row = self.rows().remove(&(format!("testca/{id}"), "testca".to_owned())).expect("a record");
        let facts: TestAuthority = serde_json::from_str(&row).expect("its facts");
        MadeTestCa { world: self.seen_at(&id, &facts), id, token: text("token"), answer }
    }

    /// The same CA, whose clients use this test CA.
    pub fn seen_at(&self, id: &Id, facts: &TestAuthority) -> Self {
        let seen = self.settings.of_test_ca(id, facts).expect("a test CA's settings");
        let mut view = self.clone();
        view.seen = Some(Rc::new(seen));
        view
    }

    /// The path of a resource at the CA that clients of this handle use.
    pub fn path(&self, path: &str) -> String {
        self.urls().of_path(path).strip_prefix(BASE).expect("a URL of this server").to_owned()
    }
}

impl MadeTestCa {
    /// Another handle to the same.
    pub fn view(&self) -> Self {
        Self { world: self.world.clone(), id: self.id.clone(), token: self.token.clone(), answer: self.answer.clone() }
    }

    /// Sends an operator's request to it.
    pub fn operate(&self, method: &str, resource: &str, body: Option<&Value>) -> Answered {
        self.world.send(Request {
            method: method.to_owned(),
            path: self.world.path(&format!("/admin/v1/{resource}")),
            content_type: body.map(|_| "application/json".to_owned()),
            authorization: Some(format!("Bearer {}", self.token)),
            body: Some(body.map_or_else(Vec::new, |body| body.to_string().into_bytes())),
            ..Request::default()
        })
    }

    /// Changes its clock.
    pub fn set_clock(&self, change: &Value) -> Answered {
        self.operate("POST", "clock", Some(change))
    }

    /// The time that its clock shows.
    pub fn now(&self) -> Time {
        let shown = self.operate("GET", "clock", None).is(200).json();
        Time::parse_rfc3339(shown["now"].as_str().expect("a time")).expect("a time")
    }

    /// Ends it.
    pub fn end(&self) {
        self.operate("POST", "end", Some(&serde_json::json!({}))).is(200);
    }
}
