//! Values of a document, read as they come.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::merge::merged;
use super::node::YamlNode;

/// The longest text that is kept, in bytes: no name that matters is longer, and
/// files that a ConfigMap holds need no memory.
const MAX_TEXT: usize = 2048;

impl<'de> Deserialize<'de> for YamlNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = YamlNode;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a manifest")
    }

    fn visit_unit<E: Error>(self) -> Result<YamlNode, E> {
        Ok(YamlNode::Null)
    }

    fn visit_none<E: Error>(self) -> Result<YamlNode, E> {
        Ok(YamlNode::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<YamlNode, D::Error> {
        YamlNode::deserialize(deserializer)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<YamlNode, E> {
        Ok(YamlNode::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<YamlNode, E> {
        Ok(YamlNode::Other)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<YamlNode, E> {
        Ok(YamlNode::Other)
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<YamlNode, E> {
        Ok(YamlNode::Other)
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<YamlNode, E> {
        Ok(YamlNode::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<YamlNode, E> {
        Ok(YamlNode::Other)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<YamlNode, E> {
        Ok(match text.len() {
            ..=MAX_TEXT => YamlNode::Text(text.to_owned()),
            _ => YamlNode::LongText,
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<YamlNode, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(YamlNode::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<YamlNode, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        merged(map).map(YamlNode::Map).map_err(A::Error::custom)
    }
}
