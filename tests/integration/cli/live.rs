//! Every command against a gateway that runs.

use std::path::Path;

use serde_json::Value;

use super::program::{Program, Run};
use crate::kit::lab::{DOOR, Lab, NAME, eventually, trivy};

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
    let (_, json) = desk.both(&undo, 1).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn followed_denials_have_the_head_of_their_columns() {
    let lab = Lab::start().await;
    let log = lab.folder.path().join("followed.csv");
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_sekisho"))
        .args(["denials", "--follow", "--output", "csv"])
        .env_clear()
        .env("SEKISHO_SERVER", lab.server())
        .env("SEKISHO_TOKEN", &lab.token)
        .stdout(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let (image, _) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    lab.pull(1, NAME, &digest).await.expect(403);
    let text = || std::fs::read_to_string(&log).unwrap();
    eventually("a denial is shown", || async {
        text().lines().count() == 2
    })
    .await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        text().starts_with("time,id,environment,verdict,"),
        "{}",
        text()
    );
    lab.stop().await;
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
    assert!(text.contains("0 scans"), "{text}");
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
            2,
            ["several environments", "production, staging"],
        ),
        (
            "explain quay.io/a/b:1 --environment staging".to_owned(),
            3,
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

#[tokio::test(flavor = "multi_thread")]
async fn images_are_found_as_text_json_and_csv_and_nothing_unknown_is_an_all_clear() {
    let desk = Desk::start().await;
    let (image, named) = desk.lab.put(NAME, "1");
    desk.lab.put(NAME, "2");
    desk.lab.pull(0, NAME, "2").await.expect(403);
    let report = desk.report("report.json", &trivy(&image, &["HIGH"]));
    desk.both(&format!("scan submit --image {named} --report {report}"), 0)
        .await;
    eventually("what was asked for is known", || async {
        let run = desk.run("images --output json").await;
        run.stdout.matches("\"image\":").count() == 2
    })
    .await;
    let (text, json) = desk.both("images --cve CVE-2026-1234", 0).await;
    assert!(
        text.contains("CVE-2026-1234 high openssl-HIGH 3.0.1"),
        "{text}"
    );
    assert!(
        text.contains("without a whole scan: 1 of 2 images"),
        "{text}"
    );
    assert!(text.contains("where they run is unknown"), "{text}");
    assert_eq!(json["images"][0]["image"], *named);
    let (text, _) = desk.both("images --cve CVE-1999-1", 0).await;
    assert!(
        text.starts_with("in none of the scanned images, 1 of 2"),
        "{text}"
    );
    let csv = desk.run("images --package openssl-HIGH --output csv").await;
    let rows: Vec<&str> = csv.stdout.lines().collect();
    assert!(rows[0].starts_with("image,platform,scanned_at,"), "{csv:?}");
    assert!(
        rows[1].starts_with(&named) && rows[1].ends_with(",unknown,"),
        "{csv:?}"
    );
    let first = desk.run("images --limit 1").await;
    let next = first
        .stderr
        .trim()
        .strip_prefix("more: the same command with ")
        .unwrap();
    let second = desk.run(&format!("images --limit 1 {next}")).await;
    assert!(
        second.stderr.is_empty() && second.stdout != first.stdout,
        "{second:?}"
    );
    let wrong = desk.run("images --environment moon").await;
    assert_eq!(wrong.code, 1, "{wrong:?}");
    assert!(
        wrong.stderr.contains("no environment is called moon"),
        "{wrong:?}"
    );
    desk.lab.stop().await;
}

/// A gateway that denied two images of two kinds.
async fn denied() -> (Desk, Value) {
    let desk = Desk::start().await;
    let (bad, named) = desk.lab.put(NAME, "1");
    let report = desk.report("report.json", &trivy(&bad, &["HIGH", "CRITICAL"]));
    desk.both(&format!("scan submit --image {named} --report {report}"), 0)
        .await;
    desk.lab.put(DOOR, "1");
    desk.lab.pull(1, NAME, "1").await.expect(403);
    desk.lab.pull(0, DOOR, "1").await.expect(403);
    eventually("both are on record", || async {
        let run = desk.run("denials --output json").await;
        run.stdout.matches("\"verdict\"").count() == 2
    })
    .await;
    let run = desk
        .run("denials --environment staging --output json")
        .await;
    let list: Value = serde_json::from_str(&run.stdout).unwrap();
    (desk, list["decisions"][0].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn denials_are_narrowed_by_image_reason_principal_and_client() {
    let (desk, of_app) = denied().await;
    let count = async |filter: &str| {
        let run = desk.run(&format!("denials {filter} --output json")).await;
        assert_eq!(run.code, 0, "{run:?}");
        let list: Value = serde_json::from_str(&run.stdout).unwrap();
        list["decisions"].as_array().unwrap().len()
    };
    let digest = of_app["digest"].as_str().unwrap();
    for (filter, expected) in [
        ("--reason too-severe", 1),
        ("--reason revoked", 0),
        ("--principal anonymous", 2),
        ("--principal nobody", 0),
        ("--client 127.0.0.1", 2),
        ("--client 10.0.0.1", 0),
        ("--image team/app", 1),
        ("--image team/app:1", 1),
        ("--image team/app:2", 0),
        ("--image registry.example/team/*", 2),
        ("--image registry.example/team/door", 1),
        (&*format!("--image {digest}"), 1),
        (&*format!("--image team/door@{digest}"), 0),
        (
            "--reason not-scanned --image team/door --environment production",
            1,
        ),
    ] {
        assert_eq!(count(filter).await, expected, "{filter}");
    }
    let wrong = desk.run("denials --reason not-scaned").await;
    assert_eq!(wrong.code, 2, "{wrong:?}");
    assert!(wrong.stderr.contains("not-scanned"), "{wrong:?}");
    let csv = desk.run("denials --output csv").await;
    assert!(
        csv.stdout
            .starts_with("time,id,environment,verdict,count,image,")
    );
    assert_eq!(csv.stdout.lines().count(), 3, "{csv:?}");
    desk.lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_have_lines_of_their_own_on_a_narrow_terminal_and_rows_elsewhere() {
    let (desk, of_app) = denied().await;
    let narrow = async |columns: &str| {
        let program = Program::new(&["denials"])
            .env("SEKISHO_SERVER", &desk.lab.server())
            .env("SEKISHO_TOKEN", &desk.lab.token)
            .env("COLUMNS", columns);
        let run = tokio::task::spawn_blocking(|| program.run()).await.unwrap();
        run.stdout
    };
    // On eighty columns nothing that one looks for is cut.
    let id = of_app["id"].as_str().unwrap();
    let shown = narrow("80").await;
    let widest = shown.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(80), "{shown}");
    for part in [id, "\nIMAGE        registry.example/team/app:1\n"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let whole = desk.run("denials").await;
    let row = whole.stdout.lines().find(|line| line.contains(id));
    assert!(
        row.is_some_and(|row| row.contains("registry.example/team/app:1")),
        "{whole:?}"
    );
    desk.lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_takes_an_id_its_beginning_its_address_and_the_clients_name() {
    let (desk, of_app) = denied().await;
    let id = of_app["id"].as_str().unwrap();
    let server = desk.lab.server();
    for subject in [
        id.to_owned(),
        id[..8].to_owned(),
        format!("{server}/d/{id}"),
    ] {
        let (text, json) = desk.both(&format!("explain {subject}"), 3).await;
        assert_eq!(json["id"], *id, "{subject}");
        assert_eq!(json["now"]["allowed"], false, "{json}");
        // What was decided with its next step, and every finding as it is now.
        for part in [
            "DENIED",
            "next:",
            "now: DENIED",
            "openssl-HIGH",
            "openssl-CRITICAL",
        ] {
            assert!(text.contains(part), "{subject}: {part}\n{text}");
        }
    }
    let gateway = desk.lab.app().registries()[1];
    for name in [
        format!("{gateway}/registry.example/team/app:1"),
        "gateway.corp:5080/registry.example/team/app:1".to_owned(),
        "team/app:1".to_owned(),
    ] {
        let explain = format!("explain {name} --environment staging");
        let (text, json) = desk.both(&explain, 3).await;
        assert_eq!(json["image"], "registry.example/team/app:1", "{name}");
        assert!(text.contains("openssl-HIGH"), "{text}");
    }
    // Proof is asked of the names that are configured alone.
    let manifest = desk.lab.folder.path().join("pod.yaml");
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, \
               image: 'gateway.corp:5080/registry.example/team/app:1'}]}\n";
    std::fs::write(&manifest, pod).unwrap();
    let verify = format!("verify {} --environment staging", manifest.display());
    let run = desk.run(&verify).await;
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.stdout.contains("unknown-upstream"), "{run:?}");
    let run = desk.run("explain 0000000").await;
    assert_ne!(run.code, 0, "{run:?}");
    desk.lab.stop().await;
}
