//! Traces by OTLP: the spans of a pull are those of the line that it walks.

use std::path::Path;

use sekisho::demo::DemoRegistry;
use sekisho::tasks::Tasks;
use tempfile::TempDir;

use super::served::Served;
use crate::kit::collector::{Collector, Seen};
use crate::kit::lab::{Answer, Ask, NAME, config, eventually, named, sample};
use crate::kit::receiver::Receiver;

/// A trace of somebody else's.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

async fn serve(folder: &Path, origin: &str, keys: [&str; 2], rest: &str) -> Served {
    let [listener, upstream] = keys;
    let listener = format!(
        "[[listeners]]\naddress = \"127.0.0.1:0\"\nenvironment = \"production\"\n{listener}\n"
    );
    let rest = format!("{upstream}\n[environments.production]\nrequire = [\"scan\"]\n{rest}");
    let file = folder.join("sekisho.toml");
    std::fs::write(&file, config(origin, &listener, &rest)).unwrap();
    Served::start(folder, &["serve", "--config", file.to_str().unwrap()]).await
}

fn ask(served: &Served, rest: &str) -> Ask {
    let path = format!("/v2/registry.example/{NAME}/{rest}");
    Ask::new(served.registry, "GET", &path).header("traceparent", &format!("00-{TRACE}-{SPAN}-01"))
}

/// The one trace of a pull of that image, once `last` has come.
async fn trace(collector: &Collector, image: &str, last: &str) -> Vec<Seen> {
    let has = |trace: &Vec<Seen>| trace.iter().any(|it| it.name == last);
    let found = || {
        collector
            .traces_with("image.name", image)
            .into_iter()
            .find(has)
    };
    eventually("the trace is collected", || async { found().is_some() }).await;
    found().unwrap()
}

/// Each span with its parent, as `parent > span`.
fn line(trace: &[Seen]) -> Vec<String> {
    let pair = |it: &Seen| format!("{} > {}", it.parent.as_deref().unwrap_or("-"), it.name);
    let mut pairs: Vec<String> = trace.iter().map(pair).collect();
    pairs.sort();
    pairs.dedup();
    pairs
}

fn span<'a>(trace: &'a [Seen], name: &str) -> &'a Seen {
    trace.iter().find(|it| it.name == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_spans_of_a_cold_pull_and_of_a_denied_one_are_the_line_that_they_walk() {
    let (tasks, folder) = (Tasks::new(), TempDir::new().unwrap());
    let (registry, collector) = (
        DemoRegistry::start(&tasks).await.unwrap(),
        Collector::start().await,
    );
    let (image, other) = (sample("traced", "amd64"), sample("unscanned", "amd64"));
    registry.put_image(NAME, &image);
    registry.put_image(NAME, &other);
    let rest = format!("[telemetry]\notlp = \"{}\"\n", collector.origin);
    let served = serve(folder.path(), &registry.origin(), ["", ""], &rest).await;

    let denied: Answer = ask(&served, &format!("manifests/{}", other.manifest.digest))
        .send()
        .await;
    assert_eq!(denied.status, 403);
    let name = named(NAME, &other.manifest.digest);
    let walked = trace(&collector, &name, "request").await;
    assert_eq!(
        line(&walked),
        [
            "- > request",
            "check > closures",
            "check > evidence",
            "closures > upstream request",
            "pull > check",
            "pull > limits",
            "pull > permit",
            "pull > resolve",
            "request > pull",
        ]
    );
    let pull = span(&walked, "pull");
    assert_eq!(pull.said["outcome"], "denied");
    assert_eq!(pull.said["denial.reason"], "not-scanned");
    let told = String::from_utf8(denied.body.clone()).unwrap();
    assert!(told.contains(&pull.said["decision.id"]), "{told}");
    let request = span(&walked, "request");
    assert_eq!(request.said["http.response.status_code"], "403");
    // What a client says of its trace counts for nothing, unless the listener says so.
    assert_ne!(request.trace_id, TRACE);

    served.admit(folder.path(), &image).await;
    let pulled = ask(&served, &format!("manifests/{}", image.manifest.digest))
        .send()
        .await;
    assert_eq!(pulled.status, 200);
    let name = named(NAME, &image.manifest.digest);
    let walked = line(&trace(&collector, &name, "request").await);
    for part in ["limits", "resolve", "check", "permit", "serve"] {
        assert!(walked.contains(&format!("pull > {part}")), "{walked:?}");
    }
    let layer = &image.layers[0].digest;
    let pulled = ask(&served, &format!("blobs/{layer}")).send().await;
    assert_eq!(pulled.status, 200);
    let walked = trace(&collector, &named(NAME, layer), "request").await;
    assert_eq!(
        line(&walked),
        [
            "- > request",
            "fill > upstream request",
            "pull > limits",
            "pull > permit",
            "pull > serve",
            "request > pull",
            "serve > fill",
        ]
    );
    assert_eq!(span(&walked, "pull").said["outcome"], "served");
    assert!(collector.services().iter().all(|it| it == "sekisho"));
    // The log is what it is without traces.
    let log = std::fs::read_to_string(folder.path().join("log-3")).unwrap();
    assert!(
        log.contains("\"name\":\"request\"") && !log.contains("\"name\":\"pull\""),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_goes_on_from_a_client_and_to_a_registry_only_where_both_are_told_to() {
    let folder = TempDir::new().unwrap();
    let (upstream, collector) = (Receiver::start().await, Collector::start().await);
    upstream.answer(404);
    let rest = format!("[telemetry]\notlp = \"{}/\"\n", collector.origin);
    let keys = ["traceparent = true", "traceparent = true"];
    let served = serve(folder.path(), &upstream.origin, keys, &rest).await;
    ask(&served, "manifests/1").send().await.expect(404);
    let name = format!("registry.example/{NAME}:1");
    let walked = trace(&collector, &name, "request").await;
    let request = span(&walked, "request");
    assert_eq!((&*request.trace_id, &*request.parent_id), (TRACE, SPAN));
    let told = upstream.received();
    let told: Vec<&str> = told
        .iter()
        .map(|it| it.headers["traceparent"].to_str().unwrap())
        .collect();
    assert!(
        !told.is_empty()
            && told
                .iter()
                .all(|it| it.starts_with(&format!("00-{TRACE}-"))),
        "{told:?}"
    );
    assert!(told.iter().all(|it| !it.contains(SPAN)), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_fails_costs_no_pull_and_shows() {
    let folder = TempDir::new().unwrap();
    let (upstream, collector) = (Receiver::start().await, Collector::start().await);
    upstream.answer(404);
    collector.answer(503);
    let rest = format!("[telemetry]\notlp = \"{}\"\n", collector.origin);
    let served = serve(folder.path(), &upstream.origin, ["", ""], &rest).await;
    let shown = async |result: &str| {
        let page = Ask::new(served.admin, "GET", "/metrics").send().await;
        let page = String::from_utf8(page.body).unwrap();
        page.contains(&format!("sekisho_spans_total{{result=\"{result}\"}}"))
    };
    ask(&served, "manifests/1").send().await.expect(404);
    eventually("the failure is counted", || shown("failed")).await;
    assert!(!shown("sent").await);
    // Nobody is told of a trace who was not named.
    assert!(
        upstream
            .received()
            .iter()
            .all(|it| !it.headers.contains_key("traceparent"))
    );
    collector.answer(200);
    ask(&served, "manifests/2").send().await.expect(404);
    eventually("they are taken again", || shown("sent")).await;
}
