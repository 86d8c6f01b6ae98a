//! The steps of the demo: each is a real request with its real answer.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::printer::{StoryPrinter, StoryStep};
use super::setup::DemoSetup;
use crate::api::{PROMOTIONS, REINSTATEMENTS, REVOCATIONS, SCANS};
use crate::cli::client::loopback;
use crate::cli::failure::Failure;
use crate::demo::{SampleImage, SampleIndex};

const REPOSITORY: &str = "demo.example/team/app";

/// Tells it from the first denial to the last.
pub async fn tell(setup: &DemoSetup, printer: &StoryPrinter) -> Result<(), Failure> {
    let storyteller = Storyteller {
        setup,
        printer,
        http: loopback()?,
    };
    printer.opens(setup)?;
    let (flawed, mended) = (setup.flawed(), setup.mended());
    storyteller
        .pulls(
            "Nobody scanned it: denied before a layer is asked for",
            "1.0",
            403,
        )
        .await?;
    storyteller
        .scans(
            "CI hands in what a scanner found",
            flawed,
            "1.0",
            &[finding()],
        )
        .await?;
    storyteller
        .pulls("What was found is too severe", "1.0", 403)
        .await?;
    storyteller
        .scans(
            "The next build mends it, and is scanned",
            mended,
            "1.1",
            &[],
        )
        .await?;
    storyteller
        .pulls("Clean, and yet nobody promoted it", "1.1", 403)
        .await?;
    storyteller
        .promotes("A promoter lets it into production", mended)
        .await?;
    storyteller
        .pulls("Its evidence is complete", "1.1", 200)
        .await?;
    storyteller
        .pulls_layers("Its layers are served, and kept", mended)
        .await?;
    storyteller
        .pulls_layers("The next node gets them from the cache", mended)
        .await?;
    storyteller.revokes("Trust is taken back", mended).await?;
    storyteller.pulls("and holds at once", "1.1", 403).await?;
    storyteller
        .reinstates("A false alarm: both stay on record", mended)
        .await?;
    storyteller
        .pulls("Its evidence is complete again", "1.1", 200)
        .await
}

struct Storyteller<'a> {
    setup: &'a DemoSetup,
    printer: &'a StoryPrinter,
    http: reqwest::Client,
}

/// An answer: its status, and its body in one line.
struct HttpAnswer {
    status: u16,
    body: Value,
}

impl Storyteller<'_> {
    async fn pulls(&self, what: &'static str, tag: &str, expected: u16) -> Result<(), Failure> {
        let url = self.gateway_url(&format!("manifests/{tag}"));
        let before = self.setup.registry().total();
        let answered = self.request(self.http.get(&url)).await?;
        let answer = match answered.status {
            200 => "the manifest, byte for byte".to_owned(),
            _ => text(&answered.body["errors"][0]["message"]),
        };
        self.tell(what, format!("curl {url}"), &answered, answer, before)?;
        expect(what, answered.status, expected)
    }

    async fn pulls_layers(&self, what: &'static str, index: &SampleIndex) -> Result<(), Failure> {
        let before = self.setup.registry().total();
        let (mut bytes, mut command) = (0, String::new());
        for blob in index.images.iter().flat_map(SampleImage::blobs) {
            let url = self.gateway_url(&format!("blobs/{}", blob.digest));
            let response = self.http.get(&url).send().await.map_err(unreachable)?;
            expect(what, response.status().as_u16(), 200)?;
            bytes += response.bytes().await.map_err(unreachable)?.len();
            command = format!("curl {url}");
        }
        let answered = HttpAnswer {
            status: 200,
            body: Value::Null,
        };
        let answer = format!("{bytes} bytes of configs and layers");
        self.tell(what, command, &answered, answer, before)
    }

    async fn scans(
        &self,
        what: &'static str,
        index: &SampleIndex,
        tag: &str,
        findings: &[Value],
    ) -> Result<(), Failure> {
        for image in &index.images {
            let before = self.setup.registry().total();
            let name = format!("{REPOSITORY}@{}", image.manifest.digest);
            let body = json!({"image": name, "report": report(image, findings)});
            let answered = self.post(SCANS, &body).await?;
            let answer = format!(
                "recorded as {}, bound by {}, {} critical, {} high",
                text(&answered.body["id"]),
                text(&answered.body["bound_by"]),
                answered.body["findings"]["critical"],
                answered.body["findings"]["high"]
            );
            let command = format!(
                "sekisho scan submit --image {name} --report {tag}-{}.json",
                image.platform
            );
            self.tell(what, command, &answered, answer, before)?;
            expect(what, answered.status, 200)?;
        }
        Ok(())
    }

    async fn promotes(&self, what: &'static str, index: &SampleIndex) -> Result<(), Failure> {
        let name = format!("{REPOSITORY}:1.1@{}", index.manifest.digest);
        let body = json!({"image": name, "environment": "production"});
        let before = self.setup.registry().total();
        let answered = self.post(PROMOTIONS, &body).await?;
        let command = format!("sekisho promote {name} --to production");
        let answer = format!("recorded as {}", text(&answered.body["id"]));
        self.tell(what, command, &answered, answer, before)?;
        expect(what, answered.status, 200)
    }

    async fn revokes(&self, what: &'static str, index: &SampleIndex) -> Result<(), Failure> {
        self.withdraws(what, ("revoke", REVOCATIONS, "leaks a key"), index)
            .await
    }

    async fn reinstates(&self, what: &'static str, index: &SampleIndex) -> Result<(), Failure> {
        self.withdraws(what, ("reinstate", REINSTATEMENTS, "false alarm"), index)
            .await
    }

    async fn withdraws(
        &self,
        what: &'static str,
        (verb, path, reason): (&str, &str, &str),
        index: &SampleIndex,
    ) -> Result<(), Failure> {
        let name = format!("{REPOSITORY}@{}", index.manifest.digest);
        let body = json!({"image": name, "reason": reason});
        let before = self.setup.registry().total();
        let answered = self.post(path, &body).await?;
        let command = format!("sekisho {verb} {name} --reason \"{reason}\"");
        self.tell(what, command, &answered, "recorded".to_owned(), before)?;
        expect(what, answered.status, 200)
    }

    fn tell(
        &self,
        what: &'static str,
        command: String,
        answered: &HttpAnswer,
        answer: String,
        before: usize,
    ) -> Result<(), Failure> {
        self.printer.step(&StoryStep {
            what,
            command,
            status: answered.status,
            answer,
            upstream_requests: self.setup.registry().total() - before,
        })
    }

    fn gateway_url(&self, rest: &str) -> String {
        format!("http://{}/v2/{REPOSITORY}/{rest}", self.setup.gateway())
    }

    async fn post(&self, path: &str, body: &Value) -> Result<HttpAnswer, Failure> {
        let url = format!("http://{}{path}", self.setup.admin());
        let token = self.setup.token();
        self.request(self.http.post(url).bearer_auth(token).json(body))
            .await
    }

    async fn request(&self, request: reqwest::RequestBuilder) -> Result<HttpAnswer, Failure> {
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await.map_err(unreachable)?;
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(HttpAnswer { status, body })
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
