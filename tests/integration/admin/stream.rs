//! Decisions as they come: recorded first, each once, and to those alone who may read them.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::kit::events::Follower;
use crate::kit::lab::{Lab, NAME};

const STREAM: &str = "/api/v1/decisions/stream";

/// The digest of a new image that was asked for and denied.
async fn denied(lab: &Lab, name: &str, tag: &str) -> String {
    let (image, _) = lab.put(name, tag);
    let digest = image.manifest.digest.to_string();
    lab.pull(0, name, &digest).await.expect(403);
    digest
}

async fn follow(lab: &Lab, query: &str, token: &str, last: Option<&str>) -> Follower {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("Authorization", bearer.as_str())];
    headers.extend(last.map(|last| ("Last-Event-ID", last)));
    let path = format!("{STREAM}{query}");
    Follower::open(lab.app().admin(), &path, &headers).await
}

#[tokio::test]
async fn tells_a_decision_once_it_is_recorded() {
    let lab = Lab::start().await;
    let mut stream = follow(&lab, "", &lab.token, None).await;
    assert_eq!(stream.status, 200);
    assert!(stream.head.contains("text/event-stream"), "{}", stream.head);
    let digest = denied(&lab, NAME, "1").await;
    let told = stream.expect("decision").await;
    assert_eq!(told.data["digest"], *digest);
    assert_eq!(told.data["verdict"], "denied");
    let path = format!("/api/v1/decisions/{}", told.data["id"].as_str().unwrap());
    assert_eq!(lab.api("GET", &path).send().await.status, 200);
    lab.stop().await;
}

#[tokio::test]
async fn who_comes_back_misses_nothing_and_hears_nothing_twice() {
    let lab = Lab::start().await;
    let mut stream = follow(&lab, "", &lab.token, None).await;
    denied(&lab, NAME, "1").await;
    let last = stream.expect("decision").await.id.unwrap();
    drop(stream);
    let missed = [denied(&lab, NAME, "2").await, denied(&lab, NAME, "3").await];
    for begin in [Some(last.as_str()), None] {
        let query = match begin {
            Some(_) => String::new(),
            None => format!("?after={last}"),
        };
        let mut stream = follow(&lab, &query, &lab.token, begin).await;
        for digest in &missed {
            assert_eq!(stream.expect("decision").await.data["digest"], **digest);
        }
    }
    let mut stream = follow(&lab, "?since=2020-01-01T00:00:00Z", &lab.token, None).await;
    for _ in 0..3 {
        stream.expect("decision").await;
    }
    let live = denied(&lab, NAME, "4").await;
    assert_eq!(stream.expect("decision").await.data["digest"], *live);
    lab.stop().await;
}

/// Also over a restart: the positions lie in the ledger.
#[tokio::test]
async fn a_restart_loses_no_decision_for_who_follows() {
    let lab = Lab::start().await;
    let mut stream = follow(&lab, "", &lab.token, None).await;
    denied(&lab, NAME, "1").await;
    let last = stream.expect("decision").await.id.unwrap();
    let missed = denied(&lab, NAME, "2").await;
    let lab = lab.restarted().await;
    let mut stream = follow(&lab, "", &lab.token, Some(&last)).await;
    assert_eq!(stream.expect("decision").await.data["digest"], *missed);
    lab.stop().await;
}

#[tokio::test]
async fn a_token_of_one_team_hears_of_its_own_images_alone() {
    let lab = Lab::start().await;
    let scoped =
        |name: &str, key: &str, value: &str| json!({"name": name, "role": "viewer", key: [value]});
    let team = lab
        .token(scoped("a", "repositories", "registry.example/team/a"))
        .await;
    let staging = lab.token(scoped("s", "environments", "staging")).await;
    let mut of_team = follow(&lab, "", &team, None).await;
    let mut of_staging = follow(&lab, "", &staging, None).await;
    denied(&lab, "team/b", "1").await;
    let own = denied(&lab, "team/a", "1").await;
    lab.pull(1, "team/b", &own).await;
    let (image, _) = lab.put("team/c", "1");
    let there = image.manifest.digest.to_string();
    lab.pull(1, "team/c", &there).await.expect(403);
    assert_eq!(of_team.expect("decision").await.data["digest"], *own);
    assert_eq!(
        of_staging.expect("decision").await.data["environment"],
        "staging"
    );
    lab.stop().await;
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let lab = Lab::start().await;
    let revoked = lab
        .token(json!({"name": "revoked", "role": "viewer"}))
        .await;
    let expires = Timestamp::now() + SignedDuration::from_hours(1);
    let short = json!({"name": "short", "role": "viewer", "expires_at": expires.to_string()});
    let expired = lab.token(short).await;
    let mut one = follow(&lab, "", &revoked, None).await;
    let mut other = follow(&lab, "", &expired, None).await;
    let gone = lab.api("DELETE", "/api/v1/tokens/revoked").send().await;
    gone.expect(200);
    denied(&lab, NAME, "1").await;
    let end = one.expect("end").await;
    assert_eq!(end.data["reason"], "unauthenticated");
    assert_eq!(one.next().await, None, "nothing follows");
    other.expect("decision").await;
    lab.advance(SignedDuration::from_hours(2));
    assert_eq!(other.expect("end").await.data["reason"], "unauthenticated");
    lab.stop().await;
}

#[tokio::test]
async fn filters_narrow_a_stream_as_they_narrow_a_list() {
    let lab = Lab::start().await;
    let mut wanted = Vec::new();
    for query in [
        "?environment=staging",
        "?verdict=denied,would-deny&image=team/wanted",
        "?image=registry.example/team/wa*&reason=not-scanned&client=127.0.0.1&principal=anonymous",
    ] {
        wanted.push(follow(&lab, query, &lab.token, None).await);
    }
    denied(&lab, "team/other", "1").await;
    let (image, _) = lab.put("team/wanted", "1");
    let digest = image.manifest.digest.to_string();
    lab.pull(1, "team/wanted", &digest).await.expect(403);
    for stream in &mut wanted {
        assert_eq!(stream.expect("decision").await.data["digest"], *digest);
    }
    for (query, last) in [
        ("?verdict=refused", None),
        ("?client=here", None),
        ("?colour=red", None),
        ("", Some("newest")),
    ] {
        let refused = follow(&lab, query, &lab.token, last).await;
        assert_eq!(refused.status, 400, "{query} {last:?}");
    }
    let puller = lab.token(json!({"name": "node", "role": "puller"})).await;
    assert_eq!(follow(&lab, "", &puller, None).await.status, 403);
    assert_eq!(follow(&lab, "", "sks_unknown", None).await.status, 401);
    lab.stop().await;
}

#[tokio::test]
async fn a_program_that_stops_says_so_to_who_follows() {
    let lab = Lab::start().await;
    let mut stream = follow(&lab, "", &lab.token, None).await;
    let (end, ()) = tokio::join!(stream.expect("end"), lab.stop());
    assert_eq!(end.data["reason"], "stopping");
    assert_eq!(stream.next().await, None);
}
