//! Lists as spreadsheets: the same rows for the commands and the pages.

use super::csv::csv;
use super::{
    ActList, ActRecord, DecisionList, DecisionRecord, ForecastList, ForecastView, ImageList,
    ImageView,
};
use crate::oci::distinct;
use crate::report::versioned;

impl ActList {
    /// One row for each act.
    pub fn spreadsheet(&self) -> String {
        let head = [
            "time",
            "id",
            "act",
            "principal",
            "client",
            "environment",
            "image",
            "digest",
            "subject",
            "detail",
            "reason",
            "ticket",
            "link",
            "until",
        ];
        csv(head, self.acts.iter().map(act_cells))
    }
}

impl DecisionList {
    /// One row for each decision.
    pub fn spreadsheet(&self) -> String {
        let head = [
            "time",
            "id",
            "count",
            "door",
            "environment",
            "place",
            "principal",
            "client",
            "verdict",
            "image",
            "digest",
            "reasons",
            "message",
        ];
        csv(head, self.decisions.iter().map(decision_cells))
    }
}

impl ImageList {
    /// One row for each image; what is unknown says so.
    pub fn spreadsheet(&self) -> String {
        csv(IMAGE_HEAD, self.images.iter().map(image_cells))
    }
}

impl ForecastList {
    /// One row for each denial that is to come.
    pub fn spreadsheet(&self) -> String {
        csv(FORECAST_HEAD, self.denials.iter().map(forecast_cells))
    }
}

fn act_cells(act: &ActRecord) -> [String; 14] {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        act.time.to_string(),
        act.id.clone(),
        act.act.as_str().to_owned(),
        act.principal.clone(),
        text(&act.client),
        act.environment
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        text(&act.image),
        act.digest
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        text(&act.subject),
        act.detail.clone(),
        text(&act.reason),
        text(&act.ticket),
        text(&act.link),
        act.until
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    ]
}

fn decision_cells(decision: &DecisionRecord) -> [String; 13] {
    [
        decision.time.to_string(),
        decision.id.to_string(),
        decision.count.to_string(),
        decision.door.as_str().to_owned(),
        decision.environment.to_string(),
        decision.place().unwrap_or_default(),
        decision.principal.clone(),
        decision.client.clone().unwrap_or_default(),
        decision.verdict.as_str().to_owned(),
        decision.image.clone(),
        decision
            .digest
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        decision.reason_codes().join(" "),
        decision.message.clone(),
    ]
}

const IMAGE_HEAD: [&str; 14] = [
    "image",
    "platform",
    "scanned_at",
    "vulnerabilities",
    "packages",
    "severity",
    "denied",
    "promoted",
    "pulled_at",
    "pulled_in",
    "pulled_by",
    "pulled_from",
    "pods",
    "exposed",
];

fn image_cells(image: &ImageView) -> [String; 14] {
    let pull = image.pulled.first();
    let ids = image.matches.iter().filter_map(|it| it.id.clone());
    let packages = image.matches.iter();
    let packages = packages.map(|it| versioned(&it.package, &it.installed));
    let worst = image.matches.iter().filter_map(|it| it.severity).max();
    let reasons = image.denials.iter().flat_map(|it| &it.reasons);
    let reached = image.pods.iter().flatten();
    let ways = reached.filter_map(|pod| Some(pod).zip(pod.reached_by.as_ref()));
    let pods = image.pods.as_ref().map(|pods| {
        let named = pods.iter();
        joined(named.map(|it| format!("{}/{}/{}", it.cluster, it.namespace, it.pod)))
    });
    [
        image.image.clone(),
        text(image.platform.as_ref()),
        text(image.scanned_at),
        joined(ids),
        joined(packages),
        text(worst),
        joined(reasons.map(|it| it.code().to_owned())),
        joined(image.promoted.iter().map(ToString::to_string)),
        text(pull.map(|it| it.at)),
        text(pull.map(|it| &it.environment)),
        text(pull.map(|it| it.principal.as_deref().unwrap_or("unknown"))),
        text(pull.and_then(|it| it.client.as_ref())),
        pods.unwrap_or_else(|| "unknown".to_owned()),
        joined(ways.map(|(pod, way)| format!("{}/{} by {way}", pod.namespace, pod.pod))),
    ]
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|it| it.to_string()).unwrap_or_default()
}

/// Once each, in order.
fn joined(parts: impl Iterator<Item = String>) -> String {
    distinct(parts).join("; ")
}

const FORECAST_HEAD: [&str; 8] = [
    "at",
    "cause",
    "ends",
    "environment",
    "image",
    "reasons",
    "pods",
    "next_step",
];

fn forecast_cells(denial: &ForecastView) -> [String; 8] {
    let pods = denial.pods.iter();
    let pods: Vec<String> = pods
        .map(|it| format!("{}/{}/{}", it.cluster, it.namespace, it.pod))
        .collect();
    let first = denial.reasons.first();
    let codes = distinct(denial.reasons.iter().map(|it| it.reason.code()));
    [
        denial
            .at
            .map_or_else(|| "now".to_owned(), |at| at.to_string()),
        denial.cause.clone(),
        denial.ends.clone().unwrap_or_default(),
        denial.environment.to_string(),
        denial.image.clone(),
        codes.join(" "),
        pods.join("; "),
        first.map(|it| it.next_step.clone()).unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reason_of_several_platforms_stands_there_once() {
        let decision = json!({
            "id": "4f0c0a7d1f6f4d0e9d6c2b1a39e87755", "time": "2026-07-01T12:00:00Z", "count": 1,
            "door": "registry", "environment": "production", "principal": "node", "client": null,
            "image": "registry.example/team/app:1", "upstream": null, "digest": null,
            "verdict": "denied", "message": "",
            "reasons": ["not-scanned", "not-promoted", "not-scanned"], "mode": "enforce",
            "exposure": {"value": "internal", "source": "listener", "reason": null},
            "policy_revision": "0", "evidence": [], "evidence_age_s": null,
            "ledger_age_s": null, "duration_us": 1,
        });
        let list = json!({"decisions": [decision]});
        let list: DecisionList = serde_json::from_value(list).unwrap();
        assert!(list.spreadsheet().contains(",not-scanned not-promoted,"));
    }
}
