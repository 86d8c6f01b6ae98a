//! Lists of referrers (distribution-spec, "Listing Referrers"): read strictly, and
//! written anew from what was read, so that nothing unknown is handed on.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    Descriptor, Digest, JsonError, JsonLimits, MediaType, StructuralRefusal, read_strict,
    without_controls,
};

/// A manifest that refers to another one, as a list names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrer {
    descriptor: Descriptor,
    /// The manifest's own, as the list repeats them: free text.
    annotations: BTreeMap<String, String>,
}

impl Referrer {
    /// An entry that names a manifest by type, digest and size. `urls` lead to other
    /// places than the gateway, and `data` that differs to other content: refused.
    fn read(value: &Value) -> Result<Self, StructuralRefusal> {
        let descriptor = Descriptor::read(value, "a referrer")?;
        let is_manifest = [MediaType::OCI_MANIFEST, MediaType::OCI_INDEX];
        if !is_manifest.contains(&descriptor.media_type) {
            return Err(StructuralRefusal::Missing("a referrer's media type"));
        }
        let annotations = value["annotations"].as_object().into_iter().flatten();
        let texts = annotations.filter_map(|(key, value)| Some((key, value.as_str()?)));
        let shown = texts.filter(|(key, value)| is_plain(key) && is_plain(value));
        let annotations = shown.map(|(key, value)| (key.clone(), value.to_owned()));
        Ok(Self {
            annotations: annotations.collect(),
            descriptor,
        })
    }

    pub fn digest(&self) -> &Digest {
        &self.descriptor.digest
    }

    /// What kind of artifact it is.
    pub fn artifact_type(&self) -> Option<&MediaType> {
        self.descriptor.artifact_type.as_ref()
    }

    fn write(&self) -> Value {
        let descriptor = &self.descriptor;
        let mut entry = json!({
            "mediaType": descriptor.media_type.as_str(),
            "digest": descriptor.digest.to_string(),
            "size": descriptor.size,
        });
        if let Some(artifact_type) = self.artifact_type() {
            entry["artifactType"] = json!(artifact_type.as_str());
        }
        if !self.annotations.is_empty() {
            entry["annotations"] = json!(self.annotations);
        }
        entry
    }
}

/// Without control and format characters, which would reach terminals.
fn is_plain(text: &str) -> bool {
    let is_control = text.chars().any(char::is_control);
    !is_control && matches!(without_controls(text), Cow::Borrowed(_))
}

/// The entries of an upstream's list. One that is ill-formed is left out.
///
/// # Errors
/// Where the list itself cannot be read, as [`read_strict`] says, or has no
/// `manifests`.
pub fn read_referrers(body: &[u8]) -> Result<Vec<Referrer>, JsonError> {
    let index = read_strict(body, JsonLimits::DOCUMENT)?;
    let entries = index["manifests"].as_array();
    let entries = entries.ok_or(JsonError::Type("manifests"))?.iter();
    Ok(entries.filter_map(|it| Referrer::read(it).ok()).collect())
}

/// The list as it is served: an image index of these entries.
pub fn write_referrers(referrers: &[Referrer]) -> Bytes {
    let entries: Vec<Value> = referrers.iter().map(Referrer::write).collect();
    let index = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_INDEX.as_str(),
        "manifests": entries,
    });
    Bytes::from(index.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Value {
        json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": Digest::sha256(b"x").to_string(),
            "size": 1,
            "artifactType": "application/spdx+json",
            "annotations": { "org.opencontainers.image.created": "2026-07-01" },
        })
    }

    fn handed_on(entries: &[Value]) -> Value {
        let body = json!({ "schemaVersion": 2, "manifests": entries }).to_string();
        let read = read_referrers(body.as_bytes()).unwrap();
        let mut written: Value = serde_json::from_slice(&write_referrers(&read)).unwrap();
        written["manifests"].take()
    }

    #[test]
    fn hands_on_what_it_knows_and_nothing_else() {
        let mut more = entry();
        more["data"] = json!("eA==");
        more["urls"] = json!([]);
        more["platform"] = json!({ "os": "linux", "architecture": "amd64" });
        more["unknown"] = json!({ "run": "this" });
        more["annotations"]["not-text"] = json!(7);
        more["annotations"]["terminal"] = json!("\u{1b}[2J");
        more["annotations"]["reordered"] = json!("a\u{202e}b");
        more["annotations"]["lines"] = json!("a\nb");
        assert_eq!(handed_on(&[entry(), more]), json!([entry(), entry()]));
    }

    #[test]
    fn leaves_out_entries_that_lead_elsewhere_or_are_ill_formed() {
        for (key, value) in [
            ("urls", json!(["https://elsewhere.example/x"])),
            ("data", json!("eQ==")),
            ("digest", json!("sha256:x")),
            ("size", json!(-1)),
            ("mediaType", json!("text/html")),
            ("artifactType", json!(7)),
        ] {
            let mut bent = entry();
            bent[key] = value;
            assert_eq!(handed_on(&[bent, entry()]), json!([entry()]), "{key}");
        }
    }

    #[test]
    fn an_unreadable_list_is_not_an_empty_one() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"manifests":{}}"#,
            r#"{"manifests":[],"manifests":[]}"#,
        ] {
            assert!(read_referrers(body.as_bytes()).is_err(), "{body}");
        }
    }
}
