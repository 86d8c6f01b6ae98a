//! An authority as named PEM files: the same in a folder and in a Secret.

use std::collections::BTreeMap;

use rcgen::KeyPair;

use super::certificate::Certificate;
use super::issue::CertificateAndKey;
use super::{Authority, AuthorityError};

/// PEM files by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The bundle, which clients trust; the CA that signs comes first.
pub const BUNDLE_FILE: &str = "ca.crt";
const KEY_FILE: &str = "ca.key";
const NEXT_FILE: &str = "ca-next.crt";
const NEXT_KEY_FILE: &str = "ca-next.key";
const LEAF_FILE: &str = "tls.crt";
const LEAF_KEY_FILE: &str = "tls.key";

const ALL_FILES: [&str; 6] = [
    BUNDLE_FILE,
    KEY_FILE,
    NEXT_FILE,
    NEXT_KEY_FILE,
    LEAF_FILE,
    LEAF_KEY_FILE,
];

/// Whether a file is for its owner alone.
pub fn is_secret(name: &str) -> bool {
    name.ends_with(".key")
}

impl Authority {
    /// All of it.
    pub fn to_files(&self) -> Files {
        let mut files = BTreeMap::from([
            (BUNDLE_FILE, self.bundle()),
            (KEY_FILE, self.current.key.serialize_pem()),
            (LEAF_FILE, self.leaf.certificate.pem()),
            (LEAF_KEY_FILE, self.leaf.key.serialize_pem()),
        ]);
        if let Some(next) = &self.next {
            files.insert(NEXT_FILE, next.certificate.pem());
            files.insert(NEXT_KEY_FILE, next.key.serialize_pem());
        }
        let owned = |(name, text): (&str, String)| (name.to_owned(), text.into_bytes());
        files.into_iter().map(owned).collect()
    }

    /// Reads it again. No file at all: there is no authority yet. Whatever else is
    /// not whole is an error.
    ///
    /// # Errors
    /// [`AuthorityError`] for files that do not belong together.
    pub fn from_files(files: &Files) -> Result<Option<Self>, AuthorityError> {
        if files.is_empty() {
            return Ok(None);
        }
        if let Some(other) = files
            .keys()
            .find(|name| !ALL_FILES.contains(&name.as_str()))
        {
            return Err(AuthorityError::Unknown(other.clone()));
        }
        let mut bundle = authorities(files)?.into_iter();
        let first = bundle
            .next()
            .ok_or(AuthorityError::Certificate(BUNDLE_FILE))?;
        let current = pair(first, BUNDLE_FILE, KEY_FILE, files)?;
        let mut previous: Vec<Certificate> = bundle.collect();
        let next = next(files, &mut previous)?;
        let leaf = pair(one(files, LEAF_FILE)?, LEAF_FILE, LEAF_KEY_FILE, files)?;
        let read = Self {
            current,
            next,
            previous,
            leaf,
        };
        let leaf = &read.leaf.certificate;
        let is_signed = read.trusted().any(|issuer| leaf.is_signed_by(issuer));
        is_signed
            .then_some(Some(read))
            .ok_or(AuthorityError::Unsigned)
    }
}

fn file<'a>(files: &'a Files, name: &'static str) -> Result<&'a [u8], AuthorityError> {
    let found = files.get(name).ok_or(AuthorityError::Missing(name))?;
    Ok(found)
}

fn authorities(files: &Files) -> Result<Vec<Certificate>, AuthorityError> {
    let all = Certificate::all(file(files, BUNDLE_FILE)?);
    let all = all.ok_or(AuthorityError::Certificate(BUNDLE_FILE))?;
    match all.iter().all(|certificate| certificate.is_authority) {
        true => Ok(all),
        false => Err(AuthorityError::NoAuthority(BUNDLE_FILE)),
    }
}

fn one(files: &Files, name: &'static str) -> Result<Certificate, AuthorityError> {
    let all = Certificate::all(file(files, name)?).ok_or(AuthorityError::Certificate(name))?;
    let [only] = <[Certificate; 1]>::try_from(all)
        .map_err(|all| AuthorityError::Several(name, all.len()))?;
    Ok(only)
}

/// The next CA, which is taken out of the rest of the bundle.
fn next(
    files: &Files,
    rest: &mut Vec<Certificate>,
) -> Result<Option<CertificateAndKey>, AuthorityError> {
    if !files.contains_key(NEXT_FILE) && !files.contains_key(NEXT_KEY_FILE) {
        return Ok(None);
    }
    let next = pair(one(files, NEXT_FILE)?, NEXT_FILE, NEXT_KEY_FILE, files)?;
    let at = rest.iter().position(|it| *it == next.certificate);
    rest.remove(at.ok_or(AuthorityError::NextOutside)?);
    Ok(Some(next))
}

fn pair(
    certificate: Certificate,
    certificate_file: &'static str,
    key_file: &'static str,
    files: &Files,
) -> Result<CertificateAndKey, AuthorityError> {
    let text = std::str::from_utf8(file(files, key_file)?);
    let key = text.ok().and_then(|text| KeyPair::from_pem(text).ok());
    let key = key.ok_or(AuthorityError::Key(key_file))?;
    CertificateAndKey::new(certificate, key).ok_or(AuthorityError::Pair {
        certificate: certificate_file,
        key: key_file,
    })
}
