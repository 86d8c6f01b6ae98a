//! Who opens pages as a browser does: with a cookie, and forms from this site.

use crate::kit::lab::{Answer, Ask, Lab};

/// A browser without scripts.
pub struct Visitor<'a> {
    lab: &'a Lab,
    cookie: String,
}

pub const HTML: &str = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";

impl<'a> Visitor<'a> {
    pub fn new(lab: &'a Lab) -> Self {
        Self {
            lab,
            cookie: String::new(),
        }
    }

    /// Signed in with that token.
    pub async fn with(lab: &'a Lab, token: &str) -> Self {
        let mut visitor = Self::new(lab);
        let answer = visitor.post("/sign-in", &[("token", token)]).await;
        assert_eq!(answer.status, 303, "{} {}", answer.head, answer.text());
        visitor.keep(&answer);
        visitor
    }

    /// Keeps the cookie of an answer.
    pub fn keep(&mut self, answer: &Answer) {
        let cookie = answer.header("set-cookie").unwrap();
        self.cookie = cookie.split(';').next().unwrap().to_owned();
    }

    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    fn ask(&self, method: &str, path: &str) -> Ask {
        let ask = self.lab.nobody(method, path).header("accept", HTML);
        match self.cookie.is_empty() {
            true => ask,
            false => ask.header("cookie", &format!("a=b; {}", self.cookie)),
        }
    }

    pub async fn open(&self, path: &str) -> Answer {
        self.ask("GET", path).send().await
    }

    /// A page that opens.
    #[track_caller]
    pub fn shown(&self, path: &str) -> impl Future<Output = String> {
        let asked = self.open(path);
        async move {
            let answer = asked.await;
            assert_eq!(answer.status, 200, "{} {}", answer.head, answer.text());
            answer.text()
        }
    }

    /// A form as a page of this site sends it, without a key.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let origin = self.lab.server();
        self.form(path, fields)
            .header("origin", &origin)
            .send()
            .await
    }

    pub fn form(&self, path: &str, fields: &[(&str, &str)]) -> Ask {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        self.ask("POST", path)
            .body("application/x-www-form-urlencoded", body.finish())
    }

    /// The key that forms of this session carry.
    pub async fn key(&self) -> String {
        let page = self.shown("/").await;
        let (_, behind) = page.split_once("name=\"key\" value=\"").unwrap();
        behind.split('"').next().unwrap().to_owned()
    }
}
