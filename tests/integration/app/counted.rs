//! Statements that pulls of what is known cost, as the databases themselves tell of each.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use sekisho::demo::{DemoRegistry, SampleImage};
use sekisho::tasks::Tasks;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::served::Served;
use crate::kit::lab::{Ask, NAME, config, eventually, named, sample, trivy};
use crate::kit::postgres::{PASSWORD, Postgres, Settings, USER};
use crate::lab::or_skip;

/// More than any clock ticks meanwhile.
const PULLS: usize = 1500;
/// The same statement is made as often by clocks, at most: each quarter of a second.
const BY_CLOCKS: usize = PULLS / 2;

/// How often each statement was made.
type Counted = BTreeMap<String, usize>;

fn count(statements: impl Iterator<Item = String>) -> Counted {
    let mut counted = Counted::new();
    for statement in statements {
        *counted.entry(statement).or_default() += 1;
    }
    counted
}

/// As the program's log tells of those on a file.
fn on_file(log: &Path) -> Counted {
    let text = fs::read_to_string(log).unwrap();
    let lines = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let told = lines.filter(|line| line["target"] == "sqlx::query");
    count(told.map(|line| line["summary"].to_string()))
}

/// As the server's log tells of them.
fn on_server(server: &Postgres) -> Counted {
    let told = server.log();
    let told = told.lines().filter_map(|line| {
        let (_, statement) = line.split_once("LOG:  ")?;
        Some(statement.split_once(": ")?.1.to_owned())
    });
    count(told)
}

struct Hot {
    served: Served,
    image: SampleImage,
    tasks: Tasks,
    folder: TempDir,
}

impl Hot {
    /// Serves over that ledger what it has pulled before.
    async fn start(folder: TempDir, ledger: &str) -> Self {
        let tasks = Tasks::new();
        let upstream = DemoRegistry::start(&tasks).await.unwrap();
        let image = sample(NAME, "amd64");
        upstream.put_image(NAME, &image);
        let listener = "[[listeners]]\naddress = \"127.0.0.1:0\"\nenvironment = \"production\"\n";
        let rest = format!("[environments.production]\nrequire = [\"scan\"]\n{ledger}");
        let file = folder.path().join("sekisho.toml");
        fs::write(&file, config(&upstream.origin(), listener, &rest)).unwrap();
        let file = file.to_str().unwrap().to_owned();
        let arguments = [
            "serve",
            "--config",
            &file,
            "--log",
            "info,sqlx::query=debug",
        ];
        let served = Served::start(folder.path(), &arguments).await;
        let hot = Self {
            served,
            image,
            tasks,
            folder,
        };
        hot.admit().await;
        hot
    }

    async fn admit(&self) {
        let token = fs::read_to_string(self.folder.path().join("data/admin.token")).unwrap();
        let image = named(NAME, &self.image.manifest.digest);
        let body = json!({"image": image, "report": trivy(&self.image, &[])});
        let ask = Ask::new(self.served.admin, "POST", "/api/v1/scans").token(token.trim());
        ask.json(&body).send().await.expect(200);
        eventually("it is pulled", || async { self.pull().await == [200, 200] }).await;
        self.pull().await;
    }

    fn log(&self) -> std::path::PathBuf {
        self.folder.path().join("log-5")
    }

    /// The manifest, and a layer.
    async fn pull(&self) -> [u16; 2] {
        let (manifest, layer) = (&self.image.manifest.digest, &self.image.layers[0].digest);
        let ask = async |path: String| {
            let path = format!("/v2/registry.example/{NAME}/{path}");
            Ask::new(self.served.registry, "GET", &path)
                .send()
                .await
                .status
        };
        [
            ask(format!("manifests/{manifest}")).await,
            ask(format!("blobs/{layer}")).await,
        ]
    }

    async fn pull_often(&self) {
        for _ in 0..PULLS {
            assert_eq!(self.pull().await, [200, 200]);
        }
    }

    async fn end(self) {
        drop(self.served);
        self.tasks.drain(Duration::ZERO).await;
    }
}

/// The ledger was asked meanwhile, and nothing of it for each pull.
fn none_is_of_a_pull(before: &Counted, after: &Counted) {
    let grown = after.iter().map(|(statement, count)| {
        let was = before.get(statement).copied().unwrap_or(0);
        (count - was, statement)
    });
    let mut grown: Vec<_> = grown.filter(|it| it.0 > 0).collect();
    grown.sort();
    println!("{PULLS} pulls: {grown:#?}");
    let most = grown.last().expect("statements are counted at all");
    assert!(most.0 < BY_CLOCKS, "{most:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pulls_of_what_is_known_make_no_statement_on_a_file() {
    let hot = Hot::start(TempDir::new().unwrap(), "").await;
    let before = on_file(&hot.log());
    hot.pull_often().await;
    none_is_of_a_pull(&before, &on_file(&hot.log()));
    hot.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pulls_of_what_is_known_make_no_statement_on_a_server() {
    let all = Settings::default().set("log_statement = all");
    let server = or_skip!(Postgres::start_with(all));
    server.sql("postgres", &format!("CREATE DATABASE trust OWNER {USER}"));
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("password"), PASSWORD).unwrap();
    let port = server.port();
    let ledger = format!(
        "[ledger]\nurl = \"postgres://{USER}@127.0.0.1:{port}/trust\"\npassword_file = \"password\"\n"
    );
    let hot = Hot::start(folder, &ledger).await;
    let before = on_server(&server);
    hot.pull_often().await;
    none_is_of_a_pull(&before, &on_server(&server));
    hot.end().await;
}
