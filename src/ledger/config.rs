//! Where the ledger lies and how long it may stay silent.

use std::path::PathBuf;

use jiff::SignedDuration;

use super::LedgerError;
use super::postgres_url::PostgresUrl;

/// A replica that has not told of itself for so long serves no more: it missed four times.
pub const REPLICA_LIVES_FOR: SignedDuration = SignedDuration::from_secs(15);

/// How the ledger is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerAccess {
    /// The one process that serves: holds the lock, loads the index at once.
    Serve,
    /// A command beside it: loads the index only if evidence is asked for.
    Client,
}

/// As many as take a tenth of a second.
const LOADED_AT_OPEN: u64 = 4000;

/// What the ledger needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerOptions {
    pub location: LedgerLocation,
    /// Beyond it, what memory holds counts as unconfirmed.
    pub max_silence: SignedDuration,
    /// Memory for verdicts at most, in bytes.
    pub verdict_bytes: u64,
    /// Rows that are in memory before a ledger that serves is handed out.
    pub loaded_at_open: u64,
}

/// Where the records lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerLocation {
    /// A SQLite database; its lock lies beside it. One serve uses it.
    File(PathBuf),
    /// A PostgreSQL database. Any number of serves use it.
    Server(PostgresOptions),
}

/// How a PostgreSQL database is reached. What the files hold is read anew for each
/// connection, so that they can be replaced at any time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresOptions {
    pub url: PostgresUrl,
    /// Authorities that are trusted beside the public ones, in PEM.
    pub ca: Option<PathBuf>,
    /// The client's certificate chain and its key, in PEM.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    pub password_file: Option<PathBuf>,
}

impl From<PostgresUrl> for PostgresOptions {
    fn from(url: PostgresUrl) -> Self {
        Self {
            url,
            ca: None,
            client_certificate: None,
            password_file: None,
        }
    }
}

impl LedgerOptions {
    /// The defaults, for a database at `path`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::of(LedgerLocation::File(path.into()))
    }

    /// The defaults, for any location.
    pub fn of(location: LedgerLocation) -> Self {
        Self {
            location,
            max_silence: SignedDuration::from_mins(15),
            verdict_bytes: 256 << 20,
            loaded_at_open: LOADED_AT_OPEN,
        }
    }
}

impl LedgerLocation {
    /// Reads a URL: `sqlite:///absolute/path`, `sqlite://relative/path`, or one of
    /// PostgreSQL ([`PostgresUrl`]).
    ///
    /// # Errors
    /// [`LedgerError`] for another scheme, or what cannot be read in it.
    pub fn of_url(url: &str) -> Result<Self, LedgerError> {
        if PostgresUrl::is_meant(url) {
            return Ok(Self::Server(PostgresUrl::parse(url)?.into()));
        }
        url.strip_prefix("sqlite://")
            .filter(|path| !path.is_empty() && !path.contains(['?', '#']))
            .map(|path| Self::File(PathBuf::from(path)))
            .ok_or_else(|| LedgerError::Url(url.to_owned()))
    }

    /// The database file; `None` on a server.
    pub fn file(&self) -> Option<&PathBuf> {
        match self {
            Self::File(path) => Some(path),
            Self::Server(_) => None,
        }
    }

    /// As it may be shown: a path, or a URL without secrets.
    pub fn written(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Server(options) => options.url.written(),
        }
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_urls_of_both_databases_and_no_others() {
        let file = LedgerLocation::of_url("sqlite:///var/lib/ledger.db").unwrap();
        assert_eq!(file, LedgerLocation::File("/var/lib/ledger.db".into()));
        let server = LedgerLocation::of_url("postgres://sekisho@db.corp/trust").unwrap();
        assert_eq!(server.written(), "postgres://sekisho@db.corp:5432/trust");
        for bad in [
            "",
            "sqlite://",
            "mysql://host/db",
            "sqlite:///a?mode=ro",
            "postgres://",
        ] {
            assert!(LedgerLocation::of_url(bad).is_err(), "{bad:?}");
        }
    }
}
