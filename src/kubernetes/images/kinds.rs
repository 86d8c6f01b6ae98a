//! What is known of a kind: by the table, and by the paths that callers name.

use super::known_kinds::{KNOWN_KINDS, KUBERNETES_GROUPS, POLICY_KINDS, RENDERING_KINDS};
use super::path::{ImagePath, ImagePathError};

/// Where images stand in objects of a kind, beside the Pod templates in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindImages {
    /// As in `kind:`.
    pub kind: String,
    pub path: ImagePath,
}

impl KindImages {
    /// # Errors
    /// Where `path` is none.
    pub fn parse(kind: &str, path: &str) -> Result<Self, ImagePathError> {
        Ok(Self {
            kind: kind.to_owned(),
            path: ImagePath::parse(path)?,
        })
    }
}

/// How much is known of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KindKnowledge {
    /// A kind of Kubernetes itself: its images stand in Pods and their templates alone.
    Kubernetes,
    /// A kind of the table. The table may lack a path that its operator has learnt since.
    Listed(Vec<ImagePath>),
    /// A policy, with the paths of what holds nothing that runs.
    Policy(Vec<ImagePath>),
    Unknown,
}

impl KindKnowledge {
    pub(super) fn of(group: &str, kind: &str) -> Self {
        let entry = KNOWN_KINDS
            .iter()
            .find(|(of, name, _)| (*of, *name) == (group, kind));
        let policy = POLICY_KINDS
            .iter()
            .find(|(of, name, _)| *of == group && (name.is_empty() || *name == kind));
        match (entry, policy) {
            (Some((.., paths)), _) => Self::Listed(parsed(paths)),
            (None, Some((.., idle))) => Self::Policy(parsed(idle)),
            (None, None) if KUBERNETES_GROUPS.contains(&group) => Self::Kubernetes,
            (None, None) => Self::Unknown,
        }
    }
}

/// Whether objects of the kind stand for others, which are not at hand.
pub(super) fn renders_elsewhere(group: &str, kind: &str) -> bool {
    RENDERING_KINDS.contains(&(group, kind))
}

fn parsed(paths: &[&str]) -> Vec<ImagePath> {
    let paths = paths.iter().flat_map(|path| spelled_out(path));
    let paths = paths.filter_map(|path| ImagePath::parse(&path).ok());
    paths.collect()
}

/// Every path that `spec.{a,b}.image` stands for.
fn spelled_out(path: &str) -> Vec<String> {
    let parts = path
        .split_once('{')
        .and_then(|(head, rest)| Some((head, rest.split_once('}')?)));
    let Some((head, (choices, tail))) = parts else {
        return vec![path.to_owned()];
    };
    let tails = spelled_out(tail);
    let with = |choice: &str| -> Vec<String> {
        let tails = tails.iter();
        tails.map(|tail| format!("{head}{choice}{tail}")).collect()
    };
    choices.split(',').flat_map(with).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_table_can_be_read() {
        for (group, kind, paths) in KNOWN_KINDS.iter().chain(POLICY_KINDS) {
            for path in paths.iter().flat_map(|path| spelled_out(path)) {
                assert!(ImagePath::parse(&path).is_ok(), "{group} {kind} {path}");
                assert!(!path.contains(['{', '}', ',']), "{group} {kind} {path}");
            }
        }
        for kind in RENDERING_KINDS {
            let listed = KNOWN_KINDS.iter().any(|(of, it, _)| (*of, *it) == *kind);
            assert!(listed, "{kind:?}");
        }
    }

    #[test]
    fn braces_are_either_of_their_choices() {
        assert_eq!(
            spelled_out("spec.{a,b[]}.{image,c.image}"),
            [
                "spec.a.image",
                "spec.a.c.image",
                "spec.b[].image",
                "spec.b[].c.image"
            ]
        );
        assert_eq!(spelled_out("spec.image"), ["spec.image"]);
    }

    #[test]
    fn knows_kinds_of_kubernetes_and_no_strangers_under_its_domain() {
        for (group, kind) in [("", "Service"), ("networking.k8s.io", "Ingress")] {
            let known = KindKnowledge::of(group, kind);
            assert_eq!(known, KindKnowledge::Kubernetes, "{group} {kind}");
        }
        for (group, kind) in [
            ("example.com", "Workflow"),
            ("sparkoperator.k8s.io", "SparkConnect"),
            ("kubeadm.k8s.io", "ClusterConfiguration"),
            ("anything.kubernetes.io", "Runner"),
        ] {
            let known = KindKnowledge::of(group, kind);
            assert_eq!(known, KindKnowledge::Unknown, "{group} {kind}");
        }
        let image = vec![ImagePath::parse("spec.image").unwrap()];
        assert_eq!(
            KindKnowledge::of("apm.k8s.elastic.co", "ApmServer"),
            KindKnowledge::Listed(image)
        );
    }
}
