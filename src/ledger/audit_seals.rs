//! Where audit logs ended, as the ledger knows it.

use jiff::Timestamp;

use super::sql::query;
use super::{Ledger, LedgerError, columns};

/// The end of an audit log's chain, as it was noted last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditSeal {
    /// The random name that the chain has.
    pub log: String,
    /// Lines of it.
    pub line: u64,
    /// SHA-256 of the last one, in hex.
    pub hash: String,
    /// When it was noted.
    pub at: Timestamp,
    /// Machine and file of the log; `None`: it is no file, or an earlier version noted it.
    pub place: Option<String>,
    /// Until then no retention removes what the log has; `None`: none ever does.
    pub kept_until: Option<Timestamp>,
}

type SealRow = (String, i64, String, i64, Option<String>, Option<i64>);

impl Ledger {
    /// Notes where an audit log ends. What was noted of a longer one stands.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be written.
    pub async fn seal_audit(&self, seal: &AuditSeal) -> Result<(), LedgerError> {
        let mut writing = self.begin(None).await?;
        let note = "INSERT INTO audit_seals (log, line, hash, at, place, kept_until) \
                    VALUES (?, ?, ?, ?, ?, ?) \
                    ON CONFLICT (log) DO UPDATE SET line = excluded.line, hash = excluded.hash, \
                    at = excluded.at, place = excluded.place, kept_until = excluded.kept_until \
                    WHERE excluded.line > audit_seals.line";
        query(note)
            .bind(&seal.log)
            .bind(seal.line.cast_signed())
            .bind(&seal.hash)
            .bind(seal.at.as_microsecond())
            .bind(seal.place.as_deref())
            .bind(seal.kept_until.map(Timestamp::as_microsecond))
            .execute(writing.sql())
            .await?;
        self.commit(writing).await
    }

    /// All that is noted: one of each replica's log, and of each that was begun anew.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn audit_seals(&self) -> Result<Vec<AuditSeal>, LedgerError> {
        let all = "SELECT log, line, hash, at, place, kept_until FROM audit_seals \
                   ORDER BY at DESC";
        let rows: Vec<SealRow> = query(all).all(&self.readers).await?;
        let read = |(log, line, hash, at, place, kept_until): SealRow| {
            Ok(AuditSeal {
                log,
                line: columns::unsigned(line)?,
                hash,
                at: columns::time(at)?,
                place,
                kept_until: kept_until.map(columns::time).transpose()?,
            })
        };
        rows.into_iter().map(read).collect()
    }
}
