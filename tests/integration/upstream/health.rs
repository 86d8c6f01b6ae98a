//! What fails is left alone by itself: a page, a repository, a host, each by kind of call.

use std::time::Duration;

use http::Method;
use sekisho::demo::{DemoRegistry, Fault, RequestKind, SampleImage};
use sekisho::metrics::UpstreamCause;
use sekisho::oci::{Reference, RepositoryName, Tag};
use sekisho::upstream::{CoolDown, Upstream, UpstreamCondition, UpstreamError};
use tokio::time::Instant;

use super::setting::{NAME, Setting, hosts, image, name};

/// Leaves alone after two failures, for longer than a test lasts.
async fn setting() -> Setting {
    let mut setting = Setting::open().await;
    setting.config.cool_down = CoolDown {
        after: 2,
        first: Duration::from_secs(300),
        max: Duration::from_secs(300),
    };
    setting
}

fn put(registry: &DemoRegistry, name: &str) -> SampleImage {
    let image = image(name);
    registry.put_image(name, &image);
    registry.tag(name, "1", &image.manifest.digest);
    image
}

async fn head(upstream: &Upstream, name: &str) -> Result<(), UpstreamError> {
    let name = RepositoryName::parse(name).unwrap();
    let tag = Reference::Tag(Tag::parse("1").unwrap());
    upstream.head_manifest(&name, &tag).await.map(drop)
}

fn is_left_alone(outcome: &Result<(), UpstreamError>) -> bool {
    let cause = outcome.as_ref().err().and_then(UpstreamError::cause);
    cause == Some(UpstreamCause::LeftAlone)
}

#[tokio::test]
async fn a_blob_that_fails_costs_no_other_its_pull() {
    let setting = setting().await;
    let other = put(&setting.registry, NAME);
    let upstream = setting.upstream();
    let bad = format!("/blobs/{}", setting.layer());
    setting
        .registry
        .inject(&bad, usize::MAX, Fault::Status(503));
    for _ in 0..5 {
        let failed = upstream
            .get_blob(&name(), &setting.layer(), setting.size(), 0)
            .await;
        assert!(failed.is_err());
    }
    let asked = setting.registry.count(&Method::GET, RequestKind::Blob);
    assert_eq!(asked, 2, "then it is left alone");
    let layer = &other.layers[0].digest;
    assert!(
        upstream
            .get_blob(&name(), layer, setting.size(), 0)
            .await
            .is_ok()
    );
    assert!(head(&upstream, NAME).await.is_ok());
}

#[tokio::test]
async fn a_repository_that_fails_costs_no_other_its_pull() {
    let setting = setting().await;
    let (one, other) = ("team/bad", "team/good");
    let bad = put(&setting.registry, one);
    put(&setting.registry, other);
    let upstream = setting.upstream();
    for status in [429, 502, 503, 504] {
        let fault = Fault::Status(status);
        setting.registry.inject("/team/bad/", usize::MAX, fault);
        for _ in 0..5 {
            assert!(head(&upstream, one).await.is_err());
            let name = RepositoryName::parse(one).unwrap();
            let layer = &bad.layers[0].digest;
            assert!(
                upstream
                    .get_blob(&name, layer, setting.size(), 0)
                    .await
                    .is_err()
            );
            assert_eq!(head(&upstream, other).await, Ok(()), "{status}");
        }
        setting.registry.heal();
    }
    let condition = upstream.condition(Instant::now());
    assert_eq!(condition, UpstreamCondition::Up);
}

#[tokio::test]
async fn an_upstream_whose_repositories_all_fail_is_left_alone() {
    let setting = setting().await;
    for name in ["a", "b", "c", "d"] {
        put(&setting.registry, name);
    }
    let upstream = setting.upstream();
    let fault = Fault::Status(503);
    setting.registry.inject("/manifests/", usize::MAX, fault);
    for name in ["a", "b", "c"] {
        assert!(head(&upstream, name).await.is_err());
    }
    let asked = setting.registry.total();
    assert!(is_left_alone(&head(&upstream, "d").await));
    assert_eq!(setting.registry.total(), asked, "it was not asked");
    let condition = upstream.condition(Instant::now());
    assert!(
        matches!(condition, UpstreamCondition::CoolingDown(..)),
        "{condition:?}"
    );
    // Another kind of call goes on.
    let layer = &setting.layer();
    assert!(
        upstream
            .get_blob(&name(), layer, setting.size(), 0)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_host_of_blobs_that_fails_leaves_the_registry_as_it_is() {
    let mut setting = setting().await;
    let elsewhere = setting.elsewhere().await;
    let origin = elsewhere.origin().replace("127.0.0.1", "localhost");
    let listed = origin.strip_prefix("http://").unwrap();
    setting.config.redirect_hosts = hosts(&[listed]);
    let upstream = setting.upstream();
    let away = Fault::Redirect(origin.clone());
    setting.registry.inject("/blobs/", usize::MAX, away);
    elsewhere.inject("/", usize::MAX, Fault::Status(503));
    for repository in ["a", "b", "c"] {
        let image = put(&setting.registry, repository);
        let name = RepositoryName::parse(repository).unwrap();
        let layer = &image.layers[0].digest;
        assert!(
            upstream
                .get_blob(&name, layer, setting.size(), 0)
                .await
                .is_err()
        );
    }
    let asked = elsewhere.total();
    let failed = upstream
        .get_blob(&name(), &setting.layer(), setting.size(), 0)
        .await;
    assert!(is_left_alone(&failed.map(drop)));
    assert_eq!(elsewhere.total(), asked, "it was not asked");
    assert!(head(&upstream, "a").await.is_ok());
    // Blobs that lie at the registry itself are given all the same.
    setting.registry.heal();
    assert!(
        upstream
            .get_blob(&name(), &setting.layer(), setting.size(), 0)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn an_upstream_that_cannot_be_connected_to_is_left_alone_for_all() {
    let mut setting = setting().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = listener.local_addr().unwrap();
    drop(listener);
    setting.config.url = format!("http://{gone}").parse().unwrap();
    let upstream = setting.upstream();
    assert!(head(&upstream, "a").await.is_err());
    assert!(is_left_alone(&head(&upstream, "b").await));
}

#[tokio::test]
async fn what_asks_too_slowly_is_tried_again_and_is_no_outage() {
    let setting = setting().await;
    let upstream = setting.upstream();
    let slow = Fault::Status(408);
    setting.registry.inject("/manifests/", usize::MAX, slow);
    let fetched = upstream.get_manifest(&name(), &setting.by_digest()).await;
    assert_eq!(fetched, Err(UpstreamError::UnexpectedStatus(408)));
    assert_eq!(setting.registry.total(), 4);
    assert!(!fetched.unwrap_err().is_transient());
}
