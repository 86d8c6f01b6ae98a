//! The exception that a verdict would need, as a draft: what it accepts is known, why and
//! by whom is for people to write.

use std::collections::BTreeMap;

use super::{FindingView, VerdictView};
use crate::oci::readable;
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
        let severe = |finding: &&FindingView| finding.outcome == FindingOutcome::TooSevere;
        let mut comments: BTreeMap<&str, String> = BTreeMap::new();
        for finding in verdict.findings.iter().filter(severe) {
            comments
                .entry(&finding.id)
                .or_insert_with(|| comment(finding));
        }
        let end_of_life = verdict.reasons.iter().any(|denial| {
            denial.reason == DenialReason::ScanIncomplete && denial.detail == END_OF_LIFE
        });
        (!comments.is_empty() || end_of_life).then(|| Self {
            vulnerabilities: comments.keys().map(|id| readable(id, 200)).collect(),
            end_of_life,
            comments: comments.into_values().collect(),
        })
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
