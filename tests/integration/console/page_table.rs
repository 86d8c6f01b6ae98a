//! Every page, once: what holds for pages holds for each of these.

use serde_json::json;

use super::decision::denied;
use crate::kit::lab::{DOOR, Lab, NAME, trivy};

/// One page, as people open it.
pub struct PageCase {
    pub name: &'static str,
    /// Its path in `src/console/router.rs`.
    pub route: &'static str,
    /// With `{id}`, `{digest}` and `{image}` where those of a [`BusyLab`] go.
    pub address: &'static str,
    /// Whether it shows an answer of the API, and so names its JSON.
    pub has_twin: bool,
}

const fn page(name: &'static str, route: &'static str, address: &'static str) -> PageCase {
    PageCase {
        name,
        route,
        address,
        has_twin: true,
    }
}

pub const PAGES: [PageCase; 12] = [
    page("overview", "/", "/"),
    page("denials", "/denials", "/denials"),
    page("decision", "/d/{id}", "/d/{id}"),
    page("images", "/images", "/images?cve=CVE-2026-1234"),
    page("image", "/images/{digest}", "/images/{digest}"),
    page("revoke", "/revoke", "/revoke?image={image}"),
    page("forecast", "/forecast", "/forecast?within=30d"),
    page("exceptions", "/exceptions", "/exceptions"),
    page("acts", "/acts", "/acts"),
    page("decisions", "/decisions", "/decisions"),
    page("try", "/try", "/try?image={image}"),
    PageCase {
        has_twin: false,
        ..page("sign-in", "/sign-in", "/sign-in")
    },
];

/// The same where there is nothing to show.
pub const EMPTY: [(&str, &str); 9] = [
    ("nothing-denied", "/denials?image=nothing"),
    ("nothing-found", "/images?cve=CVE-1999-1"),
    ("nothing-foreseen", "/forecast?environment=staging"),
    ("nothing-done", "/acts?principal=nobody"),
    ("nothing-decided", "/decisions?principal=nobody"),
    ("nothing-tried", "/try"),
    ("unknown-decision", "/d/0"),
    ("unknown-image", "/images/sha256:0"),
    ("lost", "/nowhere"),
];

/// Routes that are no pages.
const NO_PAGES: [&str; 5] = [
    "/images.csv",
    "/forecast.csv",
    "/acts.csv",
    "/decisions.csv",
    "/assets/{name}",
];

const FOLDERS: &str = "exceptions_dir = \"exceptions\"\nadvisories_dir = \"advisories\"\n";
const LISTENERS: &str = crate::kit::lab::LISTENERS;

/// A gateway with something to show: pulls, denials for several reasons, an override, what
/// is accepted and what is said.
pub struct BusyLab {
    pub lab: Lab,
    id: String,
    digest: String,
    image: String,
}

impl BusyLab {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("exceptions/team.toml", EXCEPTIONS),
            ("advisories/sec.toml", ADVISORIES),
        ] {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text.replace("{expires}", &in_some_months())).unwrap();
        }
        let rest = format!(
            "{}\n[console]\nmerge_request_url = \"https://gitlab.example/new?f={{file}}&c={{content}}\"\n",
            crate::kit::lab::ENVIRONMENTS
        );
        let lab = Lab::inside(folder, &format!("{FOLDERS}{LISTENERS}"), &rest).await;
        pulled(&lab).await;
        let (image, named) = lab.put(NAME, "bad");
        let report = trivy(&image, &["CRITICAL", "HIGH", "MEDIUM"]);
        lab.submit(&lab.token, &named, &report).await.expect(200);
        let path = denied(&lab, 0, NAME, "bad").await;
        for tag in ["2", "3"] {
            denied(&lab, 1, DOOR, tag).await;
        }
        let glass = json!({
            "image": named, "environment": "staging", "ticket": "INC-7", "hours": 2,
            "reason": "checkout is down",
        });
        let ask = lab.api("POST", "/api/v1/break-glass").json(&glass);
        ask.send().await.expect(200);
        Self {
            lab,
            id: path.trim_start_matches("/d/").to_owned(),
            digest: image.manifest.digest.to_string(),
            image: named,
        }
    }

    /// An address with what it names filled in.
    pub fn address(&self, address: &str) -> String {
        address
            .replace("{id}", &self.id)
            .replace("{digest}", &self.digest)
            .replace("{image}", &self.image)
    }
}

/// A day that exceptions may end on.
pub fn in_some_months() -> String {
    let day = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(100 * 24);
    day.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
}

/// An image that is promoted and pulled.
async fn pulled(lab: &Lab) {
    let (image, good) = lab.put(NAME, "good");
    let report = trivy(&image, &[]);
    lab.submit(&lab.token, &good, &report).await.expect(200);
    let request = json!({"image": good, "environment": "production",
        "link": "https://git.example/7", "reason": "release 7"});
    lab.promote(&lab.token, request).await.expect(200);
    let digest = image.manifest.digest.to_string();
    for _ in 0..5 {
        assert_eq!(lab.pull(0, NAME, &digest).await.status, 200);
    }
}

const EXCEPTIONS: &str = r#"
[[exception]]
vulnerabilities = ["CVE-2023-45853"]
images = ["registry.example/team/**"]
packages = ["zlib1g"]
reason = "minizip is not linked"
link = "https://gitlab.example/security/exceptions/-/issues/214"
owner = "platform-team"
expires = {expires}
"#;

const ADVISORIES: &str = r#"
[[advisory]]
id = "SEC-2026-014"
vulnerabilities = ["CVE-2026-9999"]
effect = "block"
reason = "exploited in the wild"
link = "https://security.example/SEC-2026-014"
"#;

#[test]
fn no_page_is_missing_in_the_table() {
    let router = include_str!("../../../src/console/router.rs");
    let routes = router.lines().filter(|line| line.contains("get("));
    let routes = routes.filter_map(|line| line.split('"').nth(1));
    let mut routes: Vec<&str> = routes.filter(|it| !NO_PAGES.contains(it)).collect();
    routes.push("/sign-in");
    let mut listed: Vec<&str> = PAGES.iter().map(|it| it.route).collect();
    routes.sort_unstable();
    listed.sort_unstable();
    assert_eq!(listed, routes);
}
