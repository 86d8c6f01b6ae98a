//! Conversion of values to columns and back. What cannot be read is an error.

use std::fmt::Display;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::LedgerError;
use crate::oci::Digest;
use crate::trust::Subject;

pub(super) fn text<T: FromStr<Err: Display>>(stored: &str) -> Result<T, LedgerError> {
    stored
        .parse()
        .map_err(|why| LedgerError::unreadable(stored, why))
}

pub(super) fn time(micros: i64) -> Result<Timestamp, LedgerError> {
    Timestamp::from_microsecond(micros).map_err(|why| LedgerError::unreadable("time", why))
}

pub(super) fn time_if(micros: Option<i64>) -> Result<Option<Timestamp>, LedgerError> {
    micros.map(time).transpose()
}

pub(super) fn micros(time: Option<Timestamp>) -> Option<i64> {
    time.map(Timestamp::as_microsecond)
}

pub(super) fn body<T: DeserializeOwned>(stored: &str) -> Result<T, LedgerError> {
    serde_json::from_str(stored).map_err(|why| LedgerError::unreadable("body", why))
}

pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, LedgerError> {
    serde_json::to_string(value).map_err(|why| LedgerError::unreadable("value", why))
}

/// The one parameter of `IN (SELECT value FROM json_each(?))`.
pub(super) fn list<'a>(digests: impl IntoIterator<Item = &'a Digest>) -> Vec<String> {
    digests.into_iter().map(Digest::to_string).collect()
}

pub(super) fn subject(
    environment: &str,
    repository: &str,
    digest: &str,
) -> Result<Subject, LedgerError> {
    Ok(Subject {
        environment: text(environment)?,
        repository: text(repository)?,
        digest: text(digest)?,
    })
}

pub(super) fn unsigned(number: i64) -> Result<u64, LedgerError> {
    u64::try_from(number).map_err(|why| LedgerError::unreadable("number", why))
}
