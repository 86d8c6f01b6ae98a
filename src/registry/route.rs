//! The API on one page: every path of the registry listener.
//!
//! Repository names contain slashes, so a path is read from its end. Nothing is
//! decoded: the grammar of names, tags and digests has no character that needs
//! it, and `%2f` would name what two parsers read differently. Only the colon of a
//! digest may be written as `%3A`, as some clients do.

use std::borrow::Cow;

use crate::gate::Namespace;
use crate::oci::{Digest, MediaType, Reference, RegistryErrorCode, Tag};

/// What a path asks for (distribution-spec, "Endpoints").
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RegistryRoute<'a> {
    /// end-1: is this a registry?
    Base,
    /// Something of a repository.
    Repository {
        name: &'a str,
        content: RequestedContent,
    },
}

/// What of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RequestedContent {
    /// end-3.
    Manifest(Reference),
    /// end-2.
    Blob(Digest),
    /// end-8.
    Tags(TagPageQuery),
    /// end-12.
    Referrers {
        digest: Digest,
        artifact_type: Option<MediaType>,
    },
}

/// Which part of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TagPageQuery {
    pub(super) limit: Option<usize>,
    /// As it was sent: the tag may be gone, or none at all.
    pub(super) last: Option<String>,
}

/// Why a path is no route, with its error code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RouteError {
    pub(super) code: RegistryErrorCode,
    pub(super) message: &'static str,
}

const fn no(code: RegistryErrorCode, message: &'static str) -> RouteError {
    RouteError { code, message }
}

/// Reads path and query of a GET or HEAD.
pub(super) fn route<'a>(path: &'a str, query: &str) -> Result<RegistryRoute<'a>, RouteError> {
    let rest = match path.strip_prefix("/v2") {
        Some("" | "/") => return Ok(RegistryRoute::Base),
        Some(rest) => rest.strip_prefix('/'),
        None => None,
    };
    let rest = rest.ok_or(no(
        RegistryErrorCode::NameUnknown,
        "nothing is served outside of /v2/",
    ))?;
    let (front, last) = split(rest)?;
    let last = &*with_colon(last);
    let (name, kind) = split(front)?;
    let content = match kind {
        "manifests" => RequestedContent::Manifest(reference(last)?),
        "blobs" => RequestedContent::Blob(digest(last)?),
        "referrers" => referrers(last, query)?,
        "tags" if last == "list" => RequestedContent::Tags(page(query)?),
        "uploads" => {
            let why = "this gateway serves pulls only";
            return Err(no(RegistryErrorCode::Unsupported, why));
        }
        _ => {
            let why = "no such path in the distribution API";
            return Err(no(RegistryErrorCode::NameUnknown, why));
        }
    };
    Ok(RegistryRoute::Repository { name, content })
}

fn split(text: &str) -> Result<(&str, &str), RouteError> {
    text.rsplit_once('/').ok_or(no(
        RegistryErrorCode::NameUnknown,
        "no such path in the distribution API",
    ))
}

/// Neither a tag nor a digest has a per cent sign, so nothing reads otherwise than before.
fn with_colon(last: &str) -> Cow<'_, str> {
    match last.split_once("%3A").or_else(|| last.split_once("%3a")) {
        Some((algorithm, hex)) => Cow::Owned(format!("{algorithm}:{hex}")),
        None => Cow::Borrowed(last),
    }
}

fn reference(text: &str) -> Result<Reference, RouteError> {
    if text.contains(':') {
        return Ok(Reference::Digest(digest(text)?));
    }
    let unknown = no(RegistryErrorCode::ManifestUnknown, "that is no tag");
    Ok(Reference::Tag(Tag::parse(text).map_err(|_| unknown)?))
}

fn digest(text: &str) -> Result<Digest, RouteError> {
    Digest::parse(text).map_err(|_| {
        no(
            RegistryErrorCode::DigestInvalid,
            "a digest is sha256: or sha512: and lower-case hexadecimal",
        )
    })
}

fn referrers(last: &str, query: &str) -> Result<RequestedContent, RouteError> {
    let artifact_type = parameter(query, "artifactType").map(|text| MediaType::new(&text));
    Ok(RequestedContent::Referrers {
        digest: digest(last)?,
        artifact_type,
    })
}

fn page(query: &str) -> Result<TagPageQuery, RouteError> {
    let bad_limit = no(RegistryErrorCode::NameInvalid, "n is a number");
    let limit = parameter(query, "n")
        .map(|n| n.parse().map_err(|_| bad_limit))
        .transpose()?;
    let last = parameter(query, "last");
    Ok(TagPageQuery { limit, last })
}

fn parameter(query: &str, name: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// The `ns` of a query: absent, one, or more than one.
pub(super) fn with_namespace<T>(query: &str, then: impl FnOnce(Namespace<'_>) -> T) -> T {
    let mut given = url::form_urlencoded::parse(query.as_bytes())
        .filter(|(key, _)| key == "ns")
        .map(|(_, value)| value);
    match (given.next(), given.next()) {
        (None, _) => then(Namespace::Absent),
        (Some(ns), None) => then(Namespace::Named(&ns)),
        (Some(_), Some(_)) => then(Namespace::Repeated),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_with_slashes_from_the_end() {
        let path = "/v2/docker.io/library/manifests/manifests/latest";
        let name = "docker.io/library/manifests";
        let content = RequestedContent::Manifest(Reference::Tag(Tag::latest()));
        assert_eq!(
            route(path, ""),
            Ok(RegistryRoute::Repository { name, content })
        );
    }

    #[test]
    fn knows_every_pull_endpoint() {
        let digest = Digest::sha256(b"");
        let name = "a/b";
        let wants = |content| Ok(RegistryRoute::Repository { name, content });
        assert_eq!(route("/v2/", ""), Ok(RegistryRoute::Base));
        assert_eq!(
            route(&format!("/v2/a/b/blobs/{digest}"), ""),
            wants(RequestedContent::Blob(digest.clone()))
        );
        let page = TagPageQuery {
            limit: Some(2),
            last: Some("v1".to_owned()),
        };
        assert_eq!(
            route("/v2/a/b/tags/list", "n=2&last=v1"),
            wants(RequestedContent::Tags(page))
        );
        let artifact_type = Some(MediaType::new("a/b+json"));
        assert_eq!(
            route(
                &format!("/v2/a/b/referrers/{digest}"),
                "artifactType=a%2Fb%2Bjson"
            ),
            wants(RequestedContent::Referrers {
                digest,
                artifact_type
            })
        );
    }

    #[test]
    fn the_colon_of_a_digest_may_be_escaped_and_nothing_else() {
        let digest = Digest::sha256(b"");
        let written = |kind: &str, text: &str| {
            let path = format!("/v2/a/b/{kind}/{text}");
            route(&path, "").is_ok_and(|found| {
                let RegistryRoute::Repository { content, .. } = found else {
                    return false;
                };
                content == RequestedContent::Blob(digest.clone())
                    || content == RequestedContent::Manifest(Reference::Digest(digest.clone()))
            })
        };
        let hex = digest.hex();
        for colon in ["%3A", "%3a"] {
            assert!(written("blobs", &format!("sha256{colon}{hex}")));
            assert!(written("manifests", &format!("sha256{colon}{hex}")));
        }
        for other in [
            format!("sha256%253A{hex}"),
            format!("sha256%3A%3A{hex}"),
            format!("sh%612563%3A{hex}"),
            format!("x%2fsha256%3A{hex}"),
        ] {
            assert!(!written("blobs", &other), "{other}");
            assert!(!written("manifests", &other), "{other}");
        }
        assert!(route("/v2/a%3Ab/manifests/1", "").is_ok_and(|found| {
            matches!(found, RegistryRoute::Repository { name: "a%3Ab", .. })
        }));
    }

    #[test]
    fn an_ill_formed_digest_is_invalid_and_an_ill_formed_tag_unknown() {
        let code = |path: &'static str| route(path, "").map_err(|no| no.code);
        assert_eq!(
            code("/v2/a/blobs/sha256:zz"),
            Err(RegistryErrorCode::DigestInvalid)
        );
        assert_eq!(
            code("/v2/a/manifests/sha256:zz"),
            Err(RegistryErrorCode::DigestInvalid)
        );
        assert_eq!(
            code("/v2/a/manifests/-x"),
            Err(RegistryErrorCode::ManifestUnknown)
        );
        assert_eq!(
            code("/v2/a/blobs/uploads/"),
            Err(RegistryErrorCode::Unsupported)
        );
        assert_eq!(
            code("/v2/a/manifests/1/"),
            Err(RegistryErrorCode::NameUnknown)
        );
        assert_eq!(code("/v2/_catalog"), Err(RegistryErrorCode::NameUnknown));
        assert_eq!(code("/etc/passwd"), Err(RegistryErrorCode::NameUnknown));
    }

    #[test]
    fn counts_the_namespaces() {
        let read = |query: &str| with_namespace(query, |ns| format!("{ns:?}"));
        assert_eq!(read(""), "Absent");
        assert_eq!(
            read("ns=registry.corp%3A5000"),
            "Named(\"registry.corp:5000\")"
        );
        assert_eq!(read("ns=a&ns=b"), "Repeated");
        assert_eq!(read("ns="), "Named(\"\")");
    }
}
