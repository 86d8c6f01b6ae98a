//! Which objects carry a PodSpec, and at which JSON pointer; and which requests are
//! exempt from judgement.

use serde_json::Value;

use super::images::{ImageField, changed, image_fields};
use super::review::{AdmissionRequest, Operation};
use crate::kubernetes::exposure::Owner;
use crate::oci::printable;

/// What a review is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReviewedKind {
    Pod,
    /// An object with a Pod template, such as a Deployment; it runs nothing by itself.
    Template,
}

const POD_SPEC_POINTER: &str = "/spec";
const TEMPLATE_POINTERS: [(&str, &str); 8] = [
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
const KUBERNETES_GROUPS: [&str; 3] = ["", "apps", "batch"];

impl AdmissionRequest {
    /// The kind of object; `None`: one without images.
    pub(super) fn subject(&self) -> Option<ReviewedKind> {
        match self.template() {
            _ if self.is_pod() => Some(ReviewedKind::Pod),
            Some(_) => Some(ReviewedKind::Template),
            None => None,
        }
    }

    fn template(&self) -> Option<&'static str> {
        let known = KUBERNETES_GROUPS.contains(&self.kind.group.as_str());
        let found = TEMPLATE_POINTERS
            .iter()
            .find(|(kind, _)| *kind == self.kind.kind);
        found.filter(|_| known).map(|(_, pointer)| *pointer)
    }

    /// The Pod as it would be: the object itself, or the template in it.
    pub(super) fn pod(&self) -> &Value {
        match self.template() {
            Some(pointer) => self.object.pointer(pointer).unwrap_or(&Value::Null),
            None => &self.object,
        }
    }

    /// The image fields that this request adds or changes.
    pub(super) fn image_fields(&self) -> Vec<ImageField<'_>> {
        let pointer = match self.template() {
            Some(template) => format!("{template}/spec"),
            None => POD_SPEC_POINTER.to_owned(),
        };
        let now = image_fields(&self.object, &pointer);
        match self.operation {
            Operation::Update => changed(now, &image_fields(&self.old_object, &pointer)),
            Operation::Create | Operation::Other => now,
        }
    }

    /// Whether the request is exempt: an object that is being deleted, or the mirror Pod
    /// of a static Pod, which its kubelet runs in any case. Only a node may create a
    /// mirror Pod: a user's annotation exempts nothing.
    pub(super) fn is_exempt(&self) -> bool {
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

/// `Kind/name` for records and messages. The name is the author's text: shown, never
/// trusted.
pub(super) fn workload(kind: &str, name: &str) -> String {
    printable(&format!("{kind}/{name}"), 300)
}
