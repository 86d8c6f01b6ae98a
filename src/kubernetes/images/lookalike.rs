//! What looks like an image: fields that no table lists are told by their names, so that a
//! gap in it is never silent.

use super::node::YamlNode;
use super::path::MAX_KEY_CHARS;
use crate::oci::{ImageRef, ImageRefError, RegistryHost, printable};

/// How keys end that hold one image, in small letters.
const IMAGE_ENDINGS: [&str; 4] = ["image", "imagename", "imageref", "imagereference"];
/// How keys end that hold several.
const IMAGES_ENDING: &str = "images";
/// Keys of an image that is written in parts.
const PARTS: [&str; 9] = [
    "repository",
    "registry",
    "reference",
    "ref",
    "name",
    "newName",
    "newTag",
    "tag",
    "digest",
];
/// A text of this key holds objects, as in Argo's templates.
const MANIFEST: &str = "manifest";
/// What Kubewarden runs of a registry begins so.
const MODULE_SCHEME: &str = "registry://";

/// Keys below which nothing is run: what names the object, and what was seen of it.
pub(super) fn is_aside(key: &str) -> bool {
    ["metadata", "annotations", "labels", "status", "rbd"].contains(&key)
}

/// The fields at `key` that look like images: what follows the key in their paths, and
/// their values.
pub(super) fn look_alikes<'a>(key: &str, value: &'a YamlNode) -> Vec<(String, &'a YamlNode)> {
    let small = key.to_lowercase();
    let is_text = matches!(value, YamlNode::Text(_) | YamlNode::LongText);
    let one = IMAGE_ENDINGS.iter().any(|end| small.ends_with(end)) && is_image(value);
    let is_module = |text: &str| key == "module" && text.starts_with(MODULE_SCHEME);
    let module = matches!(value, YamlNode::Text(text) if is_module(text));
    if one || module || (key == MANIFEST && is_text) {
        return vec![(String::new(), value)];
    }
    match (small.ends_with(IMAGES_ENDING), value) {
        (true, YamlNode::List(items)) => {
            let items = items.iter().enumerate();
            let items = items.filter(|(_, item)| is_image(item));
            items.map(|(at, item)| (format!("[{at}]"), item)).collect()
        }
        (true, YamlNode::Map(entries)) => {
            let entries = entries.iter().filter(|(_, value)| is_image(value));
            let entries = entries.filter(|(key, _)| !is_told_by(key));
            let below = |key: &str| format!(".{}", printable(key, MAX_KEY_CHARS));
            entries.map(|(key, item)| (below(key), item)).collect()
        }
        (true, YamlNode::Text(_)) if is_image(value) => vec![(String::new(), value)],
        _ => Vec::new(),
    }
}

/// Whether no parser takes the text for an image's name, as `!*:latest` of a policy. Some
/// parsers trim names, take capitals, or know more digests than ours: what they might read is
/// left to who judges names.
pub(super) fn nobody_reads(text: &str) -> bool {
    let read = ImageRef::parse(&text.trim().to_lowercase(), &RegistryHost::docker_hub());
    matches!(
        read,
        Err(ImageRefError::Scheme | ImageRefError::Name(_) | ImageRefError::Tag(_))
    )
}

/// Whether a field is told for its own key.
fn is_told_by(key: &str) -> bool {
    let small = key.to_lowercase();
    let all = IMAGE_ENDINGS.iter().chain([&IMAGES_ENDING]);
    all.into_iter().any(|end| small.ends_with(end))
}

/// A text of one word, or a map of an image's parts. An entry that has an image of its own
/// is told for that.
fn is_image(value: &YamlNode) -> bool {
    match value {
        YamlNode::Text(text) => !text.is_empty() && !text.contains(char::is_whitespace),
        YamlNode::LongText => true,
        YamlNode::Map(entries) => {
            let is_part = |(key, part): &(String, YamlNode)| {
                PARTS.contains(&key.as_str()) && matches!(part, YamlNode::Text(_))
            };
            entries.iter().any(is_part) && !entries.iter().any(|(key, _)| is_told_by(key))
        }
        YamlNode::Null | YamlNode::Other | YamlNode::List(_) => false,
    }
}
