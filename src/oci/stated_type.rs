//! The type of a manifest that was sent as nothing in particular.
//!
//! Some registries, and the stores and proxies before them, send manifests as
//! `application/json`, `text/plain` or without a Content-Type. Clients then read the
//! body's `mediaType`, or its shape (image-spec, "Guidelines for Artifact Usage" and
//! "Backwards compatibility"); so does this. A Content-Type that does say what it is
//! stands, and must agree with the body ([`Manifest::parse`](super::Manifest::parse)).

use serde_json::Value;

use super::{JsonLimits, MediaType, read_strict};

/// What `body` is to be read as: what it was `sent` as, unless that says nothing; then
/// what the body says. Where neither does, a type that no parser of manifests takes.
pub fn manifest_type(sent: Option<MediaType>, body: &[u8]) -> MediaType {
    let sent = sent.unwrap_or(MediaType::OCTET_STREAM);
    match sent.is_unspecific() {
        true => stated_type(body).unwrap_or(sent),
        false => sent,
    }
}

fn stated_type(body: &[u8]) -> Option<MediaType> {
    let value = read_strict(body, JsonLimits::DOCUMENT).ok()?;
    match value.get("mediaType") {
        None | Some(Value::Null) => by_shape(&value),
        Some(Value::String(text)) if text.is_empty() => by_shape(&value),
        Some(Value::String(text)) => MediaType::parse(text).ok(),
        Some(_) => None,
    }
}

/// Only the OCI's types may be left out of a body, and those of schema 1 never stood in
/// one. A body with the keys of several is refused later.
fn by_shape(value: &Value) -> Option<MediaType> {
    let has = |key| value.get(key).is_some();
    if has("fsLayers") || has("history") {
        Some(MediaType::DOCKER_SCHEMA1)
    } else if has("manifests") {
        Some(MediaType::OCI_INDEX)
    } else if has("config") || has("layers") {
        Some(MediaType::OCI_MANIFEST)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAY_NOTHING: [&str; 9] = [
        "",
        "application/json",
        "Application/JSON; charset=utf-8",
        "text/plain",
        "text/html",
        "application/octet-stream",
        "binary/octet-stream",
        "text/json",
        "json",
    ];

    fn read_as(sent: &str, body: &str) -> MediaType {
        manifest_type(Some(MediaType::new(sent)), body.as_bytes())
    }

    #[test]
    fn a_body_says_what_it_is_where_its_content_type_does_not() {
        for (body, found) in [
            (
                r#"{"mediaType":"application/vnd.docker.distribution.manifest.v2+json"}"#,
                MediaType::DOCKER_MANIFEST,
            ),
            (
                r#"{"mediaType":"application/vnd.oci.image.index.v1+json"}"#,
                MediaType::OCI_INDEX,
            ),
            (
                r#"{"schemaVersion":2,"manifests":[]}"#,
                MediaType::OCI_INDEX,
            ),
            (
                r#"{"mediaType":"","config":{},"layers":[]}"#,
                MediaType::OCI_MANIFEST,
            ),
            (
                r#"{"schemaVersion":1,"fsLayers":[],"history":[]}"#,
                MediaType::DOCKER_SCHEMA1,
            ),
        ] {
            for sent in SAY_NOTHING {
                assert_eq!(read_as(sent, body), found, "{sent} {body}");
            }
            assert_eq!(manifest_type(None, body.as_bytes()), found);
        }
    }

    #[test]
    fn a_content_type_that_says_it_stands() {
        let index = r#"{"mediaType":"application/vnd.oci.image.index.v1+json"}"#;
        for sent in [
            MediaType::OCI_MANIFEST,
            MediaType::DOCKER_SCHEMA1,
            MediaType::new("application/vnd.example+json"),
        ] {
            assert_eq!(manifest_type(Some(sent.clone()), index.as_bytes()), sent);
        }
    }

    #[test]
    fn a_body_that_does_not_say_it_is_no_manifest() {
        for body in [
            "",
            "<html>",
            "[]",
            "7",
            "{}",
            r#"{"mediaType":7}"#,
            r#"{"mediaType":"a"}"#,
            r#"{"manifests":[],"manifests":[]}"#,
        ] {
            let found = manifest_type(None, body.as_bytes());
            assert!(found.is_unspecific(), "{body}: {found}");
        }
    }
}
