//! Image configs, as the image-spec's own Go type reads them: platform and layers.

use sekisho::oci::{Digest, ImageConfig, Platform};

use super::{Input, assert_agree, corpus};

#[derive(serde::Deserialize)]
struct Row {
    #[serde(flatten)]
    input: Input,
    #[serde(default)]
    error: bool,
    platform: String,
    diff_ids: Option<Vec<String>>,
}

#[test]
fn configs_name_the_platform_and_layers_that_nodes_see() {
    let (mut taken, mut differences) = (0, Vec::new());
    for row in corpus::<Row>("configs") {
        let bytes = row.input.bytes();
        let Ok(config) = ImageConfig::parse(&bytes) else {
            continue;
        };
        taken += 1;
        let platform = config.platform().map(Platform::to_string);
        let layers = config.diff_ids().iter().map(Digest::to_string);
        let ours = (platform.unwrap_or_default(), layers.collect::<Vec<_>>());
        let theirs = (row.platform, row.diff_ids.unwrap_or_default());
        // What Go refuses, no node runs.
        if !row.error && ours != theirs {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            differences.push(format!("{text:?}: {ours:?} and {theirs:?}"));
        }
    }
    assert_agree(&differences, taken, 100);
}
