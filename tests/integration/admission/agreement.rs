//! Admission and pull: the same word on the same image.

use sekisho::oci::Digest;
use sekisho::trust::Exposure;
use serde_json::{Value, json};

use super::door::cluster;
use super::{Door, pod, review};
use crate::kit::{Found, Setup, World, image, manifests};

/// Images in every state, with the names that Pods give them.
async fn images(world: &World) -> Vec<(String, Digest)> {
    let found = |severity| Found {
        id: "CVE-2026-0001",
        severity,
        package: "openssl",
    };
    let mut named = Vec::new();
    for (name, severities, promoted, revoked) in [
        ("clean", Some(vec![]), true, false),
        ("low", Some(vec!["LOW"]), true, false),
        ("medium", Some(vec!["MEDIUM"]), true, false),
        ("high", Some(vec!["LOW", "HIGH"]), true, false),
        ("critical", Some(vec!["CRITICAL"]), true, false),
        ("unpromoted", Some(vec![]), false, false),
        ("unscanned", None, false, false),
        ("revoked", Some(vec![]), true, true),
    ] {
        let app = image(name);
        let repository = format!("team/{name}");
        world.corp.put_image(&repository, &app);
        world.corp.tag(&repository, "1", &app.manifest.digest);
        let at = format!("registry.corp:5000/{repository}");
        if let Some(severities) = severities {
            let found: Vec<Found<'_>> = severities.into_iter().map(found).collect();
            world.scan(&at, &app, &found).await;
        }
        if promoted {
            let body = json!({"image": format!("{at}@{}", app.manifest.digest), "environment": "production", "force": true});
            assert_eq!(
                world
                    .admin("POST", "/api/v1/promotions", Some(&body))
                    .await
                    .status,
                200
            );
        }
        if revoked {
            world.revoke(&app.manifest.digest).await;
        }
        named.push((name.to_owned(), app.manifest.digest));
    }
    named
}

fn listener(exposure: Exposure) -> Setup {
    Setup::default().listener(&format!("exposure = \"{exposure}\""))
}

#[tokio::test]
async fn a_pod_that_is_admitted_is_never_denied_at_its_pull() {
    for exposure in [Exposure::External, Exposure::Internal] {
        let world = World::of(listener(exposure)).await;
        let named = images(&world).await;
        for reached in [None, Some("Service shop/web (LoadBalancer)")] {
            let mut cluster = cluster(exposure);
            cluster.pin_digests = true;
            cluster.callbacks.reached_by = Some(std::sync::Arc::new(move |_: &str, _: &Value| {
                reached.map(str::to_owned)
            }));
            let door = Door::of(&world, cluster);
            let mut admitted = 0;
            for (name, digest) in &named {
                let mutated = door
                    .mutated(&pod(&[&format!("registry.corp:5000/team/{name}:1")]))
                    .await;
                let tried = door.validate(&review(json!({"object": mutated}))).await;
                let pulled = world
                    .get(&manifests(&format!("corp/team/{name}"), digest))
                    .await;
                if tried.allowed() {
                    admitted += 1;
                    assert_eq!(
                        pulled.status, 200,
                        "{exposure} {reached:?} {name}: {pulled:?}"
                    );
                } else if reached.is_none() {
                    assert_eq!(pulled.status, 403, "{exposure} {name}: {tried:?}");
                    assert!(
                        tried.message().contains(pulled.reason()),
                        "{name}: {}",
                        tried.message()
                    );
                }
            }
            let expected = match (exposure, reached) {
                (Exposure::Internal, None) => 4,
                _ => 2,
            };
            assert_eq!(admitted, expected, "{exposure} {reached:?}");
        }
    }
}

#[tokio::test]
async fn nothing_is_fetched_once_a_tag_and_its_image_are_known() {
    let world = World::start().await;
    images(&world).await;
    let mut cluster = cluster(Exposure::External);
    cluster.pin_digests = true;
    let door = Door::of(&world, cluster);
    let ask = async |name: &str| {
        let mutated = door
            .mutated(&pod(&[&format!("registry.corp:5000/team/{name}:1")]))
            .await;
        door.validate(&review(json!({"object": mutated}))).await
    };
    for name in ["clean", "medium"] {
        ask(name).await;
        let asked = world.asked();
        for _ in 0..20 {
            ask(name).await;
        }
        assert_eq!(world.asked(), asked, "{name}");
    }
}
