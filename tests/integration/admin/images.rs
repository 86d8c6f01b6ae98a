//! Which images hold something, where they run, who pulled them last, and what is not
//! known.

use sekisho::demo::{SampleImage, SampleIndex};
use serde_json::{Value, json};

use crate::kit::lab::{DOOR, Lab, NAME, eventually, grype, named, sample, trivy};

async fn search(lab: &Lab, query: &str) -> Value {
    let path = format!("/api/v1/images?{query}");
    lab.api("GET", &path).send().await.expect(200)
}

fn names(list: &Value) -> Vec<&str> {
    let images = list["images"].as_array().unwrap();
    images
        .iter()
        .map(|it| it["image"].as_str().unwrap())
        .collect()
}

/// What Grype finds under a name of its own, with the CVE beside it.
fn advisory_of(image: &SampleImage, id: &str, related: &str) -> Value {
    let mut report = grype(image);
    report["matches"] = json!([{
        "vulnerability": {
            "id": id, "severity": "High", "namespace": "github:language:java",
            "fix": {"versions": ["2.17.1"], "state": "fixed"},
        },
        "relatedVulnerabilities": [{"id": related, "severity": "High"}],
        "artifact": {
            "name": "log4j-core", "version": "2.14.1", "type": "java-archive",
            "purl": "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1",
        },
        "matchDetails": [],
    }]);
    report
}

#[tokio::test]
async fn finds_the_images_with_a_vulnerability_where_they_are_and_who_pulled_them() {
    let lab = Lab::start().await;
    let (image, of_app) = lab.put(NAME, "1");
    let (clean, of_clean) = lab.put(NAME, "2");
    let (_, of_door) = lab.put(DOOR, "1");
    lab.submit(&lab.token, &of_app, &trivy(&image, &["LOW", "HIGH"]))
        .await
        .expect(200);
    lab.submit(&lab.token, &of_clean, &trivy(&clean, &[]))
        .await
        .expect(200);
    for image in [&of_app, &of_door] {
        let force = json!({"image": image, "environment": "production", "force": true});
        lab.promote(&lab.token, force).await.expect(200);
    }
    let listener = "\n[environments.staging]\nmode = \"audit\"\n";
    let rest = crate::kit::lab::ENVIRONMENTS.replace("\n[environments.staging]\n", listener);
    lab.rewrite(crate::kit::lab::LISTENERS, &rest);
    let digest = image.manifest.digest.to_string();
    eventually("staging lets it pass", || async {
        lab.pull(1, NAME, &digest).await.status == 200
    })
    .await;
    eventually("the pull is on record", || async {
        let found = search(&lab, "cve=CVE-2026-1234").await;
        found["images"][0]["pulled"][0]["principal"] == "anonymous"
    })
    .await;
    let found = search(&lab, "cve=cve-2026-1234").await;
    assert_eq!(names(&found), [&*of_app]);
    let first = &found["images"][0];
    assert_eq!(first["platform"], "linux/amd64");
    assert_eq!(first["promoted"], json!(["production"]));
    assert_eq!(first["pulled"][0]["environment"], "staging");
    assert_eq!(first["pulled"][0]["client"], "127.0.0.1");
    let matches = first["matches"].as_array().unwrap();
    assert_eq!(matches.len(), 2, "{matches:?}");
    assert_eq!(matches[0]["fixed"], "3.0.2");
    // No cluster is configured: nobody knows what runs.
    assert_eq!(
        (&first["pods"], &found["clusters"]),
        (&Value::Null, &json!([]))
    );
    // The door was promoted by force and never scanned: that is said, and no all-clear.
    let coverage = &found["coverage"];
    assert_eq!(
        (&coverage["known"], &coverage["unscanned"]),
        (&json!(3), &json!(1))
    );
    let none = search(&lab, "cve=CVE-1999-1").await;
    assert_eq!(
        (names(&none).len(), &none["coverage"]["unscanned"]),
        (0, &json!(1))
    );
    lab.stop().await;
}

/// An empty list would pass for an all-clear.
#[tokio::test]
async fn what_can_match_nothing_is_refused() {
    let lab = Lab::start().await;
    for (path, told) in [
        ("/api/v1/images?name=team/**", "matches no repository"),
        ("/api/v1/decisions?image=team/**", "matches no repository"),
        (
            "/api/v1/decisions/stream?image=team/**",
            "matches no repository",
        ),
        ("/api/v1/denials?image=team/**", "matches no repository"),
        ("/api/v1/acts?image=team/**", "matches no repository"),
        (
            "/api/v1/images?cve=nonsense",
            "can be no vulnerability's id",
        ),
    ] {
        let (code, text) = lab.api("GET", path).send().await.refusal(400);
        assert_eq!(code, "bad-request", "{path}");
        assert!(text.contains(told), "{path}: {text}");
    }
    lab.stop().await;
}

#[tokio::test]
async fn an_image_that_was_only_asked_for_counts_as_unknown() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    lab.pull(0, NAME, "1").await.expect(403);
    eventually("it is known", || async {
        search(&lab, "cve=CVE-1").await["coverage"]["unscanned"] == 1
    })
    .await;
    // So does one of which the only scan left something out.
    let mut partial = trivy(&image, &[]);
    partial["Metadata"]["OS"] = Value::Null;
    let taken = lab.submit(&lab.token, &named, &partial).await;
    if taken.status == 200 && taken.value()["incomplete"] != json!([]) {
        assert_eq!(search(&lab, "cve=CVE-1").await["coverage"]["unscanned"], 1);
    }
    lab.submit(&lab.token, &named, &trivy(&image, &[]))
        .await
        .expect(200);
    let coverage = search(&lab, "cve=CVE-1").await["coverage"].clone();
    assert_eq!(
        (&coverage["known"], &coverage["unscanned"]),
        (&json!(1), &json!(0))
    );
    lab.stop().await;
}

#[tokio::test]
async fn finds_a_vulnerability_by_any_of_its_ids() {
    let lab = Lab::start().await;
    let (by_cve, of_cve) = lab.put(NAME, "1");
    let (by_ghsa, of_ghsa) = lab.put(NAME, "2");
    let mut report = trivy(&by_cve, &["HIGH"]);
    report["Results"][0]["Vulnerabilities"][0]["VulnerabilityID"] = json!("CVE-2021-44228");
    lab.submit(&lab.token, &of_cve, &report).await.expect(200);
    let report = advisory_of(&by_ghsa, "GHSA-jfh8-c2jp-5v3q", "CVE-2021-44228");
    lab.submit(&lab.token, &of_ghsa, &report).await.expect(200);
    let mut both = vec![&*of_cve, &*of_ghsa];
    both.sort_unstable();
    for id in [
        "CVE-2021-44228",
        "GHSA-jfh8-c2jp-5v3q",
        "ghsa-JFH8-c2jp-5v3q",
    ] {
        let found = search(&lab, &format!("cve={id}")).await;
        assert_eq!(names(&found), both, "{id}: {found}");
        assert!(found["ids"].as_array().unwrap().len() >= 2, "{found}");
    }
    lab.stop().await;
}

#[tokio::test]
async fn finds_a_package_by_name_version_and_url_in_standing_scans_alone() {
    let lab = Lab::start().await;
    let (java, of_java) = lab.put(NAME, "1");
    let (debian, of_debian) = lab.put(DOOR, "1");
    let report = advisory_of(&java, "GHSA-1", "CVE-1");
    lab.submit(&lab.token, &of_java, &report).await.expect(200);
    let mut report = trivy(&debian, &[]);
    report["Results"][0]["Packages"] = json!([
        {"ID": "xz-utils@5.6.1-1", "Name": "xz-utils", "Version": "5.6.1-1",
         "Identifier": {"PURL": "pkg:deb/debian/xz-utils@5.6.1-1?arch=amd64"}},
        {"ID": "PyYAML@5.3", "Name": "PyYAML", "Version": "5.3",
         "Identifier": {"PURL": "pkg:pypi/pyyaml@5.3"}},
        {"ID": "Zope_Interface@6", "Name": "Zope_Interface", "Version": "6"},
    ]);
    lab.submit(&lab.token, &of_debian, &report)
        .await
        .expect(200);
    for (package, image) in [
        ("log4j-core", Some(&of_java)),
        ("log4j-core@2.14.1", Some(&of_java)),
        ("log4j-core@2.17.1", None),
        (
            "pkg:maven/org.apache.logging.log4j/log4j-core",
            Some(&of_java),
        ),
        ("xz-utils@5.6.1-1", Some(&of_debian)),
        ("pkg:deb/debian/xz-utils@5.6.1-1", Some(&of_debian)),
        ("pkg:pypi/pyyaml", Some(&of_debian)),
        ("pkg:pypi/PyYAML@5.3", Some(&of_debian)),
        ("pkg:pypi/PyYAML@5.4", None),
        ("pkg:pypi/zope.interface@6", Some(&of_debian)),
        ("pkg:rpm/fedora/xz-utils", None),
        ("nothing", None),
    ] {
        let found = search(&lab, &format!("package={package}")).await;
        let expected: Vec<&str> = image.into_iter().map(String::as_str).collect();
        assert_eq!(names(&found), expected, "{package}: {found}");
        // Grype lists packages with a finding alone.
        assert_eq!(found["coverage"]["without_packages"], 1, "{found}");
        let matches = found["images"][0]["matches"].as_array();
        assert!(matches.is_none_or(|it| it.len() == 1), "{found}");
    }
    // A newer scan of the same tool no longer names it.
    lab.submit(&lab.token, &of_java, &grype(&java))
        .await
        .expect(200);
    let found = search(&lab, "package=log4j-core").await;
    assert_eq!(names(&found), [] as [&str; 0]);
    for bad in [
        "package=",
        "package=two%20words",
        "cve=%20",
        "digest=sha256:0",
        "limit=x",
    ] {
        let path = format!("/api/v1/images?{bad}");
        let refused = lab.api("GET", &path).send().await;
        assert_eq!(refused.refusal(400).0, "bad-request", "{bad}");
    }
    lab.stop().await;
}

#[tokio::test]
async fn finds_images_by_what_they_hold_and_by_what_was_denied() {
    let lab = Lab::start().await;
    let (amd, arm) = (sample("i", "amd64"), sample("i", "arm64"));
    let index = SampleIndex::new(vec![amd.clone(), arm.clone()]);
    let of_index = lab.put_index(NAME, &index);
    let force = json!({"image": of_index, "environment": "production", "force": true});
    lab.promote(&lab.token, force).await.expect(200);
    let of_amd = named(NAME, &amd.manifest.digest);
    for (digest, count) in [
        (&index.manifest.digest, 2),
        (&amd.manifest.digest, 1),
        (&amd.config.digest, 1),
        (&arm.layers[0].digest, 1),
    ] {
        let found = search(&lab, &format!("digest={digest}")).await;
        let expected = match amd.layers[0].digest == arm.layers[0].digest {
            true if *digest == arm.layers[0].digest => 2,
            _ => count,
        };
        assert_eq!(names(&found).len(), expected, "{digest}: {found}");
    }
    let found = search(&lab, &format!("digest={}", amd.config.digest)).await;
    assert_eq!(names(&found), [&*of_amd]);
    assert_eq!(search(&lab, "denied=true").await["images"], json!([]));
    let (other, of_other) = lab.put(DOOR, "1");
    let digest = other.manifest.digest.to_string();
    lab.pull(1, DOOR, &digest).await.expect(403);
    eventually("the denial is found", || async {
        names(&search(&lab, "denied=true").await) == [&*of_other]
    })
    .await;
    let denied = search(&lab, "denied=true&environment=staging").await;
    assert_eq!(
        denied["images"][0]["denials"][0]["reasons"],
        json!(["not-scanned"])
    );
    let elsewhere = search(&lab, "denied=true&environment=production").await;
    assert_eq!(elsewhere["images"], json!([]));
    lab.stop().await;
}

#[tokio::test]
async fn a_search_keeps_to_its_readers_scope_and_comes_in_pages() {
    let lab = Lab::start().await;
    for (name, tag) in [(NAME, "1"), (NAME, "2"), (DOOR, "1")] {
        let (image, named) = lab.put(name, tag);
        lab.submit(&lab.token, &named, &trivy(&image, &["HIGH"]))
            .await
            .expect(200);
        let force = json!({"image": named, "environment": "staging", "force": true});
        lab.promote(&lab.token, force).await.expect(200);
    }
    let whole = search(&lab, "cve=CVE-2026-1234").await;
    assert_eq!((names(&whole).len(), &whole["next"]), (3, &Value::Null));
    let mut paged = Vec::new();
    let mut cursor = String::new();
    for _ in 0..3 {
        let page = search(&lab, &format!("cve=CVE-2026-1234&limit=1{cursor}")).await;
        paged.extend(names(&page).into_iter().map(str::to_owned));
        assert_eq!(page["coverage"]["known"], whole["coverage"]["known"]);
        assert_eq!(page["total"], 3);
        cursor = format!("&page={}", page["next"].as_str().unwrap_or_default());
    }
    assert_eq!(
        (paged, &*cursor),
        (
            names(&whole).iter().map(|it| (*it).to_owned()).collect(),
            "&page="
        )
    );
    for (name, key, scope, seen) in [
        ("app", "repositories", "registry.example/team/app", 2),
        ("none", "repositories", "registry.example/other/*", 0),
        ("staging", "environments", "staging", 3),
        ("production", "environments", "production", 0),
    ] {
        let token = lab
            .token(json!({"name": name, "role": "viewer", key: [scope]}))
            .await;
        let ask = lab
            .nobody("GET", "/api/v1/images?cve=CVE-2026-1234")
            .token(&token);
        let found = ask.send().await.expect(200);
        assert_eq!(names(&found).len(), seen, "{name}: {found}");
        assert_eq!(found["coverage"]["known"], seen, "{name}");
    }
    let puller = lab.token(json!({"name": "node", "role": "puller"})).await;
    let ask = lab.nobody("GET", "/api/v1/images").token(&puller);
    assert_eq!(ask.send().await.status, 403);
    let unknown = lab
        .api("GET", "/api/v1/images?environment=moon")
        .send()
        .await;
    assert_eq!(unknown.refusal(400).0, "bad-request");
    lab.stop().await;
}

const ADVISORY: &str = "[[advisory]]
id = \"SEC-1\"
vulnerabilities = [\"CVE-2026-1234\"]
effect = \"raise\"
severity = \"high\"
reason = \"exploited\"
link = \"https://sec.example/1\"
[[advisory]]
id = \"SEC-2\"
packages = [\"xz-utils\"]
effect = \"block\"
reason = \"a backdoor\"
link = \"https://sec.example/2\"
";

#[tokio::test]
async fn finds_what_an_advisory_speaks_of_and_what_is_called_so() {
    let lab = Lab::advised(ADVISORY).await;
    let (by_cve, of_cve) = lab.put(NAME, "1");
    let (by_package, of_package) = lab.put(DOOR, "1");
    let (clean, of_clean) = lab.put(NAME, "2");
    let mut listed = trivy(&by_package, &[]);
    listed["Results"][0]["Packages"] = json!([
        {"ID": "xz-utils@5.6.1-1", "Name": "xz-utils", "Version": "5.6.1-1"},
    ]);
    for (named, report) in [
        (&of_cve, trivy(&by_cve, &["HIGH"])),
        (&of_package, listed),
        (&of_clean, trivy(&clean, &[])),
    ] {
        lab.submit(&lab.token, named, &report).await.expect(200);
    }
    let found = search(&lab, "advisory=sec-1").await;
    assert_eq!(
        (names(&found), &found["total"]),
        (vec![&*of_cve], &json!(1)),
        "{found}"
    );
    let found = search(&lab, "advisory=SEC-2").await;
    assert_eq!(names(&found), [&*of_package], "{found}");
    assert_eq!(found["coverage"]["without_packages"], 2, "{found}");
    let door = search(&lab, "name=Team%2Fdoor").await;
    assert_eq!(names(&door), [&*of_package]);
    let glob = search(&lab, "name=registry.example%2Fteam%2Fa*&cve=CVE-2026-1234").await;
    assert_eq!(names(&glob), [&*of_cve]);
    // Nothing is known to run, and that is no all-clear.
    let running = search(&lab, "running=true").await;
    assert_eq!(
        (names(&running).len(), &running["clusters"]),
        (0, &json!([]))
    );
    let unknown = lab.api("GET", "/api/v1/images?advisory=SEC-9").send().await;
    assert_eq!(unknown.refusal(404).0, "not-found");
    lab.stop().await;
}

/// An environment that serves one platform never handed the other out with the index.
#[tokio::test]
async fn the_pull_of_an_index_is_one_of_the_images_that_its_environment_serves() {
    let rest = crate::kit::lab::ENVIRONMENTS.replace(
        "[environments.staging]",
        "[environments.staging]\nplatforms = [\"linux/amd64\"]",
    );
    let lab = Lab::with(crate::kit::lab::LISTENERS, &rest).await;
    let (amd, arm) = (sample("i", "amd64"), sample("i", "arm64"));
    let of_index = lab.put_index(NAME, &SampleIndex::new(vec![amd.clone(), arm.clone()]));
    for image in [&amd, &arm] {
        let report = trivy(image, &["LOW"]);
        lab.submit(&lab.token, &of_index, &report).await.expect(200);
    }
    let index = of_index.split_once('@').unwrap().1;
    assert_eq!(lab.pull(1, NAME, index).await.status, 200);
    let pulled = async |image: &SampleImage| {
        let found = search(&lab, &format!("digest={}", image.manifest.digest)).await;
        found["images"][0]["pulled"].as_array().unwrap().len()
    };
    eventually("the pull is on record", || async {
        pulled(&amd).await == 1
    })
    .await;
    assert_eq!(pulled(&arm).await, 0);
    lab.stop().await;
}
