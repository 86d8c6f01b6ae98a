//! Vendors that write keys which others write too, told by what lies below them; and those
//! whose reports are not read, named so that people know what they hold.

use super::keys::Keys;
use super::{Format, ReportError, inspector, prisma, quay, trivy_operator};

type Look = fn(&str) -> Result<Format, ReportError>;

/// Keys of documents that only a look below can tell.
const LOOK_BELOW: [(&[&str], Look); 5] = [
    (&["apiVersion", "kind"], trivy_operator::format),
    (&["apiVersion", "items"], trivy_operator::format),
    (&["findings"], inspector::format),
    (&["results"], prisma::format),
    (&["status", "data"], quay::format),
];

/// Keys that only one document has which is no report that is read.
const OTHER_DOCUMENTS: [(&[&str], &str); 17] = [
    (
        &["version", "vulnerabilities"],
        "; this looks like a GitLab report without its scan",
    ),
    (
        &["@context"],
        "; this looks like a VEX document, which is no scan",
    ),
    (
        &["spdxVersion"],
        "; this looks like an SPDX inventory, which is no scan",
    ),
    (
        &["artifacts", "artifactRelationships"],
        "; this looks like an inventory of Syft, which is no scan",
    ),
    (
        &["results", "experimental_config"],
        "; this looks like OSV-Scanner's report, which names no image",
    ),
    (
        &["securityViolations", "vulnerabilities"],
        "; this looks like a report of JFrog Xray",
    ),
    (
        &["component_id", "scan_id"],
        "; this looks like a report of JFrog Xray",
    ),
    (
        &["info", "result", "scanner"],
        "; this looks like a report of Sysdig",
    ),
    (&["scanOriginResource"], "; this looks like a report of Wiz"),
    (
        &["error_message", "report"],
        "; this looks like a report of NeuVector",
    ),
    (
        &["Findings"],
        "; this looks like findings of AWS Security Hub; ask ECR or Inspector for its own",
    ),
    (
        &["image_summary", "package_vulnerability_summary"],
        "; this looks like Google's Artifact Analysis",
    ),
    (
        &["docker_image_id", "findings"],
        "; this looks like a report of Tenable",
    ),
    (
        &["dependencyCount", "vulnerabilities"],
        "; this looks like Snyk's report on a project, not on an image",
    ),
    (
        &["reportSchema", "scanInfo"],
        "; this looks like a report of OWASP Dependency-Check, which names no image",
    ),
    (
        &["auditReportVersion"],
        "; this looks like an audit of npm, which names no image",
    ),
    (
        &["entityInfo"],
        "; this looks like Prisma's console; hand in what twistcli wrote",
    ),
];

/// The format of a document whose keys at the top do not tell it.
pub(super) fn below(keys: &Keys, document: &str) -> Result<Format, ReportError> {
    if let Some((_, hint)) = OTHER_DOCUMENTS
        .iter()
        .find(|(marks, _)| keys.has_all(marks))
    {
        return Err(ReportError::Unrecognised { hint });
    }
    let mut looks = LOOK_BELOW.iter().filter(|(marks, _)| keys.has_all(marks));
    match looks.next() {
        Some((_, format)) => format(document),
        None => Err(ReportError::Unrecognised { hint: "" }),
    }
}
