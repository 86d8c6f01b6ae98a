//! The real program, ended gently and not.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sekisho::demo::{DemoRegistry, Fault, ImageBuilder, RequestKind, SampleImage};
use sekisho::oci::{Digest, Platform};
use sekisho::tasks::Tasks;
use tempfile::TempDir;

use super::served::Served;
use crate::cli::program::Program;
use crate::kit::lab::{Ask, NAME, config, eventually};
use crate::lab::Missing;

/// For the first word and the last; a busy machine takes its time.
const MANAGER_WAITS: Duration = Duration::from_secs(60);

/// A registry with one image whose layers take a while.
async fn upstream(tasks: &Tasks) -> (DemoRegistry, SampleImage) {
    let registry = DemoRegistry::start(tasks).await.unwrap();
    let mut builder = ImageBuilder::new(Platform::new("linux", "amd64", None));
    for layer in 0..4_u8 {
        let content: Vec<u8> = (0..400_000_u32).map(|at| at as u8 ^ layer).collect();
        builder = builder.file("data", &content);
    }
    let image = builder.build();
    registry.put_image(NAME, &image);
    (registry, image)
}

fn write_config(folder: &Path, registry: &DemoRegistry) -> String {
    let listener = "[[listeners]]\naddress = \"127.0.0.1:0\"\nenvironment = \"production\"\n";
    let rest = "[environments.production]\nrequire = [\"scan\"]\n";
    let file = folder.join("sekisho.toml");
    std::fs::write(&file, config(&registry.origin(), listener, rest)).unwrap();
    file.to_str().unwrap().to_owned()
}

fn blob(served: &Served, image: &SampleImage, layer: usize) -> Ask {
    let digest = &image.layers[layer].digest;
    let path = format!("/v2/registry.example/{NAME}/blobs/{digest}");
    Ask::new(served.registry, "GET", &path)
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_a_transfer_end_and_exits_0() {
    let (tasks, folder) = (Tasks::new(), TempDir::new().unwrap());
    let (registry, image) = upstream(&tasks).await;
    let file = write_config(folder.path(), &registry);
    let mut served = Served::start(folder.path(), &["serve", "--config", &file]).await;
    served.admit(folder.path(), &image).await;
    let layer = image.layers[0].digest.to_string();
    let pause = Duration::from_millis(50);
    registry.inject(&layer, 1, Fault::Slow(20_000, pause));
    let pulling = tokio::spawn(blob(&served, &image, 0).send());
    let asked =
        || async { registry.count_of(&http::Method::GET, RequestKind::Blob, NAME, &layer) == 1 };
    eventually("the transfer begins", asked).await;
    served.signal("TERM");
    let pulled = pulling.await.unwrap();
    assert_eq!(pulled.status, 200);
    assert!(
        pulled.body == image.layers[0].bytes,
        "{} bytes",
        pulled.body.len()
    );
    assert_eq!(served.ended().await, Some(0));
    assert!(
        tokio::net::TcpStream::connect(served.registry)
            .await
            .is_err()
    );
    let token = std::fs::read_to_string(folder.path().join("data/admin.token")).unwrap();
    let log = std::fs::read_to_string(folder.path().join("log-3")).unwrap();
    assert!(
        log.contains("stopped") && !log.contains(token.trim()),
        "{log}"
    );
}

/// As systemd asks for it with `Type=notify`.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_manager_is_told_when_it_serves_and_when_it_ends() {
    let (tasks, folder) = (Tasks::new(), TempDir::new().unwrap());
    let (registry, _) = upstream(&tasks).await;
    let file = write_config(folder.path(), &registry);
    let manager = std::os::unix::net::UnixDatagram::bind(folder.path().join("notify")).unwrap();
    manager.set_read_timeout(Some(MANAGER_WAITS)).unwrap();
    let told = || {
        let mut message = [0; 64];
        let length = manager.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    };
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sekisho"));
    command.args(["serve", "--config", &file]).env_clear();
    command.env("NOTIFY_SOCKET", folder.path().join("notify"));
    let mut served = Served::of(&mut command, folder.path(), &folder.path().join("log")).await;
    assert_eq!(told().trim_end(), "READY=1");
    served.signal("TERM");
    assert_eq!(told().trim_end(), "STOPPING=1");
    assert_eq!(served.ended().await, Some(0));
}

/// As logrotate sends it: nothing ends, files are taken over, a moved log is opened anew.
#[tokio::test(flavor = "multi_thread")]
async fn sighup_and_the_others_of_a_rotation_reload_and_end_nothing() {
    let (tasks, folder) = (Tasks::new(), TempDir::new().unwrap());
    let (registry, _) = upstream(&tasks).await;
    let file = write_config(folder.path(), &registry);
    let mut served = Served::start(folder.path(), &["serve", "--config", &file]).await;
    let audit = folder.path().join("data/audit.jsonl");
    for (at, name) in ["HUP", "USR1", "HUP"].into_iter().enumerate() {
        std::fs::rename(&audit, folder.path().join(format!("audit.{at}"))).unwrap();
        served.signal(name);
        eventually("the log is opened anew", || async { audit.exists() }).await;
    }
    served.signal("USR2");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}mode = \"audit\"\n")).unwrap();
    served.signal("HUP");
    let ask = || Ask::new(served.admin, "GET", "/api/v1/status").send();
    let is_audit = || async { ask().await.expect(200)["environments"][0]["mode"] == "audit" };
    eventually("the policy is taken over", is_audit).await;
    let asked = Ask::new(
        served.registry,
        "GET",
        &format!("/v2/registry.example/{NAME}/manifests/9"),
    );
    assert_eq!(asked.send().await.status, 404);
    served.signal("QUIT");
    assert_eq!(served.ended().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_serve_ends_with_1_and_says_why() {
    let (tasks, folder) = (Tasks::new(), TempDir::new().unwrap());
    let registry = DemoRegistry::start(&tasks).await.unwrap();
    let file = write_config(folder.path(), &registry);
    let _served = Served::start(folder.path(), &["serve", "--config", &file]).await;
    let program = Program::new(&["serve", "--config", &file]);
    let run = tokio::task::spawn_blocking(|| program.run()).await.unwrap();
    assert_eq!(run.code, 1, "{run:?}");
    let told = run.stderr.lines().last().unwrap();
    assert!(told.starts_with("sekisho: ledger:"), "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_in_the_middle_of_fills_leaves_nothing_half_made() {
    let (tasks, folder) = (Tasks::new(), TempDir::new().unwrap());
    let (registry, image) = upstream(&tasks).await;
    let file = write_config(folder.path(), &registry);
    let mut served = Served::start(folder.path(), &["serve", "--config", &file]).await;
    served.admit(folder.path(), &image).await;
    // One layer is whole, one has no byte yet, two are on their way.
    assert_eq!(blob(&served, &image, 0).send().await.status, 200);
    let digest = |layer: usize| image.layers[layer].digest.to_string();
    let _held = registry.hold(&digest(1));
    let pause = Duration::from_millis(100);
    for layer in [2, 3] {
        registry.inject(&digest(layer), 1, Fault::Slow(10_000 * layer, pause));
    }
    let pulls: Vec<_> = (1..4)
        .map(|layer| tokio::spawn(blob(&served, &image, layer).send()))
        .collect();
    let filling = || async { temporaries(&folder.path().join("data/cache")) >= 2 };
    eventually("fills are under way", filling).await;
    served.signal("KILL");
    assert_eq!(served.ended().await, None);
    for pull in pulls {
        let _ = pull.await;
    }
    registry.heal();

    let mut served = Served::start(folder.path(), &["--config", &file, "serve"]).await;
    assert_eq!(temporaries(&folder.path().join("data/cache")), 0);
    for layer in 0..4 {
        let pulled = blob(&served, &image, layer).send().await;
        assert!(
            pulled.body == image.layers[layer].bytes,
            "{layer}: {}",
            pulled.head
        );
    }
    served.signal("TERM");
    assert_eq!(served.ended().await, Some(0));
    assert!(sound_blobs(&folder.path().join("data/cache")) >= 4);
}

/// How many blobs a cache holds, none of which is damaged.
fn sound_blobs(cache: &Path) -> usize {
    let folders = entries(&cache.join("blobs/sha256"));
    let blobs = folders.iter().flat_map(|folder| entries(folder));
    blobs
        .map(|blob| {
            let digest = Digest::sha256(&std::fs::read(&blob).unwrap());
            assert_eq!(digest.hex(), blob.file_name().unwrap().to_str().unwrap());
        })
        .count()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Files of the cache that are not finished content.
fn temporaries(cache: &Path) -> usize {
    std::fs::read_dir(cache.join("tmp")).unwrap().count()
}

/// Only where the default ports are free.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_need_be_configured() {
    let free = |port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    if !free(5080) || !free(5081) {
        return Missing::new("127.0.0.1:5080 or 5081 is taken").skip();
    }
    let folder = TempDir::new().unwrap();
    let mut served = Served::start(folder.path(), &["serve"]).await;
    assert_eq!(served.registry.port(), 5080);
    let status = Ask::new(served.admin, "GET", "/api/v1/status")
        .send()
        .await
        .expect(200);
    assert_eq!(status["environments"][0]["name"], "production");
    assert_eq!(status["environments"][0]["mode"], "enforce");
    assert_eq!(status["upstreams"][0]["name"], "docker.io");
    let data = folder.path().join(".local/share/sekisho");
    assert!(data.join("ledger.db").exists() && data.join("admin.token").exists());
    served.signal("TERM");
    assert_eq!(served.ended().await, Some(0));
}
