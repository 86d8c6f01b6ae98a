//! What people and pipelines did, and what is read of it.

use serde_json::{Value, json};

use crate::kit::lab::{Lab, eventually, trivy};

async fn acts(lab: &Lab, token: &str, query: &str) -> Vec<Value> {
    let ask = lab.nobody("GET", &format!("/api/v1/acts?{query}"));
    let list = ask.token(token).send().await.expect(200);
    list["acts"].as_array().unwrap().clone()
}

fn kinds(acts: &[Value]) -> Vec<&str> {
    acts.iter()
        .map(|act| act["act"].as_str().unwrap())
        .collect()
}

/// A scan of each of two images, and a revocation of one.
async fn lab() -> (Lab, [String; 2]) {
    let lab = Lab::start().await;
    let mut names = Vec::new();
    for name in ["team/a", "team/b"] {
        let (image, named) = lab.put(name, "1");
        lab.submit(&lab.token, &named, &trivy(&image, &[]))
            .await
            .expect(200);
        names.push(named);
    }
    let body = json!({"image": names[0], "reason": "leaks a key"});
    let ask = lab.api("POST", "/api/v1/revocations").json(&body);
    ask.send().await.expect(200);
    (lab, names.try_into().unwrap())
}

#[tokio::test]
async fn every_act_says_who_from_where_what_when_and_why() {
    let (lab, [image, _]) = lab().await;
    let found = acts(&lab, &lab.token, "act=revoke").await;
    let [revoked] = &found[..] else {
        panic!("{found:#?}")
    };
    assert!(revoked["principal"].as_str().unwrap().starts_with("admin-"));
    assert_eq!(revoked["client"], "127.0.0.1");
    assert_eq!(revoked["image"], json!(image));
    assert_eq!(revoked["subject"], "revocation:1");
    assert_eq!(revoked["reason"], "leaks a key");
    assert!(image.ends_with(revoked["digest"].as_str().unwrap()));
    // Those that the program did itself.
    eventually("the start is recorded", || async {
        let found = acts(&lab, &lab.token, "principal=sekisho").await;
        kinds(&found) == ["start", "token-create"]
    })
    .await;
    lab.stop().await;
}

/// Whoever looks for all that was done to an image finds it, however it was named.
#[tokio::test]
async fn an_act_names_its_image_in_full() {
    let (lab, [image, _]) = lab().await;
    let short = image.strip_prefix("registry.example/").unwrap();
    let body = json!({"image": short, "reason": "false alarm"});
    for path in ["/api/v1/revocations", "/api/v1/revocations/reinstate"] {
        lab.api("POST", path).json(&body).send().await.expect(200);
    }
    let found = acts(&lab, &lab.token, "image=registry.example/team/a").await;
    assert_eq!(kinds(&found), ["reinstate", "revoke", "revoke", "scan"]);
    assert!(found.iter().all(|act| act["image"] == json!(image)));
    lab.stop().await;
}

#[tokio::test]
async fn acts_are_paged_and_filtered_newest_first() {
    let (lab, [image, _]) = lab().await;
    eventually("the start is recorded", || async {
        acts(&lab, &lab.token, "act=start").await.len() == 1
    })
    .await;
    let all = acts(&lab, &lab.token, "").await;
    assert_eq!(all.len(), 5, "{:?}", kinds(&all));
    let mut paged = Vec::new();
    let mut page = String::new();
    loop {
        let query = format!("/api/v1/acts?limit=2{page}");
        let list = lab.api("GET", &query).send().await.expect(200);
        paged.extend(list["acts"].as_array().unwrap().clone());
        match list["next"].as_str() {
            Some(next) => page = format!("&page={next}"),
            None => break,
        }
    }
    assert_eq!(paged, all);
    let of_image = acts(&lab, &lab.token, &format!("image={image}")).await;
    assert_eq!(kinds(&of_image), ["revoke", "scan"]);
    let none = acts(&lab, &lab.token, "principal=nobody").await;
    assert!(none.is_empty());
    for (wanted, expected) in [
        ("team/a", vec!["revoke", "scan"]),
        ("registry.example/team/*", vec!["revoke", "scan", "scan"]),
        ("registry.example/team/c*", vec![]),
    ] {
        let found = acts(&lab, &lab.token, &format!("image={wanted}")).await;
        assert_eq!(kinds(&found), expected, "{wanted}");
    }
    for wrong in ["act=dance", "page=x", "colour=red", "environment=typo"] {
        let ask = lab.api("GET", &format!("/api/v1/acts?{wrong}"));
        ask.send().await.refusal(400);
    }
    lab.stop().await;
}

#[tokio::test]
async fn a_token_reads_the_acts_on_images_of_its_scope() {
    let (lab, [own, _]) = lab().await;
    let token = |role: &str| {
        let request =
            json!({"name": role, "role": role, "repositories": ["registry.example/team/a"]});
        lab.token(request)
    };
    for role in ["promoter", "viewer", "on-call", "admin"] {
        let token = token(role).await;
        let found = acts(&lab, &token, "").await;
        assert_eq!(kinds(&found), ["revoke", "scan"], "{role}");
        assert!(found.iter().all(|act| act["image"] == json!(own)), "{role}");
    }
    let scanner = token("scanner").await;
    let ask = lab.nobody("GET", "/api/v1/acts").token(&scanner);
    assert_eq!(ask.send().await.status, 403);
    lab.stop().await;
}

#[tokio::test]
async fn decisions_are_paged_and_filtered() {
    let lab = Lab::start().await;
    let (app, _) = lab.put("team/app", "1");
    let (door, _) = lab.put("team/door", "1");
    for (name, image) in [("team/app", &app), ("team/door", &door)] {
        for listener in [0, 1] {
            let reference = image.manifest.digest.to_string();
            assert_eq!(lab.pull(listener, name, &reference).await.status, 403);
        }
    }
    let list = |query: String| {
        let ask = lab.api("GET", &format!("/api/v1/decisions?{query}"));
        async move { ask.send().await.expect(200) }
    };
    let count = |list: &Value| list["decisions"].as_array().unwrap().len();
    eventually("all are indexed", || async {
        count(&list(String::new()).await) == 4
    })
    .await;
    for (query, expected) in [
        ("image=team/door".to_owned(), 2),
        (format!("image={}", app.manifest.digest), 2),
        ("image=team/door&environment=staging".to_owned(), 1),
        ("reason=not-scanned".to_owned(), 4),
        ("reason=revoked".to_owned(), 0),
        ("principal=anonymous".to_owned(), 4),
        ("principal=ci".to_owned(), 0),
        ("client=127.0.0.1".to_owned(), 4),
        ("client=10.0.0.1".to_owned(), 0),
        ("client=::ffff:127.0.0.1".to_owned(), 4),
        ("until=2020-01-01T00:00:00Z".to_owned(), 0),
    ] {
        assert_eq!(count(&list(query.clone()).await), expected, "{query}");
    }
    let first = list("limit=3".to_owned()).await;
    let next = first["next"].as_str().unwrap();
    let rest = list(format!("limit=3&page={next}")).await;
    assert_eq!((count(&first), count(&rest)), (3, 1));
    assert_eq!(rest["next"], Value::Null);
    for wrong in [
        "page=x",
        "client=127.0.0.1:80",
        "client=node-7",
        "environment=typo",
    ] {
        let ask = lab.api("GET", &format!("/api/v1/decisions?{wrong}"));
        ask.send().await.refusal(400);
    }
    lab.stop().await;
}

/// Whoever asks for names that lead nowhere pushes out nothing but more of the same.
#[tokio::test]
async fn a_flood_of_denials_pushes_no_other_out_of_the_list() {
    let lab = Lab::start().await;
    let (image, _) = lab.put("team/app", "1");
    let reference = image.manifest.digest.to_string();
    assert_eq!(lab.pull(0, "team/app", &reference).await.status, 403);
    for number in 0..60 {
        let path = format!("/v2/nowhere{number}.example/x/manifests/1");
        let registry = lab.app().registries()[0];
        let denied = crate::kit::lab::Ask::new(registry, "GET", &path)
            .send()
            .await;
        assert_eq!(denied.status, 403, "{}", denied.text());
    }
    let path = "/api/v1/decisions?verdict=denied&limit=20";
    eventually("the flood is indexed", || async {
        let newest = lab.api("GET", path).send().await.expect(200);
        newest.to_string().contains("nowhere59")
    })
    .await;
    let newest = lab.api("GET", path).send().await;
    assert!(
        !newest.text().contains(&reference),
        "it is pushed out there"
    );
    let spread = lab.api("GET", &format!("{path}&spread=true")).send().await;
    assert!(spread.text().contains(&reference), "{}", spread.text());
    assert_eq!(spread.value()["decisions"].as_array().unwrap().len(), 20);
    lab.stop().await;
}
