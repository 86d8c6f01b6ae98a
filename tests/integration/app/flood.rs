//! Tens of thousands of images denied in a row: what is counted, written and told of them
//! stays bounded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sekisho::access::{Principal, Role};
use sekisho::gate::{Client, FeedError, FeedReader, FeedStart, Listener};
use sekisho::trust::{Denial, DenialReason, EnvironmentName, Exposure};

use crate::kit::lab::{Lab, NAME};

/// Of so many images no two are the same.
const IMAGES: usize = 100_000;
/// Decisions that the writer takes at once.
const BATCH: usize = 512;

fn client() -> Client {
    Client {
        listener: Arc::new(Listener {
            name: "in process".into(),
            environment: EnvironmentName::parse("production").unwrap(),
            exposure: Exposure::External,
            repositories: Vec::new(),
            mirror_of: None,
        }),
        principal: Principal::anonymous(Role::Puller),
        address: None,
    }
}

/// Denies that many images, each under a name of its own.
async fn deny(lab: &Lab, client: &Client, images: std::ops::Range<usize>) {
    let gate = &lab.parts().gate;
    for at in images {
        let name = format!("flood.example/team-{}/app-{at}:{at}", at % 1000);
        let reason = DenialReason::RegistryNotPermitted;
        let denial = Denial::new(reason, "it is not served", "ask the operator");
        let started = Instant::now();
        gate.refuse_address(client, &name, denial, gate.now(), started)
            .await;
    }
}

fn series(page: &str) -> usize {
    page.lines().filter(|line| !line.starts_with('#')).count()
}

fn value(page: &str, series: &str) -> usize {
    let line = page.lines().find(|line| line.starts_with(series));
    let value = line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    value.unwrap_or_default() as usize
}

/// A busy machine takes its time for so many lines.
const PATIENCE: Duration = Duration::from_secs(120);

async fn written(lab: &Lab) {
    let is_written = async {
        let waits = |page: &str, store: &str| {
            value(
                page,
                &format!("sekisho_decisions_waiting{{store=\"{store}\"}}"),
            ) > 0
        };
        let lines = || {
            let text = std::fs::read(lab.data().join("audit.jsonl")).unwrap();
            text.iter().filter(|byte| **byte == b'\n').count()
        };
        loop {
            let page = lab.parts().metrics.encode();
            if !waits(&page, "audit") && !waits(&page, "ledger") && lines() >= IMAGES {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let written = tokio::time::timeout(PATIENCE, is_written).await;
    written.expect("all is written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_images_add_no_series_and_few_statements_and_drop_who_reads_slowly() {
    let lab = Lab::start().await;
    let (image, _) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    let feed = lab.parts().feed.clone();
    let mut slow = FeedReader::open(&feed, "slow", FeedStart::Now)
        .await
        .unwrap();
    lab.pull(0, NAME, &digest).await.expect(403);
    slow.next().await.unwrap();
    let client = client();
    deny(&lab, &client, 0..1).await;
    let before = lab.parts().metrics.encode();

    deny(&lab, &client, 1..IMAGES).await;
    written(&lab).await;
    let after = lab.parts().metrics.encode();
    assert!(!after.contains("flood.example"), "an image is a label");
    let (before, now) = (series(&before), series(&after));
    assert!(now < before + 200, "{before} series became {now}");
    let statements = value(
        &after,
        "sekisho_ledger_seconds_count{verb=\"record_decisions\"}",
    );
    let most = IMAGES / 100;
    assert!(
        statements < most,
        "{statements} statements of the ledger, {most} at most"
    );
    let unindexed = value(&after, "sekisho_decisions_unindexed_total");
    assert!(
        unindexed + 10 * BATCH > IMAGES,
        "{unindexed} are in the audit log alone"
    );

    // Who did not read is dropped with a word, and comes back behind what it has.
    let dropped = slow.next().await.map(|_| ()).unwrap_err();
    assert!(
        matches!(dropped, FeedError::TooSlow(missed) if missed > 1000),
        "{dropped}"
    );
    assert_eq!(
        value(
            &lab.parts().metrics.encode(),
            "sekisho_feed_readers_dropped_total"
        ),
        1
    );
    let place = FeedStart::Behind(slow.position());
    drop(slow);
    let mut again = FeedReader::open(&feed, "slow", place).await.unwrap();
    let next = again.next().await.unwrap().decision;
    assert!(
        next.image.starts_with("flood.example/team-0/app-0"),
        "{}",
        next.image
    );
    lab.stop().await;
}
