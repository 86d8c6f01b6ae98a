use std::time::Instant;

use futures_util::{FutureExt, poll};

use super::*;
use crate::access::{Principal, Role};
use crate::gate::Listener;
use crate::trust::{Door, Exposure};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn client() -> Client {
    let listener = Listener {
        name: "127.0.0.1:5080".into(),
        environment: EnvironmentName::parse("production").unwrap(),
        exposure: Exposure::External,
        repositories: Vec::new(),
        mirror_of: None,
    };
    Client {
        listener: Arc::new(listener),
        principal: Principal::anonymous(Role::Puller),
        address: None,
    }
}

fn ask<'a>(client: &'a Client, image: &str) -> RequestRecord<'a> {
    RequestRecord {
        door: Door::Registry,
        client,
        place: None,
        image: image.to_owned(),
        repository: None,
        digest: None,
        started: Instant::now(),
        ledger_age_s: None,
    }
}

fn recorder(queue_length: usize) -> (Recorder, mpsc::Receiver<Decision>) {
    let config = RecorderConfig {
        public_url: String::new(),
        every_pass: false,
    };
    Recorder::new(config, Metrics::new(), queue_length)
}

fn denial() -> Denial {
    Denial::new(DenialReason::NotScanned, "no scan", "scan it")
}

async fn deny(recorder: &Recorder, image: &str, now: Timestamp) -> Arc<DenialAnswer> {
    let (client, denial) = (client(), denial());
    let judged = JudgedRequest::refused(&client, &denial, 1);
    let answer = recorder.denied(&ask(&client, image), judged, now).await;
    answer.unwrap()
}

/// The ids and counts of what was written, in order.
fn written(decisions: &mut mpsc::Receiver<Decision>) -> Vec<(String, u64)> {
    let next = || decisions.try_recv().ok();
    std::iter::from_fn(next)
        .map(|decision| (decision.id.as_str().to_owned(), decision.count))
        .collect()
}

#[tokio::test]
async fn a_denial_cancelled_while_the_queue_is_full_is_written_when_it_is_repeated() {
    let (recorder, mut decisions) = recorder(1);
    let first = deny(&recorder, "first", at(0)).await;
    let mut waiting = Box::pin(deny(&recorder, "second", at(0)));
    assert!(poll!(&mut waiting).is_pending());
    drop(waiting);
    assert_eq!(written(&mut decisions), [(first.id().to_string(), 1)]);
    let repeated = deny(&recorder, "second", at(1)).await;
    assert_eq!(written(&mut decisions), [(repeated.id().to_string(), 1)]);
}

#[tokio::test]
async fn two_first_denials_at_once_are_one_decision() {
    let (recorder, mut decisions) = recorder(1);
    deny(&recorder, "other", at(0)).await;
    let mut one = Box::pin(deny(&recorder, "image", at(0)));
    let mut another = Box::pin(deny(&recorder, "image", at(0)));
    assert!(poll!(&mut one).is_pending() && poll!(&mut another).is_pending());
    assert_eq!(written(&mut decisions).len(), 1);
    let one = one.now_or_never().unwrap();
    let written_first = written(&mut decisions);
    let another = another.now_or_never().unwrap();
    assert_eq!(one.id(), another.id());
    assert_eq!(written_first, [(one.id().to_string(), 1)]);
    recorder.close_all().await;
    assert_eq!(written(&mut decisions), [(one.id().to_string(), 2)]);
}

/// The one that came in first is answered second.
#[tokio::test]
async fn a_denial_repeats_for_a_request_that_came_a_little_earlier() {
    let (recorder, mut decisions) = recorder(16);
    let first = deny(&recorder, "image", at(101)).await;
    let second = deny(&recorder, "image", at(100)).await;
    assert_eq!(first.id(), second.id());
    assert_eq!(written(&mut decisions).len(), 1);
}

#[tokio::test]
async fn a_denial_holds_for_its_minute_and_not_long_before_it() {
    let (recorder, mut decisions) = recorder(16);
    let mut ids = Vec::new();
    for second in [100, 159, 160, 99] {
        ids.push(deny(&recorder, "image", at(second)).await.id().to_string());
    }
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[1], ids[2]);
    assert_ne!(ids[2], ids[3]);
    let expected = [
        (ids[0].clone(), 1),
        (ids[0].clone(), 2),
        (ids[2].clone(), 1),
        (ids[3].clone(), 1),
    ];
    let mut found = written(&mut decisions);
    found.sort();
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(found, expected);
}

/// However long the names are, and however many.
#[tokio::test]
async fn open_denials_are_bounded_in_bytes_and_lose_no_count() {
    const LIMIT: u64 = 64 << 10;
    let (mut recorder, mut decisions) = recorder(10_000);
    recorder.denials = OpenDenials::new(LIMIT, recorder.queue.clone());
    let mut given = 0;
    for number in 0..500 {
        let name = format!("{number}{}", "x".repeat(number * 4));
        for image in [name.as_str(), name.as_str(), "asked again and again"] {
            deny(&recorder, image, at(0)).await;
            given += 1;
        }
        assert!(recorder.denials.bytes() <= LIMIT, "{number}");
    }
    recorder.close_all().await;
    assert_eq!(recorder.denials.bytes(), 0);
    let mut counts = BTreeMap::new();
    for (id, count) in written(&mut decisions) {
        let before = counts.insert(id, count);
        assert!(before.is_none_or(|before| before == 1 && count > 1));
    }
    assert_eq!(counts.values().sum::<u64>(), given);
    // What is used most is pushed out last.
    assert_eq!(counts.len(), 501);
}
