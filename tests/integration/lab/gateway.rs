//! The program itself, as its users start it: a configuration file, `serve`,
//! and the commands that find the admin token by the same file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::{Answer, Image, Outcome, Part, eventually, free_port, get, outcome, trivy};

const BINARY: &str = env!("CARGO_BIN_EXE_sekisho");
const DRAINS_WITHIN: Duration = Duration::from_secs(30);

/// What a gateway is configured with beyond its addresses and folders.
#[derive(Clone, Debug)]
pub struct Setup {
    host: String,
    upstreams: String,
    listener: String,
    environment: String,
    cache: String,
    tables: String,
}

impl Setup {
    /// Production enforces scan and promotion for linux/amd64.
    pub fn new() -> Self {
        let environment = "mode = \"enforce\"\nrequire = [\"scan\", \"promotion\"]\nplatforms = [\"linux/amd64\"]\n";
        Self {
            host: "127.0.0.1".to_owned(),
            upstreams: String::new(),
            listener: String::new(),
            environment: environment.to_owned(),
            cache: String::new(),
            tables: String::new(),
        }
    }

    /// The address at which the registry listens, instead of 127.0.0.1.
    pub fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// An upstream that image names call `name`, on loopback by plain HTTP.
    pub fn upstream(self, path: &str, name: &str, address: &str) -> Self {
        self.upstream_with(path, name, &format!("http://{address}"), "")
    }

    /// The same with further keys of its section, as TOML lines.
    pub fn upstream_with(mut self, path: &str, name: &str, url: &str, keys: &str) -> Self {
        self.upstreams += &format!(
            "[[upstreams]]\nname = \"{name}\"\npath = \"{path}\"\nurl = \"{url}\"\n{keys}\n"
        );
        self
    }

    /// Further keys of the one listener.
    pub fn listener(mut self, keys: &str) -> Self {
        keys.clone_into(&mut self.listener);
        self
    }

    /// Replaces the keys of `[environments.production]`.
    pub fn environment(mut self, keys: &str) -> Self {
        keys.clone_into(&mut self.environment);
        self
    }

    /// Further keys of `[cache]`.
    pub fn cache(mut self, keys: &str) -> Self {
        keys.clone_into(&mut self.cache);
        self
    }

    /// Further tables, as TOML. `GATEWAY` in them stands for the listener's address.
    pub fn tables(mut self, text: &str) -> Self {
        self.tables += text;
        self
    }

    fn text(&self, folder: &Path, registry: &str, admin: &str) -> String {
        let folder = folder.display();
        format!(
            "data_dir = \"{folder}/data\"\n\
             [[listeners]]\naddress = \"{registry}\"\nenvironment = \"production\"\n{}\
             [admin]\naddress = \"{admin}\"\npublic_url = \"http://{admin}\"\n\
             {}[environments.production]\n{}\
             [cache]\npath = \"{folder}/cache\"\nmin_free = \"64MiB\"\n{}{}",
            self.listener,
            self.upstreams,
            self.environment,
            self.cache,
            self.tables.replace("GATEWAY", registry)
        )
    }
}

#[derive(Debug)]
pub struct Gateway {
    part: Part,
    folder: TempDir,
    address: String,
    admin: String,
}

impl Gateway {
    pub fn start(setup: &Setup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [address, admin] =
            [&*setup.host, "127.0.0.1"].map(|host| format!("{host}:{}", free_port()));
        fs::write(
            folder.path().join("sekisho.toml"),
            setup.text(folder.path(), &address, &admin),
        )
        .unwrap();
        let part = serve(folder.path(), &admin);
        let gateway = Self {
            part,
            folder,
            address,
            admin,
        };
        gateway.ensure_token();
        gateway
    }

    /// Makes a token for its commands where another gateway that shares the ledger has the
    /// first.
    fn ensure_token(&self) {
        let file = self.data().join("admin.token");
        if file.exists() {
            return;
        }
        let name = format!("admin-{}", self.admin.replace(':', "-"));
        let make = ["token", "create", "--output", "json", "--role", "admin"];
        let made = self.command(&[&make[..], &["--name", &name]].concat());
        let made: Value = serde_json::from_str(&made.expect_ok()).unwrap();
        fs::write(file, made["secret"].as_str().unwrap()).unwrap();
        // It is known here once the ledger was followed.
        eventually("its token", Duration::from_secs(30), || {
            self.command(&["status"]).ok().then_some(())
        });
    }

    /// Where clients pull, `127.0.0.1:port` if its setup names no other host.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The admin API, as `SEKISHO_SERVER` names it.
    pub fn server(&self) -> String {
        format!("http://{}", self.admin)
    }

    /// The secret of a new token with this role, everywhere. Made by the gateway, so
    /// that it is known at once.
    pub fn token(&self, name: &str, role: &str) -> String {
        let admin = fs::read_to_string(self.data().join("admin.token")).unwrap();
        let made = outcome(
            Command::new(BINARY)
                .args(["token", "create", "--output", "json"])
                .args(["--name", name, "--role", role])
                .env("SEKISHO_SERVER", self.server())
                .env("SEKISHO_TOKEN", admin.trim()),
        );
        let made: Value = serde_json::from_str(&made.expect_ok()).unwrap();
        made["secret"].as_str().unwrap().to_owned()
    }

    pub fn get(&self, path: &str) -> Answer {
        get(&self.address, path)
            .unwrap_or_else(|| panic!("{path} is not answered:\n{}", self.part.log()))
    }

    /// One metric, summed over the label sets that contain `labels`.
    pub fn metric(&self, name: &str, labels: &str) -> f64 {
        let metrics = self.metrics();
        let series = metrics
            .lines()
            .filter(|line| line.starts_with(name) && line.contains(labels));
        series
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// The page that scrapers read.
    pub fn metrics(&self) -> String {
        get(&self.admin, "/metrics").unwrap().text()
    }

    /// Of everything that is this gateway's.
    /// What it has said since its last start.
    pub fn log(&self) -> String {
        self.part.log()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn config(&self) -> PathBuf {
        self.folder.path().join("sekisho.toml")
    }

    /// A command of the same binary that reads the same configuration.
    pub fn command(&self, arguments: &[&str]) -> Outcome {
        outcome(
            Command::new(BINARY)
                .args(arguments)
                .arg("--config")
                .arg(self.config()),
        )
    }

    /// Hands in a report on an image as people name it.
    pub fn submit(&self, image: &str, report: &str) -> Outcome {
        let file = self.folder.path().join("report.json");
        fs::write(&file, report).unwrap();
        self.command(&[
            "scan",
            "submit",
            "--image",
            image,
            "--report",
            file.to_str().unwrap(),
        ])
    }

    /// The same with what the scanner says of its database.
    pub fn submit_dated(&self, image: &str, report: &str, info: &str) -> Outcome {
        let [report, info] =
            [("report.json", report), ("scanner.json", info)].map(|(name, text)| {
                let file = self.folder.path().join(name);
                fs::write(&file, text).unwrap();
                file.display().to_string()
            });
        let submit = ["scan", "submit", "--image", image, "--report", &report];
        self.command(&[&submit[..], &["--scanner-info", &info]].concat())
    }

    /// Hands in Trivy's report with nothing found, on the image for amd64.
    pub fn scan(&self, registry: &str, image: &Image) {
        let repository = format!("{registry}/{}", image.repository);
        self.submit(
            &format!("{repository}@{}", image.amd64),
            &trivy(&repository, image),
        )
        .expect_ok();
    }

    pub fn promote(&self, registry: &str, image: &Image) {
        let name = format!("{registry}/{}", image.by_digest());
        self.command(&["promote", &name, "--to", "production"])
            .expect_ok();
    }

    /// Scanned with nothing found, then promoted to production.
    pub fn admit(&self, registry: &str, image: &Image) {
        self.scan(registry, image);
        self.promote(registry, image);
    }

    /// As if the machine lost power, then came back.
    pub fn crash_and_restart(&mut self) {
        self.part.kill();
        self.part = serve(self.folder.path(), &self.admin);
    }

    pub fn kill(&mut self) {
        self.part.kill();
    }

    pub fn restart(&mut self) {
        assert!(
            self.part.stop(DRAINS_WITHIN),
            "it does not drain:\n{}",
            self.part.log()
        );
        self.part = serve(self.folder.path(), &self.admin);
    }
}

fn serve(folder: &Path, admin: &str) -> Part {
    let mut command = Command::new(BINARY);
    command
        .arg("serve")
        .arg("--config")
        .arg(folder.join("sekisho.toml"))
        .env("RUST_BACKTRACE", "1");
    let mut part = Part::start("sekisho", &command, &folder.join("log"));
    part.ready(|| get(admin, "/readyz").filter(|answer| answer.status == 200));
    part
}

/// A command that needs no gateway, such as `node-config`.
pub fn run(arguments: &[&str]) -> Outcome {
    outcome(Command::new(BINARY).args(arguments))
}
