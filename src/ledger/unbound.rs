//! Scans taken before the push: of an image ID, which binds no layers. They count
//! for no manifest until their submitter says which one it was pushed as.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::acts::NewAct;
use super::attributed::Attributed;
use super::change::LedgerChange;
use super::scan_items::{ReportItems, UNBOUND_TABLES};
use super::scans::{ScanRow, index_findings, insert, known_scan, only_current, read_all};
use super::sql::{SqlConnection, query};
use super::tokens::refuse_revoked;
use super::{Ledger, LedgerError, columns};
use crate::access::Scope;
use crate::metrics::LedgerVerb;
use crate::oci::Digest;
use crate::trust::{ActKind, Scan};

/// A statement of the submitter that the image scanned as `image_id` was pushed as
/// `manifest`, with the scope of its token.
#[derive(Clone, Debug)]
pub struct BindScans {
    pub image_id: Digest,
    pub manifest: Digest,
    pub submitter: String,
    pub scope: Scope,
    pub at: Timestamp,
}

impl BindScans {
    fn act(self, ids: &[i64]) -> NewAct {
        let scans: Vec<String> = ids.iter().map(|id| format!("scan:{id}")).collect();
        NewAct {
            principal: Some(self.submitter),
            digest: Some(self.manifest),
            subject: Some(scans.join(" ")),
            detail: format!("image ID {}", self.image_id),
            ..NewAct::new(ActKind::ScanBind, self.at)
        }
    }
}

impl Ledger {
    /// The scans of an image ID that stand at `now`, by one submitter, with what they
    /// list: to judge them before the push. Their `manifest` is the image ID itself.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn unbound_scans(
        &self,
        image_id: &Digest,
        submitter: &str,
        now: Timestamp,
    ) -> Result<Vec<Arc<Scan>>, LedgerError> {
        let _timed = self.timed(LedgerVerb::UnboundScans);
        let mut sql = self.readers.acquire().await?;
        let unbound = unbound_of(&mut sql, image_id, submitter, now).await?;
        let mut scans: Vec<Scan> = unbound.into_iter().map(|(_, scan)| scan).collect();
        UNBOUND_TABLES.fill(&mut sql, &mut scans).await?;
        Ok(scans.into_iter().map(Arc::new).collect())
    }

    /// The same without what they list.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn unbound_heads(
        &self,
        image_id: &Digest,
        submitter: &str,
        now: Timestamp,
    ) -> Result<Vec<Scan>, LedgerError> {
        let _timed = self.timed(LedgerVerb::UnboundScans);
        let mut sql = self.readers.acquire().await?;
        let unbound = unbound_of(&mut sql, image_id, submitter, now).await?;
        Ok(unbound.into_iter().map(|(_, scan)| scan).collect())
    }

    /// Makes what the submitter scanned as an image ID count for a manifest, as if
    /// it had been handed in for it then; returns the scans' ids, the same ones
    /// when it is said again. What others scanned is not touched.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be written; then nothing of it is.
    pub async fn bind_scans(
        &self,
        bind: impl Into<Attributed<BindScans>>,
    ) -> Result<Vec<i64>, LedgerError> {
        let Attributed { what: bind, origin } = bind.into();
        let _timed = self.timed(LedgerVerb::BindScans);
        let mut writing = self.begin_evidence(Some(bind.at)).await?;
        refuse_revoked(writing.sql(), &bind.submitter).await?;
        let by = &bind.submitter;
        let unbound = unbound_of(writing.sql(), &bind.image_id, by, bind.at).await?;
        let (mut ids, mut is_news) = (Vec::new(), false);
        // The oldest first, so that ids rise with dates as they do elsewhere.
        for (fingerprint, scan) in unbound.into_iter().rev() {
            let (id, is_new) = bind_one(writing.sql(), &bind, &fingerprint, scan).await?;
            ids.push(id);
            is_news |= is_new;
        }
        if is_news {
            self.settle(&mut writing).await?;
            // Its token may have ended meanwhile, and what it handed in been withdrawn.
            refuse_revoked(writing.sql(), &bind.submitter).await?;
            let change = LedgerChange::Scan(bind.manifest.clone());
            writing.note(change).await?;
            writing.act(bind.act(&ids), origin).await?;
        }
        self.commit(writing).await?;
        Ok(ids)
    }
}

/// The scan of an image ID that the same report is already, without what it lists.
pub(super) async fn known_unbound(
    sql: &mut SqlConnection,
    fingerprint: &str,
) -> Result<Option<Scan>, LedgerError> {
    let same = "SELECT id, body FROM unbound_scans WHERE fingerprint = ? AND withdrawn_at IS NULL";
    let rows: Vec<ScanRow> = query(same).bind(fingerprint).all(sql).await?;
    Ok(read_all(rows)?.into_iter().next())
}

/// The fingerprint of a scan of an image ID, once it is bound to a manifest with a scope.
pub(super) fn bound_fingerprint(
    unbound: &str,
    manifest: &Digest,
    scope: &Scope,
) -> Result<String, LedgerError> {
    let same = columns::json(&(unbound, manifest, scope))?;
    Ok(Digest::sha256(same.as_bytes()).hex())
}

/// The scan of an image ID, kept where no manifest is looked for: its id.
pub(super) async fn put_unbound(
    sql: &mut SqlConnection,
    scan: &Scan,
    listed: &ReportItems,
    fingerprint: &str,
) -> Result<i64, LedgerError> {
    let add = "INSERT INTO unbound_scans (image_id, submitter, fingerprint, body) \
               VALUES (?, ?, ?, ?) RETURNING id";
    let id = query(add)
        .bind(scan.manifest.to_string())
        .bind(&scan.submitter)
        .bind(fingerprint)
        .bind(columns::json(scan)?)
        .value(&mut *sql)
        .await?;
    UNBOUND_TABLES.put(sql, id, listed).await?;
    Ok(id)
}

/// Its id, and whether it was not bound before.
async fn bind_one(
    sql: &mut SqlConnection,
    bind: &BindScans,
    fingerprint: &str,
    unbound: Scan,
) -> Result<(i64, bool), LedgerError> {
    let fingerprint = bound_fingerprint(fingerprint, &bind.manifest, &bind.scope)?;
    if let Some(known) = known_scan(sql, &fingerprint).await? {
        return Ok((known.id, false));
    }
    let from = unbound.id;
    let scan = Scan {
        manifest: bind.manifest.clone(),
        scope: bind.scope.clone(),
        bound_from: Some(bind.image_id.clone()),
        ..unbound
    };
    let id = insert(sql, &scan, &fingerprint, Some(bind.at)).await?;
    copy_listed(sql, from, id).await?;
    index_findings(sql, id, &scan).await?;
    Ok((id, true))
}

async fn copy_listed(sql: &mut SqlConnection, from: i64, to: i64) -> Result<(), LedgerError> {
    let findings = "INSERT INTO findings (scan, ordinal, body) \
                    SELECT ?, ordinal, body FROM unbound_findings WHERE scan = ?";
    let packages = "INSERT INTO packages (scan, ordinal, body) \
                    SELECT ?, ordinal, body FROM unbound_packages WHERE scan = ?";
    for copy in [findings, packages] {
        let copy = query(copy).bind(to).bind(from);
        copy.execute(&mut *sql).await?;
    }
    Ok(())
}

/// Those that stand, the newest first, each with its fingerprint.
async fn unbound_of(
    sql: &mut SqlConnection,
    image_id: &Digest,
    submitter: &str,
    now: Timestamp,
) -> Result<Vec<(String, Scan)>, LedgerError> {
    let of = "SELECT id, body, fingerprint FROM unbound_scans \
              WHERE image_id = ? AND submitter = ? AND withdrawn_at IS NULL";
    let rows: Vec<(i64, String, String)> = query(of)
        .bind(image_id.to_string())
        .bind(submitter)
        .all(sql)
        .await?;
    let mut fingerprints = HashMap::new();
    let mut bodies: Vec<ScanRow> = Vec::new();
    for (id, body, fingerprint) in rows {
        fingerprints.insert(id, fingerprint);
        bodies.push((id, body));
    }
    let current = only_current(read_all(bodies)?, now)?.into_iter();
    let with = |scan: Scan| fingerprints.remove(&scan.id).map(|it| (it, scan));
    Ok(current.filter_map(with).collect())
}
