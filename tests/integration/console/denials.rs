//! Denials: grouped, filtered, live, and only those that the reader may see.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::decision::denied;
use super::visitor::Visitor;
use crate::kit::events::Follower;
use crate::kit::lab::{DOOR, Lab, NAME, eventually};

async fn groups(lab: &Lab, query: &str) -> Value {
    let path = format!("/api/v1/denials{query}");
    lab.api("GET", &path).send().await.expect(200)
}

fn images(list: &Value) -> Vec<String> {
    let groups = list["groups"].as_array().unwrap().iter();
    groups
        .map(|it| it["image"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_hundred_retries_are_one_line_with_a_count() {
    let lab = Lab::start().await;
    denied(&lab, 0, NAME, "1").await;
    let (image, named) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    for reference in ["1", &digest].repeat(50) {
        assert_eq!(lab.pull(0, NAME, reference).await.status, 403);
    }
    // What is still open is counted when its minute has passed.
    lab.advance(SignedDuration::from_secs(61));
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 403);
    eventually("all are counted", || async {
        groups(&lab, "").await["denials"].as_u64() >= Some(102)
    })
    .await;
    let list = groups(&lab, "").await;
    assert_eq!(list["all_groups"], 1, "{list}");
    let group = &list["groups"][0];
    assert_eq!(group["reason"], "not-scanned");
    assert_eq!(group["digest"], digest);
    assert_eq!(group["askers"].as_array().unwrap().len(), 1);
    assert!(group["first"].as_str() < group["last"].as_str(), "{group}");
    let page = Visitor::new(&lab).shown("/denials").await;
    assert_eq!(page.matches("What to do").count(), 1);
    assert!(
        page.contains(&named) || page.contains("team/app:1"),
        "{page}"
    );
    lab.stop().await;
}

#[tokio::test]
async fn the_one_that_was_denied_last_comes_first_and_pages_follow() {
    let lab = Lab::start().await;
    for name in ["team/a", "team/b", "team/c"] {
        denied(&lab, 0, name, "1").await;
        lab.advance(SignedDuration::from_secs(1));
    }
    eventually("all are listed", || async {
        groups(&lab, "").await["all_groups"] == 3
    })
    .await;
    let first = groups(&lab, "?limit=2").await;
    let shown = images(&first);
    assert!(
        shown[0].contains("team/c") && shown[1].contains("team/b"),
        "{shown:?}"
    );
    let rest = groups(&lab, &format!("?limit=2&offset={}", first["next"])).await;
    assert!(images(&rest)[0].contains("team/a"));
    assert!(rest["next"].is_null());
    lab.stop().await;
}

#[tokio::test]
async fn filters_narrow_the_page_and_a_wrong_one_is_told() {
    let lab = Lab::start().await;
    denied(&lab, 0, NAME, "1").await;
    denied(&lab, 1, DOOR, "1").await;
    eventually("both are listed", || async {
        groups(&lab, "").await["all_groups"] == 2
    })
    .await;
    let visitor = Visitor::new(&lab);
    for (query, there, gone) in [
        ("environment=production", NAME, DOOR),
        ("environment=staging&reason=not-scanned", DOOR, NAME),
        ("image=registry.example%2Fteam%2Fd**", DOOR, NAME),
        ("image=team%2Fapp&who=127.0.0", NAME, DOOR),
    ] {
        let page = visitor.shown(&format!("/denials?{query}")).await;
        assert!(page.contains(&format!("{there}@")), "{query}: {page}");
        assert!(!page.contains(&format!("{gone}@")), "{query}");
    }
    for nothing in ["reason=revoked", "who=nobody", "verdict=would-deny"] {
        let page = visitor.shown(&format!("/denials?{nothing}")).await;
        assert!(page.contains("with these filters"), "{nothing}: {page}");
    }
    for wrong in ["environment=prodution", "reason=bad", "image=%5B*"] {
        assert_eq!(
            visitor.open(&format!("/denials?{wrong}")).await.status,
            400,
            "{wrong}"
        );
    }
    lab.stop().await;
}

#[tokio::test]
async fn would_be_denials_are_told_apart() {
    let lab = Lab::start().await;
    let mode = json!({"environment": "staging", "mode": "audit", "hours": 1, "ticket": "T"});
    let ask = lab.api("POST", "/api/v1/modes").json(&mode);
    ask.send().await.expect(200);
    let (image, _) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    assert_eq!(lab.pull(1, NAME, &digest).await.status, 200);
    eventually("it is listed", || async {
        groups(&lab, "").await["all_groups"] == 1
    })
    .await;
    let list = groups(&lab, "?verdict=would-deny").await;
    assert_eq!(list["groups"][0]["verdict"], "would-deny");
    let page = Visitor::new(&lab).shown("/denials").await;
    assert!(page.contains("would be denied in enforce"), "{page}");
    lab.stop().await;
}

#[tokio::test]
async fn another_team_s_denials_are_not_shown_nor_told_live() {
    let lab = Lab::of_admin("address = \"127.0.0.1:0\"\nanonymous_reads = false").await;
    let request = json!({
        "name": "team", "role": "viewer", "repositories": [format!("registry.example/{NAME}")],
    });
    let team = lab.token(request).await;
    let visitor = Visitor::with(&lab, &team).await;
    let cookie = [("Cookie", visitor.cookie())];
    let admin = lab.app().admin();
    let mut signs = Follower::open(admin, "/live?verdict=denied", &cookie).await;
    assert_eq!(signs.status, 200, "{}", signs.head);
    let path = "/api/v1/decisions/stream";
    let mut decisions = Follower::open(admin, path, &cookie).await;
    denied(&lab, 0, DOOR, "1").await;
    denied(&lab, 0, NAME, "1").await;
    let told = decisions.expect("decision").await;
    assert!(
        told.data["image"].as_str().unwrap().contains(NAME),
        "{told:?}"
    );
    assert_eq!(signs.name().await, "change");
    let page = visitor.shown("/denials").await;
    assert!(page.contains(NAME) && !page.contains(DOOR), "{page}");
    // Signing out ends what was open.
    let key = visitor.key().await;
    visitor.post("/sign-out", &[("key", &key)]).await;
    assert_eq!(
        decisions.expect("end").await.data["reason"],
        "unauthenticated"
    );
    lab.stop().await;
}

#[tokio::test]
async fn nobody_listens_without_a_token_where_reading_needs_one() {
    let lab = Lab::of_admin("address = \"127.0.0.1:0\"\nanonymous_reads = false").await;
    let answer = lab.nobody("GET", "/live").send().await;
    assert_eq!(answer.refusal(401).0, "unauthenticated");
    lab.stop().await;
}

#[tokio::test]
async fn denials_from_before_a_restart_are_shown() {
    let lab = Lab::start().await;
    denied(&lab, 0, NAME, "1").await;
    let lab = lab.restarted().await;
    let list = groups(&lab, "").await;
    assert_eq!(list["all_groups"], 1, "{list}");
    lab.stop().await;
}
