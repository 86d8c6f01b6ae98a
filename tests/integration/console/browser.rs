//! A real browser: Chromium by its WebDriver, as people see the pages.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::{ParseError, Url};

use crate::lab::{Missing, Part, as_root, installed};

/// Nothing that is waited for takes longer, on a busy machine neither.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Ports that turn out to be taken before it is given up.
const MAX_TAKEN_PORTS: u32 = 10;

/// How the browser looks at pages.
#[derive(Clone, Copy, Debug)]
pub enum Screen {
    Desk,
    Phone,
}

pub struct Browser {
    pub client: Client,
    driver: Part,
    _folder: TempDir,
}

impl Browser {
    pub async fn start() -> Result<Self, Missing> {
        let (program, chromium) = (installed("chromedriver")?, installed("chromium")?);
        as_root()?;
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(program);
        command.arg("--port=0").env("HOME", folder.path());
        let (driver, port) = started_driver(&command, &folder);
        let profile = folder.path().join("profile");
        let capabilities = json!({
            "goog:chromeOptions": {
                "binary": chromium,
                "args": [
                    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                    "--no-first-run", "--disable-background-networking", "--hide-scrollbars",
                    format!("--user-data-dir={}", profile.display()),
                ],
            },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{port}/"))
            .await
            .unwrap();
        Ok(Self {
            client,
            driver,
            _folder: folder,
        })
    }

    pub async fn open(&self, address: &str) {
        self.client.goto(address).await.unwrap();
    }

    /// What the page's script returns.
    pub async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// What people read on the page.
    pub async fn text(&self) -> String {
        let text = self.run("return document.body.innerText").await;
        text.as_str().unwrap_or_default().to_owned()
    }

    pub async fn wait_for_text(&self, part: &str) {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            let text = self.text().await;
            if text.contains(part) {
                return;
            }
            assert!(tokio::time::Instant::now() < end, "no {part:?} in {text}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub async fn look_with(&self, screen: Screen, scheme: &str) {
        let (width, height, mobile) = match screen {
            Screen::Desk => (1360, 900, false),
            Screen::Phone => (390, 844, true),
        };
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics)
            .await;
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        self.driver_answer("goog/cdp/execute", &body).await
    }

    /// What the browser complained of since it was asked last.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self
            .driver_answer("se/log", &json!({"type": "browser"}))
            .await;
        let lines = log.as_array().unwrap().iter();
        let text = |it: &Value| it["message"].as_str().unwrap_or_default().to_owned();
        lines.map(text).collect()
    }

    async fn driver_answer(&self, what: &'static str, body: &Value) -> Value {
        let body = body.clone();
        let answered = self.client.issue_cmd(DriverCommand { what, body }).await;
        answered.unwrap()
    }

    /// What makes the page hard to use for somebody, as axe-core finds it: rules with the
    /// first place that breaks each.
    pub async fn barriers(&self) -> Vec<String> {
        let axe = fs::read_to_string(axe().unwrap()).unwrap();
        self.run(&axe).await;
        let script = "const done = arguments[arguments.length - 1]; \
                      axe.run(document, {resultTypes: ['violations']}).then((found) => \
                      done(found.violations.map((it) => [it.impact, it.id, \
                      it.nodes[0].html, it.nodes[0].failureSummary].join(' | '))));";
        let found = self.client.execute_async(script, Vec::new()).await.unwrap();
        let found = found.as_array().unwrap().iter();
        found.map(|it| it.as_str().unwrap().to_owned()).collect()
    }

    /// Whether somebody wants to look at the pages.
    pub fn keeps_pictures() -> bool {
        env::var_os("SEKISHO_SCREENSHOTS").is_some()
    }

    /// Keeps what is seen, where the folder of `SEKISHO_SCREENSHOTS` is set.
    pub async fn keep(&self, name: &str) {
        if let Some(folder) = env::var_os("SEKISHO_SCREENSHOTS") {
            let picture = self.client.screenshot().await.unwrap();
            fs::create_dir_all(&folder).unwrap();
            fs::write(PathBuf::from(folder).join(format!("{name}.png")), picture).unwrap();
        }
    }

    pub async fn close(mut self) {
        self.client.close().await.unwrap();
        self.driver.kill();
    }
}

/// Chromedriver takes a port that is free for IPv6 and ends when somebody has it for
/// IPv4: then it is started again.
fn started_driver(command: &Command, folder: &TempDir) -> (Part, u16) {
    for attempt in 0.. {
        let log = folder.path().join(format!("chromedriver-{attempt}.log"));
        let mut driver = Part::start("chromedriver", command, &log);
        let started = driver.ready(|| {
            let told = fs::read_to_string(&log).ok()?;
            let is_taken = told.contains("Address already in use") && attempt < MAX_TAKEN_PORTS;
            port(&told).map(Some).or(is_taken.then_some(None))
        });
        if let Some(port) = started {
            return (driver, port);
        }
    }
    unreachable!("the last attempt is ready or panics")
}

/// A command of chromedriver's own.
#[derive(Debug)]
struct DriverCommand {
    what: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for DriverCommand {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.what
        ))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

fn port(log: &str) -> Option<u16> {
    let (_, behind) = log.split_once("started successfully on port ")?;
    let digits = behind.split(|it: char| !it.is_ascii_digit()).next()?;
    let is_whole = behind.len() > digits.len();
    is_whole.then(|| digits.parse().ok())?
}

/// Where `tests/setup/browser-tools` put it.
pub fn axe() -> Result<PathBuf, Missing> {
    const PINNED: &str = include_str!("../../lab/axe-core/package.json");
    let pinned: Value = serde_json::from_str(PINNED).unwrap();
    let version = pinned["dependencies"]["axe-core"].as_str().unwrap();
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let missing = || Missing::new("axe-core is not fetched (tests/setup/browser-tools)");
    let cache = cache.or_else(home).ok_or_else(missing)?;
    let file = cache.join(format!("sekisho-lab/axe-core-{version}/axe.min.js"));
    file.is_file().then_some(file).ok_or_else(missing)
}
