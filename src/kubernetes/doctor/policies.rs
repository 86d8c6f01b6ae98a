//! What the API server itself holds: the list of permitted registries, and where it can,
//! the rewriting.

use serde_json::Value;

use super::expected::{ExpectedCluster, PrintedObjects};
use super::narrowed;
use super::snapshot::{ObjectList, Snapshot, holds};
use crate::diagnosis::Diagnosis;
use crate::kubernetes::names::{registries_policy, rewrite_policy};

const APPLY_HINT: &str = "apply what `sekisho kubernetes manifests --only policies` prints";

/// A policy and its binding, which share a name.
struct PolicyPair<'a> {
    name: String,
    kind: &'static str,
    binding_kind: &'static str,
    policies: &'a ObjectList,
    bindings: &'a ObjectList,
    /// What happens without it.
    lost: &'static str,
}

pub(super) fn judge(snapshot: &Snapshot, expected: &ExpectedCluster) -> Vec<Diagnosis> {
    let registries = PolicyPair {
        name: registries_policy(&expected.cluster),
        kind: "ValidatingAdmissionPolicy",
        binding_kind: "ValidatingAdmissionPolicyBinding",
        policies: &snapshot.policies,
        bindings: &snapshot.policy_bindings,
        lost: "while Sekisho is down, Pods may name any registry",
    };
    let rewriting = PolicyPair {
        name: rewrite_policy(&expected.cluster),
        kind: "MutatingAdmissionPolicy",
        binding_kind: "MutatingAdmissionPolicyBinding",
        policies: &snapshot.mutating_policies,
        bindings: &snapshot.mutating_policy_bindings,
        lost: "while Sekisho is down, the names of images do not lead to the gateway",
    };
    let mut found = registries.absent();
    found.extend(registries.only_warns());
    found.extend(registries.narrowed(&expected.printed));
    match rewriting.is_wholly_absent() {
        true => found.push(rewriting.can_be_had()),
        false => found.extend(rewriting.absent()),
    }
    found.extend(rewriting.narrowed(&expected.printed));
    found
}

fn is_absent(listed: &ObjectList, name: &str) -> bool {
    matches!(listed, ObjectList::Items(_)) && listed.named(name).is_none()
}

impl PolicyPair<'_> {
    fn absent(&self) -> Vec<Diagnosis> {
        let parts = [
            (self.kind, self.policies),
            (self.binding_kind, self.bindings),
        ];
        let absent = parts
            .into_iter()
            .filter(|(_, listed)| is_absent(listed, &self.name));
        let finding = |(kind, _)| {
            Diagnosis::wrong(format!("the {kind} {} is not there", self.name))
                .why(self.lost)
                .next(APPLY_HINT)
        };
        absent.map(finding).collect()
    }

    fn is_wholly_absent(&self) -> bool {
        is_absent(self.policies, &self.name) && is_absent(self.bindings, &self.name)
    }

    /// `manifests` prints it only for a version that has it, so its absence may be meant.
    fn can_be_had(&self) -> Diagnosis {
        Diagnosis::note(format!("there is no {} {}", self.kind, self.name))
            .why(self.lost)
            .next(
                "apply what `sekisho kubernetes manifests --only policies \
                 --kubernetes-version 1.36` prints",
            )
    }

    fn only_warns(&self) -> Option<Diagnosis> {
        let binding = self.bindings.named(&self.name)?;
        (!holds(binding, "/spec/validationActions", &["Deny"])).then(|| {
            Diagnosis::note(format!("the policy {} only warns", self.name))
                .why("its binding does not say Deny")
                .next("add Deny to its validationActions when you are ready to enforce")
        })
    }

    /// What is there, and does less than what is printed. Policies are printed without a
    /// word on where the webhook is, so either case is as printed.
    fn narrowed(&self, printed: &PrintedObjects) -> Vec<Diagnosis> {
        let cases = [&printed.at_home, &printed.elsewhere];
        let policy = cases.map(|objects| self.narrowed_policy(objects));
        let binding = cases.map(|objects| self.narrowed_binding(objects));
        let mut found = Vec::new();
        for (kind, places) in [(self.kind, policy), (self.binding_kind, binding)] {
            if let [Some(place), Some(_)] = places {
                let what = format!(
                    "the {kind} {} does less than `sekisho kubernetes manifests` prints, by {place}",
                    self.name
                );
                found.push(
                    Diagnosis::wrong(what)
                        .why(self.lost)
                        .next(format!("see who changed it, then {APPLY_HINT}")),
                );
            }
        }
        found
    }

    fn narrowed_policy(&self, printed: &[Value]) -> Option<String> {
        let current = self.policies.named(&self.name)?;
        let printed = PrintedObjects::find(printed, self.kind, &self.name)?;
        narrowed::policy(printed, current)
    }

    fn narrowed_binding(&self, printed: &[Value]) -> Option<String> {
        let current = self.bindings.named(&self.name)?;
        let policy = PrintedObjects::find(printed, self.kind, &self.name)?;
        let binding = PrintedObjects::find(printed, self.binding_kind, &self.name)?;
        narrowed::binding(policy, binding, current)
    }
}
