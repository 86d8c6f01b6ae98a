//! The chain: each line carries the hash of the one before, so that a line which was
//! changed, taken out, put in or moved shows.
//!
//! It says nothing of an end that was cut off, and whoever may write the file may write all
//! of it anew: against both the ledger keeps where the chain ended last.

use serde::{Deserialize, Serialize};
use serde_json::Error;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::random;

/// Where a line stands: the last key of each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainLink {
    /// The chain, by a random name: one for each log, through all its files.
    pub log: String,
    /// Which line of it, from one on.
    pub line: u64,
    /// SHA-256 of the line before, without its newline, in hex; none before the first.
    pub prev: Option<String>,
}

/// Where a chain ended: what the next line is tied to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainEnd {
    pub log: String,
    /// Lines so far.
    pub line: u64,
    /// SHA-256 of the last one, in hex.
    pub hash: Option<String>,
}

#[derive(Deserialize)]
struct LinkedLine<'a> {
    #[serde(borrow)]
    chain: Option<&'a RawValue>,
}

impl ChainLink {
    /// What a line says of its place. `None`: it says nothing, as lines of earlier versions.
    ///
    /// # Errors
    /// It is no JSON object, or says it in another shape.
    pub(super) fn of(line: &[u8]) -> Result<Option<Self>, Error> {
        let linked: LinkedLine<'_> = serde_json::from_slice(line)?;
        let link = linked.chain.map(|raw| serde_json::from_str(raw.get()));
        link.transpose()
    }
}

impl ChainEnd {
    /// A chain that begins after a line which is of none, if there is one.
    pub(super) fn beginning(after: Option<&[u8]>) -> Self {
        Self {
            log: hex::encode(random::bytes::<8>()),
            line: 0,
            hash: after.map(hash),
        }
    }

    /// A chain that begins behind this one.
    pub(super) fn next(&self) -> Self {
        let hash = self.hash.clone();
        Self {
            hash,
            ..Self::beginning(None)
        }
    }

    /// The end of a chain whose last line this is.
    pub(super) fn at(link: ChainLink, line: &[u8]) -> Self {
        Self {
            log: link.log,
            line: link.line,
            hash: Some(hash(line)),
        }
    }

    /// Ties a record, a JSON object, to the end, which it is from then on.
    ///
    /// # Errors
    /// It is no object.
    pub(super) fn tie(&mut self, record: &str) -> Result<String, Error> {
        let open = record.strip_suffix('}').filter(|_| record.starts_with('{'));
        let open = open.ok_or_else(|| serde::de::Error::custom("a record is a JSON object"))?;
        let link = serde_json::to_string(&ChainLink {
            log: self.log.clone(),
            line: self.line + 1,
            prev: self.hash.clone(),
        })?;
        let comma = if open.len() > 1 { "," } else { "" };
        let line = format!("{open}{comma}\"chain\":{link}}}");
        self.line += 1;
        self.hash = Some(hash(line.as_bytes()));
        Ok(line)
    }
}

/// The hash of a line, which the next one carries.
pub(super) fn hash(line: &[u8]) -> String {
    hex::encode(Sha256::digest(line))
}
