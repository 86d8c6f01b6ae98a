//! One webhook of a configuration.

use serde_json::{Map, Value};

use super::selector::selects;
use super::snapshot::{ObjectList, Snapshot, holds, list, name_of, text};

/// What the API server assumes where nothing is written, in seconds.
const DEFAULT_TIMEOUT_SECONDS: u64 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Mutating,
    Validating,
}

impl Phase {
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::Mutating => "MutatingWebhookConfiguration",
            Self::Validating => "ValidatingWebhookConfiguration",
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct ClusterWebhook<'a> {
    pub phase: Phase,
    /// The name of the object that it stands in.
    pub configuration: &'a str,
    pub body: &'a Value,
}

/// All webhooks of the cluster, in the order in which they are asked.
pub(super) fn all(snapshot: &Snapshot) -> impl Iterator<Item = ClusterWebhook<'_>> {
    let mutating = of(Phase::Mutating, &snapshot.mutating);
    mutating.chain(of(Phase::Validating, &snapshot.validating))
}

fn of(phase: Phase, listed: &ObjectList) -> impl Iterator<Item = ClusterWebhook<'_>> {
    let mut configurations: Vec<&Value> = listed.items().iter().collect();
    configurations.sort_by_key(|object| name_of(object));
    configurations.into_iter().flat_map(move |object| {
        list(object, "/webhooks")
            .iter()
            .map(move |body| ClusterWebhook {
                phase,
                configuration: name_of(object),
                body,
            })
    })
}

impl<'a> ClusterWebhook<'a> {
    pub(super) fn name(&self) -> &'a str {
        text(self.body, "/name")
    }

    /// Configuration and name, for people.
    pub(super) fn title(&self) -> String {
        format!("{}/{}", self.configuration, self.name())
    }

    /// Whether requests are refused while it cannot be asked; `Fail` is the default.
    pub(super) fn is_fatal(&self) -> bool {
        text(self.body, "/failurePolicy") != "Ignore"
    }

    pub(super) fn timeout_seconds(&self) -> u64 {
        let written = self.body.get("timeoutSeconds").and_then(Value::as_u64);
        written.unwrap_or(DEFAULT_TIMEOUT_SECONDS)
    }

    /// Whether the making of Pods is among what it is asked about.
    pub(super) fn takes_new_pods(&self) -> bool {
        self.takes("CREATE", "pods")
    }

    pub(super) fn takes(&self, operation: &str, resource: &str) -> bool {
        list(self.body, "/rules").iter().any(|rule| {
            let below = match resource.contains('/') {
                true => "*/*",
                false => "*",
            };
            holds(rule, "/operations", &[operation, "*"])
                && holds(rule, "/apiGroups", &["", "*"])
                && holds(rule, "/resources", &[resource, below, "*/*"])
        })
    }

    pub(super) fn selects_namespace(&self, labels: &Map<String, Value>) -> bool {
        selects(self.part("namespaceSelector"), labels)
    }

    pub(super) fn selects_object(&self, labels: &Map<String, Value>) -> bool {
        selects(self.part("objectSelector"), labels)
    }

    /// Whether conditions in CEL decide besides, which are not evaluated here.
    pub(super) fn has_conditions(&self) -> bool {
        !list(self.body, "/matchConditions").is_empty()
    }

    /// Namespace and name of the Service behind it.
    pub(super) fn service(&self) -> Option<(&'a str, &'a str)> {
        let service = self.body.pointer("/clientConfig/service")?;
        Some((text(service, "/namespace"), text(service, "/name")))
    }

    pub(super) fn ca_bundle(&self) -> Option<&'a str> {
        self.body.pointer("/clientConfig/caBundle")?.as_str()
    }

    fn part(&self, name: &str) -> &'a Value {
        self.body.get(name).unwrap_or(&Value::Null)
    }
}
