//! A real Prometheus scrapes the program: every query of the dashboard finds something, the
//! rules are evaluated, and what clients ask for makes no series.

use std::time::Duration;

use sekisho::demo::Fault;
use serde_json::{Value, json};

use super::webhook::ApiServer;
use crate::admission::door::{pod, review};
use crate::kit::lab::{Ask, Lab, NAME, minutes_ago, trivy, trivy_at};
use crate::lab::{Prometheus, eventually, or_skip};

const DASHBOARD: &str = include_str!("../../../config/grafana/sekisho.json");
const WITHIN: Duration = Duration::from_secs(90);
const DAY_IN_MINUTES: i64 = 24 * 60;

const LISTENERS: &str = "
[[listeners]]
address = \"127.0.0.1:0\"
environment = \"production\"
[[listeners]]
address = \"127.0.0.1:0\"
environment = \"staging\"
[[listeners]]
address = \"127.0.0.1:0\"
environment = \"production\"
tls = \"auto\"
";
const REST: &str = "
[environments.production]
require = [\"scan\"]
grace_for_admitted = \"1h\"
[environments.staging]
mode = \"audit\"
[webhook]
address = \"127.0.0.1:0\"
[[clusters]]
name = \"shop\"
environment = \"production\"
gateway = \"gateway.shop:5080\"
nodes = \"mirror\"
";

/// A gateway that was asked for everything that the dashboard shows.
async fn lab_with_traffic() -> Lab {
    let lab = Lab::with(LISTENERS, REST).await;
    // Goes stale within a day; the forecast of the next start sees it.
    let (image, named) = lab.put("team/old", "1");
    let report = trivy_at(&image, minutes_ago(30 * DAY_IN_MINUTES - 600), &[]);
    lab.submit(&lab.token, &named, &report).await.expect(200);
    assert_eq!(lab.pull(0, "team/old", "1").await.status, 200);
    let lab = lab.restarted().await;
    let left = Fault::With("ratelimit-remaining", "76;w=21600".to_owned());
    lab.upstream.inject("/manifests/", 1, left);
    let (image, named) = lab.put(NAME, "1");
    assert_eq!(lab.pull(0, NAME, "1").await.status, 403);
    assert_eq!(lab.pull(1, NAME, "1").await.status, 200);
    lab.submit(&lab.token, &named, &trivy(&image, &[]))
        .await
        .expect(200);
    assert_eq!(lab.pull(0, NAME, "1").await.status, 200);
    let path = format!(
        "/v2/registry.example/{NAME}/blobs/{}",
        image.layers[0].digest
    );
    let registry = lab.app().registries()[0];
    assert_eq!(Ask::new(registry, "GET", &path).send().await.status, 200);
    revoke(&lab, &named).await;
    assert_eq!(lab.pull(0, NAME, "1").await.status, 403);
    let asked = review(json!({"object": pod(&["quay.io/x"])}));
    let answer = ApiServer::of(&lab).ask("shop/validate", &asked).await;
    assert_eq!(answer.0, 200);
    lab.upstream.inject("", 1000, Fault::Status(503));
    assert_ne!(lab.pull(0, "team/else", "1").await.status, 200);
    lab.upstream.heal();
    lab
}

async fn revoke(lab: &Lab, named: &str) {
    let revoked = lab.api("POST", "/api/v1/revocations");
    let revoked = revoked.json(&json!({"image": named, "reason": "the key leaked"}));
    revoked.send().await.expect(200);
}

/// As Grafana would ask, with the variables of the dashboard.
fn queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().cloned().unwrap_or_default());
    let queries = targets.map(|target| {
        let query = target["expr"].as_str().unwrap().to_owned();
        let query = query.replace("$__rate_interval", "30s");
        query.replace("$environment", ".+")
    });
    queries.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_of_the_dashboard_finds_something() {
    let lab = lab_with_traffic().await;
    let prometheus = or_skip!(Prometheus::scraping(&lab.app().admin().to_string()));
    let queries = queries();
    assert!(queries.len() > 30, "{queries:#?}");
    for query in queries {
        assert!(!query.contains('$'), "{query}");
        eventually(&query, WITHIN, || {
            (!prometheus.query(&query).is_empty()).then_some(())
        });
    }
    let targets = prometheus.targets();
    assert_eq!(
        targets["data"]["activeTargets"][0]["health"], "up",
        "{targets}"
    );
    let firing = "ALERTS{alertname=\"SekishoNewReason\",alertstate=\"firing\"}";
    let firing = prometheus.query(firing);
    let reasons: Vec<&str> = firing
        .iter()
        .filter_map(|series| series["metric"]["reason"].as_str())
        .collect();
    assert!(reasons.contains(&"revoked"), "{firing:?}");
    lab.stop().await;
}

/// As many as a run can afford; any that made a series would show among so many.
const STRANGERS: usize = 2000;

#[tokio::test]
async fn what_clients_ask_for_makes_no_series() {
    let lab = Lab::start().await;
    lab.put(NAME, "1");
    assert_eq!(lab.pull(0, NAME, "1").await.status, 403);
    lab.pull(0, "team/none", "1").await;
    lab.pull(0, "no/upstream.example/x", "1").await;
    let before = series(&lab).await;
    for at in 0..STRANGERS {
        let name = format!("team/none-{at}");
        let path = format!("/v2/registry-{at}.example/{name}/manifests/{at}");
        Ask::new(lab.app().registries()[0], "GET", &path)
            .send()
            .await;
    }
    // Those of the unknown upstream may be the first of their kind.
    let after = series(&lab).await;
    let new: Vec<&String> = after.iter().filter(|it| !before.contains(it)).collect();
    assert!(new.len() < 40, "{new:#?}");
    assert!(!new.iter().any(|it| it.contains("none-")), "{new:#?}");
    assert!(!new.iter().any(|it| it.contains("registry-")), "{new:#?}");
    lab.stop().await;
}

async fn series(lab: &Lab) -> Vec<String> {
    let page = lab.nobody("GET", "/metrics").send().await.text();
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    samples
        .filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned()))
        .collect()
}
