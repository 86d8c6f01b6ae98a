//! Decisions: one for whoever holds its id, the list for those who may read.

use serde_json::{Value, json};

use crate::kit::lab::{DOOR, Lab, NAME, eventually};

fn id_of(denied: &Value) -> String {
    let detail = denied["errors"][0]["detail"].as_str().unwrap();
    let id = detail.split(|it: char| !it.is_ascii_hexdigit());
    id.into_iter()
        .find(|word| word.len() == 32)
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn the_link_in_a_denial_opens_for_whoever_holds_it() {
    let lab = Lab::start().await;
    let (image, _) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    let denied = lab.pull(0, NAME, &digest).await.expect(403);
    let id = id_of(&denied);
    let message = denied["errors"][0]["message"].as_str().unwrap();
    assert!(
        message.ends_with(&format!("{}/d/{id}", lab.server())),
        "{message}"
    );
    let path = format!("/d/{id}");
    let known = || async { lab.nobody("GET", &path).send().await.status == 200 };
    eventually("the decision is written", known).await;
    let page = lab.nobody("GET", &path).send().await;
    assert_eq!(
        page.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    for part in ["not-scanned", &digest, "production (enforce)", &id] {
        assert!(page.text().contains(part), "{part}: {}", page.text());
    }
    let one = lab
        .nobody("GET", &format!("/api/v1/decisions/{id}"))
        .send()
        .await;
    assert_eq!(one.expect(200)["id"], *id);
    for unknown in [
        "0".repeat(32),
        id.to_uppercase(),
        id[1..].to_owned(),
        "%2e%2e".to_owned(),
    ] {
        let answer = lab.nobody("GET", &format!("/d/{unknown}")).send().await;
        assert_eq!(answer.refusal(404).0, "not-found", "{unknown}");
    }
    lab.stop().await;
}

#[tokio::test]
async fn ids_of_decisions_share_nothing_to_guess_from() {
    let lab = Lab::start().await;
    let mut ids = Vec::new();
    for tag in ["1", "2", "3", "4"] {
        let (image, _) = lab.put(NAME, tag);
        let denied = lab.pull(0, NAME, &image.manifest.digest.to_string()).await;
        ids.push(id_of(&denied.expect(403)));
    }
    for (place, id) in ids.iter().enumerate() {
        for other in &ids[place + 1..] {
            let same = id
                .bytes()
                .zip(other.bytes())
                .filter(|(a, b)| a == b)
                .count();
            assert!(same < 16, "{id} {other}");
        }
    }
    lab.stop().await;
}

#[tokio::test]
async fn hostile_text_is_printed_safely() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let reason = "<script>\u{1b}[2J\r\nSet-Cookie: a=b";
    let body = json!({"image": named, "reason": reason});
    let ask = lab.api("POST", "/api/v1/revocations").json(&body);
    ask.send().await.expect(200);
    let denied = lab.pull(0, NAME, &image.manifest.digest.to_string()).await;
    assert!(denied.header("set-cookie").is_none(), "{}", denied.head);
    let path = format!("/d/{}", id_of(&denied.expect(403)));
    let known = || async { lab.nobody("GET", &path).send().await.status == 200 };
    eventually("the decision is written", known).await;
    let page = lab.nobody("GET", &path).send().await;
    let unsafe_byte = |byte: &u8| *byte != b'\n' && !(b' '..=b'~').contains(byte);
    assert!(!page.body.iter().any(unsafe_byte), "{}", page.text());
    assert!(!page.text().contains("\nSet-Cookie"), "{}", page.text());
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    lab.stop().await;
}

#[tokio::test]
async fn a_list_shows_what_its_reader_may_see() {
    let lab = Lab::start().await;
    for (listener, name) in [(0, NAME), (1, NAME), (0, DOOR)] {
        let (image, _) = lab.put(name, "1");
        lab.pull(listener, name, &image.manifest.digest.to_string())
            .await
            .expect(403);
    }
    let request = json!({
        "name": "team", "role": "viewer", "environments": ["production"],
        "repositories": ["registry.example/team/app"],
    });
    let team = lab.token(request).await;
    let listed = async |token: &str, query: &str| {
        let path = format!("/api/v1/decisions{query}");
        let list = lab
            .nobody("GET", &path)
            .token(token)
            .send()
            .await
            .expect(200);
        list["decisions"].as_array().unwrap().clone()
    };
    eventually("all are written", || async {
        listed(&lab.token, "").await.len() == 3
    })
    .await;
    let seen = listed(&team, "").await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0]["environment"], "production");
    assert!(
        seen[0]["image"]
            .as_str()
            .unwrap()
            .starts_with("registry.example/team/app@")
    );
    assert_eq!(listed(&lab.token, "?environment=staging").await.len(), 1);
    assert_eq!(listed(&lab.token, "?verdict=allowed").await.len(), 0);
    // What others were denied does not fill up a reader's page.
    assert_eq!(listed(&team, "?limit=1").await.len(), 1);
    let path = "/api/v1/decisions?environment=prodution";
    let (code, text) = lab.api("GET", path).send().await.refusal(400);
    assert_eq!(code, "bad-request");
    assert!(text.contains("production, staging"), "{text}");
    // The beginning of an id opens nothing that the reader may not see.
    let id = listed(&lab.token, "?environment=staging").await[0]["id"].clone();
    let beginning = &id.as_str().unwrap()[..8];
    let path = format!("/api/v1/decisions?id={beginning}");
    assert_eq!(
        listed(&lab.token, &path[path.find('?').unwrap()..])
            .await
            .len(),
        1
    );
    assert_eq!(
        listed(&team, &path[path.find('?').unwrap()..]).await.len(),
        0
    );
    for bad in ["id=0000", "id=%25", "id=ABCDEF0", "image=%5B*"] {
        let path = format!("/api/v1/decisions?{bad}");
        assert_eq!(
            lab.api("GET", &path).send().await.refusal(400).0,
            "bad-request",
            "{bad}"
        );
    }
    let wrong = lab.api("GET", "/api/v1/decisions?speed=1").send().await;
    assert_eq!(wrong.refusal(400).0, "bad-request");
    lab.stop().await;
}
