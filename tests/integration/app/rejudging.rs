//! What is in use is judged again before the next pull asks.

use jiff::SignedDuration;
use sekisho::gate::{ExposureInput, ImageInUse, ImageUsage, RejudgeRound};
use sekisho::ledger::DeniedInUse;
use sekisho::oci::Digest;
use sekisho::trust::{DenialReason, EnvironmentName, Exposure, Subject};
use serde_json::json;

use crate::kit::lab::{LISTENERS, Lab, NAME, eventually, trivy};

const RULES: &str = "
[environments.production]
[environments.staging]
require = [\"scan\"]
max_report_age = \"2d\"
grace_for_admitted = \"0s\"
";

const LISTENERS_AND_FOLDER: &str = "advisories_dir = \"advisories\"
[[listeners]]
address = \"127.0.0.1:0\"
environment = \"production\"
[[listeners]]
address = \"127.0.0.1:0\"
environment = \"staging\"
";

async fn lab() -> Lab {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("advisories")).unwrap();
    Lab::inside(folder, LISTENERS_AND_FOLDER, RULES).await
}

/// An image that was scanned and pulled.
async fn pulled(lab: &Lab) -> Digest {
    let (image, named) = lab.put(NAME, "1");
    let report = trivy(&image, &[]);
    lab.submit(&lab.token, &named, &report).await.expect(200);
    let digest = image.manifest.digest.clone();
    let got = lab.pull(1, NAME, &digest.to_string()).await;
    assert_eq!(got.status, 200, "{}", got.text());
    lab.looked("facts").await;
    digest
}

async fn denied(lab: &Lab) -> Vec<DeniedInUse> {
    let found = lab.parts().ledger.denied_in_use(0, None).await.unwrap();
    found.into_iter().map(|it| it.denied).collect()
}

async fn turns_bad_for(lab: &Lab, reason: DenialReason) {
    let what = format!("a pulled image is {}", reason.code());
    eventually(&what, || async {
        denied(lab)
            .await
            .iter()
            .any(|it| it.denial.reason == reason)
    })
    .await;
}

async fn is_good_again(lab: &Lab) {
    eventually("it is good again", || async {
        denied(lab).await.is_empty()
    })
    .await;
}

#[tokio::test]
async fn what_was_pulled_turns_bad_and_good_again_without_a_pull() {
    let lab = lab().await;
    let digest = pulled(&lab).await;
    let asked = lab.upstream.total();
    // An advisory.
    let advisory = format!(
        "[[advisory]]\nid = \"SEC-1\"\ndigests = [\"{digest}\"]\neffect = \"block\"\n\
         reason = \"exploited\"\nlink = \"https://x.example/1\"\n"
    );
    lab.put_file("advisories/one.toml", &advisory);
    turns_bad_for(&lab, DenialReason::BlockedByAdvisory).await;
    lab.remove_file("advisories/one.toml");
    is_good_again(&lab).await;
    // Evidence.
    let what = json!({"image": format!("registry.example/{NAME}@{digest}"), "reason": "r"});
    lab.api("POST", "/api/v1/revocations")
        .json(&what)
        .send()
        .await
        .expect(200);
    turns_bad_for(&lab, DenialReason::Revoked).await;
    let path = "/api/v1/revocations/reinstate";
    lab.api("POST", path).json(&what).send().await.expect(200);
    is_good_again(&lab).await;
    // Time alone.
    lab.advance_long(SignedDuration::from_hours(49)).await;
    turns_bad_for(&lab, DenialReason::ScanStale).await;
    assert_eq!(lab.upstream.total(), asked, "no upstream was asked");
    let shown =
        "sekisho_denied_in_use{environment=\"staging\",reason=\"scan-stale\",usage=\"pulled\"} 1";
    eventually("the gauge shows it", || async {
        lab.parts().metrics.encode().contains(shown)
    })
    .await;
    lab.stop().await;
}

#[tokio::test]
async fn a_denied_image_is_counted_no_more_once_it_would_pass() {
    let lab = Lab::with(LISTENERS, RULES).await;
    let (image, named) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    lab.pull(1, NAME, &digest).await.expect(403);
    let counted = || lab.parts().gate.recorder().denied_images().len();
    assert_eq!(counted(), 1);
    lab.submit(&lab.token, &named, &trivy(&image, &[]))
        .await
        .expect(200);
    // It is known well enough once it was let through somewhere.
    lab.verdict(&named, "staging").await;
    eventually("it counts no more", || async { counted() == 0 }).await;
    assert!(denied(&lab).await.is_empty());
    // Nobody pulled it between.
    let what = json!({"image": named, "reason": "r"});
    lab.api("POST", "/api/v1/revocations")
        .json(&what)
        .send()
        .await
        .expect(200);
    eventually("it counts once more when what lifted it ends", || async {
        counted() == 1
    })
    .await;
    lab.stop().await;
}

#[tokio::test]
async fn a_running_image_that_turns_bad_is_news_of_its_own() {
    let lab = lab().await;
    let digest = pulled(&lab).await;
    let subject = Subject {
        environment: EnvironmentName::parse("staging").unwrap(),
        repository: format!("registry.example/{NAME}").parse().unwrap(),
        digest,
    };
    let what =
        json!({"image": format!("registry.example/{NAME}@{}", subject.digest), "reason": "r"});
    lab.api("POST", "/api/v1/revocations")
        .json(&what)
        .send()
        .await
        .expect(200);
    turns_bad_for(&lab, DenialReason::Revoked).await;
    let before = lab.parts().ledger.denied_in_use(0, None).await.unwrap();
    assert!(!before[0].denied.is_running);
    let gate = &lab.parts().gate;
    let running = || {
        vec![ImageInUse {
            subject: subject.clone(),
            exposure: ExposureInput::Listener(Exposure::Internal),
            usage: ImageUsage::Running,
        }]
    };
    let rulebook = gate.rulebook();
    let now = gate.now() + SignedDuration::from_mins(2);
    let round = RejudgeRound {
        rulebook: &rulebook,
        running: &running,
        pulled: &|_| ExposureInput::Listener(Exposure::External),
        is_written: true,
        now,
    };
    // The program's own rounds know of no Pod, and may come between.
    eventually("it is found to run", || async {
        gate.rejudger().once(&round).await.unwrap();
        let after = lab
            .parts()
            .ledger
            .denied_in_use(before[0].number, None)
            .await;
        let after = after.unwrap().into_iter().map(|it| it.denied);
        let same = |it: &DeniedInUse| it.subject == subject && it.is_running;
        after
            .filter(same)
            .any(|it| it.denial.reason == DenialReason::Revoked)
    })
    .await;
    lab.stop().await;
}
