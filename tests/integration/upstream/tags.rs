//! The memory of tags: one flight, a time to live, and outages.

use std::time::Duration;

use futures_util::future::join_all;
use http::Method;
use jiff::Timestamp;
use sekisho::demo::{Fault, RequestKind};
use sekisho::upstream::{TagMemory, UpstreamError};

use super::setting::{NAME, Setting, image, name, tag};

const START: Timestamp = Timestamp::UNIX_EPOCH;

fn at(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

async fn setting() -> (Setting, TagMemory) {
    let setting = Setting::open().await;
    let memory = TagMemory::new(setting.upstream(), setting.tasks.clone());
    (setting, memory)
}

fn heads(setting: &Setting) -> usize {
    setting.registry.count(&Method::HEAD, RequestKind::Manifest)
}

/// Waits for the tasks of the memory; the setting serves no more after it.
async fn settle(setting: &Setting, count: usize) {
    while heads(setting) < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn believes_a_tag_for_half_its_time_without_asking() {
    let (setting, memory) = setting().await;
    assert_eq!(memory.known(&name(), &tag("1.0"), at(0)), None);
    for seconds in [0, 1, 29] {
        let found = memory
            .resolve(&name(), &tag("1.0"), at(seconds))
            .await
            .unwrap();
        assert_eq!(found.head.digest, setting.image.manifest.digest);
        assert_eq!((found.age.as_secs(), found.stale), (seconds, false));
        assert_eq!(memory.known(&name(), &tag("1.0"), at(seconds)), Some(found));
    }
    assert_eq!(heads(&setting), 1);
}

#[tokio::test]
async fn many_who_ask_share_one_flight() {
    let (setting, memory) = setting().await;
    let hold = setting.registry.hold("/manifests/");
    let (one, reference) = (name(), tag("1.0"));
    let asks = join_all((0..50).map(|_| memory.resolve(&one, &reference, START)));
    let release = async {
        hold.arrived().await;
        hold.release();
    };
    let (found, ()) = tokio::join!(asks, release);
    assert!(found.iter().all(Result::is_ok));
    assert_eq!(setting.registry.total(), 1);
}

#[tokio::test]
async fn a_flight_goes_on_when_its_first_asker_leaves() {
    let (setting, memory) = setting().await;
    let hold = setting.registry.hold("/manifests/");
    let (one, reference) = (name(), tag("1.0"));
    let mut first = Box::pin(memory.resolve(&one, &reference, START));
    tokio::select! {
        _ = &mut first => panic!("it is held"),
        () = hold.arrived() => {}
    }
    let second = memory.resolve(&one, &reference, START);
    tokio::pin!(second);
    assert!(futures_util::poll!(&mut second).is_pending());
    drop(first);
    hold.release();
    assert!(second.await.is_ok());
    assert_eq!(setting.registry.total(), 1);
}

#[tokio::test]
async fn refreshes_in_the_background_at_half_its_time() {
    let (setting, memory) = setting().await;
    let old = memory.resolve(&name(), &tag("1.0"), at(0)).await.unwrap();
    let moved = image("moved");
    setting.registry.put_image(NAME, &moved);
    setting.registry.tag(NAME, "1.0", &moved.manifest.digest);
    assert_eq!(memory.known(&name(), &tag("1.0"), at(30)), None);
    for _ in 0..3 {
        let found = memory.resolve(&name(), &tag("1.0"), at(30)).await.unwrap();
        assert_eq!(found.head, old.head, "nobody waits for the refresh");
    }
    settle(&setting, 2).await;
    let digest = loop {
        let found = memory.known(&name(), &tag("1.0"), at(31)).unwrap();
        if found.head != old.head {
            break found.head.digest;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(digest, moved.manifest.digest);
    assert_eq!(heads(&setting), 2, "one refresh for all");
}

#[tokio::test]
async fn waits_for_the_upstream_when_the_time_has_run_out() {
    let (setting, memory) = setting().await;
    memory.resolve(&name(), &tag("1.0"), at(0)).await.unwrap();
    let moved = image("moved");
    setting.registry.put_image(NAME, &moved);
    setting.registry.tag(NAME, "1.0", &moved.manifest.digest);
    let found = memory.resolve(&name(), &tag("1.0"), at(60)).await.unwrap();
    assert_eq!(
        (found.head.digest, found.stale),
        (moved.manifest.digest, false)
    );
}

#[tokio::test]
async fn gives_the_stale_digest_while_the_upstream_is_down() {
    let (setting, memory) = setting().await;
    memory.resolve(&name(), &tag("1.0"), at(0)).await.unwrap();
    for status in [503, 429] {
        setting
            .registry
            .inject("/manifests/", 4, Fault::Status(status));
        let found = memory.resolve(&name(), &tag("1.0"), at(90)).await.unwrap();
        assert!(
            found.stale && found.age == Duration::from_secs(90),
            "{found:?}"
        );
        assert_eq!(memory.known(&name(), &tag("1.0"), at(90)), None);
    }
    let page = setting.metrics.encode();
    assert!(
        page.contains("sekisho_stale_tags_total{upstream=\"registry.test\"} 2"),
        "{page}"
    );
}

#[tokio::test]
async fn an_upstream_that_refuses_us_is_not_an_outage() {
    let (setting, memory) = setting().await;
    memory.resolve(&name(), &tag("1.0"), at(0)).await.unwrap();
    setting
        .registry
        .inject("/manifests/", 2, Fault::Status(403));
    let found = memory.resolve(&name(), &tag("1.0"), at(60)).await;
    assert_eq!(found, Err(UpstreamError::Forbidden));
}

#[tokio::test]
async fn forgets_a_tag_that_is_gone_and_believes_its_absence_briefly() {
    let (setting, memory) = setting().await;
    memory.resolve(&name(), &tag("1.0"), at(0)).await.unwrap();
    setting.registry.delete(NAME, "1.0");
    for seconds in [60, 61, 69] {
        let found = memory.resolve(&name(), &tag("1.0"), at(seconds)).await;
        assert_eq!(found, Err(UpstreamError::NotFound));
        assert_eq!(memory.known(&name(), &tag("1.0"), at(seconds)), None);
    }
    assert_eq!(heads(&setting), 2, "asked once in ten seconds");
    setting
        .registry
        .tag(NAME, "1.0", &setting.image.manifest.digest);
    assert!(memory.resolve(&name(), &tag("1.0"), at(70)).await.is_ok());
}

#[tokio::test]
async fn remembers_whether_a_digest_is_still_there() {
    let (setting, memory) = setting().await;
    let digest = setting.by_digest();
    assert!(memory.resolve(&name(), &digest, at(0)).await.is_ok());
    setting.registry.delete(NAME, &digest.to_string());
    assert!(memory.resolve(&name(), &digest, at(59)).await.is_ok());
    let gone = memory.resolve(&name(), &digest, at(120)).await;
    assert_eq!(gone, Err(UpstreamError::NotFound));
}

#[tokio::test]
async fn two_upstreams_never_share_a_tag() {
    let (one, memory) = setting().await;
    let (other, second) = setting().await;
    let moved = image("other");
    other.registry.put_image(NAME, &moved);
    other.registry.tag(NAME, "1.0", &moved.manifest.digest);
    let first = memory.resolve(&name(), &tag("1.0"), START).await.unwrap();
    let second = second.resolve(&name(), &tag("1.0"), START).await.unwrap();
    assert_eq!(first.head.digest, one.image.manifest.digest);
    assert_eq!(second.head.digest, moved.manifest.digest);
}

/// Bypass 33: what was learnt while the clock was ahead.
#[tokio::test]
async fn a_tag_is_not_believed_before_it_was_learnt() {
    let (setting, memory) = setting().await;
    memory.resolve(&name(), &tag("1.0"), at(500)).await.unwrap();
    let moved = image("moved");
    setting.registry.put_image(NAME, &moved);
    setting.registry.tag(NAME, "1.0", &moved.manifest.digest);
    assert_eq!(memory.known(&name(), &tag("1.0"), at(10)), None);
    let found = memory.resolve(&name(), &tag("1.0"), at(10)).await.unwrap();
    assert_eq!(found.head.digest, moved.manifest.digest);
    setting.registry.delete(NAME, "1.0");
    let gone = memory.resolve(&name(), &tag("1.0"), at(500)).await;
    assert_eq!(gone, Err(UpstreamError::NotFound));
    setting.registry.tag(NAME, "1.0", &moved.manifest.digest);
    assert!(memory.resolve(&name(), &tag("1.0"), at(10)).await.is_ok());
}

#[tokio::test]
async fn tags_are_bounded_in_bytes_and_the_least_recently_used_is_forgotten() {
    let mut setting = Setting::open().await;
    setting.config.tag_memory = 16 << 10;
    let memory = TagMemory::new(setting.upstream(), setting.tasks.clone());
    let names: Vec<_> = (0..200).map(|number| tag(&format!("v{number}"))).collect();
    for tag in &names {
        let digest = &setting.image.manifest.digest;
        setting.registry.tag(NAME, &tag.to_string(), digest);
        memory.resolve(&name(), tag, at(0)).await.unwrap();
        assert!(memory.known(&name(), &names[0], at(0)).is_some(), "{tag}");
    }
    assert_eq!(memory.known(&name(), &names[1], at(0)), None);
    assert_eq!(memory.last_known(&name(), &names[1]), None);
    assert!(memory.known(&name(), &names[199], at(0)).is_some());
    // What does not exist has a memory of its own.
    for number in 0..200 {
        let absent = tag(&format!("absent-{number}"));
        let found = memory.resolve(&name(), &absent, at(0)).await;
        assert_eq!(found, Err(UpstreamError::NotFound));
    }
    assert!(memory.known(&name(), &names[0], at(0)).is_some());
}

#[tokio::test]
async fn a_known_tag_waits_for_no_silent_upstream_and_the_question_goes_on() {
    let (setting, memory) = setting().await;
    let old = memory.resolve(&name(), &tag("1.0"), at(0)).await.unwrap();
    let moved = image("moved");
    setting.registry.put_image(NAME, &moved);
    setting.registry.tag(NAME, "1.0", &moved.manifest.digest);
    let hold = setting.registry.hold("/manifests/");
    let begun = std::time::Instant::now();
    for _ in 0..10 {
        let found = memory.resolve(&name(), &tag("1.0"), at(90)).await.unwrap();
        assert!(found.stale && found.head == old.head, "{found:?}");
    }
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "one wait for all"
    );
    assert_eq!(heads(&setting), 2, "one question for all");
    hold.release();
    let digest = loop {
        if let Some(found) = memory.known(&name(), &tag("1.0"), at(91)) {
            break found.head.digest;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(digest, moved.manifest.digest, "its answer is remembered");
    assert_eq!(heads(&setting), 2);
}

#[tokio::test]
async fn who_has_another_answer_waits_for_no_silent_upstream_either() {
    let (setting, memory) = setting().await;
    let hold = setting.registry.hold("/manifests/");
    let found = memory.resolve_soon(&name(), &tag("1.0"), at(0)).await;
    assert!(found.unwrap_err().is_transient());
    hold.release();
    while memory.known(&name(), &tag("1.0"), at(0)).is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(heads(&setting), 1, "the question went on");
    let found = memory.resolve_soon(&name(), &tag("1.0"), at(0)).await;
    assert_eq!(found.unwrap().head.digest, setting.image.manifest.digest);
}
