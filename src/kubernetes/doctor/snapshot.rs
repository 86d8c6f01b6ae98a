//! A snapshot of a cluster.

use serde_json::Value;

/// Objects of one kind.
#[derive(Clone, Debug)]
pub enum ObjectList {
    Items(Vec<Value>),
    /// The API server does not serve the kind.
    NoSuchKind,
    /// Why they could not be read, in the API server's words.
    Unknown(String),
}

impl ObjectList {
    pub fn items(&self) -> &[Value] {
        match self {
            Self::Items(items) => items,
            Self::NoSuchKind | Self::Unknown(_) => &[],
        }
    }

    /// The object of that name.
    pub(super) fn named(&self, name: &str) -> Option<&Value> {
        self.items().iter().find(|object| name_of(object) == name)
    }
}

/// The result of probing a webhook as the API server calls it.
#[derive(Clone, Debug)]
pub struct WebhookProbe {
    /// The webhook configuration, or its address.
    pub who: String,
    /// Why there was no good answer.
    pub problem: Option<String>,
}

/// A Pod that requests from outside can reach, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExposedPod {
    pub namespace: String,
    pub pod: String,
    pub path: String,
}

/// A Pod that the API server was asked to make in a dry run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DryRun {
    /// It would be made, with this image.
    Admitted { asked: String, image: String },
    /// It would not; the API server's words.
    Refused(String),
    /// It was not asked; why.
    NotTried(String),
}

/// Everything that is judged. Objects are as the API server wrote them.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub mutating: ObjectList,
    pub validating: ObjectList,
    /// `ValidatingAdmissionPolicy`, and their bindings.
    pub policies: ObjectList,
    pub policy_bindings: ObjectList,
    /// `MutatingAdmissionPolicy`, and their bindings.
    pub mutating_policies: ObjectList,
    pub mutating_policy_bindings: ObjectList,
    pub namespaces: ObjectList,
    pub pods: ObjectList,
    /// EndpointSlices of Sekisho's own namespace.
    pub slices: ObjectList,
    /// Secrets of Sekisho's own namespace: the one with its certificates, if any.
    pub secrets: ObjectList,
    /// Of Sekisho's own namespace, as the two that follow.
    pub deployments: ObjectList,
    /// `PodDisruptionBudget`.
    pub budgets: ObjectList,
    /// `HorizontalPodAutoscaler`.
    pub autoscalers: ObjectList,
    pub cluster_roles: ObjectList,
    pub cluster_role_bindings: ObjectList,
    pub exposed_pods: Vec<ExposedPod>,
    pub probes: Vec<WebhookProbe>,
    pub dry_run: DryRun,
}

pub(super) fn name_of(object: &Value) -> &str {
    text(object, "/metadata/name")
}

pub(super) fn namespace_of(object: &Value) -> &str {
    text(object, "/metadata/namespace")
}

/// The text at a JSON pointer; empty where there is none.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or("")
}

/// The list at a JSON pointer; empty where there is none.
pub(super) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    let found = object.pointer(pointer).and_then(Value::as_array);
    found.map_or(&[], Vec::as_slice)
}

/// Whether a list of texts holds one of these.
pub(super) fn holds(object: &Value, pointer: &str, words: &[&str]) -> bool {
    let all = list(object, pointer).iter().filter_map(Value::as_str);
    all.into_iter().any(|word| words.contains(&word))
}
