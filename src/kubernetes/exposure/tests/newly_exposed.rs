use std::collections::BTreeSet;

use serde_json::json;

use super::kit::{backend, running, selecting, service_name};
use crate::kubernetes::exposure::{ExposurePaths, NewlyExposedPod, RunningPods};

fn newly_exposed(paths: &mut ExposurePaths, pods: &mut RunningPods) -> Vec<NewlyExposedPod> {
    let due = pods.take_changed(&paths.take_changed());
    due.iter()
        .filter_map(|pod| pods.check(paths, pod))
        .collect()
}

fn names(newly_exposed: &[NewlyExposedPod]) -> Vec<&str> {
    newly_exposed.iter().map(|it| &*it.name).collect()
}

/// Two Pods of one inner Service, judged once.
fn shop() -> (ExposurePaths, RunningPods) {
    let (mut paths, mut pods) = (ExposurePaths::default(), RunningPods::default());
    paths.service("shop/web", selecting("web", "ClusterIP"));
    for name in ["web-1", "web-2"] {
        pods.set("shop", name, Some(running("web", name, "team/web:1")));
    }
    pods.set("shop", "batch", Some(running("batch", "b", "team/batch:1")));
    assert_eq!(newly_exposed(&mut paths, &mut pods), []);
    (paths, pods)
}

#[test]
fn an_ingress_exposes_the_pods_behind_it_once() {
    let (mut paths, mut pods) = shop();
    paths.ingress("shop/front", json!({"defaultBackend": backend("web")}));
    let found = newly_exposed(&mut paths, &mut pods);
    assert_eq!(names(&found), ["web-1", "web-2"]);
    let first = &found[0];
    let expected = "Ingress shop/front -> Service shop/web -> Pod";
    assert_eq!(first.path.to_string(), expected);
    assert_eq!(first.images, ["team/web:1"]);
    assert_eq!(first.owner.as_ref().unwrap().name, "web-7d9f");
    paths.service("shop/web", selecting("web", "NodePort"));
    assert_eq!(newly_exposed(&mut paths, &mut pods), [], "reached before");
}

#[test]
fn a_pod_first_seen_behind_an_open_service_is_newly_exposed() {
    let (mut paths, mut pods) = shop();
    paths.service("shop/web", selecting("web", "LoadBalancer"));
    newly_exposed(&mut paths, &mut pods);
    pods.set("shop", "web-3", Some(running("web", "3", "team/web:1")));
    assert_eq!(names(&newly_exposed(&mut paths, &mut pods)), ["web-3"]);
}

#[test]
fn a_label_that_changes_exposes_a_pod() {
    let (mut paths, mut pods) = shop();
    paths.service("shop/open", selecting("open", "LoadBalancer"));
    assert_eq!(newly_exposed(&mut paths, &mut pods), []);
    pods.set("shop", "batch", Some(running("open", "b", "team/batch:1")));
    assert_eq!(names(&newly_exposed(&mut paths, &mut pods)), ["batch"]);
}

#[test]
fn a_pod_that_was_let_go_is_newly_exposed_again() {
    let (mut paths, mut pods) = shop();
    paths.service("shop/web", selecting("web", "NodePort"));
    assert_eq!(newly_exposed(&mut paths, &mut pods).len(), 2);
    paths.set_service(service_name("shop/web"), None);
    assert_eq!(newly_exposed(&mut paths, &mut pods), []);
    paths.service("shop/web", selecting("web", "NodePort"));
    assert_eq!(newly_exposed(&mut paths, &mut pods).len(), 2);
}

#[test]
fn another_pod_or_image_under_the_same_name_is_news() {
    let (mut paths, mut pods) = shop();
    paths.service("shop/web", selecting("web", "NodePort"));
    newly_exposed(&mut paths, &mut pods);
    pods.set("shop", "web-1", Some(running("web", "web-1", "team/web:2")));
    pods.set("shop", "web-2", Some(running("web", "new", "team/web:1")));
    let found = newly_exposed(&mut paths, &mut pods);
    assert_eq!(names(&found), ["web-1", "web-2"]);
    assert_eq!(found[0].images, ["team/web:2"]);
}

#[test]
fn a_new_list_exposes_only_what_is_new() {
    let (mut paths, mut pods) = shop();
    paths.service("shop/web", selecting("web", "NodePort"));
    newly_exposed(&mut paths, &mut pods);
    let listed = |name: &str| {
        (
            ("shop".into(), name.into()),
            Some(running("web", name, "team/web:1")),
        )
    };
    pods.replace(vec![listed("web-2"), listed("web-9")]);
    assert_eq!(pods.len(), 2);
    assert_eq!(names(&newly_exposed(&mut paths, &mut pods)), ["web-9"]);
}

#[test]
fn only_namespaces_where_paths_changed_are_walked() {
    let (mut paths, mut pods) = shop();
    paths.service("shop/web", selecting("web", "NodePort"));
    assert_eq!(pods.take_changed(&BTreeSet::new()), BTreeSet::new());
    assert_eq!(newly_exposed(&mut paths, &mut pods).len(), 2);
    paths.service("shop/web", selecting("web", "NodePort"));
    assert_eq!(paths.take_changed(), BTreeSet::new(), "the same again");
}
