//! A listener that asks for tokens serves what the token's role and scope reach, at
//! every path and in both lanes.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::kit::{Reply, Setup, World, blobs, image, manifests};

const OWN: &str = "docker.io/team/a";
const OTHER: &str = "docker.io/team/b";
const ROLES: [&str; 6] = [
    "puller", "scanner", "promoter", "viewer", "on-call", "admin",
];

/// Production and staging, both behind tokens, with an admitted image in two
/// repositories.
struct Stage {
    world: World,
    paths: Vec<(&'static str, Vec<String>)>,
}

impl Stage {
    async fn set() -> Self {
        let setup = Setup::default()
            .listener("auth = \"token\"\nenvironment = \"production\"")
            .listener("auth = \"token\"\nenvironment = \"staging\"")
            .more("[environments.staging]\nrequire = [\"scan\"]\n");
        let world = World::of(setup).await;
        let mut paths = Vec::new();
        for (repository, name) in [(OWN, "team/a"), (OTHER, "team/b")] {
            let image = image(name);
            world.hub.put_image(name, &image);
            world.hub.tag(name, "1", &image.manifest.digest);
            world.admit(repository, &image).await;
            let digest = &image.manifest.digest;
            let every = vec![
                manifests(repository, "1"),
                manifests(repository, digest),
                format!("{}?ns=docker.io", manifests(name, digest)),
                blobs(repository, &image.config.digest),
                format!("/v2/{repository}/tags/list"),
                format!("/v2/{repository}/referrers/{digest}"),
            ];
            paths.push((repository, every));
        }
        Self { world, paths }
    }

    async fn token(&self, request: Value) -> String {
        let reply = self
            .world
            .admin("POST", "/api/v1/tokens", Some(&request))
            .await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()["secret"].as_str().unwrap().to_owned()
    }

    async fn ask(&self, listener: usize, method: &str, path: &str, token: &str) -> Reply {
        let basic = BASE64_STANDARD.encode(format!("any:{token}"));
        let authorization = format!("Basic {basic}");
        let headers = [("Authorization", authorization.as_str())];
        let sent = self.world.send(listener, method, path, &headers).await;
        sent.reply().await
    }

    fn of(&self, repository: &str) -> &[String] {
        let found = self.paths.iter().find(|(name, _)| *name == repository);
        &found.unwrap().1
    }

    /// By both methods, and often enough for the fast lane.
    async fn assert_served(&self, listener: usize, repository: &str, token: &str) {
        for path in self.of(repository) {
            for method in ["GET", "HEAD", "GET", "GET"] {
                let reply = self.ask(listener, method, path, token).await;
                assert_eq!(reply.status, 200, "{method} {path}: {reply:?}");
            }
        }
    }

    async fn assert_denied(&self, listener: usize, repository: &str, token: &str, reason: &str) {
        for path in self.of(repository) {
            for method in ["GET", "HEAD", "GET"] {
                let reply = self.ask(listener, method, path, token).await;
                reply.assert_denied(reason);
            }
        }
    }
}

#[tokio::test]
async fn denies_what_a_pullers_scope_leaves_out() {
    let stage = Stage::set().await;
    let everything = stage.token(json!({"name": "all", "role": "puller"})).await;
    let scope = json!({"name": "own", "role": "puller", "repositories": [OWN]});
    let own = stage.token(scope).await;
    // What others pulled makes nothing hot for those who may not.
    stage.assert_served(0, OWN, &everything).await;
    stage.assert_served(0, OTHER, &everything).await;
    stage.assert_served(0, OWN, &own).await;
    stage
        .assert_denied(0, OTHER, &own, "registry-not-permitted")
        .await;
    stage.assert_served(0, OWN, &own).await;
    let denied = stage.world.decisions("denied", 1).await;
    assert!(
        denied.iter().all(|decision| decision["principal"] == "own"),
        "{denied:?}"
    );
}

#[tokio::test]
async fn denies_pulls_in_another_environment() {
    let stage = Stage::set().await;
    let scope = json!({"name": "stage", "role": "puller", "environments": ["staging"]});
    let token = stage.token(scope).await;
    stage.assert_served(1, OWN, &token).await;
    stage
        .assert_denied(0, OWN, &token, "registry-not-permitted")
        .await;
    assert_eq!(stage.ask(1, "GET", "/v2/", &token).await.status, 200);
    let base = stage.ask(0, "GET", "/v2/", &token).await;
    base.assert_denied("registry-not-permitted");
}

#[tokio::test]
async fn serves_pullers_and_admins_and_denies_every_other_role() {
    let stage = Stage::set().await;
    for role in ROLES {
        let token = stage.token(json!({"name": role, "role": role})).await;
        let base = stage.ask(0, "GET", "/v2/", &token).await;
        match role {
            "puller" | "admin" => {
                assert_eq!(base.status, 200, "{role}");
                stage.assert_served(0, OWN, &token).await;
            }
            _ => {
                base.assert_denied("unauthenticated");
                stage.assert_denied(0, OWN, &token, "unauthenticated").await;
            }
        }
    }
}

#[tokio::test]
async fn neither_mode_nor_break_glass_widens_a_token() {
    let stage = Stage::set().await;
    let scope = json!({"name": "own", "role": "puller", "repositories": [OWN]});
    let own = stage.token(scope).await;
    let mode = json!({"environment": "production", "mode": "audit", "hours": 1, "ticket": "T"});
    let set = stage
        .world
        .admin("POST", "/api/v1/modes", Some(&mode))
        .await;
    assert_eq!(set.status, 200);
    let digest = stage.of(OTHER)[1].rsplit('/').next().unwrap().to_owned();
    let glass = json!({
        "image": format!("{OTHER}@{digest}"), "environment": "production", "ticket": "T",
        "hours": 1, "reason": "r",
    });
    let granted = stage
        .world
        .admin("POST", "/api/v1/break-glass", Some(&glass))
        .await;
    assert_eq!(granted.status, 200);
    stage
        .assert_denied(0, OTHER, &own, "registry-not-permitted")
        .await;
}

#[tokio::test]
async fn asks_for_a_token_before_anything_else() {
    let stage = Stage::set().await;
    let revoked = stage.token(json!({"name": "gone", "role": "puller"})).await;
    stage.assert_served(0, OWN, &revoked).await;
    stage
        .world
        .admin("DELETE", "/api/v1/tokens/gone", None)
        .await;
    for path in stage.of(OWN) {
        for token in ["", "sks_x", &revoked] {
            assert_eq!(stage.ask(0, "GET", path, token).await.status, 401, "{path}");
        }
    }
}
