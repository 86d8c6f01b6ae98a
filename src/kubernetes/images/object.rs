//! What makes a value a Kubernetes object, and which objects lie in it.

use super::node::Node;
use crate::oci::printable;

/// The longest name that Kubernetes takes, in characters.
const NAME: usize = 253;
/// An object that has no name yet, or none that is a text.
const NAMELESS: &str = "unnamed";

/// Kinds that hold text or schemas, in which nothing is run.
const INERT: [&str; 3] = ["ConfigMap", "Secret", "CustomResourceDefinition"];
/// Kinds that Kubernetes runs as they are written.
const RUN: [&str; 9] = [
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
const GROUPS: [&str; 3] = ["v1", "apps", "batch"];

/// A value with a kind.
pub(super) struct Object<'a> {
    pub(super) root: &'a Node,
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

impl<'a> Object<'a> {
    /// The value as an object; an item of a `PodList` need not say that it is a Pod.
    pub(super) fn new(root: &'a Node, implied: Option<&str>, path: String) -> Option<Self> {
        let written = root.text("kind").filter(|kind| !kind.is_empty());
        let kind = written.or(implied)?;
        let Node::Map(_) = root else {
            return None;
        };
        let metadata = root.get("metadata").unwrap_or(&Node::Null);
        let field = |key| metadata.text(key).filter(|text| !text.is_empty());
        let name = field("name").or(field("generateName")).unwrap_or(NAMELESS);
        Some(Self {
            root,
            api_version: printable(root.text("apiVersion").unwrap_or_default(), NAME),
            kind: printable(kind, NAME),
            namespace: field("namespace").map(|text| printable(text, NAME)),
            name: printable(name, NAME),
            is_final: RUN.contains(&kind) && is_of_kubernetes(root),
            path,
        })
    }

    /// The group of its kind; empty for the core's.
    pub(super) fn group(&self) -> &str {
        let group = self.api_version.split_once('/');
        group.map_or("", |(group, _)| group)
    }

    /// Whether images are looked for in it.
    pub(super) fn may_run(&self) -> bool {
        !INERT.contains(&self.kind.as_str())
    }

    /// The items of a list of objects, and the kind that its name implies for them.
    pub(super) fn items(&self) -> Option<(&'a [Node], Option<&str>)> {
        let implied = self.kind.strip_suffix("List")?;
        let implied = Some(implied).filter(|kind| !kind.is_empty());
        match self.root.get("items") {
            Some(Node::List(items)) => Some((items, implied)),
            _ => None,
        }
    }
}

/// By its group; a list's item may leave that out, too.
fn is_of_kubernetes(root: &Node) -> bool {
    let Some(version) = root.text("apiVersion") else {
        return true;
    };
    let group = version.split('/').next().unwrap_or(version);
    GROUPS.contains(&group)
}
