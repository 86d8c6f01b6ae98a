//! Pages whose lists are full stay light, for a phone at night.

use serde_json::{Value, json};

use super::busy_lab::in_days;
use super::page_table::PAGES;
use super::visitor::Visitor;
use crate::kit::lab::{ENVIRONMENTS, LISTENERS, Lab, eventually, trivy};

/// The longest a page may be, in bytes, with all that it loads.
const MAX_PAGE_BYTES: usize = 100 << 10;
/// More than any page lists.
const IMAGES: usize = 60;
/// More findings than a page lists.
const FINDINGS: usize = 1200;
const NAME: &str = "payments/checkout-service-with-a-long-name";

/// A gateway with more of everything than a page lists.
async fn full() -> (Lab, String) {
    let folder = tempfile::tempdir().unwrap();
    let expires = in_days(100);
    let entry = |number: usize| {
        format!(
            "[[exception]]\nvulnerabilities = [\"CVE-2023-{number:05}\"]\n\
             images = [\"registry.example/{NAME}\"]\nreason = \"it is not linked, as the \
             team found in its review\"\nlink = \"https://gitlab.example/e/{number}\"\n\
             owner = \"platform-team\"\nexpires = {expires}\n\
             [[advisory]]\nid = \"SEC-{number}\"\nvulnerabilities = [\"CVE-2022-{number:05}\"]\n\
             effect = \"block\"\nreason = \"it is exploited in the wild\"\n\
             link = \"https://security.example/SEC-{number}\"\n"
        )
    };
    let texts: Vec<String> = (0..IMAGES).map(entry).collect();
    for (kind, first) in [("exceptions", 0), ("advisories", 1)] {
        let of_kind = |text: &String| {
            let at = text.find("[[advisory]]").unwrap();
            [&text[..at], &text[at..]][first].to_owned()
        };
        let text: String = texts.iter().map(of_kind).collect();
        std::fs::create_dir(folder.path().join(kind)).unwrap();
        std::fs::write(folder.path().join(kind).join("all.toml"), text).unwrap();
    }
    let folders = "exceptions_dir = \"exceptions\"\nadvisories_dir = \"advisories\"\n";
    let lab = Lab::inside(folder, &format!("{folders}{LISTENERS}"), ENVIRONMENTS).await;
    let first = denied(&lab, 0).await;
    for number in 1..IMAGES {
        denied(&lab, number).await;
    }
    (lab, first)
}

/// Scanned, promoted by force, and denied. Returns its name with its digest.
async fn denied(lab: &Lab, number: usize) -> String {
    let (image, named) = lab.put(&format!("{NAME}-{number}"), "1");
    let mut report = trivy(&image, &["HIGH"]);
    if number == 0 {
        let findings = &mut report["Results"][0]["Vulnerabilities"];
        let one = findings[0].clone();
        let more = (0..FINDINGS).map(|number| {
            let mut more = one.clone();
            more["VulnerabilityID"] = json!(format!("CVE-2025-{number:05}"));
            more["PkgName"] = json!(format!("libsomething-{number}"));
            more
        });
        *findings = Value::Array(more.chain([one.clone()]).collect());
    }
    lab.submit(&lab.token, &named, &report).await.expect(200);
    let force = json!({"image": named, "environment": "production", "force": true,
        "reason": "it was released before anybody looked", "link": "https://git.example/7"});
    lab.promote(&lab.token, force).await.expect(200);
    let digest = image.manifest.digest.to_string();
    let name = format!("{NAME}-{number}");
    lab.pull(0, &name, &digest).await.expect(403);
    named
}

#[tokio::test]
async fn a_page_with_full_lists_is_light() {
    let (lab, image) = full().await;
    let visitor = Visitor::with(&lab, &lab.token).await;
    let (_, digest) = image.split_once('@').unwrap();
    let list = || async {
        let of = format!("/api/v1/decisions?image={digest}");
        lab.api("GET", &of).send().await.expect(200)
    };
    let known = || async { list().await["decisions"][0].is_object() };
    eventually("the decision is written", known).await;
    let decision = list().await["decisions"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let assets = ["console.css", "console.js", "icon.svg"].map(|name| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/console/assets/");
        std::fs::read(format!("{folder}{name}")).unwrap().len()
    });
    let assets: usize = assets.iter().sum();
    let mut heavy = Vec::new();
    for case in &PAGES {
        let address = case.address.replace("{id}", &decision);
        let address = address
            .replace("{digest}", digest)
            .replace("{image}", &image);
        let answer = visitor.open(&address).await;
        assert_eq!(answer.status, 200, "{} {}", answer.head, case.name);
        let weight = answer.body.len() + assets;
        if weight > MAX_PAGE_BYTES {
            heavy.push((case.name, weight));
        }
    }
    assert_eq!(heavy, [], "bytes, of {MAX_PAGE_BYTES}");
    lab.stop().await;
}
