//! All that is known of one image.

use sekisho::demo::{ImageBuilder, SampleIndex};
use sekisho::oci::Platform;
use serde_json::{Value, json};

use crate::kit::lab::{Lab, NAME, grype, named, sample, trivy};

async fn detail(lab: &Lab, digest: &impl std::fmt::Display) -> Value {
    let path = format!("/api/v1/images/{digest}");
    lab.api("GET", &path).send().await.expect(200)
}

#[tokio::test]
async fn one_image_is_told_with_its_scans_findings_promotions_and_revocations() {
    let lab = Lab::start().await;
    let (image, of_image) = lab.put(NAME, "1");
    lab.submit(&lab.token, &of_image, &trivy(&image, &["LOW", "HIGH"]))
        .await
        .expect(200);
    lab.submit(&lab.token, &of_image, &grype(&image))
        .await
        .expect(200);
    let force = json!({"image": of_image, "environment": "production", "force": true,
        "link": "https://git.example/1"});
    lab.promote(&lab.token, force).await.expect(200);
    let revoke = json!({"image": of_image, "reason": "leaks a key"});
    lab.api("POST", "/api/v1/revocations")
        .json(&revoke)
        .send()
        .await
        .expect(200);
    let found = detail(&lab, &image.manifest.digest).await;
    assert_eq!(
        (&found["kind"], &found["images"][0]["image"]),
        (&json!("image"), &json!(of_image))
    );
    assert_eq!(found["images"][0]["platform"], "linux/amd64");
    let scans = found["scans"].as_array().unwrap();
    assert_eq!(scans.len(), 2, "{found}");
    assert!(scans.iter().all(|it| it["in_force"] == true), "{found}");
    let counted = scans
        .iter()
        .find(|it| it["tool"]["name"] == "trivy")
        .unwrap();
    assert_eq!(
        (&counted["findings"]["high"], &counted["findings"]["low"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        found["findings"][0]["severity"], "high",
        "the gravest first"
    );
    assert_eq!(found["promotions"][0]["link"], "https://git.example/1");
    assert_eq!(found["revocations"][0]["reason"], "leaks a key");
    assert_eq!(found["exceptions"], json!([]));
    lab.stop().await;
}

#[tokio::test]
async fn an_index_shows_the_images_that_it_holds_and_what_it_stands_on() {
    let lab = Lab::start().await;
    let (amd, arm) = (sample("i", "amd64"), sample("i", "arm64"));
    let index = SampleIndex::new(vec![amd.clone(), arm.clone()]);
    let of_index = lab.put_index(NAME, &index);
    let force = json!({"image": of_index, "environment": "production", "force": true});
    lab.promote(&lab.token, force).await.expect(200);
    let found = detail(&lab, &index.manifest.digest).await;
    assert_eq!(found["kind"], "index");
    let mut images: Vec<&str> = found["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["image"].as_str().unwrap())
        .collect();
    images.sort_unstable();
    let mut expected = [
        named(NAME, &amd.manifest.digest),
        named(NAME, &arm.manifest.digest),
    ];
    expected.sort();
    assert_eq!(images, expected);
    assert_eq!(found["images"][0]["promoted"], json!(["production"]));
    assert_eq!(
        found["images"][0]["scanned_at"],
        Value::Null,
        "nobody scanned it"
    );
    lab.stop().await;
}

#[tokio::test]
async fn one_image_keeps_to_its_readers_scope() {
    let lab = Lab::start().await;
    let (image, of_image) = lab.put(NAME, "1");
    lab.submit(&lab.token, &of_image, &trivy(&image, &["HIGH"]))
        .await
        .expect(200);
    let path = format!("/api/v1/images/{}", image.manifest.digest);
    for (name, role, scope, status) in [
        ("here", "viewer", "registry.example/team/*", 200),
        ("elsewhere", "viewer", "registry.example/other/*", 404),
        ("node", "puller", "registry.example/team/*", 403),
    ] {
        let token = lab
            .token(json!({"name": name, "role": role, "repositories": [scope]}))
            .await;
        let answer = lab.nobody("GET", &path).token(&token).send().await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
    }
    let token = lab.token(json!({"name": "ci", "role": "scanner"})).await;
    let told = lab
        .nobody("GET", &path)
        .token(&token)
        .send()
        .await
        .expect(200);
    assert_eq!(
        told["exceptions"],
        Value::Null,
        "a scanner reads no exceptions"
    );
    let odd = lab.api("GET", "/api/v1/images/sha256:0").send().await;
    assert_eq!(odd.refusal(400).0, "bad-request");
    lab.stop().await;
}

#[tokio::test]
async fn what_others_say_of_the_same_digest_in_their_repositories_is_not_told() {
    let lab = Lab::start().await;
    let (image, of_app) = lab.put(NAME, "1");
    lab.upstream.put_image("other/app", &image);
    let theirs = named("other/app", &image.manifest.digest);
    let own = lab.submit(&lab.token, &of_app, &grype(&image)).await;
    own.expect(200);
    let scope = json!(["registry.example/other/*"]);
    let scanner = json!({"name": "their-ci", "role": "scanner", "repositories": scope});
    let scanner = lab.token(scanner).await;
    let report = trivy(&image, &["HIGH"]);
    lab.submit(&scanner, &theirs, &report).await.expect(200);
    let lead = json!({"name": "their-lead", "role": "on-call", "repositories": scope});
    let lead = lab.token(lead).await;
    let revoke = json!({"image": theirs, "reason": "their affair"});
    let ask = lab.nobody("POST", "/api/v1/revocations").token(&lead);
    ask.json(&revoke).send().await.expect(200);
    let reader = json!({"name": "ours", "role": "viewer",
        "repositories": ["registry.example/team/*"]});
    let reader = lab.token(reader).await;
    let path = format!("/api/v1/images/{}", image.manifest.digest);
    let ask = lab.nobody("GET", &path).token(&reader);
    let told = ask.send().await.expect(200);
    assert_eq!(told["scans"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(told["revocations"], json!([]), "{told}");
    assert!(!told.to_string().contains("their"), "{told}");
    let all = detail(&lab, &image.manifest.digest).await;
    assert_eq!(all["scans"].as_array().unwrap().len(), 2, "{all}");
    assert_eq!(all["revocations"][0]["reason"], "their affair");
    lab.stop().await;
}

/// The list and the view of one image agree: what a token of some environments does not
/// find there, it does not read here.
#[tokio::test]
async fn one_image_keeps_to_its_readers_environments() {
    let lab = Lab::start().await;
    let (image, of_image) = lab.put(NAME, "1");
    let report = trivy(&image, &["HIGH"]);
    lab.submit(&lab.token, &of_image, &report).await.expect(200);
    let force = json!({"image": of_image, "environment": "production", "force": true});
    lab.promote(&lab.token, force).await.expect(200);
    let path = format!("/api/v1/images/{}", image.manifest.digest);
    for (environment, status) in [("staging", 404), ("production", 200)] {
        let role = json!({"name": environment, "role": "viewer", "environments": [environment]});
        let reader = lab.token(role).await;
        let list = lab.nobody("GET", "/api/v1/images").token(&reader);
        let listed = list.send().await.expect(200)["total"] == json!(1);
        assert_eq!(listed, status == 200, "{environment}");
        let answer = lab.nobody("GET", &path).token(&reader).send().await;
        assert_eq!(answer.status, status, "{environment}: {}", answer.text());
    }
    lab.stop().await;
}

#[tokio::test]
async fn an_image_stands_on_those_alone_that_its_reader_may_see() {
    let lab = Lab::start().await;
    let begun = ImageBuilder::new(Platform::new("linux", "amd64", None)).file("base", b"base");
    let (base, above) = (begun.clone().build(), begun.file("app", b"app").build());
    lab.upstream.put_image("team/base", &base);
    lab.upstream.put_image(NAME, &above);
    let of_base = named("team/base", &base.manifest.digest);
    let of_above = named(NAME, &above.manifest.digest);
    for (image, environment) in [(&of_base, "production"), (&of_above, "staging")] {
        let force = json!({"image": image, "environment": environment, "force": true});
        lab.promote(&lab.token, force).await.expect(200);
    }
    let all = detail(&lab, &above.manifest.digest).await;
    assert_eq!(all["stands_on"][0]["image"], of_base, "{all}");
    let reader = json!({"name": "s", "role": "viewer", "environments": ["staging"]});
    let reader = lab.token(reader).await;
    let path = format!("/api/v1/images/{}", above.manifest.digest);
    let told = lab.nobody("GET", &path).token(&reader).send().await;
    assert_eq!(told.expect(200)["stands_on"], json!([]));
    lab.stop().await;
}

#[tokio::test]
async fn a_revocation_names_no_repositories_beyond_its_readers_scope() {
    let lab = Lab::start().await;
    let (image, of_image) = lab.put(NAME, "1");
    let report = trivy(&image, &[]);
    lab.submit(&lab.token, &of_image, &report).await.expect(200);
    let lead = json!({"name": "lead", "role": "on-call",
        "repositories": ["registry.example/team/*", "registry.example/secret/*"]});
    let lead = lab.token(lead).await;
    let revoke = json!({"image": of_image, "reason": "leaks a key"});
    let ask = lab.nobody("POST", "/api/v1/revocations").token(&lead);
    ask.json(&revoke).send().await.expect(200);
    let path = format!("/api/v1/images/{}", image.manifest.digest);
    let reader = json!({"name": "ours", "role": "viewer",
        "repositories": ["registry.example/team/*"]});
    let reader = lab.token(reader).await;
    let told = lab.nobody("GET", &path).token(&reader).send().await;
    let told = told.expect(200);
    assert_eq!(
        told["revocations"][0]["repositories"],
        json!(["registry.example/team/*"]),
        "{told}"
    );
    lab.stop().await;
}

#[tokio::test]
async fn the_gravest_of_many_findings_are_shown_and_the_others_counted_once_each() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let mut report = trivy(&image, &["LOW", "CRITICAL"]);
    let found = report["Results"][0]["Vulnerabilities"]
        .as_array_mut()
        .unwrap();
    let low = found.remove(0);
    for number in 0..1100 {
        let mut one = low.clone();
        one["VulnerabilityID"] = json!(format!("CVE-2020-{number:05}"));
        found.extend([one.clone(), one]);
    }
    found.rotate_left(1);
    lab.submit(&lab.token, &named, &report).await.expect(200);
    let detail = detail(&lab, &image.manifest.digest).await;
    let shown = detail["findings"].as_array().unwrap();
    assert_eq!(shown.len(), 1000);
    assert_eq!(shown[0]["severity"], "critical");
    assert_eq!(shown[1]["id"], "CVE-2020-00000");
    assert_eq!(shown[999]["id"], "CVE-2020-00998");
    assert_eq!(detail["more_findings"], 101);
    lab.stop().await;
}
