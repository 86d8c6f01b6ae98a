//! Content identity (image-spec, descriptor.md, "Digests").

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256, Sha512};

/// The registered algorithms of the image specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    /// The word before the colon.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }
}

/// The digest of some bytes. An ill-formed one cannot exist.
///
/// The same bytes under two algorithms are two digests: no trust is inherited
/// from one to the other.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Digest {
    Sha256([u8; 32]),
    Sha512(Box<[u8; 64]>),
}

/// Why a string is no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    #[error("a digest is written algorithm:hex, as in sha256:9f86d0…")]
    Form,
    #[error("the digest algorithm is not supported; use sha256 or sha512")]
    Algorithm,
    #[error("the digest must be {0} lower-case hexadecimal characters")]
    Hex(usize),
}

impl Digest {
    /// Digest of `bytes` under sha256.
    pub fn sha256(bytes: &[u8]) -> Self {
        Self::Sha256(Sha256::digest(bytes).into())
    }

    /// Digest of `bytes` under sha512.
    pub fn sha512(bytes: &[u8]) -> Self {
        Self::Sha512(Box::new(Sha512::digest(bytes).into()))
    }

    /// Digest of `bytes` under `algorithm`.
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::sha256(bytes),
            Algorithm::Sha512 => Self::sha512(bytes),
        }
    }

    /// Parses `sha256:<64 hex>` or `sha512:<128 hex>`, lower case only.
    ///
    /// # Errors
    /// [`DigestError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        let (algorithm, hex) = text.split_once(':').ok_or(DigestError::Form)?;
        match algorithm {
            "sha256" => Ok(Self::Sha256(decode_hex(hex)?)),
            "sha512" => Ok(Self::Sha512(Box::new(decode_hex(hex)?))),
            "" => Err(DigestError::Form),
            _ => Err(DigestError::Algorithm),
        }
    }

    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// The raw hash.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Sha256(hash) => hash,
            Self::Sha512(hash) => hash.as_slice(),
        }
    }

    /// The part after the colon.
    pub fn hex(&self) -> String {
        hex::encode(self.as_bytes())
    }

    /// The algorithm and the first twelve characters, for messages that must be
    /// short. It identifies nothing.
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(self.algorithm().as_str().len() + 13);
        text
    }

    /// Whether `bytes` have this digest.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        Self::of(self.algorithm(), bytes) == *self
    }
}

/// Lower case only: one digest has one name.
fn decode_hex<const N: usize>(text: &str) -> Result<[u8; N], DigestError> {
    let mut bytes = [0; N];
    let decoded = hex::decode_to_slice(text, &mut bytes);
    match decoded {
        Ok(()) if !text.bytes().any(|byte| byte.is_ascii_uppercase()) => Ok(bytes),
        _ => Err(DigestError::Hex(N * 2)),
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm().as_str(), self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        Self::parse(text)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_both_algorithms() {
        for digest in [Digest::sha256(b"x"), Digest::sha512(b"x")] {
            assert_eq!(Digest::parse(&digest.to_string()), Ok(digest.clone()));
            assert!(digest.matches(b"x") && !digest.matches(b"y"));
        }
    }

    #[test]
    fn refuses_what_is_not_a_digest() {
        let good = Digest::sha256(b"").to_string();
        let upper = good.to_uppercase().replacen("SHA256", "sha256", 1);
        for bad in [
            "",
            ":",
            "sha256",
            "sha256:",
            "sha256:abc",
            "md5:d41d8cd98f00b204e9800998ecf8427e",
            &upper,
            &format!("{good}0"),
            &good.replacen("sha256", "SHA256", 1),
            &format!(" {good}"),
        ] {
            assert!(Digest::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn deserialises_through_the_parser() {
        assert!(serde_json::from_str::<Digest>("\"sha256:zz\"").is_err());
    }
}
