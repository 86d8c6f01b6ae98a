//! Strict JSON: one document has one meaning, whoever parses it.
//!
//! Duplicate keys are refused at any place, read or ignored; so are trailing
//! data, deep nesting and numbers that no one can hold. Nothing is kept but the
//! keys of the objects that are open.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{ReportError, decode};
use crate::oci::printable;

/// The largest report that is read, in bytes.
pub const MAX_REPORT_BYTES: usize = 256 << 20;
/// How deep lists and objects may nest.
const MAX_DEPTH: usize = 64;
/// How many keys one object may have.
const MAX_KEYS: usize = 100_000;

/// Checks that `bytes`, at most `limit` of them, are one strict JSON document,
/// and returns it as text for the readers.
pub(super) fn check(bytes: &[u8], limit: usize) -> Result<Cow<'_, str>, ReportError> {
    if bytes.len() > limit {
        return Err(ReportError::TooLarge(limit));
    }
    let text = decode(bytes)?;
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    Value { depth: 0 }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| ReportError::json(&error))?;
    Ok(text)
}

/// Any JSON value inside of `depth` lists and objects: checked, then forgotten.
#[derive(Clone, Copy)]
struct Value {
    depth: usize,
}

impl Value {
    fn inner<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("nested deeper than {MAX_DEPTH}")));
        }
        Ok(Self {
            depth: self.depth + 1,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Value {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        while list.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        let mut keys = HashSet::new();
        while let Some(Key(key)) = object.next_key::<Key<'de>>()? {
            if keys.len() == MAX_KEYS {
                return Err(A::Error::custom(format_args!(
                    "an object has more than {MAX_KEYS} keys"
                )));
            }
            if let Some(key) = keys.replace(key) {
                let key = printable(&key, 64);
                return Err(A::Error::custom(format_args!("duplicate key {key:?}")));
            }
            object.next_value_seed(inner)?;
        }
        Ok(())
    }
}

/// A key, borrowed from the document unless it is written with escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        check(text.as_bytes(), 1 << 20).unwrap_err().to_string()
    }

    #[test]
    fn takes_plain_json() {
        for good in [
            "{}",
            " [1, -2, 3.5, \"a\", null, true, {\"a\": {\"a\": 1}, \"b\": []}]\n",
        ] {
            assert!(check(good.as_bytes(), 100).is_ok(), "{good}");
        }
    }

    #[test]
    fn refuses_duplicate_keys_at_any_depth() {
        for bad in [
            r#"{"a":1,"a":1}"#,
            r#"{"x":[{"y":{"a":1,"b":2,"a":3}}]}"#,
            r#"{"a":1,"\u0061":2}"#,
        ] {
            assert!(refusal(bad).contains("duplicate key \"a\""), "{bad}");
        }
    }

    #[test]
    fn refuses_what_parsers_read_differently() {
        for bad in [
            "",
            "{} {}",
            "{}x",
            "\u{feff}\u{feff}{}",
            "{}\u{feff}",
            "{\"a\":NaN}",
            "{\"a\":1e999}",
            "{\"a\":1,}",
            "{'a':1}",
            "{\"a\":\"\u{1}\"}",
            r#"{"a":"\ud800"}"#,
        ] {
            assert!(check(bad.as_bytes(), 100).is_err(), "{bad:?}");
        }
        assert!(check(b"{\"a\":\"\xff\"}", 100).is_err());
    }

    #[test]
    fn refuses_deep_nesting() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(check(nested(64).as_bytes(), 1000).is_ok());
        assert!(refusal(&nested(65)).contains("nested deeper than 64"));
    }

    #[test]
    fn refuses_what_is_too_large() {
        assert_eq!(check(b"[1, 2]", 5), Err(ReportError::TooLarge(5)));
    }
}
