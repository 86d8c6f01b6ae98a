use futures_util::FutureExt;

use super::kit::{KIB, TestCache, Upstream, at, content, read_whole};
use crate::cache::FetchError;
use crate::oci::{Algorithm, Digest};

const DEVELOPMENT: &str = "dev.corp/team/app";
const PRODUCTION: &str = "registry.corp/team/app";

/// Content that two upstreams have, under each algorithm.
fn digests(upstream: &Upstream) -> [Digest; 2] {
    [Algorithm::Sha256, Algorithm::Sha512].map(|one| Digest::of(one, &upstream.content))
}

#[tokio::test]
async fn silence_of_one_upstream_is_not_waited_for_at_another() {
    let (fixture, silent) = (TestCache::new(), Upstream::held(content(1, 400)));
    let silent = silent.at(DEVELOPMENT);
    let good = Upstream::of(silent.content.clone()).at(PRODUCTION);
    for digest in digests(&good) {
        let mut waiting = Box::pin(fixture.fetch_as(&digest, 400 * KIB, &silent, at(0)));
        assert!((&mut waiting).now_or_never().is_none());
        let own = fixture.fetch_as(&digest, 400 * KIB, &good, at(0)).await;
        assert_eq!(read_whole(own.unwrap()).await, good.content);
    }
    silent.watched_by(2).await;
    assert_eq!((silent.requests(), good.requests()), (2, 2));
}

#[tokio::test]
async fn wrong_bytes_and_refusals_of_one_upstream_reach_no_other() {
    let fixture = TestCache::new();
    let good = Upstream::of(content(1, 400)).at(PRODUCTION);
    let lying = Upstream::held(content(2, 400)).at(DEVELOPMENT);
    lying.release(300 * KIB);
    let mut refusing = Upstream::held(content(1, 400)).at(DEVELOPMENT);
    refusing.refuses = true;
    for (digest, wrong) in digests(&good).iter().zip([&lying, &refusing]) {
        let begun = fixture.fetch_as(digest, 400 * KIB, wrong, at(0));
        let own = fixture.fetch_as(digest, 400 * KIB, &good, at(0));
        let (_, own) = tokio::join!(begun, own);
        assert_eq!(read_whole(own.unwrap()).await, good.content);
    }
}

#[tokio::test]
async fn a_verified_file_serves_every_upstream_and_stays_when_another_fill_ends() {
    let (fixture, slow) = (TestCache::new(), Upstream::held(content(1, 400)));
    let slow = slow.at(DEVELOPMENT);
    slow.release(300 * KIB);
    let followed = fixture.fetch(&slow).await.unwrap();
    let good = Upstream::of(slow.content.clone()).at(PRODUCTION);
    fixture.fetch(&good).await.unwrap().done().await.unwrap();
    let third = Upstream::of(slow.content.clone()).at("third.corp/app");
    let stored = fixture.fetch(&third).await.unwrap();
    assert_eq!(third.requests(), 0);
    slow.release(u64::MAX);
    followed.done().await.unwrap();
    for blob in [stored, followed] {
        assert_eq!(read_whole(blob).await, slow.content);
    }
    assert_eq!(fixture.files("blobs").len(), 1);
    assert_eq!(fixture.cache.stats().bytes, 400 * KIB);
    fixture.tidied().await;
}

#[tokio::test]
async fn what_one_repository_is_refused_another_asks_for_itself() {
    let fixture = TestCache::new();
    let good = Upstream::of(content(1, 400)).at("registry.corp/team/app");
    let mut without = good.clone().at("registry.corp/team/other");
    without.refuses = true;
    let (refused, served) = tokio::join!(fixture.fetch(&without), fixture.fetch(&good));
    assert!(matches!(refused, Err(FetchError::Upstream(_))));
    assert_eq!(read_whole(served.unwrap()).await, good.content);
}

#[tokio::test]
async fn repositories_of_one_upstream_share_a_fill_that_goes_well() {
    let (fixture, one) = (TestCache::new(), Upstream::held(content(1, 400)));
    let other = one.clone().at("registry.corp/team/other");
    let released = async {
        one.watched_by(1).await;
        one.release(u64::MAX);
    };
    let (first, second, ()) = tokio::join!(fixture.fetch(&one), fixture.fetch(&other), released);
    for blob in [first, second] {
        assert_eq!(read_whole(blob.unwrap()).await, one.content);
    }
    assert_eq!(one.requests(), 1);
}

#[tokio::test]
async fn a_wrong_size_holds_up_nobody_who_declares_the_right_one() {
    let (fixture, held) = (TestCache::new(), Upstream::held(content(1, 4)));
    let digest = held.digest();
    let mut wrong = Box::pin(fixture.fetch_as(&digest, 60 << 20, &held, at(0)));
    assert!((&mut wrong).now_or_never().is_none());
    let good = Upstream::of(held.content.clone());
    let right = fixture.fetch(&good).await.unwrap();
    assert_eq!(read_whole(right).await, good.content);
}
