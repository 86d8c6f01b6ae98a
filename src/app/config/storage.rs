//! `[cache]` and `[ledger]`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::quantity::{ByteSize, Period};
use super::remote::{RemoteConfig, remote};
use super::section::Section;
use crate::ledger::{LedgerError, LedgerLocation, ServerFiles};

const DEFAULT_MAX_SIZE: ByteSize = ByteSize(100 << 30);
const DEFAULT_MIN_FREE: ByteSize = ByteSize(5 << 30);
const DEFAULT_MAX_SILENCE: Period = Period::seconds(15 * 60);

/// Content, by digest.
#[derive(Clone, Debug)]
pub struct CacheConfig {
    pub path: PathBuf,
    /// In bytes.
    pub max_size: u64,
    /// Left free on its file system, in bytes.
    pub min_free: u64,
    /// The tier behind it.
    pub remote: Option<RemoteConfig>,
}

/// The trust records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerConfig {
    pub location: LedgerLocation,
    /// After that long without word from it, nothing can be decided.
    pub max_silence: Duration,
}

/// Reads `[cache]`.
pub(super) fn cache(root: &mut Section<'_, '_>, data_dir: &Path, now: Timestamp) -> CacheConfig {
    let mut section = root.section("cache");
    let path = section.path("path");
    let max_size: ByteSize = section.read("max_size").unwrap_or(DEFAULT_MAX_SIZE);
    let min_free: ByteSize = section.read("min_free").unwrap_or(DEFAULT_MIN_FREE);
    if max_size.0 == 0 {
        section.problem("max_size", "is nothing; write 100GiB, or less");
    }
    let remote = remote(&mut section, now);
    section.finish();
    CacheConfig {
        path: path.unwrap_or_else(|| data_dir.join("cache")),
        max_size: max_size.0,
        min_free: min_free.0,
        remote,
    }
}

/// Where the ledger lies below the data directory, unless `[ledger]` says it.
pub(super) fn ledger_file(data_dir: &Path) -> PathBuf {
    data_dir.join("ledger.db")
}

/// Reads of `[ledger]` where it lies, if it is said.
pub(super) fn ledger_url(root: &mut Section<'_, '_>) -> Option<LedgerLocation> {
    location(&mut root.section("ledger"))
}

/// Reads `[ledger]`.
pub(super) fn ledger(root: &mut Section<'_, '_>, data_dir: &Path) -> LedgerConfig {
    let mut section = root.section("ledger");
    let location = location(&mut section);
    let max_silence: Period = section.read("max_silence").unwrap_or(DEFAULT_MAX_SILENCE);
    if max_silence.is_zero() {
        section.problem(
            "max_silence",
            "is nothing, so nothing could be decided; write 15m",
        );
    }
    section.finish();
    LedgerConfig {
        location: location.unwrap_or_else(|| LedgerLocation::File(ledger_file(data_dir))),
        max_silence: max_silence.into(),
    }
}

fn location(section: &mut Section<'_, '_>) -> Option<LedgerLocation> {
    let url: Option<String> = section.read("url");
    let read = url.as_deref().map(LedgerLocation::of_url).transpose();
    let read = read.unwrap_or_else(|error| {
        section.problem("url", url_problem(error));
        None
    });
    let files = server_files(section);
    match (read, url) {
        (Some(location), _) => {
            let location = match location {
                LedgerLocation::File(path) => {
                    LedgerLocation::File(section.resolve(&path.to_string_lossy()))
                }
                server @ LedgerLocation::Server(_) => server,
            };
            Some(reached(section, location, files))
        }
        // What is wrong is the URL.
        (None, Some(_)) => None,
        (None, None) => {
            reached(section, LedgerLocation::File(PathBuf::new()), files);
            None
        }
    }
}

fn reached(
    section: &mut Section<'_, '_>,
    location: LedgerLocation,
    files: ServerFiles,
) -> LedgerLocation {
    let (reached, problems) = location.reached_with(files);
    for problem in problems {
        section.problem(problem.key, problem.why);
    }
    reached
}

/// Without the URL, in which somebody may have written a password.
fn url_problem(error: LedgerError) -> String {
    match error {
        LedgerError::ServerUrl(what) => what,
        _ => "is no SQLite database and no PostgreSQL server; write \
              sqlite:///var/lib/sekisho/ledger.db, or postgres:// and USER@HOST/DATABASE"
            .to_owned(),
    }
}

/// One that cannot be read is given, too: that much is a problem already.
fn server_files(section: &mut Section<'_, '_>) -> ServerFiles {
    let mut file = |key| {
        let readable = section.file(key);
        readable.or_else(|| section.has(key).then(PathBuf::new))
    };
    ServerFiles {
        ca: file("ca"),
        certificate: file("certificate"),
        key: file("key"),
        password_file: file("password_file"),
    }
}
