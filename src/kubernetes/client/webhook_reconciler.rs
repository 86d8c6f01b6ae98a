//! Keeps the webhook configurations of a cluster in force.
//!
//! A configuration whose webhook does not answer holds up a whole cluster, so none is
//! written before the webhook has answered, under the certificate that the configuration
//! publishes. One that was deleted stays deleted: that is how a blocked cluster is freed,
//! and no program may undo it. It is created again after a restart, when the webhook
//! answers. Nothing is ever deleted here.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kube::Api;
use kube::api::{Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::Value;

use super::KubernetesClient;
use super::connection::with_timeout;
use super::drift::first_drift;
use super::probe::{ask_all, endpoints};

/// The field manager of server-side apply.
const FIELD_MANAGER: &str = "sekisho";

/// Keeps the webhook configurations of one cluster in force.
pub struct WebhookReconciler {
    cluster: KubernetesClient,
    /// The configurations that existed while this process ran.
    seen_in_force: BTreeSet<String>,
    last_outcomes: BTreeMap<String, ReconcileOutcome>,
}

/// One configuration, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReconciledWebhook {
    /// Kind and name, as in `kubectl get`.
    pub configuration: String,
    pub outcome: ReconcileOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReconcileOutcome {
    /// In force, and as it should be.
    InForce,
    /// Put in force now.
    Created,
    /// Was not as it should be, and is now; a JSON pointer to the first difference.
    Repaired(String),
    /// Nothing was written: the webhook did not answer the self-test; why.
    NotAnswered(String),
    /// Somebody deleted it. It stays deleted until the program restarts.
    LeftDeleted,
    /// The API server refused or was not reached; why.
    Failed(String),
}

/// Where a configuration stands in the API server.
struct ConfigurationObject {
    api: Api<DynamicObject>,
    name: String,
    /// Kind and name, for people.
    title: String,
}

impl WebhookReconciler {
    pub fn new(cluster: KubernetesClient) -> Self {
        Self {
            cluster,
            seen_in_force: BTreeSet::new(),
            last_outcomes: BTreeMap::new(),
        }
    }

    /// Brings each configuration object of `desired` in force where that is safe,
    /// or back to what is desired where it has drifted. Only fields that are
    /// desired are touched. Changes of the outcome are logged.
    pub async fn once(&mut self, desired: &[Value], now: Timestamp) -> Vec<ReconciledWebhook> {
        let mut reconciled = Vec::new();
        for configuration in desired {
            let (title, outcome) = match self.configuration_object(configuration) {
                Ok(place) => {
                    let outcome = self.reconcile(&place, configuration, now).await;
                    (
                        place.title,
                        outcome.unwrap_or_else(ReconcileOutcome::Failed),
                    )
                }
                Err(error) => (
                    "a configuration".to_owned(),
                    ReconcileOutcome::Failed(error),
                ),
            };
            self.log_change(&title, &outcome);
            reconciled.push(ReconciledWebhook {
                configuration: title,
                outcome,
            });
        }
        reconciled
    }

    async fn reconcile(
        &mut self,
        place: &ConfigurationObject,
        desired: &Value,
        now: Timestamp,
    ) -> Result<ReconcileOutcome, String> {
        let current = place.read().await?;
        let Some(current) = current else {
            return self.create(place, desired, now).await;
        };
        self.seen_in_force.insert(place.title.clone());
        let Some(drift) = first_drift(desired, &current) else {
            return Ok(ReconcileOutcome::InForce);
        };
        if !current["metadata"]["deletionTimestamp"].is_null() {
            return Ok(ReconcileOutcome::LeftDeleted);
        }
        if let Err(error) = answers(desired, now).await {
            return Ok(ReconcileOutcome::NotAnswered(error));
        }
        place.write(&only_if_same(desired, &current)).await?;
        Ok(ReconcileOutcome::Repaired(drift))
    }

    async fn create(
        &mut self,
        place: &ConfigurationObject,
        desired: &Value,
        now: Timestamp,
    ) -> Result<ReconcileOutcome, String> {
        if self.seen_in_force.contains(&place.title) {
            return Ok(ReconcileOutcome::LeftDeleted);
        }
        if let Err(error) = answers(desired, now).await {
            return Ok(ReconcileOutcome::NotAnswered(error));
        }
        place.write(desired).await?;
        self.seen_in_force.insert(place.title.clone());
        Ok(ReconcileOutcome::Created)
    }

    fn configuration_object(&self, configuration: &Value) -> Result<ConfigurationObject, String> {
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
        Ok(ConfigurationObject {
            api: Api::all_with(self.cluster.client(), &resource),
            name: name.to_owned(),
            title: format!("{plural}/{name}"),
        })
    }

    fn log_change(&mut self, title: &str, outcome: &ReconcileOutcome) {
        if self.last_outcomes.get(title) != Some(outcome) {
            log(title, outcome);
            self.last_outcomes.insert(title.to_owned(), outcome.clone());
        }
    }
}

impl ConfigurationObject {
    async fn read(&self) -> Result<Option<Value>, String> {
        let found = with_timeout(self.api.get_opt(&self.name)).await?;
        let object = found.map(serde_json::to_value).transpose();
        object.map_err(|error| error.to_string())
    }

    /// By server-side apply, which also creates.
    async fn write(&self, object: &Value) -> Result<(), String> {
        let ours = PatchParams::apply(FIELD_MANAGER).force();
        let apply = Patch::Apply(object);
        with_timeout(self.api.patch(&self.name, &ours, &apply)).await?;
        Ok(())
    }
}

async fn answers(configuration: &Value, now: Timestamp) -> Result<(), String> {
    ask_all(&endpoints(configuration)?, now).await
}

/// With the object's uid, an apply fails if the object was deleted since it was read,
/// instead of creating it again.
fn only_if_same(desired: &Value, current: &Value) -> Value {
    let mut desired = desired.clone();
    desired["metadata"]["uid"] = current["metadata"]["uid"].clone();
    desired
}

fn log(title: &str, outcome: &ReconcileOutcome) {
    match outcome {
        ReconcileOutcome::InForce => tracing::info!(webhook = title, "the webhook is in force"),
        ReconcileOutcome::Created => {
            tracing::info!(webhook = title, "the webhook was put in force")
        }
        ReconcileOutcome::Repaired(drift) => tracing::warn!(
            webhook = title,
            webhook.drift = drift,
            "the webhook's configuration was not as it should be, and was repaired"
        ),
        ReconcileOutcome::NotAnswered(error) => tracing::warn!(
            webhook = title,
            error,
            "the webhook's configuration is not written before the webhook answers"
        ),
        ReconcileOutcome::LeftDeleted => tracing::warn!(
            webhook = title,
            "somebody deleted the webhook's configuration: it stays so until the program \
             starts anew"
        ),
        ReconcileOutcome::Failed(error) => tracing::error!(
            webhook = title,
            error,
            "the webhook's configuration cannot be kept"
        ),
    }
}
