//! Renders the report as text: the worst finding first, each with its next step.

use super::report::{AgentView, CauseView, NodeFindingView, NodeReport, ProofView};
use crate::cli::diagnosis::{Entry, coloured};
use crate::cli::output::Palette;
use crate::oci::readable;

/// The longest text that is shown of one thing.
const MAX_TEXT_CHARS: usize = 600;
/// Columns of the word before each thing.
const SEVERITY_COLUMNS: usize = 8;

pub fn render(report: &NodeReport, palette: Palette) -> String {
    let mut text = match report.gateways.is_empty() {
        true => String::new(),
        false => {
            let gateways = report.gateways.join(", ");
            format!("gateway {}\n", readable(&gateways, MAX_TEXT_CHARS))
        }
    };
    for runtime in &report.runtimes {
        text.push_str(&format!("\n{}\n", palette.strong(runtime)));
        let findings = report.findings.iter();
        for found in findings.filter(|found| found.runtime == *runtime) {
            text.push_str(&finding(found, palette));
        }
        let proofs = report.proofs.iter();
        for tried in proofs.filter(|proof| proof.runtime == *runtime) {
            text.push_str(&proof(tried, palette));
        }
        let agents = report.agents.iter();
        for asked in agents.filter(|agent| agent.runtime == *runtime) {
            text.push_str(&canary(asked, palette));
        }
    }
    format!("{text}\n{}", conclusion(report, palette))
}

fn finding(found: &NodeFindingView, palette: Palette) -> String {
    let what = format!("{}: {}", found.place, found.what);
    let entry = Entry {
        word: found.severity,
        width: SEVERITY_COLUMNS,
        indent: 2,
        what: &what,
        why: &found.why,
        next_step: &found.next_step,
    };
    entry.render(palette)
}

fn proof(tried: &ProofView, palette: Palette) -> String {
    let [what, said] = [&tried.what, &tried.said].map(|text| readable(text, MAX_TEXT_CHARS));
    let cause = tried.cause.as_ref().map(cause).unwrap_or_default();
    format!(
        "  {}  pulled {what}\n            {}\n{cause}            it said: {said}\n",
        coloured(tried.outcome, SEVERITY_COLUMNS, palette),
        readable(&tried.image, MAX_TEXT_CHARS)
    )
}

fn canary(asked: &AgentView, palette: Palette) -> String {
    let Some(sent) = &asked.canary else {
        return String::new();
    };
    let said = match sent.said.is_empty() {
        true => "nothing, and created it",
        false => &sent.said,
    };
    format!(
        "  {}  asked for a container that an agent must refuse\n            it said: {}\n",
        coloured(sent.outcome, SEVERITY_COLUMNS, palette),
        readable(said, MAX_TEXT_CHARS)
    )
}

fn cause(cause: &CauseView) -> String {
    let next_step = readable(&cause.next_step, MAX_TEXT_CHARS);
    format!(
        "            {}\n            next: {next_step}\n",
        cause.meaning
    )
}

fn conclusion(report: &NodeReport, palette: Palette) -> String {
    let is_tried = !report.proofs.is_empty();
    let is_guarded = report.agents.iter().any(|agent| agent.canary.is_some());
    let good = match (is_tried, is_guarded) {
        _ if !report.closed => return palette.bad("not closed: see above"),
        (true, true) => "closed: a denied image cannot be pulled here, nor started",
        (true, false) => "closed: a denied image cannot be pulled here",
        (false, true) => "closed: a denied image cannot be started here",
        (false, false) => {
            return "the files are closed; nothing was tried, so nothing is proven".to_owned();
        }
    };
    palette.good(good)
}
