//! The story: every line of it is a real request and its real answer.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::narrator::{Narrator, Step};
use super::stage::Stage;
use crate::api::{PROMOTIONS, REINSTATEMENTS, REVOCATIONS, SCANS};
use crate::cli::client::loopback;
use crate::cli::failure::Failure;
use crate::demo::{SampleImage, SampleIndex};

const REPOSITORY: &str = "demo.example/team/app";

/// Tells it from the first denial to the last.
pub async fn tell(stage: &Stage, narrator: &Narrator) -> Result<(), Failure> {
    let teller = Teller {
        stage,
        narrator,
        http: loopback()?,
    };
    narrator.opens(stage);
    let (flawed, mended) = (stage.flawed(), stage.mended());
    teller
        .pulls(
            "Nobody scanned it: denied before a layer is asked for",
            "1.0",
            403,
        )
        .await?;
    teller
        .scans(
            "CI hands in what a scanner found",
            flawed,
            "1.0",
            &[finding()],
        )
        .await?;
    teller
        .pulls("What was found is too severe", "1.0", 403)
        .await?;
    teller
        .scans(
            "The next build mends it, and is scanned",
            mended,
            "1.1",
            &[],
        )
        .await?;
    teller
        .pulls("Clean, and yet nobody promoted it", "1.1", 403)
        .await?;
    teller
        .promotes("A promoter lets it into production", mended)
        .await?;
    teller.pulls("Its papers are in order", "1.1", 200).await?;
    teller
        .pulls_layers("Its layers are served, and kept", mended)
        .await?;
    teller
        .pulls_layers("The next node gets them from the cache", mended)
        .await?;
    teller.revokes("Trust is taken back", mended).await?;
    teller.pulls("and holds at once", "1.1", 403).await?;
    teller
        .reinstates("A false alarm: both stay on record", mended)
        .await?;
    teller
        .pulls("Its papers are in order again", "1.1", 200)
        .await
}

struct Teller<'a> {
    stage: &'a Stage,
    narrator: &'a Narrator,
    http: reqwest::Client,
}

/// An answer: its status, and its body in one line.
struct Heard {
    status: u16,
    body: Value,
}

impl Teller<'_> {
    async fn pulls(&self, what: &'static str, tag: &str, expected: u16) -> Result<(), Failure> {
        let url = self.gateway_url(&format!("manifests/{tag}"));
        let before = self.stage.registry().total();
        let heard = self.hear(self.http.get(&url)).await?;
        let answer = match heard.status {
            200 => "the manifest, byte for byte".to_owned(),
            _ => text(&heard.body["errors"][0]["message"]),
        };
        self.tell(what, format!("curl {url}"), &heard, answer, before);
        expect(what, heard.status, expected)
    }

    async fn pulls_layers(&self, what: &'static str, index: &SampleIndex) -> Result<(), Failure> {
        let before = self.stage.registry().total();
        let (mut bytes, mut command) = (0, String::new());
        for blob in index.images.iter().flat_map(SampleImage::blobs) {
            let url = self.gateway_url(&format!("blobs/{}", blob.digest));
            let response = self.http.get(&url).send().await.map_err(unreachable)?;
            expect(what, response.status().as_u16(), 200)?;
            bytes += response.bytes().await.map_err(unreachable)?.len();
            command = format!("curl {url}");
        }
        let heard = Heard {
            status: 200,
            body: Value::Null,
        };
        let answer = format!("{bytes} bytes of configs and layers");
        self.tell(what, command, &heard, answer, before);
        Ok(())
    }

    async fn scans(
        &self,
        what: &'static str,
        index: &SampleIndex,
        tag: &str,
        findings: &[Value],
    ) -> Result<(), Failure> {
        for image in &index.images {
            let before = self.stage.registry().total();
            let name = format!("{REPOSITORY}@{}", image.manifest.digest);
            let body = json!({"image": name, "report": report(image, findings)});
            let heard = self.post(SCANS, &body).await?;
            let answer = format!(
                "recorded as {}, bound by {}, {} critical, {} high",
                text(&heard.body["id"]),
                text(&heard.body["bound_by"]),
                heard.body["findings"]["critical"],
                heard.body["findings"]["high"]
            );
            let command = format!(
                "sekisho scan submit --image {name} --report {tag}-{}.json",
                image.platform
            );
            self.tell(what, command, &heard, answer, before);
            expect(what, heard.status, 200)?;
        }
        Ok(())
    }

    async fn promotes(&self, what: &'static str, index: &SampleIndex) -> Result<(), Failure> {
        let name = format!("{REPOSITORY}:1.1@{}", index.manifest.digest);
        let body = json!({"image": name, "environment": "production"});
        let before = self.stage.registry().total();
        let heard = self.post(PROMOTIONS, &body).await?;
        let command = format!("sekisho promote {name} --to production");
        let answer = format!("recorded as {}", text(&heard.body["id"]));
        self.tell(what, command, &heard, answer, before);
        expect(what, heard.status, 200)
    }

    async fn revokes(&self, what: &'static str, index: &SampleIndex) -> Result<(), Failure> {
        self.withdraws(what, "revoke", REVOCATIONS, index).await
    }

    async fn reinstates(&self, what: &'static str, index: &SampleIndex) -> Result<(), Failure> {
        self.withdraws(what, "reinstate", REINSTATEMENTS, index)
            .await
    }

    async fn withdraws(
        &self,
        what: &'static str,
        verb: &str,
        path: &str,
        index: &SampleIndex,
    ) -> Result<(), Failure> {
        let name = format!("{REPOSITORY}@{}", index.manifest.digest);
        let body = json!({"image": name, "reason": "leaks a key"});
        let before = self.stage.registry().total();
        let heard = self.post(path, &body).await?;
        let command = format!("sekisho {verb} {name} --reason \"leaks a key\"");
        self.tell(what, command, &heard, "recorded".to_owned(), before);
        expect(what, heard.status, 200)
    }

    fn tell(
        &self,
        what: &'static str,
        command: String,
        heard: &Heard,
        answer: String,
        before: usize,
    ) {
        self.narrator.step(&Step {
            what,
            command,
            status: heard.status,
            answer,
            upstream_requests: self.stage.registry().total() - before,
        });
    }

    fn gateway_url(&self, rest: &str) -> String {
        format!("http://{}/v2/{REPOSITORY}/{rest}", self.stage.gateway())
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Heard, Failure> {
        let url = format!("http://{}{path}", self.stage.admin());
        let token = self.stage.token();
        self.hear(self.http.post(url).bearer_auth(token).json(body))
            .await
    }

    async fn hear(&self, request: reqwest::RequestBuilder) -> Result<Heard, Failure> {
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await.map_err(unreachable)?;
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(Heard { status, body })
    }
}

fn unreachable(error: reqwest::Error) -> Failure {
    Failure::new(format!("the demo does not answer itself: {error}"))
}

fn expect(what: &str, status: u16, expected: u16) -> Result<(), Failure> {
    if status == expected {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{what}: expected {expected}, was answered {status}"
    )))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What Trivy would have written about the image.
fn report(image: &SampleImage, findings: &[Value]) -> Value {
    json!({
        "SchemaVersion": 2,
        "CreatedAt": Timestamp::now().to_string(),
        "ArtifactName": REPOSITORY,
        "ArtifactType": "container_image",
        "Metadata": {
            "OS": {"Family": "debian", "Name": "13.1"},
            "ImageID": image.config.digest,
            "RepoDigests": [format!("{REPOSITORY}@{}", image.manifest.digest)],
            "ImageConfig": {
                "architecture": image.platform.architecture(),
                "os": image.platform.os(),
            },
        },
        "Results": [{
            "Target": "debian 13.1",
            "Class": "os-pkgs",
            "Type": "debian",
            "Vulnerabilities": findings,
        }],
    })
}

fn finding() -> Value {
    json!({
        "VulnerabilityID": "CVE-2026-1234",
        "PkgName": "openssl",
        "InstalledVersion": "3.5.1-1",
        "FixedVersion": "3.5.1-2",
        "Status": "fixed",
        "Severity": "HIGH",
    })
}
