//! The list of permitted registries, which the API server itself holds.

use super::expected::ExpectedCluster;
use super::snapshot::{ObjectList, Snapshot, holds};
use crate::diagnosis::Diagnosis;
use crate::kubernetes::names::registries_policy;

pub(super) fn judge(snapshot: &Snapshot, expected: &ExpectedCluster) -> Vec<Diagnosis> {
    let name = registries_policy(&expected.cluster);
    let is_absent = |listed: &ObjectList| {
        matches!(listed, ObjectList::Items(_)) && listed.named(&name).is_none()
    };
    let binding = snapshot.policy_bindings.named(&name);
    let mut found = Vec::new();
    for (kind, listed) in [
        ("ValidatingAdmissionPolicy", &snapshot.policies),
        (
            "ValidatingAdmissionPolicyBinding",
            &snapshot.policy_bindings,
        ),
    ] {
        if is_absent(listed) {
            found.push(
                Diagnosis::wrong(format!("the {kind} {name} is not there"))
                    .why("while Sekisho is down, Pods may name any registry")
                    .next("apply what `sekisho kubernetes manifests --only policies` prints"),
            );
        }
    }
    if binding.is_some_and(|binding| !holds(binding, "/spec/validationActions", &["Deny"])) {
        found.push(
            Diagnosis::note(format!("the policy {name} only warns"))
                .why("its binding does not say Deny")
                .next("add Deny to its validationActions when you are ready to enforce"),
        );
    }
    found
}
