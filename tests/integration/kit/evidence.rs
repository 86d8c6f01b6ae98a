//! Evidence, handed in at the admin API as a pipeline would.

use std::time::{Duration, Instant};

use sekisho::demo::{SampleImage, SampleIndex};
use sekisho::oci::Digest;
use serde_json::{Value, json};

use super::{Reply, Wire, World};

/// A batch of decisions waits for the disk, which may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// A finding of a report.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    pub id: &'a str,
    pub severity: &'a str,
    pub package: &'a str,
}

/// What Trivy writes of an image in a registry.
pub fn report(image: &SampleImage, found: &[Found<'_>]) -> Value {
    let vulnerability = |found: &Found<'_>| {
        json!({
            "VulnerabilityID": found.id,
            "PkgName": found.package,
            "InstalledVersion": "1.0",
            "FixedVersion": "1.1",
            "Severity": found.severity,
        })
    };
    json!({
        "SchemaVersion": 2,
        "ArtifactType": "container_image",
        "Metadata": {
            "OS": { "Family": "debian", "Name": "13" },
            "ImageID": image.config.digest.to_string(),
            "RepoDigests": [format!("app@{}", image.manifest.digest)],
        },
        "Results": [{
            "Target": "app",
            "Class": "os-pkgs",
            "Vulnerabilities": found.iter().map(vulnerability).collect::<Vec<_>>(),
        }],
    })
}

impl World {
    /// A request to the admin API, with the first token.
    pub async fn admin(&self, method: &str, target: &str, body: Option<&Value>) -> Reply {
        let bearer = format!("Bearer {}", self.admin_token());
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
        ];
        let body = body.map(Value::to_string).unwrap_or_default();
        let sent = Wire::send(
            self.app().admin(),
            method,
            target,
            &headers,
            body.as_bytes(),
        );
        sent.await.reply().await
    }

    async fn done(&self, target: &str, body: Value) -> Value {
        let reply = self.admin("POST", target, Some(&body)).await;
        assert_eq!(reply.status, 200, "{target} {body}: {}", reply.json());
        reply.json()
    }

    /// Hands in a report on `image`, which lies in `repository` (`host/name`).
    pub async fn scan(&self, repository: &str, image: &SampleImage, found: &[Found<'_>]) {
        let named = format!("{repository}@{}", image.manifest.digest);
        let body = json!({ "image": named, "report": report(image, found) });
        self.done("/api/v1/scans", body).await;
    }

    pub async fn promote(&self, image: &str) {
        let body = json!({ "image": image, "environment": "production" });
        self.done("/api/v1/promotions", body).await;
    }

    /// Scans and promotes an image, by digest.
    pub async fn admit(&self, repository: &str, image: &SampleImage) {
        self.scan(repository, image, &[]).await;
        let named = format!("{repository}@{}", image.manifest.digest);
        self.promote(&named).await;
    }

    /// Scans the images of an index and promotes it, by digest.
    pub async fn admit_index(&self, repository: &str, index: &SampleIndex) {
        for image in &index.images {
            self.scan(repository, image, &[]).await;
        }
        let named = format!("{repository}@{}", index.manifest.digest);
        self.promote(&named).await;
    }

    pub async fn revoke(&self, digest: &Digest) {
        let body = json!({ "image": format!("docker.io/any/name@{digest}"), "reason": "bad" });
        self.done("/api/v1/revocations", body).await;
    }

    pub async fn reinstate(&self, digest: &Digest) {
        let body = json!({ "image": format!("docker.io/any/name@{digest}"), "reason": "good" });
        self.done("/api/v1/revocations/reinstate", body).await;
    }

    /// Decisions with this verdict, once at least `count` of them are written.
    pub async fn decisions(&self, verdict: &str, count: usize) -> Vec<Value> {
        let target = format!("/api/v1/decisions?verdict={verdict}");
        let patience = Instant::now() + PATIENCE;
        while Instant::now() < patience {
            let listed = self.admin("GET", &target, None).await.json();
            let decisions = listed["decisions"].as_array().unwrap().clone();
            if decisions.len() >= count {
                return decisions;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("fewer than {count} decisions are {verdict}");
    }
}
