//! Upstreams whose API lies below a path, or has something before every name.

use futures_util::TryStreamExt;
use http::Method;
use sekisho::demo::{Bearer, DemoAuth, DemoRegistry, Fault, Login, RequestKind};
use sekisho::oci::Tag;

use super::setting::{NAME, Setting, config, credentials, hosts, name, tag};

fn bearer() -> DemoAuth {
    DemoAuth::Bearer(Bearer {
        login: Some(Login::new("robot", "secret")),
        ..Bearer::default()
    })
}

/// As Artifactory and Nexus: everything, the token server too, lies below a path.
async fn below(path: &str) -> (Setting, DemoRegistry) {
    let mut setting = Setting::open().await;
    let registry = DemoRegistry::start_below(&setting.tasks, bearer(), path);
    let registry = registry.await.unwrap();
    setting.config = config(&registry.origin());
    setting.config.credentials = credentials();
    (setting, registry)
}

fn fill(setting: &Setting, registry: &DemoRegistry, name: &str) {
    registry.put_image(name, &setting.image);
    registry.put_image(name, &setting.image.referrer("application/spdx+json", "{}"));
    for more in ["1.0", "1.1", "1.2"] {
        registry.tag(name, more, &setting.image.manifest.digest);
    }
}

/// Everything that can be asked for.
async fn pull_everything(setting: &Setting) {
    let upstream = setting.upstream();
    let manifest = &setting.image.manifest;
    for reference in [tag("1.0"), setting.by_digest()] {
        let head = upstream.head_manifest(&name(), &reference).await.unwrap();
        assert_eq!(head.digest, manifest.digest);
        let fetched = upstream.get_manifest(&name(), &reference).await.unwrap();
        assert_eq!(fetched.bytes, manifest.bytes);
    }
    let (layer, size) = (setting.layer(), setting.size());
    let body = upstream.get_blob(&name(), &layer, size, 0).await.unwrap();
    let chunks: Vec<_> = body.stream.try_collect().await.unwrap();
    assert_eq!(chunks.concat(), setting.image.layers[0].bytes);
    let first = upstream.tags(&name(), 2, None).await.unwrap();
    let rest = upstream
        .tags(&name(), 2, first.next.as_ref())
        .await
        .unwrap();
    assert_eq!(rest.tags, [Tag::parse("1.2").unwrap()]);
    let listed = upstream.referrers(&name(), &manifest.digest).await;
    assert_eq!(listed.unwrap().len(), 1);
}

#[tokio::test]
async fn pulls_from_below_a_path_with_its_token_server() {
    for path in [
        "/artifactory/api/docker/docker-remote",
        "/repository/docker",
    ] {
        let (setting, registry) = below(path).await;
        fill(&setting, &registry, NAME);
        pull_everything(&setting).await;
        assert_eq!(registry.count(&Method::GET, RequestKind::Token), 1);
        assert_eq!(registry.count(&Method::GET, RequestKind::Other), 0);
    }
}

#[tokio::test]
async fn follows_redirects_below_a_path_and_without_their_host() {
    let (setting, registry) = below("/repository/docker").await;
    fill(&setting, &registry, NAME);
    let digest = &setting.image.manifest.digest;
    let to = format!("/repository/docker/v2/{NAME}/manifests/{digest}");
    let moved = Fault::RedirectTo(302, to);
    registry.inject("/manifests/1.0", usize::MAX, moved);
    pull_everything(&setting).await;
}

/// As projects of Harbor: `hub/` stands before every name, in scopes too.
#[tokio::test]
async fn pulls_from_a_project_with_its_own_scopes() {
    let (mut setting, registry) = below("").await;
    let project = format!("hub/{NAME}");
    fill(&setting, &registry, &project);
    let url = format!("{}/v2/hub", registry.origin());
    setting.config.url = url.parse().unwrap();
    pull_everything(&setting).await;
    let tokens = registry.seen().into_iter();
    let mut tokens = tokens.filter(|seen| seen.kind == RequestKind::Token);
    let token = tokens.next().unwrap();
    assert!(
        token
            .query
            .contains("scope=repository%3Ahub%2Flibrary%2Fapp%3Apull"),
        "{}",
        token.query
    );
    assert_eq!(
        registry.count_of(&Method::GET, RequestKind::Tags, NAME, ""),
        0
    );
}

#[tokio::test]
async fn credentials_stay_on_the_host_of_a_path() {
    let (mut setting, registry) = below("/repository/docker").await;
    fill(&setting, &registry, NAME);
    let store = setting.elsewhere().await;
    let here = format!("/repository/docker/v2/{NAME}/blobs/");
    let layer = setting.layer();
    let there = format!("{}/v2/{NAME}/blobs/{layer}", store.origin());
    store.put_image(NAME, &setting.image);
    setting.config.redirect_hosts = hosts(&[&store.address().to_string()]);
    registry.inject(&here, usize::MAX, Fault::RedirectTo(307, there));
    pull_everything(&setting).await;
    assert!(store.total() > 0);
    assert!(store.seen().iter().all(|seen| seen.authorization.is_none()));
}
