//! From a denial to the exception that would lift it, and no further.

use sekisho::app::config::load_vulnerability_policy;
use serde_json::{Value, json};

use super::program::{Program, Run};
use crate::kit::lab::{Lab, NAME, RAISING, eventually, trivy};

async fn run(lab: &Lab, arguments: &[&str]) -> Run {
    let program = Program::new(arguments)
        .env("SEKISHO_SERVER", &lab.server())
        .env("SEKISHO_TOKEN", &lab.token);
    tokio::task::spawn_blocking(|| program.run()).await.unwrap()
}

/// The id of the one denial there is.
async fn denied(lab: &Lab) -> String {
    lab.pull(1, NAME, "1").await;
    let list = || async {
        let listed = lab
            .api("GET", "/api/v1/decisions?verdict=denied")
            .send()
            .await;
        listed.expect(200)["decisions"].as_array().unwrap().clone()
    };
    eventually("the denial on record", || async {
        !list().await.is_empty()
    })
    .await;
    list().await[0]["id"].as_str().unwrap().to_owned()
}

const LINK: &str = "https://gitlab.example/security/exceptions/-/issues/214";

#[tokio::test]
async fn a_draft_accepts_what_denies_and_is_good_toml() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let mut report = trivy(&image, &["HIGH", "LOW"]);
    report["Results"][0]["Vulnerabilities"][1]["VulnerabilityID"] = json!("CVE-2026-5");
    lab.submit(&lab.token, &named, &report).await.expect(200);
    let id = denied(&lab).await;
    let draft = run(
        &lab,
        &["exceptions", "draft", &id, "--link", LINK, "--owner", "web"],
    )
    .await;
    assert_eq!(draft.code, 0, "{draft:?}");
    assert!(
        draft.stdout.contains("# CVE-2026-1234 HIGH openssl-HIGH"),
        "{draft:?}"
    );
    assert!(!draft.stdout.contains("CVE-2026-5"), "{draft:?}");
    let json = ["exceptions", "draft", &id, "--link", LINK, "--owner", "web"];
    let json = run(&lab, &[&json[..], &["--output", "json"]].concat()).await;
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["toml"], draft.stdout, "the same for scripts");
    assert_eq!(json["decision"], id);
    assert!(named.starts_with(json["image"].as_str().unwrap()), "{json}");
    assert_eq!(json["still_denied"], json!([]), "{json}");
    assert!(draft.stderr.is_empty(), "{draft:?}");
    // Written where exceptions lie, and finished, it holds together and lifts the denial.
    let folder = lab.folder.path();
    std::fs::create_dir(folder.join("exceptions")).unwrap();
    std::fs::write(folder.join("exceptions/draft.toml"), &draft.stdout).unwrap();
    let text = std::fs::read_to_string(lab.file()).unwrap();
    std::fs::write(
        lab.file(),
        format!("exceptions_dir = \"exceptions\"\n{text}"),
    )
    .unwrap();
    let load = || load_vulnerability_policy(Some(&lab.file()), jiff::Timestamp::now());
    let unfinished = load().unwrap_err().to_string();
    assert!(
        unfinished.contains("exception#1.reason") && !unfinished.contains("owner"),
        "what nobody wrote is no reason: {unfinished}"
    );
    let finished = draft.stdout.replace("TODO", "not reachable");
    std::fs::write(folder.join("exceptions/draft.toml"), finished).unwrap();
    assert_eq!(load().unwrap().exceptions().count(), 1);
    let lab = lab.restarted().await;
    assert_eq!(lab.verdict(&named, "staging").await["allowed"], true);
    let listed = lab
        .api("GET", "/api/v1/exceptions")
        .send()
        .await
        .expect(200);
    assert_eq!(listed["exceptions"][0]["used"], true);
    lab.stop().await;
}

/// What nobody wrote yet is left to be written; the rest is as it will be checked.
#[tokio::test]
async fn a_draft_for_findings_on_a_system_past_its_end_of_life_is_two_exceptions() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let mut report = trivy(&image, &["HIGH"]);
    report["Metadata"]["OS"] = json!({"Family": "alpine", "Name": "3.10.9", "EOSL": true});
    lab.submit(&lab.token, &named, &report).await.expect(200);
    let id = denied(&lab).await;
    let arguments = [
        "exceptions",
        "draft",
        &id,
        "--link",
        LINK,
        "--owner",
        "web",
        "--reason",
        "not reachable",
    ];
    let draft = run(&lab, &arguments).await;
    assert_eq!(draft.code, 0, "{draft:?}");
    assert_eq!(
        draft.stdout.matches("[[exception]]").count(),
        2,
        "{draft:?}"
    );
    assert!(
        draft.stdout.contains("accept = [\"end-of-life\"]"),
        "{draft:?}"
    );
}

#[tokio::test]
async fn a_draft_that_would_be_refused_is_not_made() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let report = trivy(&image, &["HIGH"]);
    lab.submit(&lab.token, &named, &report).await.expect(200);
    let id = denied(&lab).await;
    let file = lab.file();
    let known = ["--config", file.to_str().unwrap()];
    for (more, known, told) in [
        (["--link", "notalink"], &[][..], "is no web address"),
        (["--link", "https://gitlab.example/TODO"], &[], "link"),
        (["--expires", "400d"], &known, "180d"),
        (["--owner", ""], &[], "owner"),
    ] {
        let link: &[&str] = match more[0] == "--link" {
            true => &[],
            false => &["--link", LINK],
        };
        let draft = ["exceptions", "draft", &id];
        let draft = run(&lab, &[&draft[..], &more, known, link].concat()).await;
        assert_eq!(draft.code, 2, "{more:?}: {draft:?}");
        assert!(draft.stdout.is_empty(), "{more:?}: {draft:?}");
        assert!(draft.stderr.contains(told), "{more:?}: {draft:?}");
    }
    let far = [
        "exceptions",
        "draft",
        &id,
        "--link",
        LINK,
        "--expires",
        "400d",
    ];
    let far = run(&lab, &far).await;
    assert_eq!(far.code, 0, "whose horizon is not known: {far:?}");
    lab.stop().await;
}

#[tokio::test]
async fn what_no_exception_accepts_gets_no_draft() {
    let lab = Lab::start().await;
    lab.put(NAME, "1");
    let id = denied(&lab).await;
    let draft = run(&lab, &["exceptions", "draft", &id, "--link", LINK]).await;
    assert_eq!(draft.code, 1, "{draft:?}");
    assert!(
        draft
            .stderr
            .contains("not-scanned, which no exception accepts"),
        "{draft:?}"
    );
    let unknown = "0".repeat(32);
    let draft = run(&lab, &["exceptions", "draft", &unknown, "--link", LINK]).await;
    assert_eq!(draft.code, 1, "{draft:?}");
    lab.stop().await;
}

/// A decision is explained as it was decided, whatever came since.
#[tokio::test]
async fn a_decision_is_explained_as_it_was_decided_then() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    lab.submit(&lab.token, &named, &trivy(&image, &["HIGH"]))
        .await
        .expect(200);
    let id = denied(&lab).await;
    let clean = json!({"image": named, "report": trivy(&image, &[])});
    lab.api("POST", "/api/v1/scans")
        .json(&clean)
        .send()
        .await
        .expect(200);
    assert_eq!(lab.verdict(&named, "staging").await["allowed"], true);
    let told = run(&lab, &["explain", &id]).await;
    assert_eq!(told.code, 3, "{told:?}");
    for part in [
        "DENIED",
        "too-severe: CVE-2026-1234 HIGH",
        "next: rebuild, or ask for an exception",
        "scan",
        "met",
    ] {
        assert!(told.stdout.contains(part), "{part}: {told:?}");
    }
    let json = run(&lab, &["explain", &id, "--output", "json"]).await;
    let decision: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(decision["denials"][0]["reason"], "too-severe");
    assert!(
        decision["checks"].as_array().unwrap().len() >= 3,
        "{decision}"
    );
    lab.stop().await;
}

#[tokio::test]
async fn what_an_advisory_raises_has_no_draft_and_another_next_step() {
    let lab = Lab::advised(RAISING).await;
    let (image, named) = lab.put(NAME, "1");
    let mut report = trivy(&image, &["HIGH"]);
    lab.submit(&lab.token, &named, &report).await.expect(200);
    let id = denied(&lab).await;
    let told = run(&lab, &["explain", &id]).await;
    assert!(
        told.stdout
            .contains("next: rebuild, or ask the owner of SEC-1"),
        "{told:?}"
    );
    let draft = ["exceptions", "draft", &id, "--link", LINK, "--owner", "web"];
    let refused = run(&lab, &draft).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    for part in [
        "an advisory raises, which no exception accepts",
        "the owner of SEC-1",
    ] {
        assert!(refused.stderr.contains(part), "{part}: {refused:?}");
    }
    // Beside another finding the draft has that alone, and says what stays.
    let mut other = report["Results"][0]["Vulnerabilities"][0].clone();
    other["VulnerabilityID"] = json!("CVE-2026-7");
    let found = report["Results"][0]["Vulnerabilities"].as_array_mut();
    found.unwrap().push(other);
    lab.submit(&lab.token, &named, &report).await.expect(200);
    let drafted = run(&lab, &draft).await;
    assert_eq!(drafted.code, 0, "{drafted:?}");
    assert!(
        drafted
            .stdout
            .contains("vulnerabilities = [\"CVE-2026-7\"]"),
        "{drafted:?}"
    );
    assert!(
        drafted.stderr.contains("stays denied: too-severe"),
        "{drafted:?}"
    );
    lab.stop().await;
}

#[tokio::test]
async fn an_explanation_without_the_environment_that_it_needs_is_a_wrong_call() {
    let lab = Lab::start().await;
    let (_, named) = lab.put(NAME, "1");
    let told = run(&lab, &["explain", &named]).await;
    assert_eq!(told.code, 2, "{told:?}");
    assert!(told.stderr.contains("name one of: production"), "{told:?}");
    lab.stop().await;
}
