//! What judging needs of an object: names of images, who owns it, how to pull. The rest goes
//! before anybody waits for an upstream, so that objects of megabytes take no memory meanwhile.

use serde_json::{Map, Value, json};

use super::images::{IN_ORDER, VOLUMES};
use super::review::AdmissionRequest;

/// What is kept of one text, in bytes. No name of an image is as long.
const MAX_TEXT_BYTES: usize = 512;
/// What stands for the rest of a text. In no name of an image, so that none becomes another.
const CUT_OFF: char = '…';
/// The members of an object that lead to the specification of a Pod.
const WAYS: [&str; 3] = ["spec", "template", "jobTemplate"];
const METADATA: [&str; 3] = ["name", "generateName", "deletionTimestamp"];
const OWNER: [&str; 5] = ["apiVersion", "kind", "name", "uid", "controller"];
const MIRROR: &str = "kubernetes.io/config.mirror";

impl AdmissionRequest {
    /// Forgets of the objects whatever judging does not read.
    pub(super) fn keep_essence(&mut self) {
        self.object = essence(&self.object);
        self.old_object = essence(&self.old_object);
    }

    /// About what the objects take in memory, in bytes.
    pub(super) fn weight(&self) -> usize {
        weight(&self.object) + weight(&self.old_object)
    }
}

fn essence(object: &Value) -> Value {
    let mut kept = Map::new();
    for way in WAYS {
        if let Some(inner) = object.get(way) {
            kept.insert(way.to_owned(), essence(inner));
        }
    }
    for list in IN_ORDER {
        keep(&mut kept, object, list, |it| {
            each(it, |it| texts(it, &["name", "image", "imagePullPolicy"]))
        });
    }
    keep(&mut kept, object, VOLUMES, |it| each(it, volume));
    keep(&mut kept, object, "imagePullSecrets", |it| {
        each(it, |it| texts(it, &["name"]))
    });
    keep(&mut kept, object, "metadata", metadata);
    Value::Object(kept)
}

fn metadata(metadata: &Value) -> Value {
    let mut kept = match texts(metadata, &METADATA) {
        Value::Object(kept) => kept,
        _ => Map::new(),
    };
    keep(&mut kept, metadata, "ownerReferences", |it| {
        each(it, |it| texts(it, &OWNER))
    });
    let mirror = metadata
        .get("annotations")
        .and_then(|it| it.get(MIRROR))
        .map(|_| json!({ MIRROR: "" }));
    kept.extend(mirror.map(|it| ("annotations".to_owned(), it)));
    Value::Object(kept)
}

/// Others than those of images stay as places alone.
fn volume(volume: &Value) -> Value {
    match volume.get("image") {
        Some(image) => {
            let mut kept = texts(volume, &["name"]);
            kept["image"] = texts(image, &["reference", "pullPolicy"]);
            kept
        }
        None => Value::Null,
    }
}

/// What `read` makes of a member, where there is one.
fn keep(kept: &mut Map<String, Value>, of: &Value, key: &str, read: impl Fn(&Value) -> Value) {
    if let Some(value) = of.get(key) {
        kept.insert(key.to_owned(), read(value));
    }
}

/// Every place of a list stays, so that pointers lead where they did.
fn each(list: &Value, read: impl Fn(&Value) -> Value) -> Value {
    match list {
        Value::Array(items) => Value::Array(items.iter().map(read).collect()),
        _ => Value::Null,
    }
}

/// These members of an object, if they are texts or truth values; what is no object is nothing.
fn texts(object: &Value, keys: &[&str]) -> Value {
    let Value::Object(object) = object else {
        return Value::Null;
    };
    let kept = keys.iter().filter_map(|key| {
        let value = match object.get(*key)? {
            Value::String(text) => Value::String(cut(text)),
            Value::Bool(is) => Value::Bool(*is),
            _ => return None,
        };
        Some(((*key).to_owned(), value))
    });
    Value::Object(kept.collect())
}

fn cut(text: &str) -> String {
    let end = text.floor_char_boundary(MAX_TEXT_BYTES);
    match text.split_at_checked(end) {
        Some((start, rest)) if !rest.is_empty() => format!("{start}{CUT_OFF}"),
        _ => text.to_owned(),
    }
}

fn weight(value: &Value) -> usize {
    let inner = match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(map) => map.iter().map(|(key, it)| key.len() + weight(it)).sum(),
        _ => 0,
    };
    size_of::<Value>() + inner
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{ImageRef, RegistryHost};

    #[test]
    fn keeps_what_is_judged_in_its_place() {
        let object = json!({
            "metadata": {
                "name": "shop", "labels": {"app": "shop"},
                "annotations": {"kubernetes.io/config.mirror": "x", "other": "y"},
                "ownerReferences": [{"kind": "Job", "name": "j", "controller": true, "x": [1]}],
            },
            "spec": { "template": { "spec": {
                "containers": [
                    {"name": "a", "image": "team/a:1", "env": [{"name": "X", "value": "y"}]},
                    "no container",
                    {"name": "b", "image": 7, "imagePullPolicy": "Never"},
                ],
                "volumes": [{"name": "v", "configMap": {}}, {"name": "w", "image": {"reference": "r"}}],
                "imagePullSecrets": [{"name": "s"}],
                "hostNetwork": true,
            }}},
            "status": {"x": 1},
        });
        assert_eq!(
            essence(&object),
            json!({
                "metadata": {
                    "name": "shop",
                    "annotations": {"kubernetes.io/config.mirror": ""},
                    "ownerReferences": [{"kind": "Job", "name": "j", "controller": true}],
                },
                "spec": { "template": { "spec": {
                    "containers": [
                        {"name": "a", "image": "team/a:1"},
                        null,
                        {"name": "b", "imagePullPolicy": "Never"},
                    ],
                    "volumes": [null, {"name": "w", "image": {"reference": "r"}}],
                    "imagePullSecrets": [{"name": "s"}],
                }}},
            })
        );
    }

    #[test]
    fn a_name_that_is_cut_off_is_no_name() {
        let image = format!("registry.example/{}", "a".repeat(2000));
        let object = json!({"spec": {"containers": [{"image": image}]}});
        let kept = essence(&object);
        let kept = kept["spec"]["containers"][0]["image"].as_str().unwrap();
        assert!(kept.len() < 600 && kept.ends_with(CUT_OFF));
        let host = RegistryHost::parse("registry.example").unwrap();
        assert!(ImageRef::parse(kept, &host).is_err());
    }

    #[test]
    fn an_object_of_megabytes_weighs_little() {
        let filler = "x".repeat(1 << 20);
        let object = json!({
            "metadata": {"annotations": {"filler": filler}},
            "spec": {"containers": [{"image": "team/a:1", "args": [filler]}]},
        });
        assert!(weight(&essence(&object)) < 1024);
    }
}
