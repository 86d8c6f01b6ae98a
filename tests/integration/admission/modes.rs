//! Modes: of the environment, of a namespace, and set for some hours.

use sekisho::admission::NamespacePolicy;
use sekisho::trust::{Exposure, Mode};
use serde_json::{Value, json};

use super::door::cluster;
use super::{Door, Tried, pod, review};
use crate::kit::{Setup, World, image};

async fn world(mode: &str) -> (World, String) {
    let world = World::of(Setup::default().production(&format!("mode = \"{mode}\""))).await;
    let app = image("unscanned");
    world.corp.put_image("team/app", &app);
    (
        world,
        format!("registry.corp:5000/team/app@{}", app.manifest.digest),
    )
}

fn door(world: &World) -> Door {
    let rule = |glob: &str, mode| NamespacePolicy {
        namespaces: globset::GlobSet::new([globset::Glob::new(glob).unwrap()]).unwrap(),
        mode: Some(mode),
        rewrite: true,
    };
    let mut cluster = cluster(Exposure::External);
    cluster.namespaces = vec![
        rule("legacy-*", Mode::Audit),
        rule("try-*", Mode::Warn),
        rule("strict", Mode::Enforce),
    ];
    Door::of(world, cluster)
}

async fn ask(door: &Door, namespace: &str, image: &str) -> Tried {
    let fields = json!({"object": pod(&[image]), "namespace": namespace});
    door.validate(&review(fields)).await
}

#[tokio::test]
async fn a_namespace_has_a_mode_of_its_own() {
    let (world, app) = world("enforce").await;
    let door = door(&world);
    ask(&door, "shop", &app).await.assert_denied("not-scanned");
    let audit = ask(&door, "legacy-shop", &app).await;
    audit.assert_allowed();
    assert!(audit.warnings().is_empty());
    let warn = ask(&door, "try-shop", &app).await;
    warn.assert_allowed();
    assert!(
        warn.warnings()[0].contains("not-scanned"),
        "{:?}",
        warn.warnings()
    );
    let decisions = world.decisions("would-deny", 2).await;
    let modes: Vec<&Value> = decisions.iter().map(|decision| &decision["mode"]).collect();
    assert!(
        modes.contains(&&json!("audit")) || modes.contains(&&json!("warn")),
        "{modes:?}"
    );
}

#[tokio::test]
async fn a_namespace_can_be_stricter_than_its_environment() {
    let (world, app) = world("audit").await;
    let door = door(&world);
    ask(&door, "shop", &app).await.assert_allowed();
    ask(&door, "strict", &app)
        .await
        .assert_denied("not-scanned");
}

#[tokio::test]
async fn a_mode_set_for_some_hours_reaches_every_namespace() {
    let (world, app) = world("enforce").await;
    let door = door(&world);
    ask(&door, "strict", &app)
        .await
        .assert_denied("not-scanned");
    let body = json!({"environment": "production", "mode": "audit", "hours": 1, "ticket": "T-1"});
    let set = world.admin("POST", "/api/v1/modes", Some(&body)).await;
    assert_eq!(set.status, 200, "{set:?}");
    for namespace in ["shop", "strict"] {
        ask(&door, namespace, &app).await.assert_allowed();
        ask(&door, namespace, "registry.corp:5000/team/absent:1")
            .await
            .assert_allowed();
    }
}

#[tokio::test]
async fn no_mode_lets_through_what_lies_outside_of_what_is_served() {
    let (world, _) = world("audit").await;
    let door = door(&world);
    for namespace in ["shop", "legacy-shop", "try-shop"] {
        ask(&door, namespace, "quay.io/x:1")
            .await
            .assert_denied("unknown-upstream");
        ask(&door, namespace, "docker.io:443/x")
            .await
            .assert_denied("ambiguous-reference");
    }
}

#[tokio::test]
async fn no_mode_lets_a_revoked_image_through() {
    let world = World::of(Setup::default().production("mode = \"audit\"")).await;
    let app = image("app");
    world.corp.put_image("team/app", &app);
    world.revoke(&app.manifest.digest).await;
    let name = format!("registry.corp:5000/team/app@{}", app.manifest.digest);
    ask(&door(&world), "legacy-shop", &name)
        .await
        .assert_denied("revoked");
}

#[tokio::test]
async fn what_is_absent_passes_and_stands_in_the_record_in_audit() {
    let (world, _) = world("audit").await;
    let absent = "registry.corp:5000/team/absent:1";
    let door = door(&world);
    for _ in 0..3 {
        ask(&door, "shop", absent).await.assert_allowed();
    }
    let decisions = world.decisions("would-deny", 1).await;
    assert_eq!(decisions.len(), 1);
    assert_eq!(decisions[0]["image"], absent);
}
