//! Renders a verdict as text.

use super::output::{Palette, Table};
use crate::api::{
    AppliedPolicyView, CheckView, DenialView, ExposureSourceKind, ExposureView, FindingView,
    VerdictView,
};
use crate::oci::{counted, listed, readable};
use crate::trust::told_end;

/// The longest text of a reason or check that is shown, in characters.
const MAX_TEXT_CHARS: usize = 400;

/// The longest list of evidence, in characters.
const MAX_EVIDENCE_CHARS: usize = 1500;

/// Findings that are shown, at most.
const MAX_FINDINGS: usize = 25;

/// A verdict with the chain of evidence behind it, and the worst findings.
pub fn render(verdict: &VerdictView, palette: Palette) -> String {
    render_with(verdict, MAX_FINDINGS, palette)
}

/// The same with every finding that it turns on.
pub fn render_all(verdict: &VerdictView, palette: Palette) -> String {
    render_with(verdict, usize::MAX, palette)
}

fn render_with(verdict: &VerdictView, limit: usize, palette: Palette) -> String {
    let mut text = format!("{}\n", headline(verdict, palette));
    for denial in &verdict.reasons {
        text.push_str(&reason(denial, palette));
    }
    text.push_str(&checks(&verdict.checks, palette));
    text.push_str(&findings(&verdict.findings, limit, palette));
    if verdict.more_findings > 0 {
        let more = counted(verdict.more_findings, "more finding");
        text.push_str(&format!("  and {more}, not listed\n"));
    }
    text.push_str(&foundation(verdict));
    text
}

/// What the verdict turns on: the worst `limit`, and how many more there are.
fn findings(findings: &[FindingView], limit: usize, palette: Palette) -> String {
    let mut table = Table::new([
        "  FINDING",
        "SEVERITY",
        "PACKAGE",
        "INSTALLED",
        "FIXED",
        "OUTCOME",
        "BY",
    ]);
    for finding in findings.iter().take(limit) {
        let by = finding.by.as_ref().map(|word| word_of(finding, word));
        table.row([
            format!("  {}", finding.id).as_str(),
            finding.severity.as_str(),
            &finding.package,
            match finding.installed.as_str() {
                "" => "-",
                installed => installed,
            },
            finding.fixed.as_deref().unwrap_or("-"),
            finding.outcome.as_str(),
            by.as_deref().unwrap_or("-"),
        ]);
    }
    if table.is_empty() {
        return String::new();
    }
    let more = match findings.len().saturating_sub(limit) {
        0 => String::new(),
        more => format!("  and {more} more; --output json has them\n"),
    };
    table.render(palette) + &more
}

/// Who said so, and for an exception until when.
fn word_of(finding: &FindingView, word: &AppliedPolicyView) -> String {
    let ended = word.kind == "exception" && finding.outcome.denies();
    let until = match (word.expires, ended) {
        (Some(end), true) => format!(", ended {}", told_end(end)),
        (Some(end), false) => format!(" until {}", told_end(end)),
        (None, _) => String::new(),
    };
    format!("{} {}{until}; see {}", word.kind, word.id, word.link)
}

fn headline(verdict: &VerdictView, palette: Palette) -> String {
    let lifter = verdict.reasons.first().map(|it| it.lifted_by.as_deref());
    let word = match (verdict.allowed, lifter) {
        (true, None) => palette.good("ALLOWED"),
        (true, Some(Some("break-glass"))) => palette.doubtful("ALLOWED BY BREAK-GLASS"),
        (true, Some(_)) => palette.doubtful("ALLOWED, WOULD BE DENIED"),
        (false, _) if verdict.is_undecided() => palette.doubtful("NOT KNOWN NOW"),
        (false, _) => palette.bad("DENIED"),
    };
    let image = readable(&verdict.image, 600);
    let digest = match image.contains('@') {
        true => String::new(),
        false => format!(" ({})", verdict.digest),
    };
    format!("{word}  {image}{digest}\n{}", circumstances(verdict))
}

fn circumstances(verdict: &VerdictView) -> String {
    let exposure = exposure(&verdict.exposure);
    let (environment, mode) = (&verdict.environment, verdict.mode);
    format!("  for {environment}, mode {mode}, {exposure}")
}

/// An exposure, and why it is assumed: a rule's reason, or the path to the Pod.
pub fn exposure(exposure: &ExposureView) -> String {
    let why = exposure.reason.as_ref();
    let why = why.map(|reason| format!(" ({})", readable(reason, MAX_TEXT_CHARS)));
    let by = match exposure.source {
        ExposureSourceKind::Asked => "as",
        _ => "by",
    };
    format!(
        "{} {by} {}{}",
        exposure.value,
        exposure.source.as_str(),
        why.unwrap_or_default()
    )
}

/// One reason against it, and what to do about it.
pub fn reason(denial: &DenialView, palette: Palette) -> String {
    let code = match denial.lifted {
        true => {
            let by = denial.lifted_by.as_deref().unwrap_or("the mode");
            palette.doubtful(&format!("{} (lifted by {by})", denial.reason))
        }
        false => palette.bad(denial.reason.code()),
    };
    let detail = readable(&denial.detail, MAX_TEXT_CHARS);
    let next = readable(&denial.next_step, MAX_TEXT_CHARS);
    format!("  {code}: {detail}\n    next: {next}\n")
}

/// The chain.
pub fn checks(checks: &[CheckView], palette: Palette) -> String {
    let mut table = Table::new(["  CHECK", "OUTCOME", "FOUND"]);
    for check in checks {
        let platform = check.platform.iter().map(|it| format!(" {it}"));
        let name = format!("  {}{}", check.requirement, platform.collect::<String>());
        table.row([name.as_str(), &check.outcome, &check.text]);
    }
    match table.is_empty() {
        true => String::new(),
        false => table.render(palette),
    }
}

fn foundation(verdict: &VerdictView) -> String {
    let evidence = match verdict.evidence.is_empty() {
        true => "none".to_owned(),
        false => readable(&listed(&verdict.evidence, MAX_EVIDENCE_CHARS), 2000),
    };
    let until = verdict.valid_until.map_or_else(
        || "while evidence and policy stay as they are".to_owned(),
        |until| format!("until {until:.0}"),
    );
    let policy = readable(&verdict.policy_revision, 32);
    format!("  evidence: {evidence}\n  policy: {policy}\n  valid: {until}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_reason_next_step_and_chain() {
        let verdict: VerdictView = serde_json::from_str(
            r#"{"allowed":false,"image":"docker.io/library/nginx:1.27",
            "digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "environment":"production","exposure":{"value":"external","source":"rule","reason":"a\u001bb"},
            "mode":"enforce","reasons":[{"reason":"not-scanned","detail":"no scan",
            "next_step":"wanted by the scan job","lifted":false}],
            "checks":[{"requirement":"scan","outcome":"failed","text":"none"}],
            "valid_until":null,"policy_revision":"00ff","evidence":["scan:4"],"message":"m"}"#,
        )
        .unwrap();
        let told = render(&verdict, Palette::plain());
        let lines: Vec<&str> = told.lines().collect();
        assert!(
            lines[0].starts_with("DENIED  docker.io/library/nginx:1.27 (sha256:e3b0"),
            "{told}"
        );
        assert_eq!(
            lines[1],
            "  for production, mode enforce, external by rule (a?b)"
        );
        assert_eq!(lines[2], "  not-scanned: no scan");
        assert_eq!(lines[3], "    next: wanted by the scan job");
        assert_eq!(lines[5], "  scan   failed   none");
        assert_eq!(lines[6], "  evidence: scan:4");
    }
}
