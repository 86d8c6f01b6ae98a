//! What makes a value a Kubernetes object, and which objects lie in it.

use super::node::YamlNode;
use crate::kubernetes::names::CONTAINER_LISTS;
use crate::oci::printable;

/// The longest name that Kubernetes takes, in characters.
const MAX_NAME_CHARS: usize = 253;
/// An object that has no name yet, or none that is a text.
const UNNAMED: &str = "unnamed";

/// Kinds that hold text or schemas, in which nothing is run, with their groups: a kind of
/// the same name may be anybody's.
const DATA_KINDS: [(&str, &str); 3] = [
    ("", "ConfigMap"),
    ("", "Secret"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
];
/// Kinds that Kubernetes runs as they are written.
const KUBERNETES_KINDS: [&str; 9] = [
    "Pod",
    "PodTemplate",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
];
/// The groups of those kinds; `v1` is the core's.
const KUBERNETES_GROUPS: [&str; 3] = ["v1", "apps", "batch"];

/// What the name and the version of a list say of its items.
#[derive(Clone, Copy)]
pub(super) struct ImpliedKind<'a> {
    api_version: &'a str,
    kind: &'a str,
}

/// A value with a kind.
pub(super) struct ManifestObject<'a> {
    pub(super) root: &'a YamlNode,
    /// As written; empty where nothing is.
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    /// Whether Kubernetes itself runs it.
    pub(super) is_final: bool,
    /// From the document's root, when it is an item of a list.
    pub(super) path: String,
}

impl<'a> ManifestObject<'a> {
    /// The value as an object; an item of a `PodList` need not say that it is a Pod.
    pub(super) fn new(
        root: &'a YamlNode,
        implied: Option<ImpliedKind<'_>>,
        path: String,
    ) -> Option<Self> {
        let written = root.text("kind").filter(|kind| !kind.is_empty());
        let kind = written.or(implied.map(|it| it.kind))?;
        let version = root.text("apiVersion").or(implied.map(|it| it.api_version));
        let YamlNode::Map(_) = root else {
            return None;
        };
        let metadata = root.get("metadata").unwrap_or(&YamlNode::Null);
        let field = |key| metadata.text(key).filter(|text| !text.is_empty());
        let name = field("name").or(field("generateName")).unwrap_or(UNNAMED);
        Some(Self {
            root,
            api_version: printable(version.unwrap_or_default(), MAX_NAME_CHARS),
            kind: printable(kind, MAX_NAME_CHARS),
            namespace: field("namespace").map(|text| printable(text, MAX_NAME_CHARS)),
            name: printable(name, MAX_NAME_CHARS),
            is_final: KUBERNETES_KINDS.contains(&kind) && is_of_kubernetes(version),
            path,
        })
    }

    /// An object that lies in another one, at `path`. A mere reference to one, which names
    /// it and holds nothing, is none.
    pub(super) fn nested(root: &'a YamlNode, path: &str) -> Option<Self> {
        let YamlNode::Map(entries) = root else {
            return None;
        };
        root.text("apiVersion").filter(|text| !text.is_empty())?;
        let holds = |value: &YamlNode| matches!(value, YamlNode::Map(_) | YamlNode::List(_));
        if !entries.iter().any(|(_, value)| holds(value)) {
            return None;
        }
        let object = Self::new(root, None, path.to_owned())?;
        // Whoever makes it of this may fill it in.
        Some(Self {
            is_final: false,
            ..object
        })
    }

    /// Whether objects may lie in it: Kubernetes' own workloads hold parts of their own alone.
    pub(super) fn may_hold_objects(&self) -> bool {
        let of_kubernetes = KUBERNETES_KINDS.contains(&self.kind.as_str());
        !(of_kubernetes && is_of_kubernetes(Some(&self.api_version)))
    }

    /// The group of its kind; empty for the core's.
    pub(super) fn group(&self) -> &str {
        let group = self.api_version.split_once('/');
        group.map_or("", |(group, _)| group)
    }

    /// Whether images are looked for in it.
    pub(super) fn may_run(&self) -> bool {
        !DATA_KINDS.contains(&(self.group(), self.kind.as_str()))
    }

    /// Whether it calls itself data, and holds lists of containers all the same. What it lies
    /// in may run those: the API server drops fields that a template does not have, such as a
    /// kind of its own. So may a list with such an item.
    pub(super) fn is_data_with_containers(&self) -> bool {
        let Some((items, implied)) = self.items() else {
            return !self.may_run() && holds_containers(self.root);
        };
        let objects = items.iter();
        let mut objects = objects.filter_map(|it| Self::new(it, implied, String::new()));
        objects.any(|it| it.is_data_with_containers())
    }

    /// The items of a list of objects, and the kind that its name implies for them.
    pub(super) fn items(&self) -> Option<(&'a [YamlNode], Option<ImpliedKind<'_>>)> {
        let kind = self.kind.strip_suffix("List")?;
        let api_version = self.api_version.as_str();
        let implied = ImpliedKind { api_version, kind };
        let implied = Some(implied).filter(|it| !it.kind.is_empty());
        match self.root.get("items") {
            Some(YamlNode::List(items)) => Some((items, implied)),
            _ => None,
        }
    }
}

fn holds_containers(node: &YamlNode) -> bool {
    match node {
        YamlNode::Map(entries) => entries.iter().any(|(key, value)| {
            let is_list = matches!(value, YamlNode::List(items) if !items.is_empty());
            is_list && CONTAINER_LISTS.contains(&key.as_str()) || holds_containers(value)
        }),
        YamlNode::List(items) => items.iter().any(holds_containers),
        YamlNode::Null | YamlNode::Text(_) | YamlNode::LongText | YamlNode::Other => false,
    }
}

/// By its group; where none is written, it is the core's.
fn is_of_kubernetes(version: Option<&str>) -> bool {
    let version = version.unwrap_or_default();
    let group = version.split('/').next().unwrap_or(version);
    group.is_empty() || KUBERNETES_GROUPS.contains(&group)
}
