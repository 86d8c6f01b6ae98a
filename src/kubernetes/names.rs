//! Names that rooms must agree on: ours in a cluster, and Kubernetes' own words for
//! where images stand.

/// The program, and most of what belongs to it.
pub const PROGRAM_NAME: &str = "sekisho";
/// The Service in front of the program.
pub const SERVICE_NAME: &str = PROGRAM_NAME;
/// The Secret in which the program keeps its authority and its certificate.
pub const SECRET_NAME: &str = "sekisho-webhook-tls";
/// The ConfigMap of `sekisho.toml`.
pub const CONFIG_MAP_NAME: &str = "sekisho-config";
/// Where the cluster's own Pods run; webhooks never apply there.
pub const SYSTEM_NAMESPACE: &str = "kube-system";

/// Where agents of nodes run.
pub const AGENT_NAMESPACE: &str = "sekisho-node";

/// The webhook that rewrites the images of Pods.
pub const MUTATE_PODS: &str = "pods.mutate.sekisho.internal";
/// The webhook that judges Pods.
pub const VALIDATE_PODS: &str = "pods.validate.sekisho.internal";
/// The webhook that warns about what makes Pods.
pub const VALIDATE_TEMPLATES: &str = "templates.validate.sekisho.internal";
/// The suffix of the names of our webhooks, and of no others.
pub const WEBHOOK_DOMAIN: &str = ".sekisho.internal";
/// How the names of our policies of permitted registries begin.
pub const REGISTRIES_POLICY: &str = "sekisho-registries-";

/// The annotation of a Pod that is to be refused by the agent of its node, whatever its image:
/// so it shows whether there is one.
pub const NODE_CANARY: &str = "node.sekisho.internal/canary";

/// A Pod's lists of containers, as in `spec.containers`.
pub const CONTAINERS: &str = "containers";
pub const INIT_CONTAINERS: &str = "initContainers";
pub const EPHEMERAL_CONTAINERS: &str = "ephemeralContainers";
pub const CONTAINER_LISTS: [&str; 3] = [CONTAINERS, INIT_CONTAINERS, EPHEMERAL_CONTAINERS];

/// Both webhook configurations. The API server calls them in the order of names:
/// ours come after those that add containers.
pub fn configuration_name(cluster: &str) -> String {
    format!("zz-sekisho-{cluster}")
}

/// The policy of permitted registries, and its binding.
pub fn registries_policy(cluster: &str) -> String {
    format!("{REGISTRIES_POLICY}{cluster}")
}

/// The policy that rewrites images, and its binding.
pub fn rewrite_policy(cluster: &str) -> String {
    format!("sekisho-rewrite-{cluster}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_webhooks_are_reported_by_their_domain() {
        for name in [MUTATE_PODS, VALIDATE_PODS, VALIDATE_TEMPLATES] {
            assert!(name.ends_with(WEBHOOK_DOMAIN), "{name}");
        }
    }
}
