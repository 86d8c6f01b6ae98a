//! Which page a path means, and what its query says.

use http::request::Parts;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// `/v2/`
    Base,
    Manifest,
    Blob,
    Tags,
    Referrers,
    /// The registry's own token server.
    Token,
    Other,
}

pub(super) struct DemoRoute {
    pub kind: RequestKind,
    pub repository: String,
    /// A tag or digest; empty where the kind has none.
    pub reference: String,
}

impl DemoRoute {
    pub(super) fn parse(path: &str) -> Self {
        let new = |kind, repository: &str, reference: &str| Self {
            kind,
            repository: repository.to_owned(),
            reference: reference.to_owned(),
        };
        match path {
            "/v2/" | "/v2" => return new(RequestKind::Base, "", ""),
            "/token" => return new(RequestKind::Token, "", ""),
            _ => {}
        }
        let rest = path.strip_prefix("/v2/").unwrap_or_default();
        if let Some(name) = rest.strip_suffix("/tags/list") {
            return new(RequestKind::Tags, name, "");
        }
        for (word, kind) in [
            ("/manifests/", RequestKind::Manifest),
            ("/blobs/", RequestKind::Blob),
            ("/referrers/", RequestKind::Referrers),
        ] {
            if let Some((name, reference)) = rest.rsplit_once(word) {
                return new(kind, name, reference);
            }
        }
        new(RequestKind::Other, "", path)
    }
}

/// The value of `key` in the query.
pub(super) fn query(parts: &Parts, key: &str) -> Option<String> {
    let query = parts.uri.query().unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs
        .find(|(name, _)| name == key)
        .map(|(_, value)| value.into_owned())
}
