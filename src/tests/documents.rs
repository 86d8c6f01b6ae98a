//! Manifests and configs: what the strict reader takes, a lenient one reads as the same.

use bytes::Bytes;
use serde_json::Value;

use super::repeated_keys::has_repeated_key;
use super::{Fuzz, folded};
use crate::oci::{Descriptor, ImageConfig, Manifest, MediaType, read_referrers};

const INDEX: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[
{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":7,"digest":"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
"platform":{"architecture":"arm64","os":"linux","variant":"v8","os.features":["x"]},"annotations":{"a":"1","A":"2"}}]}"#;
const IMAGE: &str = r#"{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,
"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","data":"e30="},"layers":[
{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","size":9,"digest":"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}],
"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":7,"digest":"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
"artifactType":"application/x"}"#;
const CONFIG: &str = r#"{"architecture":"amd64","os":"linux","variant":"v2","config":{"Env":["A=b"],"Labels":{"a":"1","A":"2"}},
"rootfs":{"type":"layers","diff_ids":["sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]},"history":[{"created_by":"x"}]}"#;

const WORDS: &[&str] = &[
    "manifests",
    "layers",
    "config",
    "mediaType",
    "fsLayers",
    "urls",
    "subject",
    "platform",
    "\"data\":\"\"",
    "schemaVersion",
    "2.0",
    "os",
    "unknown",
    "diff_ids",
    "annotations",
];

/// The same document as a lenient reader has it: the last of equal keys, other white space
/// and another order. `None` where it reads nothing at all.
fn printed(text: &[u8]) -> Option<Vec<u8>> {
    let value: Value = serde_json::from_slice(text).ok()?;
    serde_json::to_vec_pretty(&value).ok()
}

/// Whether what is taken is one JSON value without a repeated key, and nothing behind it.
fn assert_plain(text: &[u8], read: impl Fn(&[u8]) -> bool) {
    let words = std::str::from_utf8(text).unwrap();
    assert!(!has_repeated_key(words), "{words}");
    for behind in ["{}", "x", "\0", "\u{feff}"] {
        assert!(
            !read(&[text, behind.as_bytes()].concat()),
            "{words}{behind}"
        );
    }
}

fn manifest(text: &[u8], media_type: &MediaType) -> Result<Vec<Descriptor>, String> {
    let read = Manifest::parse(Bytes::copy_from_slice(text), media_type);
    let manifest = read.map_err(|refusal| folded(&refusal.to_string()))?;
    let children = manifest.children().iter().chain(manifest.blobs());
    Ok(children.chain(manifest.subject()).cloned().collect())
}

#[test]
fn fuzz_manifests() {
    let docker = |text: &str| text.replace("oci.image.", "docker.distribution.");
    let seeds = [INDEX, IMAGE, &docker(INDEX), &docker(IMAGE)].map(str::to_owned);
    let types = [
        MediaType::OCI_INDEX,
        MediaType::OCI_MANIFEST,
        MediaType::DOCKER_LIST,
        MediaType::DOCKER_MANIFEST,
    ];
    Fuzz::new("manifests", &seeds).words(WORDS).run(|text| {
        let outcomes = types
            .each_ref()
            .map(|media_type| match manifest(text, media_type) {
                Ok(found) => {
                    assert_plain(text, |text| manifest(text, media_type).is_ok());
                    let again = printed(text).map(|text| manifest(&text, media_type));
                    assert_eq!(again, Some(Ok(found.clone())));
                    format!("{} taken", found.len().min(4))
                }
                Err(why) => why,
            });
        outcomes.join("; ")
    });
}

#[test]
fn fuzz_configs() {
    let read = |text: &[u8]| ImageConfig::parse(text).map_err(|why| folded(&why.to_string()));
    Fuzz::new("configs", &[CONFIG, "{}"])
        .words(WORDS)
        .run(|text| match read(text) {
            Ok(found) => {
                assert_plain(text, |text| read(text).is_ok());
                assert_eq!(
                    printed(text).map(|text| read(&text)),
                    Some(Ok(found.clone()))
                );
                format!("{} layers", found.diff_ids().len().min(4))
            }
            Err(why) => why,
        });
}

#[test]
fn fuzz_lists_of_referrers() {
    let read = |text: &[u8]| read_referrers(text).map_err(|why| folded(&why.to_string()));
    Fuzz::new("referrers", &[INDEX])
        .words(WORDS)
        .run(|text| match read(text) {
            Ok(found) => {
                assert_plain(text, |text| read(text).is_ok());
                format!("{} referrers", found.len().min(4))
            }
            Err(why) => why,
        });
}
