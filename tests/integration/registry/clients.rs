//! Nothing that a client sends changes what it may have.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::kit::{Setup, World, blobs, image, manifests};

const NAME: &str = "docker.io/team/app";

/// Bypass 9: a User-Agent or a scanner's token exempts.
#[tokio::test]
async fn neither_an_agent_nor_a_token_exempts() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    let token = format!("Bearer {}", world.admin_token());
    let login = format!("sekisho:{}", world.admin_token());
    let login = format!("Basic {}", BASE64_STANDARD.encode(login));
    for header in [
        ("User-Agent", "trivy/0.60.0"),
        ("User-Agent", "kube-probe/1.33"),
        ("Authorization", &*token),
        ("Authorization", &*login),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Original-URL", "/v2/"),
    ] {
        let path = manifests(NAME, &app.manifest.digest);
        let reply = world.get_with(&path, &[header]).await;
        reply.assert_denied("not-scanned");
        let path = blobs(NAME, &app.layers[0].digest);
        assert_eq!(world.get_with(&path, &[header]).await.status, 403);
    }
}

/// Bypass 23: the client picks a laxer environment.
#[tokio::test]
async fn a_listener_has_one_environment_whatever_is_sent() {
    let world = World::of(
        Setup::default()
            .listener("environment = \"production\"")
            .listener("environment = \"development\"")
            .more("[environments.development]\nmode = \"audit\""),
    )
    .await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    let path = manifests(NAME, &app.manifest.digest);
    let layer = blobs(NAME, &app.layers[0].digest);
    let lax = world.app().registries()[1].to_string();
    for path in [&path, &layer] {
        let reply = world.send(1, "GET", path, &[]).await.reply().await;
        assert_eq!(reply.status, 200);
    }
    for headers in [
        vec![],
        vec![("Host", &*lax)],
        vec![("Host", "development")],
        vec![("X-Forwarded-Host", &*lax)],
        vec![("Forwarded", "host=development")],
        vec![("Environment", "development")],
    ] {
        for query in ["", "?environment=development", "?mode=audit"] {
            for path in [&path, &layer] {
                let reply = world.get_with(&format!("{path}{query}"), &headers).await;
                assert_eq!(reply.status, 403, "{headers:?} {query}");
            }
        }
    }
    // Absolute form, which names another authority than the connection's.
    let reply = world.get(&format!("http://{lax}{path}")).await;
    reply.assert_denied("not-scanned");
}

#[tokio::test]
async fn exposure_comes_from_the_listener_alone() {
    let world = World::of(
        Setup::default()
            .listener("")
            .listener("exposure = \"internal\""),
    )
    .await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    let found = crate::kit::Found {
        id: "CVE-2026-0001",
        severity: "HIGH",
        package: "zlib",
    };
    world.scan(NAME, &app, &[found]).await;
    let path = manifests(NAME, &app.manifest.digest);
    for _ in 0..2 {
        world.both(&path).await.assert_denied("too-severe");
        let inside = world.send(1, "GET", &path, &[]).await.reply().await;
        inside.assert_served(&app.manifest.bytes);
    }
}

#[tokio::test]
async fn a_listener_with_tokens_takes_what_docker_login_sends() {
    let world = World::of(Setup::default().listener("auth = \"token\"")).await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    let path = manifests(NAME, &app.manifest.digest);
    let body = json!({ "name": "node", "role": "puller" });
    let made = world.admin("POST", "/api/v1/tokens", Some(&body)).await;
    assert_eq!(made.status, 200, "{made:?}");
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    let basic = |secret: &str| {
        let login = BASE64_STANDARD.encode(format!("anybody:{secret}"));
        format!("Basic {login}")
    };
    for path in ["/v2/", &path, &blobs(NAME, &app.layers[0].digest)] {
        for wrong in [None, Some(basic("")), Some(basic("skt_wrong"))] {
            let headers: Vec<_> = wrong
                .iter()
                .map(|text| ("Authorization", &**text))
                .collect();
            let reply = world.get_with(path, &headers).await;
            assert_eq!((reply.status, &*reply.code()), (401, "UNAUTHORIZED"));
            let challenge = reply.header("www-authenticate").unwrap();
            assert!(challenge.starts_with("Basic realm="));
        }
        let right = basic(&secret);
        let reply = world.get_with(path, &[("Authorization", &right)]).await;
        assert_eq!(reply.status, 200, "{path} {reply:?}");
    }
    let gone = world.admin("DELETE", "/api/v1/tokens/node", None).await;
    assert_eq!(gone.status, 200);
    let right = basic(&secret);
    let reply = world.get_with(&path, &[("Authorization", &right)]).await;
    assert_eq!(reply.status, 401);
}
