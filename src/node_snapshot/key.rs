//! Ed25519 keys (RFC 8032): the gateway signs, agents check.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};

/// Of a signature.
pub(super) const SIGNATURE_BYTES: usize = 64;
/// The beginning of a SubjectPublicKeyInfo of an Ed25519 key (RFC 8410 §4); the key's 32
/// bytes follow.
const PUBLIC_KEY_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Why a key cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotKeyError {
    #[error(
        "this is no Ed25519 key in PKCS#8 PEM, as `openssl genpkey -algorithm ed25519` writes it"
    )]
    Private,
    #[error("this is no Ed25519 public key in PEM, as `openssl pkey -pubout` writes it")]
    Public,
    #[error("this is the public key, which is for agents; the gateway signs with the private one")]
    PublicForPrivate,
    #[error(
        "this is the private key, which is the gateway's alone; make the public one of it with `openssl pkey -in FILE -pubout`"
    )]
    PrivateForPublic,
}

/// The key that signs snapshots.
pub struct SnapshotKey(Ed25519KeyPair);

impl SnapshotKey {
    /// Reads a `PRIVATE KEY` in PEM.
    ///
    /// # Errors
    /// [`SnapshotKeyError`] where it is none of Ed25519.
    pub fn from_pem(pem: &str) -> Result<Self, SnapshotKeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes());
        let der = der.map_err(|_| match pem.contains("-----BEGIN PUBLIC KEY-----") {
            true => SnapshotKeyError::PublicForPrivate,
            false => SnapshotKeyError::Private,
        })?;
        // OpenSSL writes no public key beside it.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der());
        pair.map(Self).map_err(|_| SnapshotKeyError::Private)
    }

    /// The key of a seed of 32 bytes.
    #[cfg(test)]
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, SnapshotKeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed);
        pair.map(Self).map_err(|_| SnapshotKeyError::Private)
    }

    pub(super) fn sign(&self, bytes: &[u8]) -> [u8; SIGNATURE_BYTES] {
        let mut signature = [0; SIGNATURE_BYTES];
        // Its length is that of each Ed25519 signature; zeros are none.
        if let Some(made) = self.0.sign(bytes).as_ref().get(..SIGNATURE_BYTES) {
            signature.copy_from_slice(made);
        }
        signature
    }

    pub fn public_key(&self) -> SnapshotPublicKey {
        let mut key = [0; 32];
        key.copy_from_slice(self.0.public_key().as_ref());
        SnapshotPublicKey(key)
    }
}

impl fmt::Debug for SnapshotKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SnapshotKey(…)")
    }
}

/// A key whose snapshots an agent takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotPublicKey([u8; 32]);

impl SnapshotPublicKey {
    /// Reads each `PUBLIC KEY` in PEM: while keys are exchanged there are two.
    ///
    /// # Errors
    /// [`SnapshotKeyError`] where there is none, or another one.
    pub fn all_from_pem(pem: &str) -> Result<Vec<Self>, SnapshotKeyError> {
        let read = |der: Result<SubjectPublicKeyInfoDer<'_>, _>| {
            let der = der.ok()?;
            let key = der.strip_prefix(&PUBLIC_KEY_PREFIX)?;
            Some(Self(key.try_into().ok()?))
        };
        let keys = SubjectPublicKeyInfoDer::pem_slice_iter(pem.as_bytes()).map(read);
        let keys = keys.collect::<Option<Vec<_>>>();
        let keys = keys.filter(|keys| !keys.is_empty());
        keys.ok_or_else(|| match pem.contains("PRIVATE KEY-----") {
            true => SnapshotKeyError::PrivateForPublic,
            false => SnapshotKeyError::Public,
        })
    }

    pub fn to_pem(&self) -> String {
        let der = [PUBLIC_KEY_PREFIX.as_slice(), &self.0].concat();
        let text = BASE64.encode(der);
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    }

    pub(super) fn verifies(&self, bytes: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, &self.0);
        key.verify(bytes, signature).is_ok()
    }
}
