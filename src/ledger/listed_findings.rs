//! Which of all known images are reported with a vulnerability, however many they are.
//!
//! The index of vulnerabilities names scans. What each scan is of, the list of all images
//! knows: so a search joins nothing, unless a scan came or went since that list was read.

use super::catalogue::Catalogue;
use super::manifest_set::ManifestSet;
use super::sql::{either, query};
use super::{Ledger, LedgerError, columns};
use crate::metrics::LedgerVerb;
use crate::oci::Digest;

// Many numbers come as one value: a row for each costs more than finding it.
const SCANS_NAMING: &str = "SELECT json_group_array(scan) FROM vulnerabilities \
    WHERE id IN (SELECT value FROM json_each(?))";
const SCANS_NAMING_ON_SERVER: &str = "SELECT coalesce(json_agg(scan), '[]'::json)::text \
    FROM vulnerabilities WHERE id IN (SELECT lower(named COLLATE \"C\") FROM unnest(?) AS named)";

const NAMING_AMONG: &str = "SELECT DISTINCT scans.manifest FROM scans CROSS JOIN vulnerabilities \
    WHERE scans.manifest IN (SELECT value FROM json_each(?2)) AND scans.withdrawn_at IS NULL \
    AND vulnerabilities.id IN (SELECT value FROM json_each(?1)) \
    AND vulnerabilities.scan = scans.id";
// From the manifests, as in `FINDINGS_NAMING_ON_SERVER`.
const NAMING_AMONG_ON_SERVER: &str = "SELECT DISTINCT here.manifest FROM \
    (SELECT id, manifest FROM scans \
    WHERE manifest IN (SELECT value FROM json_each(?2)) AND withdrawn_at IS NULL OFFSET 0) AS here \
    CROSS JOIN LATERAL (SELECT 1 FROM vulnerabilities WHERE scan = here.id \
    AND id IN (SELECT lower(named COLLATE \"C\") FROM unnest(?1) AS named) OFFSET 0) AS naming";

impl Ledger {
    /// The manifests with a scan that stands and names one of `ids`, as the finding's own id
    /// or as an alias, in any case.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn listed_reporting(
        &self,
        catalogue: &Catalogue,
        ids: &[String],
    ) -> Result<ManifestSet, LedgerError> {
        let timed = self.timed(LedgerVerb::ScansNaming);
        let scans = self.scans_naming(ids).await?;
        // After it: a scan that another replaces in between is looked at again.
        let changed = self.scanned_since(catalogue.seq).await?;
        drop(timed);
        let Some(changed) = changed else {
            let named = self.manifests_reporting(ids).await?;
            return Ok(catalogue.set_of(named));
        };
        let named = catalogue.scanned_by(&scans);
        if changed.is_empty() {
            return Ok(named);
        }
        let again = self.reporting_among(ids, &changed).await?;
        let changed = catalogue.set_of(changed);
        Ok(named.without(&changed).or(catalogue.set_of(again)))
    }

    /// The scans that name one of `ids`, also withdrawn ones.
    async fn scans_naming(&self, ids: &[String]) -> Result<Vec<i64>, LedgerError> {
        let scans: String = either(SCANS_NAMING, SCANS_NAMING_ON_SERVER)
            .bind(ids.to_vec())
            .value(&self.readers)
            .await?;
        columns::body(&scans)
    }

    /// The manifests of which a scan came or went after a change; `None` where that is no
    /// longer on record.
    async fn scanned_since(&self, seq: u64) -> Result<Option<Vec<Digest>>, LedgerError> {
        let next = "SELECT min(seq) FROM changes WHERE seq > ?";
        let next: Option<i64> = query(next)
            .bind(seq.cast_signed())
            .value(&self.readers)
            .await?;
        match next {
            None => return Ok(Some(Vec::new())),
            Some(next) if columns::unsigned(next)? > seq + 1 => return Ok(None),
            Some(_) => {}
        }
        let scanned = "SELECT DISTINCT subject FROM changes WHERE seq > ? AND kind = 'scan'";
        let subjects: Vec<String> = query(scanned)
            .bind(seq.cast_signed())
            .values(&self.readers)
            .await?;
        let manifests = subjects.iter().map(|it| columns::text(it));
        manifests.collect::<Result<_, _>>().map(Some)
    }

    async fn reporting_among(
        &self,
        ids: &[String],
        manifests: &[Digest],
    ) -> Result<Vec<Digest>, LedgerError> {
        let named: Vec<String> = either(NAMING_AMONG, NAMING_AMONG_ON_SERVER)
            .bind(ids.to_vec())
            .bind(columns::list(manifests))
            .values(&self.readers)
            .await?;
        named.iter().map(|it| columns::text(it)).collect()
    }
}
