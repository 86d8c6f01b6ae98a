//! Failures, back-off, cool-down and budget.

use std::time::Duration;

use http::Method;
use sekisho::demo::{Fault, RequestKind};
use sekisho::metrics::UpstreamCause;
use sekisho::replica_count::ReplicaCount;
use sekisho::upstream::{CoolDown, Network, Upstream, UpstreamError};
use tokio::time::Instant;

use super::setting::{Setting, name, tag};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn tries_again_after_passing_failures() {
    let setting = Setting::open().await;
    let upstream = setting.upstream();
    for status in [408, 429, 500, 502, 503, 504] {
        setting.registry.forget();
        setting
            .registry
            .inject("/manifests/", 3, Fault::Status(status));
        let head = upstream.head_manifest(&name(), &tag("1.0")).await;
        assert!(head.is_ok(), "{status}: {head:?}");
        assert_eq!(setting.registry.total(), 4, "{status}");
    }
}

#[tokio::test]
async fn gives_up_after_its_tries() {
    let setting = Setting::open().await;
    let upstream = setting.upstream();
    setting
        .registry
        .inject("/manifests/", 4, Fault::Status(503));
    let head = upstream.head_manifest(&name(), &tag("1.0")).await;
    let detail = "it answers 503".into();
    assert_eq!(
        head,
        Err(UpstreamError::Unavailable {
            cause: UpstreamCause::ServerError,
            retry_after: None,
            detail
        })
    );
    setting
        .registry
        .inject("/manifests/", 4, Fault::Status(429));
    let head = upstream.head_manifest(&name(), &tag("1.0")).await;
    assert_eq!(head, Err(UpstreamError::RateLimited { retry_after: None }));
    assert_eq!(setting.registry.total(), 8);
}

#[tokio::test]
async fn waits_as_long_as_the_upstream_asks() {
    let setting = Setting::open().await;
    let limited = Fault::RateLimited(1);
    setting.registry.inject("/manifests/", 1, limited);
    let begun = Instant::now();
    let head = setting.upstream().head_manifest(&name(), &tag("1.0")).await;
    assert!(head.is_ok() && begun.elapsed() >= SECOND);
}

#[tokio::test]
async fn one_who_wants_to_be_left_alone_for_long_is_not_asked_before() {
    let mut setting = Setting::open().await;
    setting.config.retries.max_pause = SECOND;
    let upstream = setting.upstream();
    let limited = Fault::RateLimited(2);
    setting.registry.inject("/manifests/", 1, limited);
    let begun = Instant::now();
    let head = async || upstream.head_manifest(&name(), &tag("1.0")).await;
    let retry_after = Some(2 * SECOND);
    let limited = Err(UpstreamError::RateLimited { retry_after });
    assert_eq!(head().await.map(drop), limited);
    let other = upstream.head_manifest(&name(), &tag("other")).await;
    let rest = other.unwrap_err().retry_after().unwrap();
    assert!(rest > SECOND && rest <= 2 * SECOND, "{rest:?}");
    assert!(begun.elapsed() < SECOND, "it answers at once");
    assert_eq!(setting.registry.total(), 1, "it was asked once");
    // Another kind of call goes on.
    let blob = upstream
        .has_blob(&name(), &setting.layer(), setting.size())
        .await;
    assert_eq!(blob, Ok(()));
    tokio::time::sleep(2 * SECOND).await;
    assert!(head().await.is_ok());
}

#[tokio::test]
async fn does_not_wait_beyond_its_deadline() {
    let mut setting = Setting::open().await;
    setting.config.retries.max_pause = 3600 * SECOND;
    setting
        .registry
        .inject("/manifests/", 1, Fault::RateLimited(1000));
    let head = setting.upstream().head_manifest(&name(), &tag("1.0")).await;
    // As long as the host is left alone, whatever it asks for.
    let retry_after = Some(600 * SECOND);
    assert_eq!(head, Err(UpstreamError::RateLimited { retry_after }));
    assert_eq!(setting.registry.total(), 1);
}

#[tokio::test]
async fn never_tries_again_what_is_final() {
    let setting = Setting::open().await;
    let upstream = setting.upstream();
    for (status, count) in [(401, 1), (403, 2), (404, 3), (409, 4), (501, 5)] {
        setting
            .registry
            .inject("/manifests/", 1, Fault::Status(status));
        assert!(upstream.get_manifest(&name(), &tag("1.0")).await.is_err());
        assert_eq!(setting.registry.total(), count, "{status}");
    }
}

#[tokio::test]
async fn leaves_a_failing_upstream_alone_for_a_while() {
    let mut setting = Setting::open().await;
    setting.config.cool_down = CoolDown {
        after: 2,
        first: 40 * SECOND,
        max: 60 * SECOND,
    };
    let upstream = setting.upstream();
    setting
        .registry
        .inject("/manifests/", 2, Fault::Status(503));
    for _ in 0..3 {
        let head = upstream.head_manifest(&name(), &tag("1.0")).await;
        let rest = head.unwrap_err().retry_after().unwrap();
        assert!(rest > 30 * SECOND && rest <= 40 * SECOND, "{rest:?}");
    }
    assert_eq!(setting.registry.total(), 2, "the rest failed fast");
}

#[tokio::test]
async fn asks_again_when_the_cool_down_is_over() {
    let mut setting = Setting::open().await;
    setting.config.cool_down = CoolDown {
        after: 1,
        first: Duration::from_millis(20),
        max: SECOND,
    };
    setting.config.retries.tries = 1;
    let upstream = setting.upstream();
    setting
        .registry
        .inject("/manifests/", 1, Fault::Status(503));
    let failed = upstream.head_manifest(&name(), &tag("1.0")).await;
    assert!(failed.is_err());
    while let Err(error) = upstream.head_manifest(&name(), &tag("1.0")).await {
        tokio::time::sleep(error.retry_after().unwrap()).await;
    }
    assert_eq!(setting.registry.total(), 2);
}

#[tokio::test]
async fn one_broken_page_does_not_condemn_the_upstream() {
    let mut setting = Setting::open().await;
    setting.config.cool_down.after = 1;
    let upstream = setting.upstream();
    // HEAD once, and GET as often as it is tried.
    setting
        .registry
        .inject("/manifests/", 5, Fault::Status(500));
    assert!(upstream.head_manifest(&name(), &tag("1.0")).await.is_err());
    assert!(upstream.head_manifest(&name(), &tag("1.0")).await.is_ok());
}

#[tokio::test]
async fn a_silent_upstream_is_given_up_in_time() {
    let mut setting = Setting::open().await;
    setting.config.timeouts.head = Duration::from_millis(200);
    setting.config.retries.tries = 2;
    let hold = setting.registry.hold("/manifests/");
    let head = setting.upstream().head_manifest(&name(), &tag("1.0")).await;
    assert!(
        matches!(head, Err(UpstreamError::Unavailable { .. })),
        "{head:?}"
    );
    assert_eq!(setting.registry.total(), 2);
    hold.release();
}

#[tokio::test]
async fn a_manifest_that_trickles_is_given_up_in_time() {
    let mut setting = Setting::open().await;
    setting.config.timeouts.call = Duration::from_millis(100);
    let slow = Fault::Slow(1, Duration::from_millis(20));
    setting.registry.inject("/manifests/", usize::MAX, slow);
    let fetched = setting.upstream().get_manifest(&name(), &tag("1.0")).await;
    assert!(
        matches!(fetched, Err(UpstreamError::Unavailable { .. })),
        "{fetched:?}"
    );
}

#[tokio::test]
async fn no_more_calls_at_once_than_its_budget() {
    let mut setting = Setting::open().await;
    setting.config.max_concurrent = 2;
    let (upstream, hold) = (setting.upstream(), setting.registry.hold("/manifests/"));
    let calls = (0..5).map(|_| {
        let upstream = upstream.clone();
        async move { upstream.head_manifest(&name(), &tag("1.0")).await }
    });
    let watch = async {
        hold.arrived().await;
        hold.arrived().await;
        // Another repository's call would have to wait as well.
        assert_eq!(
            setting.registry.count(&Method::HEAD, RequestKind::Manifest),
            2
        );
        hold.release();
    };
    let (outcomes, ()) = tokio::join!(futures_util::future::join_all(calls), watch);
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
}

/// Each counts the replicas by itself.
#[tokio::test]
async fn calls_of_all_replicas_together_keep_to_the_budget_and_it_is_shared_anew_when_one_ends() {
    let mut setting = Setting::open().await;
    setting.config.max_concurrent = 6;
    let replica = || {
        let replicas = ReplicaCount::default();
        let mut config = setting.config.clone();
        config.replicas = replicas.clone();
        let network = Network::from_system().unwrap();
        let upstream = Upstream::new(config, &network, setting.metrics.clone()).unwrap();
        (replicas, upstream)
    };
    let replicas = [replica(), replica(), replica()];
    for (living, share) in [(3, 2), (2, 3), (1, 6)] {
        setting.registry.forget();
        let hold = setting.registry.hold("/manifests/");
        let living = &replicas[..living];
        let calls = living.iter().flat_map(|(count, upstream)| {
            count.set(u32::try_from(living.len()).unwrap());
            (0..10).map(|_| async { upstream.head_manifest(&name(), &tag("1.0")).await })
        });
        let watch = async {
            for _ in 0..living.len() * share {
                hold.arrived().await;
            }
            // One more would come now.
            tokio::time::sleep(Duration::from_millis(50)).await;
            let arrived = setting.registry.total();
            assert_eq!(arrived, living.len() * share);
            assert!(arrived <= setting.config.max_concurrent);
            hold.release();
        };
        let (outcomes, ()) = tokio::join!(futures_util::future::join_all(calls), watch);
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    }
}

#[tokio::test]
async fn transfers_do_not_hold_up_short_calls() {
    let mut setting = Setting::open().await;
    setting.config.max_concurrent = 1;
    setting.config.timeouts.call = SECOND;
    let upstream = setting.upstream();
    let body = upstream
        .get_blob(&name(), &setting.layer(), setting.size(), 0)
        .await
        .unwrap();
    assert!(upstream.head_manifest(&name(), &tag("1.0")).await.is_ok());
    drop(body);
    assert!(
        upstream
            .get_blob(&name(), &setting.layer(), setting.size(), 0)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_transfer_waits_for_its_turn_for_longer_than_a_call_may_take() {
    let mut setting = Setting::open().await;
    setting.config.max_concurrent = 1;
    setting.config.timeouts.call = SECOND / 5;
    let upstream = setting.upstream();
    let (layer, size) = (setting.layer(), setting.size());
    let (at, before) = (name(), upstream.get_blob(&name(), &layer, size, 0).await);
    let next = upstream.get_blob(&at, &layer, size, 0);
    let ends = async {
        tokio::time::sleep(SECOND / 2).await;
        drop(before.unwrap());
    };
    let (next, ()) = tokio::join!(next, ends);
    assert!(next.is_ok(), "{:?}", next.err());
}

#[tokio::test]
async fn neither_transfers_nor_calls_hold_up_what_judgement_reads() {
    let mut setting = Setting::open().await;
    setting.config.max_concurrent = 1;
    setting.config.timeouts.call = SECOND;
    let upstream = setting.upstream();
    let layer = upstream
        .get_blob(&name(), &setting.layer(), setting.size(), 0)
        .await;
    let _layer = layer.unwrap();
    let judging = upstream.judging();
    assert!(judging.get_manifest(&name(), &tag("1.0")).await.is_ok());
    assert!(
        judging
            .get_blob(&name(), &setting.layer(), setting.size(), 0)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_unavailable() {
    let mut setting = Setting::open().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = listener.local_addr().unwrap();
    drop(listener);
    setting.config.url = format!("http://{gone}").parse().unwrap();
    let head = setting.upstream().head_manifest(&name(), &tag("1.0")).await;
    let detail = "it cannot be connected to".into();
    assert_eq!(
        head,
        Err(UpstreamError::Unavailable {
            cause: UpstreamCause::Unreachable,
            retry_after: None,
            detail
        })
    );
}

#[tokio::test]
async fn counts_requests_and_remembers_what_is_left() {
    let setting = Setting::open().await;
    let left = Fault::With("ratelimit-remaining", "76;w=21600".to_owned());
    setting.registry.inject("/manifests/", 1, left);
    let upstream = setting.upstream();
    let _ = upstream.head_manifest(&name(), &tag("1.0")).await;
    let _ = upstream.get_manifest(&name(), &tag("none")).await;
    let page = setting.metrics.encode();
    for line in [
        "sekisho_upstream_requests_total{upstream=\"registry.test\",method=\"HEAD\",status=\"200\"} 1",
        "sekisho_upstream_requests_total{upstream=\"registry.test\",method=\"GET\",status=\"404\"} 1",
        "sekisho_upstream_rate_limit_remaining{upstream=\"registry.test\"} 76",
        "sekisho_upstream_seconds_count 2",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
}
