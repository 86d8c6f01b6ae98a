//! Strict JSON: a text that two readers could read differently is refused.
//!
//! Go's `encoding/json`, which nodes use, takes a key in any case (Unicode's
//! simple folding too, so `ſ` is `s` and the Kelvin sign is `k`), lets the last
//! of two equal keys win and replaces invalid UTF-8. A reader that differs from
//! it judges another image than the one that runs. So this one takes only texts
//! on which all agree. The grammar itself is serde_json's.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How much of a text is read, and where its keys are free.
#[derive(Clone, Copy, Debug)]
pub struct JsonLimits {
    /// Length of the text.
    pub bytes: usize,
    /// Nesting of objects and arrays. serde_json itself stops below 128.
    pub depth: usize,
    /// Values of every kind: what bounds the memory of the tree.
    pub values: usize,
    /// Objects under these keys map words that people chose, such as labels:
    /// keys that differ in case only are different there. Everywhere else they
    /// are refused.
    pub free_maps: &'static [&'static str],
}

impl JsonLimits {
    /// For manifests and image configs: 4 MiB, as clients take them. Free are all maps of
    /// the image-spec that people choose the keys of: `annotations`, and of a config's
    /// `config` (and Docker's `container_config`) the other three.
    pub const DOCUMENT: Self = Self {
        bytes: 4 << 20,
        depth: 64,
        values: 200_000,
        free_maps: &["annotations", "ExposedPorts", "Labels", "Volumes"],
    };
}

/// Why a text is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    #[error("the JSON is longer than {0} bytes")]
    Length(usize),
    #[error("the JSON is not valid UTF-8")]
    Utf8,
    #[error("the JSON begins with a byte order mark")]
    ByteOrderMark,
    #[error("the JSON is ill-formed at line {line}, column {column}")]
    Syntax { line: usize, column: usize },
    #[error("the JSON is nested deeper than {0} levels")]
    Depth(usize),
    #[error("the JSON holds more than {0} values")]
    Values(usize),
    #[error("a JSON key occurs twice, or differs from another in case only, at line {line}")]
    RepeatedKey { line: usize },
    #[error("the JSON key {0} is written in another case")]
    KeyCase(&'static str),
    #[error("the JSON value of {0} has the wrong type")]
    Type(&'static str),
}

/// Reads one JSON value and nothing after it but white space.
///
/// # Errors
/// [`JsonError`] for anything else, repeated keys among it.
pub fn read_strict(bytes: &[u8], limits: JsonLimits) -> Result<Value, JsonError> {
    if bytes.len() > limits.bytes {
        return Err(JsonError::Length(limits.bytes));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::Utf8)?;
    if text.starts_with('\u{feff}') {
        return Err(JsonError::ByteOrderMark);
    }
    let reading = Reading {
        limits,
        values: Cell::new(0),
        fault: Cell::new(None),
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Node::root(&reading)
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| reading.explain(&error))
}

/// Folds a key as Go does, and a little more: all that any reader may take for
/// the same key comes out equal.
fn fold(key: &str) -> String {
    if key.is_ascii() {
        return key.to_ascii_lowercase();
    }
    key.chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

/// What one reading has used up, and why it stopped.
struct Reading {
    limits: JsonLimits,
    values: Cell<usize>,
    fault: Cell<Option<ReadingFault>>,
}

#[derive(Clone, Copy)]
enum ReadingFault {
    Depth,
    Values,
    RepeatedKey,
}

impl Reading {
    /// Stops the reading. serde's errors are texts, so the reason is kept aside.
    fn stop<E: de::Error>(&self, fault: ReadingFault) -> E {
        self.fault.set(Some(fault));
        E::custom("refused")
    }

    fn explain(&self, error: &serde_json::Error) -> JsonError {
        let (line, column) = (error.line(), error.column());
        match self.fault.get() {
            Some(ReadingFault::Depth) => JsonError::Depth(self.limits.depth),
            Some(ReadingFault::Values) => JsonError::Values(self.limits.values),
            Some(ReadingFault::RepeatedKey) => JsonError::RepeatedKey { line },
            None => JsonError::Syntax { line, column },
        }
    }
}

/// One place of the tree, as seed and as visitor.
#[derive(Clone, Copy)]
struct Node<'r> {
    reading: &'r Reading,
    depth: usize,
    /// Whether an object here has free keys.
    free: bool,
}

impl<'r> Node<'r> {
    fn root(reading: &'r Reading) -> Self {
        Self {
            reading,
            depth: 0,
            free: false,
        }
    }

    fn below<E: de::Error>(self, key: Option<&str>) -> Result<Self, E> {
        if self.depth >= self.reading.limits.depth {
            return Err(self.reading.stop(ReadingFault::Depth));
        }
        let free = key.is_some_and(|key| self.reading.limits.free_maps.contains(&key));
        Ok(Self {
            depth: self.depth + 1,
            free,
            ..self
        })
    }

    fn count<E: de::Error>(self) -> Result<(), E> {
        let values = &self.reading.values;
        values.set(values.get() + 1);
        if values.get() > self.reading.limits.values {
            return Err(self.reading.stop(ReadingFault::Values));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let item = self.below(None)?;
        let mut array = Vec::new();
        while let Some(value) = items.next_element_seed(item)? {
            array.push(value);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        let mut seen = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            let identity = if self.free { key.clone() } else { fold(&key) };
            if !seen.insert(identity) {
                return Err(self.reading.stop(ReadingFault::RepeatedKey));
            }
            let value = entries.next_value_seed(self.below(Some(&key))?)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

/// An object whose schema is known: its keys are written as the schema writes
/// them, or not at all. As in Go, `null` counts as absent.
pub(super) struct JsonObject<'v>(&'v Map<String, Value>);

impl<'v> JsonObject<'v> {
    /// Refuses a key that is one of `known` in another case. `name` is what the
    /// object is called in its specification.
    pub(super) fn new(
        value: &'v Value,
        name: &'static str,
        known: &[&'static str],
    ) -> Result<Self, JsonError> {
        let object = value.as_object().ok_or(JsonError::Type(name))?;
        for key in object.keys().filter(|key| !known.contains(&key.as_str())) {
            let folded = fold(key);
            if let Some(known) = known.iter().find(|known| fold(known) == folded) {
                return Err(JsonError::KeyCase(known));
            }
        }
        Ok(Self(object))
    }

    /// Whether the key stands there at all, be it with `null`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    pub(super) fn get(&self, key: &str) -> Option<&'v Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, key: &'static str) -> Result<Option<&'v str>, JsonError> {
        self.typed(key, Value::as_str)
    }

    pub(super) fn integer(&self, key: &'static str) -> Result<Option<u64>, JsonError> {
        self.typed(key, Value::as_u64)
    }

    pub(super) fn array(&self, key: &'static str) -> Result<Option<&'v [Value]>, JsonError> {
        self.typed(key, |value| value.as_array().map(Vec::as_slice))
    }

    fn typed<T>(
        &self,
        key: &'static str,
        read: impl Fn(&'v Value) -> Option<T>,
    ) -> Result<Option<T>, JsonError> {
        self.get(key)
            .map(|value| read(value).ok_or(JsonError::Type(key)))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Value, JsonError> {
        read_strict(text.as_bytes(), JsonLimits::DOCUMENT)
    }

    #[test]
    fn reads_what_serde_json_reads() {
        for text in [
            r#" {"a":[1,-2,3.5,true,null,"x\u00e9"],"b":{"c":{}}} "#,
            "\n[]\r\n\t",
            "18446744073709551615",
            "\"\"",
        ] {
            assert_eq!(read(text).ok(), serde_json::from_str(text).ok(), "{text}");
        }
    }

    #[test]
    fn refuses_a_key_that_occurs_twice_at_any_depth() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":[{"y":{"a":1,"b":2,"a":1}}]}"#,
            r#"{"annotations":{"a":"1","a":"2"}}"#,
        ] {
            assert_eq!(
                read(text),
                Err(JsonError::RepeatedKey { line: 1 }),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_keys_that_go_folds_into_one() {
        for text in [
            r#"{"layers":1,"Layers":2}"#,
            r#"{"layers":1,"LAYERſ":2}"#,
            r#"{"token":1,"to\u212aen":2}"#,
            r#"{"é":1,"É":2}"#,
            r#"{"σ":1,"ς":2}"#,
            r#"{"annotations":{"x":{"a":1,"A":2}}}"#,
        ] {
            assert_eq!(
                read(text),
                Err(JsonError::RepeatedKey { line: 1 }),
                "{text}"
            );
        }
    }

    #[test]
    fn free_maps_may_hold_keys_that_differ_in_case() {
        assert!(read(r#"{"annotations":{"a":"1","A":"2"}}"#).is_ok());
        assert!(read(r#"{"config":{"Labels":{"maintainer":"x","MAINTAINER":"y"}}}"#).is_ok());
        assert!(read(r#"{"config":{"Volumes":{"/data":{},"/Data":{}}}}"#).is_ok());
        assert!(read(r#"{"config":{"ExposedPorts":{"80/tcp":{},"80/TCP":{}}}}"#).is_ok());
    }

    #[test]
    fn what_lies_in_a_free_map_is_not_free() {
        for text in [
            r#"{"Volumes":{"/a":{"b":1,"B":2}}}"#,
            r#"{"volumes":{"/a":{},"/A":{}}}"#,
            r#"{"config":{"Volumes":{},"volumes":{}}}"#,
            r#"{"Volumes":{"/a":{},"/a":{}}}"#,
        ] {
            let twice = Err(JsonError::RepeatedKey { line: 1 });
            assert_eq!(read(text), twice, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_one_plain_value() {
        let refused = |bytes: &[u8]| read_strict(bytes, JsonLimits::DOCUMENT);
        assert_eq!(refused(b"\xef\xbb\xbf{}"), Err(JsonError::ByteOrderMark));
        assert_eq!(refused(b"{\"a\":\"\xff\"}"), Err(JsonError::Utf8));
        for text in [
            "",
            "{}{}",
            "{} x",
            "{}\0",
            "{}\u{a0}",
            "{\"a\":1,}",
            "NaN",
            "[1e999]",
            "-Infinity",
            "[\"\\ud800\"]",
            "// c\n{}",
            "{a:1}",
            "01",
        ] {
            let syntax = matches!(refused(text.as_bytes()), Err(JsonError::Syntax { .. }));
            assert!(syntax, "{text:?}");
        }
    }

    #[test]
    fn refuses_what_is_too_deep_too_long_or_too_much() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(read(&nested(64)).is_ok());
        assert_eq!(read(&nested(65)), Err(JsonError::Depth(64)));
        assert_eq!(read(&nested(100_000)), Err(JsonError::Depth(64)));
        let few = JsonLimits {
            bytes: 10,
            values: 3,
            ..JsonLimits::DOCUMENT
        };
        assert!(read_strict(b"[1,2]", few).is_ok());
        assert_eq!(read_strict(b"[1,2,3]", few), Err(JsonError::Values(3)));
        assert_eq!(read_strict(b"[         ]", few), Err(JsonError::Length(10)));
    }

    #[test]
    fn objects_refuse_known_keys_in_another_case() {
        for (text, key) in [
            (r#"{"Layers":[]}"#, "layers"),
            (r#"{"LAYERſ":[]}"#, "layers"),
            (r#"{"to\u212aen":1}"#, "token"),
            (r#"{"MEDIATYPE":1}"#, "mediaType"),
        ] {
            let value = read(text).unwrap();
            let object = JsonObject::new(&value, "x", &["layers", "token", "mediaType"]);
            assert_eq!(object.err(), Some(JsonError::KeyCase(key)), "{text}");
        }
    }

    #[test]
    fn objects_take_null_as_absent_and_refuse_other_types() {
        let value = read(r#"{"a":null,"b":1.5,"c":-1,"d":7}"#).unwrap();
        let object = JsonObject::new(&value, "x", &["a", "b", "c", "d"]).unwrap();
        assert_eq!(object.text("a"), Ok(None));
        assert!(object.has("a") && !object.has("e"));
        assert_eq!(object.integer("b"), Err(JsonError::Type("b")));
        assert_eq!(object.integer("c"), Err(JsonError::Type("c")));
        assert_eq!(object.integer("d"), Ok(Some(7)));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_strict(&bytes, JsonLimits::DOCUMENT);
        }

        #[test]
        fn never_panics_on_almost_json(text in r#"[\[\]{}:,"a-cA-Cſ0-9.eE\\u+ -]{0,80}"#) {
            if let Ok(value) = read(&text) {
                prop_assert_eq!(Some(value), serde_json::from_str(&text).ok());
            }
        }
    }
}
