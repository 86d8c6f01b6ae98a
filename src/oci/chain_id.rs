//! All unpacked layers of an image in one digest (image-spec, config.md, "Layer ChainID").

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::Digest;

/// What the layers of an image come to, unpacked, in their order. No two lists of layers have
/// the same, since no layer's bytes are the names of two digests. So an image is kept with this
/// in the place of its diff IDs, which nobody asks for one by one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ChainId(Digest);

impl ChainId {
    /// `None` of an image without layers.
    pub fn of(diff_ids: &[Digest]) -> Option<Self> {
        let (first, above) = diff_ids.split_first()?;
        let chain = above.iter().fold(first.clone(), |below, diff_id| {
            Digest::sha256(format!("{below} {diff_id}").as_bytes())
        });
        Some(Self(chain))
    }

    /// A chain ID that was computed before.
    pub fn known(chain: Digest) -> Self {
        Self(chain)
    }

    pub fn digest(&self) -> &Digest {
        &self.0
    }

    /// Reads a chain ID, or the list of diff IDs that was recorded before there were any.
    ///
    /// # Errors
    /// Those of the format, and what is no digest.
    pub(super) fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Self>, D::Error> {
        from.deserialize_any(Recorded)
    }
}

/// Either form of what is recorded of an image's layers.
struct Recorded;

impl<'de> Visitor<'de> for Recorded {
    type Value = Option<ChainId>;

    fn expecting(&self, what: &mut fmt::Formatter<'_>) -> fmt::Result {
        what.write_str("a chain ID, or a list of diff IDs")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        let chain = Digest::parse(text).map_err(E::custom)?;
        Ok(Some(ChainId(chain)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        let list = serde::de::value::SeqAccessDeserializer::new(list);
        Ok(ChainId::of(&Vec::deserialize(list)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff_id(word: &str) -> Digest {
        Digest::sha256(word.as_bytes())
    }

    #[test]
    fn is_computed_as_the_specification_says() {
        let (one, two, three) = (diff_id("one"), diff_id("two"), diff_id("three"));
        assert_eq!(ChainId::of(&[]), None);
        let chain = |diff_ids: &[Digest]| ChainId::of(diff_ids).unwrap().0;
        assert_eq!(chain(std::slice::from_ref(&one)), one);
        let both = Digest::sha256(format!("{one} {two}").as_bytes());
        assert_eq!(chain(&[one.clone(), two.clone()]), both);
        let all = Digest::sha256(format!("{both} {three}").as_bytes());
        assert_eq!(chain(&[one.clone(), two.clone(), three]), all);
        assert_ne!(chain(&[two, one]), both);
    }

    #[test]
    fn a_recorded_list_of_diff_ids_is_read_as_its_chain_id() {
        let list = [diff_id("one"), diff_id("two")];
        let chain = ChainId::of(&list);
        let read = |text: &str| ChainId::read(&mut serde_json::Deserializer::from_str(text));
        assert_eq!(read(&serde_json::to_string(&list).unwrap()).unwrap(), chain);
        assert_eq!(
            read(&serde_json::to_string(&chain).unwrap()).unwrap(),
            chain
        );
        assert_eq!(read("[]").unwrap(), None);
        assert_eq!(read("null").unwrap(), None);
        for wrong in [r#""sha256:x""#, r#"["sha256:x"]"#, "[1]", "1", "{}"] {
            read(wrong).unwrap_err();
        }
    }
}
