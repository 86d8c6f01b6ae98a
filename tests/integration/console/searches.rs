//! The pages that answer "what have we got?": images, one image, the forecast, what is
//! accepted, what was done and decided, and what would be.

use sekisho::ledger::{FactKind, PullFact};
use sekisho::oci::Digest;
use sekisho::trust::Subject;
use serde_json::json;

use super::busy_lab::{CLUSTER, running};
use super::decision::denied;
use super::visitor::Visitor;
use crate::kit::cluster_api::{ClusterApi, pod, way_in};
use crate::kit::lab::{
    DOOR, ENVIRONMENTS, LISTENERS, Lab, NAME, eventually, sample, trivy, trivy_at,
};

/// A scanned image with a finding, promoted by force, and how it is named.
async fn severe(lab: &Lab) -> (String, String) {
    let (image, named) = lab.put(NAME, "1");
    let report = trivy(&image, &["HIGH"]);
    lab.submit(&lab.token, &named, &report).await.expect(200);
    let force = json!({"image": named, "environment": "production", "force": true,
        "link": "https://git.example/7"});
    lab.promote(&lab.token, force).await.expect(200);
    (named, image.manifest.digest.to_string())
}

#[tokio::test]
async fn a_vulnerability_leads_to_its_images_and_to_an_advisory_to_copy() {
    let lab = Lab::start().await;
    let (named, digest) = severe(&lab).await;
    lab.put(DOOR, "1");
    denied(&lab, 0, DOOR, "1").await;
    let reader = Visitor::with(&lab, &lab.token).await;
    let page = reader.shown("/images?cve=cve-2026-1234").await;
    for part in [
        &*named,
        &format!("images/{digest}"),
        "CVE-2026-1234",
        "openssl-HIGH 3.0.1",
        "fixed in 3.0.2",
        "1 of 2 known image(s)",
        // No all-clear: one was never scanned, and nobody knows what runs.
        "without a whole scan: 1 of 2 images",
        "where they run is unknown",
        "[[advisory]]",
        "vulnerabilities = [&#34;cve-2026-1234&#34;]",
        "value=\"cve-2026-1234\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let none = reader.shown("/images?cve=CVE-1999-1").await;
    assert!(
        none.contains("What nobody scanned is not among them"),
        "{none}"
    );
    let file = reader.open("/images.csv?cve=CVE-2026-1234").await;
    assert_eq!(file.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(file.text().contains(&named), "{}", file.text());
    let wrong = reader.open("/images?advisory=SEC-9").await;
    assert!(wrong.status == 404 && wrong.text().contains("no advisory is called SEC-9"));
    lab.stop().await;
}

#[tokio::test]
async fn what_can_match_nothing_is_refused_on_the_page() {
    let lab = Lab::start().await;
    let reader = Visitor::with(&lab, &lab.token).await;
    for (path, told) in [
        ("/images?cve=nonsense", "can be no vulnerability"),
        ("/images?name=team/**", "matches no repository"),
        ("/decisions?image=team/**", "matches no repository"),
        ("/denials?reason=bad", "it may be one of"),
        ("/decisions?reason=bad", "it may be one of"),
        ("/images?denied=perhaps", "denied may be true or false"),
    ] {
        let answer = reader.open(path).await;
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.text().contains(told), "{path}: {}", answer.text());
        assert!(!answer.text().contains("deserialize"), "{path}");
    }
    lab.stop().await;
}

#[tokio::test]
async fn one_image_is_shown_with_how_it_is_judged_and_what_is_not_known() {
    let lab = Lab::start().await;
    let (named, digest) = severe(&lab).await;
    let reader = Visitor::with(&lab, &lab.token).await;
    let page = reader.shown(&format!("/images/{digest}")).await;
    for part in [
        &*named,
        "badge denied",
        "too-severe",
        "CVE-2026-1234",
        "https://git.example/7",
        "no cluster is followed",
        "in force",
        "/revoke?image=",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let unknown = reader
        .open(&format!("/images/sha256:{}", "0".repeat(64)))
        .await;
    assert!(unknown.status == 404 && unknown.text().contains("sekisho images lists what was"));
    assert_eq!(reader.open("/images/nonsense").await.status, 400);
    lab.stop().await;
}

#[tokio::test]
async fn an_image_is_revoked_with_a_reason_by_who_may_from_its_own_page_alone() {
    let lab = Lab::start().await;
    let (named, digest) = severe(&lab).await;
    let admin = Visitor::with(&lab, &lab.token).await;
    let path = format!("/revoke?image={}", named.replace(':', "%3A"));
    let form = admin.shown(&path).await;
    assert!(form.contains("Which Pods run it is not known"), "{form}");
    let key = admin.key().await;
    let sent = |key: &str, reason: &str, sure: &str| {
        [
            ("key", key.to_owned()),
            ("image", named.clone()),
            ("reason", reason.to_owned()),
            ("environment", String::new()),
            ("sure", sure.to_owned()),
        ]
    };
    for (key, reason, sure, status) in [
        ("00", "leaks a key", "yes", 403),
        (&*key, "leaks a key", "", 400),
        (&*key, "TODO", "yes", 400),
        (&*key, "", "yes", 400),
    ] {
        let fields = sent(key, reason, sure);
        let fields = fields
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let answer = admin.post("/revoke", &fields).await;
        assert_eq!(answer.status, status, "{reason:?} {sure:?}");
    }
    let verdict = lab.verdict(&named, "production").await;
    assert!(
        !verdict["reasons"].to_string().contains("revoked"),
        "{verdict}"
    );
    let viewer = lab.token(json!({"name": "looks", "role": "viewer"})).await;
    let viewer = Visitor::with(&lab, &viewer).await;
    let page = viewer.shown(&format!("/images/{digest}")).await;
    assert!(!page.contains("/revoke?image="), "{page}");
    let own = viewer.key().await;
    let fields = sent(&own, "leaks a key", "yes");
    let fields = fields
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    assert_eq!(viewer.post("/revoke", &fields).await.status, 403);
    let stranger = Visitor::new(&lab).post("/revoke", &fields).await;
    assert_eq!(stranger.status, 401, "{}", stranger.text());
    let fields = sent(&key, "leaks a key", "yes");
    let fields = fields
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let done = admin.post("/revoke", &fields).await;
    assert_eq!(done.status, 303, "{}", done.text());
    let page = admin.shown(&format!("/images/{digest}")).await;
    assert!(page.contains("Revoked in every environment"), "{page}");
    assert!(page.contains("leaks a key"), "{page}");
    lab.stop().await;
}

#[tokio::test]
async fn a_revocation_by_the_form_tells_what_could_not_be_read_of_the_image() {
    let lab = Lab::start().await;
    let admin = Visitor::with(&lab, &lab.token).await;
    let digest = format!("sha256:{}", "7".repeat(64));
    let image = format!("registry.example/{NAME}@{digest}");
    let key = admin.key().await;
    let fields = [
        ("key", key.as_str()),
        ("image", &image),
        ("reason", "leaks a key"),
        ("environment", ""),
        ("sure", "yes"),
    ];
    let done = admin.post("/revoke", &fields).await;
    assert_eq!(done.status, 200, "{}", done.text());
    let told = done.text();
    assert!(told.contains("is no manifest there"), "{told}");
    assert!(
        told.contains("revoke its children by their digests"),
        "{told}"
    );
    assert!(told.contains(&format!("images/{digest}")), "{told}");
    lab.stop().await;
}

#[tokio::test]
async fn the_forecast_shows_what_ends_and_no_all_clear_for_what_is_unknown() {
    let lab = Lab::start().await;
    let reader = Visitor::with(&lab, &lab.token).await;
    let empty = reader.shown("/forecast").await;
    assert!(
        empty.contains("Nothing is in use that could be looked at"),
        "{empty}"
    );
    let (image, named) = lab.put(NAME, "1");
    let old = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(29 * 24);
    let report = trivy_at(&image, old, &[]);
    lab.submit(&lab.token, &named, &report).await.expect(200);
    let request = json!({"image": named, "environment": "production"});
    lab.promote(&lab.token, request).await.expect(200);
    let page = reader.shown("/forecast?within=7d").await;
    for part in [
        "Within a day",
        &*named,
        "its scan grows stale",
        "scan-stale",
        "which Pods run is unknown",
        "<option value=\"7d\" selected>",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let file = reader.open("/forecast.csv?within=7d").await;
    assert!(file.text().contains(&named), "{}", file.text());
    lab.stop().await;
}

#[tokio::test]
async fn acts_tell_whose_token_was_made_and_what_it_reaches() {
    let lab = Lab::start().await;
    lab.token(json!({"name": "ci-team", "role": "scanner"}))
        .await;
    let page = Visitor::with(&lab, &lab.token).await.shown("/acts").await;
    assert!(
        page.contains("token:ci-team: scanner; repositories: all"),
        "{page}"
    );
    lab.stop().await;
}

#[tokio::test]
async fn acts_and_decisions_are_narrowed_in_the_address_and_saved_as_files() {
    let lab = Lab::start().await;
    let (named, _) = severe(&lab).await;
    let path = denied(&lab, 1, DOOR, "1").await;
    let reader = Visitor::with(&lab, &lab.token).await;
    let page = reader.shown("/acts?act=promote&since=24h").await;
    assert!(
        page.contains(&named) && page.contains("https://git.example/7"),
        "{page}"
    );
    assert!(!page.contains("<strong>scan</strong>"), "{page}");
    assert!(
        page.contains("<option value=\"promote\" selected>"),
        "{page}"
    );
    let file = reader.open("/acts.csv?act=promote").await;
    assert_eq!(file.text().lines().count(), 2, "{}", file.text());
    let page = reader
        .shown("/decisions?verdict=denied&environment=staging")
        .await;
    assert!(
        page.contains(&path[1..]) && page.contains("not-scanned"),
        "{page}"
    );
    let none = reader
        .shown("/decisions?environment=production&image=door")
        .await;
    assert!(none.contains("Nothing like that was decided"), "{none}");
    let file = reader.open("/decisions.csv?environment=staging").await;
    assert!(file.text().contains("not-scanned"), "{}", file.text());
    let disposition = file.header("content-disposition").unwrap();
    assert!(disposition.contains("decisions.csv"), "{disposition}");
    lab.stop().await;
}

#[tokio::test]
async fn an_image_and_a_manifest_are_tried_in_every_environment() {
    let lab = Lab::start().await;
    let (named, _) = severe(&lab).await;
    let reader = Visitor::with(&lab, &lab.token).await;
    let page = reader.shown("/try?image=registry.example/team/app:1").await;
    assert!(page.contains("<th scope=\"col\">production</th>"), "{page}");
    assert!(page.contains("<th scope=\"col\">staging</th>"), "{page}");
    assert!(
        page.contains("badge denied") && page.contains("too-severe"),
        "{page}"
    );
    let missing = reader
        .shown("/try?image=registry.example/team/gone:1")
        .await;
    assert!(missing.contains("badge unknown"), "{missing}");
    // As `verify` and every node read it, whatever the gateway's default upstream is.
    let hostless = reader.shown("/try?image=team/app:1").await;
    assert!(
        hostless.contains("docker.io/team/app:1") && !hostless.contains("badge allowed"),
        "{hostless}"
    );
    let manifest = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  containers:\n  \
         - {{name: a, image: {named}}}\n  - {{name: b}}\n"
    );
    let key = reader.key().await;
    let tried = reader
        .post("/try", &[("key", &key), ("manifest", &manifest)])
        .await;
    assert_eq!(tried.status, 200, "{}", tried.text());
    assert!(tried.text().contains("Pod/web") && tried.text().contains(&named));
    assert!(
        tried.text().contains("Not tried"),
        "a container without an image is told"
    );
    assert!(
        tried.text().contains("api/v1/verdicts?any_gateway=true")
            && tried.text().contains("as JSON"),
        "{}",
        tried.text()
    );
    let glass = json!({"image": named, "environment": "production", "ticket": "INC-7",
        "hours": 2, "reason": "checkout is down"});
    lab.api("POST", "/api/v1/break-glass")
        .json(&glass)
        .send()
        .await
        .expect(200);
    let lifted = reader.shown("/try?image=registry.example/team/app:1").await;
    assert!(lifted.contains("badge break-glass"), "{lifted}");
    assert!(!lifted.contains("badge would-deny"), "{lifted}");
    let broken = reader
        .post("/try", &[("key", &key), ("manifest", "{")])
        .await;
    assert!(broken.text().contains("Not tried"), "{}", broken.text());
    let decisions = lab.api("GET", "/api/v1/decisions").send().await.expect(200);
    assert_eq!(decisions["decisions"], json!([]), "nothing is recorded");
    lab.stop().await;
}

#[tokio::test]
async fn what_is_accepted_is_for_readers_of_records() {
    let lab = Lab::start().await;
    let reader = Visitor::with(&lab, &lab.token).await;
    let page = reader.shown("/exceptions").await;
    assert!(page.contains("sekisho exceptions draft"), "{page}");
    let scanner = lab.token(json!({"name": "ci", "role": "scanner"})).await;
    let scanner = Visitor::with(&lab, &scanner).await;
    assert_eq!(scanner.open("/exceptions").await.status, 403);
    let elsewhere = json!({"name": "other", "role": "viewer",
        "repositories": ["registry.example/other/*"]});
    let elsewhere = lab.token(elsewhere).await;
    let (named, _) = severe(&lab).await;
    let elsewhere = Visitor::with(&lab, &elsewhere).await;
    for path in [
        "/images?cve=CVE-2026-1234",
        "/acts",
        "/decisions",
        "/forecast",
    ] {
        let page = elsewhere.shown(path).await;
        assert!(!page.contains(&named), "{path}: {page}");
    }
    lab.stop().await;
}

/// In the first two hundred by name nothing is reached; the last one is.
#[tokio::test]
async fn what_outsiders_reach_is_shown_of_very_many_images_that_run() {
    const MANY: usize = 205;
    let name = |number: usize| format!("team/many-{number:03}");
    let digest = |number: usize| Digest::sha256(&number.to_be_bytes());
    let runs = |number: usize| {
        let image = format!("registry.example/{}:1", name(number));
        let app = format!("app-{number}");
        pod("shop", &app, &image, &digest(number).to_string())
    };
    let (service, ingress) = way_in("shop", &format!("app-{}", MANY - 1));
    let pods = (0..MANY).map(runs).collect();
    let cluster = ClusterApi::start(pods, vec![service], vec![ingress]).await;
    let folder = tempfile::tempdir().unwrap();
    cluster.kubeconfig(&folder.path().join("cluster.kubeconfig"));
    let lab = Lab::inside(folder, LISTENERS, &format!("{ENVIRONMENTS}{CLUSTER}")).await;
    let seen = |number: usize| PullFact {
        subject: Subject {
            environment: "production".parse().unwrap(),
            repository: format!("registry.example/{}", name(number))
                .parse()
                .unwrap(),
            digest: digest(number),
        },
        at: lab.parts().gate.now(),
        kind: FactKind::Served,
    };
    let seen: Vec<PullFact> = (0..MANY).map(seen).collect();
    lab.parts().ledger.record_facts(&seen).await.unwrap();
    eventually("the way in is known", || async {
        let exposed = lab.api("GET", "/api/v1/images?exposed=true").send().await;
        exposed.expect(200)["total"] == 1
    })
    .await;
    let page = Visitor::with(&lab, &lab.token).await;
    let page = page.shown("/images?name=team/many").await;
    let way = format!(
        "Ingress shop/app-{0} -&#62; Service shop/app-{0} -&#62; Pod",
        MANY - 1
    );
    assert!(
        page.contains(&way) && page.contains("5 more images run"),
        "{page}"
    );
    lab.stop().await;
}

/// Whoever names a cluster wants to see what runs there, whether or not it asks about Pods.
#[tokio::test]
async fn a_cluster_without_a_webhook_is_followed_and_what_runs_there_judged_again() {
    let folder = tempfile::tempdir().unwrap();
    let image = sample(&format!("{NAME}:1"), "amd64");
    let digest = image.manifest.digest.to_string();
    let pods = vec![pod(
        "shop",
        "web",
        &format!("registry.example/{NAME}:1"),
        &digest,
    )];
    let (service, ingress) = way_in("shop", "web");
    let cluster = ClusterApi::silent(pods, vec![service], vec![ingress]).await;
    cluster.kubeconfig(&folder.path().join("cluster.kubeconfig"));
    let (_, table) = CLUSTER.split_once("[[clusters]]").unwrap();
    let rest = format!("{ENVIRONMENTS}\n[[clusters]]{table}");
    let lab = Lab::inside(folder, LISTENERS, &rest).await;
    let (image, named) = lab.put(NAME, "1");
    let report = |severity| trivy(&image, &[severity]);
    lab.submit(&lab.token, &named, &report("HIGH"))
        .await
        .expect(200);
    cluster.open();
    running(&lab, 1).await;
    // What becomes known of it makes it be judged again at once.
    lab.submit(&lab.token, &named, &report("CRITICAL"))
        .await
        .expect(200);
    eventually("what runs there would be denied", || async {
        let status = lab.api("GET", "/api/v1/status").send().await.expect(200);
        status["running_denied"][0]["images"] == 1
    })
    .await;
    let found = lab.api("GET", "/api/v1/images?exposed=true").send().await;
    assert_eq!(found.expect(200)["total"], 1);
    let status = lab.api("GET", "/api/v1/status").send().await.expect(200);
    assert!(
        status.to_string().contains("\"ways\":\"followed\""),
        "{status}"
    );
    eventually("what became reachable was judged as such", || async {
        let raised = "sekisho_pods_raised_total{cluster=\"shop-prod\",verdict=\"denied\"} 1";
        lab.parts().metrics.encode().contains(raised)
    })
    .await;
    lab.stop().await;
}
