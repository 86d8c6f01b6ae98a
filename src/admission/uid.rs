//! The uid of a review whose body is cut off or not read to its end.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

/// The longest uid that is echoed; Kubernetes writes 36 characters.
const MAX_UID_BYTES: usize = 128;

/// Finds `request.uid` in the beginning of a review, which may break off anywhere
/// behind it.
pub(super) fn uid_of(beginning: &[u8]) -> Option<String> {
    let found = RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_slice(beginning);
    // Breaking off is what is expected.
    let _ = Outer(&found).deserialize(&mut reader);
    found.into_inner()
}

/// The whole document.
struct Outer<'a>(&'a RefCell<Option<String>>);
/// Its `request`.
struct Request<'a>(&'a RefCell<Option<String>>);

impl<'de> DeserializeSeed<'de> for Outer<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Outer<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an AdmissionReview")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "request" {
                map.next_value_seed(Request(self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Request<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Request<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an AdmissionRequest")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "uid" {
                let uid = map.next_value::<String>()?;
                self.0
                    .replace((!uid.is_empty() && uid.len() <= MAX_UID_BYTES).then_some(uid));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_uid_of_a_review_that_breaks_off() {
        let whole = r#"{"kind":"AdmissionReview","request":{"uid":"a-1","object":{"uid":"b"}}}"#;
        for end in [whole.len(), 55, 60] {
            assert_eq!(uid_of(&whole.as_bytes()[..end]).as_deref(), Some("a-1"));
        }
        assert_eq!(uid_of(&whole.as_bytes()[..45]), None);
    }

    #[test]
    fn takes_no_other_uid_for_it() {
        for text in [
            "",
            "[]",
            "{\"uid\":\"x\"}",
            "{\"request\":{\"object\":{\"uid\":\"x\"}}}",
        ] {
            assert_eq!(uid_of(text.as_bytes()), None, "{text}");
        }
        let long = format!("{{\"request\":{{\"uid\":\"{}\"}}}}", "x".repeat(200));
        assert_eq!(uid_of(long.as_bytes()), None);
    }
}
