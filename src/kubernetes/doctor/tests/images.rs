//! What runs, asked about by what the node got.

use serde_json::json;

use super::super::{
    ExpectedCluster, ExposedPod, ImageAnswer, ObjectList, RunningImage, judge_images, questions,
};
use super::cluster::{expected, healthy, pod};
use super::whole::{assert_told, of};
use crate::diagnosis::Gravity;

fn digest(byte: char) -> String {
    format!("sha256:{}", byte.to_string().repeat(64))
}

#[test]
fn each_image_is_asked_about_once_by_the_digest_that_runs() {
    let mut snapshot = healthy();
    let mut running = pod("shop", "api", "gate.example:5080/docker.io/team/api:2");
    running["status"] = json!({ "containerStatuses": [{
        "name": "main",
        "imageID": format!("gate.example:5080/docker.io/team/api@{}", digest('a')),
    }] });
    let mut twin = running.clone();
    twin["metadata"]["name"] = json!("api-2");
    let mut local = pod("shop", "local", "registry.corp:5000/built");
    local["status"] = json!({ "containerStatuses": [{ "name": "main", "imageID": digest('b') }] });
    local["spec"]["volumes"] = json!([{ "image": { "reference": "docker.io/team/data:1" } }]);
    let system = pod("kube-system", "dns", "registry.k8s.io/coredns:1");
    if let ObjectList::Items(items) = &mut snapshot.pods {
        items.extend([running, twin, local, system]);
    }
    let asked = questions(&snapshot, &expected());
    let images: Vec<&str> = asked
        .iter()
        .map(|question| question.image.as_str())
        .collect();
    let of_api = format!("gate.example:5080/docker.io/team/api@{}", digest('a'));
    assert_eq!(
        images,
        [
            "docker.io/team/data:1",
            "gate.example:5080/docker.io/library/nginx:1",
            &of_api,
            "registry.corp:5000/built",
        ]
    );
    assert_eq!(asked[2].pods, ["shop/api", "shop/api-2"]);
    assert!(asked.iter().all(|question| question.external));
}

#[test]
fn only_what_is_reached_counts_as_external_in_an_internal_cluster() {
    let mut snapshot = healthy();
    if let ObjectList::Items(items) = &mut snapshot.pods {
        items.push(pod("shop", "batch", "docker.io/team/batch:1"));
    }
    snapshot.exposed_pods = vec![ExposedPod {
        namespace: "shop".to_owned(),
        pod: "web".to_owned(),
        path: "hostPort 80".to_owned(),
    }];
    let internal = ExpectedCluster {
        internal: true,
        ..expected()
    };
    let asked = questions(&snapshot, &internal);
    let external: Vec<bool> = asked.iter().map(|question| question.external).collect();
    assert_eq!(external, [false, true]);
}

#[test]
fn what_would_be_denied_now_is_reported_and_revoked_images_most_of_all() {
    let question = |image: &str| RunningImage {
        image: image.to_owned(),
        external: true,
        pods: vec!["shop/a".to_owned()],
    };
    let denied = |reason: &str| ImageAnswer::Denied {
        is_revoked: reason == "revoked",
        message: format!("sekisho: {reason}: x"),
        next_step: "scan it".to_owned(),
    };
    let found = judge_images(&[
        (question("a"), ImageAnswer::Allowed),
        (question("b"), denied("scan-stale")),
        (question("c"), denied("revoked")),
        (question("d"), ImageAnswer::Unknown("no server".to_owned())),
        (question("e"), ImageAnswer::Unknown("no server".to_owned())),
    ]);
    let wrong = of(&found, Gravity::Wrong);
    assert_eq!(wrong.len(), 2);
    assert_told(&wrong, "b runs in shop/a and would be denied now");
    assert_told(&wrong, "c was revoked and still runs in shop/a");
    assert!(found[1].next_step.contains("delete the Pods"));
    assert_eq!(of(&found, Gravity::Unknown), ["no verdict on d, e"]);
}
