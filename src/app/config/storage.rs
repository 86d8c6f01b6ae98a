//! `[cache]`, `[ledger]` and `[audit]`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use super::quantity::{ByteSize, Period};
use super::remote::{RemoteConfig, remote};
use super::section::Section;

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
    /// The SQLite database.
    pub path: PathBuf,
    /// After that long without word from it, nothing can be decided.
    pub max_silence: Duration,
}

/// The decision log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditConfig {
    pub record: RecordedPasses,
    pub path: PathBuf,
}

/// Which passes are written down. Denials always are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordedPasses {
    /// The first of each principal, digest and hour.
    #[default]
    Changes,
    All,
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
pub(super) fn ledger_url(root: &mut Section<'_, '_>) -> Option<PathBuf> {
    database(&mut root.section("ledger"))
}

/// Reads `[ledger]`.
pub(super) fn ledger(root: &mut Section<'_, '_>, data_dir: &Path) -> LedgerConfig {
    let mut section = root.section("ledger");
    let path = database(&mut section);
    let max_silence: Period = section.read("max_silence").unwrap_or(DEFAULT_MAX_SILENCE);
    if max_silence.is_zero() {
        section.problem(
            "max_silence",
            "is nothing, so nothing could be decided; write 15m",
        );
    }
    section.finish();
    LedgerConfig {
        path: path.unwrap_or_else(|| ledger_file(data_dir)),
        max_silence: max_silence.into(),
    }
}

fn database(section: &mut Section<'_, '_>) -> Option<PathBuf> {
    let url: String = section.read("url")?;
    let path = url
        .strip_prefix("sqlite://")
        .filter(|path| !path.is_empty());
    if path.is_none_or(|path| path.contains(['?', '#'])) {
        let hint = "write sqlite:///var/lib/sekisho/ledger.db";
        section.problem("url", format_args!("is no SQLite database; {hint}"));
        return None;
    }
    path.map(|path| section.resolve(path))
}

/// Reads `[audit]`.
pub(super) fn audit(root: &mut Section<'_, '_>, data_dir: &Path) -> AuditConfig {
    let mut section = root.section("audit");
    let record = section.read("record").unwrap_or_default();
    let path = section.path("path");
    section.finish();
    AuditConfig {
        record,
        path: path.unwrap_or_else(|| data_dir.join("audit.jsonl")),
    }
}
