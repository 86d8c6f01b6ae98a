//! When the webhook configurations are in force.
//!
//! A configuration whose webhook does not answer holds up a whole cluster, so none
//! is written before the webhook has answered, under the certificate that the
//! configuration publishes. One that somebody deletes stays deleted: that is how a
//! stuck cluster is freed, and no program may fight it. It comes back when the
//! program starts anew and the webhook answers. Nothing is ever deleted here.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kube::Api;
use kube::api::{Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::Value;

use super::Cluster;
use super::cluster::in_time;
use super::drift::first_drift;
use super::probe::{ask_all, targets};

/// The name under which fields are ours in the API server.
const MANAGER: &str = "sekisho";

/// Keeps the webhook configurations of one cluster in force.
pub struct Arming {
    cluster: Cluster,
    /// The configurations that stood while this process ran.
    stood: BTreeSet<String>,
    told: BTreeMap<String, Outcome>,
}

/// One configuration, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Armed {
    /// Kind and name, as in `kubectl get`.
    pub configuration: String,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// In force, and as it should be.
    Stands,
    /// Put in force now.
    Created,
    /// Was not as it should be, and is now; a JSON pointer to the first difference.
    Repaired(String),
    /// Nothing was written: the webhook did not answer the self-test; why.
    NotAnswered(String),
    /// Somebody deleted it. It stays so until the program starts anew.
    LeftDeleted,
    /// The API server refused or was not reached; why.
    Failed(String),
}

/// Where a configuration stands in the API server.
struct Place {
    api: Api<DynamicObject>,
    name: String,
    /// Kind and name, for people.
    title: String,
}

impl Arming {
    pub fn new(cluster: Cluster) -> Self {
        Self {
            cluster,
            stood: BTreeSet::new(),
            told: BTreeMap::new(),
        }
    }

    /// Brings each configuration object of `desired` in force where that is safe,
    /// or back to what is desired where it has drifted. Only fields that are
    /// desired are touched. Changes of the outcome are logged.
    pub async fn once(&mut self, desired: &[Value], now: Timestamp) -> Vec<Armed> {
        let mut armed = Vec::new();
        for configuration in desired {
            let (title, outcome) = match self.place(configuration) {
                Ok(place) => {
                    let outcome = self.arm(&place, configuration, now).await;
                    (place.title, outcome.unwrap_or_else(Outcome::Failed))
                }
                Err(error) => ("a configuration".to_owned(), Outcome::Failed(error)),
            };
            self.tell(&title, &outcome);
            armed.push(Armed {
                configuration: title,
                outcome,
            });
        }
        armed
    }

    async fn arm(
        &mut self,
        place: &Place,
        desired: &Value,
        now: Timestamp,
    ) -> Result<Outcome, String> {
        let current = place.read().await?;
        let Some(current) = current else {
            return self.create(place, desired, now).await;
        };
        self.stood.insert(place.title.clone());
        let Some(drift) = first_drift(desired, &current) else {
            return Ok(Outcome::Stands);
        };
        if !current["metadata"]["deletionTimestamp"].is_null() {
            return Ok(Outcome::LeftDeleted);
        }
        if let Err(error) = answers(desired, now).await {
            return Ok(Outcome::NotAnswered(error));
        }
        place.write(&only_if_same(desired, &current)).await?;
        Ok(Outcome::Repaired(drift))
    }

    async fn create(
        &mut self,
        place: &Place,
        desired: &Value,
        now: Timestamp,
    ) -> Result<Outcome, String> {
        if self.stood.contains(&place.title) {
            return Ok(Outcome::LeftDeleted);
        }
        if let Err(error) = answers(desired, now).await {
            return Ok(Outcome::NotAnswered(error));
        }
        place.write(desired).await?;
        self.stood.insert(place.title.clone());
        Ok(Outcome::Created)
    }

    fn place(&self, configuration: &Value) -> Result<Place, String> {
        let text = |pointer: &str| {
            let found = configuration.pointer(pointer).and_then(Value::as_str);
            found.ok_or_else(|| format!("the configuration has no {pointer}"))
        };
        let (kind, name) = (text("/kind")?, text("/metadata/name")?);
        let version = text("/apiVersion")?;
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let kinds = GroupVersionKind::gvk(group, version, kind);
        let plural = format!("{}s", kind.to_lowercase());
        let resource = ApiResource::from_gvk_with_plural(&kinds, &plural);
        Ok(Place {
            api: Api::all_with(self.cluster.client(), &resource),
            name: name.to_owned(),
            title: format!("{plural}/{name}"),
        })
    }

    fn tell(&mut self, title: &str, outcome: &Outcome) {
        if self.told.get(title) != Some(outcome) {
            log(title, outcome);
            self.told.insert(title.to_owned(), outcome.clone());
        }
    }
}

impl Place {
    async fn read(&self) -> Result<Option<Value>, String> {
        let found = in_time(self.api.get_opt(&self.name)).await?;
        let object = found.map(serde_json::to_value).transpose();
        object.map_err(|error| error.to_string())
    }

    /// By server-side apply, which also creates.
    async fn write(&self, object: &Value) -> Result<(), String> {
        let ours = PatchParams::apply(MANAGER).force();
        let apply = Patch::Apply(object);
        in_time(self.api.patch(&self.name, &ours, &apply)).await?;
        Ok(())
    }
}

async fn answers(configuration: &Value, now: Timestamp) -> Result<(), String> {
    ask_all(&targets(configuration)?, now).await
}

/// With the object's uid, an apply fails rather than make anew what somebody
/// deleted since it was read.
fn only_if_same(desired: &Value, current: &Value) -> Value {
    let mut desired = desired.clone();
    desired["metadata"]["uid"] = current["metadata"]["uid"].clone();
    desired
}

fn log(title: &str, outcome: &Outcome) {
    match outcome {
        Outcome::Stands => tracing::info!(webhook = title, "the webhook is in force"),
        Outcome::Created => tracing::info!(webhook = title, "the webhook was put in force"),
        Outcome::Repaired(drift) => tracing::warn!(
            webhook = title,
            webhook.drift = drift,
            "the webhook's configuration was not as it should be, and was repaired"
        ),
        Outcome::NotAnswered(error) => tracing::warn!(
            webhook = title,
            error,
            "the webhook's configuration is not written before the webhook answers"
        ),
        Outcome::LeftDeleted => tracing::warn!(
            webhook = title,
            "somebody deleted the webhook's configuration: it stays so until the program \
             starts anew"
        ),
        Outcome::Failed(error) => tracing::error!(
            webhook = title,
            error,
            "the webhook's configuration cannot be kept"
        ),
    }
}
