//! One decision in plain text: for curl, and whoever pipes it on.

use crate::api::DecisionRecord;
use crate::oci::{printable, without_controls};

/// The longest line, in characters.
const MAX_LINE_CHARS: usize = 500;

pub(super) fn text(decision: &DecisionRecord) -> String {
    let digest = decision.digest.as_ref();
    let lines = [
        ("decision", decision.id.to_string()),
        ("verdict", decision.verdict.as_str().to_owned()),
        ("message", decision.message.clone()),
        ("image", decision.image.clone()),
        ("digest", digest.map_or("-".to_owned(), ToString::to_string)),
        (
            "environment",
            format!("{} ({})", decision.environment, decision.mode),
        ),
        ("exposure", decision.exposure.value.to_string()),
        ("reasons", decision.reason_codes().join(", ")),
        ("time", decision.time.to_string()),
        ("count", decision.count.to_string()),
        ("evidence", decision.evidence.join(", ")),
        ("policy", decision.policy_revision.clone()),
    ];
    // The message is cut to what a client shows: here each reason and its remedy is whole.
    let whys = decision.denials.iter().flat_map(|denial| {
        let why = format!("{}: {}", denial.reason, denial.detail);
        [("why", why), ("next", denial.next_step.clone())]
    });
    let lines = lines
        .into_iter()
        .chain(whys)
        .map(|(name, value)| format!("{name:<12}{}\n", printable(&value, MAX_LINE_CHARS)));
    without_controls(&lines.collect::<String>()).into_owned()
}
