//! Who may pull: anybody, those with a password, those with a token.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use serde_json::json;

use super::answer::{DemoAnswer, page};
use super::route::{DemoRoute, query};

/// How the registry authenticates.
#[derive(Clone, Debug, Default)]
pub enum DemoAuth {
    #[default]
    Open,
    Basic(Login),
    Bearer(Bearer),
}

#[derive(Clone, Debug)]
pub struct Login {
    pub username: String,
    pub password: String,
}

/// Tokens from the registry's own `/token`, unless `realm` says otherwise.
#[derive(Clone, Debug, Default)]
pub struct Bearer {
    /// Who gets a token; anybody if absent.
    pub login: Option<Login>,
    /// Another realm to challenge with.
    pub realm: Option<String>,
    /// `expires_in` of the tokens, in seconds.
    pub expires_in: Option<u64>,
}

impl Login {
    pub fn new(username: &str, password: &str) -> Self {
        Self {
            username: username.to_owned(),
            password: password.to_owned(),
        }
    }

    fn matches(&self, headers: &HeaderMap) -> bool {
        let pair = format!("{}:{}", self.username, self.password);
        authorization(headers) == Some(&format!("Basic {}", BASE64_STANDARD.encode(pair)))
    }
}

/// Tokens given, with the scope of each.
#[derive(Default)]
pub(super) struct IssuedTokens(Mutex<Tokens>);

#[derive(Default)]
struct Tokens {
    count: usize,
    scopes: HashMap<String, String>,
}

impl IssuedTokens {
    /// Forgets every token; each is answered with a challenge from now on.
    pub(super) fn clear(&self) {
        self.lock().scopes.clear();
    }

    fn give(&self, scope: String) -> String {
        let mut tokens = self.lock();
        tokens.count += 1;
        let token = format!("token-{}", tokens.count);
        tokens.scopes.insert(token.clone(), scope);
        token
    }

    fn allows(&self, headers: &HeaderMap, scope: &str) -> bool {
        let token = authorization(headers).and_then(|text| text.strip_prefix("Bearer "));
        token.is_some_and(|token| {
            self.lock()
                .scopes
                .get(token)
                .is_some_and(|had| had == scope)
        })
    }

    fn lock(&self) -> MutexGuard<'_, Tokens> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DemoAuth {
    /// The challenge to answer with, if `parts` may not pull.
    pub(super) fn challenge(
        &self,
        parts: &Parts,
        route: &DemoRoute,
        issued: &IssuedTokens,
        origin: &str,
    ) -> Option<String> {
        let scope = format!("repository:{}:pull", route.repository);
        match self {
            Self::Open => None,
            Self::Basic(login) if login.matches(&parts.headers) => None,
            Self::Basic(_) => Some("Basic realm=\"demo\"".to_owned()),
            Self::Bearer(_) if issued.allows(&parts.headers, &scope) => None,
            Self::Bearer(bearer) => {
                let own = format!("{origin}/token");
                let realm = bearer.realm.as_ref().unwrap_or(&own);
                Some(format!(
                    "Bearer realm=\"{realm}\",service=\"demo\",scope=\"{scope}\""
                ))
            }
        }
    }

    /// Answers a request to `/token`.
    pub(super) fn token(&self, parts: &Parts, issued: &IssuedTokens) -> DemoAnswer {
        let Self::Bearer(bearer) = self else {
            return page(StatusCode::NOT_FOUND, "");
        };
        let login = bearer.login.as_ref();
        if login.is_some_and(|login| !login.matches(&parts.headers)) {
            return page(StatusCode::UNAUTHORIZED, "");
        }
        let token = issued.give(query(parts, "scope").unwrap_or_default());
        let mut body = json!({ "token": token });
        if let Some(seconds) = bearer.expires_in {
            body["expires_in"] = json!(seconds);
        }
        page(StatusCode::OK, body.to_string())
    }
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()
}
