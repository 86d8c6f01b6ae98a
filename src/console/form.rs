//! Forms: read within bounds, and believed only from this site.

use std::collections::HashMap;

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::{HeaderMap, header};
use url::form_urlencoded;

use super::page_error::PageError;
use super::state::Console;
use super::visit::Visit;

/// The longest form, in bytes.
const MAX_FORM_BYTES: usize = 64 << 10;

/// What a form of this very site says. Whoever is signed in sent it from a page of their
/// own session; before there is one, only sign-in takes it.
pub(super) struct Form {
    pub visit: Visit,
    fields: HashMap<String, String>,
}

impl Form {
    /// A field without the space around it; empty where there is none.
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |text| text.trim())
    }
}

impl FromRequest<Console> for Form {
    type Rejection = PageError;

    async fn from_request(request: Request, console: &Console) -> Result<Self, PageError> {
        let (mut parts, body) = request.into_parts();
        let visit = Visit::from_request_parts(&mut parts, console).await?;
        if !is_of_this_site(&parts.headers, &console.public_origin) {
            return Err(visit.foreign());
        }
        let body = axum::body::to_bytes(body, MAX_FORM_BYTES).await;
        let body = body.map_err(|_| visit.bad_request("the form is too long, or broke off"))?;
        let fields: HashMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
        let key = fields.get("key").map_or("", String::as_str);
        if visit
            .session()
            .is_some_and(|session| !session.form_key.is(key))
        {
            return Err(visit.foreign());
        }
        Ok(Self {
            visit: visit.of_own_form(),
            fields,
        })
    }
}

/// Browsers say on every form from which site it is sent; pages on another port of the
/// same host are another one.
fn is_of_this_site(headers: &HeaderMap, public_origin: &str) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = text(header::ORIGIN) else {
        return false;
    };
    let here = origin.split_once("://").map(|(_, authority)| authority);
    let host = text(header::HOST);
    origin.eq_ignore_ascii_case(public_origin)
        || here
            .zip(host)
            .is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_site_send_forms() {
        let told = |origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "127.0.0.1:5081".parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            is_of_this_site(&headers, "https://sekisho.example")
        };
        assert!(told(Some("http://127.0.0.1:5081")) && told(Some("https://sekisho.example")));
        for foreign in [
            None,
            Some("null"),
            Some("http://127.0.0.1:8080"),
            Some("http://sekisho.example"),
            Some("https://sekisho.example.evil"),
            Some("https://evil.example"),
            Some(""),
        ] {
            assert!(!told(foreign), "{foreign:?}");
        }
    }
}
