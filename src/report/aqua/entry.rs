//! What all of Aqua's shapes have in common: vulnerabilities, resources, counts.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::oci::{Digest, printable};
use crate::report::gather::{Few, Findings, Packages};
use crate::report::{Finding, Format, Incomplete, Package, ReportError, Severity, Tool, field};

/// A vulnerability in a resource. The ratings of the three shapes have names of
/// their own; each stands in for itself only.
#[derive(Deserialize)]
pub(super) struct Vulnerability<'a> {
    name: String,
    fix_version: Option<String>,
    acknowledged: Option<bool>,
    #[serde(borrow)]
    acknowledged_date: Option<&'a RawValue>,
    aqua_severity: Option<String>,
    #[serde(borrow)]
    aqua_score: Option<&'a RawValue>,
    /// Aqua's own rating in the first API.
    severity: Option<String>,
    #[serde(borrow)]
    score: Option<&'a RawValue>,
    nvd_severity_v3: Option<String>,
    #[serde(borrow)]
    nvd_score_v3: Option<&'a RawValue>,
    /// NVD's third version in the second API.
    nvd_cvss3_severity: Option<String>,
    #[serde(borrow)]
    nvd_cvss3_score: Option<&'a RawValue>,
    nvd_severity: Option<String>,
    #[serde(borrow)]
    nvd_score: Option<&'a RawValue>,
    vendor_severity_v3: Option<String>,
    #[serde(borrow)]
    vendor_score_v3: Option<&'a RawValue>,
    vendor_severity: Option<String>,
    #[serde(borrow)]
    vendor_score: Option<&'a RawValue>,
    /// The vulnerabilities that an advisory mends, in `scannercli`'s reports.
    #[serde(borrow)]
    ref_vulns: Option<Few<Vulnerability<'a>>>,
    /// The same in the second API.
    #[serde(borrow)]
    referenced_vulnerabilities: Option<Few<Vulnerability<'a>>>,
}

/// A rating, and whose it is.
type Rating = (Option<Severity>, Option<&'static str>);

impl Vulnerability<'_> {
    /// The graver of Aqua's rating and NVD's: under CVSS 2 Aqua knows no
    /// `critical`, and it lowers what a vendor will not mend. What neither rates,
    /// NVD's older rating may, and the vendor's. An advisory is as grave as what it mends.
    fn rating(&self) -> Result<Rating, ReportError> {
        if !self.is_rated() && !self.mended().any(Self::is_rated) {
            return Err(ReportError::Unrated {
                id: printable(&self.name, 64),
                format: Format::Aqua,
            });
        }
        let mut rating = self.own_rating()?;
        for mended in self.mended() {
            rating = graver(rating, mended.own_rating()?);
        }
        Ok(rating)
    }

    fn own_rating(&self) -> Result<Rating, ReportError> {
        let aqua = graver(
            rated("aqua", self.aqua_severity.as_deref(), self.aqua_score)?,
            rated("aqua", self.severity.as_deref(), self.score)?,
        );
        let nvd = graver(
            rated("nvd v3", self.nvd_severity_v3.as_deref(), self.nvd_score_v3)?,
            rated(
                "nvd v3",
                self.nvd_cvss3_severity.as_deref(),
                self.nvd_cvss3_score,
            )?,
        );
        let rating = graver(aqua, nvd);
        if rating.0.is_some() {
            return Ok(rating);
        }
        match rated("nvd v2", self.nvd_severity.as_deref(), self.nvd_score)? {
            (None, _) => self.vendor_rating(),
            rating => Ok(rating),
        }
    }

    /// The vendor's, in the vendor's words.
    fn vendor_rating(&self) -> Result<Rating, ReportError> {
        let mut rating = (None, None);
        for (word, score) in [
            (&self.vendor_severity_v3, self.vendor_score_v3),
            (&self.vendor_severity, self.vendor_score),
        ] {
            let word = word.as_deref().unwrap_or_default();
            // Vendors have words of their own, as for what they did not look at yet.
            let severity = match Severity::from_any_case(word).unwrap_or_default() {
                Some(severity) => Some(severity),
                None => scored(score)?,
            };
            rating = graver(rating, (severity, Some("vendor")));
        }
        Ok(rating)
    }

    /// Whether anybody's rating is there, be it that there is none.
    fn is_rated(&self) -> bool {
        let words = [
            &self.aqua_severity,
            &self.severity,
            &self.nvd_severity_v3,
            &self.nvd_cvss3_severity,
            &self.nvd_severity,
            &self.vendor_severity_v3,
            &self.vendor_severity,
        ];
        let scores = [
            self.aqua_score,
            self.score,
            self.nvd_score_v3,
            self.nvd_cvss3_score,
            self.nvd_score,
            self.vendor_score_v3,
            self.vendor_score,
        ];
        let said = |word: &&Option<String>| word.as_ref().is_some_and(|it| !it.is_empty());
        words.iter().any(said) || scores.iter().any(Option::is_some)
    }

    fn mended(&self) -> impl Iterator<Item = &Self> {
        let lists = [&self.ref_vulns, &self.referenced_vulnerabilities];
        lists.into_iter().flatten().flat_map(|list| &list.0)
    }

    /// Aqua writes the first second of 1970, or of the calendar, for "never".
    fn is_acknowledged(&self) -> bool {
        let date = field::time("acknowledged_date", self.acknowledged_date);
        self.acknowledged == Some(true) || !matches!(date, Ok(None))
    }
}

/// A source's word or, where it has none, its score.
fn rated(
    source: &'static str,
    word: Option<&str>,
    score: Option<&RawValue>,
) -> Result<Rating, ReportError> {
    let severity = match Severity::from_aqua(word.unwrap_or_default())? {
        Some(severity) => Some(severity),
        None => scored(score)?,
    };
    Ok((severity, severity.map(|_| source)))
}

fn scored(score: Option<&RawValue>) -> Result<Option<Severity>, ReportError> {
    let points = score.map(points).transpose()?;
    Ok(points.and_then(Severity::from_score))
}

fn graver(one: Rating, other: Rating) -> Rating {
    if other.0 > one.0 { other } else { one }
}

/// A score from 0 to 10; the first API writes it in quotes.
fn points(score: &RawValue) -> Result<f64, ReportError> {
    let text = score.get().trim_matches('"');
    match text.parse::<f64>() {
        _ if text.is_empty() => Ok(0.0),
        Ok(points) if (0.0..=10.0).contains(&points) => Ok(points),
        Ok(_) | Err(_) => Err(ReportError::field("score", "is none of 0 to 10")),
    }
}

/// Something in an image that vulnerabilities are looked up for.
#[derive(Default, Deserialize)]
pub(super) struct Resource {
    name: Option<String>,
    path: Option<String>,
    version: Option<String>,
}

impl Resource {
    /// Executables have a path and no name.
    pub(super) fn package(self) -> Result<Package, ReportError> {
        let name = self.name.filter(|name| !name.is_empty()).or(self.path);
        Ok(Package {
            name: field::text("resource.name", name.unwrap_or_default())?,
            version: field::text("resource.version", self.version.unwrap_or_default())?,
            // Aqua's `cpe` only looks like a package URL.
            purl: None,
            source: None,
        })
    }
}

/// What a document lists.
#[derive(Default)]
pub(super) struct Entries {
    pub(super) findings: Findings,
    pub(super) packages: Packages,
    /// How many vulnerabilities, before the same ones are taken as one.
    pub(super) listed: u64,
    /// How many of these are at least critical, high, medium and low.
    at_least: [u64; 4],
}

/// From the gravest down.
const COUNTED: [Severity; 4] = [
    Severity::Critical,
    Severity::High,
    Severity::Medium,
    Severity::Low,
];

impl Entries {
    pub(super) fn add_finding(
        &mut self,
        found: Vulnerability<'_>,
        package: &Package,
    ) -> Result<(), ReportError> {
        let finding = finding(found, package)?;
        self.listed += 1;
        for (severity, count) in COUNTED.into_iter().zip(&mut self.at_least) {
            *count += u64::from(finding.severity >= Some(severity));
        }
        self.findings.push(finding)
    }

    pub(super) fn add_package(&mut self, package: Package) -> Result<(), ReportError> {
        match package.name.is_empty() {
            true => Ok(()),
            false => self.packages.push(package),
        }
    }
}

/// What was acknowledged in Aqua counts: that it is, is said here in exceptions.
fn finding(found: Vulnerability<'_>, package: &Package) -> Result<Finding, ReportError> {
    let (severity, source) = found.rating()?;
    let mended = found.mended().map(|mended| mended.name.clone());
    let acknowledged = found.is_acknowledged();
    let mended: Vec<_> = mended.collect();
    let id = field::id("name", found.name)?;
    Ok(Finding {
        aliases: field::aliases("ref_vulns", &id, mended)?,
        mentioned: Vec::new(),
        id,
        package: package.name.clone(),
        purl: None,
        installed: package.version.clone(),
        fixed: field::for_people(&found.fix_version.unwrap_or_default()),
        severity,
        severity_source: source.map(str::to_owned),
        status: acknowledged.then(|| field::suppressed("acknowledged")),
        source: None,
    })
}

/// How many vulnerabilities there are. In samples, `total` leaves out the
/// negligible ones.
#[derive(Default, Deserialize)]
pub(super) struct Summary {
    total: Option<u64>,
    critical: Option<u64>,
    high: Option<u64>,
    medium: Option<u64>,
    low: Option<u64>,
    negligible: Option<u64>,
    malware: Option<u64>,
    sensitive: Option<u64>,
}

impl Summary {
    /// Whether it says how many vulnerabilities there are, be it none.
    pub(super) fn counts(&self) -> bool {
        self.total.is_some()
    }

    pub(super) fn malware(&self) -> u64 {
        self.malware.unwrap_or(0)
    }

    /// Keys, tokens and the like.
    pub(super) fn sensitive(&self) -> u64 {
        self.sensitive.unwrap_or(0)
    }

    /// Why the vulnerabilities in `entries` are too few, or rated too low, if they are.
    /// Negligible ones may be left out: scanners count them and list them only when told
    /// to, and as they rate them they lie below every ceiling.
    pub(super) fn shortfall(&self, entries: &Entries) -> Option<Incomplete> {
        let (listed, counted) = (entries.listed, self.counted());
        if listed < counted {
            return Some(Incomplete::Filtered(format!(
                "the summary counts {counted} vulnerabilities, {listed} are listed"
            )));
        }
        let mut expected = 0_u64;
        let counts = [self.critical, self.high, self.medium, self.low];
        for (at, severity) in COUNTED.into_iter().enumerate() {
            expected = expected.saturating_add(counts[at].unwrap_or(0));
            let listed = entries.at_least[at];
            if listed < expected {
                return Some(Incomplete::Filtered(format!(
                    "the summary counts {expected} vulnerabilities that are {severity} or worse, \
                     {listed} are listed"
                )));
            }
        }
        None
    }

    /// All but the negligible ones, which some totals have and others leave out.
    fn counted(&self) -> u64 {
        let each = [self.critical, self.high, self.medium, self.low];
        let sum = each.into_iter().flatten().fold(0, u64::saturating_add);
        let negligible = self.negligible.unwrap_or(0);
        match self.total {
            Some(total) if total > sum.saturating_add(negligible) => total,
            Some(_) | None => sum,
        }
    }
}

/// A digest of which Aqua does not say what it is the digest of; old scanners
/// left out the algorithm.
pub(super) fn digest(field: &'static str, text: Option<&str>) -> Result<Vec<Digest>, ReportError> {
    let text = text.unwrap_or_default();
    let bare = text.len() == 64 && !text.contains(':');
    let digest = match bare {
        true => field::digest(field, &format!("sha256:{text}"))?,
        false => field::digest(field, text)?,
    };
    Ok(digest.into_iter().collect())
}

/// What the user of the scanner called the image.
pub(super) fn name(text: Option<&str>) -> Option<String> {
    let name = printable(text?, 512);
    Some(name).filter(|name| !name.is_empty())
}

/// No shape names a version of the scanner.
pub(super) fn tool() -> Tool {
    Tool {
        name: "aqua".to_owned(),
        version: None,
    }
}
