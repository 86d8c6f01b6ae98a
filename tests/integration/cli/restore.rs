//! Backups that are put back: nothing that was revoked since is served again.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use sekisho::demo::SampleIndex;
use serde_json::{Value, json};

use super::program::{Program, Run};
use crate::kit::Running;
use crate::kit::lab::{Answer, Ask, Lab, eventually, trivy};

/// A gateway's folder after its end, with a backup and what happened to it since.
struct Ended {
    running: Running,
    backup: PathBuf,
    token: String,
    /// By name: digests.
    images: Vec<(&'static str, String)>,
}

const IMAGES: [&str; 4] = [
    "team/good",
    "team/revoked",
    "team/reinstated",
    "team/severe",
];

async fn act(lab: &Lab, path: &str, body: Value) {
    let ask = lab.api("POST", &format!("/api/v1/{path}")).json(&body);
    ask.send().await.expect(200);
}

async fn put_and_promote(lab: &Lab, name: &str) -> String {
    let (image, named) = lab.put(name, "1");
    let severities: &[&str] = if name == "team/severe" {
        &["CRITICAL"]
    } else {
        &[]
    };
    let report = trivy(&image, severities);
    lab.submit(&lab.token, &named, &report).await.expect(200);
    let body = json!({"image": named, "environment": "production", "force": true, "reason": "r"});
    lab.promote(&lab.token, body).await.expect(200);
    image.manifest.digest.to_string()
}

fn named(name: &str, digest: &str) -> String {
    format!("registry.example/{name}@{digest}")
}

/// Two revocations, one of them undone; a grant; a token that is revoked.
async fn since_the_backup(lab: &Lab, images: &[(&str, String)]) {
    for (name, digest) in &images[1..3] {
        let body = json!({"image": named(name, digest), "reason": "leaks a key"});
        act(lab, "revocations", body).await;
    }
    let (name, digest) = &images[2];
    let body = json!({"image": named(name, digest), "reason": "false alarm"});
    act(lab, "revocations/reinstate", body).await;
    let (name, digest) = &images[3];
    let body = json!({"image": named(name, digest), "environment": "production", "hours": 2,
        "ticket": "OPS-1", "reason": "the shop is down"});
    act(lab, "break-glass", body).await;
    let ended = lab.api("DELETE", "/api/v1/tokens/stolen");
    ended.send().await.expect(200);
}

impl Ended {
    /// `lossy`: with a scan, and a token, that came since.
    async fn new(lossy: bool) -> Self {
        let lab = Lab::start().await;
        let mut images = Vec::new();
        for name in IMAGES {
            images.push((name, put_and_promote(&lab, name).await));
        }
        let stolen = json!({"name": "stolen", "role": "viewer"});
        let token = lab.token(stolen).await;
        eventually("the start is an act", || async {
            let acts = lab.api("GET", "/api/v1/acts?act=start").send().await;
            acts.value()["acts"].as_array().unwrap().len() == 1
        })
        .await;
        let backup = lab.folder.path().join("backup.db");
        lab.parts().ledger.backup(&backup).await.unwrap();
        since_the_backup(&lab, &images).await;
        if lossy {
            put_and_promote(&lab, "team/late").await;
            lab.token(json!({"name": "late", "role": "viewer"})).await;
        }
        Self {
            running: lab.ended().await,
            backup,
            token,
            images,
        }
    }

    fn run(&self, words: &[&str]) -> Run {
        Program::new(words).config(&self.running.file()).run()
    }

    fn restore(&self, more: &[&str]) -> Run {
        let backup = self.backup.to_str().unwrap();
        self.run(&[&["ledger", "restore", backup], more].concat())
    }

    /// An older file where the ledger lay, put there by hand.
    fn put_back_by_hand(&self) {
        for rest in ["ledger.db-wal", "ledger.db-shm"] {
            let _ = fs::remove_file(self.running.data().join(rest));
        }
        fs::copy(&self.backup, self.running.data().join("ledger.db")).unwrap();
    }

    async fn pull(&self, name: &str) -> Answer {
        let (_, digest) = self.images.iter().find(|it| it.0 == name).unwrap();
        let path = format!("/v2/registry.example/{name}/manifests/{digest}");
        let registry = self.running.app().registries()[0];
        Ask::new(registry, "GET", &path).send().await
    }

    /// What was in force when the gateway ended.
    async fn is_in_force(&mut self) {
        self.running.serve().await;
        let revoked = self.pull("team/revoked").await;
        assert_eq!(revoked.status, 403, "{}", revoked.text());
        assert!(revoked.text().contains("revoked"), "{}", revoked.text());
        for name in ["team/good", "team/reinstated", "team/severe"] {
            // The upstream ended with the gateway: what is passed is not there.
            let passed = self.pull(name).await;
            assert_ne!(passed.status, 403, "{name}: {}", passed.text());
        }
        let ask = Ask::new(self.running.app().admin(), "GET", "/api/v1/acts");
        assert_eq!(ask.token(&self.token).send().await.status, 401);
        self.running.stop().await;
    }

    fn acts(&self) -> Vec<Value> {
        let log = fs::read_to_string(self.running.data().join("audit.jsonl")).unwrap();
        let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
        lines
            .filter(|line: &Value| line["record"] == "act")
            .collect()
    }
}

#[tokio::test]
async fn a_restored_backup_serves_nothing_that_was_revoked_since() {
    let mut ended = Ended::new(false).await;
    let before = ended.acts().len();
    let run = ended.restore(&[]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.contains("5 acts"), "{run:?}");
    assert!(run.stderr.contains("lost: nothing"), "{run:?}");
    // What was done again is not logged again; that it was, is.
    let acts = ended.acts();
    assert_eq!(acts.len(), before + 1);
    assert_eq!(acts[before]["act"], "restore");
    let kept = fs::read_dir(ended.running.data()).unwrap().flatten();
    let kept = kept.filter(|it| {
        it.file_name()
            .to_string_lossy()
            .contains("ledger.db.replaced-")
    });
    assert!(kept.count() >= 1, "the ledger that lay there is kept");
    ended.is_in_force().await;
    // Restored twice, it is as it was: the log tells of both lives.
    let run = ended.restore(&[]);
    assert_eq!(run.code, 0, "{run:?}");
    ended.is_in_force().await;
}

/// Only the index names its children, and it may be gone from its upstream.
#[tokio::test]
async fn a_child_of_an_index_that_was_revoked_since_is_not_served_again() {
    let lab = Lab::start().await;
    let (child, named) = lab.put("team/child", "1");
    lab.submit(&lab.token, &named, &trivy(&child, &[]))
        .await
        .expect(200);
    let body = json!({"image": named, "environment": "production", "force": true, "reason": "r"});
    lab.promote(&lab.token, body).await.expect(200);
    let backup = lab.folder.path().join("backup.db");
    lab.parts().ledger.backup(&backup).await.unwrap();
    let digest = child.manifest.digest.to_string();
    let of_index = lab.put_index("team/child", &SampleIndex::new(vec![child]));
    let everywhere = json!({"image": of_index, "reason": "leaks a key"});
    act(&lab, "revocations", everywhere).await;
    // What ends in one environment goes on in the others.
    let narrow = json!({"image": of_index, "environment": "staging", "reason": "crashes"});
    act(&lab, "revocations", narrow.clone()).await;
    act(&lab, "revocations/reinstate", narrow).await;
    let mut ended = Ended {
        token: lab.token.clone(),
        running: lab.ended().await,
        backup,
        images: vec![("team/child", digest)],
    };
    let run = ended.restore(&[]);
    assert_eq!(run.code, 0, "{run:?}");
    ended.running.serve().await;
    // The upstream ended with the gateway: nothing can be read there any more.
    let pulled = ended.pull("team/child").await;
    assert!(pulled.text().contains("revoked"), "{}", pulled.text());
    ended.running.stop().await;
    // Where the ledger that knew it is gone, that is told.
    for rest in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        let _ = fs::remove_file(ended.running.data().join(rest));
    }
    let run = ended.restore(&[]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.stderr.contains("what lies below 1 revoked digest,"),
        "{run:?}"
    );
}

#[tokio::test]
async fn what_a_restore_would_lose_is_told_and_nothing_is_done_without_consent() {
    let mut ended = Ended::new(true).await;
    let run = ended.restore(&[]);
    assert_eq!(run.code, 1, "{run:?}");
    for told in [
        "1 scan",
        "1 promotion",
        "team/late",
        "1 token: late",
        "--accept-loss",
    ] {
        assert!(run.stderr.contains(told), "{told}: {run:?}");
    }
    // The newest ledger is still there.
    ended.is_in_force().await;
    let run = ended.restore(&["--accept-loss"]);
    assert_eq!(run.code, 0, "{run:?}");
    ended.is_in_force().await;
}

#[tokio::test]
async fn what_was_done_again_and_lost_is_told_as_json() {
    let ended = Ended::new(true).await;
    let run = ended.restore(&["--accept-loss", "--output", "json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let told: Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(told["acts_done_again"].as_u64().unwrap() > 0, "{told}");
    assert_eq!(told["lost"]["tokens"], json!(["late"]), "{told}");
    assert!(
        told["kept"].is_string() && told["ledger"].is_string(),
        "{told}"
    );
    let run = ended.run(&["ledger", "replay", "--output", "json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let told: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(told["acts_done_again"], 0, "{told}");
}

#[tokio::test]
async fn an_older_ledger_put_there_by_hand_is_refused_until_the_log_is_replayed() {
    let mut ended = Ended::new(false).await;
    ended.put_back_by_hand();
    let refused = ended.running.try_serve().await.unwrap_err().to_string();
    for told in [
        "sekisho ledger restore",
        "sekisho ledger replay",
        "--accept-loss",
    ] {
        assert!(refused.contains(told), "{told}: {refused}");
    }
    let run = ended.run(&["ledger", "replay"]);
    assert_eq!(run.code, 0, "{run:?}");
    ended.is_in_force().await;
}

#[tokio::test]
async fn a_log_with_a_gap_replays_nothing_until_the_rest_of_it_is_named() {
    let mut ended = Ended::new(false).await;
    let log = ended.running.data().join("audit.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    let is_early = |line: &&str| line.contains("\"revoke\"") || line.contains("\"scan\"");
    let (early, late): (Vec<&str>, Vec<&str>) = text.lines().partition(is_early);
    let away = ended.running.folder.path().join("away.jsonl");
    fs::write(&away, early.join("\n")).unwrap();
    fs::write(&log, late.join("\n") + "\n").unwrap();
    let run = ended.restore(&[]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.stderr.contains("which no file of the audit log has"),
        "{run:?}"
    );
    let [away, log] = [&away, &log].map(|it| it.to_str().unwrap());
    let run = ended.restore(&["--log-file", away, "--log-file", log]);
    assert_eq!(run.code, 0, "{run:?}");
    ended.is_in_force().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_put_back_below_a_running_serve() {
    let lab = Lab::start().await;
    let backup = lab.folder.path().join("backup.db");
    lab.parts().ledger.backup(&backup).await.unwrap();
    let restore = Program::new(&["ledger", "restore"]).arg(&backup);
    let run = restore.config(&lab.file()).run();
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("another serve"), "{run:?}");
    assert_eq!(lab.api("GET", "/api/v1/acts").send().await.status, 200);
    lab.stop().await;
}

/// Lines that somebody appended to the log who may not write the ledger: the revocation is
/// overwritten, and what is denied is let through for seventy years.
fn forged(revocation: &Value) -> [String; 3] {
    let number = |by: i64| {
        let id = revocation["id"].as_str().unwrap();
        let number: i64 = id.strip_prefix("act:").unwrap().parse().unwrap();
        format!("act:{}", number + by)
    };
    let ledger = &revocation["ledger"];
    let line = |id: String, act: &str, more: Value| {
        let mut line = json!({"record": "act", "schema": 1, "id": id, "act": act,
            "time": revocation["time"], "principal": "ci", "ledger": ledger});
        let more = more.as_object().unwrap().clone();
        line.as_object_mut().unwrap().extend(more);
        line.to_string()
    };
    let until = "2099-01-01T00:00:00Z";
    let mode = json!({"environment": "production", "detail": "audit", "until": until,
        "ticket": "T-1", "subject": "mode:7"});
    let grant = json!({"environment": "production", "digest": revocation["digest"],
        "until": until, "ticket": "T-1", "reason": "r", "subject": "break-glass:7",
        "detail": "lifts a revocation, too"});
    [
        line(number(0), "start", json!({})),
        line(number(1000), "mode", mode),
        line(number(1001), "break-glass", grant),
    ]
}

impl Ended {
    /// Appends forged lines, and says where the first of them stands.
    fn forge(&self) -> String {
        let acts = self.acts();
        let revocation = acts.iter().find(|it| it["act"] == "revoke").unwrap();
        let log = self.running.data().join("audit.jsonl");
        let text = fs::read_to_string(&log).unwrap();
        let lines = text.lines().count();
        fs::write(&log, text + &forged(revocation).join("\n") + "\n").unwrap();
        format!("{}:{}", log.display(), lines + 1)
    }
}

#[tokio::test]
async fn forged_lines_of_the_log_are_refused_and_named_and_never_done_again() {
    let mut ended = Ended::new(false).await;
    let first = ended.forge();
    let run = ended.restore(&["--accept-loss"]);
    assert_eq!(run.code, 1, "{run:?}");
    for told in [&*first, "(start)", "(mode)", "--skip-unsound", "--log-file"] {
        assert!(run.stderr.contains(told), "{told}: {run:?}");
    }
    // Nor as an archive.
    let log = ended.running.data().join("audit.jsonl");
    let run = ended.restore(&["--log-file", log.to_str().unwrap()]);
    assert_eq!(run.code, 1, "{run:?}");
    // With consent they are left out, and that is told.
    let run = ended.restore(&["--skip-unsound"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("3 acts in lines"), "{run:?}");
    let run = ended.restore(&["--skip-unsound", "--accept-loss"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.contains("5 acts"), "{run:?}");
    ended.is_in_force().await;
}

#[tokio::test]
async fn forged_lines_of_the_log_are_refused_in_a_replay() {
    let ended = Ended::new(false).await;
    let first = ended.forge();
    ended.put_back_by_hand();
    let run = ended.run(&["ledger", "replay", "--accept-loss"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains(&first), "{run:?}");
}

/// What takes trust away is done again wherever it stands.
#[tokio::test]
async fn a_revocation_in_a_log_that_is_not_as_it_was_written_is_done_again_with_consent() {
    let mut ended = Ended::new(false).await;
    let log = ended.running.data().join("audit.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    fs::write(&log, text.replace("leaks a key", "leaks no key")).unwrap();
    let run = ended.restore(&["--accept-loss"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("does not fit"), "{run:?}");
    let run = ended.restore(&["--skip-unsound", "--accept-loss"]);
    assert_eq!(run.code, 0, "{run:?}");
    ended.running.serve().await;
    let revoked = ended.pull("team/revoked").await;
    assert!(revoked.text().contains("revoked"), "{}", revoked.text());
    ended.running.stop().await;
}

#[tokio::test]
async fn a_line_that_a_crash_tore_hinders_no_restore() {
    let mut ended = Ended::new(false).await;
    let log = ended.running.data().join("audit.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    fs::write(&log, text + "{\"record\":\"decision\",\"sch").unwrap();
    let run = ended.restore(&[]);
    assert_eq!(run.code, 0, "{run:?}");
    ended.is_in_force().await;
}

/// As where a copy of the file broke off.
#[tokio::test]
async fn a_file_of_the_log_that_is_cut_is_named_and_hinders_no_restore_with_consent() {
    let mut ended = Ended::new(false).await;
    let log = ended.running.data().join("audit.jsonl");
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&fs::read(&log).unwrap()).unwrap();
    let packed = packed.finish().unwrap();
    let cut = ended.running.data().join("audit.jsonl.1.gz");
    fs::write(&cut, &packed[..packed.len() / 2]).unwrap();
    let run = ended.restore(&[]);
    assert_eq!(run.code, 1, "{run:?}");
    for told in [
        cut.to_str().unwrap(),
        "damaged part of 1 file",
        "--accept-loss",
    ] {
        assert!(run.stderr.contains(told), "{told}: {run:?}");
    }
    let run = ended.restore(&["--accept-loss"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.contains("5 acts"), "{run:?}");
    assert!(run.stderr.contains(cut.to_str().unwrap()), "{run:?}");
    ended.is_in_force().await;
}

#[test]
fn a_backup_that_is_not_there_or_not_sound_is_named_and_the_ledger_is_not_blamed() {
    let folder = super::program::scratch();
    let config = folder.path().join("sekisho.toml");
    fs::write(&config, "data_dir = \"data\"\n").unwrap();
    let broken = folder.path().join("broken.db");
    fs::write(&broken, "no database".repeat(1000)).unwrap();
    for backup in [folder.path().join("nothere.db"), broken] {
        let name = backup.to_str().unwrap();
        let run = Program::new(&["ledger", "restore", name])
            .config(&config)
            .run();
        assert_eq!(run.code, 1, "{run:?}");
        let told = run.stderr.trim_start_matches("sekisho: ");
        let begins = [
            name.to_owned(),
            format!("the backup {name} cannot be put back: "),
        ];
        assert!(begins.iter().any(|it| told.starts_with(it)), "{run:?}");
    }
}
