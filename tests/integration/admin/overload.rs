//! More requests than the admin API works on at once.

use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt};
use sekisho::http::StackLimits;

use crate::kit::lab::{Ask, Lab};

#[tokio::test]
async fn turns_requests_away_when_full_and_recovers() {
    let lab = Arc::new(Lab::start().await);
    let held = lab.upstream.hold("/manifests/");
    let path = "/api/v1/verdicts?image=registry.example/team/app:1&environment=production";
    let mut asked: FuturesUnordered<_> = (0..=StackLimits::ADMIN.at_once_per_address)
        .map(|_| lab.api("GET", path).send())
        .collect();
    let refused = asked.next().await.unwrap();
    let (code, _) = refused.refusal(503);
    assert_eq!(code, "unavailable");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(refused.header("x-request-id").is_some());
    let alive = Ask::new(lab.app().admin(), "GET", "/livez").send().await;
    assert_eq!(alive.status, 200, "the API is busy, not dead");
    held.release();
    while let Some(answer) = asked.next().await {
        assert_eq!(answer.status, 404, "{}", answer.text());
    }
    assert_eq!(lab.api("GET", path).send().await.status, 404);
}
