//! Where the audit log ends, and what the ledger knows of that.

use jiff::Timestamp;

use super::config::AuditConfig;
use crate::audit::{Audit, ChainEnd, log_place};
use crate::ledger::{AuditSeal, Ledger, LedgerError};

/// Notes that the log ends there.
///
/// # Errors
/// [`LedgerError`] where it cannot be written.
pub async fn note_log_end(
    ledger: &Ledger,
    end: ChainEnd,
    config: &AuditConfig,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let retention = config.rotation.retention;
    let seal = AuditSeal {
        log: end.log,
        line: end.line,
        hash: end.hash.unwrap_or_default(),
        at: now,
        place: Some(log_place(&config.path)),
        kept_until: retention.and_then(|it| now.checked_add(it).ok()),
    };
    ledger.seal_audit(&seal).await
}

/// Holds the log that was just opened against what the ledger knows of its end. Where it is
/// another one, nothing that is written from now on may vouch for it: the log goes on under a
/// new name, and `audit verify` tells of what the ledger never came to know.
///
/// # Errors
/// [`LedgerError`] where the ledger cannot be read or written.
pub async fn hold_log_end(
    audit: &Audit,
    ledger: &Ledger,
    config: &AuditConfig,
    now: Timestamp,
) -> Result<(), LedgerError> {
    if !config.path.is_file() {
        return Ok(());
    }
    let (end, seals) = (audit.end().await, ledger.audit_seals().await?);
    let Some(found) = otherwise(&end, &seals, &log_place(&config.path)) else {
        return Ok(());
    };
    let log = config.path.display();
    tracing::error!(%log, %found, "the audit log does not end where the ledger knows that it ended; \
        it goes on under a new name: look at it with sekisho audit verify");
    note_log_end(ledger, audit.begin_anew().await, config, now).await
}

/// How the end of the log at `place` differs from what the ledger knows of it.
fn otherwise(end: &ChainEnd, seals: &[AuditSeal], place: &str) -> Option<String> {
    let (log, line) = (&end.log, end.line);
    let is_of_here = |seal: &&AuditSeal| seal.place.as_deref() == Some(place) && seal.line > 0;
    let Some(seal) = seals.iter().find(|seal| seal.log == *log) else {
        let known = seals.iter().find(is_of_here)?;
        return Some(match line {
            0 => format!("nothing of the log {} is left", known.log),
            _ => format!("it ends with line {line} of {log}, which the ledger does not know"),
        });
    };
    match seal.line {
        known if known < line => Some(format!(
            "lines {} to {line} of {log} are of the last seconds before a crash, or were put in",
            known + 1
        )),
        known if known > line => Some(format!(
            "lines {} to {known} of {log} are cut off",
            line + 1
        )),
        0 => None,
        known => (end.hash.as_ref() != Some(&seal.hash))
            .then(|| format!("line {known} of {log} is another one")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(log: &str, line: u64, hash: &str) -> ChainEnd {
        ChainEnd {
            log: log.to_owned(),
            line,
            hash: Some(hash.to_owned()),
        }
    }

    fn told(end: &ChainEnd) -> Option<String> {
        let seal = AuditSeal {
            log: "l".to_owned(),
            line: 5,
            hash: "h".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            place: Some("here".to_owned()),
            kept_until: None,
        };
        otherwise(end, &[seal], "here")
    }

    #[test]
    fn an_end_that_the_ledger_knows_is_none_to_speak_of() {
        assert_eq!(told(&end("l", 5, "h")), None);
        // Of a place where the ledger knows of no log, any may come.
        assert_eq!(otherwise(&end("m", 5, "h"), &[], "here"), None);
    }

    #[test]
    fn an_end_that_the_ledger_does_not_know_is_told() {
        let is_told = |it: ChainEnd, text: &str| assert!(told(&it).unwrap().contains(text));
        is_told(end("l", 7, "h"), "lines 6 to 7 of l");
        is_told(end("l", 3, "h"), "lines 4 to 5 of l are cut off");
        is_told(end("l", 5, "x"), "line 5 of l is another one");
        is_told(end("m", 5, "h"), "which the ledger does not know");
        is_told(end("m", 0, "h"), "nothing of the log l is left");
    }
}
