//! A gateway with something to show: pulls, denials for several reasons, an override, what is
//! accepted and what is said, a cluster whose Pods are known, and what ends soon.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sekisho::demo::SampleImage;
use serde_json::json;

use super::decision::denied;
use crate::kit::cluster_api::{ClusterApi, pod, way_in};
use crate::kit::lab::{
    DOOR, ENVIRONMENTS, LISTENERS, Lab, NAME, eventually, named, sample, trivy, trivy_at,
};

/// Its scan is no longer fresh tomorrow.
const STALE: &str = "team/checkout";
/// What accepts its finding ends in five days.
const ACCEPTED: &str = "team/payments";

const FOLDERS: &str = "exceptions_dir = \"exceptions\"\nadvisories_dir = \"advisories\"\n";

const CONSOLE: &str = r#"
[console]
merge_request_url = "https://gitlab.example/new?f={file}&c={content}"
"#;

/// A cluster of production, whose API `cluster.kubeconfig` names.
pub const CLUSTER: &str = r#"
[webhook]
address = "127.0.0.1:0"
[[clusters]]
name = "shop-prod"
environment = "production"
gateway = "registry.shop.example:5080"
nodes = "mirror"
kubeconfig = "cluster.kubeconfig"
"#;

const EXCEPTIONS: &str = r#"
[[exception]]
vulnerabilities = ["CVE-2023-45853"]
images = ["registry.example/team/**"]
packages = ["zlib1g"]
reason = "minizip is not linked"
link = "https://gitlab.example/security/exceptions/-/issues/214"
owner = "platform-team"
expires = {later}

[[exception]]
vulnerabilities = ["CVE-2026-1234"]
images = ["registry.example/team/payments"]
packages = ["openssl-CRITICAL"]
reason = "no certificate of a stranger is parsed"
link = "https://gitlab.example/security/exceptions/-/issues/231"
owner = "payments-team"
expires = {soon}
"#;

const ADVISORIES: &str = r#"
[[advisory]]
id = "SEC-2026-014"
vulnerabilities = ["CVE-2026-9999"]
effect = "block"
reason = "exploited in the wild"
link = "https://security.example/SEC-2026-014"
"#;

pub struct BusyLab {
    pub lab: Lab,
    id: String,
    digest: String,
    image: String,
    _cluster: ClusterApi,
}

impl BusyLab {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let exceptions = EXCEPTIONS.replace("{later}", &in_days(100));
        let exceptions = exceptions.replace("{soon}", &in_days(5));
        for (name, text) in [
            ("exceptions/team.toml", exceptions.as_str()),
            ("advisories/sec.toml", ADVISORIES),
        ] {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        let cluster = cluster().await;
        cluster.kubeconfig(&folder.path().join("cluster.kubeconfig"));
        let rest = format!("{ENVIRONMENTS}{CONSOLE}{CLUSTER}");
        let lab = Lab::inside(folder, &format!("{FOLDERS}{LISTENERS}"), &rest).await;
        pulled(&lab).await;
        ending(&lab).await;
        let (image, named) = lab.put(NAME, "bad");
        let report = trivy(&image, &["CRITICAL", "HIGH", "MEDIUM"]);
        lab.submit(&lab.token, &named, &report).await.expect(200);
        let path = denied(&lab, 0, NAME, "bad").await;
        for tag in ["2", "3"] {
            denied(&lab, 1, DOOR, tag).await;
        }
        cluster.open();
        running(&lab, 4).await;
        // A change: so what runs is judged again at once.
        let glass = json!({
            "image": named, "environment": "staging", "ticket": "INC-7", "hours": 2,
            "reason": "checkout is down",
        });
        let ask = lab.api("POST", "/api/v1/break-glass").json(&glass);
        ask.send().await.expect(200);
        Self {
            id: path.trim_start_matches("/d/").to_owned(),
            digest: image.manifest.digest.to_string(),
            image: named,
            _cluster: cluster,
            lab: followed(lab).await,
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
pub fn in_days(days: i64) -> String {
    let day = Timestamp::now() + SignedDuration::from_hours(days * 24);
    day.to_zoned(TimeZone::UTC).date().to_string()
}

/// As [`Lab::put`] makes it.
fn image(name: &str, tag: &str) -> SampleImage {
    sample(&format!("{name}:{tag}"), "amd64")
}

/// What runs: one image that is denied, reached from outside; one that is let in; and those
/// for which something ends.
async fn cluster() -> ClusterApi {
    let runs = |namespace: &str, app: &str, name: &str, tag: &str| {
        let digest = image(name, tag).manifest.digest.to_string();
        let name = format!("registry.example/{name}:{tag}");
        pod(namespace, app, &name, &digest)
    };
    let pods = vec![
        runs("shop", "web", NAME, "bad"),
        runs("shop", "search", NAME, "good"),
        runs("shop", "checkout", STALE, "1"),
        runs("money", "payments", ACCEPTED, "1"),
    ];
    let (web, front) = way_in("shop", "web");
    let (payments, api) = way_in("money", "payments");
    ClusterApi::silent(pods, vec![web, payments], vec![front, api]).await
}

/// Once so many images are known to run.
pub async fn running(lab: &Lab, images: usize) {
    eventually("the Pods are known", || async {
        let found = lab.api("GET", "/api/v1/images?running=true").send().await;
        found.expect(200)["total"] == images
    })
    .await;
}

/// Once what runs was judged again.
async fn followed(lab: Lab) -> Lab {
    eventually("what runs was judged again", || async {
        let status = lab.api("GET", "/api/v1/status").send().await;
        status.expect(200)["running_denied"][0]["images"] == 1
    })
    .await;
    lab
}

/// An image that is promoted and pulled.
async fn pulled(lab: &Lab) {
    let (image, good) = lab.put(NAME, "good");
    let report = trivy(&image, &[]);
    lab.submit(&lab.token, &good, &report).await.expect(200);
    promoted(lab, &good).await;
    let digest = image.manifest.digest.to_string();
    for _ in 0..5 {
        assert_eq!(lab.pull(0, NAME, &digest).await.status, 200);
    }
}

async fn promoted(lab: &Lab, image: &str) {
    let request = json!({"image": image, "environment": "production",
        "link": "https://git.example/7", "reason": "release 7"});
    lab.promote(&lab.token, request).await.expect(200);
}

/// Images that are let in, and soon are no longer.
async fn ending(lab: &Lab) {
    let nearly_stale = Timestamp::now() - SignedDuration::from_hours(29 * 24 + 6);
    for (name, at, found) in [
        (STALE, nearly_stale, &[][..]),
        (ACCEPTED, Timestamp::now(), &["CRITICAL"]),
    ] {
        let (image, _) = lab.put(name, "1");
        let named = named(name, &image.manifest.digest);
        let report = trivy_at(&image, at, found);
        lab.submit(&lab.token, &named, &report).await.expect(200);
        promoted(lab, &named).await;
    }
}
