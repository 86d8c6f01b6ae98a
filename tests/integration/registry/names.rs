//! Bypass 14: ambiguity in ns, Host or path picks another policy. Bypass 15: an
//! open relay by `ns`.

use sekisho::demo::SampleImage;

use crate::kit::{Setup, World, image, manifests};

/// `library/app` of Docker Hub is denied by a rule, everything else passes.
async fn world() -> (World, SampleImage) {
    let keys = "mode = \"audit\"\n\
                [[environments.production.rules]]\n\
                repositories = [\"docker.io/library/app\"]\n\
                mode = \"enforce\"";
    let world = World::of(Setup::default().production(keys)).await;
    let app = image("app");
    for name in ["library/app", "app", "docker.io/library/app"] {
        world.hub.put_image(name, &app);
        world.hub.tag(name, "1", &app.manifest.digest);
        world.corp.put_image(name, &app);
        world.corp.tag(name, "1", &app.manifest.digest);
    }
    (world, app)
}

#[tokio::test]
async fn every_spelling_of_a_repository_meets_the_same_policy() {
    let (world, app) = world().await;
    for path in [
        "/v2/docker.io/library/app/manifests/1",
        "/v2/docker.io/app/manifests/1",
        "/v2/library/app/manifests/1?ns=docker.io",
        "/v2/app/manifests/1?ns=docker.io",
        "/v2/app/manifests/1?ns=index.docker.io",
        "/v2/app/manifests/1?ns=registry-1.docker.io",
        "/v2/app/manifests/1?ns=docker.io:443",
        "/v2/app/manifests/1?ns=docker%2Eio",
        "/v2/app/manifests/1?n%73=docker.io",
    ] {
        world.both(path).await.assert_denied("not-scanned");
    }
    // The same name elsewhere is another repository.
    let reply = world.both("/v2/corp/library/app/manifests/1").await;
    reply.assert_served(&app.manifest.bytes);
}

#[tokio::test]
async fn what_is_not_the_one_spelling_is_refused_and_asked_of_no_upstream() {
    let (world, _) = world().await;
    world.hub.forget();
    for path in [
        "/v2/docker.io/library%2fapp/manifests/1",
        "/v2/docker.io%2Flibrary/app/manifests/1",
        "/v2/docker.io/library/../library/app/manifests/1",
        "/v2/corp/../docker.io/library/app/manifests/1",
        "/v2/docker.io/./library/app/manifests/1",
        "/v2/docker.io//library/app/manifests/1",
        "/v2/docker.io/library/App/manifests/1",
        "/v2/Docker.io/library/app/manifests/1",
        "/v2/docker.io:443/library/app/manifests/1",
        "/v2/index.docker.io/library/app/manifests/1",
        "/v2/docker.io/manifests/1",
        "/v2/library/app/manifests/1",
        "/v2/library/app/manifests/1?ns=Docker.io",
        "/v2/library/app/manifests/1?ns=docker.io.",
        "/v2/library/app/manifests/1?ns=docker.io%00",
        "/v2/library/app/manifests/1?ns=https://docker.io",
        "/v2/library/app/manifests/1?ns=docker.io/library",
        "/v2/library/app/manifests/1?ns=user@docker.io",
        "/v2/library/app/manifests/1?ns=docker.io&ns=docker.io",
        "/v2/library/app/manifests/1?ns=docker.io&ns=registry.corp:5000",
        "/v2/library/app/manifests/1?ns=",
        "/v2/library/app/manifests/1?ns",
        "/v2/library/App/manifests/1?ns=docker.io",
        "/v2/library%2fapp/manifests/1?ns=docker.io",
        "//v2/docker.io/library/app/manifests/1",
        "/V2/docker.io/library/app/manifests/1",
        "/v2/docker.io/library/app/manifests/1/",
        "/v2/docker.io/library/app/manifests/%31",
    ] {
        let reply = world.both(path).await;
        assert!(matches!(reply.status, 400 | 403 | 404), "{path}: {reply:?}");
        assert_eq!(world.asked(), 0, "{path}");
    }
}

#[tokio::test]
async fn a_namespace_is_answered_with_itself() {
    let world = World::start().await;
    let app = image("app");
    world.corp.put_image("team/app", &app);
    world.admit("registry.corp:5000/team/app", &app).await;
    let path = manifests("team/app", &app.manifest.digest);
    for ns in ["registry.corp:5000", "registry.corp%3A5000"] {
        let reply = world.both(&format!("{path}?ns={ns}")).await;
        reply.assert_served(&app.manifest.bytes);
        assert_eq!(reply.header("oci-namespace"), Some("registry.corp:5000"));
    }
    let reply = world
        .both(&manifests("corp/team/app", &app.manifest.digest))
        .await;
    reply.assert_served(&app.manifest.bytes);
    assert_eq!(reply.header("oci-namespace"), None);
}

#[tokio::test]
async fn a_namespace_that_names_the_gateway_counts_as_absent() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.admit("docker.io/team/app", &app).await;
    let own = world.app().registries()[0].to_string();
    let path = manifests("docker.io/team/app", &app.manifest.digest);
    for _ in 0..2 {
        let reply = world.both(&format!("{path}?ns={own}")).await;
        reply.assert_served(&app.manifest.bytes);
        // Only the gateway's own name does.
        let reply = world.both(&format!("{path}?ns=other.example")).await;
        reply.assert_denied("unknown-upstream");
        let headers = [("Host", "gateway.example")];
        let reply = world.get_with(&format!("{path}?ns={own}"), &headers).await;
        reply.assert_denied("unknown-upstream");
    }
}

/// A client that names its `Host` like its `ns` gets nowhere new by it.
#[tokio::test]
async fn an_unknown_namespace_is_refused_and_never_dialled() {
    let world = World::of(Setup::default().production("mode = \"audit\"")).await;
    let app = image("app");
    // Something that would answer, were it dialled.
    world.hub.put_image("docker.io/team/app", &app);
    world.hub.put_image("team/app", &app);
    let elsewhere = world.hub.address().to_string();
    for ns in [
        &*elsewhere,
        "localhost",
        "169.254.169.254",
        "quay.io",
        "[::1]:5000",
    ] {
        for name in ["team/app", "quay.io/team/app"] {
            let path = format!("{}?ns={ns}", manifests(name, &app.manifest.digest));
            let reply = world.both(&path).await;
            reply.assert_denied("unknown-upstream");
            let reply = world.get_with(&path, &[("Host", ns)]).await;
            reply.assert_denied("unknown-upstream");
        }
    }
    let reply = world.both("/v2/quay.io/team/app/manifests/1").await;
    reply.assert_denied("unknown-upstream");
    assert_eq!(world.asked(), 0);
}

#[tokio::test]
async fn a_mirror_takes_names_without_an_upstream() {
    let setup = Setup::default()
        .listener("mirror_of = \"docker.io\"")
        .listener("");
    let world = World::of(setup).await;
    let app = image("app");
    world.hub.put_image("library/app", &app);
    world.corp.put_image("library/app", &app);
    world.admit("docker.io/library/app", &app).await;
    for name in ["library/app", "app"] {
        let path = manifests(name, &app.manifest.digest);
        let reply = world.both(&path).await;
        reply.assert_served(&app.manifest.bytes);
        let reply = world.send(1, "GET", &path, &[]).await.reply().await;
        reply.assert_denied("unknown-upstream");
    }
    // A mirror of one upstream is no way to another.
    let path = manifests("corp/library/app", &app.manifest.digest);
    let reply = world.both(&path).await;
    assert_eq!(reply.status, 404, "{reply:?}");
    assert_eq!(world.corp.total(), 0);
}
