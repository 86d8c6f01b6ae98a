//! What holds for every page.

use serde_json::json;

use super::busy_lab::BusyLab;
use super::page_table::{EMPTY, PAGES};
use super::visitor::Visitor;
use crate::kit::lab::{ENVIRONMENTS, LISTENERS, Lab};

/// A rule that can apply to nothing, which is worth a second look.
const UNREACHED: &str = "
[[exposures]]
repositories = [\"never.example/**\"]
exposure = \"internal\"
reason = \"batch\"
";

#[tokio::test]
async fn pages_run_nothing_that_is_written_in_them_and_load_nothing_from_elsewhere() {
    let busy = BusyLab::start().await;
    let visitor = Visitor::with(&busy.lab, &busy.lab.token).await;
    let pages = PAGES.iter().map(|it| it.address);
    for path in pages.chain(EMPTY.map(|(_, address)| address)) {
        let answer = visitor.open(&busy.address(path)).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let page = answer.text();
        for inline in [
            " style=",
            " onclick=",
            "<style",
            "<script>",
            "javascript:",
            "src=\"http",
        ] {
            assert!(!page.contains(inline), "{path}: {inline}");
        }
    }
    busy.lab.stop().await;
}

#[tokio::test]
async fn nothing_passes_for_well_while_something_runs_that_could_not_start_again() {
    let busy = BusyLab::start().await;
    let visitor = Visitor::with(&busy.lab, &busy.lab.token).await;
    let page = visitor.shown("/").await;
    assert!(
        page.contains("1 image(s) in production: too-severe"),
        "{page}"
    );
    assert!(!page.contains("nothing is known to be wrong"), "{page}");
    let request = json!({"name": "team", "role": "viewer",
                         "repositories": ["registry.example/team/payments"]});
    let team = busy.lab.token(request).await;
    let page = Visitor::with(&busy.lab, &team).await.shown("/").await;
    assert!(!page.contains("could not start again"), "{page}");
    busy.lab.stop().await;
}

/// What the status warns of stands on the page, too.
#[tokio::test]
async fn nothing_passes_for_well_that_the_status_warns_of() {
    let folder = tempfile::tempdir().unwrap();
    let rest = format!("{ENVIRONMENTS}{UNREACHED}");
    let lab = Lab::inside(folder, LISTENERS, &rest).await;
    let status = lab.api("GET", "/api/v1/status").send().await.expect(200);
    let warned = status["warnings"].as_array().unwrap();
    assert!(
        !warned.is_empty() && status["problems"] == json!([]),
        "{status}"
    );
    let page = Visitor::new(&lab).shown("/").await;
    assert!(page.contains("Worth a second look"), "{page}");
    assert!(page.contains("never.example"), "{page}");
    assert!(!page.contains("nothing is known to be wrong"), "{page}");
    lab.stop().await;
}

#[tokio::test]
async fn every_page_names_its_json() {
    let busy = BusyLab::start().await;
    let visitor = Visitor::with(&busy.lab, &busy.lab.token).await;
    for case in PAGES.iter().filter(|case| case.has_twin) {
        let page = visitor.shown(&busy.address(case.address)).await;
        let mut twins = page.split("type=\"application/json\" href=\"");
        twins.next();
        let mut count = 0;
        for twin in twins {
            let twin = twin.split('"').next().unwrap().replace("&#38;", "&");
            visitor.open(twin.trim_start_matches('.')).await.expect(200);
            count += 1;
        }
        assert!(count > 0, "{}", case.name);
    }
    busy.lab.stop().await;
}

#[tokio::test]
async fn a_lost_browser_gets_a_page_and_a_lost_program_json() {
    let lab = Lab::start().await;
    let lost = Visitor::new(&lab).open("/nowhere").await;
    assert_eq!(lost.status, 404);
    assert!(lost.text().contains("nothing lies at that address"));
    let program = lab.nobody("GET", "/nowhere").send().await;
    assert_eq!(program.refusal(404).0, "not-found");
    let at_the_api = Visitor::new(&lab).open("/api/v1/nowhere").await;
    assert_eq!(at_the_api.refusal(404).0, "not-found");
    let other = Visitor::new(&lab).post("/", &[]).await;
    assert_eq!(other.status, 405);
    lab.stop().await;
}

#[tokio::test]
async fn nothing_passes_for_well_that_nobody_asked() {
    let lab = Lab::start().await;
    let page = Visitor::new(&lab).shown("/").await;
    assert!(page.contains("Not asked yet"), "{page}");
    assert!(!page.contains("nothing is known to be wrong"), "{page}");
    let (image, _) = lab.put("team/app", "1");
    let digest = image.manifest.digest.to_string();
    lab.pull(0, "team/app", &digest).await.expect(403);
    crate::kit::lab::eventually("the upstream was asked and all is listed", || async {
        let page = Visitor::new(&lab).shown("/").await;
        !page.contains("Not known")
    })
    .await;
    lab.stop().await;
}
