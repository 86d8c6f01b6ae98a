//! Image configs (image-spec, config.md): what an image runs on, and which
//! layers it is made of.

use serde_json::Value;

use super::descriptor::platform_of;
use super::json::JsonObject;
use super::{Digest, JsonLimits, Platform, StructuralRefusal, read_strict};

const CONFIG_KEYS: &[&str] = &[
    "architecture",
    "os",
    "os.version",
    "os.features",
    "variant",
    "rootfs",
    "config",
    "history",
];

const ROOTFS_KEYS: &[&str] = &["type", "diff_ids"];

/// The part of an image config that judgement needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageConfig {
    platform: Option<Platform>,
    states_variant: bool,
    diff_ids: Vec<Digest>,
}

impl ImageConfig {
    /// Reads a config of at most 4 MiB, by the same strict reader as manifests.
    ///
    /// # Errors
    /// [`StructuralRefusal`] for what is no config, or ambiguous.
    pub fn parse(bytes: &[u8]) -> Result<Self, StructuralRefusal> {
        let value = read_strict(bytes, JsonLimits::DOCUMENT)?;
        let object = JsonObject::new(&value, "the config", CONFIG_KEYS)?;
        Ok(Self {
            platform: platform_of(&object)?,
            states_variant: states_variant(&object)?,
            diff_ids: object.get("rootfs").map_or(Ok(Vec::new()), read_rootfs)?,
        })
    }

    /// Operating system and architecture. Absent from what is no image, such as
    /// the signatures that cosign stores with an image's config type.
    pub fn platform(&self) -> Option<&Platform> {
        self.platform.as_ref()
    }

    /// Whether the variant of [`Self::platform`] is said, and not the usual one for want of
    /// a word.
    pub(super) fn states_variant(&self) -> bool {
        self.states_variant
    }

    /// Digests of the unpacked layers, lowest first.
    pub fn diff_ids(&self) -> &[Digest] {
        &self.diff_ids
    }
}

fn states_variant(object: &JsonObject<'_>) -> Result<bool, StructuralRefusal> {
    let is_named = object
        .text("architecture")?
        .is_some_and(Platform::names_variant);
    let variant = object.text("variant")?.unwrap_or_default();
    Ok(is_named || !variant.is_empty())
}

fn read_rootfs(value: &Value) -> Result<Vec<Digest>, StructuralRefusal> {
    let object = JsonObject::new(value, "rootfs", ROOTFS_KEYS)?;
    if object.text("type")?.is_some_and(|kind| kind != "layers") {
        return Err(StructuralRefusal::RootFs);
    }
    let diff_ids = object.array("diff_ids")?.unwrap_or_default();
    diff_ids.iter().map(read_diff_id).collect()
}

fn read_diff_id(value: &Value) -> Result<Digest, StructuralRefusal> {
    let text = value.as_str().ok_or(StructuralRefusal::Digest)?;
    Digest::parse(text).map_err(|_| StructuralRefusal::Digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::JsonError;

    #[test]
    fn reads_platform_and_diff_ids() {
        let layer = Digest::sha256(b"layer");
        let text = format!(
            r#"{{"architecture":"arm64","variant":"v8","os":"linux","created":"2024-05-01T00:00:00Z",
            "config":{{"Env":["A=b"],"Labels":{{"a":"1","A":"2"}}}},
            "rootfs":{{"type":"layers","diff_ids":["{layer}"]}},"history":[{{"created_by":"x"}}]}}"#
        );
        let config = ImageConfig::parse(text.as_bytes()).unwrap();
        assert_eq!(
            config.platform(),
            Some(&Platform::new("linux", "arm64", None))
        );
        assert_eq!(config.diff_ids(), [layer]);
    }

    #[test]
    fn takes_a_config_without_platform_as_such() {
        for text in ["{}", r#"{"os":"","architecture":""}"#, r#"{"os":null}"#] {
            let config = ImageConfig::parse(text.as_bytes()).unwrap();
            assert_eq!(config.platform(), None);
        }
    }

    #[test]
    fn refuses_configs_that_parsers_read_differently() {
        for (text, refusal) in [
            (
                r#"{"OS":"linux"}"#,
                StructuralRefusal::Json(JsonError::KeyCase("os")),
            ),
            (
                r#"{"os":"linux","oſ":"windows"}"#,
                StructuralRefusal::Json(JsonError::RepeatedKey { line: 1 }),
            ),
            (
                r#"{"rootfs":{"DIFF_IDS":[]}}"#,
                StructuralRefusal::Json(JsonError::KeyCase("diff_ids")),
            ),
            (
                r#"{"rootfs":{"type":"layers+base"}}"#,
                StructuralRefusal::RootFs,
            ),
            (
                r#"{"rootfs":{"diff_ids":["sha256:x"]}}"#,
                StructuralRefusal::Digest,
            ),
            (r#"{"rootfs":{"diff_ids":[1]}}"#, StructuralRefusal::Digest),
        ] {
            assert_eq!(ImageConfig::parse(text.as_bytes()), Err(refusal), "{text}");
        }
        for text in [
            "",
            "[]",
            r#"{"os":"linux"}"#,
            r#"{"os":"li nux","architecture":"a"}"#,
        ] {
            assert!(ImageConfig::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
