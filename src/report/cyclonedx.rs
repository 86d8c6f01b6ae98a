//! CycloneDX in JSON, 1.4 and newer, with vulnerabilities. It can deny, and is no
//! pass: a BOM does not say whether anybody looked.
//!
//! Findings that its `analysis` dismisses count all the same: accepted risks belong into
//! exceptions.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::gather::{Few, Findings, Packages, each};
use super::{
    Finding, Format, Package, ReportError, ReportSubject, ScanReport, Severity, SourcePackage,
    Tool, error, field, rating,
};
use crate::oci::{Digest, printable};

/// Before the names of Trivy's properties.
const OF_TRIVY: &str = "aquasecurity:trivy:";

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow, default)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    components: Option<&'a RawValue>,
    #[serde(borrow)]
    vulnerabilities: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
    #[serde(borrow)]
    component: Option<Component<'a>>,
}

#[derive(Deserialize)]
struct Component<'a> {
    #[serde(default)]
    r#type: String,
    #[serde(default, rename = "bom-ref")]
    reference: String,
    #[serde(default)]
    group: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    purl: String,
    properties: Option<Few<Property>>,
    #[serde(borrow)]
    components: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Property {
    #[serde(default)]
    name: String,
    #[serde(default)]
    value: String,
}

/// Tools as they are listed since 1.5.
#[derive(Deserialize)]
struct NewTools {
    components: Option<Few<ToolName>>,
}

#[derive(Deserialize)]
struct ToolName {
    #[serde(default)]
    name: String,
    version: Option<String>,
}

#[derive(Deserialize)]
struct Vulnerability<'a> {
    #[serde(default)]
    id: String,
    references: Option<Few<Named>>,
    advisories: Option<Few<Linked>>,
    #[serde(borrow)]
    ratings: Option<Few<Rating<'a>>>,
    analysis: Option<Analysis>,
    recommendation: Option<String>,
    affects: Option<Few<Affected>>,
}

#[derive(Deserialize)]
struct Linked {
    #[serde(default)]
    url: String,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    id: String,
}

#[derive(Deserialize)]
struct Rating<'a> {
    severity: Option<String>,
    #[serde(borrow)]
    score: Option<&'a RawValue>,
    #[serde(default)]
    method: String,
    #[serde(default)]
    vector: String,
    #[serde(default)]
    source: Source,
}

#[derive(Default, Deserialize)]
struct Source {
    #[serde(default)]
    name: String,
    #[serde(default)]
    url: String,
}

#[derive(Deserialize)]
struct Analysis {
    #[serde(default)]
    state: String,
}

#[derive(Deserialize)]
struct Affected {
    r#ref: String,
}

/// Reads a document that is known to be strict JSON.
pub(super) fn read(document: &str) -> Result<ScanReport, ReportError> {
    let document: Document<'_> =
        serde_json::from_str(document).map_err(|error| ReportError::json(&error))?;
    if document.vulnerabilities.is_none() {
        return Err(ReportError::Unrecognised {
            hint: "; this is an inventory without vulnerabilities, which is no scan",
        });
    }
    let mut inventory = Inventory::default();
    inventory.add_all(document.components)?;
    let mut findings = Findings::default();
    each("vulnerabilities", document.vulnerabilities, |found| {
        add(found, &inventory, &mut findings)
    })?;
    let metadata = document.metadata;
    Ok(ScanReport {
        format: Format::Cyclonedx,
        tool: tool(metadata.tools)?,
        scanned_at: field::time("metadata.timestamp", metadata.timestamp)?,
        subject: subject(metadata.component)?,
        database_at: None,
        incomplete: Vec::new(),
        end_of_life: false,
        malware: 0,
        secrets: 0,
        findings: findings.distinct(),
        packages: inventory.packages.distinct(),
    })
}

/// The components, also those within others.
#[derive(Default)]
struct Inventory {
    packages: Packages,
    by_reference: HashMap<String, Package>,
}

impl Inventory {
    fn add_all(&mut self, components: Option<&RawValue>) -> Result<(), ReportError> {
        each("components", components, |component: Component<'_>| {
            let package = component.package()?;
            if !component.reference.is_empty() {
                self.by_reference
                    .insert(component.reference, package.clone());
            }
            if !package.version.is_empty() || package.purl.is_some() {
                self.packages.push(package)?;
            }
            self.add_all(component.components)
        })
    }

    /// What a reference means; what cannot be found is named as it is written.
    fn find(&self, reference: &str) -> Package {
        let known = self.by_reference.get(reference);
        known.cloned().unwrap_or_else(|| Package {
            name: printable(reference, 512),
            version: String::new(),
            purl: Some(reference.to_owned()).filter(|it| it.starts_with("pkg:")),
            source: None,
        })
    }
}

impl Component<'_> {
    fn package(&self) -> Result<Package, ReportError> {
        let parted = match self.purl.starts_with("pkg:maven/") {
            true => ':',
            false => '/',
        };
        let name = match self.group.is_empty() {
            true => self.name.clone(),
            false => format!("{}{parted}{}", self.group, self.name),
        };
        Ok(Package {
            name: field::text("name", name)?,
            version: field::text("version", self.version.clone())?,
            purl: field::purl("purl", self.purl.clone())?,
            source: self.source()?,
        })
    }

    /// What it was built from, as Trivy's properties say it.
    fn source(&self) -> Result<Option<SourcePackage>, ReportError> {
        let listed = self.properties.iter().flat_map(|it| &it.0);
        let said = |key: &str| {
            let named = |it: &&Property| it.name.strip_prefix(OF_TRIVY) == Some(key);
            let found = listed.clone().find(named);
            found.map_or("", |it| &it.value)
        };
        let epoch = match said("SrcEpoch") {
            "" | "0" => String::new(),
            epoch => format!("{epoch}:"),
        };
        let release = match said("SrcRelease") {
            "" => String::new(),
            release => format!("-{release}"),
        };
        let version = format!("{epoch}{}{release}", said("SrcVersion"));
        match said("SrcName") {
            "" => Ok(None),
            name => Ok(Some(SourcePackage {
                name: field::text("SrcName", name.to_owned())?,
                version: field::text("SrcVersion", version)?,
            })),
        }
    }
}

/// One finding for each component that a vulnerability affects.
fn add(
    found: Vulnerability<'_>,
    inventory: &Inventory,
    findings: &mut Findings,
) -> Result<(), ReportError> {
    let id = field::id("id", found.id)?;
    let references = found.references.unwrap_or_default().0;
    let named = references.into_iter().map(|reference| reference.id);
    let links = found.advisories.unwrap_or_default().0;
    let mut aliases = field::Aliases::naming("references", &id, named.filter(|id| !id.is_empty()))?;
    let mut links = links.iter();
    links.try_for_each(|link| aliases.add_mentioned(&link.url))?;
    let (aliases, mentioned) = aliases.listed();
    let severity = gravest(found.ratings.unwrap_or_default().0)?;
    let state = found.analysis.map(|analysis| analysis.state);
    let status = state.filter(|state| is_dismissed(state));
    let advice = found.recommendation.as_deref();
    let fixed = advice.and_then(field::upgrade).unwrap_or_default();
    let fixed = field::for_people(fixed);
    let affected = found.affects.unwrap_or_default().0;
    let nothing = affected.is_empty().then(String::new);
    for reference in affected.into_iter().map(|it| it.r#ref).chain(nothing) {
        let package = inventory.find(&reference);
        findings.push(Finding {
            id: id.clone(),
            aliases: aliases.clone(),
            mentioned: mentioned.clone(),
            package: package.name,
            purl: field::purl("ref", package.purl.unwrap_or_default())?,
            installed: package.version,
            fixed: fixed.clone(),
            severity,
            severity_source: None,
            status: status.as_deref().map(field::suppressed),
            source: package.source,
        })?;
    }
    Ok(())
}

fn is_dismissed(state: &str) -> bool {
    matches!(
        state,
        "resolved" | "resolved_with_pedigree" | "false_positive" | "not_affected"
    )
}

/// The gravest rating, whoever gave it.
fn gravest(ratings: Vec<Rating<'_>>) -> Result<Option<Severity>, ReportError> {
    let mut gravest = None;
    for rating in ratings {
        gravest = gravest.max(rating.severity()?);
    }
    Ok(gravest)
}

impl Rating<'_> {
    /// Its word, and where that says nothing its score or vector.
    fn severity(&self) -> Result<Option<Severity>, ReportError> {
        let word = self.severity.as_deref().unwrap_or_default();
        let said = [&self.method, &self.source.name, &self.source.url];
        match Severity::from_cyclonedx(word)? {
            Some(rated) => Ok(Some(rated)),
            None if said.into_iter().any(|it| rating::is_no_severity(it)) => Ok(None),
            None => Ok(rating::of_score("ratings.score", self.score)?.max(self.of_vector()?)),
        }
    }

    /// Other methods than CVSS have vectors too.
    fn of_vector(&self) -> Result<Option<Severity>, ReportError> {
        let method = self.method.to_ascii_uppercase();
        match method.is_empty() || method.starts_with("CVSS") {
            true => rating::of_vector("ratings.vector", &self.vector),
            false => Ok(None),
        }
    }
}

fn tool(tools: Option<&RawValue>) -> Result<Tool, ReportError> {
    let unreadable = |error| ReportError::field("metadata.tools", error::problem(&error));
    let named: Vec<ToolName> = match tools.map(RawValue::get) {
        None | Some("null") => Vec::new(),
        Some(list) if list.starts_with('[') => {
            let list: Few<ToolName> = serde_json::from_str(list).map_err(unreadable)?;
            list.0
        }
        Some(object) => {
            let tools: NewTools = serde_json::from_str(object).map_err(unreadable)?;
            tools.components.unwrap_or_default().0
        }
    };
    let first = named.into_iter().find(|tool| !tool.name.is_empty());
    Ok(first.map_or_else(
        || Tool {
            name: "unknown".to_owned(),
            version: None,
        },
        |tool| Tool {
            name: printable(&tool.name, 64).to_ascii_lowercase(),
            version: tool.version.map(|version| printable(&version, 64)),
        },
    ))
}

/// The image, as its package URL names it, and as Trivy's properties do. Syft and Grype
/// write a digest for its version.
fn subject(component: Option<Component<'_>>) -> Result<ReportSubject, ReportError> {
    let Some(component) = component else {
        return Ok(ReportSubject::default());
    };
    if !matches!(&*component.r#type, "container" | "") {
        let kind = printable(&component.r#type, 32);
        return Err(ReportError::NotAnImage(format!(
            "a component of type {kind}"
        )));
    }
    let mut subject = ReportSubject {
        manifests: oci_digest(&component.purl)?.into_iter().collect(),
        either: Digest::parse(&component.version).into_iter().collect(),
        name: Some(printable(&component.name, 512)).filter(|name| !name.is_empty()),
        ..ReportSubject::default()
    };
    for property in component.properties.unwrap_or_default().0 {
        let value = &*property.value;
        match property.name.strip_prefix(OF_TRIVY) {
            Some("ImageID") => subject.image_id = field::digest("ImageID", value)?,
            Some("DiffID") => subject.diff_ids.extend(field::digest("DiffID", value)?),
            Some("RepoDigest") => {
                let digest = field::digest("RepoDigest", field::repo_digest(value))?;
                subject.manifests.extend(digest);
            }
            _ => {}
        }
    }
    subject.manifests.sort_unstable();
    subject.manifests.dedup();
    Ok(subject)
}

/// The version of a `pkg:oci/name@sha256%3A…`.
fn oci_digest(purl: &str) -> Result<Option<Digest>, ReportError> {
    let Some(rest) = purl.strip_prefix("pkg:oci/") else {
        return Ok(None);
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    match rest.split_once('@') {
        Some((_, version)) => {
            let version = version.replace("%3A", ":").replace("%3a", ":");
            field::digest("metadata.component.purl", &version)
        }
        None => Ok(None),
    }
}
