//! The real program, once or twice over one ledger.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use sekisho::demo::DemoRegistry;
use sekisho::tasks::Tasks;
use serde_json::Value;

use super::files;
use super::reference::Reference;
use super::site::{FIRST, Item, PLACES, Site};
use super::step::Trouble;
use crate::kit::Running;
use crate::kit::postgres::PASSWORD;

/// A busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program beside its reference.
pub struct Gateways {
    pub site: Site,
    pub upstream: DemoRegistry,
    pub replicas: Vec<Running>,
    pub reference: Reference,
    pub trouble: Trouble,
    /// Manifests that a replica has served by digest, and has at hand.
    pub at_hand: std::collections::BTreeSet<(usize, usize, Item)>,
    /// How often everything was asked.
    pub(super) rounds: usize,
    pub client: reqwest::Client,
    pub(super) token: String,
    /// Of who speaks for the other repository alone.
    pub(super) narrow: Narrow,
    _upstream: Tasks,
}

/// Who speaks for the other repository alone: tokens, which are withdrawn with all that
/// was said with them.
#[derive(Default)]
pub(super) struct Narrow {
    /// How many there were before these.
    pub(super) number: usize,
    pub(super) scanner: String,
    pub(super) promoter: String,
}

/// What is not as it should be.
pub type Checked = Result<(), String>;

impl Gateways {
    /// With these tables `[ledger]`, one for each.
    pub async fn start(ledgers: &[String]) -> Self {
        // Another test may have been first.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let tasks = Tasks::new();
        let upstream = DemoRegistry::start(&tasks).await.unwrap();
        let mut replicas = Vec::new();
        for ledger in ledgers {
            let mut running = Running::over(tempfile::tempdir().unwrap());
            let text = files::configuration(&upstream.origin(), ledger);
            std::fs::write(running.file(), text).unwrap();
            running.put_file("password", PASSWORD);
            running.serve().await;
            replicas.push(running);
        }
        let mut gateways = Self {
            site: Site::new(),
            token: replicas[0].admin_token(),
            upstream,
            replicas,
            reference: Reference::default(),
            trouble: Trouble::None,
            at_hand: std::collections::BTreeSet::new(),
            rounds: 0,
            client: reqwest::Client::new(),
            narrow: Narrow::default(),
            _upstream: tasks,
        };
        gateways.site.put(&gateways.upstream);
        gateways.make_narrow().await.unwrap();
        gateways.move_tag(0, FIRST);
        gateways
    }

    pub async fn stop(mut self) {
        for replica in &mut self.replicas {
            replica.stop().await;
        }
    }

    pub fn now(&self, at: usize) -> Timestamp {
        self.replicas[at].parts().gate.now()
    }

    /// `host/name@digest`
    pub fn image(&self, place: usize, item: Item) -> String {
        format!("{}@{}", PLACES[place], self.site.digest(item))
    }

    /// A request to the admin API of a replica.
    pub async fn api(
        &self,
        at: usize,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        self.api_as(&self.token, at, (method, path), body).await
    }

    pub(super) async fn api_as(
        &self,
        token: &str,
        at: usize,
        (method, path): (&str, &str),
        body: Option<Value>,
    ) -> (u16, Value) {
        let url = format!("http://{}{path}", self.replicas[at].app().admin());
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, url).bearer_auth(token);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    /// A request whose answer says that it is done. While the upstream is in trouble it may
    /// not be: then it has not happened.
    pub(super) async fn done(
        &self,
        at: usize,
        path: &str,
        body: Value,
    ) -> Result<Option<Value>, String> {
        let told = self.api(at, "POST", path, Some(body.clone())).await;
        self.is_done(told, &format!("{path} {body}"))
    }

    pub(super) fn is_done(
        &self,
        (status, answer): (u16, Value),
        what: &str,
    ) -> Result<Option<Value>, String> {
        match status {
            200 => Ok(Some(answer)),
            _ if self.trouble != Trouble::None => Ok(None),
            _ => Err(format!("{what}: {status} {answer}")),
        }
    }

    /// Until every replica knows what the ledger holds.
    pub(super) async fn followed(&self) -> Checked {
        let marks = self
            .replicas
            .iter()
            .map(|it| it.parts().ledger.mark().change);
        let newest = marks.max().unwrap_or_default();
        for replica in &self.replicas {
            let ledger = &replica.parts().ledger;
            self.until("the other's writes are followed", async || {
                ledger.mark().change >= newest
            })
            .await?;
        }
        Ok(())
    }

    /// Until that background task of each replica has looked at what stands now.
    pub(super) async fn looked(&self, task: &str) -> Checked {
        for replica in &self.replicas {
            let app = replica.app();
            let enough = app.rounds(task) + 2;
            self.until(task, async || {
                app.reloader().reload().await;
                app.rounds(task) >= enough
            })
            .await?;
        }
        Ok(())
    }

    pub(super) async fn until(&self, what: &str, mut is_so: impl AsyncFnMut() -> bool) -> Checked {
        let end = Instant::now() + PATIENCE;
        while !is_so().await {
            if Instant::now() > end {
                return Err(format!("never: {what}"));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }
}
