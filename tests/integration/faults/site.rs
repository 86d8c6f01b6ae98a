//! A gateway, work that goes on while something fails, and what was acknowledged of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use sekisho::demo::{DemoRegistry, ImageBuilder, SampleContent, SampleImage};
use sekisho::oci::{Digest, Platform};
use sekisho::tasks::Tasks;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::weight::Weight;
use crate::app::served::Served;
use crate::kit::lab::{Answer, Ask, NAME, config, eventually, named, trivy};

/// Images that work takes, in turn.
pub const IMAGES: u64 = 500;
/// Who work at once.
const WORKERS: u64 = 3;
/// A report is longer than what an upload keeps in memory.
const REPORT_BYTES: usize = 1_200_000;
const LAYER_BYTES: u64 = 100_000;
/// What of a content waits until all of it is verified, in bytes.
const WITHHELD_TAIL: usize = 64 << 10;
/// Of what strains memory: a report, and a layer.
const LONG_REPORT_BYTES: usize = 12 << 20;
const LARGE_LAYER_BYTES: u64 = 24 << 20;
/// Images of which it is asked after each fault; of more, the newest.
const MAX_ASKED: usize = 60;

/// The program over a folder, an upstream, and what it said.
pub struct Site {
    pub served: Served,
    pub registry: DemoRegistry,
    /// Where it keeps everything, as it sees it.
    pub data: PathBuf,
    folder: TempDir,
    told: Mutex<Told>,
    next: AtomicU64,
    before: Option<Weight>,
    _tasks: Tasks,
}

/// What was acknowledged. An image of which an answer broke off is in neither list, until its
/// turn comes again.
#[derive(Default)]
struct Told {
    admitted: Vec<SampleImage>,
    revoked: Vec<Digest>,
}

impl Site {
    /// `become_program` says what starts the program, given its folder of data; `keys` are
    /// further tables.
    pub async fn start(keys: &str, become_program: impl FnOnce(&Path) -> Command) -> Self {
        let (tasks, folder) = (Tasks::new(), TempDir::new().unwrap());
        let registry = DemoRegistry::start(&tasks).await.unwrap();
        let (data, file) = (
            folder.path().join("data"),
            folder.path().join("sekisho.toml"),
        );
        fs::create_dir(&data).unwrap();
        let listener = "[[listeners]]\naddress = \"127.0.0.1:0\"\nenvironment = \"production\"\n";
        let rest = "[environments.production]\nrequire = [\"scan\"]\n[cache]\nmin_free = \"0B\"\n\
                    max_size = \"64MiB\"\n";
        let text = config(&registry.origin(), listener, &format!("{rest}{keys}"));
        fs::write(&file, text).unwrap();
        let mut command = become_program(&data);
        command.arg("serve").arg("--config").arg(&file);
        let served = Served::of(&mut command, folder.path(), &folder.path().join("log")).await;
        // Also where it lies in a mount namespace of its own.
        let data = format!("/proc/{}/root{}", served.id(), data.display());
        let mut site = Self {
            served,
            registry,
            data: data.into(),
            folder,
            told: Mutex::default(),
            next: AtomicU64::new(0),
            before: None,
            _tasks: tasks,
        };
        site.work(6).await;
        site.recovers().await;
        site.before = Some(site.weight());
        site
    }

    pub fn weight(&self) -> Weight {
        Weight::of(self.served.id())
    }

    /// What memory holds, as the program itself tells.
    pub async fn memory(&self) -> String {
        let told = Ask::new(self.served.admin, "GET", "/metrics").send().await;
        let text = told.text();
        let of = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let bytes = line.and_then(|it| it.trim().parse::<u64>().ok());
            bytes.map_or("?".to_owned(), |it| format!("{} MiB", it >> 20))
        };
        let content = of("sekisho_content_memory_bytes");
        let status = fs::read_to_string(format!("/proc/{}/status", self.served.id())).unwrap();
        let lines = status.lines().filter(|line| line.starts_with("Rss"));
        let rest: Vec<String> = lines.map(|line| line.replace('\t', " ")).collect();
        format!("{content} content, {}", rest.join(", "))
    }

    /// How many times an image was handed in.
    pub fn turns(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// What it said of itself, in its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap()
    }

    /// One image after another is handed in and pulled, the first pulled again and the last
    /// revoked, so many by each worker, whatever comes of it.
    pub async fn work(&self, turns: u64) {
        let worker = async || {
            for _ in 0..turns {
                self.turn().await;
            }
        };
        let workers = (0..WORKERS).map(|_| worker());
        futures_util::future::join_all(workers).await;
    }

    async fn turn(&self) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let image = image(number % IMAGES, LAYER_BYTES);
        if number < IMAGES || self.reinstate(&image).await {
            self.hand_in(&image, REPORT_BYTES).await;
        }
        let known = self.told().admitted.first().cloned();
        if let Some(known) = known {
            self.pull(&known).await;
        }
        if number % 3 == 2 {
            self.revoke_one().await;
        }
    }

    /// Long reports on large images, which are pulled, by all workers at once.
    pub async fn strain(&self) {
        let worker = async || {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let image = image(number, LARGE_LAYER_BYTES);
            self.hand_in(&image, LONG_REPORT_BYTES).await;
        };
        futures_util::future::join_all((0..WORKERS).map(|_| worker())).await;
    }

    /// An image is handed in, by a report of so many bytes, and pulled.
    async fn hand_in(&self, image: &SampleImage, bytes: usize) {
        self.registry.put_image(NAME, image);
        if self.admit(image, bytes).await {
            self.told().admitted.push(image.clone());
        }
        self.pull(image).await;
    }

    /// Whether an image that was handed in before is revoked no longer. What is known of it
    /// begins anew.
    async fn reinstate(&self, image: &SampleImage) -> bool {
        let digest = &image.manifest.digest;
        {
            let mut told = self.told();
            told.admitted.retain(|it| it.manifest.digest != *digest);
            told.revoked.retain(|it| it != digest);
        }
        let ask = self.act("/api/v1/revocations/reinstate");
        let ask = ask.json(&json!({"image": named(NAME, digest), "reason": "built anew"}));
        ask.attempt().await.is_some_and(|it| it.status == 200)
    }

    async fn admit(&self, image: &SampleImage, bytes: usize) -> bool {
        let named = named(NAME, &image.manifest.digest);
        let body = json!({"image": named, "report": trivy(image, &[])});
        let mut body = body.to_string();
        body.extend(std::iter::repeat_n(' ', bytes - body.len()));
        let ask = self.act("/api/v1/scans").body("application/json", body);
        ask.attempt().await.is_some_and(|it| it.status == 200)
    }

    /// Takes the newest image that is admitted.
    async fn revoke_one(&self) {
        let Some(image) = self.told().admitted.pop() else {
            return;
        };
        let named = named(NAME, &image.manifest.digest);
        let ask = self.act("/api/v1/revocations");
        let ask = ask.json(&json!({"image": named, "reason": "leaks a key"}));
        if ask.attempt().await.is_some_and(|it| it.status == 200) {
            self.told().revoked.push(image.manifest.digest);
        }
    }

    fn act(&self, path: &str) -> Ask {
        let token = fs::read_to_string(self.data.join("admin.token")).unwrap();
        Ask::new(self.served.admin, "POST", path).token(token.trim())
    }

    /// Whether all of an image arrives. What arrives is always right.
    async fn pull(&self, image: &SampleImage) -> bool {
        let rest = image.layers.iter().chain([&image.config]);
        let blobs = rest.map(|content| ("blobs", content));
        for (kind, content) in [("manifests", &image.manifest)].into_iter().chain(blobs) {
            let path = format!("/v2/registry.example/{NAME}/{kind}/{}", content.digest);
            let answer = Ask::new(self.served.registry, "GET", &path).attempt().await;
            if !answer.is_some_and(|answer| is_whole(&answer, content)) {
                return false;
            }
        }
        true
    }

    /// Waits until it is ready and well; then all that was acknowledged is so, and it holds no
    /// more than before.
    pub async fn recovers(&self) {
        eventually("it is ready", || async {
            let asked = Ask::new(self.served.admin, "GET", "/readyz")
                .attempt()
                .await;
            asked.is_some_and(|it| it.status == 200 && it.value()["degraded"] == json!([]))
        })
        .await;
        self.stands().await;
        self.is_logged().await;
        for file in contents(&self.data.join("cache/blobs")) {
            let name = file.file_name().unwrap().to_str().unwrap().to_owned();
            let found = Digest::sha256(&fs::read(&file).unwrap());
            assert_eq!(found.hex(), name, "{}", file.display());
        }
        if let Some(before) = self.before {
            let is_light = || async { self.weight().is_about(&before) };
            eventually("it holds what it held", is_light).await;
        }
    }

    /// Every image is served or denied as was acknowledged.
    async fn stands(&self) {
        let (admitted, revoked) = {
            let mut told = self.told();
            let beyond = told.admitted.len().saturating_sub(MAX_ASKED);
            told.admitted.drain(..beyond);
            let revoked = told.revoked.iter().rev().take(MAX_ASKED);
            (told.admitted.clone(), revoked.cloned().collect::<Vec<_>>())
        };
        for image in &admitted {
            assert!(self.pull(image).await, "{}", image.manifest.digest);
        }
        for digest in &revoked {
            let path = format!("/v2/registry.example/{NAME}/manifests/{digest}");
            let denied = Ask::new(self.served.registry, "GET", &path).send().await;
            assert!(denied.text().contains("revoked"), "{}", denied.text());
        }
    }

    /// The audit log is whole, and tells of every revocation.
    async fn is_logged(&self) {
        let log = self.data.join("audit.jsonl");
        eventually("the log tells of all", || async {
            let logged = revocations(&fs::read_to_string(&log).unwrap());
            let told = self.told();
            let mut revoked = told.revoked.iter().map(ToString::to_string);
            revoked.all(|digest| logged.contains(&digest))
        })
        .await;
        let found = sekisho::audit::check_log(&log, &[], |_, _| {}).unwrap();
        assert_eq!(found.faults, [], "{found:?}");
    }
}

/// The digests that a log tells of as revoked.
fn revocations(log: &str) -> BTreeSet<String> {
    let acts = log.lines().filter(|line| line.contains("revoke"));
    let records = acts.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let revoked = records.filter(|record| record["act"] == "revoke");
    let digests = revoked.filter_map(|record| Some(record["digest"].as_str()?.to_owned()));
    digests.collect()
}

/// Two layers that no other image has.
fn image(number: u64, layer_bytes: u64) -> SampleImage {
    let mut builder = ImageBuilder::new(Platform::new("linux", "amd64", None));
    for layer in 0..2 {
        let word = |at: u64| (at ^ number << 20 ^ layer << 50).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let content: Vec<u8> = (0..layer_bytes / 8)
            .flat_map(|at| word(at).to_be_bytes())
            .collect();
        builder = builder.file("data", &content);
    }
    builder.build()
}

/// Whether it is all of `content`. Less may come, and be wrong where it breaks off before what is
/// held back until the whole is verified.
fn is_whole(answer: &Answer, content: &SampleContent) -> bool {
    if answer.status != 200 {
        return false;
    }
    let length = answer.header("content-length").unwrap();
    assert_eq!(length, content.bytes.len().to_string());
    let digest = &content.digest;
    let (came, all) = (answer.body.len(), content.bytes.len());
    let unverified = all.saturating_sub(WITHHELD_TAIL);
    let is_right = content.bytes.starts_with(&answer.body);
    assert!(is_right || came <= unverified, "{digest}: {came} of {all}");
    came == all
}

/// The files whose name is a digest.
fn contents(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let found = entries.flat_map(|entry| match entry.path() {
        path if path.is_dir() => contents(&path),
        path => vec![path],
    });
    let is_named = |path: &PathBuf| path.file_name().is_some_and(|name| name.len() == 64);
    found.filter(is_named).collect()
}
