//! What a gateway for pulls answers besides pulls.

use crate::kit::{World, image, manifests};

const NAME: &str = "docker.io/team/app";

#[tokio::test]
async fn the_base_says_that_this_is_a_registry() {
    let world = World::start().await;
    for path in ["/v2/", "/v2"] {
        let reply = world.both(path).await;
        assert_eq!(reply.status, 200);
        let version = reply.header("docker-distribution-api-version");
        assert_eq!(version, Some("registry/2.0"));
    }
}

#[tokio::test]
async fn pushes_and_deletes_are_unsupported_and_never_passed_on() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    let manifest = manifests(NAME, &app.manifest.digest);
    world
        .get(&manifest)
        .await
        .assert_served(&app.manifest.bytes);
    world.hub.forget();
    let uploads = format!("/v2/{NAME}/blobs/uploads/");
    for (method, path) in [
        ("POST", &*uploads),
        ("PATCH", &*format!("{uploads}1")),
        ("PUT", &*format!("{uploads}1?digest={}", app.config.digest)),
        ("GET", &*format!("{uploads}1")),
        ("PUT", &*manifest),
        ("DELETE", &*manifest),
        (
            "DELETE",
            &*format!("/v2/{NAME}/blobs/{}", app.config.digest),
        ),
        ("POST", "/v2/"),
        ("OPTIONS", "/v2/"),
    ] {
        let reply = world.send(0, method, path, &[]).await.reply().await;
        assert_eq!((reply.status, &*reply.code()), (405, "UNSUPPORTED"));
        assert_eq!(reply.header("allow"), Some("GET, HEAD"), "{method} {path}");
    }
    assert_eq!(world.asked(), 0);
    world
        .get(&manifest)
        .await
        .assert_served(&app.manifest.bytes);
}

#[tokio::test]
async fn ill_formed_addresses_are_distinguished_by_code() {
    let world = World::start().await;
    for (path, status, code) in [
        (
            "/v2/docker.io/team/app/manifests/sha256:zz",
            400,
            "DIGEST_INVALID",
        ),
        (
            "/v2/docker.io/team/app/blobs/sha256:zz",
            400,
            "DIGEST_INVALID",
        ),
        ("/v2/docker.io/team/app/blobs/latest", 400, "DIGEST_INVALID"),
        (
            "/v2/docker.io/team/app/manifests/-x",
            404,
            "MANIFEST_UNKNOWN",
        ),
        ("/v2/docker.io/Team/app/manifests/1", 400, "NAME_INVALID"),
        ("/v2/_catalog", 404, "NAME_UNKNOWN"),
        ("/", 404, "NAME_UNKNOWN"),
        ("/metrics", 404, "NAME_UNKNOWN"),
        ("/api/v1/tokens", 404, "NAME_UNKNOWN"),
    ] {
        let reply = world.both(path).await;
        assert_eq!((reply.status, &*reply.code()), (status, code), "{path}");
    }
    assert_eq!(world.asked(), 0);
}
