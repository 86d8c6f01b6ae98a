//! Disks that are full: what is said of them, and that nothing is missing afterwards.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use sekisho::demo::{DemoRegistry, SampleImage};
use sekisho::tasks::Tasks;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::served::Served;
use crate::kit::FullPipe;
use crate::kit::lab::{Answer, Ask, NAME, config, eventually, named, sample};
use crate::lab::{Missing, as_root, installed, or_skip};

/// The program, with one of its stores on a disk of two mebibytes that nobody else sees.
struct OnSmallDisk {
    served: Served,
    folder: TempDir,
    registry: DemoRegistry,
    _tasks: Tasks,
}

/// Mounts the disk in a mount namespace of its own, then becomes the program.
const MOUNT: &str = "mount -t tmpfs -o size=2m tmpfs \"$0\" && exec \"$@\"";

impl OnSmallDisk {
    /// `keys` says what lies on the disk, as `{disk}`.
    async fn start(keys: &str) -> Result<Self, Missing> {
        as_root()?;
        let unshare = installed("unshare")?;
        let (tasks, folder) = (Tasks::new(), TempDir::new().unwrap());
        let registry = DemoRegistry::start(&tasks).await.unwrap();
        let (disk, file) = (
            folder.path().join("disk"),
            folder.path().join("sekisho.toml"),
        );
        fs::create_dir(&disk).unwrap();
        let keys = keys.replace("{disk}", disk.to_str().unwrap());
        let listener = "[[listeners]]\naddress = \"127.0.0.1:0\"\nenvironment = \"production\"\n";
        let rest = format!("[environments.production]\nrequire = [\"scan\"]\n{keys}");
        fs::write(&file, config(&registry.origin(), listener, &rest)).unwrap();
        let mut command = Command::new(unshare);
        command.args(["--mount", "sh", "-c", MOUNT]);
        command.arg(&disk).arg(env!("CARGO_BIN_EXE_sekisho"));
        command.arg("serve").arg("--config").arg(&file);
        let log = folder.path().join("log");
        Ok(Self {
            served: Served::of(&mut command, folder.path(), &log).await,
            folder,
            registry,
            _tasks: tasks,
        })
    }

    /// A file on the disk, as the program sees it.
    fn on_disk(&self, name: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.served.id()));
        let disk = self.folder.path().join("disk").join(name);
        root.join(disk.strip_prefix("/").unwrap())
    }

    /// Leaves no byte free.
    fn fill(&self) {
        let path = self.on_disk("filler");
        let mut options = OpenOptions::new();
        let mut filler = options.create(true).append(true).open(path).unwrap();
        for size in [4096, 1] {
            while filler.write_all(&vec![b'x'; size]).is_ok() {}
        }
    }

    fn free(&self) {
        fs::remove_file(self.on_disk("filler")).unwrap();
    }

    fn image(&self, name: &str) -> SampleImage {
        let image = sample(name, "amd64");
        self.registry.put_image(NAME, &image);
        image
    }

    /// Pulls an image that is not scanned: the id of the denial.
    async fn denied(&self, image: &SampleImage) -> String {
        let path = format!(
            "/v2/registry.example/{NAME}/manifests/{}",
            image.manifest.digest
        );
        let pulled = Ask::new(self.served.registry, "GET", &path).send().await;
        let body = pulled.expect(403);
        let message = body["errors"][0]["message"].as_str().unwrap();
        let (_, id) = message.rsplit_once("/d/").unwrap();
        id.to_owned()
    }

    async fn get(&self, path: &str) -> Answer {
        Ask::new(self.served.admin, "GET", path).send().await
    }

    async fn degraded(&self) -> Value {
        self.get("/readyz").await.expect(200)["degraded"].clone()
    }

    async fn revoke(&self, image: &SampleImage) -> Answer {
        let token = fs::read_to_string(self.folder.path().join("data/admin.token")).unwrap();
        let image = named(NAME, &image.manifest.digest);
        let ask = Ask::new(self.served.admin, "POST", "/api/v1/revocations").token(token.trim());
        let body = json!({"image": image, "reason": "leaks a key"});
        ask.json(&body).send().await
    }

    async fn is_listed(&self, id: &str) -> bool {
        let path = format!("/api/v1/decisions/{id}");
        self.get(&path).await.status == 200
    }

    async fn metric(&self, line: &str) -> bool {
        self.get("/metrics")
            .await
            .text()
            .lines()
            .any(|it| it == line)
    }
}

/// The lines of a log, each of which is JSON.
fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

fn with_id(lines: &[Value], id: &str) -> usize {
    lines.iter().filter(|line| line["id"] == id).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_whose_disk_was_full_is_written_again_and_lacks_no_denial() {
    let keys = "[ledger]\nurl = \"sqlite://{disk}/ledger.db\"\n";
    let mut gateway = or_skip!(OnSmallDisk::start(keys).await);
    let [first, second] = ["first", "second"].map(|name| gateway.image(name));
    gateway.denied(&first).await;
    gateway.fill();
    let (code, told) = gateway.revoke(&first).await.refusal(503);
    assert_eq!(code, "unavailable");
    assert!(told.contains("the disk is full"), "{told}");
    let id = gateway.denied(&second).await;
    let is_told = || async {
        let degraded = gateway.degraded().await.to_string();
        let failing = "sekisho_store_failing{store=\"ledger\"} 1";
        degraded.contains("cannot be written: the disk is full") && gateway.metric(failing).await
    };
    eventually("it is told", is_told).await;
    let status = gateway.get("/api/v1/status").await.expect(200);
    assert_eq!(status["ledger"]["problem"], "the disk is full");
    assert!(status["audit"]["unindexed"].as_u64() > Some(0), "{status}");
    assert!(!gateway.is_listed(&id).await);
    gateway.free();
    eventually("it recovers", || async {
        gateway.degraded().await == json!([]) && gateway.is_listed(&id).await
    })
    .await;
    gateway.revoke(&second).await.expect(200);
    gateway.revoke(&first).await.expect(200);
    let well = "sekisho_store_failing{store=\"ledger\"} 0";
    eventually("the metric tells", || gateway.metric(well)).await;
    gateway.served.signal("TERM");
    assert_eq!(gateway.served.ended().await, Some(0));
    let log = lines(&gateway.folder.path().join("data/audit.jsonl"));
    assert_eq!(with_id(&log, &id), 1);
}

/// Denials enough that they do not fit into what is left of the log's last page.
async fn deny_some(gateway: &OnSmallDisk) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..8 {
        let image = gateway.image(&format!("image {number}"));
        ids.push(gateway.denied(&image).await);
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_of_the_audit_log_is_told_and_keeps_nothing_from_the_ledger() {
    let keys = "[audit]\npath = \"{disk}/audit.jsonl\"\n";
    let gateway = or_skip!(OnSmallDisk::start(keys).await);
    let first = gateway.image("first");
    gateway.denied(&first).await;
    gateway.fill();
    let ids = deny_some(&gateway).await;
    eventually("it is told", || async {
        let degraded = gateway.degraded().await.to_string();
        degraded.contains("cannot be written: the disk is full;") && degraded.contains("wait")
    })
    .await;
    for id in &ids {
        eventually("it is indexed", || gateway.is_listed(id)).await;
    }
    gateway.revoke(&first).await.expect(200);
    gateway.free();
    let log = gateway.on_disk("audit.jsonl");
    eventually("it recovers", || async {
        let lines = lines(&log);
        let is_logged = |id: &String| with_id(&lines, id) == 1;
        gateway.degraded().await == json!([]) && ids.iter().all(is_logged)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_of_the_audit_log_does_not_hold_up_the_end() {
    let keys = "[audit]\npath = \"{disk}/audit.jsonl\"\n";
    let mut gateway = or_skip!(OnSmallDisk::start(keys).await);
    gateway.fill();
    deny_some(&gateway).await;
    gateway.served.signal("TERM");
    assert_eq!(gateway.served.ended().await, Some(0));
    let log = fs::read_to_string(gateway.folder.path().join("log")).unwrap();
    let told = log.lines();
    let told = told.filter(|line| line.contains("decisions were not written"));
    let told: Vec<&str> = told.collect();
    assert_eq!(told.len(), 1, "{log}");
    assert!(told[0].contains("audit log"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_hangs_holds_up_no_signal_and_what_it_lacks_is_told_at_the_end() {
    let pipe = FullPipe::new();
    let path = pipe.path.display();
    let keys = format!("[audit]\npath = \"{path}\"\n[drain]\ntimeout = \"1s\"\n");
    let mut gateway = or_skip!(OnSmallDisk::start(&keys).await);
    deny_some(&gateway).await;
    gateway.served.signal("HUP");
    gateway.served.signal("TERM");
    assert_eq!(gateway.served.ended().await, Some(0));
    let log = fs::read_to_string(gateway.folder.path().join("log")).unwrap();
    let is_told =
        |line: &str| line.contains("decisions were not written") && line.contains("audit log");
    assert!(log.lines().any(is_told), "{log}");
}
