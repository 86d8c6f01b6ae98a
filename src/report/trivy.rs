//! Trivy JSON, schema version 2 (`trivy image -f json`).
//!
//! Trivy leaves out what it was told to filter (`--severity`, `--ignore-unfixed`,
//! `.trivyignore`) without a word; what it does show, suppressed findings, counts.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::gather::{Few, Findings, Packages, each};
use super::{
    Finding, Format, Incomplete, Package, ReportError, ReportSubject, ScanReport, Severity,
    SourcePackage, Tool, error, field, trivy_rating,
};
use crate::oci::printable;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'a> {
    #[serde(borrow)]
    schema_version: &'a RawValue,
    #[serde(borrow)]
    created_at: Option<&'a RawValue>,
    #[serde(default)]
    artifact_name: String,
    #[serde(default)]
    artifact_type: String,
    #[serde(borrow, default)]
    trivy: Scanner<'a>,
    #[serde(default)]
    metadata: Metadata,
    #[serde(borrow)]
    results: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Scanner<'a> {
    version: Option<String>,
    #[serde(borrow)]
    server: Option<Server<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Server<'a> {
    #[serde(borrow, rename = "VulnerabilityDB")]
    database: Option<Database<'a>>,
}

/// Trivy's note on its database, in reports of a server and in `trivy version`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Database<'a> {
    #[serde(borrow)]
    pub(super) updated_at: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    #[serde(rename = "OS")]
    os: Option<OperatingSystem>,
    #[serde(default, rename = "ImageID")]
    image_id: String,
    #[serde(rename = "DiffIDs")]
    diff_ids: Option<Few<String>>,
    repo_digests: Option<Few<String>>,
    image_config: Option<ImageConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OperatingSystem {
    #[serde(default)]
    family: String,
    #[serde(default, rename = "EOSL")]
    end_of_life: bool,
}

#[derive(Deserialize)]
struct ImageConfig {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target<'a> {
    #[serde(default)]
    class: String,
    #[serde(borrow)]
    packages: Option<&'a RawValue>,
    #[serde(borrow)]
    vulnerabilities: Option<&'a RawValue>,
    #[serde(borrow)]
    secrets: Option<&'a RawValue>,
    #[serde(borrow, rename = "ExperimentalModifiedFindings")]
    modified: Option<&'a RawValue>,
}

/// What lies in the image, listed since Trivy 0.58 or by `--list-all-pkgs`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Installed {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    release: String,
    #[serde(default)]
    epoch: u64,
    /// Of the source that it was built from.
    #[serde(default)]
    src_name: String,
    #[serde(default)]
    src_version: String,
    #[serde(default)]
    src_release: String,
    #[serde(default)]
    src_epoch: u64,
    identifier: Option<PackageIdentifier>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Vulnerability<'a> {
    #[serde(rename = "VulnerabilityID")]
    id: String,
    #[serde(rename = "VendorIDs")]
    vendor_ids: Option<Few<String>>,
    #[serde(default)]
    pkg_name: String,
    pkg_identifier: Option<PackageIdentifier>,
    #[serde(default)]
    installed_version: String,
    #[serde(default)]
    fixed_version: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    severity_source: String,
    #[serde(borrow)]
    vendor_severity: Option<&'a RawValue>,
    #[serde(borrow, rename = "CVSS")]
    cvss: Option<&'a RawValue>,
}

/// What it is and where does not matter: one is enough, and is nobody's business here.
#[derive(Deserialize)]
struct Secret {
    #[serde(rename = "RuleID")]
    _rule: String,
}

#[derive(Deserialize)]
struct PackageIdentifier {
    #[serde(default, rename = "PURL")]
    purl: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Modified<'a> {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    status: String,
    #[serde(borrow)]
    finding: Option<&'a RawValue>,
}

/// Reads a document that is known to be strict JSON.
pub(super) fn read(document: &str) -> Result<ScanReport, ReportError> {
    let document: Document<'_> =
        serde_json::from_str(document).map_err(|error| ReportError::json(&error))?;
    document.check_kind()?;
    let mut scanned = Scanned::default();
    each("Results", document.results, |target| scanned.add(target))?;
    Ok(ScanReport {
        format: Format::Trivy,
        scanned_at: field::time("CreatedAt", document.created_at)?,
        database_at: document.database_at()?,
        incomplete: scanned.incomplete(&document.metadata),
        end_of_life: document.metadata.end_of_life(),
        subject: subject(document.metadata, &document.artifact_name)?,
        tool: Tool {
            name: "trivy".to_owned(),
            version: document.trivy.version.map(|text| printable(&text, 64)),
        },
        malware: 0,
        secrets: scanned.secrets,
        findings: scanned.findings.distinct(),
        packages: scanned.packages.distinct(),
    })
}

impl Document<'_> {
    fn check_kind(&self) -> Result<(), ReportError> {
        if self.schema_version.get() != "2" {
            let found = printable(self.schema_version.get(), 16);
            return Err(ReportError::Schema(found));
        }
        match &*self.artifact_type {
            "container_image" => Ok(()),
            // Of an image's inventory, if that says which.
            "cyclonedx" | "spdx" if self.metadata.names_content() => Ok(()),
            "" => Err(ReportError::NotAnImage("nothing it names".to_owned())),
            other => Err(ReportError::NotAnImage(format!(
                "a {}",
                printable(other, 32)
            ))),
        }
    }

    /// Only a Trivy server's report dates its database.
    fn database_at(&self) -> Result<Option<jiff::Timestamp>, ReportError> {
        let database = self.trivy.server.as_ref().and_then(|s| s.database.as_ref());
        field::time(
            "VulnerabilityDB.UpdatedAt",
            database.and_then(|database| database.updated_at),
        )
    }
}

impl Metadata {
    /// Whether it says by config or layers which image was opened.
    fn names_content(&self) -> bool {
        let layers = self.diff_ids.iter().any(|layers| !layers.0.is_empty());
        layers || !self.image_id.is_empty()
    }

    fn end_of_life(&self) -> bool {
        self.os.as_ref().is_some_and(|os| os.end_of_life)
    }
}

fn subject(metadata: Metadata, name: &str) -> Result<ReportSubject, ReportError> {
    let repo_digests = metadata.repo_digests.unwrap_or_default().0;
    let repo_digests = repo_digests.iter().map(|text| field::repo_digest(text));
    let diff_ids = metadata.diff_ids.unwrap_or_default().0;
    let platform = match metadata.image_config {
        Some(config) => field::platform(&config.os, &config.architecture, &config.variant)?,
        None => None,
    };
    Ok(ReportSubject {
        manifests: field::digests("RepoDigests", repo_digests)?,
        image_id: field::digest("ImageID", &metadata.image_id)?,
        platform,
        diff_ids: field::digests("DiffIDs", diff_ids.iter().map(String::as_str))?,
        name: Some(printable(name, 512)).filter(|name| !name.is_empty()),
        ..ReportSubject::default()
    })
}

/// What the targets of a report add up to.
#[derive(Default)]
struct Scanned {
    targets: u64,
    os_packages: bool,
    language_packages: bool,
    secrets: u64,
    findings: Findings,
    packages: Packages,
}

impl Installed {
    fn package(self) -> Result<Package, ReportError> {
        let version = version_of(self.epoch, &self.version, &self.release);
        let source = version_of(self.src_epoch, &self.src_version, &self.src_release);
        let purl = self.identifier.map(|identifier| identifier.purl);
        Ok(Package {
            name: field::text("Name", self.name)?,
            version: field::text("Version", version)?,
            purl: field::purl("PURL", purl.unwrap_or_default())?,
            source: Some(SourcePackage {
                name: field::text("SrcName", self.src_name)?,
                version: field::text("SrcVersion", source)?,
            }),
        })
    }
}

/// As Trivy writes it in findings: `epoch:version-release`.
fn version_of(epoch: u64, version: &str, release: &str) -> String {
    let epoch = match epoch {
        0 => String::new(),
        epoch => format!("{epoch}:"),
    };
    let release = match release.is_empty() {
        true => String::new(),
        false => format!("-{release}"),
    };
    format!("{epoch}{version}{release}")
}

/// What the packages of a target were built from, by name and version.
#[derive(Default)]
struct Sources(HashMap<(String, String), SourcePackage>);

impl Sources {
    fn note(&mut self, package: &Package) {
        let named = package.source.as_ref().filter(|it| !it.name.is_empty());
        let key = || (package.name.clone(), package.version.clone());
        self.0.extend(named.map(|source| (key(), source.clone())));
    }

    fn of(&self, name: &str, version: &str) -> Option<SourcePackage> {
        let key = (name.to_owned(), version.to_owned());
        self.0.get(&key).cloned()
    }
}

impl Scanned {
    /// Vulnerabilities and secrets count in a target of any class; misconfigurations
    /// and licences are other lists and are not read.
    fn add(&mut self, target: Target<'_>) -> Result<(), ReportError> {
        self.targets += 1;
        self.os_packages |= target.class == "os-pkgs";
        self.language_packages |= target.class == "lang-pkgs";
        // Findings name the package that they are in, and not its source.
        let mut sources = Sources::default();
        each("Packages", target.packages, |installed: Installed| {
            let package = installed.package()?;
            sources.note(&package);
            self.packages.push(package)
        })?;
        each(
            "Vulnerabilities",
            target.vulnerabilities,
            |found: Vulnerability<'_>| self.findings.push(finding(found, None, &sources)?),
        )?;
        each("Secrets", target.secrets, |_: Secret| {
            self.secrets += 1;
            Ok(())
        })?;
        each("ExperimentalModifiedFindings", target.modified, |changed| {
            self.add_modified(changed, &sources)
        })
    }

    fn add_modified(
        &mut self,
        changed: Modified<'_>,
        sources: &Sources,
    ) -> Result<(), ReportError> {
        const LIST: &str = "ExperimentalModifiedFindings";
        match (&*changed.r#type, changed.finding) {
            ("misconfiguration" | "license", _) => Ok(()),
            ("secret", _) => {
                self.secrets += 1;
                Ok(())
            }
            ("vulnerability", Some(raw)) => {
                let found = serde_json::from_str(raw.get())
                    .map_err(|error| ReportError::field(LIST, error::problem(&error)))?;
                let found = finding(found, Some(&changed.status), sources)?;
                self.findings.push(found)
            }
            _ => Err(ReportError::field(LIST, "an entry of unknown type")),
        }
    }

    /// Trivy lists a target for the operating system's packages even when it finds
    /// nothing in them. Without one they were not looked at: the system is not
    /// supported, or other package types or scanners were asked for. `none` is what it
    /// calls the system of packages that it looks nothing up for.
    fn incomplete(&self, metadata: &Metadata) -> Vec<Incomplete> {
        let unread = |whose: &str| {
            let whose = printable(whose, 64);
            let cause = format!("packages of {whose} were not scanned");
            vec![Incomplete::Filtered(cause)]
        };
        match metadata.os.as_ref().map(|os| &*os.family) {
            None | Some("" | "none") if self.os_packages => unread("an unknown operating system"),
            Some("none") => unread("an unknown operating system"),
            None | Some("") if self.language_packages => Vec::new(),
            None if self.targets == 0 && metadata.names_content() => Vec::new(),
            None | Some("") => vec![Incomplete::NothingRecognised],
            Some(_) if self.os_packages => Vec::new(),
            Some(system) => unread(&format!("the operating system {system}")),
        }
    }
}

impl Vulnerability<'_> {
    /// Its word; where that says nothing, the gravest word or CVSS of any source.
    fn rating(&self) -> Result<Option<Severity>, ReportError> {
        if self.severity.is_empty() {
            return Err(ReportError::Unrated {
                id: printable(&self.id, 64),
                format: Format::Trivy,
            });
        }
        match Severity::from_trivy(&self.severity)? {
            None => trivy_rating::gravest(self.vendor_severity, self.cvss),
            rated => Ok(rated),
        }
    }
}

/// `suppressed`: the word under which Trivy was told to leave the finding out.
fn finding(
    found: Vulnerability<'_>,
    suppressed: Option<&str>,
    sources: &Sources,
) -> Result<Finding, ReportError> {
    let severity = found.rating()?;
    let source = sources.of(&found.pkg_name, &found.installed_version);
    let id = field::id("VulnerabilityID", found.id)?;
    let aliases = found.vendor_ids.unwrap_or_default().0;
    let purl = found.pkg_identifier.map(|identifier| identifier.purl);
    let status = match suppressed {
        Some(word) => field::suppressed(word),
        None => found.status,
    };
    Ok(Finding {
        aliases: field::aliases("VendorIDs", &id, aliases)?,
        mentioned: Vec::new(),
        id,
        package: field::text("PkgName", found.pkg_name)?,
        purl: field::purl("PURL", purl.unwrap_or_default())?,
        installed: field::text("InstalledVersion", found.installed_version)?,
        fixed: field::for_people(&found.fixed_version),
        severity,
        severity_source: field::for_people(&found.severity_source),
        status: field::for_people(&status),
        source,
    })
}
