//! `validate`: what the pull would be told, for every image at once.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use sekisho::admission::{NamespacePolicy, NodeRouting};
use sekisho::kubernetes::client::DeniedPod;
use sekisho::oci::RegistryHost;
use sekisho::trust::Exposure;
use serde_json::{Value, json};

use super::door::{GATEWAY, cluster};
use super::{Door, pod, review};
use crate::kit::{Found, Setup, World, image};

const MEDIUM: Found<'_> = Found {
    id: "CVE-2026-0001",
    severity: "MEDIUM",
    package: "openssl",
};

async fn world_with_app() -> (World, String) {
    let world = World::start().await;
    let app = image("app");
    world.corp.put_image("team/app", &app);
    world.admit("registry.corp:5000/team/app", &app).await;
    (
        world,
        format!("registry.corp:5000/team/app@{}", app.manifest.digest),
    )
}

fn created(images: &[&str]) -> Value {
    review(json!({"object": pod(images)}))
}

#[tokio::test]
async fn admits_what_a_pull_would_get() {
    let (world, app) = world_with_app().await;
    let tried = Door::open(&world).validate(&created(&[&app])).await;
    tried.assert_allowed();
    assert_eq!(tried.warnings(), Vec::<&str>::new());
}

#[tokio::test]
async fn names_every_bad_image_with_reason_worst_finding_and_next_step() {
    let (world, app) = world_with_app().await;
    let bad = image("bad");
    world.corp.put_image("team/bad", &bad);
    world
        .scan("registry.corp:5000/team/bad", &bad, &[MEDIUM])
        .await;
    let bad = format!("registry.corp:5000/team/bad@{}", bad.manifest.digest);
    let tried = Door::open(&world)
        .validate(&created(&[&bad, &app, "quay.io/x:1", "https://nginx"]))
        .await;
    tried.assert_denied("too-severe");
    tried.assert_denied("unknown-upstream");
    tried.assert_denied("ambiguous-reference");
    let lines: Vec<&str> = tried.message().lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("sekisho: container \"c0\" registry.corp:5000/team/bad@sha256:"));
    for said in ["CVE-2026-0001", "MEDIUM", "openssl", "1.1", "/d/"] {
        assert!(lines[0].contains(said), "{said} is not in {}", lines[0]);
    }
    assert!(lines[1].contains("container \"c2\" quay.io/x:1") && lines[1].contains("docker.io"));
    assert_eq!(tried.response["status"]["code"], 403);
    assert_eq!(tried.response["status"]["reason"], "Forbidden");
}

#[tokio::test]
async fn a_denial_can_be_looked_up_by_the_id_in_the_audit_annotations() {
    let world = World::start().await;
    let app = image("unscanned");
    world.corp.put_image("team/app", &app);
    let name = format!("registry.corp:5000/team/app@{}", app.manifest.digest);
    let tried = Door::open(&world).validate(&created(&[&name])).await;
    tried.assert_denied("not-scanned");
    let annotations = &tried.response["auditAnnotations"];
    let id = annotations["decision"].as_str().unwrap();
    assert!(tried.message().contains(id));
    assert_eq!(annotations["mode"], "enforce");
    assert!(
        annotations["image-0"]
            .as_str()
            .unwrap()
            .contains(&app.manifest.digest.to_string())
    );
    let decisions = world.decisions("denied", 1).await;
    let decision = &decisions[0];
    assert_eq!(decision["id"], id);
    for (key, value) in [
        ("door", "admission"),
        ("cluster", "prod"),
        ("namespace", "shop"),
        ("workload", "Pod/web-"),
        (
            "principal",
            "system:serviceaccount:kube-system:replicaset-controller",
        ),
        ("environment", "production"),
    ] {
        assert_eq!(decision[key], value, "{key}");
    }
}

#[tokio::test]
async fn every_place_of_a_pod_is_judged() {
    let world = World::start().await;
    let bad = "quay.io/x:1";
    for (spec, place) in [
        (
            json!({"initContainers": [{"name": "i", "image": bad}]}),
            "init container \"i\"",
        ),
        (
            json!({"ephemeralContainers": [{"name": "e", "image": bad}]}),
            "ephemeral container \"e\"",
        ),
        (
            json!({"volumes": [{"name": "m", "image": {"reference": bad}}]}),
            "volume \"m\"",
        ),
        (json!({"containers": [{"name": "c"}]}), "container \"c\""),
    ] {
        let object = json!({"metadata": {"name": "p"}, "spec": spec});
        let tried = Door::open(&world)
            .validate(&review(json!({"object": object})))
            .await;
        assert!(!tried.allowed());
        assert!(tried.message().contains(place), "{}", tried.message());
    }
}

#[tokio::test]
async fn an_update_with_the_same_images_always_passes() {
    let world = World::start().await;
    let door = Door::open(&world);
    let mut labelled = pod(&["quay.io/x:1"]);
    labelled["metadata"]["labels"] = json!({"a": "b"});
    let same =
        json!({"operation": "UPDATE", "object": labelled, "oldObject": pod(&["quay.io/x:1"])});
    door.validate(&review(same)).await.assert_allowed();
    let other = json!({"operation": "UPDATE", "object": pod(&["quay.io/y:1"]), "oldObject": pod(&["quay.io/x:1"])});
    door.validate(&review(other))
        .await
        .assert_denied("unknown-upstream");
    let debug = json!({
        "operation": "UPDATE", "subResource": "ephemeralcontainers",
        "object": {"spec": {"containers": [{"name": "c0", "image": "quay.io/x:1"}], "ephemeralContainers": [{"name": "e", "image": "quay.io/d:1"}]}},
        "oldObject": {"spec": {"containers": [{"name": "c0", "image": "quay.io/x:1"}]}},
    });
    let tried = door.validate(&review(debug)).await;
    tried.assert_denied("unknown-upstream");
    assert_eq!(tried.message().lines().count(), 1);
}

#[tokio::test]
async fn templates_are_warned_of_and_never_denied() {
    let (world, app) = world_with_app().await;
    let template = json!({"spec": {"containers": [
        {"name": "a", "image": app}, {"name": "b", "image": "quay.io/x:1"}, {"name": "later"},
    ]}});
    let deployment = json!({
        "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
        "object": {"metadata": {"name": "web"}, "spec": {"template": template}},
    });
    let tried = Door::open(&world).validate(&review(deployment)).await;
    tried.assert_allowed();
    let warnings = tried.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("container \"b\" quay.io/x:1: unknown-upstream"));
    assert_eq!(tried.response.get("auditAnnotations"), None);
}

/// Nodes read a name without a host as Docker Hub's, and so it means the same while no webhook
/// is asked.
#[tokio::test]
async fn a_name_without_a_host_is_docker_hubs_whatever_the_default_upstream_is() {
    let world = World::start().await;
    let (admitted, stranger) = (image("admitted"), image("stranger"));
    for (registry, image) in [(&world.corp, &admitted), (&world.hub, &stranger)] {
        registry.put_image("team/app", image);
        registry.tag("team/app", "1", &image.manifest.digest);
    }
    world.admit("registry.corp:5000/team/app", &admitted).await;
    let template = json!({"spec": {"template": {"spec": pod(&["team/app:1"])["spec"]}}});
    let deployment = json!({"group": "apps", "version": "v1", "kind": "Deployment"});
    for nodes in [NodeRouting::Mirror, NodeRouting::RewriteOnly] {
        let mut cluster = cluster(Exposure::External);
        cluster.names.default_host = RegistryHost::parse("registry.corp:5000").unwrap();
        cluster.nodes = nodes;
        cluster.namespaces = vec![NamespacePolicy {
            namespaces: globset::GlobSet::new([globset::Glob::new("legacy").unwrap()]).unwrap(),
            mode: None,
            rewrite: false,
        }];
        let door = Door::of(&world, cluster);
        let rewritten = door.mutated(&pod(&["team/app:1"])).await;
        let named = &rewritten["spec"]["containers"][0]["image"];
        assert_eq!(*named, format!("{GATEWAY}/docker.io/team/app:1"));
        let tried = door.validate(&review(json!({"object": rewritten}))).await;
        tried.assert_denied("not-scanned");
        for namespace in ["legacy", "web"] {
            let fields = json!({"object": template, "kind": deployment, "namespace": namespace});
            let tried = door.validate(&review(fields)).await;
            assert!(tried.warnings()[0].contains("not-scanned"), "{tried:?}");
            // The rewriting webhook was passed by, where it was to rewrite.
            let fields = json!({"object": pod(&["team/app:1"]), "namespace": namespace});
            let tried = door.validate(&review(fields)).await;
            tried.assert_denied(match nodes {
                NodeRouting::Mirror => "not-scanned",
                NodeRouting::RewriteOnly => "registry-not-permitted",
            });
        }
    }
}

#[tokio::test]
async fn only_mirror_pods_of_nodes_are_exempt() {
    let world = World::start().await;
    let mut mirror = pod(&["quay.io/x:1"]);
    mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "hash"});
    let door = Door::open(&world);
    let by = |user: &str| review(json!({"object": mirror, "userInfo": {"username": user}}));
    door.validate(&by("system:node:node1"))
        .await
        .assert_allowed();
    door.validate(&by("dev"))
        .await
        .assert_denied("unknown-upstream");
}

#[tokio::test]
async fn exempt_namespaces_are_asked_nothing() {
    let world = World::start().await;
    let door = Door::open(&world);
    for namespace in ["kube-system", "sekisho"] {
        let fields = json!({"object": pod(&["quay.io/x:1"]), "namespace": namespace});
        door.validate(&review(fields)).await.assert_allowed();
    }
    let fields = json!({"object": pod(&["quay.io/x:1"]), "namespace": "kube-system-2"});
    door.validate(&review(fields))
        .await
        .assert_denied("unknown-upstream");
}

#[tokio::test]
async fn a_dry_run_leaves_no_trace() {
    let world = World::start().await;
    let app = image("unscanned");
    world.corp.put_image("team/app", &app);
    let name = format!("registry.corp:5000/team/app@{}", app.manifest.digest);
    let tried_before = Arc::new(Mutex::new(Vec::new()));
    let told = tried_before.clone();
    let mut cluster = cluster(Exposure::External);
    cluster.callbacks.on_denied = Some(Arc::new(move |pod: DeniedPod, _: Timestamp| {
        told.lock().unwrap().push(pod)
    }));
    let door = Door::of(&world, cluster);
    let tried = door
        .validate(&review(
            json!({"object": pod(&[&name, "quay.io/x"]), "dryRun": true}),
        ))
        .await;
    tried.assert_denied("not-scanned");
    door.validate(&created(&["quay.io/other:1"]))
        .await
        .assert_denied("unknown-upstream");
    let decisions = world.decisions("denied", 1).await;
    assert_eq!(decisions.len(), 1, "only what was not a dry run");
    assert!(
        tried_before.lock().unwrap().is_empty(),
        "no owner is told of a trial or of a bare Pod"
    );
}

#[tokio::test]
async fn the_owner_hears_of_a_denied_pod() {
    let world = World::start().await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let hearing = told.clone();
    let mut cluster = cluster(Exposure::External);
    cluster.callbacks.on_denied = Some(Arc::new(move |pod: DeniedPod, _: Timestamp| {
        hearing.lock().unwrap().push(pod)
    }));
    let mut owned = pod(&["quay.io/x:1"]);
    owned["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "42", "controller": true,
    }]);
    let tried = Door::of(&world, cluster)
        .validate(&review(json!({"object": owned})))
        .await;
    let told = told.lock().unwrap();
    assert_eq!(
        (
            told[0].owner.kind.as_str(),
            told[0].owner.name.as_str(),
            told[0].namespace.as_str()
        ),
        ("ReplicaSet", "web-1", "shop")
    );
    assert_eq!(told[0].message, tried.message());
}

#[tokio::test]
async fn never_pulling_is_denied_unless_the_digest_is_named() {
    let (world, app) = world_with_app().await;
    let never = |image: &str| {
        let mut pod = pod(&[image]);
        pod["spec"]["containers"][0]["imagePullPolicy"] = json!("Never");
        review(json!({"object": pod}))
    };
    let door = Door::open(&world);
    door.validate(&never("registry.corp:5000/team/app:1"))
        .await
        .assert_denied("not-scanned");
    door.validate(&never(&app)).await.assert_allowed();
    let mut lax = cluster(Exposure::External);
    lax.allow_never = true;
    let door = Door::of(&world, lax);
    let tried = door.mutate(&never("registry.corp:5000/team/app:1")).await;
    assert!(tried.patch().is_empty(), "a preloaded image keeps its name");
    for image in ["registry.corp:5000/team/app:1", "localhost/preloaded:1"] {
        let tried = door.validate(&never(image)).await;
        tried.assert_allowed();
        let told = tried.warnings().join(" ");
        assert!(told.contains("was not judged"), "{image}: {told}");
    }
    let revoked = json!({"image": app, "reason": "bad"});
    let reply = world
        .admin("POST", "/api/v1/revocations", Some(&revoked))
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    door.validate(&never(&app)).await.assert_denied("revoked");
}

#[tokio::test]
async fn more_images_than_one_object_may_name_are_not_said_to_be_tried_again() {
    let (world, app) = world_with_app().await;
    let tagged = |at| app.replace('@', &format!(":t{at}@"));
    let images: Vec<String> = (0..300).map(tagged).collect();
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    let tried = Door::open(&world).validate(&created(&images)).await;
    assert!(!tried.allowed());
    let told = tried.message();
    assert!(told.contains("more than 256 images"), "{told}");
    assert!(!told.contains("etried automatically"), "{told}");
}

#[tokio::test]
async fn without_mirror_files_only_the_gateways_name_passes() {
    let (world, app) = world_with_app().await;
    let mut cluster = cluster(Exposure::External);
    cluster.nodes = NodeRouting::RewriteOnly;
    let door = Door::of(&world, cluster);
    let tried = door.validate(&created(&[&app])).await;
    tried.assert_denied("registry-not-permitted");
    assert!(
        tried
            .message()
            .contains(&format!("rite {GATEWAY}/corp/team/app, with its digest")),
        "{}",
        tried.message()
    );
    let mutated = door.mutated(&pod(&[&app])).await;
    door.validate(&review(json!({"object": mutated})))
        .await
        .assert_allowed();
}

#[tokio::test]
async fn what_the_cluster_knows_makes_stricter_and_never_laxer() {
    let setup = Setup::default().more(
        "[[exposures]]\nrepositories = [\"registry.corp:5000/**\"]\nexposure = \"internal\"\nreason = \"batch\"\n",
    );
    let world = World::of(setup).await;
    let app = image("app");
    world.corp.put_image("team/app", &app);
    world
        .scan("registry.corp:5000/team/app", &app, &[MEDIUM])
        .await;
    let name = format!("registry.corp:5000/team/app@{}", app.manifest.digest);
    world.promote(&name).await;
    let reached = |path: Option<&'static str>| {
        let mut cluster = cluster(Exposure::External);
        cluster.callbacks.reached_by =
            Some(Arc::new(move |_: &str, _: &Value| path.map(str::to_owned)));
        Door::of(&world, cluster)
    };
    reached(None)
        .validate(&created(&[&name]))
        .await
        .assert_allowed();
    let path = "Ingress shop/web -> Service shop/web -> Pod";
    let tried = reached(Some(path)).validate(&created(&[&name])).await;
    tried.assert_denied("too-severe");
    let decisions = world.decisions("denied", 1).await;
    assert_eq!(
        decisions[0]["exposure"],
        json!({"value": "external", "source": "cluster", "reason": path})
    );
    reached(None)
        .validate(&created(&[&name]))
        .await
        .assert_allowed();
    world
        .both(&format!(
            "/v2/corp/team/app/manifests/{}",
            app.manifest.digest
        ))
        .await
        .assert_served(&app.manifest.bytes);
}

#[tokio::test]
async fn what_is_absent_has_no_evidence() {
    let world = World::start().await;
    let tried = Door::open(&world)
        .validate(&created(&["registry.corp:5000/team/none:1"]))
        .await;
    tried.assert_denied("not-scanned");
    assert!(tried.message().contains("is not at its upstream"));
}
