//! Whether what the parser accepts is what Go's reader, which nodes use, sees.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::oci::Digest;

/// How `encoding/json` would read a text: pairs in order, nothing refused.
#[derive(Debug)]
enum Loose {
    Object(Vec<(String, Loose)>),
    Array(Vec<Loose>),
    Other(Value),
}

impl<'de> serde::Deserialize<'de> for Loose {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> serde::de::Visitor<'de> for LooseVisitor {
    type Value = Loose;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Loose::Object(pairs))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Loose, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Loose::Array(items))
    }

    fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
        Ok(Loose::Other(json!(text)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Loose, E> {
        Ok(Loose::Other(json!(number)))
    }

    fn visit_unit<E>(self) -> Result<Loose, E> {
        Ok(Loose::Other(Value::Null))
    }
}

impl Loose {
    /// The last key that folds to `name` wins, as in Go.
    fn field(&self, name: &str) -> Option<&Loose> {
        let Self::Object(pairs) = self else {
            return None;
        };
        let fold = |key: &str| {
            key.replace('ſ', "s")
                .replace('\u{212a}', "k")
                .to_ascii_lowercase()
        };
        let mut last_first = pairs.iter().rev();
        last_first
            .find(|(key, _)| fold(key) == fold(name))
            .map(|(_, value)| value)
    }

    fn digest(&self) -> String {
        match self.field("digest") {
            Some(Self::Other(Value::String(digest))) => digest.clone(),
            other => format!("{other:?}"),
        }
    }

    fn digests(&self, list: &str) -> Vec<String> {
        match self.field(list) {
            Some(Self::Array(items)) => items.iter().map(Self::digest).collect(),
            _ => Vec::new(),
        }
    }
}

/// One way of writing `key` that Go takes for it, or a key of its own.
fn spelling(key: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![
        80 => Just(key.to_owned()),
        1 => Just(key.to_uppercase()),
        1 => Just(key.replace('s', "ſ")),
        1 => Just(format!("{}{}", key[..1].to_uppercase(), &key[1..])),
        1 => "[a-z]{1,6}",
    ]
}

fn loose_descriptor() -> impl Strategy<Value = String> {
    let digest = (0..4_u8).prop_map(|n| Digest::sha256(&[n]).to_string());
    let pairs = (
        (
            spelling("mediaType"),
            Just(json!("application/x").to_string()),
        ),
        (
            spelling("digest"),
            digest.prop_map(|digest| json!(digest).to_string()),
        ),
        (spelling("size"), Just("1".to_owned())),
        (
            spelling("digest"),
            Just(json!(Digest::sha256(b"other")).to_string()),
        ),
        0..30_u8,
    );
    pairs.prop_map(|(media_type, digest, size, second, extra)| {
        let mut pairs = vec![media_type, digest, size];
        if extra == 0 {
            pairs.push(second);
        }
        object(&pairs)
    })
}

fn object(pairs: &[(String, String)]) -> String {
    let pair = |(key, value): &(String, String)| format!("{}:{value}", json!(key));
    format!(
        "{{{}}}",
        pairs.iter().map(pair).collect::<Vec<_>>().join(",")
    )
}

fn list() -> impl Strategy<Value = String> {
    proptest::collection::vec(loose_descriptor(), 0..3)
        .prop_map(|items| format!("[{}]", items.join(",")))
}

/// Bodies near the border between what is taken and what is refused.
fn loose_body() -> impl Strategy<Value = String> {
    let image = (
        (spelling("config"), loose_descriptor()),
        (spelling("layers"), list()),
    );
    let whole = prop_oneof![
        image.prop_map(|(config, layers)| vec![config, layers]),
        (spelling("manifests"), list()).prop_map(|manifests| vec![manifests]),
    ];
    let extra = prop_oneof![
        (spelling("config"), loose_descriptor()),
        (spelling("layers"), list()),
        (spelling("manifests"), list()),
        (spelling("subject"), loose_descriptor()),
    ];
    let extras = proptest::collection::vec(extra, 0..2);
    (whole, extras, spelling("schemaVersion")).prop_map(|(mut pairs, extras, version)| {
        pairs.extend(extras);
        pairs.push((version, "2".to_owned()));
        object(&pairs)
    })
}

fn parse(body: &str, sent: &MediaType) -> Result<Manifest, StructuralRefusal> {
    Manifest::parse(Bytes::from(body.to_owned()), sent)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn bypass_06_what_is_accepted_reads_the_same_in_go(body in loose_body(), index: bool) {
        let sent = if index { MediaType::OCI_INDEX } else { MediaType::OCI_MANIFEST };
        if let Ok(manifest) = parse(&body, &sent) {
            let loose: Loose = serde_json::from_str(&body).unwrap();
            let names = |list: &[Descriptor]| list.iter().map(|d| d.digest.to_string()).collect::<Vec<_>>();
            let (config, layers) = match manifest.body() {
                ManifestBody::Image { config, layers } => (Some(config.digest.to_string()), names(layers)),
                ManifestBody::Index { .. } => (None, Vec::new()),
            };
            prop_assert_eq!(loose.digests("manifests"), names(manifest.children()));
            prop_assert_eq!(loose.digests("layers"), layers);
            prop_assert_eq!(loose.field("config").map(Loose::digest), config);
        }
    }

    #[test]
    fn never_panics_on_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200), index: bool) {
        let sent = if index { MediaType::OCI_INDEX } else { MediaType::DOCKER_MANIFEST };
        let _ = Manifest::parse(Bytes::from(bytes), &sent);
    }
}

#[test]
fn the_generated_bodies_are_often_accepted() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let bodies = (0..400).map(|_| loose_body().new_tree(&mut runner).unwrap().current());
    let accepted = bodies.filter(|body| {
        parse(body, &MediaType::OCI_MANIFEST).is_ok() || parse(body, &MediaType::OCI_INDEX).is_ok()
    });
    assert!(accepted.count() > 20);
}
