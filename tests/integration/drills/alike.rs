//! What is said to one replica holds at each.

use serde_json::{Value, json};

use super::stage::{admitted, is_revoked, pull, replicas, revoke, sooner_or_later};
use crate::kit::lab::{Lab, NAME};
use crate::kit::postgres::Postgres;
use crate::lab::or_skip;

async fn stop(replicas: Vec<Lab>) {
    for replica in replicas {
        replica.stop().await;
    }
}

async fn read(replica: &Lab, path: &str) -> Value {
    replica.api("GET", path).send().await.expect(200)
}

/// Waits until each replica answers the same, and that `is_so`.
async fn same(replicas: &[Lab], path: &str, is_so: impl Fn(&Value) -> bool) {
    sooner_or_later(path, || async {
        let first = read(&replicas[0], path).await;
        for other in &replicas[1..] {
            if without_times(read(other, path).await) != without_times(first.clone()) {
                return false;
            }
        }
        is_so(&first)
    })
    .await;
}

/// What depends on the moment of the question.
fn without_times(mut answer: Value) -> Value {
    if let Some(answer) = answer.as_object_mut() {
        answer.remove("complete_since");
    }
    answer
}

/// An image that every replica's upstream has.
fn put(replicas: &[Lab], name: &str) -> String {
    let named: Vec<String> = replicas.iter().map(|it| it.put(name, "1").1).collect();
    named[0].clone()
}

async fn pulled_alike(replicas: &[Lab], named: &str, status: u16) {
    for replica in replicas {
        sooner_or_later("the same answer", || async {
            pull(replica, named).await.status == status
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_one_replica_is_good_at_each_until_another_revokes_it() {
    let server = or_skip!(Postgres::shared());
    let database = server.database();
    let replicas = replicas(&database, 3, "").await;
    let made = json!({"name": "people", "role": "viewer"});
    let token = replicas[0].token(made).await;
    let status = async |replica: &Lab| {
        let ask = replica.nobody("GET", "/api/v1/decisions").token(&token);
        ask.send().await.status
    };
    assert_eq!(status(&replicas[0]).await, 200);
    for replica in &replicas {
        sooner_or_later("it is known", || async { status(replica).await == 200 }).await;
    }
    let ended = replicas[1].api("DELETE", "/api/v1/tokens/people").send();
    ended.await.expect(200);
    assert_eq!(status(&replicas[1]).await, 401);
    for replica in &replicas {
        sooner_or_later("it is ended", || async { status(replica).await == 401 }).await;
    }
    stop(replicas).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_of_one_replica_is_read_at_each() {
    let server = or_skip!(Postgres::shared());
    let database = server.database();
    let replicas = replicas(&database, 3, "").await;
    let named = put(&replicas, NAME);
    let denied = pull(&replicas[0], &named).await;
    assert_eq!(denied.status, 403);
    let text = denied.text();
    let id = text.split("/d/").nth(1).unwrap();
    let id: String = id.chars().take_while(char::is_ascii_alphanumeric).collect();
    // Each finds it where the link leads, also on the page that people read.
    let of_one = |it: &Value| it["decision"]["id"] == *id || it["id"] == *id;
    for replica in &replicas {
        let path = format!("/api/v1/decisions/{id}");
        sooner_or_later("it is written", || async {
            let ask = replica.api("GET", &path).send().await;
            ask.status == 200 && of_one(&ask.value())
        })
        .await;
        let page = replica.nobody("GET", &format!("/d/{id}")).send().await;
        assert_eq!(page.status, 200, "{}", page.text());
        assert!(page.text().contains("not-scanned"), "{}", page.text());
    }
    same(&replicas, "/api/v1/decisions?verdict=denied", |it| {
        it["decisions"][0]["id"] == *id
    })
    .await;
    // A denial of another is its own, and both are listed at each.
    pull(&replicas[1], &named).await.expect(403);
    same(&replicas, "/api/v1/decisions?verdict=denied", |it| {
        it["decisions"].as_array().unwrap().len() == 2
    })
    .await;
    same(&replicas, "/api/v1/denials", |it| {
        it.to_string().contains("not-scanned")
    })
    .await;
    stop(replicas).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_and_what_is_revoked_and_reinstated_is_alike() {
    let server = or_skip!(Postgres::shared());
    let database = server.database();
    let replicas = replicas(&database, 3, "").await;
    let named = put(&replicas, NAME);
    admitted(&replicas[0], NAME).await;
    pulled_alike(&replicas, &named, 200).await;
    let verdicts = format!("/api/v1/verdicts?image={named}&environment=production");
    same(&replicas, &verdicts, |it| it["allowed"] == true).await;
    same(&replicas, "/api/v1/decisions?verdict=allowed", |it| {
        it["decisions"].as_array().unwrap().len() == 3
    })
    .await;
    let passing = format!("/api/v1/passing?image=registry.example/{NAME}&environment=production");
    same(&replicas, &passing, |it| it["images"][0]["image"] == *named).await;
    revoke(&replicas[1], &named).await.expect(200);
    for replica in &replicas {
        sooner_or_later("it is revoked", || is_revoked(replica, &named)).await;
    }
    same(&replicas, &verdicts, |it| it["allowed"] == false).await;
    same(&replicas, &passing, |it| it["images"] == json!([])).await;
    let body = json!({"image": named, "reason": "a false alarm"});
    let ask = replicas[2].api("POST", "/api/v1/revocations/reinstate");
    ask.json(&body).send().await.expect(200);
    pulled_alike(&replicas, &named, 200).await;
    same(&replicas, &verdicts, |it| it["allowed"] == true).await;
    same(&replicas, "/api/v1/acts?act=reinstate", |it| {
        it["acts"].as_array().unwrap().len() == 1
    })
    .await;
    stop(replicas).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_override_of_one_replica_holds_at_each_until_another_ends_it() {
    let server = or_skip!(Postgres::shared());
    let database = server.database();
    let replicas = replicas(&database, 3, "").await;
    let named = put(&replicas, NAME);
    pulled_alike(&replicas, &named, 403).await;
    let ticket = |more: Value| {
        let mut body = json!({"environment": "production", "ticket": "INC-7", "hours": 2,
                              "reason": "checkout is down"});
        let more = more.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(more);
        body
    };
    let glass = ticket(json!({"image": named}));
    let ask = replicas[0].api("POST", "/api/v1/break-glass").json(&glass);
    let granted = ask.send().await.expect(200);
    pulled_alike(&replicas, &named, 200).await;
    same(&replicas, "/api/v1/break-glass", |it| {
        it.to_string().contains("INC-7")
    })
    .await;
    let id = granted["id"].to_string();
    let end = format!("/api/v1/break-glass/{}?reason=over", id.trim_matches('"'));
    replicas[2].api("DELETE", &end).send().await.expect(200);
    pulled_alike(&replicas, &named, 403).await;
    let mode = ticket(json!({"mode": "audit"}));
    let ask = replicas[1].api("POST", "/api/v1/modes").json(&mode);
    ask.send().await.expect(200);
    pulled_alike(&replicas, &named, 200).await;
    let verdicts = format!("/api/v1/verdicts?image={named}&environment=production");
    same(&replicas, &verdicts, |it| it["mode"] == "audit").await;
    same(&replicas, "/api/v1/modes", |it| {
        it.to_string().contains("INC-7")
    })
    .await;
    let end = "/api/v1/modes/production?reason=over";
    replicas[0].api("DELETE", end).send().await.expect(200);
    pulled_alike(&replicas, &named, 403).await;
    stop(replicas).await;
}

/// Of all that start on fresh volumes the first alone writes one: what nobody knows opens
/// nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_shared_ledger_gets_one_admin_token_unasked() {
    let server = or_skip!(Postgres::shared());
    let database = server.database();
    let unasked = "SELECT count(*) FROM tokens WHERE name NOT LIKE 'admin-beside-%'";
    let together = tokio::join!(replicas(&database, 2, ""), replicas(&database, 2, ""));
    assert_eq!(database.sql(unasked), "1");
    stop(together.0).await;
    stop(together.1).await;
    // Also long after: another is made by who may write the ledger.
    stop(replicas(&database, 1, "").await).await;
    assert_eq!(database.sql(unasked), "1");
    database.sql("UPDATE tokens SET revoked_at = 1");
    stop(replicas(&database, 1, "").await).await;
    assert_eq!(database.sql(unasked), "2", "none was good any more");
}
