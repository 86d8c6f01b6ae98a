use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::kit::{Answer, Asked, cluster, until};
use crate::kubernetes::client::denial_events::EventWriter;
use crate::kubernetes::client::{DenialEvents, DeniedPod, KubernetesClient};
use crate::kubernetes::exposure::Owner;
use crate::tasks::Tasks;

type Log = Arc<Mutex<Vec<Asked>>>;

/// Takes every event.
fn accepting() -> (KubernetesClient, Log) {
    let log = Log::default();
    let kept = log.clone();
    let cluster = cluster(move |asked| {
        kept.lock().unwrap().push(asked);
        Answer::Json(json!({"metadata": {"name": "e"}}))
    });
    (cluster, log)
}

fn denied(owner: &str, reason: &str) -> DeniedPod {
    DeniedPod {
        namespace: "shop".to_owned(),
        owner: Owner {
            api_version: "apps/v1".to_owned(),
            kind: "ReplicaSet".to_owned(),
            name: owner.to_owned(),
            uid: format!("uid-of-{owner}"),
        },
        reason: reason.to_owned(),
        message: format!("denied: {reason}"),
    }
}

fn moment(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

#[tokio::test]
async fn notifies_the_owner_by_an_event() {
    let (cluster, log) = accepting();
    let mut writer = EventWriter::new(cluster, Arc::default());
    writer
        .once(&denied("web-7d9f", "not-scanned"), moment(0))
        .await;
    let asked = log.lock().unwrap().pop().unwrap();
    assert_eq!(asked.method, Method::POST);
    assert_eq!(asked.path, "/apis/events.k8s.io/v1/namespaces/shop/events");
    let event = asked.body;
    assert_eq!(event["regarding"]["kind"], "ReplicaSet");
    assert_eq!(event["regarding"]["uid"], "uid-of-web-7d9f");
    assert_eq!(event["note"], "denied: not-scanned");
    assert_eq!(event["type"], "Warning");
    assert_eq!(event["reason"], "PodDenied");
}

#[tokio::test]
async fn updates_the_count_instead_of_a_new_event() {
    let (cluster, log) = accepting();
    let mut writer = EventWriter::new(cluster, Arc::default());
    for second in [0, 1, 2, 61] {
        writer
            .once(&denied("web", "not-scanned"), moment(second))
            .await;
    }
    writer.once(&denied("web", "revoked"), moment(62)).await;
    let log = log.lock().unwrap();
    let methods: Vec<&Method> = log.iter().map(|asked| &asked.method).collect();
    assert_eq!(methods, [Method::POST, Method::PATCH, Method::POST]);
    assert_eq!(log[1].body["series"]["count"], 4);
    let name = log[0].body["metadata"]["name"].as_str().unwrap();
    assert!(log[1].path.ends_with(name), "{}", log[1].path);
}

#[tokio::test]
async fn writes_a_few_events_a_second_and_counts_the_rest() {
    let (cluster, log) = accepting();
    let dropped = Arc::new(AtomicU64::new(0));
    let mut writer = EventWriter::new(cluster, dropped.clone());
    for owner in 0..8 {
        writer
            .once(&denied(&format!("rs-{owner}"), "revoked"), moment(0))
            .await;
    }
    assert_eq!(log.lock().unwrap().len(), 5);
    assert_eq!(dropped.load(Ordering::Relaxed), 3);
    writer.once(&denied("rs-7", "revoked"), moment(1)).await;
    assert_eq!(log.lock().unwrap().len(), 6);
}

#[tokio::test]
async fn an_event_that_was_refused_is_tried_anew() {
    let attempts = Arc::new(AtomicU64::new(0));
    let counted = attempts.clone();
    let refusing = cluster(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Answer::Refused(403, "events are forbidden")
    });
    let dropped = Arc::new(AtomicU64::new(0));
    let mut writer = EventWriter::new(refusing, dropped.clone());
    for second in [0, 1] {
        writer.once(&denied("web", "revoked"), moment(second)).await;
    }
    assert_eq!(attempts.load(Ordering::Relaxed), 2);
    assert_eq!(dropped.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn cuts_a_long_note_between_characters() {
    let (cluster, log) = accepting();
    let mut writer = EventWriter::new(cluster, Arc::default());
    let mut long = denied("web", "too-severe");
    long.message = "é".repeat(2000);
    writer.once(&long, moment(0)).await;
    let asked = log.lock().unwrap().pop().unwrap();
    assert_eq!(asked.body["note"].as_str().unwrap().len(), 1024);
    long.message = format!("x{}", "é".repeat(2000));
    long.reason = "revoked".to_owned();
    writer.once(&long, moment(0)).await;
    let asked = log.lock().unwrap().pop().unwrap();
    assert_eq!(asked.body["note"].as_str().unwrap().len(), 1023);
}

#[tokio::test]
async fn an_api_server_that_hangs_blocks_nothing() {
    let tasks = Tasks::new();
    let denials = DenialEvents::spawn(cluster(|_| Answer::Never), &tasks);
    for owner in 0..600 {
        denials.record(denied(&format!("rs-{owner}"), "revoked"), moment(0));
    }
    until(|| (denials.dropped() >= 300).then_some(())).await;
    tasks.drain(Duration::from_secs(5)).await;
}
