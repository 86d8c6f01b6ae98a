//! A report, as it is handed in.

use std::collections::HashSet;
use std::io::{self, Write};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::LedgerError;
use super::scan_items::ReportItems;
use crate::access::Scope;
use crate::oci::Digest;
use crate::report::{Finding, Format, Incomplete, Package, ReportBinding, SourcePackage, Tool};
use crate::trust::{Scan, TimeSource};

/// How far clocks may differ.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What a report is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ScanTarget {
    /// An image manifest; never an index.
    Manifest(Digest),
    /// The digest of an image's config, before the push. It binds no layers, so the
    /// report counts for no manifest until its submitter binds it to one.
    ImageId(Digest),
}

/// A report that is handed in.
#[derive(Clone, Debug, Serialize)]
pub struct NewScan {
    /// Under the name that it had before there was anything else to scan, so that
    /// the same report stays the same.
    #[serde(rename = "manifest")]
    pub about: ScanTarget,
    pub format: Format,
    pub tool: Tool,
    /// What ties it to what it is about. Not part of what makes two reports the same,
    /// which it was before this was kept.
    #[serde(skip)]
    pub binding: ReportBinding,
    pub submitter: String,
    /// What the submitter's token reaches now; it is kept as it was.
    pub scope: Scope,
    /// As the report says. A report without a time counts from what is declared, else from
    /// its first submission; submitting it again does not make it newer.
    pub scanned_at: Option<Timestamp>,
    /// When the scan was made as the submitter says, of a report without a time; kept as it
    /// was declared. Left out where nothing is declared, as before anything could be: so the
    /// same report stays the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared_at: Option<Timestamp>,
    /// Not part of what makes two reports the same.
    #[serde(skip)]
    pub received_at: Timestamp,
    pub database_at: Option<Timestamp>,
    pub incomplete: Vec<Incomplete>,
    pub end_of_life: bool,
    /// Left out when there is none, as before there were any: so the same report
    /// stays the same.
    #[serde(skip_serializing_if = "is_zero")]
    pub malware: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub secrets: u64,
    pub findings: Vec<Finding>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<Package>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Hashes what is written to it: a report in JSON may be larger than memory has
/// room for.
struct Hashed(Sha256);

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl NewScan {
    /// A scan that is dated a little ahead counts from when it came.
    pub(super) fn dated_at_most_now(mut self) -> Result<Self, LedgerError> {
        let latest = self.received_at.checked_add(CLOCK_SKEW);
        let latest = latest.unwrap_or(Timestamp::MAX);
        if let Some(declared) = self.declared_at.filter(|at| *at > latest) {
            return Err(LedgerError::DeclaredAhead(declared, self.received_at));
        }
        let mut dates = [self.scanned_at, self.database_at].into_iter().flatten();
        match dates.find(|date| *date > latest) {
            Some(date) => Err(LedgerError::FromTheFuture(date, self.received_at)),
            None => {
                self.scanned_at = self.scanned_at.map(|at| at.min(self.received_at));
                Ok(self)
            }
        }
    }

    /// Who says when the scan was made.
    pub(super) fn time_source(&self) -> TimeSource {
        match (self.scanned_at, self.declared_at) {
            (Some(_), _) => TimeSource::Report,
            (None, Some(declared)) => TimeSource::Submitter(declared),
            (None, None) => TimeSource::Receipt,
        }
    }

    /// When the scan was made, by whoever says it, and not after it came.
    fn counts_from(&self) -> Timestamp {
        let said = self.scanned_at.or(self.declared_at);
        said.map_or(self.received_at, |at| at.min(self.received_at))
    }

    /// The same for the same report on the same manifest by the same submitter.
    pub(super) fn fingerprint(&self) -> Result<String, LedgerError> {
        let mut hash = Hashed(Sha256::new());
        serde_json::to_writer(&mut hash, self)
            .map_err(|error| LedgerError::unreadable("report", error))?;
        Ok(Digest::Sha256(hash.0.finalize().into()).hex())
    }

    fn sources(&mut self) -> impl Iterator<Item = &mut Option<SourcePackage>> {
        let found = self.findings.iter_mut().map(|it| &mut it.source);
        found.chain(self.packages.iter_mut().map(|it| &mut it.source))
    }

    /// Whether it says of a package what that was built from.
    pub(super) fn names_sources(&self) -> bool {
        let mut found = self.findings.iter().map(|it| &it.source);
        let mut listed = self.packages.iter().map(|it| &it.source);
        found.any(Option::is_some) || listed.any(Option::is_some)
    }

    /// Takes out what packages were built from, in their order.
    pub(super) fn take_sources(&mut self) -> Vec<Option<SourcePackage>> {
        self.sources().map(Option::take).collect()
    }

    pub(super) fn put_sources(&mut self, sources: Vec<Option<SourcePackage>>) {
        for (place, source) in self.sources().zip(sources) {
            *place = source;
        }
    }

    /// Whether it lists packages without a finding, too.
    fn lists_packages(&self) -> bool {
        let found: HashSet<&str> = self.findings.iter().map(|it| it.package.as_str()).collect();
        let mut packages = self.packages.iter();
        packages.any(|package| !found.contains(package.name.as_str()))
    }

    /// What is kept of it as one, and what lies beside.
    pub(super) fn into_parts(self) -> (Scan, ReportItems) {
        let lists_packages = self.lists_packages();
        let (scanned_at, time_source) = (self.counts_from(), self.time_source());
        let (ScanTarget::Manifest(manifest) | ScanTarget::ImageId(manifest)) = self.about;
        let scan = Scan {
            id: 0,
            manifest,
            format: self.format,
            tool: self.tool,
            submitter: self.submitter,
            scope: self.scope,
            scanned_at,
            time_source: Some(time_source),
            received_at: self.received_at,
            database_at: self.database_at,
            incomplete: self.incomplete,
            end_of_life: self.end_of_life,
            malware: self.malware,
            binding: self.binding,
            lists_packages,
            secrets: self.secrets,
            bound_from: None,
            findings: Vec::new(),
            packages: Vec::new(),
        };
        let listed = ReportItems {
            findings: self.findings,
            packages: self.packages,
        };
        (scan, listed)
    }
}
