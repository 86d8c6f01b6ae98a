//! Every command against a gateway that runs.

use std::path::Path;

use serde_json::Value;

use super::program::{Program, Run};
use crate::kit::lab::{Lab, NAME, eventually, trivy};

/// A gateway, and the programs of its admin.
struct Desk {
    lab: Lab,
}

impl Desk {
    async fn start() -> Self {
        Self {
            lab: Lab::start().await,
        }
    }

    /// Runs a command, written as one line.
    async fn run(&self, line: &str) -> Run {
        let words: Vec<&str> = line.split(' ').collect();
        let program = Program::new(&words)
            .env("SEKISHO_SERVER", &self.lab.server())
            .env("SEKISHO_TOKEN", &self.lab.token);
        tokio::task::spawn_blocking(|| program.run()).await.unwrap()
    }

    /// The same as text and as JSON, both with this exit code.
    async fn both(&self, line: &str, code: i32) -> (String, Value) {
        let text = self.run(line).await;
        assert_eq!(text.code, code, "{line}: {text:?}");
        let json = self.run(&format!("{line} --output json")).await;
        assert_eq!(json.code, code, "{line}: {json:?}");
        let value = serde_json::from_str(&json.stdout);
        (
            text.stdout,
            value.unwrap_or_else(|error| panic!("{line}: {error}: {json:?}")),
        )
    }

    fn report(&self, name: &str, report: &Value) -> String {
        let file = self.lab.folder.path().join(name);
        std::fs::write(&file, report.to_string()).unwrap();
        file.to_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_told_with_commands() {
    let desk = Desk::start().await;
    let (image, named) = desk.lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    let explain = format!("explain {named} --environment production");
    let promote = format!("promote {named} --to production --link https://mr.example/7");

    let (text, json) = desk.both(&explain, 3).await;
    assert!(
        text.starts_with("DENIED") && text.contains("not-scanned"),
        "{text}"
    );
    assert_eq!(json["allowed"], false);
    let (text, json) = desk.both(&promote, 3).await;
    assert!(text.contains("nothing is recorded"), "{text}");
    assert_eq!(json["error"]["code"], "denied");

    let report = desk.report("report.json", &trivy(&image, &["LOW"]));
    let submit = format!("scan submit --image {named} --report {report}");
    let (text, json) = desk.both(&submit, 0).await;
    assert!(text.contains("1 low"), "{text}");
    assert_eq!(json["manifest"], *digest);
    let (_, json) = desk.both(&promote, 0).await;
    assert_eq!(json["verdict"]["allowed"], true);
    let (text, json) = desk.both(&explain, 0).await;
    assert!(text.starts_with("ALLOWED"), "{text}");
    assert_eq!(json["evidence"].as_array().unwrap().len(), 2, "{json}");
    assert_eq!(desk.lab.pull(0, NAME, &digest).await.status, 200);

    let (_, json) = desk.both(&format!("revoke {named} --reason key"), 0).await;
    assert_eq!(json["digest"], *digest);
    let (text, _) = desk.both(&explain, 3).await;
    assert!(text.contains("revoked"), "{text}");
    let undo = format!("reinstate {named} --reason mistake");
    let run = desk.run(&undo).await;
    assert_eq!(run.code, 0, "{run:?}");
    let (_, json) = desk.both(&undo, 0).await;
    assert_eq!(json["ended"], 0);
    desk.both(&explain, 0).await;
    desk.lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn denials_are_listed_explained_and_followed() {
    let desk = Desk::start().await;
    let (image, _) = desk.lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    desk.lab.pull(0, NAME, &digest).await.expect(403);
    let list = async || {
        let run = desk.run("denials --output json").await;
        serde_json::from_str::<Value>(&run.stdout).unwrap()["decisions"].clone()
    };
    eventually("the denial is listed", || async {
        list().await[0].is_object()
    })
    .await;
    let id = list().await[0]["id"].as_str().unwrap().to_owned();
    let (text, _) = desk
        .both("denials --since 5m --environment production", 0)
        .await;
    assert!(text.contains(&id) && text.contains("not-scanned"), "{text}");
    let run = desk.run("denials --environment stagin").await;
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.stderr.contains("no environment is called stagin"),
        "{run:?}"
    );
    let run = desk.run("denials --environment staging").await;
    assert!(run.stdout.contains("nothing was denied"), "{run:?}");
    let (text, json) = desk.both(&format!("explain {id}"), 3).await;
    assert!(
        text.starts_with("DENIED") && text.contains(&digest),
        "{text}"
    );
    assert_eq!(json["id"], *id);
    let run = desk.run(&format!("explain {}", "0".repeat(32))).await;
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("no decision has that id"), "{run:?}");
    follow(&desk.lab, &id).await;
    desk.lab.stop().await;
}

/// What was there is shown at once, and what comes later when it comes.
async fn follow(lab: &Lab, first: &str) {
    let log = lab.folder.path().join("followed");
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_sekisho"))
        .args(["denials", "--follow", "--output", "json"])
        .env_clear()
        .env("SEKISHO_SERVER", lab.server())
        .env("SEKISHO_TOKEN", &lab.token)
        .stdout(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let lines = || {
        let text = std::fs::read_to_string(&log).unwrap();
        let read = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].clone();
        text.lines().map(read).collect::<Vec<_>>()
    };
    eventually("what was there is shown", || async { lines().len() == 1 }).await;
    assert_eq!(lines()[0], *first);
    let (image, _) = lab.put(NAME, "2");
    lab.pull(1, NAME, &image.manifest.digest.to_string())
        .await
        .expect(403);
    eventually("what is new is shown", || async { lines().len() == 2 }).await;
    assert_eq!(lines()[0], *first, "nothing is shown twice");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn state_and_tokens_are_shown() {
    let desk = Desk::start().await;
    let (text, json) = desk.both("status", 0).await;
    assert!(
        text.starts_with("Sekisho 0.") && text.contains("registry.example"),
        "{text}"
    );
    assert_eq!(json["product"], "sekisho");
    let create = "token create --role scanner --repository registry.example/team/** \
                  --environment staging --expires 90d --name";
    let create = create.split_whitespace().collect::<Vec<_>>().join(" ");
    let run = desk.run(&format!("{create} ci")).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(
        run.stdout.contains("sks_") && run.stdout.contains("expires"),
        "{run:?}"
    );
    let run = desk.run(&format!("{create} ci --output json")).await;
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("\"ci\""), "{run:?}");
    let (text, json) = desk.both("token list", 0).await;
    assert!(
        text.contains("registry.example/team/**") && !text.contains("sks_"),
        "{text}"
    );
    assert_eq!(json["tokens"].as_array().unwrap().len(), 2);
    let (text, _) = desk.both("token revoke ci --evidence", 0).await;
    assert!(text.contains("0 scan(s)"), "{text}");
    let run = desk.run("token revoke nobody").await;
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("nobody"), "{run:?}");
    let file = desk.lab.file();
    let target = desk.lab.folder.path().join("backup.db");
    let ledger = |verb: &str, file: &Path| format!("ledger {verb} {}", file.display());
    let backup = format!("{} --config {}", ledger("backup", &target), file.display());
    let run = desk.run(&backup).await;
    assert_eq!(run.code, 0, "{run:?}");
    desk.both(&ledger("verify", &target), 0).await;
    let (text, json) = desk
        .both(&format!("check-config --config {}", file.display()), 0)
        .await;
    assert!(text.contains("good"), "{text}");
    assert_eq!(json["ok"], true);
    desk.lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_names_the_input_and_the_next_step() {
    let desk = Desk::start().await;
    let (image, named) = desk.lab.put(NAME, "1");
    let (other, _) = desk.lab.put(NAME, "2");
    let wrong = desk.report("other.json", &trivy(&other, &[]));
    let bare = format!("registry.example/{NAME}:1");
    let folder = desk.lab.folder.path().display();
    for (line, code, parts) in [
        (
            format!("scan submit --image {named} --report {wrong}"),
            1,
            ["about", "by digest"],
        ),
        (
            format!("scan submit --image {named} --report {folder}/none.json"),
            1,
            ["none.json", "No such file"],
        ),
        (
            format!("promote {bare} --to production"),
            1,
            [&*bare, "--resolve"],
        ),
        (
            format!("promote {named} --to prod"),
            1,
            ["prod", "production, staging"],
        ),
        (
            format!("revoke {bare} --reason r"),
            1,
            [&*bare, "explain shows the digest"],
        ),
        (
            format!("explain {bare}"),
            1,
            ["several environments", "production, staging"],
        ),
        (
            "explain quay.io/a/b:1 --environment staging".to_owned(),
            1,
            ["quay.io", "use an image of: registry.example"],
        ),
        (
            format!("explain registry.example/{NAME}:none --environment staging"),
            1,
            ["team/app:none", "push it first"],
        ),
        (
            "denials --environment Prod".to_owned(),
            2,
            ["Prod", "begins with a letter"],
        ),
        (
            "status --token sks_wrong".to_owned(),
            1,
            ["unknown, expired or revoked", "token create"],
        ),
        ("status --config /none.toml".to_owned(), 0, ["", ""]),
        (
            "check-config --config /none.toml".to_owned(),
            64,
            ["/none.toml", ""],
        ),
    ] {
        let run = desk.run(&line).await;
        assert_eq!(run.code, code, "{line}: {run:?}");
        for part in parts {
            assert!(run.stderr.contains(part), "{line}: {part}: {run:?}");
        }
        assert!(code == 0 || run.stdout.is_empty(), "{line}: {run:?}");
    }
    assert!(
        desk.lab
            .pull(0, NAME, &image.manifest.digest.to_string())
            .await
            .status
            == 403
    );
    desk.lab.stop().await;
}
