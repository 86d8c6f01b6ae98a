//! Where the ledger lies and how long it may stay silent.

use std::path::PathBuf;

use jiff::SignedDuration;

use super::LedgerError;

/// What the ledger needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerOptions {
    /// The database; its lock lies beside it.
    pub path: PathBuf,
    /// Beyond it, what memory holds counts as unconfirmed.
    pub max_silence: SignedDuration,
    /// Memory for verdicts at most, in bytes.
    pub verdict_bytes: u64,
}

impl LedgerOptions {
    /// The defaults, for a database at `path`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            max_silence: SignedDuration::from_mins(15),
            verdict_bytes: 256 << 20,
        }
    }

    /// The path in a URL `sqlite:///absolute/path` or `sqlite://relative/path`.
    ///
    /// # Errors
    /// [`LedgerError`] for another scheme.
    pub fn path_of(url: &str) -> Result<PathBuf, LedgerError> {
        url.strip_prefix("sqlite://")
            .filter(|path| !path.is_empty() && !path.contains('?'))
            .map(PathBuf::from)
            .ok_or_else(|| LedgerError::Url(url.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sqlite_urls_and_no_others() {
        let path = LedgerOptions::path_of("sqlite:///var/lib/ledger.db").unwrap();
        assert_eq!(path, PathBuf::from("/var/lib/ledger.db"));
        for bad in ["", "sqlite://", "postgres://host/db", "sqlite:///a?mode=ro"] {
            assert!(LedgerOptions::path_of(bad).is_err(), "{bad:?}");
        }
    }
}
