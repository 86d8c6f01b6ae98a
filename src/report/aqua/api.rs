//! What Aqua's API answers: the vulnerabilities of an image, or a page of those
//! that a query found.
//!
//! Neither dates the scan; of a page, the day on which its newest row was last
//! found is a bound. A page is what the query asked for, and an image that was
//! never scanned gives an empty one.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::entry::{self, Entries, Resource, Summary, digest, tool};
use crate::oci::printable;
use crate::report::gather::each;
use crate::report::{
    Format, Incomplete, Package, ReportError, ReportSubject, ScanReport, error, field,
};

/// An image with its vulnerabilities, of the first API.
#[derive(Deserialize)]
struct Image<'a> {
    status: Option<String>,
    #[serde(rename = "errorMsg")]
    error: Option<String>,
    image_name: Option<String>,
    digest: Option<String>,
    cves_counts: Option<Summary>,
    #[serde(borrow)]
    cves: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct InFile {
    file: Option<String>,
}

pub(super) fn read_image(document: &str) -> Result<ScanReport, ReportError> {
    let image: Image<'_> =
        serde_json::from_str(document).map_err(|error| ReportError::json(&error))?;
    let mut entries = Entries::default();
    each("cves", image.cves, |raw: &RawValue| {
        let InFile { file } = part("cves", raw)?;
        let package = Package {
            name: field::text("file", file.unwrap_or_default())?,
            version: String::new(),
            purl: None,
            source: None,
        };
        entries.add_finding(part("cves", raw)?, &package)
    })?;
    let subject = ReportSubject {
        either: digest("digest", image.digest.as_deref())?,
        name: entry::name(image.image_name.as_deref()),
        ..ReportSubject::default()
    };
    let incomplete = image.incomplete(&entries);
    let counts = image.cves_counts.unwrap_or_default();
    let secrets = counts.sensitive();
    let report = report(subject, entries, counts.malware(), incomplete, None);
    Ok(ScanReport { secrets, ..report })
}

impl Image<'_> {
    fn incomplete(&self, entries: &Entries) -> Vec<Incomplete> {
        let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let status = said(&self.status);
        let unproven = match (&status, self.cves) {
            (None, _) => Some("it has no status"),
            (Some(_), None) => Some("it has no cves"),
            (Some(_), Some(_)) => None,
        };
        let failed = said(&self.error)
            .or_else(|| status.filter(|status| !status.eq_ignore_ascii_case("scanned")))
            .map(|why| Incomplete::Failed(printable(&why, 200)));
        let counts = self.cves_counts.as_ref();
        let shortfall = counts.and_then(|counts| counts.shortfall(entries));
        let unproven = unproven.map(|what| Incomplete::Unproven(what.to_owned()));
        [failed, shortfall, unproven]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// A page of vulnerabilities, of the second API.
#[derive(Deserialize)]
struct Page<'a> {
    count: Option<u64>,
    is_estimated_count: Option<bool>,
    is_partial_data: Option<bool>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    query: Option<BTreeMap<Cow<'a, str>, &'a RawValue>>,
}

#[derive(Deserialize)]
struct Row {
    registry: Option<String>,
    image_name: Option<String>,
    image_digest: Option<String>,
    last_found_date: Option<String>,
    resource: Option<Resource>,
}

pub(super) fn read_page(document: &str) -> Result<ScanReport, ReportError> {
    let page: Page<'_> =
        serde_json::from_str(document).map_err(|error| ReportError::json(&error))?;
    let mut entries = Entries::default();
    let mut only = None;
    let mut last_found = None;
    each("result", page.result, |raw: &RawValue| {
        let row: Row = part("result", raw)?;
        row.same_image(&mut only)?;
        last_found = last_found.max(row.last_found()?);
        let package = row.resource.unwrap_or_default().package()?;
        entries.add_finding(part("result", raw)?, &package)?;
        entries.add_package(package)
    })?;
    let incomplete = page.incomplete(entries.listed);
    let subject = only.map_or_else(|| Ok(ReportSubject::default()), |image| image.subject())?;
    Ok(report(subject, entries, 0, incomplete, last_found))
}

/// The image that a row is about.
#[derive(PartialEq, Eq)]
struct Named {
    /// Alone if there is one: one image can have several names.
    digest: Option<String>,
    name: String,
}

impl Row {
    /// One report is about one image; a query may have found several.
    fn same_image(&self, only: &mut Option<Named>) -> Result<(), ReportError> {
        let own = self.named();
        let first = only.get_or_insert_with(|| self.named());
        let same = match (&first.digest, &own.digest) {
            (Some(first), Some(own)) => first == own,
            (None, None) => first.name == own.name,
            (Some(_), None) | (None, Some(_)) => false,
        };
        match same {
            true => Ok(()),
            false => Err(ReportError::SeveralImages {
                first: first.shown(),
                other: own.shown(),
            }),
        }
    }

    /// The first moment of that day, so that a scan is never taken for newer.
    fn last_found(&self) -> Result<Option<Timestamp>, ReportError> {
        let text = self.last_found_date.as_deref().unwrap_or_default();
        if text.is_empty() {
            return Ok(None);
        }
        let day: Option<Date> = text.parse().ok();
        let start = day.map(|day| day.to_datetime(Time::midnight()));
        let moment = start.and_then(|start| Offset::UTC.to_timestamp(start).ok());
        moment
            .map(Some)
            .ok_or_else(|| ReportError::field("last_found_date", "is no date"))
    }

    fn named(&self) -> Named {
        let [registry, image] =
            [&self.registry, &self.image_name].map(|part| part.as_deref().unwrap_or_default());
        Named {
            digest: self.image_digest.clone().filter(|text| !text.is_empty()),
            name: format!("{registry}/{image}"),
        }
    }
}

impl Named {
    fn shown(&self) -> String {
        printable(self.digest.as_deref().unwrap_or(&self.name), 128)
    }

    fn subject(self) -> Result<ReportSubject, ReportError> {
        Ok(ReportSubject {
            either: digest("image_digest", self.digest.as_deref())?,
            name: entry::name(Some(&self.name)),
            ..ReportSubject::default()
        })
    }
}

impl Page<'_> {
    fn incomplete(&self, shown: u64) -> Vec<Incomplete> {
        let partial = self.is_partial_data == Some(true) || self.is_estimated_count == Some(true);
        let rows = match self.count {
            _ if partial => Some("the page is partial".to_owned()),
            None => Some("the page does not say how many rows there are".to_owned()),
            Some(count) if count != shown => Some(format!("{shown} of {count} rows are shown")),
            Some(_) => None,
        };
        let query = self.narrowed().map(|key| {
            let key = printable(key, 64);
            format!("the query narrows the rows by {key}")
        });
        let filtered = [rows, query].into_iter().flatten();
        filtered.map(Incomplete::Filtered).collect()
    }

    /// What in the query leaves rows out. Keys that we do not know may.
    fn narrowed(&self) -> Option<&str> {
        let mut asked = self.query.iter().flatten();
        asked.find_map(|(key, value)| leaves_out(key, value.get()).then_some(&**key))
    }
}

fn leaves_out(key: &str, value: &str) -> bool {
    match key {
        "show_negligible" => value != "true",
        // The image and the form of the answer.
        "image_name"
        | "image_name_exact_match"
        | "registry_name"
        | "page"
        | "page_size"
        | "use_cvss3"
        | "include_vpatch_info"
        | "columns_name"
        | "order_by" => false,
        _ => !matches!(value, "\"\"" | "0" | "false" | "null" | "[]" | "{}"),
    }
}

fn report(
    subject: ReportSubject,
    entries: Entries,
    malware: u64,
    incomplete: Vec<Incomplete>,
    scanned_at: Option<Timestamp>,
) -> ScanReport {
    ScanReport {
        format: Format::Aqua,
        tool: tool(),
        subject,
        scanned_at,
        database_at: None,
        incomplete,
        end_of_life: false,
        malware,
        secrets: 0,
        findings: entries.findings.distinct(),
        packages: entries.packages.distinct(),
    }
}

fn part<'a, T: Deserialize<'a>>(list: &'static str, raw: &'a RawValue) -> Result<T, ReportError> {
    serde_json::from_str(raw.get())
        .map_err(|error| ReportError::field(list, error::problem(&error)))
}
