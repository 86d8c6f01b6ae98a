//! Ends and starts: what stays, and what is refused.

use std::time::Duration;

use sekisho::app::App;
use sekisho::app::config::Config;
use serde_json::Value;

use crate::kit::lab::{Ask, ENVIRONMENTS, LISTENERS, Lab, NAME, eventually, trivy};

#[tokio::test]
async fn decisions_and_evidence_survive_a_restart() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    lab.submit(&lab.token, &named, &trivy(&image, &[]))
        .await
        .expect(200);
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 403);
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 403);
    assert_eq!(lab.pull(1, NAME, &digest).await.status, 200);
    let token = lab.token.clone();
    let lab = lab.restarted().await;
    assert_eq!(lab.token, token, "one first token is enough");
    let list = lab.api("GET", "/api/v1/decisions").send().await.expect(200);
    let mut seen: Vec<(&str, u64)> = list["decisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            (
                it["verdict"].as_str().unwrap(),
                it["count"].as_u64().unwrap(),
            )
        })
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, [("allowed", 1), ("denied", 2)]);
    lab.upstream.forget();
    assert_eq!(lab.pull(1, NAME, &digest).await.status, 200);
    assert_eq!(
        lab.upstream.total(),
        0,
        "it is cached, and its closure recorded"
    );
    lab.stop().await;
}

/// The upstream is well, and is asked again.
#[tokio::test]
async fn a_cached_layer_that_the_disk_cut_is_served_whole_after_a_restart() {
    let rest = "[environments.production]\nmode = \"audit\"\n[environments.staging]\n";
    let mut lab = Lab::with(LISTENERS, rest).await;
    let (image, _) = lab.put(NAME, "1");
    let (digest, layer) = (image.manifest.digest.to_string(), &image.layers[0]);
    let path = format!("/v2/registry.example/{NAME}/blobs/{}", layer.digest);
    let ask = |lab: &Lab, method: &str| Ask::new(lab.app().registries()[0], method, &path);
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 200);
    let hex = layer.digest.hex();
    let blobs = lab.data().join("cache/blobs/sha256");
    let file = blobs.join(&hex[..2]).join(hex);
    for method in ["HEAD", "GET"] {
        assert_eq!(ask(&lab, "GET").send().await.body, layer.bytes);
        eventually("it is stored", || async { file.exists() }).await;
        let cut = std::fs::File::options().write(true).open(&file).unwrap();
        cut.set_len(7).unwrap();
        lab = lab.restarted().await;
        assert_eq!(lab.pull(0, NAME, &digest).await.status, 200);
        let answer = ask(&lab, method).send().await;
        assert_eq!(answer.status, 200, "{method}: {}", answer.text());
        assert_eq!(ask(&lab, "GET").send().await.body, layer.bytes);
        assert_eq!(lab.parts().cache.stats().damaged_files, 1);
    }
    lab.stop().await;
}

/// As where each waits for a disk that does not answer.
#[test]
fn threads_that_all_hang_hold_no_end() {
    const THREADS: usize = 16;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().max_blocking_threads(THREADS).build();
    let runtime = runtime.unwrap();
    let (go, hang) = std::sync::mpsc::channel::<()>();
    let hang = std::sync::Arc::new(std::sync::Mutex::new(hang));
    runtime.block_on(async {
        let rest = format!("{ENVIRONMENTS}\n[drain]\ntimeout = \"1s\"\n");
        let mut lab = Lab::with(LISTENERS, &rest).await;
        for _ in 0..THREADS {
            let hang = hang.clone();
            tokio::task::spawn_blocking(move || hang.lock().map(|it| it.recv()).is_ok());
        }
        // What docs/operations.md says, but for what the process does after that.
        let bound = Duration::from_secs(1 + 45);
        let ended = tokio::time::timeout(bound, lab.take_app().stop());
        ended.await.expect("it ends");
    });
    drop(go);
}

#[tokio::test]
async fn what_was_denied_before_a_restart_still_counts_and_once() {
    let lab = Lab::start().await;
    let (image, _) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    let counted = async |lab: &Lab| {
        let status = lab.api("GET", "/api/v1/status").send().await.expect(200);
        assert_eq!(status["counted_since"], serde_json::Value::Null, "{status}");
        status["top_reasons"].clone()
    };
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 403);
    let before = counted(&lab).await;
    assert_eq!(before[0]["images"], 1, "{before}");
    let lab = lab.restarted().await;
    assert_eq!(counted(&lab).await, before);
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 403);
    assert_eq!(counted(&lab).await, before);
    lab.stop().await;
}

/// The gate may still be asking the upstream when the end is told.
#[tokio::test]
async fn a_denial_that_falls_during_the_drain_is_recorded() {
    let lab = Lab::start().await;
    let (image, _) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    let path = format!("/v2/registry.example/{NAME}/manifests/{digest}");
    let hold = lab.upstream.hold(&digest);
    let pulling = tokio::spawn(Ask::new(lab.app().registries()[0], "GET", &path).send());
    hold.arrived().await;
    let registry = lab.app().registries()[0];
    let release = async {
        let closed = || async { tokio::net::TcpStream::connect(registry).await.is_err() };
        eventually("nothing more is accepted", closed).await;
        hold.release();
    };
    let (lab, ()) = tokio::join!(lab.restarted(), release);
    assert_eq!(pulling.await.unwrap().status, 403);
    let list = lab.api("GET", "/api/v1/decisions").send().await.expect(200);
    assert_eq!(list["decisions"][0]["digest"], *digest, "{list}");
    lab.stop().await;
}

#[tokio::test]
async fn the_audit_log_is_one_object_a_line_with_all_that_was_agreed() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    lab.submit(&lab.token, &named, &trivy(&image, &[]))
        .await
        .expect(200);
    lab.pull(0, NAME, &digest).await.expect(403);
    lab.pull(1, NAME, &digest).await.expect(200);
    let lines = || {
        let files = std::fs::read_dir(lab.folder.path().join("data")).unwrap();
        let logs = files.map(|it| it.unwrap().path());
        let log = logs
            .into_iter()
            .find(|it| it.to_string_lossy().contains("audit"));
        std::fs::read_to_string(log.unwrap()).unwrap()
    };
    let read = |line: &str| -> Value { serde_json::from_str(line).unwrap() };
    let decisions = || -> Vec<Value> {
        let written = lines();
        let written = written.lines().map(read);
        written.filter(|it| it["record"] == "decision").collect()
    };
    eventually("both are written", || async { decisions().len() >= 2 }).await;
    let written = decisions();
    for decision in &written {
        for field in [
            "time",
            "id",
            "door",
            "environment",
            "principal",
            "client",
            "image",
            "digest",
            "verdict",
            "reasons",
            "mode",
            "exposure",
            "exposure_source",
            "policy_revision",
            "evidence",
            "evidence_age_s",
            "duration_us",
        ] {
            assert!(decision.get(field).is_some(), "{field}: {decision}");
        }
        assert_eq!(decision["digest"], *digest);
        assert_eq!(decision["client"], "127.0.0.1");
    }
    assert_eq!(written[0]["reasons"][0], "not-promoted");
    assert_eq!(written[1]["evidence"][0], "scan:1");
    lab.stop().await;
}

#[tokio::test]
async fn a_second_one_on_the_same_records_is_refused_in_plain_words() {
    let lab = Lab::start().await;
    let second = async || {
        let now = jiff::Timestamp::now();
        let config = Config::load(Some(&lab.file()), |_| None, now).unwrap();
        App::start(config)
            .await
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    let told = second().await;
    assert!(
        told.starts_with("ledger:") && told.contains("serve"),
        "{told}"
    );
    let text = std::fs::read_to_string(lab.file()).unwrap();
    let elsewhere = "[ledger]\nurl = \"sqlite://other.db\"\n[audit]\npath = \"other.jsonl\"\n";
    let elsewhere = format!("{text}\n{elsewhere}");
    std::fs::write(lab.file(), elsewhere).unwrap();
    let told = second().await;
    assert!(told.starts_with("cache:"), "{told}");
    lab.stop().await;
}

#[tokio::test]
async fn the_first_token_is_its_owners_alone_and_replaced_when_it_is_revoked() {
    use std::os::unix::fs::PermissionsExt;
    let lab = Lab::start().await;
    let first = lab.token.clone();
    let file = lab.folder.path().join("data/admin.token");
    let mode = || std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    let list = lab.api("GET", "/api/v1/tokens").send().await.expect(200);
    let name = list["tokens"][0]["name"].as_str().unwrap();
    let path = format!("/api/v1/tokens/{name}");
    lab.api("DELETE", &path).send().await.expect(200);
    assert_eq!(lab.api("GET", "/api/v1/tokens").send().await.status, 401);
    let lab = lab.restarted().await;
    assert_ne!(lab.token, first);
    assert_eq!(mode(), 0o600);
    lab.api("GET", "/api/v1/tokens").send().await.expect(200);
    lab.stop().await;
}
