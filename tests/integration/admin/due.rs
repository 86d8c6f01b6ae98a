//! What wants a scan, and where the scanner finds it.

use jiff::{SignedDuration, Timestamp};
use sekisho::demo::SampleIndex;
use serde_json::{Value, json};

use crate::kit::lab::{Lab, NAME, eventually, named, sample, trivy, trivy_at};

async fn due(lab: &Lab, hours: u32) -> Vec<Value> {
    let path = format!("/api/v1/scans/due?within_hours={hours}");
    let listed = lab.api("GET", &path).send().await.expect(200);
    listed["due"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_denied_pull_wants_a_scan_at_its_upstream() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    assert_eq!(due(&lab, 24).await, [] as [Value; 0]);
    lab.pull(1, NAME, "1").await;
    eventually("the denial on record", || async {
        !due(&lab, 24).await.is_empty()
    })
    .await;
    let wanted = &due(&lab, 24).await[0];
    assert_eq!(
        (&wanted["image"], &wanted["cause"]),
        (&json!(named), &json!("not-scanned"))
    );
    let origin = lab.upstream.origin();
    let host = origin.strip_prefix("http://").unwrap();
    let direct = format!("{host}/{NAME}@{}", image.manifest.digest);
    assert_eq!(
        (&wanted["scan"], &wanted["insecure"]),
        (&json!(direct), &json!(true))
    );
    assert_eq!(wanted["platform"], "linux/amd64");
    assert_eq!(wanted["environments"], json!(["staging"]));
    lab.submit(&lab.token, &named, &trivy(&image, &[]))
        .await
        .expect(200);
    assert_eq!(due(&lab, 24).await, [] as [Value; 0], "it has its scan");
    lab.stop().await;
}

#[tokio::test]
async fn an_index_wants_a_scan_of_each_child_without_one() {
    let lab = Lab::start().await;
    let (amd, arm) = (sample("i", "amd64"), sample("i", "arm64"));
    let index = SampleIndex::new(vec![amd.clone(), arm.clone()]);
    let of_index = lab.put_index(NAME, &index);
    let force = json!({"image": of_index, "environment": "production", "force": true});
    lab.promote(&lab.token, force).await.expect(200);
    let of_amd = named(NAME, &amd.manifest.digest);
    lab.submit(&lab.token, &of_amd, &trivy(&amd, &[]))
        .await
        .expect(200);
    let wanted = due(&lab, 24).await;
    assert_eq!(wanted.len(), 1, "{wanted:?}");
    assert_eq!(wanted[0]["image"], named(NAME, &arm.manifest.digest));
    assert_eq!(wanted[0]["platform"], "linux/arm64");
    lab.stop().await;
}

#[tokio::test]
async fn a_scan_is_due_before_it_runs_out() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let report = trivy_at(
        &image,
        Timestamp::now() - SignedDuration::from_hours(24 * 29),
        &[],
    );
    lab.submit(&lab.token, &named, &report).await.expect(200);
    let request = json!({"image": named, "environment": "production"});
    lab.promote(&lab.token, request).await.expect(200);
    assert_eq!(due(&lab, 12).await, [] as [Value; 0]);
    let wanted = due(&lab, 48).await;
    assert_eq!((wanted.len(), &wanted[0]["cause"]), (1, &json!("expires")));
    let ends: Timestamp = wanted[0]["expires_at"].as_str().unwrap().parse().unwrap();
    let left = ends.duration_since(Timestamp::now()).as_hours();
    assert!((22..=24).contains(&left), "{left} h");
    lab.stop().await;
}

#[tokio::test]
async fn the_list_keeps_to_a_tokens_scope() {
    let lab = Lab::start().await;
    let (_, named) = lab.put(NAME, "1");
    let force = json!({"image": named, "environment": "production", "force": true});
    lab.promote(&lab.token, force).await.expect(200);
    for (name, scope, seen) in [
        ("here", "registry.example/team/*", 1),
        ("elsewhere", "registry.example/other/*", 0),
    ] {
        let request = json!({"name": name, "role": "scanner", "repositories": [scope]});
        let token = lab.token(request).await;
        let ask = lab.nobody("GET", "/api/v1/scans/due").token(&token);
        let listed = ask.send().await.expect(200);
        assert_eq!(listed["due"].as_array().unwrap().len(), seen, "{name}");
    }
    lab.stop().await;
}

/// Each image once, in whatever part of the list.
#[tokio::test]
async fn pages_hold_what_the_whole_list_holds() {
    let lab = Lab::start().await;
    for tag in ["1", "2", "3", "4", "5"] {
        let (_, image) = lab.put(NAME, tag);
        let force = json!({"image": image, "environment": "production", "force": true});
        lab.promote(&lab.token, force).await.expect(200);
    }
    let image = |it: &Value| it["image"].as_str().unwrap().to_owned();
    let mut whole: Vec<String> = due(&lab, 24).await.iter().map(image).collect();
    let (mut paged, mut after) = (Vec::new(), String::new());
    for _ in 0..10 {
        let path = format!("/api/v1/scans/due?within_hours=24&limit=2{after}");
        let page = lab.api("GET", &path).send().await.expect(200);
        let due = page["due"].as_array().unwrap();
        assert!(due.len() <= 2);
        paged.extend(due.iter().map(image));
        match page["next"].as_str() {
            Some(next) => after = format!("&page={next}"),
            None => break,
        }
    }
    whole.sort();
    paged.sort();
    assert_eq!(whole.len(), 5);
    assert_eq!(paged, whole);
    let wrong = lab.api("GET", "/api/v1/scans/due?limit=2&page=sha256:x");
    wrong.send().await.expect(400);
    lab.stop().await;
}
