//! Advisories on source packages, and the binaries that images hold of them.

use serde_json::{Value, json};

use crate::kit::lab::{Lab, NAME, trivy};

const ADVISORY: &str = "[[advisory]]
id = \"SEC-2\"
packages = [\"pkg:deb/debian/xz-utils@5.6.1-1\"]
effect = \"block\"
reason = \"a backdoor\"
link = \"https://sec.example/2\"
";

async fn found(lab: &Lab, query: &str) -> Value {
    let path = format!("/api/v1/images?{query}");
    lab.api("GET", &path).send().await.expect(200)
}

#[tokio::test]
async fn a_blocked_source_denies_its_binaries_and_a_search_finds_them() {
    let lab = Lab::advised(ADVISORY).await;
    let (image, named) = lab.put(NAME, "1");
    let mut report = trivy(&image, &["LOW"]);
    report["Results"][0]["Packages"] = json!([
        {"Name": "liblzma5", "Version": "5.6.1-1+b1", "SrcName": "xz-utils",
         "SrcVersion": "5.6.1-1",
         "Identifier": {"PURL": "pkg:deb/debian/liblzma5@5.6.1-1%2Bb1?arch=amd64"}},
        {"Name": "openssl-LOW", "Version": "3.0.1", "SrcName": "openssl", "SrcVersion": "3.0.1"},
    ]);
    lab.submit(&lab.token, &named, &report).await.expect(200);
    let verdict = lab.verdict(&named, "staging").await;
    assert_eq!(
        verdict["reasons"][0]["reason"], "blocked-by-advisory",
        "{verdict}"
    );
    assert_eq!(
        verdict["reasons"][0]["detail"],
        "SEC-2: liblzma5 5.6.1-1+b1 of source xz-utils: a backdoor"
    );
    for query in [
        "package=xz-utils",
        "package=xz-utils@5.6.1-1",
        "package=pkg:deb/debian/xz-utils@5.6.1-1",
        "advisory=SEC-2",
    ] {
        let found = found(&lab, query).await;
        assert_eq!(found["images"][0]["image"], named, "{query}: {found}");
        let held = &found["images"][0]["matches"][0];
        assert_eq!(
            (&held["package"], &held["source"]),
            (&json!("liblzma5"), &json!("xz-utils")),
            "{found}"
        );
    }
    // Of a source that has a finding, the finding says all of it.
    let openssl = found(&lab, "package=openssl").await;
    let matches = openssl["images"][0]["matches"].as_array().unwrap();
    assert_eq!(matches.len(), 1, "{openssl}");
    assert_eq!(matches[0]["id"], "CVE-2026-1234", "{openssl}");
    let other = found(&lab, "package=xz-utils@5.6.0-1").await;
    assert_eq!(other["images"], json!([]), "{other}");
    lab.stop().await;
}
