//! `[cache]` and `[ledger]`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::quantity::{ByteSize, Period};
use super::remote::{RemoteConfig, remote};
use super::section::Section;
use crate::ledger::{LedgerError, LedgerLocation, PostgresOptions};

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

/// The keys of a ledger on a server.
const SERVER_KEYS: [&str; 4] = ["ca", "certificate", "key", "password_file"];

fn location(section: &mut Section<'_, '_>) -> Option<LedgerLocation> {
    let url: Option<String> = section.read("url");
    let read = url.as_deref().map(LedgerLocation::of_url).transpose();
    let read = read.unwrap_or_else(|error| {
        section.problem("url", url_problem(error));
        None
    });
    match read {
        Some(LedgerLocation::Server(options)) => {
            Some(LedgerLocation::Server(server(section, options)))
        }
        Some(LedgerLocation::File(path)) => {
            refuse_server_keys(section);
            Some(LedgerLocation::File(
                section.resolve(&path.to_string_lossy()),
            ))
        }
        None if url.is_some() => {
            SERVER_KEYS.into_iter().for_each(|key| section.skip(key));
            None
        }
        None => {
            refuse_server_keys(section);
            None
        }
    }
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

fn refuse_server_keys(section: &mut Section<'_, '_>) {
    for key in SERVER_KEYS {
        let is_set = section.holds(key);
        section.skip(key);
        if is_set {
            section.problem(
                key,
                "is for a ledger on a server; write url = \"postgres://…\"",
            );
        }
    }
}

fn server(section: &mut Section<'_, '_>, options: PostgresOptions) -> PostgresOptions {
    let ca = section.file("ca");
    let certificate = section.file("certificate");
    let key = section.file("key");
    let (has_certificate, has_key) = (section.has("certificate"), section.has("key"));
    let client = certificate.zip(key);
    if has_certificate != has_key {
        let given = if has_key { "key" } else { "certificate" };
        section.problem(
            given,
            "is one of two; write certificate and key, or neither",
        );
    }
    if !options.url.has_tls() && (section.has("ca") || client.is_some()) {
        let text = "has no TLS, which ca, certificate and key are for; add ?sslmode=verify-full";
        section.problem("url", text);
    }
    PostgresOptions {
        ca,
        client_certificate: client,
        password_file: section.file("password_file"),
        ..options
    }
}
