//! Aqua JSON: what `scannercli` writes, bare or in a list, and the pages of the API.
//!
//! No schema of it is public, so this reads what samples show, and what it cannot
//! be sure of makes a report incomplete. `scannercli` leaves negligible findings
//! out unless told otherwise, and counts them; what Aqua rates negligible, NVD may
//! rate high.

mod api;
mod entry;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use self::entry::{Entries, Resource, Summary, Vulnerability, digest, tool};
use super::gather::each;
use super::keys::{self, Keys};
use super::{Format, Incomplete, ReportError, ReportSubject, ScanReport, error, field};
use crate::oci::{Platform, printable};

/// The keys of an entry of the list.
pub(super) const LISTED_KEYS: [&str; 2] = ["image_name", "results"];
/// The keys of a row in a page of vulnerabilities. Pages of anything look alike outside.
const ROW_KEYS: [&str; 3] = ["image_name", "name", "resource"];

/// Whether the entries of a page are vulnerabilities in images.
pub(super) fn is_page_of_vulnerabilities(document: &str) -> bool {
    #[derive(Deserialize)]
    struct Rows<'a> {
        #[serde(borrow)]
        result: Option<&'a RawValue>,
    }
    let foreign = || ReportError::field("result", "is of something else");
    let mut rows = 0;
    let page: Result<Rows<'_>, _> = serde_json::from_str(document);
    let walked = each(
        "result",
        page.ok().and_then(|page| page.result),
        |row: Keys| {
            rows += 1;
            row.has_all(&ROW_KEYS).then_some(()).ok_or_else(foreign)
        },
    );
    walked.is_ok() && rows > 0
}

#[derive(Deserialize)]
struct Document<'a> {
    image: Option<String>,
    digest: Option<String>,
    #[serde(borrow)]
    scan_started: Option<&'a RawValue>,
    /// In seconds, once it ended.
    scan_duration: Option<f64>,
    /// When the vulnerability data were published, in seconds.
    data_date: Option<i64>,
    #[serde(borrow)]
    resources: Option<&'a RawValue>,
    vulnerability_summary: Option<Summary>,
    #[serde(borrow)]
    malware: Option<&'a RawValue>,
    #[serde(borrow)]
    sensitive_data: Option<&'a RawValue>,
    scanned_image_platform: Option<String>,
    required_image_platform: Option<String>,
}

#[derive(Deserialize)]
struct Moment {
    seconds: i64,
    #[serde(default)]
    nanos: i32,
}

#[derive(Deserialize)]
struct Scanned<'a> {
    resource: Option<Resource>,
    /// Absent in old reports.
    scanned: Option<bool>,
    #[serde(borrow)]
    vulnerabilities: Option<&'a RawValue>,
    #[serde(borrow)]
    malware: Option<&'a RawValue>,
    #[serde(borrow)]
    sensitive_data: Option<&'a RawValue>,
}

/// Reads a document that is known to be strict JSON.
pub(super) fn read(document: &str) -> Result<ScanReport, ReportError> {
    if keys::is_list(document) {
        return read_report(only_image(document)?);
    }
    let has = Keys::of(document).map_or([false; 3], |keys| {
        ["resources", "result", "cves"].map(|key| keys.has(key))
    });
    match has {
        [_, false, false] => read_report(document),
        [false, true, false] => api::read_page(document),
        [false, false, true] => api::read_image(document),
        [_, true, true] | [true, true, false] | [true, false, true] => Err(ReportError::field(
            "resources, result, cves",
            "are not of one document",
        )),
    }
}

/// The result of the one image in a list.
fn only_image(document: &str) -> Result<&str, ReportError> {
    #[derive(Deserialize)]
    struct Listed<'a> {
        image_name: String,
        #[serde(borrow)]
        results: &'a RawValue,
    }
    let list: &RawValue =
        serde_json::from_str(document).map_err(|error| ReportError::json(&error))?;
    let mut only: Option<Listed<'_>> = None;
    each("images", Some(list), |listed: Listed<'_>| match &only {
        Some(first) => Err(ReportError::SeveralImages {
            first: printable(&first.image_name, 128),
            other: printable(&listed.image_name, 128),
        }),
        None => {
            only = Some(listed);
            Ok(())
        }
    })?;
    match only {
        Some(listed) => Ok(listed.results.get()),
        None => Err(ReportError::field("images", "the list is empty")),
    }
}

fn read_report(document: &str) -> Result<ScanReport, ReportError> {
    let document: Document<'_> =
        serde_json::from_str(document).map_err(|error| ReportError::json(&error))?;
    let mut found = Found {
        malware: count("malware", document.malware)?,
        secrets: count("sensitive_data", document.sensitive_data)?,
        ..Found::default()
    };
    each("resources", document.resources, |scanned| {
        found.add(scanned)
    })?;
    let unproven = document.unproven();
    let summary = document.vulnerability_summary.unwrap_or_default();
    Ok(ScanReport {
        format: Format::Aqua,
        tool: tool(),
        scanned_at: moment(document.scan_started)?,
        database_at: seconds("data_date", document.data_date.unwrap_or(0), 0)?,
        incomplete: found.incomplete(&summary, unproven),
        // Aqua does not say so.
        end_of_life: false,
        malware: found.malware.max(summary.malware()),
        secrets: found.secrets.max(summary.sensitive()),
        subject: ReportSubject {
            either: digest("digest", document.digest.as_deref())?,
            platform: platform(document.scanned_image_platform.as_deref())
                .or_else(|| platform(document.required_image_platform.as_deref())),
            name: entry::name(document.image.as_deref()),
            ..ReportSubject::default()
        },
        findings: found.entries.findings.distinct(),
        packages: found.entries.packages.distinct(),
    })
}

impl Document<'_> {
    /// What is missing of a scan that came to its end.
    fn unproven(&self) -> Option<&'static str> {
        let counted = self.vulnerability_summary.as_ref();
        if self.scan_started.is_none() || self.scan_duration.is_none() {
            Some("it has no scan_started and scan_duration")
        } else if !counted.is_some_and(Summary::counts) {
            Some("its vulnerability_summary counts nothing")
        } else {
            None
        }
    }
}

/// What the resources of a report add up to.
#[derive(Default)]
struct Found {
    entries: Entries,
    malware: u64,
    secrets: u64,
    not_scanned: u64,
}

impl Found {
    fn add(&mut self, scanned: Scanned<'_>) -> Result<(), ReportError> {
        let package = scanned.resource.unwrap_or_default().package()?;
        self.not_scanned += u64::from(scanned.scanned == Some(false));
        self.malware = self
            .malware
            .saturating_add(count("resources.malware", scanned.malware)?);
        self.secrets = self
            .secrets
            .saturating_add(count("resources.sensitive_data", scanned.sensitive_data)?);
        each(
            "vulnerabilities",
            scanned.vulnerabilities,
            |found: Vulnerability<'_>| self.entries.add_finding(found, &package),
        )?;
        self.entries.add_package(package)
    }

    fn incomplete(&self, summary: &Summary, unproven: Option<&str>) -> Vec<Incomplete> {
        let mut causes: Vec<_> = summary.shortfall(&self.entries).into_iter().collect();
        causes.extend(unproven.map(|what| Incomplete::Unproven(what.to_owned())));
        if self.not_scanned > 0 {
            let count = self.not_scanned;
            causes.push(Incomplete::Failed(format!(
                "{count} resources were not scanned"
            )));
        }
        if self.entries.packages.is_empty() {
            causes.push(Incomplete::NothingRecognised);
        }
        causes
    }
}

fn count(name: &'static str, list: Option<&RawValue>) -> Result<u64, ReportError> {
    let mut count = 0;
    each(name, list, |_: IgnoredAny| {
        count += 1;
        Ok(())
    })?;
    Ok(count)
}

fn moment(started: Option<&RawValue>) -> Result<Option<Timestamp>, ReportError> {
    const FIELD: &str = "scan_started";
    let Some(started) = started else {
        return Ok(None);
    };
    let moment: Moment = serde_json::from_str(started.get())
        .map_err(|error| ReportError::field(FIELD, error::problem(&error)))?;
    seconds(FIELD, moment.seconds, moment.nanos)
}

/// A time in seconds since 1970; before its first one there is none.
fn seconds(
    field: &'static str,
    seconds: i64,
    nanos: i32,
) -> Result<Option<Timestamp>, ReportError> {
    let time = Timestamp::new(seconds, nanos)
        .map_err(|_| ReportError::field(field, "is no time that can be"))?;
    Ok(Some(time).filter(|time| *time > Timestamp::UNIX_EPOCH))
}

/// `architecture:variant:os:version`, as in `amd64::linux:`. Not documented, so
/// what reads otherwise (`:::` is common) states no platform.
fn platform(text: Option<&str>) -> Option<Platform> {
    let parts: Vec<&str> = text?.split(':').collect();
    let [architecture, variant, os, _version] = parts[..] else {
        return None;
    };
    field::platform(os, architecture, variant).ok().flatten()
}
