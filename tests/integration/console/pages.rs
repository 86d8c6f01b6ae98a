//! What holds for every page.

use super::visitor::Visitor;
use crate::kit::lab::Lab;

/// The longest a page may be, in bytes, with all that it loads.
const MAX_PAGE_BYTES: usize = 100 << 10;

/// Every page that needs no id.
const PAGES: [&str; 9] = [
    "/",
    "/denials",
    "/sign-in",
    "/images",
    "/forecast",
    "/exceptions",
    "/acts",
    "/decisions",
    "/try",
];
/// Those of them that draw no answer of the API.
const FORMS: [&str; 2] = ["/sign-in", "/try"];

#[tokio::test]
async fn pages_run_nothing_that_is_written_in_them_and_load_nothing_from_elsewhere() {
    let lab = Lab::start().await;
    let visitor = Visitor::with(&lab, &lab.token).await;
    for path in PAGES.into_iter().chain(["/nowhere", "/d/0"]) {
        let answer = visitor.open(path).await;
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
    lab.stop().await;
}

#[tokio::test]
async fn pages_are_light() {
    let lab = Lab::start().await;
    let visitor = Visitor::with(&lab, &lab.token).await;
    let assets = ["console.css", "console.js", "icon.svg"].map(|name| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/console/assets/");
        std::fs::read(format!("{folder}{name}")).unwrap().len()
    });
    for path in PAGES {
        let weight = visitor.open(path).await.body.len() + assets.iter().sum::<usize>();
        assert!(weight <= MAX_PAGE_BYTES, "{path} weighs {weight} bytes");
    }
    lab.stop().await;
}

#[tokio::test]
async fn every_page_names_its_json() {
    let lab = Lab::start().await;
    let visitor = Visitor::with(&lab, &lab.token).await;
    for path in PAGES.into_iter().filter(|path| !FORMS.contains(path)) {
        let page = visitor.shown(path).await;
        let (_, twin) = page
            .split_once("type=\"application/json\" href=\"")
            .unwrap();
        let twin = twin.split('"').next().unwrap().replace("&#38;", "&");
        let twin = twin.trim_start_matches('.');
        visitor.open(twin).await.expect(200);
    }
    lab.stop().await;
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
