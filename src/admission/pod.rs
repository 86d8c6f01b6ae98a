//! Which objects carry a PodSpec, and where; and which Pods are nobody's to judge.

use serde_json::Value;

use super::images::{Slot, changed, slots};
use super::review::{AdmissionRequest, Operation};
use crate::kubernetes::exposure::Owner;
use crate::oci::printable;

/// What a review is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Pod,
    /// Something that makes Pods: nothing of it runs by itself.
    Template,
}

const POD: &str = "/spec";
const TEMPLATES: [(&str, &str); 8] = [
    ("Deployment", "/spec/template"),
    ("ReplicaSet", "/spec/template"),
    ("StatefulSet", "/spec/template"),
    ("DaemonSet", "/spec/template"),
    ("Job", "/spec/template"),
    ("CronJob", "/spec/jobTemplate/spec/template"),
    ("ReplicationController", "/spec/template"),
    ("PodTemplate", "/template"),
];
/// Groups in which Kubernetes itself has them.
const GROUPS: [&str; 3] = ["", "apps", "batch"];

impl AdmissionRequest {
    /// What it is about; `None`: nothing with images that this door knows.
    pub(super) fn subject(&self) -> Option<Subject> {
        match self.template() {
            _ if self.is_pod() => Some(Subject::Pod),
            Some(_) => Some(Subject::Template),
            None => None,
        }
    }

    fn template(&self) -> Option<&'static str> {
        let known = GROUPS.contains(&self.kind.group.as_str());
        let found = TEMPLATES.iter().find(|(kind, _)| *kind == self.kind.kind);
        found.filter(|_| known).map(|(_, pointer)| *pointer)
    }

    /// The Pod as it would be: the object itself, or the template in it.
    pub(super) fn pod(&self) -> &Value {
        match self.template() {
            Some(pointer) => self.object.pointer(pointer).unwrap_or(&Value::Null),
            None => &self.object,
        }
    }

    /// The places of images that this request brings something new to.
    pub(super) fn slots(&self) -> Vec<Slot<'_>> {
        let pointer = match self.template() {
            Some(template) => format!("{template}/spec"),
            None => POD.to_owned(),
        };
        let now = slots(&self.object, &pointer);
        match self.operation {
            Operation::Update => changed(now, &slots(&self.old_object, &pointer)),
            Operation::Create | Operation::Other => now,
        }
    }

    /// Whether nothing is to be said: what goes away, and what the kubelet shows of
    /// its own static Pods, which run whatever is said. Only a node may show those:
    /// a user's annotation exempts nothing.
    pub(super) fn is_beyond_question(&self) -> bool {
        self.operation == Operation::Other || self.is_going_away() || self.is_mirror_pod()
    }

    fn is_going_away(&self) -> bool {
        let deleted = |object: &Value| {
            let at = object.pointer("/metadata/deletionTimestamp");
            at.is_some_and(Value::is_string)
        };
        self.operation == Operation::Update && deleted(&self.old_object) && deleted(&self.object)
    }

    fn is_mirror_pod(&self) -> bool {
        let mirror = self
            .object
            .pointer("/metadata/annotations/kubernetes.io~1config.mirror");
        self.is_pod() && mirror.is_some() && self.user_info.username.starts_with("system:node:")
    }

    /// What would run the images, as `Kind/name`: the Pod's controller, where it
    /// has one.
    pub(super) fn workload(&self) -> String {
        let owner = Owner::of(&self.object);
        let (kind, name) = match &owner {
            Some(owner) => (owner.kind.as_str(), owner.name.as_str()),
            None => (self.kind.kind.as_str(), self.own_name()),
        };
        workload(kind, name)
    }

    fn own_name(&self) -> &str {
        let of = |key: &str| {
            let name = self.object.get("metadata").and_then(|it| it.get(key));
            name.and_then(Value::as_str).filter(|name| !name.is_empty())
        };
        of("name")
            .or(self.name.as_deref().filter(|name| !name.is_empty()))
            .or_else(|| of("generateName"))
            .unwrap_or_default()
    }
}

/// What runs images, as records and messages call it. Its author wrote the name: it
/// is shown, and trusted for nothing.
pub(super) fn workload(kind: &str, name: &str) -> String {
    printable(&format!("{kind}/{name}"), 300)
}
