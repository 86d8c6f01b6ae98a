//! The exception that a verdict would need, as a draft: what it accepts is known, why and
//! by whom is for people to write.

use std::collections::BTreeMap;

use super::{DenialView, FindingView, VerdictView};
use crate::oci::{distinct, readable};
use crate::report::versioned;
use crate::trust::{DenialReason, END_OF_LIFE, FindingOutcome};

/// What stands where somebody has to write; a file that still says it is refused.
pub const TO_BE_WRITTEN: &str = "TODO";

/// What an exception would have to accept, and no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceptionDraft {
    vulnerabilities: Vec<String>,
    end_of_life: bool,
    /// One line for each vulnerability: how grave it is, where, and what mends it.
    comments: Vec<String>,
}

/// What people write into a draft.
#[derive(Clone, Copy, Debug)]
pub struct DraftWords<'a> {
    pub reason: &'a str,
    pub link: &'a str,
    pub owner: &'a str,
    /// The last day on which it holds, as `2027-01-31`.
    pub last_day: &'a str,
}

impl ExceptionDraft {
    /// `None`: an exception would accept nothing of it.
    pub fn of(verdict: &VerdictView) -> Option<Self> {
        let severe = |it: &&FindingView| is_too_severe(it) && !it.raised;
        let mut comments: BTreeMap<&str, String> = BTreeMap::new();
        for finding in verdict.findings.iter().filter(severe) {
            comments
                .entry(&finding.id)
                .or_insert_with(|| comment(finding));
        }
        let end_of_life = verdict.reasons.iter().any(is_end_of_life);
        (!comments.is_empty() || end_of_life).then(|| Self {
            vulnerabilities: comments.keys().map(|id| readable(id, 200)).collect(),
            end_of_life,
            comments: comments.into_values().collect(),
        })
    }

    /// For what the image stays denied, whatever exception is written: `not-promoted`.
    pub fn not_lifted(verdict: &VerdictView) -> Vec<DenialReason> {
        let raised = verdict.findings.iter().any(is_raised);
        let accepted = |it: &DenialView| match it.reason {
            DenialReason::TooSevere => !raised,
            _ => is_end_of_life(it),
        };
        let standing = verdict
            .reasons
            .iter()
            .filter(|it| !it.lifted && !accepted(it));
        distinct(standing.map(|it| it.reason))
    }

    /// The entries for `repository` (`host/name`), as a file of exceptions has them: one
    /// accepts either vulnerabilities or the end of life.
    pub fn toml(&self, repository: &str, words: DraftWords<'_>) -> String {
        let mut entries = Vec::new();
        if !self.vulnerabilities.is_empty() {
            let comments = self.comments.iter().map(|line| format!("# {line}\n"));
            let ids: Vec<String> = self.vulnerabilities.iter().map(|id| quoted(id)).collect();
            let accepted = format!("vulnerabilities = [{}]", ids.join(", "));
            let entry = entry(&accepted, repository, words);
            entries.push(comments.chain([entry]).collect::<String>());
        }
        if self.end_of_life {
            entries.push(entry("accept = [\"end-of-life\"]", repository, words));
        }
        entries.join("\n")
    }
}

fn is_too_severe(finding: &FindingView) -> bool {
    finding.outcome == FindingOutcome::TooSevere
}

/// An advisory raises it, and no exception accepts that.
fn is_raised(finding: &FindingView) -> bool {
    is_too_severe(finding) && finding.raised
}

fn is_end_of_life(denial: &DenialView) -> bool {
    denial.reason == DenialReason::ScanIncomplete && denial.detail == END_OF_LIFE
}

fn entry(accepted: &str, repository: &str, words: DraftWords<'_>) -> String {
    format!(
        "[[exception]]\n{accepted}\nimages = [{}]\nreason = {}\nlink = {}\nowner = {}\nexpires = {}\n",
        quoted(repository),
        quoted(words.reason),
        quoted(words.link),
        quoted(words.owner),
        words.last_day,
    )
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn comment(finding: &FindingView) -> String {
    let severity = finding.severity.as_str().to_uppercase();
    let fixed = match &finding.fixed {
        Some(fixed) => format!("fixed {fixed}"),
        None => "no fix yet".to_owned(),
    };
    let (id, package) = (&finding.id, versioned(&finding.package, &finding.installed));
    readable(&format!("{id} {severity} {package}, {fixed}"), 240)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_no_exception_accepts_is_told_beside_the_draft() {
        let reason = |reason: &str, detail: &str, lifted: bool| json!({"reason": reason, "detail": detail, "next_step": "-", "lifted": lifted});
        let verdict: VerdictView = serde_json::from_value(json!({
            "allowed": false, "image": "docker.io/library/nginx:1",
            "digest": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "environment": "production", "mode": "enforce",
            "exposure": {"value": "external", "source": "listener"},
            "reasons": [
                reason("blocked-by-advisory", "SEC-1", false),
                reason("too-severe", "CVE-2026-1", false),
                reason("scan-incomplete", END_OF_LIFE, false),
                reason("scan-incomplete", "a layer was left out", false),
                reason("not-promoted", "-", true),
            ],
            "checks": [], "valid_until": null, "policy_revision": "ff", "evidence": [],
            "message": ""
        }))
        .unwrap();
        assert_eq!(
            ExceptionDraft::not_lifted(&verdict),
            [
                DenialReason::BlockedByAdvisory,
                DenialReason::ScanIncomplete
            ]
        );
    }
}
