//! Clocks that jump.
//!
//! A process cannot be given another time of day than its machine: there is no namespace for
//! it, and the program is static, so that no library stands between. So that clock steps in the
//! program as it runs in this process, while work goes on. The clock that only goes forward can
//! be another one, in a time namespace.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;

use super::rounds;
use super::site::Site;
use crate::kit::lab::{Lab, NAME, eventually, named, sample, trivy};
use crate::lab::{as_root, installed, or_skip};

/// Environment `staging`, which asks for a scan alone.
const STAGING: usize = 1;
const WORKERS: u64 = 4;
/// Steps in seconds, one after the other; they come back to where they began.
const STEPS: [i64; 10] = [1, -2, 61, -60, 3600, -7200, 108_000, -216_000, 111_599, 1];
/// How far ahead they come at most.
const AHEAD: SignedDuration = SignedDuration::from_hours(32);

/// What was acknowledged, by digest.
#[derive(Default)]
struct Told {
    admitted: Mutex<BTreeSet<String>>,
    revoked: Mutex<BTreeSet<String>>,
    next: AtomicU64,
    over: AtomicBool,
}

async fn is_served(lab: &Lab, digest: &str) -> bool {
    lab.pull(STAGING, NAME, digest).await.status == 200
}

/// Hands in new images, and revokes each second one: from then on it is served at no time.
async fn work(lab: &Lab, told: &Told) {
    while !told.over.load(Ordering::Relaxed) {
        let number = told.next.fetch_add(1, Ordering::Relaxed);
        let image = sample(&format!("image {number}"), "amd64");
        lab.upstream.put_image(NAME, &image);
        let (digest, named) = (
            image.manifest.digest.to_string(),
            named(NAME, &image.manifest.digest),
        );
        let report = trivy(&image, &[]);
        if lab.submit(&lab.token, &named, &report).await.status != 200 {
            continue;
        }
        told.admitted.lock().unwrap().insert(digest.clone());
        is_served(lab, &digest).await;
        if number.is_multiple_of(2) {
            continue;
        }
        let revoke = lab.api("POST", "/api/v1/revocations");
        let revoke = revoke.json(&json!({"image": named, "reason": "leaks a key"}));
        if revoke.send().await.status == 200 {
            told.admitted.lock().unwrap().remove(&digest);
            told.revoked.lock().unwrap().insert(digest.clone());
            assert!(!is_served(lab, &digest).await, "{digest}");
        }
    }
}

async fn step(lab: &Lab, told: &Told) {
    for _ in 0..rounds() {
        for seconds in STEPS {
            lab.advance(SignedDuration::from_secs(seconds));
            tokio::time::sleep(Duration::from_millis(20)).await;
            let revoked = told.revoked.lock().unwrap().clone();
            for digest in revoked.iter().rev().take(3) {
                assert!(!is_served(lab, digest).await, "{digest}");
            }
        }
    }
    told.over.store(true, Ordering::Relaxed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_steps_under_way_loses_nothing_and_serves_nothing_revoked() {
    assert_eq!(STEPS.iter().sum::<i64>(), 0);
    let (lab, told) = (Lab::start().await, Told::default());
    let workers = (0..WORKERS).map(|_| work(&lab, &told));
    tokio::join!(futures_util::future::join_all(workers), step(&lab, &told));
    // Nothing holds before it was made: so the clock passes the latest that it was.
    lab.advance_long(AHEAD).await;
    let (admitted, revoked) = (told.admitted.into_inner(), told.revoked.into_inner());
    let (admitted, revoked) = (admitted.unwrap(), revoked.unwrap());
    assert!(!admitted.is_empty() && !revoked.is_empty());
    for digest in &admitted {
        assert!(is_served(&lab, digest).await, "{digest}");
    }
    for digest in &revoked {
        let denied = lab.pull(STAGING, NAME, digest).await;
        assert!(denied.text().contains("revoked"), "{}", denied.text());
    }
    eventually("it is well", || async {
        lab.api("GET", "/readyz").send().await.value()["degraded"] == json!([])
    })
    .await;
    let ended = lab.ended().await;
    let log = ended.data().join("audit.jsonl");
    let found = sekisho::audit::check_log(&log, &[], |_, _| {}).unwrap();
    assert_eq!(found.faults, [], "{found:?}");
}

/// Since the machine began, in seconds: a moment, and thirty years.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_began_just_now_or_long_ago_is_served_alike() {
    or_skip!(as_root());
    let unshare = or_skip!(installed("unshare"));
    let up = std::fs::read_to_string("/proc/uptime").unwrap();
    let up: f64 = up.split(' ').next().unwrap().parse().unwrap();
    for offset in [1 - up as i64, 30 * 365 * 24 * 3600] {
        let elsewhen = |_: &Path| {
            let mut command = Command::new(&unshare);
            let offset = offset.to_string();
            command.args(["--time", "--monotonic", &offset, "--boottime", &offset]);
            command.arg(env!("CARGO_BIN_EXE_sekisho"));
            command
        };
        let mut site = Site::start("", elsewhen).await;
        site.work(3).await;
        site.recovers().await;
        site.served.signal("TERM");
        assert_eq!(site.served.ended().await, Some(0), "{}", site.log());
    }
}
