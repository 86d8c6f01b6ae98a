//! Reports as they are handed in: on a manifest, or on an image ID before the push.

use jiff::Timestamp;

use super::acts::NewAct;
use super::attributed::Attributed;
use super::change::LedgerChange;
use super::new_scan::{NewScan, ScanTarget};
use super::resubmission::CompletedScan;
use super::scan_items::{BOUND_TABLES, ReportItems};
use super::scans::{index_findings, insert, known_scan};
use super::sql::{SqlConnection, query};
use super::tokens::refuse_revoked;
use super::unbound::{known_unbound, put_unbound};
use super::{Ledger, LedgerError, columns};
use crate::metrics::LedgerVerb;
use crate::oci::counted;
use crate::report::ReportBinding;
use crate::trust::{ActKind, Scan, TimeSource};

/// A report that the ledger took in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakenScan {
    pub id: i64,
    /// What ties it to its image: in this submission, or an earlier one that names more.
    pub binding: ReportBinding,
    /// When the scan was made, as it counts.
    pub scanned_at: Timestamp,
    /// Who says so: in this submission, or an earlier one of the same report.
    pub time_source: TimeSource,
    /// When the scanner's vulnerability database was built: as this submission says, or an
    /// earlier one of the same report.
    pub database_at: Option<Timestamp>,
}

impl Ledger {
    /// Takes a report in and returns its id; the one it has, if it was handed in
    /// before. Ids of reports on image IDs are a sequence of their own; no verdict
    /// rests on those, so none changes.
    ///
    /// # Errors
    /// [`LedgerError::FromTheFuture`] for dates in the future, and one for
    /// submitters whose token is revoked.
    pub async fn submit_scan(
        &self,
        new: impl Into<Attributed<NewScan>>,
    ) -> Result<i64, LedgerError> {
        self.take_scan(new).await.map(|taken| taken.id)
    }

    /// The same, with what was known of the report before.
    ///
    /// # Errors
    /// As [`Self::submit_scan`].
    pub async fn take_scan(
        &self,
        new: impl Into<Attributed<NewScan>>,
    ) -> Result<TakenScan, LedgerError> {
        let Attributed { what: new, origin } = new.into();
        let unbound = matches!(new.about, ScanTarget::ImageId(_));
        let _timed = self.timed(match unbound {
            true => LedgerVerb::SubmitUnbound,
            false => LedgerVerb::SubmitScan,
        });
        let new = new.dated_at_most_now()?;
        let (new, fingerprint) = self.fingerprinted(new).await?;
        let mut writing = self.begin_evidence(Some(new.received_at)).await?;
        refuse_revoked(writing.sql(), &new.submitter).await?;
        let completed = self.complete(writing.sql(), new, fingerprint).await?;
        let fingerprint = &completed.fingerprint;
        let time_source = completed.new.time_source();
        let known = match unbound {
            true => known_unbound(writing.sql(), fingerprint).await?,
            false => known_scan(writing.sql(), fingerprint).await?,
        };
        let (scan, act) = match known {
            Some(scan) => retie(writing.sql(), scan, &completed.new).await?,
            None => {
                let (scan, act) = put(writing.sql(), completed).await?;
                (scan, Some(act))
            }
        };
        if let Some(act) = act {
            self.settle(&mut writing).await?;
            // Its token may have ended meanwhile, and what it handed in been withdrawn.
            refuse_revoked(writing.sql(), &scan.submitter).await?;
            if !unbound {
                let change = LedgerChange::Scan(scan.manifest.clone());
                writing.note(change).await?;
            }
            writing.act(act, origin).await?;
        }
        self.commit(writing).await?;
        Ok(TakenScan {
            id: scan.id,
            binding: scan.binding,
            scanned_at: scan.scanned_at,
            time_source,
            database_at: scan.database_at,
        })
    }

    /// With its fingerprint, which reads all of it.
    pub(super) async fn fingerprinted(
        &self,
        new: NewScan,
    ) -> Result<(NewScan, String), LedgerError> {
        let take = move || new.fingerprint().map(|fingerprint| (new, fingerprint));
        self.heavy.run(take).await?
    }
}

/// The scan, with the act that it is.
async fn put(
    sql: &mut SqlConnection,
    completed: CompletedScan,
) -> Result<(Scan, NewAct), LedgerError> {
    let fingerprint = completed.fingerprint;
    let unbound = matches!(completed.new.about, ScanTarget::ImageId(_));
    let (scan, listed) = completed.new.into_parts();
    let scan = Scan {
        scanned_at: completed.counts_from.unwrap_or(scan.scanned_at),
        ..scan
    };
    let act = act(&scan, &listed);
    let id = match unbound {
        true => put_unbound(sql, &scan, &listed, &fingerprint).await?,
        false => {
            let id = insert(sql, &scan, &fingerprint, None).await?;
            BOUND_TABLES.put(sql, id, &listed).await?;
            index_findings(sql, id, &scan).await?;
            id
        }
    };
    let act = NewAct {
        subject: Some(subject(unbound, id)),
        ..act
    };
    Ok((Scan { id, ..scan }, act))
}

/// A report that is handed in again, tied as it is now where that names more of its image
/// than what was known at first; that is an act.
async fn retie(
    sql: &mut SqlConnection,
    known: Scan,
    new: &NewScan,
) -> Result<(Scan, Option<NewAct>), LedgerError> {
    if known.binding.names_as_much_as(new.binding) {
        return Ok((known, None));
    }
    let scan = Scan {
        binding: new.binding,
        ..known
    };
    let unbound = matches!(new.about, ScanTarget::ImageId(_));
    let update = match unbound {
        true => "UPDATE unbound_scans SET body = ? WHERE id = ?",
        false => "UPDATE scans SET body = ? WHERE id = ?",
    };
    let update = query(update).bind(columns::json(&scan)?).bind(scan.id);
    update.execute(&mut *sql).await?;
    if !unbound {
        index_findings(sql, scan.id, &scan).await?;
    }
    let act = NewAct {
        subject: Some(subject(unbound, scan.id)),
        principal: Some(scan.submitter.clone()),
        digest: Some(scan.manifest.clone()),
        detail: "handed in again: it names more of the image now".to_owned(),
        ..NewAct::new(ActKind::Scan, new.received_at)
    };
    Ok((scan, Some(act)))
}

/// What the act of a scan is about.
fn subject(unbound: bool, id: i64) -> String {
    match unbound {
        true => format!("unbound-scan:{id}"),
        false => format!("scan:{id}"),
    }
}

/// Of a scan before the push, the digest is the image ID.
fn act(scan: &Scan, listed: &ReportItems) -> NewAct {
    let version = scan.tool.version.as_deref().unwrap_or("of unknown version");
    let findings = listed.findings.len();
    let at = match scan.told_by() {
        TimeSource::Report => format!("scanned at {}", scan.scanned_at),
        TimeSource::Submitter(declared) => format!("declared as scanned at {declared}"),
        TimeSource::Receipt => format!("of no told time, counts from {}", scan.scanned_at),
    };
    NewAct {
        principal: Some(scan.submitter.clone()),
        digest: Some(scan.manifest.clone()),
        detail: format!(
            "{} {version}, {at}, {}",
            scan.tool.name,
            counted(findings, "finding")
        ),
        ..NewAct::new(ActKind::Scan, scan.received_at)
    }
}
