//! Paths that nobody would ask for.

use super::route::{RegistryRoute, RequestedContent, route, with_namespace};
use crate::gate::Namespace;
use crate::tests::{Fuzz, folded};

const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

#[test]
fn fuzz_paths() {
    let seeds = [
        "/v2/library/nginx/manifests/1.27?ns=docker.io".to_owned(),
        format!("/v2/a/b/c/blobs/{DIGEST}"),
        "/v2/a/tags/list?n=10&last=b".to_owned(),
        format!("/v2/a/referrers/{DIGEST}?artifactType=application%2Fx&ns=a&ns=b"),
        "/v2/manifests/manifests/manifests".to_owned(),
    ];
    Fuzz::new("paths", &seeds)
        .words(&["/v2/", "manifests", "&ns="])
        .run(|text| {
            let Ok(text) = std::str::from_utf8(text) else {
                return "no text".to_owned();
            };
            let (path, query) = text.split_once('?').unwrap_or((text, ""));
            let namespaces = with_namespace(query, |found| matches!(found, Namespace::Absent));
            match route(path, query) {
                Ok(RegistryRoute::Base) => format!("base {namespaces}"),
                Ok(RegistryRoute::Repository { name, content }) => {
                    assert_means_its_path(path, name, &content);
                    format!("{:?} {namespaces}", std::mem::discriminant(&content))
                }
                Err(error) => folded(error.message),
            }
        });
}

/// Put together again, it is the path that was asked for: nothing was decoded, left out or
/// read twice.
fn assert_means_its_path(path: &str, name: &str, content: &RequestedContent) {
    let end = match content {
        RequestedContent::Manifest(reference) => format!("manifests/{reference}"),
        RequestedContent::Blob(digest) => format!("blobs/{digest}"),
        RequestedContent::Tags(_) => "tags/list".to_owned(),
        RequestedContent::Referrers { digest, .. } => format!("referrers/{digest}"),
    };
    assert_eq!(path, format!("/v2/{name}/{end}"));
}
