//! Files that lie beside the chart say what it says.

use serde_json::Value;

const CHART: &str = include_str!("../../../../config/helm/sekisho/Chart.yaml");
const APPLICATION: &str = include_str!("../../../../config/argocd/application.yaml");

fn read(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

#[test]
fn the_chart_has_the_version_of_the_program() {
    let chart = read(CHART);
    for key in ["version", "appVersion"] {
        assert_eq!(chart[key], env!("CARGO_PKG_VERSION"), "{key}");
    }
}

#[test]
fn the_application_leads_to_the_chart_and_leaves_the_programs_own_fields_alone() {
    let application = read(APPLICATION);
    let spec = &application["spec"];
    let path = spec["sources"][0]["path"].as_str().unwrap();
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    assert!(std::path::Path::new(&format!("{chart}{path}/Chart.yaml")).is_file());
    let revision = spec["sources"][0]["targetRevision"].as_str().unwrap();
    assert_eq!(revision, concat!("v", env!("CARGO_PKG_VERSION")));
    let ignored = spec["ignoreDifferences"].as_array().unwrap();
    for kind in [
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
    ] {
        let entry = ignored.iter().find(|entry| entry["kind"] == kind).unwrap();
        let fields = entry["jqPathExpressions"].to_string();
        assert!(fields.contains("caBundle"), "{kind}: {fields}");
    }
}
