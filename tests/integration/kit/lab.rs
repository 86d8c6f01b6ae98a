//! A gateway in this process, over an upstream in memory, and a client that
//! writes its requests by hand.

use std::net::SocketAddr;
use std::ops::Deref;
use std::time::Duration;

use sekisho::app::App;
use sekisho::demo::{DemoRegistry, ImageBuilder, SampleImage, SampleIndex};
use sekisho::oci::{Digest, Platform};
use sekisho::tasks::Tasks;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Running;
pub use super::eventually;

/// Two environments: production asks for all evidence, staging for a scan.
pub const ENVIRONMENTS: &str = "
[environments.production]
[environments.staging]
require = [\"scan\"]
";
pub const LISTENERS: &str = "
[[listeners]]
address = \"127.0.0.1:0\"
environment = \"production\"
[[listeners]]
address = \"127.0.0.1:0\"
environment = \"staging\"
";
pub const NAME: &str = "team/app";
pub const DOOR: &str = "team/door";
/// How long an answer may take where there may be none.
const ATTEMPTED_FOR: Duration = Duration::from_secs(10);

/// An advisory that makes what [`trivy`] finds critical.
pub const RAISING: &str = "[[advisory]]
id = \"SEC-1\"
vulnerabilities = [\"CVE-2026-1234\"]
effect = \"raise\"
severity = \"critical\"
reason = \"exploited\"
link = \"https://sec.example/1\"
";

/// A running gateway.
pub struct Lab {
    pub upstream: DemoRegistry,
    /// Of an admin.
    pub token: String,
    running: Running,
    tasks: Tasks,
}

impl Deref for Lab {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

impl Lab {
    pub async fn start() -> Self {
        Self::with(LISTENERS, ENVIRONMENTS).await
    }

    /// With these listeners, and this for the rest of the file.
    pub async fn with(listeners: &str, rest: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::inside(folder, listeners, rest).await
    }

    pub async fn inside(folder: TempDir, listeners: &str, rest: &str) -> Self {
        Self::reading(folder, |origin| config(origin, listeners, rest)).await
    }

    /// With these advisories, in a file of their own.
    pub async fn advised(advisories: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("advisories")).unwrap();
        std::fs::write(folder.path().join("advisories/sec.toml"), advisories).unwrap();
        let listeners = format!("advisories_dir = \"advisories\"\n{LISTENERS}");
        Self::inside(folder, &listeners, ENVIRONMENTS).await
    }

    /// With this table `[ledger]`.
    pub async fn over_ledger(folder: TempDir, ledger: &str) -> Self {
        Self::inside(folder, LISTENERS, &format!("{ENVIRONMENTS}\n{ledger}")).await
    }

    /// With these keys of `[admin]`.
    pub async fn of_admin(keys: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let usual = "[admin]\naddress = \"127.0.0.1:0\"";
        let own = format!("[admin]\n{keys}");
        let text = |origin: &str| config(origin, LISTENERS, ENVIRONMENTS).replace(usual, &own);
        Self::reading(folder, text).await
    }

    async fn reading(folder: TempDir, text: impl FnOnce(&str) -> String) -> Self {
        let tasks = Tasks::new();
        let upstream = DemoRegistry::start(&tasks).await.unwrap();
        let text = text(&upstream.origin());
        std::fs::write(folder.path().join("sekisho.toml"), text).unwrap();
        let mut running = Running::over(folder);
        running.serve().await;
        running.ensure_token().await;
        Self {
            upstream,
            token: running.admin_token(),
            running,
            tasks,
        }
    }

    /// Ends the program and starts it again on the same folder.
    pub async fn restarted(mut self) -> Self {
        self.running.stop().await;
        self.running.serve().await;
        self.token = self.running.admin_token();
        self
    }

    /// Ends the program alone; its folder stays.
    pub async fn ended(mut self) -> Running {
        self.running.stop().await;
        self.running
    }

    /// Gives the program away, to be stopped elsewhere.
    pub fn take_app(&mut self) -> App {
        self.running.take_app()
    }

    pub async fn stop(mut self) {
        self.running.stop().await;
        self.tasks.drain(Duration::ZERO).await;
    }

    /// Replaces the end of the configuration file.
    pub fn rewrite(&self, listeners: &str, rest: &str) {
        let text = config(&self.upstream.origin(), listeners, rest);
        std::fs::write(self.file(), text).unwrap();
    }

    /// Puts an image upstream, under a tag, and says how it is named.
    pub fn put(&self, name: &str, tag: &str) -> (SampleImage, String) {
        let image = sample(&format!("{name}:{tag}"), "amd64");
        self.upstream.put_image(name, &image);
        self.upstream.tag(name, tag, &image.manifest.digest);
        let named = named(name, &image.manifest.digest);
        (image, named)
    }

    pub fn put_index(&self, name: &str, index: &SampleIndex) -> String {
        self.upstream.put_index(name, index);
        named(name, &index.manifest.digest)
    }

    pub fn server(&self) -> String {
        format!("http://{}", self.app().admin())
    }

    /// A request to the admin API, by the admin.
    pub fn api(&self, method: &str, path: &str) -> Ask {
        self.nobody(method, path).token(&self.token)
    }

    /// A request to the admin API, without a token.
    pub fn nobody(&self, method: &str, path: &str) -> Ask {
        Ask::new(self.app().admin(), method, path)
    }

    /// A new token, made by the admin.
    pub async fn token(&self, request: Value) -> String {
        let made = self.api("POST", "/api/v1/tokens").json(&request).send();
        let made = made.await.expect(200);
        made["secret"].as_str().unwrap().to_owned()
    }

    pub async fn submit(&self, token: &str, image: &str, report: &Value) -> Answer {
        let body = json!({"image": image, "report": report});
        let ask = self.nobody("POST", "/api/v1/scans").token(token);
        ask.json(&body).send().await
    }

    pub async fn promote(&self, token: &str, request: Value) -> Answer {
        let ask = self.nobody("POST", "/api/v1/promotions").token(token);
        ask.json(&request).send().await
    }

    /// Asks a listener for a manifest, as a node does.
    pub async fn pull(&self, listener: usize, name: &str, reference: &str) -> Answer {
        let path = format!("/v2/registry.example/{name}/manifests/{reference}");
        Ask::new(self.app().registries()[listener], "GET", &path)
            .send()
            .await
    }

    pub async fn verdict(&self, image: &str, environment: &str) -> Value {
        let path = format!("/api/v1/verdicts?image={image}&environment={environment}");
        self.api("GET", &path).send().await.expect(200)
    }
}

/// A configuration file over one upstream.
pub fn config(origin: &str, listeners: &str, rest: &str) -> String {
    format!(
        "data_dir = \"data\"\n{listeners}\n[admin]\naddress = \"127.0.0.1:0\"\n\
         [[upstreams]]\nname = \"registry.example\"\nurl = \"{origin}\"\ndefault = true\n\
         tag_ttl = \"1s\"\n{rest}"
    )
}

pub fn sample(name: &str, architecture: &str) -> SampleImage {
    ImageBuilder::new(Platform::new("linux", architecture, None))
        .file("etc/motd", name.as_bytes())
        .build()
}

pub fn named(name: &str, digest: &Digest) -> String {
    format!("registry.example/{name}@{digest}")
}

/// What Trivy prints on `image`, scanned at that time.
pub fn trivy_at(image: &SampleImage, at: jiff::Timestamp, severities: &[&str]) -> Value {
    let found = severities.iter().map(|severity| {
        json!({
            "VulnerabilityID": "CVE-2026-1234", "PkgName": format!("openssl-{severity}"),
            "InstalledVersion": "3.0.1", "FixedVersion": "3.0.2", "Severity": severity,
        })
    });
    json!({
        "SchemaVersion": 2,
        "CreatedAt": at.to_string(),
        "ArtifactName": "app",
        "ArtifactType": "container_image",
        "Metadata": {
            "OS": {"Family": "debian", "Name": "12.5"},
            "ImageID": image.config.digest.to_string(),
            "DiffIDs": image.layers.iter().map(|it| it.digest.to_string()).collect::<Vec<_>>(),
            "RepoDigests": [named(NAME, &image.manifest.digest)],
            "ImageConfig": {"architecture": image.platform.architecture(), "os": "linux"},
        },
        "Results": [{
            "Target": "app (debian 12.5)", "Class": "os-pkgs", "Type": "debian",
            "Vulnerabilities": found.collect::<Vec<_>>(),
        }],
    })
}

pub fn trivy(image: &SampleImage, severities: &[&str]) -> Value {
    trivy_at(image, minutes_ago(1), severities)
}

/// What Grype prints on `image`.
pub fn grype(image: &SampleImage) -> Value {
    json!({
        "matches": [],
        "source": {"type": "image", "target": {
            "userInput": "app",
            "imageID": image.config.digest.to_string(),
            "manifestDigest": image.manifest.digest.to_string(),
            "repoDigests": [named(NAME, &image.manifest.digest)],
            "architecture": image.platform.architecture(), "os": "linux",
        }},
        "distro": {"name": "alpine", "version": "3.19"},
        "descriptor": {
            "name": "grype", "version": "0.74.0", "timestamp": minutes_ago(1).to_string(),
            "configuration": {"only-fixed": false, "ignore": null, "exclude": null},
            "db": {"built": minutes_ago(60).to_string(), "schemaVersion": 5, "error": null},
        },
    })
}

pub fn minutes_ago(minutes: i64) -> jiff::Timestamp {
    jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes)
}

/// One request.
pub struct Ask {
    address: SocketAddr,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub reason: String,
    pub head: String,
    pub body: Vec<u8>,
}

impl Ask {
    pub fn new(address: SocketAddr, method: &str, path: &str) -> Self {
        Self {
            address,
            method: method.to_owned(),
            path: path.to_owned(),
            headers: vec![("host".to_owned(), address.to_string())],
            body: Vec::new(),
        }
    }

    /// Sets a header; the last one of a name counts.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub fn body(mut self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", kind)
    }

    /// The head as it goes out.
    pub fn head(&self) -> String {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let length = self.body.len();
        head + &format!("content-length: {length}\r\nconnection: close\r\n\r\n")
    }

    pub async fn send(self) -> Answer {
        Answer::read(&self.exchange().await.unwrap())
    }

    /// The same with a program that may be gone, or not answer: `None`.
    pub async fn attempt(self) -> Option<Answer> {
        let received = tokio::time::timeout(ATTEMPTED_FOR, self.exchange()).await;
        Answer::parse(&received.ok()?.ok()?)
    }

    /// Everything that comes back.
    async fn exchange(self) -> std::io::Result<Vec<u8>> {
        let stream = TcpStream::connect(self.address).await?;
        let (mut reader, mut writer) = stream.into_split();
        let head = self.head();
        let writing = async move {
            // Who refuses a long body does not read it to its end.
            let _ = writer.write_all(head.as_bytes()).await;
            let _ = writer.write_all(&self.body).await;
            writer
        };
        let reading = async {
            let mut received = Vec::new();
            let _ = reader.read_to_end(&mut received).await;
            received
        };
        let (received, _writer) = tokio::join!(reading, writing);
        Ok(received)
    }
}

impl Answer {
    pub fn read(received: &[u8]) -> Self {
        Self::parse(received).unwrap_or_else(|| panic!("no answer: {received:?}"))
    }

    /// `None`: it broke off before the body.
    fn parse(received: &[u8]) -> Option<Self> {
        let end = received.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8(received[..end].to_vec()).unwrap();
        let line = head.lines().next().unwrap();
        let mut words = line.splitn(3, ' ').skip(1);
        Some(Self {
            status: words.next().unwrap().parse().unwrap(),
            reason: words.next().unwrap_or_default().to_owned(),
            body: received[end + 4..].to_vec(),
            head,
        })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.head, self.text()))
    }

    /// The body of an answer with this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{} {}", self.head, self.text());
        self.value()
    }

    /// The code and text of a refusal with this status, in our own words.
    #[track_caller]
    pub fn refusal(&self, status: u16) -> (String, String) {
        let body = self.expect(status);
        let word = |key: &str| body["error"][key].as_str().unwrap_or_default().to_owned();
        (
            word("code"),
            format!("{} {}", word("message"), word("next_step")),
        )
    }
}
