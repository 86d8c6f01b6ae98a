//! An advisory on what was looked for, to be completed by whoever answers for it.

use super::filters::Filters;
use super::merge_request::{self, DraftFile, DraftKind};
use super::visit::Visit;
use crate::api::ImageList;
use crate::oci::printable;
use crate::trust::PackageQuery;

/// To be copied, or opened where a template of the company's forge is configured.
pub(super) struct AdvisoryDraft {
    pub toml: String,
    pub address: Option<String>,
}

impl AdvisoryDraft {
    /// `None`: nothing was looked for that an advisory speaks of.
    pub fn of(visit: &Visit, filters: &Filters, list: &ImageList) -> Option<Self> {
        let (about, named) = named(filters, list)?;
        let toml = [
            "[[advisory]]",
            "id = \"SEC-\"",
            &named,
            "effect = \"block\"",
            "reason = \"TODO\"",
            "link = \"https://\"",
        ]
        .join("\n");
        let file = DraftFile {
            kind: DraftKind::Advisory,
            about,
            content: &toml,
            unique: "",
        };
        let template = visit.console.merge_request_url.as_deref();
        Some(Self {
            address: template.and_then(|template| merge_request::address(template, &file)),
            toml,
        })
    }
}

/// What it is about, and the line that says so.
fn named<'a>(filters: &'a Filters, list: &ImageList) -> Option<(&'a str, String)> {
    let (cve, package) = (filters.get("cve"), filters.get("package"));
    let digest = filters.get("digest");
    match (cve, package, digest) {
        ("", "", "") => None,
        ("", "", digest) => Some((digest, format!("digests = {}", strings(&[digest])))),
        ("", package, _) => Some((package, of_package(package))),
        (cve, ..) => {
            let mut ids: Vec<&str> = list.ids.iter().map(String::as_str).collect();
            if ids.is_empty() {
                ids.push(cve);
            }
            Some((cve, format!("vulnerabilities = {}", strings(&ids))))
        }
    }
}

/// An advisory compares a plain name whole; a version has its place in a package URL.
fn of_package(looked_for: &str) -> String {
    let query = PackageQuery::parse(looked_for).ok();
    match query.as_ref().and_then(PackageQuery::name_of_version) {
        None => format!("packages = {}", strings(&[looked_for])),
        Some((name, version)) => format!(
            "# Every version of it; {} alone is a package URL, as pkg:deb/debian/NAME@VERSION.\n\
             packages = {}",
            printable(version, 100),
            strings(&[name])
        ),
    }
}

/// A list of TOML's strings, which escape as JSON's do.
fn strings(texts: &[&str]) -> String {
    let quoted: Vec<String> = texts
        .iter()
        .map(|text| serde_json::Value::from(*text).to_string())
        .collect();
    format!("[{}]", quoted.join(", "))
}
