//! What is known of a review whose body is cut off or not read to its end. The API server writes
//! what it asks about before the object, of which the author may have written anything.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::review::{AdmissionRequest, GroupVersionKind, Operation, UserInfo};

/// The longest uid that is echoed; Kubernetes writes 36 characters.
const MAX_UID_BYTES: usize = 128;

/// The request of which this is the beginning, without its objects; `None` without a uid.
/// What did not come yet is taken for a new Pod's.
pub(super) fn request_of(beginning: &[u8]) -> Option<AdmissionRequest> {
    let found = found(beginning);
    Some(AdmissionRequest {
        uid: found.uid?,
        kind: found.kind.unwrap_or(GroupVersionKind {
            group: String::new(),
            kind: "Pod".to_owned(),
        }),
        name: None,
        namespace: found.namespace,
        operation: Operation::Create,
        user_info: UserInfo::default(),
        object: Value::Null,
        old_object: Value::Null,
        dry_run: None,
    })
}

#[derive(Default)]
struct Found {
    uid: Option<String>,
    kind: Option<GroupVersionKind>,
    namespace: Option<String>,
}

fn found(beginning: &[u8]) -> Found {
    let found = RefCell::default();
    let mut reader = serde_json::Deserializer::from_slice(beginning);
    // Breaking off is what is expected.
    let _ = Outer(&found).deserialize(&mut reader);
    found.into_inner()
}

/// The whole document.
struct Outer<'a>(&'a RefCell<Found>);
/// Its `request`.
struct Request<'a>(&'a RefCell<Found>);

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
            match key.as_str() {
                "uid" => {
                    let uid = map.next_value::<String>()?;
                    let is_one = !uid.is_empty() && uid.len() <= MAX_UID_BYTES;
                    self.0.borrow_mut().uid = is_one.then_some(uid);
                }
                "kind" => self.0.borrow_mut().kind = Some(map.next_value()?),
                "namespace" => self.0.borrow_mut().namespace = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid_of(beginning: &[u8]) -> Option<String> {
        request_of(beginning).map(|it| it.uid)
    }

    #[test]
    fn finds_the_uid_of_a_review_that_breaks_off() {
        let whole = r#"{"kind":"AdmissionReview","request":{"uid":"a-1","object":{"uid":"b"}}}"#;
        for end in [whole.len(), 55, 60] {
            assert_eq!(uid_of(&whole.as_bytes()[..end]).as_deref(), Some("a-1"));
        }
        assert_eq!(uid_of(&whole.as_bytes()[..45]), None);
    }

    #[test]
    fn knows_kind_and_namespace_before_the_object_came() {
        let begins = r#"{"request":{"uid":"a-1","kind":{"group":"apps","version":"v1",
            "kind":"Deployment"},"namespace":"shop","operation":"UPDATE","object":{"kind":{"#;
        let request = request_of(begins.as_bytes()).unwrap();
        assert_eq!(request.namespace(), "shop");
        assert_eq!(request.kind.kind, "Deployment");
        let request = request_of(br#"{"request":{"uid":"a-1","#).unwrap();
        assert!(request.is_pod() && request.namespace().is_empty());
        assert!(request_of(br#"{"request":{"kind":"#).is_none());
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
