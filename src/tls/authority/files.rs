//! An authority as named PEM files: the same in a folder and in a Secret.

use std::collections::BTreeMap;

use rcgen::KeyPair;

use super::certificate::Certificate;
use super::issue::Pair;
use super::{Authority, AuthorityError};

/// PEM files by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The bundle, which clients trust; the CA that signs comes first.
pub const BUNDLE: &str = "ca.crt";
const KEY: &str = "ca.key";
const NEXT: &str = "ca-next.crt";
const NEXT_KEY: &str = "ca-next.key";
const LEAF: &str = "tls.crt";
const LEAF_KEY: &str = "tls.key";

const ALL: [&str; 6] = [BUNDLE, KEY, NEXT, NEXT_KEY, LEAF, LEAF_KEY];

/// Whether a file is for its owner alone.
pub fn is_secret(name: &str) -> bool {
    name.ends_with(".key")
}

impl Authority {
    /// All of it.
    pub fn to_files(&self) -> Files {
        let mut files = BTreeMap::from([
            (BUNDLE, self.bundle()),
            (KEY, self.current.key.serialize_pem()),
            (LEAF, self.leaf.certificate.pem()),
            (LEAF_KEY, self.leaf.key.serialize_pem()),
        ]);
        if let Some(next) = &self.next {
            files.insert(NEXT, next.certificate.pem());
            files.insert(NEXT_KEY, next.key.serialize_pem());
        }
        let owned = |(name, text): (&str, String)| (name.to_owned(), text.into_bytes());
        files.into_iter().map(owned).collect()
    }

    /// Reads it again. No file at all: there is no authority yet. Whatever else is
    /// not whole is an error.
    pub fn from_files(files: &Files) -> Result<Option<Self>, AuthorityError> {
        if files.is_empty() {
            return Ok(None);
        }
        if let Some(other) = files.keys().find(|name| !ALL.contains(&name.as_str())) {
            return Err(AuthorityError::Unknown(other.clone()));
        }
        let mut bundle = authorities(files)?.into_iter();
        let first = bundle.next().ok_or(AuthorityError::Certificate(BUNDLE))?;
        let current = pair(first, BUNDLE, KEY, files)?;
        let mut previous: Vec<Certificate> = bundle.collect();
        let next = next(files, &mut previous)?;
        let leaf = pair(one(files, LEAF)?, LEAF, LEAF_KEY, files)?;
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
    let all = Certificate::all(file(files, BUNDLE)?);
    let all = all.ok_or(AuthorityError::Certificate(BUNDLE))?;
    match all.iter().all(|certificate| certificate.is_authority) {
        true => Ok(all),
        false => Err(AuthorityError::NoAuthority(BUNDLE)),
    }
}

fn one(files: &Files, name: &'static str) -> Result<Certificate, AuthorityError> {
    let all = Certificate::all(file(files, name)?).ok_or(AuthorityError::Certificate(name))?;
    let [only] = <[Certificate; 1]>::try_from(all)
        .map_err(|all| AuthorityError::Several(name, all.len()))?;
    Ok(only)
}

/// The next CA, which is taken out of the rest of the bundle.
fn next(files: &Files, rest: &mut Vec<Certificate>) -> Result<Option<Pair>, AuthorityError> {
    if !files.contains_key(NEXT) && !files.contains_key(NEXT_KEY) {
        return Ok(None);
    }
    let next = pair(one(files, NEXT)?, NEXT, NEXT_KEY, files)?;
    let at = rest.iter().position(|it| *it == next.certificate);
    rest.remove(at.ok_or(AuthorityError::NextOutside)?);
    Ok(Some(next))
}

fn pair(
    certificate: Certificate,
    certificate_file: &'static str,
    key_file: &'static str,
    files: &Files,
) -> Result<Pair, AuthorityError> {
    let text = std::str::from_utf8(file(files, key_file)?);
    let key = text.ok().and_then(|text| KeyPair::from_pem(text).ok());
    let key = key.ok_or(AuthorityError::Key(key_file))?;
    Pair::new(certificate, key).ok_or(AuthorityError::Pair {
        certificate: certificate_file,
        key: key_file,
    })
}
