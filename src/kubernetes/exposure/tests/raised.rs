use std::collections::BTreeSet;

use serde_json::json;

use super::kit::{backend, running, selecting, service_name};
use crate::kubernetes::exposure::{Pods, Raised, Ways};

fn raised(ways: &mut Ways, pods: &mut Pods) -> Vec<Raised> {
    let due = pods.take_due(&ways.take_changed());
    due.iter().filter_map(|pod| pods.look(ways, pod)).collect()
}

fn names(raised: &[Raised]) -> Vec<&str> {
    raised.iter().map(|it| &*it.name).collect()
}

/// Two Pods of one inner Service, judged once.
fn shop() -> (Ways, Pods) {
    let (mut ways, mut pods) = (Ways::default(), Pods::default());
    ways.service("shop/web", selecting("web", "ClusterIP"));
    for name in ["web-1", "web-2"] {
        pods.set("shop", name, Some(running("web", name, "team/web:1")));
    }
    pods.set("shop", "batch", Some(running("batch", "b", "team/batch:1")));
    assert_eq!(raised(&mut ways, &mut pods), []);
    (ways, pods)
}

#[test]
fn an_ingress_raises_the_pods_behind_it_once() {
    let (mut ways, mut pods) = shop();
    ways.ingress("shop/front", json!({"defaultBackend": backend("web")}));
    let found = raised(&mut ways, &mut pods);
    assert_eq!(names(&found), ["web-1", "web-2"]);
    let first = &found[0];
    let expected = "Ingress shop/front -> Service shop/web -> Pod";
    assert_eq!(first.way.to_string(), expected);
    assert_eq!(first.images, ["team/web:1"]);
    assert_eq!(first.owner.as_ref().unwrap().name, "web-7d9f");
    ways.service("shop/web", selecting("web", "NodePort"));
    assert_eq!(raised(&mut ways, &mut pods), [], "reached before");
}

#[test]
fn a_pod_first_seen_behind_an_open_service_is_raised() {
    let (mut ways, mut pods) = shop();
    ways.service("shop/web", selecting("web", "LoadBalancer"));
    raised(&mut ways, &mut pods);
    pods.set("shop", "web-3", Some(running("web", "3", "team/web:1")));
    assert_eq!(names(&raised(&mut ways, &mut pods)), ["web-3"]);
}

#[test]
fn a_label_that_changes_raises_a_pod() {
    let (mut ways, mut pods) = shop();
    ways.service("shop/open", selecting("open", "LoadBalancer"));
    assert_eq!(raised(&mut ways, &mut pods), []);
    pods.set("shop", "batch", Some(running("open", "b", "team/batch:1")));
    assert_eq!(names(&raised(&mut ways, &mut pods)), ["batch"]);
}

#[test]
fn a_pod_that_was_let_go_is_raised_again() {
    let (mut ways, mut pods) = shop();
    ways.service("shop/web", selecting("web", "NodePort"));
    assert_eq!(raised(&mut ways, &mut pods).len(), 2);
    ways.set_service(service_name("shop/web"), None);
    assert_eq!(raised(&mut ways, &mut pods), []);
    ways.service("shop/web", selecting("web", "NodePort"));
    assert_eq!(raised(&mut ways, &mut pods).len(), 2);
}

#[test]
fn another_pod_or_image_under_the_same_name_is_news() {
    let (mut ways, mut pods) = shop();
    ways.service("shop/web", selecting("web", "NodePort"));
    raised(&mut ways, &mut pods);
    pods.set("shop", "web-1", Some(running("web", "web-1", "team/web:2")));
    pods.set("shop", "web-2", Some(running("web", "new", "team/web:1")));
    let found = raised(&mut ways, &mut pods);
    assert_eq!(names(&found), ["web-1", "web-2"]);
    assert_eq!(found[0].images, ["team/web:2"]);
}

#[test]
fn a_new_list_raises_only_what_is_new() {
    let (mut ways, mut pods) = shop();
    ways.service("shop/web", selecting("web", "NodePort"));
    raised(&mut ways, &mut pods);
    let listed = |name: &str| {
        (
            ("shop".into(), name.into()),
            Some(running("web", name, "team/web:1")),
        )
    };
    pods.replace(vec![listed("web-2"), listed("web-9")]);
    assert_eq!(pods.len(), 2);
    assert_eq!(names(&raised(&mut ways, &mut pods)), ["web-9"]);
}

#[test]
fn only_namespaces_where_ways_changed_are_walked() {
    let (mut ways, mut pods) = shop();
    ways.service("shop/web", selecting("web", "NodePort"));
    assert_eq!(pods.take_due(&BTreeSet::new()), BTreeSet::new());
    assert_eq!(raised(&mut ways, &mut pods).len(), 2);
    ways.service("shop/web", selecting("web", "NodePort"));
    assert_eq!(ways.take_changed(), BTreeSet::new(), "the same again");
}
